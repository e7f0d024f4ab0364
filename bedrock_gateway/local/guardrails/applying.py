"""ApplyGuardrail: a guardrail alone, without a model.

Recorded of AWS: the sentences of ``actionReason``, that every policy of the guardrail is in the assessment with FULL, that
nothing is put out where nothing was done. That an absent guardrail is a 404 is not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.guardrails.constraints import check
from bedrock_gateway.local.guardrails.findings import INPUT, Piece
from bedrock_gateway.local.guardrails.guarding import ABSENT, guard_of
from bedrock_gateway.local.guardrails.store import invalid

if TYPE_CHECKING:
    from bedrock_gateway.local.call import Call, Handlers
    from bedrock_gateway.local.guardrails.assessment import Assessment
    from bedrock_gateway.local.guardrails.guarding import Guard

__all__ = ["HANDLERS"]


def _pieces(call: Call) -> list[Piece]:
    blocks = call.params["content"]
    if not blocks:
        raise invalid("The content of ApplyGuardrail must not be empty.")
    if any("image" in block for block in blocks):
        raise Fault("NotImplementedException", "The local Bedrock's guardrails look at text only, not at images.", 501)
    texts = [block["text"] for block in blocks]
    return [Piece(one["text"], frozenset(one.get("qualifiers") or ())) for one in texts]


def _apply(call: Call) -> Reply:
    check(call)
    params = call.params
    guard = guard_of(call, params["guardrailIdentifier"], params["guardrailVersion"])
    if guard is None:
        raise Fault("ResourceNotFoundException", ABSENT, 404)
    pieces, side = _pieces(call), params["source"]
    made = guard.assess(pieces, side)
    full = params.get("outputScope") == "FULL"
    return Reply(
        {
            "usage": dict(made.usage),
            "action": "NONE" if made.action == "NONE" else "GUARDRAIL_INTERVENED",
            "actionReason": made.reason,
            "outputs": [{"text": text} for text in _outputs(guard, made, pieces, side)],
            "assessments": [made.shown(full=full, applied=guard.applied)],
            "guardrailCoverage": made.coverage,
        }
    )


def _outputs(guard: Guard, made: Assessment, pieces: list[Piece], side: str) -> list[str]:
    """Return what is said instead: one sentence where it was blocked, every guarded text where something was masked."""
    if made.action == "BLOCKED":
        return [guard.edition.blocked_input if side == INPUT else guard.edition.blocked_output]
    if made.action == "ANONYMIZED":
        return [text for text, piece in zip(made.texts, pieces, strict=True) if piece.guarded]
    return []


HANDLERS: Handlers = {("bedrock-runtime", "ApplyGuardrail"): _apply}
