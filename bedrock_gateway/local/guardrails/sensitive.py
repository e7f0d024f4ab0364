"""Sensitive information: kinds of personal data (see `personal`) and the guardrail's own regular expressions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.guardrails import personal
from bedrock_gateway.local.guardrails.findings import Finding, Piece, action_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["findings", "masked"]

_DONE = {"BLOCK": "BLOCKED", "ANONYMIZE": "ANONYMIZED", "NONE": "NONE"}


def findings(policy: Mapping[str, Any], pieces: Sequence[Piece], side: str) -> Iterator[Finding]:
    """Return a finding for each datum; of a kind that is nowhere, one that says so, of a regex that is nowhere, none."""
    for entity in policy.get("piiEntities") or ():
        kind, action = entity["type"], action_of(entity, side, entity["action"])
        if action is None:
            continue
        found = [(number, *span) for number, piece in enumerate(pieces) for span in personal.spans(kind, piece.text)]
        for text, spans in _by_text(found, pieces):
            shown = {"match": text, "type": kind}
            yield _finding("piiEntities", shown, action, spans, f"{{{kind}}}")
        if not found:
            yield Finding("sensitiveInformationPolicy", "piiEntities", {"match": "", "type": kind})
    for regex in policy.get("regexes") or ():
        action = action_of(regex, side, regex["action"])
        if action is None:
            continue
        sought = _compiled(regex["pattern"])
        found = [
            (number, *match.span())
            for number, piece in enumerate(pieces)
            for match in sought.finditer(piece.text)
            if match[0]
        ]
        for text, spans in _by_text(found, pieces):
            shown = {"name": regex["name"], "match": text, "regex": regex["pattern"]}
            yield _finding("regexes", shown, action, spans, f"{{{regex['name']}}}")


_Spans = tuple[tuple[int, int, int], ...]


def _by_text(found: Iterable[tuple[int, int, int]], pieces: Sequence[Piece]) -> Iterator[tuple[str, _Spans]]:
    by_text: dict[str, list[tuple[int, int, int]]] = {}
    for number, start, end in found:
        by_text.setdefault(pieces[number].text[start:end], []).append((number, start, end))
    return ((text, tuple(spans)) for text, spans in by_text.items())


def _finding(group: str, shown: Mapping[str, str], action: str, spans: _Spans, mask: str) -> Finding:
    return Finding("sensitiveInformationPolicy", group, shown, _DONE[action], detected=True, spans=spans, mask=mask)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def masked(pieces: Sequence[Piece], found: Iterable[Finding]) -> list[str]:
    """Return the texts with each masked datum named instead: ``{EMAIL}``; of two that overlap, the one that begins first.

    Nothing of either is left.
    """
    covers: dict[int, list[tuple[int, int, str]]] = {}
    for finding in found:
        if finding.action == "ANONYMIZED":
            for number, start, end in finding.spans:
                covers.setdefault(number, []).append((start, -end, finding.mask))
    return [_covered(piece.text, sorted(covers.get(number, ()))) for number, piece in enumerate(pieces)]


def _covered(text: str, covers: Sequence[tuple[int, int, str]]) -> str:
    parts, done = [], 0
    for start, minus_end, mask in covers:
        if start >= done:
            parts += [text[done:start], mask]
        done = max(done, -minus_end)
    return "".join([*parts, text[done:]])
