"""IAM policy documents: parse what IAM accepts, refuse what it does not, write the canonical form.

A `Policy` is immutable. Parsing keeps the order of statements and of their values, because order is how a person
finds a statement again; evaluation does not depend on it. A refusal says where: the statement, and in a text the line
and column.

Sources: IAM User Guide, reference_policies_grammar and reference_policies_elements.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from bedrock_gateway.iam.operators import operator
from bedrock_gateway.iam.patterns import UndecidableError
from bedrock_gateway.iam.source import MAX_BYTES, Path, PolicyError, decoded, load

__all__ = ["MAX_BYTES", "Conditions", "Policy", "PolicyError", "Statement"]

Conditions = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
"""Operator → (key → values) as nested pairs, as written."""

VERSIONS = ("2012-10-17", "2008-10-17")
_POLICY_KEYS = {"Version", "Id", "Statement"}
_PAIRS = (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal"))
_STATEMENT_KEYS = {"Sid", "Effect", "Condition", *(name for pair in _PAIRS for name in pair)}
_PRINCIPAL_KINDS = {"AWS", "Service", "Federated", "CanonicalUser"}
_SHOWN = 60


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
    conditions: Conditions = ()
    """Operator → (key → values), as nested pairs so that a statement can be hashed."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Statement:
        """Read one statement.

        Raises:
            PolicyError: an element is unknown, has the wrong type, or excludes another that is there.
        """
        if not isinstance(data, Mapping):
            raise PolicyError("a statement is an object")
        _known(data, _STATEMENT_KEYS)
        for one, other in _PAIRS:
            if one in data and other in data:
                raise PolicyError(f"{one} and {other} exclude each other", path=(other,))
        if data.get("Effect") not in ("Allow", "Deny"):
            raise PolicyError("Effect is Allow or Deny", path=("Effect",))
        if not ("Action" in data or "NotAction" in data):
            raise PolicyError("a statement needs Action or NotAction")
        return cls(
            effect=data["Effect"],
            sid=_text(data, "Sid"),
            actions=_strings(data, "Action"),
            not_actions=_strings(data, "NotAction"),
            resources=_strings(data, "Resource"),
            not_resources=_strings(data, "NotResource"),
            principals=_principals(data, "Principal"),
            not_principals=_principals(data, "NotPrincipal"),
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
    id: str | None = None
    """``Id``, which some services want in a resource-based policy; it means nothing."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count the hash once: the evaluator looks a policy up for each request."""
        object.__setattr__(self, "_hash", hash((self.statements, self.version)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the hash of this process out of a pickle."""
        return Policy, (self.statements, self.version, self.id)

    @classmethod
    def parse(cls, document: str | bytes | Mapping[str, Any]) -> Policy:
        """Read a document: JSON text (URL-encoded as IAM returns it, too) or the parsed object.

        Raises:
            PolicyError: it is over 1 MiB, it is not JSON, a key stands twice, or IAM would refuse it.
        """
        if isinstance(document, Mapping):
            return cls._of(document)
        text = decoded(document)
        try:
            return cls._of(load(text))
        except PolicyError as error:
            raise (error if error.line else error.in_text(text)) from None

    @classmethod
    def _of(cls, data: Mapping[str, Any]) -> Policy:
        _known(data, _POLICY_KEYS)
        version = data.get("Version", "2008-10-17")
        if version not in VERSIONS:
            raise PolicyError(f"Version is one of {', '.join(VERSIONS)}", path=("Version",))
        statements = data.get("Statement")
        alone = isinstance(statements, Mapping)
        if not alone and (not isinstance(statements, list) or not statements):
            raise PolicyError("a policy needs at least one Statement", path=("Statement",))
        listed = [statements] if alone else statements
        return cls(
            tuple(_statement(one, number, alone=alone) for number, one in enumerate(listed or ())),
            version,
            _text(data, "Id"),
        )

    def dump(self) -> dict[str, Any]:
        """Return the document as IAM's JSON object."""
        head = {"Version": self.version} | ({"Id": self.id} if self.id else {})
        return head | {"Statement": [one.dump() for one in self.statements]}

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the document as JSON text."""
        return json.dumps(self.dump(), indent=indent)

    @property
    def size(self) -> int:
        """Characters as IAM counts them against its quotas: without whitespace."""
        return len(re.sub(r"\s", "", json.dumps(self.dump(), ensure_ascii=False)))


def _statement(data: Any, number: int, *, alone: bool) -> Statement:
    try:
        return Statement.parse(data)
    except PolicyError as error:
        found = error.within(*(("Statement",) if alone else ("Statement", number)))
        raise PolicyError(found.reason, path=found.path, statement=number + 1) from None


def _known(data: Mapping[str, Any], names: set[str]) -> None:
    if unknown := [name for name in data if name not in names]:
        raise PolicyError(f"unknown element {str(unknown[0])[:_SHOWN]}", path=(unknown[0],))


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise PolicyError(f"{name} is a string", path=(name,))
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise PolicyError(f"{name} is a string or a list of strings", path=(name,))
    if not values:
        raise PolicyError(f"{name} is empty", path=(name,))
    return tuple(values)


def _strings(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return _texts(data[name], name) if name in data else ()


def _principals(data: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    if name not in data:
        return ()
    value = data[name]
    if value == "*":
        return (("*", "*"),)
    if not isinstance(value, Mapping) or not value:
        raise PolicyError(f'{name} is "*" or an object', path=(name,))
    for kind in value:
        if kind not in _PRINCIPAL_KINDS:
            expected = ", ".join(sorted(_PRINCIPAL_KINDS))
            raise PolicyError(f"{str(kind)[:_SHOWN]} is no type of principal: {expected}", path=(name, kind))
    return tuple((kind, one) for kind, values in value.items() for one in _principal_texts(values, name, kind))


def _principal_texts(values: object, name: str, kind: str) -> tuple[str, ...]:
    try:
        return _texts(values, kind)
    except PolicyError as error:
        raise error.within(name) from None


def _dump_principals(pairs: Iterable[tuple[str, str]]) -> Any:
    grouped: dict[str, list[str]] = {}
    for kind, value in pairs:
        grouped.setdefault(kind, []).append(value)
    return "*" if "*" in grouped else {kind: _one_or_list(tuple(values)) for kind, values in grouped.items()}


def _condition_value(value: object, path: Path) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if number.is_finite():
            return f"{number:f}"
    raise PolicyError("a condition value is a string, a number or a boolean", path=path)


def _condition_values(value: object, path: Path) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise PolicyError(f"{path[-1]} has no value", path=path)
    return tuple(_condition_value(one, path) for one in values)


def _conditions(value: object) -> Conditions:
    if not isinstance(value, Mapping):
        raise PolicyError("Condition is an object of operators, each an object of keys", path=("Condition",))
    return tuple((name, _condition_keys(name, keys, ("Condition", name))) for name, keys in value.items())


def _condition_keys(name: str, keys: object, path: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    try:
        operator(name)
    except UndecidableError as error:
        raise PolicyError(str(error), path=path) from None
    if not isinstance(keys, Mapping):
        raise PolicyError("Condition is an object of operators, each an object of keys", path=path)
    return tuple((key, _condition_values(values, (*path, key))) for key, values in keys.items())


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
