"""Where things stand in a JSON text: the line and column of a member, and of a key that stands twice.

Only asked for when there is something to say about it, so that reading a good document costs no more than `json.loads`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Path", "Position", "duplicate", "locate", "places", "position"]

Path = tuple[str | int, ...]
"""Keys and indices from the top of a document, such as ``("Statement", 1, "Action")``."""
Position = tuple[int, int]
"""Line and column, both from 1; the column counts characters."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


@dataclass(slots=True)
class _Open:
    """An object or a list that is being read."""

    path: Path
    is_object: bool
    index: int = 0
    key: str | None = None
    """For an object: whose value comes next; None while a key comes next."""
    seen: set[str] = field(default_factory=set)

    def inside(self) -> Path:
        """The path of the value that comes next."""
        return (*self.path, (self.key or "") if self.is_object else self.index)


def _walk(text: str) -> Iterator[tuple[Path, int, bool]]:
    """Yield path, offset and whether it is there for the second time, of every member (at its key) and element."""
    stack: list[_Open] = []
    for token in _TOKEN.finditer(text):
        what, top = token[0], stack[-1] if stack else None
        if what == ",":
            if top:
                top.index += 1
                top.key = None
        elif what in "]}":
            if stack:
                stack.pop()
        elif what == ":":
            continue
        elif top and top.is_object and top.key is None:
            key = str(json.loads(what))
            top.key = key
            yield (*top.path, key), token.start(), key in top.seen
            top.seen.add(key)
        else:
            path = top.inside() if top else ()
            if top is None or not top.is_object:
                yield path, token.start(), False
            if what in "{[":
                stack.append(_Open(path, what == "{"))


def position(text: str, offset: int) -> Position:
    """Return the line and column of *offset* in *text*."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def places(text: str) -> dict[Path, Position]:
    """Return where every member (at its key) and element of a valid JSON *text* stands."""
    lines = [0, *(found.end() for found in re.finditer("\n", text))]
    found: dict[Path, Position] = {}
    for path, offset, _ in _walk(text):
        line = bisect_right(lines, offset)
        found.setdefault(path, (line, offset - lines[line - 1] + 1))
    return found


def locate(text: str, path: Path) -> Position | None:
    """Return where the member or element at *path* stands in a valid JSON *text*, or None."""
    return next((position(text, offset) for found, offset, _ in _walk(text) if found == path), None)


def duplicate(text: str) -> tuple[Path, Position] | None:
    """Return the first member of a valid JSON *text* whose key stands twice in its object, where it does so again."""
    return next(((path, position(text, offset)) for path, offset, again in _walk(text) if again), None)
