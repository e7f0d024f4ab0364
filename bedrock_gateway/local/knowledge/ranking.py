"""The lexical half of retrieval: BM25 over the chunks' own words, as a share of what a perfect chunk would score."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.local.knowledge.embedding import content_terms, embed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["lexical_scores", "relevance", "scores"]

_K1 = 1.2
_B = 0.75
_LEXICAL_SHARE = 0.5
_RERANKING_DIMENSIONS = 256


@lru_cache(maxsize=16384)
def _counts(text: str) -> Counter[str]:
    return Counter(content_terms(text))


def lexical_scores(question: str, texts: Sequence[str]) -> list[float]:
    """Return a score from 0 to 1 for each of *texts*: how much of what *question* asks for it talks about."""
    asked = tuple(dict.fromkeys(content_terms(question)))
    counts = [_counts(text) for text in texts]
    if not asked or not counts:
        return [0.0] * len(texts)
    lengths = [counter.total() for counter in counts]
    mean = sum(lengths) / len(lengths) or 1.0
    total = len(counts)
    frequency = {term: sum(term in counter for counter in counts) for term in asked}
    weight = {term: math.log(1.0 + (total - n + 0.5) / (n + 0.5)) for term, n in frequency.items()}
    best = sum(weight.values()) * (_K1 + 1.0)
    return [
        sum(weight[term] * _saturated(counter[term], length / mean) for term in asked) / best
        for counter, length in zip(counts, lengths, strict=True)
    ]


def _saturated(count: int, relative_length: float) -> float:
    return count * (_K1 + 1.0) / (count + _K1 * (1.0 - _B + _B * relative_length)) if count else 0.0


def relevance(similarity: float, lexical: float) -> float:
    """Return the score that a retrieval result carries."""
    return (1.0 - _LEXICAL_SHARE) * max(0.0, similarity) + _LEXICAL_SHARE * lexical


def scores(question: str, texts: Sequence[str]) -> list[float]:
    """Return the relevance of each of *texts* to *question*, from 0 to 1."""
    asked = embed(question, _RERANKING_DIMENSIONS)
    lexical = lexical_scores(question, texts)
    return [
        relevance(sum(a * b for a, b in zip(asked, embed(text, _RERANKING_DIMENSIONS), strict=True)), score)
        for text, score in zip(texts, lexical, strict=True)
    ]
