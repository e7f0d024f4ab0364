"""From rows to statements: a template names its fields, a row says which statement they make.

In a row ``{name}`` is the value of a field, ``{P}``, ``{R}``, ``{A}`` partition, Region and account of the scope. Values
are checked before they are filled in, and never read as a template again.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.documents.values import valid
from bedrock_gateway.iam.generate import ASSUMED, Assumption

if TYPE_CHECKING:
    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.capabilities.table import Confidence

__all__ = ["Document", "Field", "Given", "Part", "Row", "Template", "assemble", "checked_values", "fill", "find"]

Given = Mapping[str, str | Sequence[str]]
"""Field → value or values, as a user gave them."""

_HOSTS: Mapping[str, Mapping[str, str]] = {
    "aws": {"SIGNIN": "signin.aws.amazon.com", "COGNITO": "cognito-identity.amazonaws.com"},
    "aws-us-gov": {"SIGNIN": "signin.amazonaws-us-gov.com", "COGNITO": "cognito-identity-us-gov.amazonaws.com"},
}
_COGNITO = {"us-gov-east-1": "cognito-identity.us-gov-east-1.amazonaws.com"}

GUIDE = "Bedrock User Guide, kb-permissions"


@dataclass(frozen=True, slots=True)
class Field:
    """One value that a template takes."""

    kind: str
    """A key of `bedrock_gateway.iam.documents.values.KINDS`."""
    about: str
    default: str | None = None
    """A row's text; None: the value is required. Empty: it may be left out."""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One statement."""

    sid: str
    actions: str
    """Separated by spaces."""
    resources: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str, str], ...] = ()
    """(operator, key, value)."""
    principal: tuple[str, str] | None = None
    needs: tuple[str, ...] = ()
    """Fields that have to be given for the row to apply."""
    lacks: tuple[str, ...] = ()
    """Fields that must not be given."""
    optional: tuple[tuple[str, str, str, str], ...] = ()
    """(field, operator, key, value): conditions that narrow further where the field is given."""
    confidence: Confidence = "H"
    source: str = GUIDE
    why: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A document, or a part of one."""

    name: str
    summary: str
    fields: Mapping[str, Field]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What to know besides: shown on stderr."""


@dataclass(frozen=True, slots=True)
class Part:
    """A statement, and what it rests on."""

    statement: Statement
    confidence: Confidence = "H"
    source: str = GUIDE
    why: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document, and what to know about it."""

    policy: Policy
    assumptions: tuple[Assumption, ...] = ()
    """What AWS does not state but the document rests on."""
    notes: tuple[str, ...] = field(default=())


def find(templates: Mapping[str, Template], name: str, what: str, *, besides: Iterable[str] = ()) -> Template:
    """Return the template of that name; *besides* are other names that the message may suggest.

    Raises:
        ConfigError: there is none; the message names the nearest.
    """
    if name in templates:
        return templates[name]
    known = (*templates, *besides)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    raise ConfigError(f"unknown {what} {name[:80]!r}; {hint}")


def _of_scope(scope: Scope) -> dict[str, tuple[str, ...]]:
    """Return what every row may name without asking: ``SIGNIN`` and ``COGNITO`` are hosts that differ by partition."""
    named = {"P": scope.partition, "R": scope.region, "A": scope.account, **_HOSTS[scope.partition]}
    named["COGNITO"] = _COGNITO.get(scope.region, named["COGNITO"])
    return {name: (value,) for name, value in named.items()}


def checked_values(template: Template, given: Given, scope: Scope) -> dict[str, tuple[str, ...]]:
    """Return every field's checked values; none where it may be left out and is.

    Raises:
        ConfigError: a value is missing, unknown or malformed.
    """
    if unknown := sorted(set(given) - set(template.fields)):
        near = difflib.get_close_matches(unknown[0], template.fields, n=1)
        known = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(template.fields) or 'no value'}"
        raise ConfigError(f"{template.name} has no {unknown[0][:80]!r}; {known}")
    found = _of_scope(scope)
    for name, one in template.fields.items():
        raw = given.get(name, ())
        values = tuple(dict.fromkeys((raw,) if isinstance(raw, str) else raw))
        values = tuple(value for value in values if value)
        if not values and one.default is None:
            raise ConfigError(f"{template.name} needs {name}=…: {one.about}", key_path=name)
        if len(values) > 1 and not one.many:
            raise ConfigError(f"{template.name} takes one {name}, not {len(values)}", key_path=name)
        # A default is ours and may be wider than any value of a user's: "*" for an id that AWS has not assigned yet.
        default = (one.default.format_map(_one_each(found)),) if one.default else ()
        found[name] = tuple(valid(one.kind, value, scope, name=name) for value in values) or default
    return found


def _one_each(values: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: each[0] for name, each in values.items() if each}


def _filled(text: str, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return *text* once for every combination of the values that it names."""
    names = list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(text) if name))
    choices = [values[name] or ("",) for name in names]
    return tuple(text.format_map(dict(zip(names, each, strict=True))) for each in itertools.product(*choices))


def _applies(row: Row, values: Mapping[str, tuple[str, ...]]) -> bool:
    given = {name for name, each in values.items() if each and each != ("false",)}
    return given.issuperset(row.needs) and given.isdisjoint(row.lacks)


def _conditions(
    row: Row, values: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]:
    grouped: dict[str, dict[str, tuple[str, ...]]] = {}
    given = [one[1:] for one in row.optional if values[one[0]] and values[one[0]] != ("false",)]
    for operator, key, value in (*row.conditions, *given):
        (name,) = _filled(key, values)
        grouped.setdefault(operator, {})[name] = _filled(value, values)
    return tuple((operator, tuple(keys.items())) for operator, keys in grouped.items())


def fill(template: Template, given: Given, scope: Scope) -> Iterator[Part]:
    """Yield the statements of *template* with the values *given*.

    Raises:
        ConfigError: a value is missing, unknown or malformed.
    """
    values = checked_values(template, given, scope)
    for row in template.rows:
        if not _applies(row, values):
            continue
        principals = (
            tuple((row.principal[0], one) for one in _filled(row.principal[1], values)) if row.principal else ()
        )
        statement = Statement(
            "Allow",
            row.sid,
            tuple(row.actions.split()),
            resources=tuple(one for text in row.resources for one in _filled(text, values)),
            principals=principals,
            conditions=_conditions(row, values),
        )
        yield Part(statement, row.confidence, row.source, row.why)


def assemble(parts: Iterable[Part], *, notes: Iterable[str] = (), strict: bool = False) -> Document:
    """Return the document of *parts*, Sids made unique; *strict* leaves out what is only assumed.

    Raises:
        ConfigError: nothing is left.
    """
    merged: dict[Statement, Part] = {}
    for part in parts:
        merged.setdefault(replace(part.statement, sid=None), part)
    kept = [part for part in merged.values() if not (strict and part.confidence in ASSUMED)]
    if not kept:
        raise ConfigError("nothing to grant: this needs no permission")
    taken: dict[str, int] = {}
    statements = []
    for part in kept:
        name = part.statement.sid or "Allow"
        taken[name] = taken.get(name, 0) + 1
        statements.append(replace(part.statement, sid=name if taken[name] == 1 else f"{name}{taken[name]}"))
    return Document(Policy(tuple(statements)), tuple(_assumed(kept)), tuple(dict.fromkeys(notes)))


def _assumed(parts: Iterable[Part]) -> Iterator[Assumption]:
    for part in parts:
        if part.confidence in ASSUMED:
            what = ", ".join(part.statement.resources) or ", ".join(value for _, value in part.statement.principals)
            yield Assumption(", ".join(part.statement.actions), what, part.confidence, part.source, part.why)
