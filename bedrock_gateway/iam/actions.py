"""AWS's action reference: which actions exist, on which resource types, with which condition keys.

The data file is ours, dated, and written by `scripts/regen --refresh` from AWS's Service Authorization Reference.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bedrock_gateway.iam.conditions import matches

__all__ = ["Action", "action", "data_date", "expand", "fits", "names", "services"]


@dataclass(frozen=True, slots=True)
class Action:
    """One row of AWS's action tables."""

    name: str
    """With its prefix, as AWS writes it: ``bedrock:InvokeModel``."""
    access_level: str
    arns: tuple[str, ...]
    """Patterns of the resources that it can be scoped to; empty: only ``*`` works in a policy."""
    condition_keys: tuple[str, ...]
    """Keys of this action; AWS's global keys are not among them."""
    optional: bool = False
    """Whether a request may name no resource of these types: it is then authorised on ``*``."""


@cache
def _data() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("_actions.json").read_text())
    return loaded


def data_date() -> str:
    """Date of AWS's reference that the data file was made from, ``YYYY-MM-DD``."""
    return str(_data()["date"])


@cache
def action(name: str) -> Action | None:
    """Return the row of ``prefix:Name``, or None where AWS's reference has no such action."""
    prefix, _, short = name.partition(":")
    row = _data()["actions"].get(prefix, {}).get(short)
    if row is None:
        return None
    level, types, keys, *optional = row
    arns = tuple(_data()["resources"][prefix][one] for one in types)
    return Action(name, level, arns, tuple(keys), bool(optional))


def services() -> frozenset[str]:
    """Prefixes of the services whose actions the data file holds; of others it cannot say what exists."""
    return frozenset(_data()["actions"])


@cache
def names(service: str) -> tuple[str, ...]:
    """Every action of *service*, with its prefix; empty for a service that the data file lacks."""
    return tuple(f"{service}:{short}" for short in _data()["actions"].get(service, {}))


@cache
def expand(pattern: str) -> tuple[str, ...]:
    """Actions of the data file that *pattern* matches: ``bedrock:InvokeModel*``, in any case; ``*`` matches them all."""
    service, colon, _ = pattern.casefold().partition(":")
    wanted = services() if not colon else [one for one in services() if matches(service, one)]
    return tuple(name for one in sorted(wanted) for name in names(one) if matches(pattern.casefold(), name.casefold()))


def _pattern(arn: str) -> str:
    return "".join(".+" if part.startswith("${") else re.escape(part) for part in re.split(r"(\$\{[^}]*\})", arn))


def fits(name: str, arn: str) -> bool:
    """Whether a policy may put the action *name* on *arn*.

    An action without resource types takes ``*`` alone; one whose types are all optional takes it too. The model ARN without a Region, of global profiles, is in AWS's guide but not in its reference: it fits too.
    """
    row = action(name)
    if row is None:
        return False
    if not row.arns or arn == "*":
        return arn == "*" and (row.optional or not row.arns)
    regional = arn.replace(":bedrock:::", ":bedrock:any::")
    return any(re.fullmatch(_pattern(one), regional) for one in row.arns)
