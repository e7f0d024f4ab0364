"""ARNs of a scope and the conditions that go with them: the two parts of what a leg needs.

Every value comes out of a validated `Scope`, so nothing here can widen an ARN: a string that holds a wildcard or a
policy variable never got this far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedrock_gateway.capabilities import Scope

__all__ = ["Conditions", "Target", "arn", "joined", "one_condition"]

Conditions = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
"""Operator → (key → values), as in `iam.document`."""


@dataclass(frozen=True, slots=True)
class Target:
    """One ARN, and the condition under which the leg needs it."""

    arn: str
    conditions: Conditions = ()


def arn(scope: Scope, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
    """Return an ARN in the partition of *scope*; None: its own Region and account, ``""``: none."""
    region = scope.region if region is None else region
    account = scope.account if account is None else account
    return f"arn:{scope.partition}:{service}:{region}:{account}:{resource}"


def one_condition(operator: str, key: str, *values: str) -> Conditions:
    """Return the condition that *key* has one of *values*."""
    return ((operator, ((key, values),)),)


def joined(*parts: Conditions) -> Conditions:
    """Return conditions that hold where all of *parts* hold; no two of them name the same operator and key."""
    together: dict[str, dict[str, tuple[str, ...]]] = {}
    for operator, keys in (pair for part in parts for pair in part):
        together.setdefault(operator, {}).update(keys)
    return tuple((operator, tuple(keys.items())) for operator, keys in together.items())
