"""Word filters: words and phrases as they stand, whatever their case.

AWS's list of profanities is not published; five mild ones stand in for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.guardrails.findings import Finding, Piece, action_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["PROFANITIES", "findings"]

PROFANITIES = ("arse", "bastard", "bloody", "crap", "damn")


def findings(policy: Mapping[str, Any], pieces: Sequence[Piece], side: str) -> Iterator[Finding]:
    """Return a finding for each word that is there; AWS never lists those that are not."""
    for word in policy.get("words") or ():
        yield from _found("customWords", {}, word, (word["text"],), pieces, side)
    for listed in policy.get("managedWordLists") or ():
        yield from _found("managedWordLists", {"type": listed["type"]}, listed, PROFANITIES, pieces, side)


def _found(
    group: str,
    shown: Mapping[str, str],
    entry: Mapping[str, Any],
    words: Sequence[str],
    pieces: Sequence[Piece],
    side: str,
) -> Iterator[Finding]:
    action = action_of(entry, side)
    if action is None:
        return
    for word in words:
        phrase = r"\s+".join(map(re.escape, word.split()))
        sought = re.compile(rf"(?<!\w){phrase}(?!\w)", re.IGNORECASE)
        match = next(filter(None, (sought.search(piece.text) for piece in pieces)), None)
        if match:
            told = {**shown, "match": match[0]}
            yield Finding("wordPolicy", group, told, "BLOCKED" if action == "BLOCK" else "NONE", detected=True)
