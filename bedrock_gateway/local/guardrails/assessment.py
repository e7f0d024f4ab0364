"""What a guardrail makes of texts: which entries act, what is said instead, what it counts.

Real here: words, regular expressions, personal data that has a form, actions, switches of each side, masking, units. Stand-ins,
each stated in its module: topics (`topics`), content filters (`content`), the list of profanities (`wording`), kinds of
personal data without a form (`personal`), grounding scores (`grounding`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.guardrails import content, grounding, sensitive, topics, wording
from bedrock_gateway.local.guardrails.personal import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bedrock_gateway.local.guardrails.findings import Finding, Piece

__all__ = ["Assessment", "assess", "stand_ins"]

_UNIT_CHARACTERS = 1000
_FINDERS: Mapping[str, Callable[[Mapping[str, Any], Sequence[Piece], str], Iterator[Finding]]] = {
    "topicPolicy": topics.findings,
    "contentPolicy": content.findings,
    "wordPolicy": wording.findings,
    "sensitiveInformationPolicy": sensitive.findings,
}
_LISTS: Mapping[str, tuple[str, ...]] = {
    "topicPolicy": ("topics",),
    "contentPolicy": ("filters",),
    "wordPolicy": ("customWords", "managedWordLists"),
    "sensitiveInformationPolicy": ("piiEntities", "regexes"),
    "contextualGroundingPolicy": ("filters",),
}
_REASONS = {"BLOCKED": "Guardrail blocked.", "ANONYMIZED": "Guardrail masked.", "NONE": "No action."}
"""The first and the last are recorded of AWS; the second is not verified against it."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one guardrail makes of the texts of one side."""

    found: tuple[Finding, ...]
    action: str
    """``BLOCKED``, ``ANONYMIZED`` or ``NONE``."""
    texts: tuple[str, ...]
    """The texts, masked; those of every piece, guarded or not."""
    usage: Mapping[str, int]
    guarded: int
    """Characters."""
    total: int
    latency_milliseconds: int

    @property
    def reason(self) -> str:
        """AWS's sentence for *action*."""
        return _REASONS[self.action]

    @property
    def coverage(self) -> dict[str, Any]:
        """``guardrailCoverage``."""
        return {"textCharacters": {"guarded": self.guarded, "total": self.total}}

    def shown(self, *, full: bool, applied: Mapping[str, Any]) -> dict[str, Any]:
        """Return AWS's GuardrailAssessment: with *full*, what was looked for and not found is in it, too."""
        said: dict[str, dict[str, list[Any]]] = {}
        for finding in self.found:
            if full or finding.detected:
                lists = said.setdefault(finding.policy, {name: [] for name in _LISTS[finding.policy]})
                lists[finding.group].append(finding.entry())
        metrics = {
            "guardrailProcessingLatency": self.latency_milliseconds,
            "usage": dict(self.usage),
            "guardrailCoverage": self.coverage,
        }
        return {**said, "invocationMetrics": metrics, "appliedGuardrailDetails": dict(applied)}


def stand_ins(policies: Mapping[str, Any]) -> list[str]:
    """Return what of *policies* is not judged as AWS would: names of policies, and kinds of personal data."""
    found = [name for name in ("topicPolicy", "contentPolicy", "contextualGroundingPolicy") if name in policies]
    if policies.get("wordPolicy", {}).get("managedWordLists"):
        found.append("managedWordLists")
    entities = policies.get("sensitiveInformationPolicy", {}).get("piiEntities") or ()
    return [*found, *(one["type"] for one in entities if one["type"] in UNKNOWN)]


def assess(policies: Mapping[str, Any], pieces: Sequence[Piece], side: str) -> Assessment:
    """Look at *pieces*, which came in (``INPUT``) or are to go out (``OUTPUT``)."""
    started = time.perf_counter()
    numbers = [number for number, piece in enumerate(pieces) if piece.guarded]
    guarded = [pieces[number] for number in numbers]
    found = [
        finding for policy, finder in _FINDERS.items() if policy in policies
        for finding in finder(policies[policy], guarded, side)
    ]  # fmt: skip
    checked = list(grounding.findings(policies.get("contextualGroundingPolicy", {"filters": ()}), pieces, side))
    texts = [piece.text for piece in pieces]
    for number, text in zip(numbers, sensitive.masked(guarded, found), strict=True):
        texts[number] = text
    every, size = (*found, *checked), sum(len(piece.text) for piece in guarded)
    return Assessment(
        found=every,
        action=_action(every),
        texts=tuple(texts),
        usage=_usage(policies, size, grounding.characters(pieces) if checked else 0),
        guarded=size,
        total=sum(len(piece.text) for piece in pieces),
        latency_milliseconds=max(1, round((time.perf_counter() - started) * 1000)),
    )


def _action(found: Sequence[Finding]) -> str:
    actions = {finding.action for finding in found}
    return next((one for one in ("BLOCKED", "ANONYMIZED") if one in actions), "NONE")


def _units(characters: int) -> int:
    return -(-characters // _UNIT_CHARACTERS)


def _usage(policies: Mapping[str, Any], characters: int, checked: int) -> dict[str, int]:
    """Count text units of 1000 characters, a policy; regular expressions and words are free, and counted all the same."""
    units, sensitive_ones = _units(characters), policies.get("sensitiveInformationPolicy", {})
    return {
        "topicPolicyUnits": units if "topicPolicy" in policies else 0,
        "contentPolicyUnits": units if "contentPolicy" in policies else 0,
        "wordPolicyUnits": units if "wordPolicy" in policies else 0,
        "sensitiveInformationPolicyUnits": units if sensitive_ones.get("piiEntities") else 0,
        "sensitiveInformationPolicyFreeUnits": units if sensitive_ones.get("regexes") else 0,
        "contextualGroundingPolicyUnits": _units(checked),
        "contentPolicyImageUnits": 0,
        "automatedReasoningPolicyUnits": 0,
        "automatedReasoningPolicies": 0,
    }
