"""Representative requests of policies: one for each way in which their statements can tell requests apart.

Theory of operation. Two requests that match the same patterns get the same answer. So it is enough to try, for every
action pattern, one action of each group that no pattern tells apart; for every resource pattern, an ARN that it matches
at its edges (its wildcards filled, and empty) and where it meets another; and for every condition key the values at which an operator turns, and
its absence. What AWS never asks, an action on a resource that is not of its types, is left out.

It is a sample, not a proof: an ARN that only the meeting of three wildcards tells apart may be missed.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.iam.actions import action, expand, services
from bedrock_gateway.iam.conditions import UndecidableError, holds, matches
from bedrock_gateway.iam.evaluate import AccessRequest, PrincipalRef
from bedrock_gateway.iam.globs import arn_parts, concrete, covers, is_wild, overlap_arn, witness
from bedrock_gateway.iam.lint.shapes import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bedrock_gateway.iam.document import Policy, Statement

__all__ = ["Sample", "samples"]

_REGIONS = ("us-east-1", "eu-west-3", "ap-south-2", "sa-east-1", "mx-central-1", "af-south-1")
_ACCOUNTS = ("111122223333", "123456789012")
_OTHER_ACTION = "example:Any"
_VARIABLE = re.compile(r"\$\{[^*?$][^}]*\}")
_MOST_CONTEXTS = 256
_MOST_PAIRS = 2_000
_ROLE = "arn:aws:iam::111122223333:role/any"
_OUTSIDER = PrincipalRef("arn:aws:iam::123456789012:role/any", "123456789012")

Value = str | tuple[str, ...] | None
"""Of a condition key; None: it is absent."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A request, and the actions that it stands for."""

    request: AccessRequest
    actions: tuple[str, ...]


def samples(policies: Sequence[Policy]) -> Iterator[Sample]:
    """Return the representative requests of *policies*, simplest first."""
    statements = [statement for policy in policies for statement in policy.statements]
    resources = _resources(statements)
    named = any(one.principals or one.not_principals for one in statements)
    for group in _actions(statements):
        for resource in _resources_for(group[0], resources):
            bearing = [one for one in statements if _bears(one, group[0], resource)]
            for context in _contexts(bearing):
                for principal in _principals(statements) if named else [None]:
                    request = AccessRequest(group[0], resource, context, principal, resource_must_allow=named)
                    yield Sample(request, group)


# -- actions -----------------------------------------------------------------------------------------------------------


def _actions(statements: Sequence[Statement]) -> list[tuple[str, ...]]:
    """Groups of actions that no pattern tells apart and that take the same resources."""
    patterns = list(dict.fromkeys(text for one in statements for text in (*one.actions, *one.not_actions)))
    names = dict.fromkeys(name for text in patterns for name in _names(text))
    names |= {_OTHER_ACTION: None} if any(one.not_actions or "*" in one.actions for one in statements) else {}
    covered = [(frozenset(expand(text)), text.casefold()) for text in patterns]
    groups: dict[object, list[str]] = {}
    for name in names:
        row = action(name)
        told_apart = tuple(name in known or (row is None and matches(text, name.casefold())) for known, text in covered)
        groups.setdefault((told_apart, row.arns if row else name), []).append(name)
    return [tuple(group) for group in groups.values()]


@lru_cache(maxsize=1024)
def _names(pattern: str) -> tuple[str, ...]:
    """Actions of AWS's reference, or a made-up one of a service that it lacks."""
    found = expand(pattern)
    if found:
        return found
    return (concrete(pattern, "Any"),) if ":" in pattern else ()


# -- resources ---------------------------------------------------------------------------------------------------------


def _resources(statements: Sequence[Statement]) -> list[str]:
    patterns = dict.fromkeys(text for one in statements for text in (*one.resources, *one.not_resources))
    region = next((one for one in _REGIONS if not any(one in text for text in patterns)), "xx-other-1")
    account = next((one for one in _ACCOUNTS if not any(one in text for text in patterns)), "999999999999")
    fillers = ("aws", "any", region, account, "any")
    found = dict.fromkeys(one for text in patterns for one in _edges(text, fillers))
    pairs = itertools.islice(itertools.combinations([text for text in patterns if text != "*"], 2), _MOST_PAIRS)
    return list(found | dict.fromkeys(one for pair in pairs if (one := _meeting_of(*pair, fillers))))


def _meeting_of(one: str, other: str, fillers: Sequence[str]) -> str | None:
    """An ARN that both patterns match, where neither is within the other: its own edges would not show it."""
    mine, theirs = arn_parts(one), arn_parts(other)
    if not mine or not theirs or not is_wild(one) or not is_wild(other) or covers(one, other) or covers(other, one):
        return None
    made = [_common(a, b, filler) for a, b, filler in zip(mine[1:], theirs[1:], fillers, strict=True)]
    return None if None in made else ":".join(("arn", *(part or "" for part in made)))


def _common(one: str, other: str, filler: str) -> str | None:
    if covers(other, one):
        return concrete(one, filler)
    return concrete(other, filler) if covers(one, other) else witness(one, other)


def _edges(pattern: str, fillers: Sequence[str]) -> Iterator[str]:
    """ARNs that *pattern* matches: with its wildcards filled and, in Region and name, empty."""
    if pattern == "*" or not pattern.startswith("arn:") or not is_wild(pattern):
        yield pattern if pattern == "*" else concrete(pattern)
        return
    parts = pattern.split(":", 5)
    parts += ["*"] * (6 - len(parts))
    filled = [concrete(part, filler) for part, filler in zip(parts[1:], fillers, strict=True)]
    yield ":".join(("arn", *filled))
    yield ":".join(("arn", *filled[:-1], concrete(parts[5], "")))
    if parts[3] == "*":
        yield ":".join(("arn", *filled[:2], "", *filled[3:]))


def _resources_for(name: str, resources: Sequence[str]) -> list[str]:
    """Resources of the policies that the action takes, and one of its own types, for a policy that says ``*``."""
    row = action(name)
    if row is None:
        known = name.partition(":")[0] in services()
        return [] if known else [one for one in resources if _of_service(one, name)] or ["*"]
    if not row.arns:
        return ["*"]
    forms = shapes(row)
    taken = [one for one in resources if one != "*" and any(overlap_arn(one, shape) for shape in forms)]
    own = [] if name.startswith("sts:") else [_example(shape) for shape in forms]
    return [*taken, *(one for one in own if one not in taken), *(["*"] if row.optional else [])] or [_ROLE]


def _of_service(arn: str, name: str) -> bool:
    return arn.startswith("arn:") and arn.split(":")[2] in {name.partition(":")[0], "any"}


def _example(shape: str) -> str:
    fillers = ("aws", "any", _REGIONS[0], _ACCOUNTS[0], "any")
    parts = shape.split(":", 5)[1:]
    return ":".join(
        ("arn", *(concrete(part.replace("?*", "*"), filler) for part, filler in zip(parts, fillers, strict=True)))
    )


def _bears(statement: Statement, name: str, resource: str) -> bool:
    """Whether the statement could apply but for its conditions."""
    acts = any(matches(text.casefold(), name.casefold()) for text in statement.actions or statement.not_actions)
    if acts is not bool(statement.actions):
        return False
    patterns = [_VARIABLE.sub("*", text) for text in statement.resources or statement.not_resources]
    return not patterns or any(matches(text, resource) for text in patterns) is bool(statement.resources)


# -- conditions --------------------------------------------------------------------------------------------------------


def _contexts(statements: Sequence[Statement]) -> list[dict[str, str | tuple[str, ...]]]:
    """Contexts in which the statements turn: each one's conditions met, then one key at a time somewhere else."""
    values = _candidates(statements)
    if not values:
        return [{}]
    found: dict[tuple[tuple[str, Value], ...], None] = {(): None}
    size = 1
    for one in values.values():
        size *= len(one)
    if size <= _MOST_CONTEXTS:
        every = itertools.product(*([(key, value) for value in one] for key, one in values.items()))
        found |= dict.fromkeys(tuple(pair for pair in pairs if pair[1] is not None) for pairs in every)
    else:
        for start in ({}, *(_meeting(one, values) for one in statements)):
            found[_frozen(start)] = None
            for key, listed in values.items():
                for value in listed:
                    found[_frozen({**start, key: value})] = None
    ordered = sorted(found, key=len)
    return [{key: value for key, value in pairs if value is not None} for pairs in ordered]


def _frozen(context: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    return tuple((key, value) for key, value in sorted(context.items()) if value is not None)


def _meeting(statement: Statement, values: Mapping[str, Sequence[Value]]) -> dict[str, Value]:
    """A context in which the statement's conditions hold, as far as the candidates can meet them."""
    found: dict[str, Value] = {}
    for key, listed in values.items():
        block = [
            (operator, [pair for pair in pairs if pair[0].casefold() == key.casefold()])
            for operator, pairs in statement.conditions
        ]
        found[key] = next((one for one in listed if _holds(block, key, one)), None)
    return found


def _holds(block: Sequence[tuple[str, Sequence[tuple[str, tuple[str, ...]]]]], key: str, value: Value) -> bool:
    try:
        return holds([one for one in block if one[1]], {} if value is None else {key: value})
    except UndecidableError:
        return False


def _candidates(statements: Sequence[Statement]) -> dict[str, list[Value]]:
    """Condition key → the values at which an operator on it turns, and None for its absence."""
    found: dict[str, dict[Value, None]] = {}
    spelled: dict[str, str] = {}
    for statement in statements:
        for operator, pairs in statement.conditions:
            for key, wanted in pairs:
                name = spelled.setdefault(key.casefold(), key)
                listed = found.setdefault(name, {None: None})
                listed |= dict.fromkeys(one for value in wanted for one in _turning(operator, value))
    # A policy variable in a resource or a value is a key as well.
    texts = [
        text
        for one in statements
        for text in (*one.resources, *(v for _, ps in one.conditions for _, vs in ps for v in vs))
    ]
    for text in texts:
        for key in re.findall(r"\$\{([^*?$,}\s][^,}]*)", text):
            name = spelled.setdefault(key.strip().casefold(), key.strip())
            found.setdefault(name, {None: None})[concrete(f"${{{key.strip()}}}")] = None
    return {key: list(listed) for key, listed in found.items()}


def _turning(operator: str, value: str) -> Iterator[Value]:
    """Values on both sides of where *operator* turns at *value*."""
    qualifier, _, bare = operator.casefold().rpartition(":")
    bare = bare.removesuffix("ifexists")
    kind = next((one for one in _TURNS if one in bare), "")
    sides = list(_TURNS[kind](value)) if kind else [concrete(value), *_others(value, ("",))]
    yield from sides
    if qualifier:
        yield tuple(sides)


def _numbers(value: str) -> list[str]:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return [value]
    return [value, str(number - 1), str(number + 1)]


def _dates(value: str) -> list[str]:
    try:
        moment = datetime.fromisoformat(value) if not value.isdigit() else datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return [value]
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    shifted = (moment + timedelta(seconds=seconds) for seconds in (0, -1, 1))
    return [one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in shifted]


def _addresses(value: str) -> list[str]:
    inside = value.partition("/")[0]
    return [inside, "2001:db8:ffff::1" if ":" in inside else "203.0.113.77"]


def _arns(value: str) -> list[str]:
    return [concrete(value), *_others(value, ("arn:aws:example:us-east-1:111122223333:", "arn:aws:example:::"))]


def _others(value: str, prefixes: Sequence[str]) -> list[str]:
    """A value that the pattern *value* does not match: near it if there is one."""
    filled = concrete(value)
    tried = (f"{filled}-other", f"other-{filled}", *(f"{prefix}other" for prefix in prefixes))
    return [one for one in tried if not matches(_VARIABLE.sub("*", value), one)][:1]


_TURNS: Mapping[str, Callable[[str], list[str]]] = {
    "null": lambda _: ["any"],
    "numeric": _numbers,
    "date": _dates,
    "bool": lambda _: ["true", "false"],
    "ipaddress": _addresses,
    "arn": _arns,
}


# -- principals --------------------------------------------------------------------------------------------------------


def _principals(statements: Sequence[Statement]) -> list[PrincipalRef]:
    pairs = dict.fromkeys(pair for one in statements for pair in (*one.principals, *one.not_principals))
    return [*dict.fromkeys(_principal(kind, value) for kind, value in pairs if value != "*"), _OUTSIDER]


def _principal(kind: str, value: str) -> PrincipalRef:
    if kind != "AWS":
        return PrincipalRef(value, kind=kind)
    account = value if value.isdigit() else (value.split(":") + [""] * 5)[4]
    named = f"arn:aws:iam::{account}:root" if value.isdigit() else value
    return PrincipalRef(named, account)
