"""Pieces of one member, as deltas bring them, put together; pure."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["joined", "joined_blob", "merged"]

_BLOBS = frozenset({"bytes"})


def joined(pieces: Iterable[str]) -> str:
    """Return the text of *pieces*; a character that is split between two of them, by halves of a pair, is one again."""
    text = "".join(pieces)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text


def merged(before: Any, piece: Any) -> Any:
    """Return *before* with *piece* added: text and lists grow, members of objects too; of anything else the later holds."""
    if isinstance(before, dict) and isinstance(piece, dict):
        made = dict(before)
        for name, value in piece.items():
            if name not in made:
                made[name] = value
            else:
                made[name] = joined_blob(made[name], value) if name in _BLOBS else merged(made[name], value)
        return made
    if isinstance(before, list) and isinstance(piece, list):
        return _grown(before, piece)
    if isinstance(before, str) and isinstance(piece, str):
        return before + piece
    return before if piece is None else piece


_TEXT = {"text"}


def _grown(before: list[Any], piece: list[Any]) -> list[Any]:
    """A list and its next elements; a text goes on where the last element is one."""
    made = list(before)
    for one in piece:
        last = made[-1] if made else None
        if isinstance(one, dict) and isinstance(last, dict) and one.keys() == last.keys() == _TEXT:
            made[-1] = merged(last, one)
        else:
            made.append(one)
    return made


def joined_blob(before: Any, piece: Any) -> Any:
    """Return two pieces of a blob as one: Base64 in a frame, bytes from botocore's parser."""
    if before is None:
        return piece
    if isinstance(before, bytes) and isinstance(piece, bytes):
        return before + piece
    try:
        return base64.b64encode(base64.b64decode(before) + base64.b64decode(piece)).decode()
    except (TypeError, ValueError, binascii.Error):
        return piece
