"""Metadata filters for `Gateway.retrieve` and its kin: AWS's operators as functions, combined with ``&``, ``|`` and ``~``.

::

    from bedrock_gateway import filters

    recent = filters.equals("team", "people") & ~filters.less_than("year", 2024)
    gateway.retrieve("How many days of leave?", knowledge_base="handbook", metadata_filter=recent)

A filter becomes AWS's RetrievalFilter; a dict in AWS's own words can be given in its place everywhere. What the store of a
knowledge base cannot do, and what is nested deeper than AWS takes, is refused before anything is sent.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrievalFilter.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Attribute",
    "Filter",
    "ImplicitFilter",
    "and_all",
    "equals",
    "greater_than",
    "greater_than_or_equals",
    "in_",
    "less_than",
    "less_than_or_equals",
    "list_contains",
    "not_equals",
    "not_in",
    "or_all",
    "starts_with",
    "string_contains",
]

_OPPOSITES = {
    "equals": "notEquals",
    "in": "notIn",
    "greaterThan": "lessThanOrEquals",
    "lessThan": "greaterThanOrEquals",
    "andAll": "orAll",
}
_OPPOSITE_OF = _OPPOSITES | {value: key for key, value in _OPPOSITES.items()}


@dataclass(frozen=True, slots=True)
class Filter:
    """A metadata filter, made by the functions of this module; its values are never part of a repr."""

    operator: str
    """As AWS has it: ``equals``, ``andAll`` and so on."""
    key: str | None = None
    """Name of the attribute; None: it is a group."""
    value: Any = field(default=None, repr=False)
    parts: tuple[Filter, ...] = ()
    """Filters of a group."""

    def __and__(self, other: Filter) -> Filter:
        """Both hold."""
        return _group("andAll", self, other)

    def __or__(self, other: Filter) -> Filter:
        """Either holds."""
        return _group("orAll", self, other)

    def __invert__(self) -> Filter:
        """The opposite, in AWS's words; AWS has no operator for *not*.

        A document without the attribute satisfies ``not_equals``, and neither a comparison nor its opposite.

        Raises:
            ConfigError: the operator has no opposite: ``starts_with``, ``string_contains``, ``list_contains``.
        """
        opposite = _OPPOSITE_OF.get(self.operator)
        if opposite is None:
            raise ConfigError(f"{self.operator} has no opposite among AWS's operators; say what is to hold instead")
        return Filter(opposite, self.key, self.value, tuple(~one for one in self.parts))

    def __bool__(self) -> bool:
        """Refuse ``and``, ``or`` and ``not``, which would silently drop one of two filters.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("filters are combined with & and |, and turned round with ~: `and`, `or` and `not` lose one")

    def to_dict(self) -> dict[str, Any]:
        """Return AWS's RetrievalFilter."""
        if self.parts:
            return {self.operator: [one.to_dict() for one in self.parts]}
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {self.operator: {"key": self.key, "value": value}}


def _group(operator: str, *parts: Filter) -> Filter:
    """Join *parts*; a group inside of a group of its own kind is no level of nesting."""
    return Filter(operator, parts=tuple(_flat(operator, parts)))


def _flat(operator: str, parts: tuple[Any, ...]) -> Iterator[Filter]:
    for one in parts:
        if not isinstance(one, Filter):
            raise ConfigError(f"a group holds filters of this module, not {type(one).__name__}")
        yield from one.parts if one.operator == operator else (one,)


def and_all(*parts: Filter) -> Filter:
    """All hold; the same as ``a & b & c``. AWS takes two to five in a group, and groups in one level of a group.

    Raises:
        ConfigError: there is none.
    """
    return _joined("andAll", parts)


def or_all(*parts: Filter) -> Filter:
    """At least one holds; the same as ``a | b | c``. The limits are those of `and_all`.

    Raises:
        ConfigError: there is none.
    """
    return _joined("orAll", parts)


def _joined(operator: str, parts: tuple[Filter, ...]) -> Filter:
    if not parts:
        raise ConfigError(f"{operator} of nothing is no filter")
    made = _group(operator, *parts)
    return made.parts[0] if len(made.parts) == 1 else made  # AWS has no group of one


def equals(key: str, value: str | float | bool) -> Filter:
    """The attribute is *value*."""
    return Filter("equals", key, value)


def not_equals(key: str, value: str | float | bool) -> Filter:
    """The attribute is not *value*, or the document has none of that name."""
    return Filter("notEquals", key, value)


def greater_than(key: str, value: float) -> Filter:
    """The attribute is a number above *value*."""
    return Filter("greaterThan", key, value)


def greater_than_or_equals(key: str, value: float) -> Filter:
    """The attribute is a number of at least *value*."""
    return Filter("greaterThanOrEquals", key, value)


def less_than(key: str, value: float) -> Filter:
    """The attribute is a number below *value*."""
    return Filter("lessThan", key, value)


def less_than_or_equals(key: str, value: float) -> Filter:
    """The attribute is a number of at most *value*."""
    return Filter("lessThanOrEquals", key, value)


def in_(key: str, values: Sequence[str]) -> Filter:
    """The attribute is one of *values*."""
    return Filter("in", key, _values("in", values))


def not_in(key: str, values: Sequence[str]) -> Filter:
    """The attribute is none of *values*."""
    return Filter("notIn", key, _values("notIn", values))


def _values(operator: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, set, frozenset)):
        raise ConfigError(f"{operator} takes a sequence of values, not {type(values).__name__}")
    return tuple(values)


def starts_with(key: str, value: str) -> Filter:
    """The attribute is a string that begins with *value*; few stores have it."""
    return Filter("startsWith", key, value)


def string_contains(key: str, value: str) -> Filter:
    """The attribute is a string that holds *value*, or a list of which one does; not every store has it."""
    return Filter("stringContains", key, value)


def list_contains(key: str, value: str) -> Filter:
    """The attribute is a list of strings, and *value* is one of them."""
    return Filter("listContains", key, value)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that a model may filter by; the description is what the model reads."""

    key: str
    type: Literal["STRING", "NUMBER", "BOOLEAN", "STRING_LIST"]
    description: str


@dataclass(frozen=True, slots=True)
class ImplicitFilter:
    """A filter that a model makes from the question: AWS calls *model* for it, once a call more, which is billed.

    Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_ImplicitFilterConfiguration.html
    """

    attributes: Sequence[Attribute]
    """1 to 25."""
    model: str
    """Model id, inference profile id or ARN; declared as any other model."""
