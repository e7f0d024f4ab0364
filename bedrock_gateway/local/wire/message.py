"""HTTP messages as the local Bedrock sees them, whether they came over a socket or from a client in this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Request", "Response", "joined", "one_chunk"]


@dataclass(frozen=True)
class Request:
    """One request, exactly as sent: a signature covers the bytes of the path, not what they decode to."""

    method: str
    raw_path: str
    """Path as sent, percent-encoded, without the query."""
    raw_query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def host(self) -> str:
        """The Host header, port included."""
        return self.headers.get("host", "")

    @property
    def hostname(self) -> str:
        """The host without its port, in lower case."""
        return self.host.rsplit("]", 1)[0].lstrip("[").lower() if "]" in self.host else self.host.split(":")[0].lower()

    @cached_property
    def pairs(self) -> Sequence[tuple[str, str]]:
        """The query's names and values in their order, percent-encoded as sent."""
        cut = (part.partition("=") for part in self.raw_query.split("&") if part)
        return tuple((name, value) for name, _, value in cut)

    @cached_property
    def query(self) -> Mapping[str, list[str]]:
        """The query's values by name, decoded."""
        values: dict[str, list[str]] = {}
        for name, value in self.pairs:
            values.setdefault(unquote(name), []).append(unquote_plus(value))
        return values


@dataclass(slots=True)
class Response:
    """One answer; *body* is iterated once, and closed if it has a ``close``."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()
    streaming: bool = False
    """Whether the parts of *body* come over time, so that each must go out at once."""


def one_chunk(body: bytes) -> tuple[bytes, ...]:
    """Return *body* as a response's parts."""
    return (body,) if body else ()


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name; one that came twice has both values, as a signature covers them."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined
