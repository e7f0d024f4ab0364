"""An inverted index over texts that come and go: BM25 of a question against all of them at once.

A text has a slot, the number of its row in the matrix of vectors. Only what changes is read again: a text that is taken
away keeps its entries, which count for nothing, until `searchable` makes everything anew.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

from bedrock_gateway.local.knowledge.embedding import content_terms
from bedrock_gateway.local.knowledge.ranking import K1, B, rarity

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Postings"]


class Postings:
    """Term → the slots it is in, and how often; slots are handed out in ascending order, from 0."""

    def __init__(self) -> None:
        self._slots: dict[str, array[int]] = {}
        self._counts: dict[str, array[int]] = {}
        self._lengths: array[int] = array("l")
        """Words of the text in each slot."""

    def add(self, text: str) -> None:
        """Put *text* into the next slot."""
        slot, terms = len(self._lengths), Counter(content_terms(text))
        self._lengths.append(terms.total())
        for term, count in terms.items():
            if term not in self._slots:
                self._slots[term], self._counts[term] = array("l"), array("l")
            self._slots[term].append(slot)
            self._counts[term].append(count)

    def scores(self, question: str, alive: np.ndarray) -> np.ndarray:
        """Return a score from 0 to 1 for each slot: how much of what *question* asks for its text talks about.

        *alive* says of each slot whether its text is still there; the others score 0.
        """
        import numpy as np

        scores = np.zeros(len(alive))
        asked = tuple(dict.fromkeys(content_terms(question)))
        texts = int(alive.sum())
        if not asked or not texts:
            return scores
        lengths = np.array(self._lengths, dtype=np.float64)
        mean = float(lengths[alive].mean()) or 1.0
        best = 0.0
        for term in asked:
            slots = np.array(self._slots.get(term, ()), dtype=np.int64)
            counts = np.array(self._counts.get(term, ()), dtype=np.float64)
            there = alive[slots]
            slots, counts = slots[there], counts[there]
            weight = rarity(texts, len(slots))
            best += weight * (K1 + 1.0)
            scores[slots] += weight * counts * (K1 + 1.0) / (counts + K1 * (1.0 - B + B * lengths[slots] / mean))
        return scores / best
