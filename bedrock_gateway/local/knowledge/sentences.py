"""Which sentences of a chunk may be quoted.

Headings, tables, code and data may not; a heading goes with the sentences under it. Lines that were broken to fit a page
are read as the paragraph they are: a sentence may run over their ends, and is quoted with its line breaks.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Sentence", "sentences"]

_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})(?P<info>.*)$")
_HEADING = re.compile(r"^\s*#{1,6}\s+(?P<title>.+?)\s*#*$")
_UNDERLINE = re.compile(r"^\s*(?:={3,}|-{3,})\s*$")
_DATA = re.compile(r"^\s*(?:\||[{}\[\]<]|\"[^\"]*\"\s*:|:?-{2,}).*$")
_INDENTED = re.compile(r"^(?: {4,}|\t)(?!\s*(?:[-*+]|\d{1,3}[.)])\s)")
_MARKER = re.compile(r"^\s*(?:(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?|>\s*)*")
_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])[\"'\u201d\u2019)\]]*(?:\s+|$)")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|nos|fig|sec|dr|mr|mrs|ms|st|inc|ltd|co|u\.s)|\b[A-Z])\.$", re.IGNORECASE)  # fmt: skip
# What indented text must look like to be prose of a plain-text file rather than code of a Markdown one.
_PROSE = re.compile(r"\s*[A-Z][a-z]*(?:[,;:]?\s+[\w(\"'][\w'\u2019\-/.)\"]*){5,}[.!?]\s*", re.DOTALL)

_MAX_LENGTH = 600
_MIN_WORDS = 3
_WRAPPED_SHARE = 0.3
"""Share of lines going on in lower case, from which on the lines of a paragraph are taken for one broken text."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One quotable sentence of a chunk."""

    text: str
    chunk: int
    position: int
    """Where in the chunk it starts."""
    heading: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of running text: where its text starts and ends in the chunk."""

    start: int
    end: int
    marked: bool
    """Whether a bullet, a number or a quotation mark stands before it: it begins a paragraph."""
    indented: bool


def sentences(text: str, chunk: int = 0, *, cut: bool = True) -> Iterator[Sentence]:
    """Yield the sentences of a chunk's *text* that may be quoted.

    *cut*: whether the chunk may begin in the middle of a sentence; one that begins it in lower case is left out then.
    """
    for heading, lines in _paragraphs(text):
        for start, end in _stretches(text, lines):
            for first, last in _pieces(text[start:end]):
                piece = text[start + first : start + last]
                begun = cut and not text[: start + first].strip() and piece[:1].islower()
                if len(piece.split()) >= _MIN_WORDS and len(piece) <= _MAX_LENGTH and not begun:
                    yield Sentence(piece, chunk, start + first, heading)


def _begins_in_code(lines: Sequence[str]) -> bool:
    """Whether a chunk was cut inside a code block: its fences do not pair, and the first one closes."""
    marks = [match["info"].strip() for line in lines if (match := _FENCE.match(line))]
    return len(marks) % 2 == 1 and not marks[0]


def _paragraphs(text: str) -> Iterator[tuple[str, list[_Line]]]:
    """Yield (heading, consecutive lines of running text)."""
    rows = text.split("\n")
    in_code, heading, at = _begins_in_code(rows), "", 0
    held: list[_Line] = []
    for row, following in itertools.zip_longest(rows, rows[1:], fillvalue=""):
        fence = _FENCE.match(row) is not None
        title = None if fence or in_code else _title(row, following)
        line = None if fence or in_code or title else _line(row, at)
        if held and (line is None or line.marked or line.indented != held[-1].indented):
            yield heading, held
            held = []
        held += [line] if line else []
        heading, in_code, at = title or heading, in_code != fence, at + len(row) + 1
    if held:
        yield heading, held


def _title(row: str, following: str) -> str | None:
    """Return the text of a heading, marked by signs before it or by a line under it; None where *row* is none."""
    if found := _HEADING.match(row):
        return found["title"]
    return row.strip() if row.strip() and _UNDERLINE.match(following) and not _UNDERLINE.match(row) else None


def _line(row: str, at: int) -> _Line | None:
    """Return *row* as running text; None for a blank line, a table and data."""
    if not row.strip() or _DATA.match(row) or _UNDERLINE.match(row):
        return None
    marker = _MARKER.match(row)
    first = marker.end() if marker else 0
    return _Line(at + first, at + len(row.rstrip()), bool(row[:first].strip()), _INDENTED.match(row) is not None)


def _stretches(text: str, lines: Sequence[_Line]) -> Iterator[tuple[int, int]]:
    """Yield what is read as one text: a paragraph of broken lines, or each line where they are lines of their own."""
    start, end = lines[0].start, lines[-1].end
    if lines[0].indented and not _PROSE.fullmatch(text[start:end]):
        return
    going_on = sum(text[line.start : line.end].lstrip()[:1].islower() for line in lines[1:])
    if len(lines) > 1 and going_on >= _WRAPPED_SHARE * (len(lines) - 1):
        yield start, end
    else:
        yield from ((line.start, line.end) for line in lines)


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _END.finditer(text):
        if match.end() < len(text) and _ABBREVIATION.search(text[start : match.start()]):
            continue
        yield start, start + len(text[start : match.end()].rstrip())
        start = match.end()
    if text[start:].strip():
        yield start, start + len(text[start:].rstrip())
