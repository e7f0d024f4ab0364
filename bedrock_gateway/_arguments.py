"""What a caller hands over, checked before anything is built from it: no socket is opened for a value that cannot go out.

botocore would let much of it pass (``..`` in a model id, NaN as invalid JSON) or quote it in an exception. Here a value
is named, never shown: it can be a prompt.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from bedrock_gateway.errors import InvalidRequestError

__all__ = [
    "MOST_SECONDS",
    "SIZE_LIMIT",
    "callback",
    "choice",
    "document",
    "flag",
    "identifier",
    "integer",
    "mapping",
    "number",
    "refuse",
    "text",
    "texts",
]

SIZE_LIMIT = 25_000_000
"""Bytes of a request. Source: API reference of InvokeModel, ``body``: maximum length of 25000000."""
MOST_SECONDS = 1e8
"""Three years. Clocks and sockets overflow somewhere above."""
DEPTH_LIMIT = 100
_IDENTIFIER_LIMIT = 2048
_INTEGER_LIMIT = 1 << 63
_VALUES_LIMIT = 1_000_000


def refuse(operation: str, what: str) -> NoReturn:
    """Raise the error of an argument.

    Raises:
        InvalidRequestError: always; nothing was sent.
    """
    raise InvalidRequestError(
        f"{operation}: {what}; nothing was sent", operation=operation, code="ParamValidation", attempts=0
    )


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


def _sendable(operation: str, name: str, value: str) -> None:
    if "\0" in value:
        refuse(operation, f"{name} holds a NUL character")
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        refuse(operation, f"{name} holds half of a surrogate pair, which is no text")
    if size > SIZE_LIMIT:
        refuse(operation, f"{name} is larger than {SIZE_LIMIT} bytes")


def text(operation: str, name: str, value: Any) -> str:
    """Return *value* if it is text that can be sent, and not empty."""
    if not isinstance(value, str):
        refuse(operation, f"{name} is a str, not {_kind(value)}")
    if not value:
        refuse(operation, f"{name} is empty")
    _sendable(operation, name, value)
    return value


def identifier(operation: str, name: str, value: Any) -> str:
    """Return *value* if it can be an id, a name or an ARN: short, printable, ASCII."""
    text(operation, name, value)
    if len(value) > _IDENTIFIER_LIMIT or not value.isascii() or not value.isprintable():
        refuse(operation, f"{name} is no id, name or ARN: those are short and printable ASCII")
    return str(value)


def integer(operation: str, name: str, value: Any, *, least: int = 1, most: int = _INTEGER_LIMIT - 1) -> int:
    """Return *value* if it is a whole number within its bounds."""
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(operation, f"{name} is an int, not {_kind(value)}")
    if not least <= value <= most:
        refuse(
            operation, f"{name} is out of bounds: at least {least}" + ("" if most >= 1 << 62 else f", at most {most}")
        )
    return value


def number(operation: str, name: str, value: Any, *, least: float = 0.0, most: float = math.inf) -> float:
    """Return *value* if it is a finite number within its bounds."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        refuse(operation, f"{name} is a number, not {_kind(value)}")
    if not least <= value <= min(most, sys.float_info.max):  # NaN is nowhere, and an int can be larger than any float
        refuse(
            operation,
            f"{name} is out of bounds: at least {least:g}" + ("" if most == math.inf else f", at most {most:g}"),
        )
    return value


def choice(operation: str, name: str, value: Any, known: Iterable[str]) -> str:
    """Return *value* if it is one of *known*; nothing else is asked to compare itself."""
    if not isinstance(value, str) or value not in known:
        refuse(operation, f"{name} is one of {', '.join(known)}")
    return str(value)


def flag(operation: str, name: str, value: Any) -> bool:
    """Return *value* if it is a bool: what only counts as one could be a mistake."""
    if not isinstance(value, bool):
        refuse(operation, f"{name} is a bool, not {_kind(value)}")
    return value


def callback(operation: str, name: str, value: Any) -> None:
    """Refuse what is to be called and cannot be."""
    if value is not None and not callable(value):
        refuse(operation, f"{name} is a callable, not {_kind(value)}")


def texts(operation: str, name: str, values: Any) -> list[str]:
    """Return *values* as a list of texts."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        refuse(operation, f"{name} is a sequence of str, not {_kind(values)}")
    return [text(operation, f"{name}[{at}]", one) for at, one in enumerate(values)]


def mapping(operation: str, name: str, value: Any, *, blobs: bool = True) -> dict[str, Any]:
    """Return *value* as a dict, if it is a mapping that can be sent; *blobs*: whether bytes can, too."""
    if not isinstance(value, Mapping):
        refuse(operation, f"{name} is a mapping, not {_kind(value)}")
    made = dict(value)
    document(operation, name, made, blobs=blobs)
    return made


def document(operation: str, name: str, value: Any, *, blobs: bool = True) -> None:
    """Refuse what cannot be sent, at any depth: the walk keeps its own stack, as nesting could exhaust Python's.

    Raises:
        InvalidRequestError: a type that JSON has no word for, a number that is not finite, text that is not Unicode,
            nesting deeper than 100, or more than the largest request holds; nothing was sent.
    """
    stack: list[tuple[Any, int]] = [(value, 0)]
    size = seen = 0
    while stack:
        one, depth = stack.pop()
        seen += 1
        if isinstance(one, (Mapping, list, tuple)):
            if depth >= DEPTH_LIMIT:
                refuse(operation, f"{name} is nested deeper than {DEPTH_LIMIT}")
            stack.extend((inner, depth + 1) for inner in _inside(operation, name, one))
        else:
            if not blobs and isinstance(one, (bytes, bytearray)):
                refuse(operation, f"{name} holds bytes, for which there is no JSON: encode them as Base64")
            size += _size(operation, name, one)
        # One value that is referred to again and again is one object here and many on the wire.
        if size > SIZE_LIMIT or seen > _VALUES_LIMIT:
            refuse(operation, f"{name} is larger than a request can be ({SIZE_LIMIT} bytes)")


def _inside(operation: str, name: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, Mapping):
        return list(value)
    for key in value:
        if not isinstance(key, str):
            refuse(operation, f"{name} has a key that is {_kind(key)}, not str")
        _sendable(operation, f"a key of {name}", key)
    return value.values()


def _size(operation: str, name: str, value: Any) -> int:
    """Return how much *value* adds, about."""
    if isinstance(value, str):
        _sendable(operation, name, value)
        return len(value)
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    if isinstance(value, int):  # bool, too
        if not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
            refuse(operation, f"{name} holds an int of more than 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            refuse(operation, f"{name} holds a number that is not finite")
    elif value is not None:
        refuse(operation, f"{name} holds {_kind(value)}, for which there is no JSON")
    return 1
