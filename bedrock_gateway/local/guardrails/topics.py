"""Denied topics, by their words. **A stand-in**: AWS decides by the meaning of a topic's definition.

A topic is found in a text that holds every word of its name (``InvestmentAdvice``: investment, advice), or every word of
one of its examples.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.guardrails.findings import Finding, Piece, action_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["findings"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-_.!?]+")


def findings(policy: Mapping[str, Any], pieces: Sequence[Piece], side: str) -> Iterator[Finding]:
    """Return one finding a topic."""
    for topic in policy["topics"]:
        action = action_of(topic, side)
        if action is None:
            continue
        wanted = [words_of(_HUMP.sub(" ", topic["name"])), *map(words_of, topic.get("examples") or ())]
        said = [words_of(piece.text) for piece in pieces]
        found = any(words and words <= heard for words in wanted for heard in said)
        shown = {"name": topic["name"], "type": "DENY"}
        yield Finding("topicPolicy", "topics", shown, "BLOCKED" if found and action == "BLOCK" else "NONE", found)
