"""What a query searches of a vector index: one matrix of all its vectors, and the words of the texts they stand for.

It is kept on moto's own index object and brought up to date when somebody asks: whoever writes to the index, moto's own
PutVectors included, need not know of it. 20,000 vectors of 1,024 numbers are 80 MB and are compared in about 10 ms.
"""

from __future__ import annotations

import threading
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from bedrock_gateway.local.knowledge import filters
from bedrock_gateway.local.knowledge.postings import Postings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Searchable", "best", "row_of"]

_TEXT = "AMAZON_BEDROCK_TEXT"
_FIRST_ROWS = 256
_MOST_DEAD_SHARE = 0.5


def row_of(vector: Any) -> np.ndarray:
    """Return the numbers of moto's *vector*."""
    row: np.ndarray | None = getattr(vector, "row", None)
    return np.asarray(vector.data["float32"], dtype=np.float32) if row is None else row


def best(scores: np.ndarray, top: int | None) -> np.ndarray:
    """Return where the *top* highest of *scores* are, highest first, equals in their order; all where None."""
    if top is not None and top < len(scores):
        least = np.partition(scores, len(scores) - top)[len(scores) - top]
        kept = np.flatnonzero(scores >= least)
        return kept[np.argsort(-scores[kept], kind="stable")][:top]
    return np.argsort(-scores, kind="stable")


class _Column:
    """The values of one metadata key, slot by slot, each different one kept once."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._rows = array("l")

    def __len__(self) -> int:
        return len(self._rows)

    def extend(self, values: Iterable[Any]) -> None:
        """Take the values of the slots that follow."""
        for value in values:
            # True is 1 to a dictionary, and a list is nothing to it.
            mark = (type(value), repr(value) if isinstance(value, (list, dict)) else value)
            number = self._numbers.setdefault(mark, len(self._values))
            if number == len(self._values):
                self._values.append(value)
            self._rows.append(number)

    def where(self, test: Callable[[Any], bool]) -> np.ndarray:
        """Return for each slot whether its value passes."""
        passed = np.fromiter(map(test, self._values), bool, len(self._values))
        found: np.ndarray = passed[np.array(self._rows)]
        return found


class Searchable:
    """A matrix and an inverted index over the vectors of one index.

    Use it within ``with it.lock``: what it returns is numbered by slot until the lock is let go.
    """

    def __init__(self, dimensions: int) -> None:
        self.lock = threading.Lock()
        self._dimensions = dimensions
        self._clear()

    def _clear(self) -> None:
        self.vectors: list[Any] = []
        """moto's vector in each slot; those that are gone stay until everything is made anew."""
        self._stored: list[Any] = []
        self._slots: dict[str, int] = {}
        self._rows = np.empty((_FIRST_ROWS, self._dimensions), dtype=np.float32)
        self._lengths = np.empty(_FIRST_ROWS, dtype=np.float32)
        self._alive = np.zeros(_FIRST_ROWS, dtype=bool)
        self.texts = np.zeros(_FIRST_ROWS, dtype=bool)
        """Which slots have a text: others a knowledge base has not written."""
        self._postings = Postings()
        self._columns: dict[str, _Column] = {}

    def refresh(self, stored: list[Any]) -> None:
        """Bring it up to date with *stored*, the index's vectors: those that are the same objects are left alone."""
        if stored == self._stored:  # the same objects: moto's vectors have no equality of their own
            return
        present = {vector.key: vector for vector in stored}
        gone = [key for key, slot in self._slots.items() if present.get(key) is not self.vectors[slot]]
        for key in gone:
            self._alive[self._slots.pop(key)] = False
        if len(self.vectors) - len(self._slots) > _MOST_DEAD_SHARE * max(_FIRST_ROWS, len(self.vectors)):
            self._clear()
        for vector in stored:
            if vector.key not in self._slots:
                self._add(vector)
        self._stored = stored

    def _add(self, vector: Any) -> None:
        slot = len(self.vectors)
        if slot == len(self._rows):
            self._grow()
        row = row_of(vector)
        self._rows[slot], self._lengths[slot], self._alive[slot] = row, np.linalg.norm(row), True
        text = (vector.metadata or {}).get(_TEXT)
        self.texts[slot] = text is not None
        self._postings.add(str(text or ""))
        self.vectors.append(vector)
        self._slots[vector.key] = slot

    def _grow(self) -> None:
        self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._lengths = np.concatenate([self._lengths, np.empty_like(self._lengths)])
        self._alive = np.concatenate([self._alive, np.zeros_like(self._alive)])
        self.texts = np.concatenate([self.texts, np.zeros_like(self.texts)])

    def selected(self, query_filter: Mapping[str, Any] | None) -> np.ndarray:
        """Return the slots that satisfy a checked filter, in the order they were written; all where None.

        A value is tested once, however many vectors have it.
        """
        slots = self.matching(None)
        if query_filter is None:
            return slots
        fits = filters.select(query_filter, lambda key, test: self._column(key).where(test))
        chosen: np.ndarray = slots[np.broadcast_to(fits, len(self.vectors))[slots]]
        return chosen

    def _column(self, key: str) -> _Column:
        column = self._columns.setdefault(key, _Column())
        column.extend((vector.metadata or {}).get(key) for vector in self.vectors[len(column) :])
        return column

    def matching(self, holds: Callable[[Mapping[str, Any]], bool] | None) -> np.ndarray:
        """Return the slots whose metadata satisfies *holds*, in the order they were written; all where None."""
        slots: np.ndarray = np.flatnonzero(self._alive[: len(self.vectors)])
        if holds is not None:
            fits = (holds(self.vectors[slot].metadata or {}) for slot in slots)
            slots = slots[np.fromiter(fits, bool, len(slots))]
        return slots

    def similarities(self, wanted: np.ndarray) -> np.ndarray:
        """Return the cosine similarity of every slot to *wanted*."""
        count = len(self.vectors)
        lengths = self._lengths[:count] * np.linalg.norm(wanted)
        # On one thread: memory is what it waits for, and threads of BLAS wait for each other on a busy machine.
        products = np.einsum("ij,j->i", self._rows[:count], wanted)
        found: np.ndarray = products / np.where(lengths == 0.0, 1.0, lengths)
        return found

    def distances(self, wanted: np.ndarray) -> np.ndarray:
        """Return the Euclidean distance of every slot to *wanted*."""
        found: np.ndarray = np.linalg.norm(self._rows[: len(self.vectors)] - wanted, axis=1)
        return found

    def lexical(self, question: str) -> np.ndarray:
        """Return how much of *question* the text in each slot talks about, from 0 to 1."""
        return self._postings.scores(question, self._alive[: len(self.vectors)])
