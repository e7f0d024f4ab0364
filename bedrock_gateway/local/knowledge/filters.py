"""Metadata filters: Bedrock's ``RetrievalFilter`` is translated to S3 Vectors' filter language, which is evaluated.

One evaluator serves Retrieve and QueryVectors. The operators and their rules (comparison of numbers only, equality with
any element of a list) are those of the S3 User Guide, s3-vectors-metadata-filtering; that a missing key satisfies
``$ne`` and ``$nin`` is an assumption.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial, reduce
from typing import Any

from bedrock_gateway.local.call import Fault

__all__ = ["Test", "check", "compiled", "matches", "select", "translate"]

Test = Callable[[Any], bool]
"""Says whether the value of a metadata key, or None where there is none, is what a filter asks for."""

_TRANSLATED = {
    "equals": "$eq",
    "notEquals": "$ne",
    "greaterThan": "$gt",
    "greaterThanOrEquals": "$gte",
    "lessThan": "$lt",
    "lessThanOrEquals": "$lte",
    "in": "$in",
    "notIn": "$nin",
    "listContains": "$eq",
}
_COMBINED = {"andAll": "$and", "orAll": "$or"}
_MIN_COMBINED = 2
_TEXT_OPERATORS = {"startsWith": "$startsWith", "stringContains": "$contains"}
"""Operators that OpenSearch has and S3 Vectors has not: they are evaluated, and no filter of S3 Vectors can name them."""


def _invalid(reason: str) -> Fault:
    return Fault("ValidationException", reason)


def translate(retrieval_filter: Mapping[str, Any], *, text_operators: bool = False) -> dict[str, Any]:
    """Turn a ``RetrievalFilter`` into an S3 Vectors filter; with *text_operators*, into one with more than that has.

    Raises:
        Fault: ``ValidationException`` where it is malformed, or asks for what S3 Vectors cannot do.
    """
    if len(retrieval_filter) != 1:
        raise _invalid("A retrieval filter must have exactly one operator.")
    ((name, operand),) = retrieval_filter.items()
    if name in _TEXT_OPERATORS and not text_operators:
        raise _invalid(f"The {name} filter is not supported by the Amazon S3 Vectors vector store.")
    if name in _COMBINED:
        if len(operand) < _MIN_COMBINED:
            raise _invalid(f"The {name} filter needs at least two filters.")
        return {_COMBINED[name]: [translate(part, text_operators=text_operators) for part in operand]}
    known = {**_TRANSLATED, **_TEXT_OPERATORS}
    if name not in known:
        raise _invalid(f"Unknown retrieval filter {name}.")
    return {operand["key"]: {known[name]: operand["value"]}}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "other"


def _equal(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, list):
        return any(_equal(element, wanted) for element in actual)
    return _kind(actual) == _kind(wanted) and bool(actual == wanted)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, wanted: _kind(actual) == "number" and compare(actual, wanted)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda actual, wanted: not _equal(actual, wanted),
    "$gt": _compared(operator.gt),
    "$gte": _compared(operator.ge),
    "$lt": _compared(operator.lt),
    "$lte": _compared(operator.le),
    "$in": lambda actual, wanted: any(_equal(actual, element) for element in wanted),
    "$nin": lambda actual, wanted: not any(_equal(actual, element) for element in wanted),
    "$exists": lambda actual, wanted: (actual is not None) is wanted,
}


def _in_text(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """Of a list, one element has to satisfy it."""

    def satisfied(actual: Any, wanted: Any) -> bool:
        texts = actual if isinstance(actual, list) else [actual]
        return isinstance(wanted, str) and any(isinstance(one, str) and holds(one, wanted) for one in texts)

    return satisfied


_EVALUATED = {
    **_OPERATORS,
    "$startsWith": _in_text(str.startswith),
    "$contains": _in_text(lambda text, wanted: wanted in text),
}
_NUMERIC = frozenset({"$gt", "$gte", "$lt", "$lte"})
_LISTED = frozenset({"$in", "$nin"})
_LOGICAL: dict[str, Callable[[Any, Any], Any]] = {"$and": operator.and_, "$or": operator.or_}


def check(query_filter: Any, non_filterable: Collection[str] = ()) -> None:
    """Refuse a filter that S3 Vectors would refuse.

    Raises:
        Fault: ``ValidationException``.
    """
    if not isinstance(query_filter, Mapping) or not query_filter:
        raise _invalid("Invalid query filter: a filter must be a non-empty object.")
    for key, operand in query_filter.items():
        if key in _LOGICAL:
            if not isinstance(operand, list) or not operand:
                raise _invalid(f"Invalid query filter: {key} needs a non-empty array of filters.")
            for part in operand:
                check(part, non_filterable)
        else:
            _check_field(key, operand, non_filterable)


def _check_field(key: str, operand: Any, non_filterable: Collection[str]) -> None:
    if key.startswith("$"):
        raise _invalid(f"Invalid query filter: unknown operator {key}.")
    if key in non_filterable:
        raise _invalid(f"Invalid query filter: {key} is a non-filterable metadata key.")
    for name, wanted in _conditions(operand).items():
        if name not in _OPERATORS:
            raise _invalid(f"Invalid query filter: unknown operator {name}.")
        if not _well_typed(name, wanted):
            raise _invalid(f"Invalid query filter: {name} does not take a value of that type.")


def _well_typed(name: str, wanted: Any) -> bool:
    if name in _LISTED:
        return isinstance(wanted, list) and bool(wanted) and all(_kind(element) != "other" for element in wanted)
    if name == "$exists":
        return isinstance(wanted, bool)
    return _kind(wanted) == "number" if name in _NUMERIC else _kind(wanted) != "other"


def _conditions(operand: Any) -> Mapping[str, Any]:
    return operand if isinstance(operand, Mapping) else {"$eq": operand}


def select(query_filter: Mapping[str, Any], where: Callable[[str, Test], Any]) -> Any:
    """Evaluate a checked S3 Vectors filter, whatever *where* returns for a key and the test of its value.

    *where* is asked once a condition; what it returns is combined by ``&`` and ``|``: booleans for one vector, arrays of
    booleans for all at once.
    """
    return reduce(operator.and_, _conjuncts(query_filter, where), True)


def _conjuncts(query_filter: Mapping[str, Any], where: Callable[[str, Test], Any]) -> Iterator[Any]:
    for key, operand in query_filter.items():
        if key in _LOGICAL:
            yield reduce(_LOGICAL[key], [select(part, where) for part in operand])
        else:
            for name, wanted in _conditions(operand).items():
                yield where(key, partial(_test, _EVALUATED[name], wanted))


def _test(holds: Callable[[Any, Any], bool], wanted: Any, actual: Any) -> bool:
    return holds(actual, wanted)


def compiled(query_filter: Mapping[str, Any]) -> Test:
    """Return what says whether metadata satisfies every member of a checked S3 Vectors filter."""
    return partial(matches, query_filter)


def matches(query_filter: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Say whether *metadata* satisfies every member of a checked S3 Vectors filter."""
    return bool(select(query_filter, lambda key, test: test(metadata.get(key))))
