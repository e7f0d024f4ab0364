"""Where a key stands in a TOML file.

The parser of the standard library gives values without positions, and an error that names the line is worth a small
scan. It knows table headers and bare keys at the start of a line; for inline and dotted tables the header's line is
the answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["place_of"]

_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\"'.-]+)\s*=")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _expanded(parts: tuple[str, ...], arrays: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """*parts* with the number of the element behind each array of tables in it."""
    made: tuple[str, ...] = ()
    for part in parts:
        made = (*made, part)
        if made in arrays:
            made = (*made, str(arrays[made]))
    return made


def place_of(text: str, path: Sequence[str]) -> tuple[int, int | None]:
    """Return how many parts of *path* stand in *text*, and the line of the last, from 1; (0, None) if none does."""
    names = tuple(path)
    best, best_line = 0, None
    table: tuple[str, ...] = ()
    arrays: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            *above, last = _parts(header[1])
            table = (*_expanded(tuple(above), arrays), last)
            if line.lstrip().startswith("[["):
                arrays[table] = arrays.get(table, -1) + 1
            table = _expanded(table, arrays)
            here = table
        elif key := _KEY.match(line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if len(here) > best and here == names[: len(here)]:
            best, best_line = len(here), number
    return best, best_line
