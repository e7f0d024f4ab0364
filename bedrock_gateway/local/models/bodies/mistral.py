"""Mistral: text completion with ``prompt``; with ``messages`` it is chat completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.models.bodies import chat
from bedrock_gateway.local.models.bodies.shape import Body, Context
from bedrock_gateway.local.models.model import Answer, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY"]


def _reason(answer: Answer) -> str:
    return "length" if answer.stop_reason == "max_tokens" else "stop"


def whole(answer: Answer, about: Context) -> dict[str, Any]:
    """Write a complete reply in the form of the request."""
    if "messages" in about.body:
        return chat.BODY.whole(answer, about)
    return {"outputs": [{"text": answer.text, "stop_reason": _reason(answer)}]}


def chunks(answer: Answer, about: Context) -> Iterator[dict[str, Any]]:
    """Write the stream's chunks in the form of the request."""
    if "messages" in about.body:
        yield from chat.chunks(answer, about)
        return
    for piece in pieces(answer.text):
        yield {"outputs": [{"text": piece, "stop_reason": None}]}
    yield {"outputs": [{"text": "", "stop_reason": _reason(answer)}]}


BODY = Body(chat.parse, whole, chunks)
