"""Answer a question with sentences copied from retrieved chunks, and say which chunk each came from.

Nothing is generated: a part of an answer is text that stands, character by character, in the chunks it cites; a heading
only helps to judge the sentences under it. Where no sentence answers enough of the question, there is no answer.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.local.knowledge.embedding import content_terms
from bedrock_gateway.local.knowledge.sentences import Sentence, sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["REFUSAL", "Answer", "Part", "answer"]

REFUSAL = "Sorry, I am unable to assist you with this request."

_TERMINAL = re.compile(r"[.!?\u3002\uff01\uff1f:][\"'\u201d\u2019)\]]*$")
_QUANTITY = re.compile(r"\bhow (?:many|much|long|often|old|far|large|big|fast)\b|\bwhen\b|\bwhat (?:number|time|date|size|percentage)\b", re.IGNORECASE)  # fmt: skip
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|hundred|half)\b", re.IGNORECASE
)

_DANGLING = re.compile(r"(?:it|this|that|these|those|they|he|she|please note)\b", re.IGNORECASE)

_MAX_SENTENCES = 3
_MAX_LENGTH = 600
_HEADING_SHARE = 0.5
_KEEP_SHARE = 0.85
_ENOUGH_ALONE = 0.5
_ENOUGH_WITH_NUMBER = 0.4
_ENOUGH_BY_HEADING = 0.6
_ENOUGH_TOGETHER = 0.3
_MIN_TERMS_TOGETHER = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the answer that comes from the same chunks."""

    text: str
    start: int
    end: int
    """Half-open, in code points of the answer."""
    sources: tuple[int, ...]
    """Which chunks it stands in, by number."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and where it came from; without parts it is a refusal."""

    text: str
    parts: tuple[Part, ...]


class _Scale:
    """How much each word of the question counts, and how much of the question a text covers."""

    def __init__(self, question: str, units: Sequence[Sentence]) -> None:
        self.asked = frozenset(content_terms(question))
        self.wants_number = bool(_QUANTITY.search(question))
        known = [frozenset(content_terms(unit.text)) for unit in units]
        self._weights = {
            term: math.log(1.0 + (len(known) + 1) / (0.5 + sum(term in each for each in known))) for term in self.asked
        }
        self._total = sum(self._weights.values()) or 1.0

    def found(self, text: str) -> frozenset[str]:
        return self.asked.intersection(content_terms(text))

    def coverage(self, found: frozenset[str]) -> float:
        return sum(self._weights[term] for term in found) / self._total

    def enough(self, unit: Sentence) -> bool:
        """Whether a sentence, with its heading, answers enough of the question to be an answer at all."""
        found = self.found(f"{unit.heading}\n{unit.text}")
        covered = self.coverage(found)
        alone = _ENOUGH_WITH_NUMBER if self.wants_number and _NUMBER.search(unit.text) else _ENOUGH_ALONE
        together = len(found) >= _MIN_TERMS_TOGETHER and covered >= _ENOUGH_TOGETHER
        if not self.found(unit.text):
            return covered >= _ENOUGH_BY_HEADING
        return covered >= alone or together

    def score(self, unit: Sentence, chunks: int) -> float:
        own = self.found(unit.text)
        score = self.coverage(own) + _HEADING_SHARE * self.coverage(self.found(unit.heading) - own)
        if self.wants_number and _NUMBER.search(unit.text):
            score += 0.2
        if not _TERMINAL.search(unit.text):
            score -= 0.1
        if _DANGLING.match(unit.text):
            score -= 0.1
        if unit.text.endswith((":", "?")):
            score -= 0.3
        return score + 0.1 * (1.0 - unit.chunk / max(1, chunks)) - 0.1 * min(1.0, len(unit.text) / _MAX_LENGTH)


def _chosen(question: str, chunks: Sequence[str], *, cut: bool) -> list[Sentence]:
    units = [unit for number, chunk in enumerate(chunks) for unit in sentences(chunk, number, cut=cut)]
    scale = _Scale(question, units)
    unique = {unit.text: unit for unit in reversed(units)}.values()
    scored = [(scale.score(unit, len(chunks)), unit) for unit in unique if scale.enough(unit)]
    scored.sort(key=lambda pair: (-pair[0], pair[1].chunk, pair[1].position))
    if not scored:
        return []
    floor = scored[0][0] * _KEEP_SHARE
    kept = [unit for score, unit in scored[:_MAX_SENTENCES] if score >= floor]
    first, rest = kept[0], sorted(kept[1:], key=lambda unit: (unit.chunk, unit.position))
    return [first, *rest]


def answer(question: str, chunks: Sequence[str]) -> Answer:
    """Return one to three sentences of *chunks* that answer *question*, each with the chunks it stands in."""
    # A beginning in lower case is quoted only where nothing better is: it may be half a sentence.
    chosen = _chosen(question, chunks, cut=True) or _chosen(question, chunks, cut=False)
    if not chosen:
        return Answer(REFUSAL, ())
    parts: list[Part] = []
    at = 0
    for unit in chosen:
        sources = tuple(number for number, chunk in enumerate(chunks) if unit.text in chunk)
        parts.append(Part(unit.text, at, at + len(unit.text), sources))
        at += len(unit.text) + 1
    return Answer(" ".join(part.text for part in parts), tuple(parts))
