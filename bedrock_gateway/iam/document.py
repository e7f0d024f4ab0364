"""IAM policy documents: parse what IAM accepts, refuse what it does not, write the canonical form.

A `Policy` is immutable. Parsing keeps the order of statements and of their values, because order is how a person
finds a statement again; evaluation does not depend on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

__all__ = ["Conditions", "Policy", "PolicyError", "Statement"]

Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Operator → condition key → values, as written."""

VERSIONS = ("2012-10-17", "2008-10-17")
_POLICY_KEYS = {"Version", "Id", "Statement"}
_PAIRS = (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal"))
_STATEMENT_KEYS = {"Sid", "Effect", "Condition", *(name for pair in _PAIRS for name in pair)}


class PolicyError(ValueError):
    """The document is not one that IAM would accept."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; empty tuples mean that the element is absent."""

    effect: Literal["Allow", "Deny"]
    sid: str | None = None
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: tuple[tuple[str, str], ...] = ()
    """(type, value) pairs such as ``("Service", "bedrock.amazonaws.com")``; the bare ``"*"`` is ``("*", "*")``."""
    not_principals: tuple[tuple[str, str], ...] = ()
    conditions: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = ()
    """Operator → (key → values), as nested pairs so that a statement can be hashed."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Statement:
        """Read one statement.

        Raises:
            PolicyError: an element is unknown, has the wrong type, or excludes another that is there.
        """
        if not isinstance(data, Mapping):
            raise PolicyError("a statement is an object")
        if unknown := set(data) - _STATEMENT_KEYS:
            raise PolicyError(f"unknown element {min(unknown)}")
        for one, other in _PAIRS:
            if one in data and other in data:
                raise PolicyError(f"{one} and {other} exclude each other")
        if data.get("Effect") not in {"Allow", "Deny"}:
            raise PolicyError("Effect is Allow or Deny")
        if not ("Action" in data or "NotAction" in data):
            raise PolicyError("a statement needs Action or NotAction")
        return cls(
            effect=data["Effect"],
            sid=data.get("Sid"),
            actions=_strings(data, "Action"),
            not_actions=_strings(data, "NotAction"),
            resources=_strings(data, "Resource"),
            not_resources=_strings(data, "NotResource"),
            principals=_principals(data.get("Principal")),
            not_principals=_principals(data.get("NotPrincipal")),
            conditions=_conditions(data.get("Condition", {})),
        )

    def dump(self) -> dict[str, Any]:
        """Return the statement as IAM's JSON; one value is written without a list."""
        out: dict[str, Any] = {"Sid": self.sid} if self.sid else {}
        out["Effect"] = self.effect
        out |= {"Principal": _dump_principals(self.principals)} if self.principals else {}
        out |= {"NotPrincipal": _dump_principals(self.not_principals)} if self.not_principals else {}
        lists = {
            "Action": self.actions,
            "NotAction": self.not_actions,
            "Resource": self.resources,
            "NotResource": self.not_resources,
        }
        out |= {name: _one_or_list(values) for name, values in lists.items() if values}
        if self.conditions:
            out["Condition"] = {
                operator: {key: _one_or_list(values) for key, values in keys} for operator, keys in self.conditions
            }
        return out


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy document."""

    statements: tuple[Statement, ...]
    version: str = "2012-10-17"

    @classmethod
    def parse(cls, document: str | bytes | Mapping[str, Any]) -> Policy:
        """Read a document: JSON text (URL-encoded as IAM returns it, too) or the parsed object.

        Raises:
            PolicyError: it is not JSON, a key stands twice, or IAM would refuse it.
        """
        data = document if isinstance(document, Mapping) else _load(document)
        if unknown := set(data) - _POLICY_KEYS:
            raise PolicyError(f"unknown element {min(unknown)}")
        version = data.get("Version", "2008-10-17")
        if version not in VERSIONS:
            raise PolicyError(f"Version is one of {', '.join(VERSIONS)}")
        statements = data.get("Statement")
        if isinstance(statements, Mapping):
            statements = [statements]
        if not isinstance(statements, list) or not statements:
            raise PolicyError("a policy needs at least one Statement")
        return cls(tuple(Statement.parse(one) for one in statements), version)

    def dump(self) -> dict[str, Any]:
        """Return the document as IAM's JSON object."""
        return {"Version": self.version, "Statement": [one.dump() for one in self.statements]}

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the document as JSON text."""
        return json.dumps(self.dump(), indent=indent)

    @property
    def size(self) -> int:
        """Characters as IAM counts them against its quotas: without whitespace."""
        return len(re.sub(r"\s", "", self.to_json()))


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PolicyError(f"{twice} stands twice in one object")
    return seen


def _load(text: str | bytes) -> Mapping[str, Any]:
    text = text.decode() if isinstance(text, bytes) else text
    if text.lstrip().startswith("%7B"):
        text = unquote(text)
    try:
        data = json.loads(text, object_pairs_hook=_no_twice)
    except (json.JSONDecodeError, RecursionError) as error:
        raise PolicyError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise PolicyError("a policy is a JSON object")
    return data


def _texts(value: object, name: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise PolicyError(f"{name} is a string or a list of strings")
    return tuple(values)


def _strings(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if name not in data:
        return ()
    values = _texts(data[name], name)
    if not values:
        raise PolicyError(f"{name} is empty")
    return values


def _principals(value: object) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if value == "*":
        return (("*", "*"),)
    if not isinstance(value, Mapping):
        raise PolicyError('Principal is "*" or an object')
    return tuple((kind, one) for kind, values in value.items() for one in _texts(values, "Principal"))


def _dump_principals(pairs: Iterable[tuple[str, str]]) -> Any:
    grouped: dict[str, list[str]] = {}
    for kind, value in pairs:
        grouped.setdefault(kind, []).append(value)
    return "*" if "*" in grouped else {kind: _one_or_list(tuple(values)) for kind, values in grouped.items()}


def _condition_values(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, (str, bool, int, float)) for one in values):
        raise PolicyError("a condition value is a string, a number or a boolean")
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)


def _conditions(value: object) -> tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]:
    if not isinstance(value, Mapping) or not all(isinstance(keys, Mapping) for keys in value.values()):
        raise PolicyError("Condition is an object of operators, each an object of keys")
    return tuple(
        (operator, tuple((key, _condition_values(values)) for key, values in keys.items()))
        for operator, keys in value.items()
    )


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
