"""The contextual grounding check, by words. **A stand-in**: AWS scores meaning with a model.

GROUNDING is the share of the answer's words that stand in the grounding sources, RELEVANCE the share of the query's words
that stand in the answer; words as `findings.words_of` has them. As on AWS, only an answer is checked, and only where the
request says what is source and query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.guardrails.findings import OUTPUT, Finding, Piece, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["characters", "findings"]


def _words(pieces: Sequence[Piece], qualifier: str) -> set[str]:
    return set().union(*(words_of(piece.text) for piece in pieces if qualifier in piece.qualifiers))


def findings(policy: Mapping[str, Any], pieces: Sequence[Piece], side: str) -> Iterator[Finding]:
    """Return one finding a filter; none where there is nothing to check against."""
    sources, query = _words(pieces, "grounding_source"), _words(pieces, "query")
    answer = set().union(*(words_of(piece.text) for piece in pieces if piece.guarded))
    if side != OUTPUT or not sources or not query or not answer:
        return
    scores = {"GROUNDING": len(answer & sources) / len(answer), "RELEVANCE": len(query & answer) / len(query)}
    for one in policy["filters"]:
        if one.get("enabled") is False:
            continue
        score = round(scores[one["type"]], 2)
        low = score < one["threshold"]
        shown = {"type": one["type"], "threshold": float(one["threshold"]), "score": score}
        acts = low and one.get("action") != "NONE"
        yield Finding("contextualGroundingPolicy", "filters", shown, "BLOCKED" if acts else "NONE", low)


def characters(pieces: Sequence[Piece]) -> int:
    """Return how many characters the check looks at: source, query and answer."""
    return sum(len(piece.text) for piece in pieces)
