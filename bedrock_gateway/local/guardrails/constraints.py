"""What a service model says of the members of a request beyond their types: lengths, ranges, patterns, values.

botocore checks on its side only what is required and what is too short; AWS checks all of it on the other.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.wire.routes import operation_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.local.call import Call

__all__ = ["check"]

_Violation = tuple[str, str]


def check(call: Call) -> None:
    """Pass a request that keeps to its model.

    Raises:
        Fault: ``ValidationException`` in AWS's words, which name the members and never their content.
    """
    shape = operation_model(call.service, call.operation).input_shape
    found = list(_structure(shape, call.params, ""))
    if found:
        several = "s" if len(found) > 1 else ""
        said = "; ".join(f"Value at '{where}' failed to satisfy constraint: {what}" for where, what in found)
        raise Fault("ValidationException", f"{len(found)} validation error{several} detected: {said}")


def _structure(shape: Any, value: Mapping[str, Any], where: str) -> Iterator[_Violation]:
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _value(member, value[name], f"{where}.{name}".lstrip("."))


def _value(shape: Any, value: Any, where: str) -> Iterator[_Violation]:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, where)
    elif kind == "list":
        yield from _sized(shape, len(value), where)
        for number, one in enumerate(value, 1):
            yield from _value(shape.member, one, f"{where}.{number}.member")
    elif kind == "string":
        yield from _text(shape, value, where)
    elif kind in {"integer", "long", "float", "double"}:
        yield from _ranged(shape, value, where)


def _sized(shape: Any, size: int, where: str) -> Iterator[_Violation]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if high is not None and size > high:
        yield where, f"Member must have length less than or equal to {high}"
    if low is not None and size < low:
        yield where, f"Member must have length greater than or equal to {low}"


def _ranged(shape: Any, value: float, where: str) -> Iterator[_Violation]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if high is not None and value > high:
        yield where, f"Member must have value less than or equal to {high}"
    if low is not None and value < low:
        yield where, f"Member must have value greater than or equal to {low}"


def _text(shape: Any, value: str, where: str) -> Iterator[_Violation]:
    yield from _sized(shape, len(value), where)
    if shape.enum and value not in shape.enum:
        yield where, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield where, f"Member must satisfy regular expression pattern: {pattern}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
