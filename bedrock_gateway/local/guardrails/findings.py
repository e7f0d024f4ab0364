"""What the policies of a guardrail have in common: the texts they look at, the side they are on, and what they find.

**Stand-ins.** AWS judges topics, harmful content and grounding with models of its own; nothing here can. What is done
instead is deterministic and stated in each module, so that a test can cause it; it says nothing about what AWS would find.
`marked` is how any content filter, and any kind of personal data that no pattern tells, is caused: ``[local VIOLENCE]``,
``[local HATE LOW]``, ``[local NAME Jane Doe]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["INPUT", "OUTPUT", "Finding", "Piece", "action_of", "marked", "words_of"]

INPUT, OUTPUT = "INPUT", "OUTPUT"
_ENABLED = {INPUT: "inputEnabled", OUTPUT: "outputEnabled"}
_ACTION = {INPUT: "inputAction", OUTPUT: "outputAction"}
_WORD = re.compile(r"[^\W_]+")
_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """One text that a guardrail is given."""

    text: str
    qualifiers: frozenset[str] = frozenset()
    """``grounding_source``, ``query``, ``guard_content``; with none of them it is guarded."""
    prompt: bool = True
    """Whether it is a user's, so that attacks on the prompt are looked for in it."""

    @property
    def guarded(self) -> bool:
        """Whether the policies look at it, and not only the grounding check."""
        return not self.qualifiers or "guard_content" in self.qualifiers


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of an assessment."""

    policy: str
    """``topicPolicy``, ``wordPolicy`` …"""
    group: str
    """The list in it: ``topics``, ``customWords`` …"""
    shown: Mapping[str, Any]
    action: str = "NONE"
    """``BLOCKED``, ``ANONYMIZED`` or ``NONE``."""
    detected: bool = False
    spans: tuple[tuple[int, int, int], ...] = field(default=())
    """(number of the piece, start, end) of what is masked."""
    mask: str = ""

    def entry(self) -> dict[str, Any]:
        """Return it as AWS writes it."""
        return {**self.shown, "action": self.action, "detected": self.detected}


def action_of(entry: Mapping[str, Any], side: str, default: str = "BLOCK") -> str | None:
    """Return ``BLOCK``, ``ANONYMIZE`` or ``NONE`` for *side*; None where the entry is switched off there."""
    if entry.get(_ENABLED[side]) is False:
        return None
    return str(entry.get(_ACTION[side]) or default)


def words_of(text: str) -> set[str]:
    """Return the words that carry meaning: four letters or more, small, without a plural's s; a short text's all."""
    words = [word.lower() for word in _WORD.findall(text)]
    long = [word for word in words if len(word) >= _LETTERS] or words
    return {word.removesuffix("s") if len(word) > _LETTERS else word for word in long}


def marked(kind: str, text: str) -> Iterator[re.Match[str]]:
    """Return the marks ``[local KIND …]`` in *text*; what stands behind the kind is the match's first group."""
    return re.finditer(rf"\[local {kind}(?: ([^\]\n]{{0,200}}))?\]", text)
