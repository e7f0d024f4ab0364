"""The texts of one request, where they stand, and which of them a guardrail looks at.

What a request marks is looked at, and where it marks nothing, everything is; an enforced guardrail may look at everything
whatever is marked. Source: Bedrock User Guide, guardrails-use-converse-api, guardrails-tagging, guardrails-enforcements.
That tool results, tool calls and files are not looked at, and what marks in the system prompt alone mean, is not verified
against AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.local.guardrails.findings import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bedrock_gateway.local.guardrails.guarding import Guard

__all__ = ["MESSAGES", "SYSTEM", "Slot", "Slots", "tagged_parts"]

SYSTEM, MESSAGES = "system", "messages"
_CHECKED_AGAINST = frozenset({"grounding_source", "query"})
_UNSELECTED = frozenset({"unselected"})


@dataclass(slots=True)
class Slot:
    """One text of a request."""

    text: str
    put: Callable[[str], None]
    """Puts another text in its place."""
    place: str = MESSAGES
    tagged: bool = False
    """Whether the request marks it as what is to be guarded."""
    qualifiers: frozenset[str] = frozenset()
    prompt: bool = True
    """Whether attacks on the prompt are looked for in it."""


@dataclass(slots=True)
class Slots:
    """The texts of one request."""

    slots: list[Slot]
    system_unasked: bool = False
    """Whether a system prompt that is not marked is looked at, too, where nothing is marked."""

    def select(self, guard: Guard) -> list[Piece]:
        """Return all texts as *guard* is given them: those that it does not look at only count."""
        marked = any(slot.tagged for slot in self.slots if slot.place == MESSAGES)
        return [self._piece(slot, guard, marked=marked) for slot in self.slots]

    def _piece(self, slot: Slot, guard: Guard, *, marked: bool) -> Piece:
        if guard.everything(slot.place):
            return Piece(slot.text, prompt=slot.prompt)
        asked = guard.selective is None or "REQUEST" in guard.origins
        unmarked = asked and not marked and (slot.place == MESSAGES or self.system_unasked)
        if slot.tagged or unmarked:
            return Piece(slot.text, slot.qualifiers, slot.prompt)
        return Piece(slot.text, _UNSELECTED)

    def keep(self, texts: Sequence[str]) -> None:
        """Put *texts* in place of what was there."""
        for slot, text in zip(self.slots, texts, strict=True):
            if slot.text != text:
                slot.text = text
                slot.put(text)

    def context(self) -> list[Piece]:
        """Return what an answer is held against."""
        found = [(slot.text, slot.qualifiers & _CHECKED_AGAINST) for slot in self.slots]
        return [Piece(text, qualifiers) for text, qualifiers in found if qualifiers]


def tagged_parts(text: str, suffix: str) -> list[tuple[str, bool]]:
    """Cut *text* at InvokeModel's tags, which go: (part, whether it stood between tags)."""
    tag = re.escape(f"amazon-bedrock-guardrails-guardContent_{suffix}")
    parts = re.split(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
    return [(part, number % 2 == 1) for number, part in enumerate(parts) if part or len(parts) == 1]
