"""Content filters. **A stand-in**: AWS rates texts with classifiers, here a mark in the text is the rating.

``[local VIOLENCE]`` is violence of HIGH confidence, ``[local HATE LOW]`` hate of LOW. Attacks on the prompt are found by a
few phrases, too. A filter's strength says from which confidence on it acts, as on AWS. Images are not looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.guardrails.findings import INPUT, Finding, Piece, action_of, marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["findings", "looks_at_images"]

_CONFIDENCE = ("NONE", "LOW", "MEDIUM", "HIGH")
_FROM = {"NONE": len(_CONFIDENCE), "LOW": 3, "MEDIUM": 2, "HIGH": 1}
"""Strength → the least confidence that it acts on. Source: Bedrock User Guide, guardrails-content-filters."""
_ATTACK = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.!?\n]{0,20}\b(?:previous|prior|above|earlier)\b[^.!?\n]{0,20}"
    r"\b(?:instructions?|prompts?|rules)\b",
    re.IGNORECASE,
)


def findings(policy: Mapping[str, Any], pieces: Sequence[Piece], side: str) -> Iterator[Finding]:
    """Return one finding a filter; attacks on the prompt are looked for in what users say alone."""
    for one in policy["filters"]:
        kind, action = one["type"], action_of(one, side)
        strength = one["inputStrength" if side == INPUT else "outputStrength"]
        if action is None or (kind == "PROMPT_ATTACK" and side != INPUT):
            continue
        level = max((_level(kind, piece) for piece in pieces), default=0)
        found = level >= _FROM[strength] and level > 0
        shown = {"type": kind, "confidence": _CONFIDENCE[level], "filterStrength": strength}
        yield Finding("contentPolicy", "filters", shown, "BLOCKED" if found and action == "BLOCK" else "NONE", found)


def _level(kind: str, piece: Piece) -> int:
    if kind == "PROMPT_ATTACK" and not piece.prompt:
        return 0
    said = [match[1] if match[1] in _CONFIDENCE else "HIGH" for match in marked(kind, piece.text)]
    if kind == "PROMPT_ATTACK" and _ATTACK.search(piece.text):
        said.append("HIGH")
    return max(map(_CONFIDENCE.index, said), default=0)


def looks_at_images(policy: Mapping[str, Any], side: str) -> bool:
    """Whether a filter is meant for images, too."""
    name = "inputModalities" if side == INPUT else "outputModalities"
    return any("IMAGE" in (one.get(name) or ()) and action_of(one, side) is not None for one in policy["filters"])
