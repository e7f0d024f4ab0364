"""What a metadata filter may be: AWS's limits, what each operator takes, and what the store of a knowledge base has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bedrock_gateway.capabilities.stores import OPERATORS, STORES
from bedrock_gateway.errors import ConfigError

__all__ = ["FILTER_DEPTH", "FILTER_GROUP", "FILTER_KEY", "check_filter"]

FILTER_GROUP = (2, 5)
"""Least and most filters of ``andAll`` and ``orAll``. Source: API_agent-runtime_RetrievalFilter for the least, User Guide,
kb-test-config, for the most."""
FILTER_DEPTH = 2
"""Levels of groups: one level of embedding. Source: User Guide, kb-test-config."""
FILTER_KEY = 100
"""Most characters of an attribute's name. Source: API_agent-runtime_FilterAttribute."""

_GROUPS = frozenset({"andAll", "orAll"})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, bool, int, float))


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(_is_plain(one) for one in value)


# What the value of an operator is. Source: User Guide, kb-test-config, filtering operators; that lists of `in` hold strings
# only is not enforced, as S3 Vectors compares numbers too.
_VALUES: Mapping[str, tuple[Callable[[object], bool], str]] = MappingProxyType(
    {
        **dict.fromkeys(("equals", "notEquals"), (_is_plain, "a string, a number or a boolean")),
        **dict.fromkeys(
            ("greaterThan", "greaterThanOrEquals", "lessThan", "lessThanOrEquals"), (_is_number, "a number")
        ),
        **dict.fromkeys(("in", "notIn"), (_is_list, "a list of values that is not empty")),
        **dict.fromkeys(
            ("startsWith", "stringContains", "listContains"),
            (lambda value: isinstance(value, str) and bool(value), "a string that is not empty"),
        ),
    }
)


def check_filter(store: str, metadata_filter: Mapping[str, Any]) -> None:
    """Refuse a RetrievalFilter that is malformed, larger than AWS takes, or has an operator that the store has not.

    Raises:
        ConfigError: it is; the message names the operator, and what can be used instead.
    """
    stack: list[tuple[Any, int]] = [(metadata_filter, 1)]
    while stack:
        one, depth = stack.pop()
        operator, value = _operator_of(store, one)
        if operator not in _GROUPS:
            _check_condition(operator, value)
            continue
        least, most = FILTER_GROUP
        if not isinstance(value, (list, tuple)) or not least <= len(value) <= most:
            raise ConfigError(f"{operator} of a metadata filter is a list of {least} to {most} filters")
        if depth > FILTER_DEPTH:
            raise ConfigError("a metadata filter has groups inside of groups, and no further: AWS takes one level")
        stack.extend((inner, depth + 1) for inner in value)


def _operator_of(store: str, given: Any) -> tuple[str, Any]:
    """Return the one operator of a filter, and what it is applied to."""
    if not isinstance(given, Mapping):
        raise ConfigError("a metadata filter is a table of operators, as AWS's RetrievalFilter")
    if len(given) != 1:
        raise ConfigError(f"a metadata filter has exactly one operator, not {len(given)}: combine them with andAll")
    ((name, value),) = given.items()
    operator, refused = str(name), STORES[store].refused_operators
    if operator not in OPERATORS:
        raise ConfigError(
            f"{operator[:80]!r} is no operator of a metadata filter; AWS's are {', '.join(sorted(OPERATORS))}"
        )
    if operator in refused:
        raise ConfigError(f"{store} has no operator {operator}; it has {', '.join(sorted(OPERATORS - refused))}")
    return operator, value


def _check_condition(operator: str, given: Any) -> None:
    if not isinstance(given, Mapping) or set(given) != {"key", "value"}:
        raise ConfigError(f"{operator} of a metadata filter has a key and a value, and nothing else")
    key = given["key"]
    if not isinstance(key, str) or not 1 <= len(key) <= FILTER_KEY:
        raise ConfigError(f"the key of {operator} is the name of an attribute, 1 to {FILTER_KEY} characters long")
    fits, wanted = _VALUES[operator]
    if not fits(given["value"]):
        raise ConfigError(f"the value of {operator} is {wanted}")
