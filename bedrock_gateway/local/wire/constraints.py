"""Lengths, ranges, patterns and enumerations of a request's members, as the service's model has them.

botocore checks only a part of them before it sends, and moto few: AWS refuses the rest in these words.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["refuse_out_of_range"]

_WIDER_THAN_MODELLED = frozenset({"AttachmentName"})
"""Shapes whose pattern leaves out what their own documentation permits: wildcards."""
_NUMBERS = frozenset({"integer", "long", "float", "double"})


def refuse_out_of_range(params: Mapping[str, Any], shape: Any) -> None:
    """Pass parameters that keep every constraint of *shape*.

    Raises:
        Fault: ``ValidationError``, with each member that does not.
    """
    found = list(_structure(params, shape, ""))
    if found:
        many = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
        raise Fault("ValidationError", f"{many}: {'; '.join(found)}", 400)


def _structure(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) in (None, [], ""):
            yield _failed("null", _joined(path, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) not in (None, []):
            yield from _of(value[name], member, _joined(path, name))


def _joined(path: str, name: str) -> str:
    own = name[:1].lower() + name[1:]
    return f"{path}.{own}" if path else own


def _of(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _structure(value, shape, path)
        return
    for text in _broken(value, shape):
        yield _failed(value, path, text)
    if shape.type_name == "list":
        for number, one in enumerate(value, 1):
            yield from _of(one, shape.member, f"{path}.{number}.member")


def _broken(value: Any, shape: Any) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    number = shape.type_name in _NUMBERS
    size, word = (value, "value") if number else (len(value), "length") if isinstance(value, str | list) else (None, "")
    if size is not None and least is not None and size < least:
        yield f"Member must have {word} greater than or equal to {least}"
    if size is not None and most is not None and size > most:
        yield f"Member must have {word} less than or equal to {most}"
    pattern = shape.metadata.get("pattern")
    if (
        pattern
        and shape.name not in _WIDER_THAN_MODELLED
        and isinstance(value, str)
        and not _compiled(pattern).fullmatch(value)
    ):
        yield f"Member must satisfy regular expression pattern: {pattern}"
    allowed = shape.metadata.get("enum")
    if allowed and isinstance(value, str) and value not in allowed:
        yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _failed(value: Any, path: str, constraint: str) -> str:
    shown = str(value)
    short = shown if len(shown) <= 200 else f"{shown[:200]}..."  # noqa: PLR2004 - enough to find it again
    return f"Value '{short}' at '{path}' failed to satisfy constraint: {constraint}"
