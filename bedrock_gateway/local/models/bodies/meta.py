"""Meta Llama."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.models.bodies.shape import Body, Context, Reader
from bedrock_gateway.local.models.model import Answer, Chat, Turn, count_tokens, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY"]

_DEFAULT_TOKENS = 512


def parse(data: dict[str, Any]) -> Chat:
    """Read a Llama request.

    Raises:
        Fault: ``ValidationException``.
    """
    body = Reader(data)
    body.required("prompt")
    return Chat((Turn("user", body.text("prompt")),), max_tokens=body.whole("max_gen_len") or _DEFAULT_TOKENS)


def _reason(answer: Answer) -> str:
    return "length" if answer.stop_reason == "max_tokens" else "stop"


def whole(answer: Answer, _about: Context) -> dict[str, Any]:
    """Write a complete reply."""
    return {
        "generation": answer.text,
        "prompt_token_count": answer.input_tokens,
        "generation_token_count": answer.output_tokens,
        "stop_reason": _reason(answer),
    }


def chunks(answer: Answer, _about: Context) -> Iterator[dict[str, Any]]:
    """Write the stream's chunks; the first one carries the prompt's size, the last one the reason."""
    said = ""
    for position, piece in enumerate(pieces(answer.text)):
        said += piece
        yield {
            "generation": piece,
            "prompt_token_count": answer.input_tokens if position == 0 else None,
            "generation_token_count": count_tokens(said),
            "stop_reason": None,
        }
    yield {
        "generation": "",
        "prompt_token_count": None,
        "generation_token_count": answer.output_tokens,
        "stop_reason": _reason(answer),
    }


BODY = Body(parse, whole, chunks)
