"""What is there and what is declared, put together so that nothing of anybody else's is lost. Pure.

Policies are merged as JSON objects: statements of others stay word for word. `loggingConfig` has a place each for CloudWatch
Logs, large bodies and S3; a place that is free is filled, and one that somebody else uses is a refusal.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, PolicyError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "Merged",
    "added_statements",
    "besides",
    "is_as_put",
    "led_by",
    "merged",
    "parsed",
    "same",
    "statements_of",
    "with_statements",
    "without_statements",
]

Document = dict[str, Any]


def parsed(document: str | Mapping[str, Any]) -> Document:
    """Return a policy document as an object, as AWS has it."""
    made = json.loads(document) if isinstance(document, str) else document
    return copy.deepcopy(dict(made))


def with_statements(document: Mapping[str, Any] | None, wanted: Policy) -> Document:
    """Return *document* with the statements of *wanted* behind its own; None: there is none yet."""
    if document is None:
        return wanted.dump()
    made = copy.deepcopy(dict(document))
    statements = statements_of(made)
    for one in wanted.dump()["Statement"]:
        taken = {str(other.get("Sid", "")) for other in statements}
        name = one["Sid"]
        free = next(sid for sid in (name, *(f"{name}{number}" for number in range(2, 10_000))) if sid not in taken)
        statements.append({**one, "Sid": free})
    return made | {"Statement": statements}


def without_statements(document: Mapping[str, Any], added: Sequence[Any]) -> Document:
    """Return *document* without the statements of *added* that are still in it."""
    made = copy.deepcopy(dict(document))
    ours = [_one_statement(one) for one in added]
    return made | {"Statement": [one for one in statements_of(made) if _one_statement(one) not in ours]}


def added_statements(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Any]:
    """Return the statements of *after* that *before* has not."""
    old = [_one_statement(one) for one in statements_of(before or {})]
    return [one for one in statements_of(after) if _one_statement(one) not in old]


def besides(document: Mapping[str, Any], ours: Policy) -> list[Any]:
    """Return the statements of *document*, a policy under our name, that others put into it: under no Sid of *ours*."""
    names = {one["Sid"] for one in ours.dump()["Statement"]}
    return [one for one in statements_of(document) if one.get("Sid") not in names]


def statements_of(document: Mapping[str, Any]) -> list[Any]:
    """Return the statements of a document; one may stand there without a list."""
    found = document.get("Statement") or []
    return [found] if isinstance(found, dict) else list(found)


def _one_statement(statement: Any) -> Any:
    return _canonical({"Version": "2012-10-17", "Statement": [statement]})


def same(one: Any, other: Any) -> bool:
    """Whether two values of properties mean the same: AWS may give a list of one as its one value, and tags in any order."""
    return bool(_canonical(one) == _canonical(other))


def _canonical(value: Any) -> Any:
    if isinstance(value, dict) and "Statement" in value:
        try:
            return _statements(Policy.parse(json.dumps(value)))
        except PolicyError:
            return value
    if isinstance(value, dict):
        return {key: _canonical(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted((_canonical(one) for one in value), key=repr)
    return value


def _statements(policy: Policy) -> Any:
    """The statements in their order, their values in any."""

    def settled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: settled(one) for key, one in value.items()}
        return sorted(map(str, value)) if isinstance(value, list) else [str(value)]

    return policy.version, [settled(one) for one in policy.dump()["Statement"]]


# -- the logging configuration ---------------------------------------------------------------------------------------------

_LARGE = "largeDataDeliveryS3Config"
_SLOTS: Mapping[tuple[str, ...], Sequence[str]] = {
    ("cloudWatchConfig",): ("logGroupName", "roleArn"),
    ("cloudWatchConfig", _LARGE): ("bucketName", "keyPrefix"),
    ("s3Config",): ("bucketName", "keyPrefix"),
}
"""Every place that `loggingConfig` has, and what says where it leads."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The configuration to put, and what stands against putting it."""

    config: dict[str, Any]
    taken: tuple[str, ...] = field(default=())
    """What of somebody else's would be lost; one sentence each."""


def merged(
    there: Mapping[str, Any] | None,
    wanted: Mapping[str, Any],
    flags: Mapping[str, bool],
    *,
    ours: Collection[tuple[str, ...]],
    replace: bool,
) -> Merged:
    """Return the configuration to put: *wanted* destinations and *flags* joined to what is *there*.

    Args:
        there: AWS's ``loggingConfig``; None: logging is off.
        wanted: The declared destinations, as AWS has them.
        flags: Which bodies a new configuration has delivered.
        ours: Places that set-up led where they lead: they may lead elsewhere now. Those beside them are somebody else's.
        replace: Whether to put exactly what is declared, whosever is there.
    """
    if not there or replace:
        return Merged({**copy.deepcopy(dict(wanted)), **flags})
    made = copy.deepcopy(dict(there))
    taken = list(_taken(there, wanted, ours))
    for path in _SLOTS:
        if (slot := _at(wanted, path)) is not None:
            _put(made, path, {name: one for name, one in slot.items() if name != _LARGE})
    for name, on in flags.items():
        if not on:
            continue
        if made.get(name) is False and (foreign := _foreign(made, wanted, ours)):
            said = f"{name} is off: switched on, bodies would go to {foreign} too, which is somebody else's"
            taken.append(said)
        made[name] = True
    return Merged(made, tuple(taken))


def led_by(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> frozenset[tuple[str, ...]]:
    """Return the places that lead somewhere in *after*, and led elsewhere or nowhere *before*."""
    places = ((path, _at(before or {}, path), _at(after, path)) for path in _SLOTS)
    return frozenset(
        path for path, old, new in places if new is not None and (old is None or _leads(old, path) != _leads(new, path))
    )


def is_as_put(there: Mapping[str, Any] | None, put: Mapping[str, Any]) -> bool:
    """Whether *there* is what was *put*; AWS may show flags besides that nobody set."""
    if there is None:
        return False
    besides = set(there) - set(put)
    return all(same(there.get(name), one) for name, one in put.items()) and all(map(_FLAG.fullmatch, besides))


_FLAG = re.compile(r"[a-z]+DataDeliveryEnabled")


def _at(config: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any] | None:
    found: Any = config
    for name in path:
        found = (found or {}).get(name)
    return found or None


def _put(config: dict[str, Any], path: tuple[str, ...], slot: Mapping[str, Any]) -> None:
    """Set what says where a place leads, and leave what is below it."""
    *above, last = path
    found: dict[str, Any] = config
    for name in above:
        found = found.setdefault(name, {})
    kept = {name: one for name, one in (found.get(last) or {}).items() if name not in _SLOTS[path]}
    found[last] = {**kept, **slot}


def _leads(slot: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, str]:
    return {name: str(slot.get(name) or "") for name in _SLOTS[path]}


def _taken(there: Mapping[str, Any], wanted: Mapping[str, Any], ours: Collection[tuple[str, ...]]) -> list[str]:
    said = []
    for path in _SLOTS:
        now, then = _at(there, path), _at(wanted, path)
        if now is None or then is None or path in ours:
            continue
        old, new = _leads(now, path), _leads(then, path)
        said += [
            f"{'.'.join(path)}.{name} is {old[name] or 'not set'}, declared is {new[name] or 'none'}"
            for name in _SLOTS[path]
            if old[name] != new[name]
        ]
    return said


def _foreign(made: Mapping[str, Any], wanted: Mapping[str, Any], ours: Collection[tuple[str, ...]]) -> str:
    """A destination of *made* that is neither declared nor of ours; empty: there is none."""
    for path in _SLOTS:
        slot = _at(made, path)
        if slot is not None and _at(wanted, path) is None and path not in ours:
            return str(slot.get("logGroupName") or slot.get("bucketName"))
    return ""
