"""Amazon Titan Text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.models.bodies.shape import Body, Context, Reader
from bedrock_gateway.local.models.model import Answer, Chat, Turn, count_tokens, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY"]

_REASONS = {"end_turn": "FINISH", "max_tokens": "LENGTH", "stop_sequence": "STOP_CRITERIA_MET"}
_DEFAULT_TOKENS = 512


def parse(data: dict[str, Any]) -> Chat:
    """Read a Titan Text request.

    Raises:
        Fault: ``ValidationException``.
    """
    body = Reader(data)
    body.required("inputText")
    limits = body.child("textGenerationConfig")
    turn = Turn("user", body.text("inputText"))
    return Chat(
        (turn,),
        max_tokens=limits.whole("maxTokenCount") or _DEFAULT_TOKENS,
        stop_sequences=limits.texts("stopSequences"),
    )


def whole(answer: Answer, _about: Context) -> dict[str, Any]:
    """Write a complete reply."""
    result = {
        "tokenCount": answer.output_tokens,
        "outputText": answer.text,
        "completionReason": _REASONS[answer.stop_reason],
    }
    return {"inputTextTokenCount": answer.input_tokens, "results": [result]}


def chunks(answer: Answer, _about: Context) -> Iterator[dict[str, Any]]:
    """Write the stream's chunks; the last one says why it ended."""
    sent = pieces(answer.text) or [""]
    said = ""
    for position, piece in enumerate(sent):
        said += piece
        last = position == len(sent) - 1
        yield {
            "outputText": piece,
            "index": 0,
            "totalOutputTextTokenCount": count_tokens(said) if last else None,
            "completionReason": _REASONS[answer.stop_reason] if last else None,
            "inputTextTokenCount": answer.input_tokens if position == 0 else None,
        }


BODY = Body(parse, whole, chunks)
