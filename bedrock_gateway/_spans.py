"""Where the quoted part of an answer is in it: AWS's spans, which differ in form, as half-open spans in code points.

Recordings show both ends: a unary reply's span ends on its last character, a streamed one's behind it. In what AWS counts is
not documented, and no recording has a character that would tell; so a span is believed only where the quoted text stands
there, counted in code points, in UTF-16 units or in bytes of UTF-8. Not verified against AWS for other than ASCII.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["span_of"]


def _in_utf16(character: str) -> int:
    return 1 if character < "\U00010000" else 2


def _in_utf8(character: str) -> int:
    return 1 if character < "\x80" else 2 if character < "\u0800" else 3 if character < "\U00010000" else 4


def span_of(text: str, quoted: str, start: int | None, end: int | None) -> tuple[int, int] | None:
    """Return where *quoted* stands in *text*, half-open, by AWS's *start* and *end*; else the only place where it does.

    None: there is no such place, or AWS's span holds something else and there are several.
    """
    if not quoted:
        return None
    if start is not None and end is not None:
        for at in _starts(text, quoted, start, end):
            if text.startswith(quoted, at):
                return at, at + len(quoted)
    at = text.find(quoted)
    if at < 0 or text.find(quoted, at + 1) >= 0:
        return None
    return at, at + len(quoted)


def _starts(text: str, quoted: str, start: int, end: int) -> Iterator[int]:
    """Where *quoted* would begin, in each unit in which it is as long as the span says."""
    if start < 0:
        return
    if _fits(len(quoted), start, end):
        yield start
    if text.isascii():
        return
    for width in (_in_utf16, _in_utf8):
        if not _fits(sum(map(width, quoted)), start, end):
            continue
        reached = 0
        for at, character in enumerate(text):
            if reached >= start:
                yield at
                break
            reached += width(character)


def _fits(length: int, start: int, end: int) -> bool:
    return end - start in {length - 1, length}
