"""Cut a document's text into the chunks that are embedded and retrieved.

A token is four characters here, by rule. A chunk is a slice of the text, so nothing is lost or invented: together the
chunks cover every character that is not white space, each is at most the configured size, and two neighbours share at
most the configured overlap.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.local.knowledge.embedders import HASHING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.local.knowledge.embedders import Embedder

__all__ = ["CHARACTERS_PER_TOKEN", "Chunk", "fixed_size", "hierarchical", "semantic", "whole"]

CHARACTERS_PER_TOKEN = 4
_SEMANTIC_DIMENSIONS = 256

# The strongest break that falls in the last part of the window wins: before a heading, between paragraphs, after a
# sentence, between words.
_BREAKS = (
    re.compile(r"\n(?=#{1,6} )"),
    re.compile(r"\n\s*\n"),
    re.compile(r"(?<=[.!?\u3002\uff01\uff1f])['\"\u201d\u2019)\]]*\s+|\n"),
    re.compile(r"\s+"),
)
_SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])['\"\u201d\u2019)\]]*\s+|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One slice of a document's text."""

    start: int
    end: int
    text: str


def _chunk(text: str, start: int, end: int) -> Chunk:
    return Chunk(start, end, text[start:end])


def whole(text: str) -> list[Chunk]:
    """Return the text as one chunk (strategy ``NONE``); none where it is blank."""
    return [_chunk(text, 0, len(text))] if text.strip() else []


def _last_break(text: str, start: int, limit: int) -> int:
    earliest = start + (limit - start) // 2
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(text, earliest, limit)]
        if ends:
            return ends[-1]
    # No white space at all: cut, but never between a letter and the marks that combine with it.
    end = limit
    while end > earliest and unicodedata.combining(text[end]):
        end -= 1
    return end if end > start else limit


def _next_start(text: str, start: int, end: int, overlap: int) -> int:
    earliest = max(start + 1, end - overlap)
    for pattern in (_SENTENCE_END, _BREAKS[3]):
        match = pattern.search(text, earliest, end)
        if match and match.end() < end:
            return match.end()
    return end


def _windows(text: str, size: int, overlap: int) -> Iterator[Chunk]:
    start = 0
    while start < len(text):
        limit = start + size
        end = len(text) if limit >= len(text) else _last_break(text, start, limit)
        if text[start:end].strip():
            yield _chunk(text, start, end)
        if end >= len(text):
            return
        start = _next_start(text, start, end, overlap) if overlap else end


def fixed_size(text: str, *, max_tokens: int = 300, overlap_percentage: int = 20) -> list[Chunk]:
    """Cut *text* into chunks of at most *max_tokens* that overlap by at most *overlap_percentage* of that."""
    size = max(1, max_tokens * CHARACTERS_PER_TOKEN)
    return list(_windows(text, size, size * overlap_percentage // 100))


def hierarchical(text: str, *, parent_tokens: int, child_tokens: int, overlap_tokens: int) -> list[tuple[Chunk, Chunk]]:
    """Cut *text* into large chunks and each of these into small ones; return (child, its parent) in order.

    Both layers overlap by at most *overlap_tokens*; a child never reaches beyond its parent.
    """
    overlap = overlap_tokens * CHARACTERS_PER_TOKEN
    return [
        (Chunk(parent.start + child.start, parent.start + child.end, child.text), parent)
        for parent in _windows(text, parent_tokens * CHARACTERS_PER_TOKEN, overlap)
        for child in _windows(parent.text, child_tokens * CHARACTERS_PER_TOKEN, overlap)
    ]


def _sentences(text: str) -> list[Chunk]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    starts = [0, *ends]
    return [_chunk(text, a, b) for a, b in zip(starts, [*ends, len(text)], strict=True) if b > a]


def semantic(
    text: str, *, max_tokens: int, breakpoint_percentile: int, buffer_size: int = 0, embedder: Embedder = HASHING
) -> list[Chunk]:
    """Cut *text* where neighbouring sentences differ most, and wherever *max_tokens* is reached.

    Each sentence is compared together with the *buffer_size* sentences before and behind it.
    """
    sentences = _sentences(text)
    groups = [
        text[sentences[max(0, n - buffer_size)].start : sentences[min(len(sentences) - 1, n + buffer_size)].end]
        for n in range(len(sentences))
    ]
    vectors = embedder.embed(groups, _SEMANTIC_DIMENSIONS)
    distances = [1.0 - sum(x * y for x, y in zip(a, b, strict=True)) for a, b in itertools.pairwise(vectors)]
    ranked = sorted(distances)
    rank = math.ceil(len(ranked) * breakpoint_percentile / 100) - 1
    threshold = ranked[max(0, rank)] if ranked else 2.0
    bounds = [0, *(s.end for s, d in zip(sentences, distances, strict=False) if d > threshold), len(text)]
    return [
        Chunk(start + piece.start, start + piece.end, piece.text)
        for start, end in itertools.pairwise(bounds)
        for piece in fixed_size(text[start:end], max_tokens=max_tokens, overlap_percentage=0)
    ]
