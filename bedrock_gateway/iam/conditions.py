"""IAM's condition operators: a table of operator name → comparison, and how they combine.

A condition block holds if every operator and every key in it holds; several values of one key are alternatives, for
a negated operator none of them may match. Sources: IAM User Guide, reference_policies_elements_condition_operators,
…_condition-single-vs-multi-valued-context-keys and reference_policies_variables.
"""

from __future__ import annotations

import base64
import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["Context", "Folded", "fold", "holds", "lookup", "matches", "substitute"]

Context = Mapping[str, str | Sequence[str]]
"""Condition key → value(s) of one request. Names are compared without case; an absent key is absent."""

Compare = Callable[[str, str], bool]

_ARN_PARTS = 6
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DEFAULT = re.compile(r"'(.*)'", re.DOTALL)
_LITERALS = {"*": "*", "?": "?", "$": "$"}
# Characters that no policy can hold (IAM allows U+0020 to U+00FF), so that an escaped wildcard stays a literal.
_ESCAPED = {"*": "\ue000", "?": "\ue001"}
_WILD = re.compile(r"[*?]")


class Folded(dict[str, tuple[str, ...]]):
    """A request's context with folded key names, each value a tuple."""


def fold(context: Context) -> Folded:
    """Return *context* ready for many comparisons."""
    if isinstance(context, Folded):
        return context
    return Folded(
        (name.casefold(), (value,) if isinstance(value, str) else tuple(value)) for name, value in context.items()
    )


def lookup(context: Folded, key: str) -> tuple[str, ...] | None:
    """Values of *key* in *context*, or None where the key is absent."""
    return context.get(key.casefold())


@lru_cache(maxsize=4096)
def _piece(text: str) -> re.Pattern[str]:
    """A run without stars: every ``?`` is any one character. Nothing in it repeats, so it cannot backtrack."""
    return re.compile("".join("." if one == "?" else re.escape(one) for one in text), re.DOTALL)


@lru_cache(maxsize=8192)
def matches(pattern: str, value: str) -> bool:
    """Whether *value* matches *pattern*, in which ``*`` is any run of characters and ``?`` any one.

    The pieces between stars are found from left to right, each as early as it can be: linear for every pattern, where
    a regular expression with many stars can take exponential time.
    """
    value = _hide(value)
    if _WILD.search(pattern) is None:
        return pattern == value
    head, *rest = re.sub(r"\*+", "*", pattern).split("*")
    if not rest:
        return _piece(head).fullmatch(value) is not None
    *middle, tail = rest
    at, end = len(head), len(value) - len(tail)
    if at > end or not _piece(head).match(value) or not _piece(tail).fullmatch(value, end):
        return False
    for piece in middle:
        found = _piece(piece).search(value, at, end)
        if not found:
            return False
        at = found.end()
    return True


def _hide(value: str) -> str:
    """Replace wildcards in *value* by what stands for the characters themselves."""
    return _WILD.sub(lambda found: _ESCAPED[found[0]], value)


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
            left, right = float(given), float(wanted)
        except ValueError:
            return False
        return math.isfinite(left) and math.isfinite(right) and compare(left, right)

    return numbers


def _when(text: str) -> datetime:
    """A date as IAM takes it: ISO 8601, or seconds since 1970."""
    if re.fullmatch(r"\d{5,}(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(f"{text}-01-01" if re.fullmatch(r"\d{4}", text) else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(compare: Callable[[datetime, datetime], bool]) -> Compare:
    def dates(wanted: str, given: str) -> bool:
        try:
            return compare(_when(given), _when(wanted))
        except (ValueError, OverflowError, OSError):
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
    "stringlike": matches,
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


def substitute(text: str, context: Context) -> str | None:
    """Replace policy variables in *text*; None where one has neither a value nor a default.

    ``${*}``, ``${?}`` and ``${$}`` are the characters themselves and match nothing else. A key with several values is
    no variable.
    """
    if "${" not in text:
        return text
    folded, missing = fold(context), False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        if found[1] in _LITERALS:
            return _ESCAPED.get(found[1], found[1])
        name, _, default = (part.strip() for part in found[1].partition(","))
        values = lookup(folded, name)
        if values is not None and len(values) == 1:
            return _hide(values[0])
        if quoted := _DEFAULT.fullmatch(default):
            return _hide(quoted[1])
        missing = True
        return ""

    replaced = _VARIABLE.sub(value, text)
    return None if missing else replaced


@lru_cache(maxsize=256)
def _operator(name: str) -> tuple[str, str, bool]:
    """Split an operator's name into qualifier, bare name and whether it ends in ``IfExists``."""
    qualifier, _, bare = name.casefold().rpartition(":")
    return qualifier, bare.removesuffix("ifexists"), bare.endswith("ifexists")


def _one_key(name: str, wanted: Sequence[str], given: tuple[str, ...] | None) -> bool:
    """Whether one operator holds for one key, absent (None) included."""
    qualifier, bare, if_exists = _operator(name)
    if bare == "null":
        return any((given is None) == (one.casefold() == "true") for one in wanted)
    negated = bare in NEGATED
    compare = OPERATORS.get(NEGATED.get(bare, bare))
    if compare is None or qualifier not in {"", "forallvalues", "foranyvalue"}:
        return False
    if given is None:
        return if_exists or qualifier == "forallvalues" or (negated and qualifier != "foranyvalue")

    def one(value: str) -> bool:
        return any(compare(pattern, value) for pattern in wanted) != negated

    every = qualifier == "forallvalues" or (negated and qualifier != "foranyvalue")
    return all(map(one, given)) if every else any(map(one, given))


def holds(
    conditions: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]], context: Context, *, variables: bool = True
) -> bool:
    """Whether a statement's whole condition block holds for *context*.

    *variables* is False for documents of version 2008-10-17, in which ``${…}`` is literal text.
    """
    if not conditions:
        return True
    folded = fold(context)
    return all(
        _one_key(operator, _resolved(values, folded, variables=variables), lookup(folded, key))
        for operator, keys in conditions
        for key, values in keys
    )


def _resolved(values: Sequence[str], context: Folded, *, variables: bool) -> Sequence[str]:
    """Return the values to compare with; one whose variable has no value compares equal to nothing."""
    if not variables:
        return values
    return [text for one in values if (text := substitute(one, context)) is not None]
