"""The text of a policy: read as JSON, refused with the position of what is wrong, and where in it things stand.

Positions are looked for only when there is something to say about them, so that reading a good document costs no more than `json.loads`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "MAX_BYTES",
    "Path",
    "PolicyError",
    "Position",
    "decoded",
    "duplicate",
    "load",
    "locate",
    "places",
    "position",
]

MAX_BYTES = 1024 * 1024
"""What is read as a policy at most. The largest quota is 32,768 characters (a KMS key policy)."""
_SHOWN = 60

Path = tuple[str | int, ...]
"""Keys and indices from the top of a document, such as ``("Statement", 1, "Action")``."""
Position = tuple[int, int]
"""Line and column, both from 1; the column counts characters."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


class PolicyError(ValueError):
    """The document is not one that IAM would accept.

    Its text starts with the position, as far as it is known.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: Path = (),
        statement: int | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        where = [f"statement {statement}"] if statement else []
        where += [f"line {line}, column {column}"] if line else []
        super().__init__(f"{', '.join(where)}: {reason}" if where else reason)
        self.reason = reason
        self.path = path
        """Keys and indices that lead to it, from the top of what was parsed."""
        self.statement = statement
        """Number of the statement, from 1; None: outside of the statements."""
        self.line = line
        """From 1; None where an object was parsed, not a text."""
        self.column = column

    def within(self, *path: str | int) -> PolicyError:
        """Return the same error, seen from further up."""
        return PolicyError(self.reason, path=(*path, *self.path), statement=self.statement)

    def in_text(self, text: str) -> PolicyError:
        """Return the same error with the line and column that its path has in *text*."""
        at = next((found for end in range(len(self.path), -1, -1) if (found := locate(text, self.path[:end]))), None)
        line, column = at or (None, None)
        return PolicyError(self.reason, path=self.path, statement=self.statement, line=line, column=column)


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


def decoded(document: str | bytes) -> str:
    """Return the text of a document, URL-encoding taken away.

    Raises:
        PolicyError: it is over 1 MiB, or not UTF-8.
    """
    size = len(document) if isinstance(document, bytes) else len(document.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        raise PolicyError(f"{size:,} bytes: a policy of more than 1 MiB is not read", line=1, column=1)
    try:
        text = document.decode("utf-8-sig") if isinstance(document, bytes) else document
    except UnicodeDecodeError as error:
        line, column = position(document[: error.start].decode(errors="replace"), error.start)  # type: ignore[union-attr]
        raise PolicyError("not UTF-8", line=line, column=column) from None
    return unquote(text) if text.lstrip().startswith("%7B") else text


class _TwiceError(ValueError):
    """A key stands twice in one object."""


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        raise _TwiceError
    return seen


def _no_constant(name: str) -> NoReturn:
    raise PolicyError(f"not JSON: {name} is no number")


def load(text: str) -> Mapping[str, Any]:
    """Return the JSON object that *text* is; numbers are Decimals.

    Raises:
        PolicyError: it is none, a key stands twice, or it is nested too deeply.
    """
    try:
        data = json.loads(
            text, object_pairs_hook=_no_twice, parse_int=Decimal, parse_float=Decimal, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise PolicyError(f"not JSON: {error.msg}", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise PolicyError("not a policy: nested too deeply", line=1, column=1) from None
    except _TwiceError:
        found = duplicate(text)
        path, (line, column) = found or ((), (1, 1))
        number = path[1] + 1 if len(path) > 1 and path[0] == "Statement" and isinstance(path[1], int) else None
        reason = f"{str(path[-1])[:_SHOWN]} stands twice in one object"
        raise PolicyError(reason, path=path, statement=number, line=line, column=column) from None
    if not isinstance(data, dict):
        raise PolicyError("a policy is a JSON object")
    return data
