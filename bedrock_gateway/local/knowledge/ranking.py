"""How relevant a text is to a question: half the likeness of their vectors, half the words that they share (BM25).

The lexical half is a share of what a perfect text would score. `postings` has the same formula for many texts at once.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.local.knowledge.embedders import HASHING
from bedrock_gateway.local.knowledge.embedding import content_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrock_gateway.local.knowledge.embedders import Embedder

__all__ = ["K1", "LEXICAL_SHARE", "B", "lexical_scores", "rarity", "relevance", "scores"]

K1 = 1.2
"""How soon a word that comes again stops counting (BM25)."""
B = 0.75
"""How much a long text is held against its words (BM25)."""
LEXICAL_SHARE = 0.5
_RERANKING_DIMENSIONS = 256


def rarity(texts: int, having: int) -> float:
    """Return the weight of a word that *having* of *texts* texts have."""
    return math.log(1.0 + (texts - having + 0.5) / (having + 0.5))


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
    weight = {term: rarity(total, having) for term, having in frequency.items()}
    best = sum(weight.values()) * (K1 + 1.0)
    return [
        sum(weight[term] * _saturated(counter[term], length / mean) for term in asked) / best
        for counter, length in zip(counts, lengths, strict=True)
    ]


def _saturated(count: int, relative_length: float) -> float:
    return count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * relative_length)) if count else 0.0


def relevance(similarity: float, lexical: float) -> float:
    """Return the score that a retrieval result carries."""
    return (1.0 - LEXICAL_SHARE) * max(0.0, similarity) + LEXICAL_SHARE * lexical


def scores(question: str, texts: Sequence[str], *, embedder: Embedder = HASHING) -> list[float]:
    """Return the relevance of each of *texts* to *question*, from 0 to 1."""
    asked, *vectors = embedder.embed([question, *texts], _RERANKING_DIMENSIONS)
    lexical = lexical_scores(question, texts)
    return [
        relevance(sum(a * b for a, b in zip(asked, vector, strict=True)), score)
        for vector, score in zip(vectors, lexical, strict=True)
    ]
