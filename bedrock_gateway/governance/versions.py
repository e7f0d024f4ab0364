"""Which botocore knows what: our data of the versions that CI runs (`_members.json`, from scripts/regen --refresh).

It holds what the oldest of them lacks, of the operations in the table: what is not in it, all of them know, or none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING

from bedrock_gateway.errors import UnsupportedByBotocoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Send

__all__ = [
    "Member",
    "added_since_the_floor",
    "ci_versions",
    "installed",
    "lacking",
    "unknown_member",
    "unknown_operation",
]

_UNKNOWN = re.compile(r'Unknown parameter in ([\w.\[\]]+): "(\w+)"')
_NUMBER = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an operation, or an operation, that the floor does not know."""

    service: str
    operation: str
    side: str
    """``input`` or ``output``."""
    member: str | None
    """Its path, lists as ``[]``; None: the operation itself."""
    known_in: str
    """Oldest botocore of our CI that knows it."""

    @property
    def name(self) -> str:
        """``Converse.outputConfig``, ``ListTagsForResource``."""
        return f"{self.operation}.{self.member}" if self.member else self.operation


@cache
def _data() -> tuple[tuple[str, ...], Mapping[tuple[str, str, str | None], Member]]:
    loaded = json.loads(files(__package__).joinpath("_members.json").read_text())
    found = [Member(**row) for row in loaded["members"]]
    return tuple(loaded["botocore"]), {(one.operation, one.side, one.member): one for one in found}


def ci_versions() -> tuple[str, ...]:
    """The versions of botocore that CI runs, oldest first."""
    return _data()[0]


def added_since_the_floor() -> tuple[Member, ...]:
    """Everything in the data."""
    return tuple(_data()[1].values())


def installed() -> str:
    """Version of the botocore that is installed; ``none`` where there is none."""
    try:
        return version("botocore")
    except PackageNotFoundError:
        return "none"


def unknown_operation(operation: str) -> UnsupportedByBotocoreError:
    """Return the error of an operation that the client does not have."""
    row = _data()[1].get((operation, "input", None))
    return UnsupportedByBotocoreError(member=operation, installed=installed(), known_in=row.known_in if row else None)


def lacking(operation: str, member: str) -> UnsupportedByBotocoreError:
    """Return the error of a member that the installed botocore was found not to know."""
    row = _data()[1].get((operation, "input", member))
    return UnsupportedByBotocoreError(
        member=f"{operation}.{member}", installed=installed(), known_in=row.known_in if row else None
    )


def unknown_member(send: Send, text: str) -> UnsupportedByBotocoreError | None:
    """Return the error that botocore's complaint *text* about a request is; None: it is about something else.

    A name of the top level is one of AWS's, as `_requests` lets no other through. Below that the caller may have written
    anything: a name counts if our data has it in that place.
    """
    for path, name in _UNKNOWN.findall(text):
        below = "" if path == "input" else _NUMBER.sub("[]", path)
        member = f"{below}.{name}".lstrip(".")
        row = _data()[1].get((send.operation, "input", member))
        if row is not None or not below:
            return UnsupportedByBotocoreError(
                member=f"{send.operation}.{member}",
                installed=installed(),
                known_in=row.known_in if row else None,
            )
    return None
