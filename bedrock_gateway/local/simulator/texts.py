"""The text of a policy: where each statement stands in it, and which context keys it asks for.

A position is where AWS puts it: a statement starts behind the bracket or comma before it, and ends behind its own brace.
Source: AWS CLI reference, the example of simulate-principal-policy.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.document import Statement

__all__ = ["keys_of", "position", "spans", "variables_of"]

_SPACE = re.compile(r"\s*")
_VARIABLE = re.compile(r"\$\{\s*([A-Za-z][\w.-]*:[^,}'\s]+)")
_decode = json.JSONDecoder().raw_decode

Span = tuple[int, int]
"""Offsets of a statement's start and end."""


def _past_space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found else offset


def _value_end(text: str, offset: int) -> int:
    return int(_decode(text, offset)[1])


def _elements(text: str, bracket: int) -> Iterator[Span]:
    start = bracket + 1
    while text[_past_space(text, start)] != "]":
        end = _value_end(text, _past_space(text, start))
        yield start, end
        after = _past_space(text, end)
        if text[after] != ",":
            return
        start = after + 1


def spans(text: str) -> tuple[Span, ...]:
    """Return where each statement of a policy that can be parsed stands in *text*, in their order."""
    offset = _past_space(text, 0) + 1
    while text[offset] != "}":
        name, end = _decode(text, _past_space(text, offset))
        colon = _past_space(text, end)
        value = _past_space(text, colon + 1)
        if name == "Statement":
            return tuple(_elements(text, value)) if text[value] == "[" else ((colon + 1, _value_end(text, value)),)
        offset = _past_space(text, _value_end(text, value))
        offset = _past_space(text, offset + (text[offset] == ","))
    return ()


def position(text: str, offset: int) -> dict[str, int]:
    """Return line and column of *offset*, both from 1."""
    return {"Line": text.count("\n", 0, offset) + 1, "Column": offset - text.rfind("\n", 0, offset)}


def keys_of(statement: Statement) -> list[str]:
    """Return every context key that a statement asks for, in its conditions and as a policy variable."""
    values = [value for _, keys in statement.conditions for _, listed in keys for value in listed]
    named = [key for _, keys in statement.conditions for key, _ in keys]
    return list(dict.fromkeys([*named, *variables_of(*values), *variables_of(*_resources(statement))]))


def variables_of(*texts: str) -> list[str]:
    """Return the context keys that policy variables in *texts* stand for."""
    return [name for text in texts for name in _VARIABLE.findall(text)]


def _resources(statement: Statement) -> tuple[Any, ...]:
    return (*statement.resources, *statement.not_resources)
