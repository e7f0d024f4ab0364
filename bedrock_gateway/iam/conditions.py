"""IAM's condition operators: a table of operator name → comparison, and how they combine.

A condition block holds if every operator and every key in it holds; several values of one key are alternatives, for
a negated operator all of them must hold. Source: IAM User Guide, reference_policies_elements_condition_operators and
…_condition-single-vs-multi-valued-context-keys.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["Context", "holds", "matches", "substitute"]

Context = Mapping[str, str | Sequence[str]]
"""Condition key → value(s) of one request. Names are compared without case; an absent key is absent."""

Compare = Callable[[str, str], bool]

_ARN_PARTS = 6
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}
# A character that no policy can hold (IAM allows U+0020 to U+00FF), so an escaped wildcard stays a literal.
_ESCAPED = {"*": "\ue000", "?": "\ue001"}


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    text = re.sub(r"\*+", "*", pattern)
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in text)
    return re.compile("".join(parts), re.DOTALL)


def matches(pattern: str, value: str) -> bool:
    """Whether *value* matches *pattern*, in which ``*`` is any run of characters and ``?`` any one.

    Greedy matching of the pieces between stars, from left to right: linear for every pattern, where a regular
    expression with many stars can take exponential time.
    """
    if "*" not in pattern:
        return _glob(pattern).fullmatch(_hide(value)) is not None
    head, *middle, tail = re.sub(r"\*+", "*", pattern).split("*")
    value = _hide(value)
    if len(head) + len(tail) > len(value):
        return False
    if not _glob(head).match(value) or (tail and not _glob(tail).fullmatch(value, len(value) - len(tail))):
        return False
    at, end = len(head), len(value) - len(tail)
    for piece in middle:
        found = _glob(piece).search(value, at, end)
        if not found:
            return False
        at = found.end()
    return True


def _hide(value: str) -> str:
    return (
        value
        if "*" not in value and "?" not in value
        else value.replace("*", _ESCAPED["*"]).replace("?", _ESCAPED["?"])
    )


def _string_like(pattern: str, value: str) -> bool:
    return matches(pattern, value)


def _plain(text: str) -> str:
    """*text* with escaped wildcards as the characters they stand for."""
    return text.replace(_ESCAPED["*"], "*").replace(_ESCAPED["?"], "?")


def _arn_like(pattern: str, value: str) -> bool:
    """Each of the six parts must match; a pattern with fewer parts never does (ArnEquals behaves the same)."""
    wanted, given = pattern.split(":", _ARN_PARTS - 1), value.split(":", _ARN_PARTS - 1)
    if len(wanted) != _ARN_PARTS or len(given) != _ARN_PARTS:
        return False
    return all(matches(one, other) for one, other in zip(wanted, given, strict=True))


def _number(compare: Callable[[float, float], bool]) -> Compare:
    def numbers(wanted: str, given: str) -> bool:
        try:
            return compare(float(given), float(wanted))
        except ValueError:
            return False

    return numbers


def _when(text: str) -> datetime:
    """A date as IAM takes it: ISO 8601, or seconds since 1970."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(compare: Callable[[datetime, datetime], bool]) -> Compare:
    def dates(wanted: str, given: str) -> bool:
        try:
            return compare(_when(given), _when(wanted))
        except (ValueError, OverflowError):
            return False

    return dates


def _ip_address(wanted: str, given: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _binary(wanted: str, given: str) -> bool:
    try:
        return base64.b64decode(wanted, validate=True) == base64.b64decode(given, validate=True)
    except ValueError:
        return False


OPERATORS: Mapping[str, Compare] = {
    "stringequals": lambda wanted, given: _plain(wanted) == given,
    "stringequalsignorecase": lambda wanted, given: _plain(wanted).casefold() == given.casefold(),
    "stringlike": _string_like,
    "numericequals": _number(lambda given, wanted: given == wanted),
    "numericlessthan": _number(lambda given, wanted: given < wanted),
    "numericlessthanequals": _number(lambda given, wanted: given <= wanted),
    "numericgreaterthan": _number(lambda given, wanted: given > wanted),
    "numericgreaterthanequals": _number(lambda given, wanted: given >= wanted),
    "dateequals": _date(lambda given, wanted: given == wanted),
    "datelessthan": _date(lambda given, wanted: given < wanted),
    "datelessthanequals": _date(lambda given, wanted: given <= wanted),
    "dategreaterthan": _date(lambda given, wanted: given > wanted),
    "dategreaterthanequals": _date(lambda given, wanted: given >= wanted),
    "bool": lambda wanted, given: wanted.casefold() == given.casefold(),
    "binaryequals": _binary,
    "ipaddress": _ip_address,
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


def lookup(context: Context, key: str) -> tuple[str, ...] | None:
    """Values of *key* in *context*, or None where the key is absent."""
    found = context.get(key)
    if found is None:
        wanted = key.casefold()
        found = next((value for name, value in context.items() if name.casefold() == wanted), None)
    if found is None:
        return None
    return (found,) if isinstance(found, str) else tuple(found)


def substitute(text: str, context: Context) -> str | None:
    """Replace policy variables in *text*; None where one has neither a value nor a default.

    ``${*}``, ``${?}`` and ``${$}`` are the characters themselves and match nothing else. Source: IAM User Guide,
    reference_policies_variables.
    """
    if "${" not in text:
        return text
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name, _, default = (part.strip() for part in found[1].partition(","))
        if name in _LITERALS:
            return _ESCAPED.get(name, name)
        values = lookup(context, name)
        if values is not None and len(values) == 1:
            return _hide(values[0])
        if default:
            return _hide(default.strip("'"))
        missing = True
        return ""

    replaced = _VARIABLE.sub(value, text)
    return None if missing else replaced


def _one_key(name: str, wanted: Sequence[str], given: tuple[str, ...] | None) -> bool:
    """Whether one operator holds for one key, absent (None) included."""
    name = name.casefold()
    qualifier, _, bare = name.rpartition(":")
    if bare == "null":
        return any((given is None) == (one.casefold() == "true") for one in wanted)
    if_exists = bare.endswith("ifexists")
    bare = bare.removesuffix("ifexists")
    negated = bare in NEGATED
    compare = OPERATORS.get(NEGATED.get(bare, bare))
    if compare is None:
        return False
    if given is None:
        return if_exists or negated or qualifier == "forallvalues"

    def one(value: str) -> bool:
        return any(compare(pattern, value) for pattern in wanted) != negated

    if qualifier == "forallvalues":
        return all(one(value) for value in given)
    if negated and qualifier != "foranyvalue":
        return all(one(value) for value in given)
    return any(one(value) for value in given)


def holds(
    conditions: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]], context: Context, *, variables: bool = True
) -> bool:
    """Whether a statement's whole condition block holds for *context*.

    *variables* is False for documents of version 2008-10-17, in which ``${…}`` is literal text.
    """
    for operator, keys in conditions:
        for key, values in keys:
            wanted = [substitute(one, context) for one in values] if variables else list(values)
            known = [one for one in wanted if one is not None]
            if not _one_key(operator, known, lookup(context, key)):
                return False
    return True
