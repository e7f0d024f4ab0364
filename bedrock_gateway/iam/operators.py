"""IAM's condition operators: a table of operator name → how it reads the policy's value and compares the request's.

A reader runs once per policy; what it returns runs for every request. A value that is not of its operator's type is
refused with `UndecidableError`, in the policy and in the request: what AWS makes of it is not documented. The lone year
``2026`` is such a value: it could as well be the 2,026th second of 1970.

Sources: IAM User Guide, reference_policies_elements_condition_operators, reference_policies_variables.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from bedrock_gateway.iam.patterns import (
    Folded,
    Matcher,
    Template,
    UndecidableError,
    Variable,
    Wild,
    any_of,
    bind,
    compiled,
    tokens,
)

__all__ = ["NEGATED", "OPERATORS", "Operator", "Reader", "Test", "operator", "reading", "truth"]

Test = Callable[[str, Folded], bool]
"""Whether the request's value matches one value of the policy."""
Reader = Callable[[str, bool], Test]
"""Reads one value of the policy; the second argument is whether the document has variables."""

_ARN_PARTS = 6
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_EPOCH = re.compile(r"\d{5,12}", re.ASCII)
# The forms of https://www.w3.org/TR/NOTE-datetime, but for the lone year.
_DATE = re.compile(r"\d{4}-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?", re.ASCII)
_PREFIXED = re.compile(r"[0-9A-Fa-f:.]+(/\d{1,3})?", re.ASCII)
_TRUTHS = {"true": True, "false": False}


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def _moment(text: str) -> datetime:
    """A date as IAM takes it: ISO 8601 by W3C's note, or seconds since 1970. A day without a time is its midnight, UTC."""
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(f"{text}-01" if text.count("-") == 1 else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def truth(text: str) -> bool:
    """Read ``true`` or ``false``, in any case."""
    return _TRUTHS[text.lower()]


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _network(text: str) -> Network:
    if not _PREFIXED.fullmatch(text):
        raise ValueError(text)
    return ipaddress.ip_network(text, strict=False)


def _address(text: str) -> Address:
    if not _PREFIXED.fullmatch(text):
        raise ValueError(text)
    return ipaddress.ip_address(text)


def reading(read: Callable[[str], Any], text: str, what: str) -> Any:
    """Return *text* read as *what*.

    Raises:
        UndecidableError: it is none.
    """
    try:
        return read(text)
    except (ValueError, KeyError, OverflowError, OSError):
        raise UndecidableError(f"{text[:80]!r} is not {what}") from None


def _typed(
    what: str,
    read: Callable[[str], Any],
    compare: Callable[[Any, Any], bool],
    given: Callable[[str], Any] | None = None,
) -> Reader:
    """Return the reader of an operator that compares values of a type; *given* reads the request's, if in another way."""
    of_request = lru_cache(maxsize=1024)(lambda text: reading(given or read, text, what))

    def reader(text: str, variables: bool) -> Test:  # noqa: ARG001 - these operators have no variables
        wanted = reading(read, text, what)
        return lambda value, _: compare(of_request(value), wanted)

    return reader


def _literal(text: str, variables: bool) -> tuple[str | Variable, ...]:
    """Tokens of a text in which wildcards are characters."""
    read = tokens(text, variables=variables)
    return tuple(token.value if isinstance(token, Wild) else token for token in read)


def _text(read: Sequence[str | Variable], context: Folded) -> str | None:
    bound = bind(read, context)
    return None if bound is None else "".join(map(str, bound))


def _equals(change: Callable[[str], str]) -> Reader:
    """Return the reader of an operator that compares whole texts."""

    def reader(text: str, variables: bool) -> Test:
        read = _literal(text, variables)
        if not any(isinstance(token, Variable) for token in read):
            wanted = change("".join(map(str, read)))
            return lambda value, _: change(value) == wanted

        def test(value: str, context: Folded) -> bool:
            bound = _text(read, context)
            return bound is not None and change(bound) == change(value)

        return test

    return reader


def _like(text: str, variables: bool) -> Test:
    return Template(text, variables=variables).matches


def _arn_like(text: str, variables: bool) -> Test:
    """Each of the six parts must match; only the last may hold colons."""
    pieces = _arn_parts(text, variables)
    if len(pieces) < _ARN_PARTS:
        raise UndecidableError(f"{text[:80]!r} has fewer than the six parts of an ARN")
    templates = [Template(piece, variables=variables) for piece in pieces]
    fixed = [compiled((template.plain,)) for template in templates if template.plain is not None]

    def test(value: str, context: Folded) -> bool:
        parts = value.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS:
            raise UndecidableError(f"the request's {value[:80]!r} is no ARN")
        if len(fixed) == _ARN_PARTS:
            return all(map(_call, fixed, parts))
        # A part that does not match decides, whatever cannot be judged beside it.
        pairs = zip(templates, parts, strict=True)
        return not any_of(partial(_differs, template, part, context) for template, part in pairs)

    return test


def _call(matcher: Matcher, part: str) -> object:
    return matcher(part)


def _differs(template: Template, part: str, context: Folded) -> bool:
    return not template.matches(part, context)


def _arn_parts(text: str, variables: bool) -> list[str]:
    """Split at the first five colons, those of a variable's name aside."""
    parts, in_variable = [""], False
    for at, one in enumerate(text):
        if one == ":" and not in_variable and len(parts) < _ARN_PARTS:
            parts.append("")
            continue
        in_variable = variables and (in_variable or text.startswith("${", at)) and one != "}"
        parts[-1] += one
    return parts


def _bool(text: str, variables: bool) -> Test:
    """AWS's page on operators allows a variable here, its page on variables does not: its value must be a boolean."""
    read = _literal(text, variables)
    if not any(isinstance(token, Variable) for token in read):
        return _fixed_bool(text, variables)

    def test(value: str, context: Folded) -> bool:
        bound = _text(read, context)
        return bound is not None and _fixed_bool(bound, variables)(value, context)

    return test


_fixed_bool = _typed("true or false", truth, lambda given, wanted: given is wanted)
_NUMBERS, _DATES = ("a number", _number), ("a date", _moment)

OPERATORS: Mapping[str, Reader] = {
    "stringequals": _equals(str),
    "stringequalsignorecase": _equals(str.casefold),
    "stringlike": _like,
    "numericequals": _typed(*_NUMBERS, lambda given, wanted: given == wanted),
    "numericlessthan": _typed(*_NUMBERS, lambda given, wanted: given < wanted),
    "numericlessthanequals": _typed(*_NUMBERS, lambda given, wanted: given <= wanted),
    "numericgreaterthan": _typed(*_NUMBERS, lambda given, wanted: given > wanted),
    "numericgreaterthanequals": _typed(*_NUMBERS, lambda given, wanted: given >= wanted),
    "dateequals": _typed(*_DATES, lambda given, wanted: given == wanted),
    "datelessthan": _typed(*_DATES, lambda given, wanted: given < wanted),
    "datelessthanequals": _typed(*_DATES, lambda given, wanted: given <= wanted),
    "dategreaterthan": _typed(*_DATES, lambda given, wanted: given > wanted),
    "dategreaterthanequals": _typed(*_DATES, lambda given, wanted: given >= wanted),
    "bool": _bool,
    "binaryequals": _typed("base64", _octets, lambda given, wanted: given == wanted),
    "ipaddress": _typed("an address or range", _network, lambda given, wanted: given in wanted, _address),
    "arnequals": _arn_like,
    "arnlike": _arn_like,
}
"""Positive operators by lower-case name; a negated one (`StringNotEquals`) is its positive one, turned round."""

NEGATED: Mapping[str, str] = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator's name, taken apart."""

    bare: str
    """The positive operator, or ``null``."""
    negated: bool = False
    qualifier: str = ""
    """``forallvalues``, ``foranyvalue`` or nothing."""
    if_exists: bool = False


@lru_cache(maxsize=256)
def operator(name: str) -> Operator:
    """Take an operator's name apart; case does not matter.

    Raises:
        UndecidableError: IAM has no such operator, or no such form of it.
    """
    qualifier, colon, rest = name.casefold().rpartition(":")
    bare = rest.removesuffix("ifexists")
    found = Operator(NEGATED.get(bare, bare), bare in NEGATED, qualifier, bare != rest)
    known = found.bare in OPERATORS and (qualifier in {"forallvalues", "foranyvalue"} or not colon)
    if known or found == Operator("null"):
        return found
    raise UndecidableError(f"IAM has no condition operator {name[:80]!r}")
