"""Mistral and DeepSeek: text completion with ``prompt``; with ``messages`` it is chat completion.

Source: Bedrock User Guide, model-parameters-mistral-text-completion and model-parameters-deepseek.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.models.bodies import chat
from bedrock_gateway.local.models.bodies.shape import Body, Context
from bedrock_gateway.local.models.model import Answer, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY"]

_MEMBERS = {"mistral": "outputs"}
"""The member that holds the texts, by family; all others say ``choices``."""


def _said(about: Context, text: str, reason: str | None) -> dict[str, Any]:
    return {_MEMBERS.get(about.model_id.partition(".")[0], "choices"): [{"text": text, "stop_reason": reason}]}


def _reason(answer: Answer) -> str:
    return "length" if answer.stop_reason == "max_tokens" else "stop"


def whole(answer: Answer, about: Context) -> dict[str, Any]:
    """Write a complete reply in the form of the request."""
    if "messages" in about.body:
        return chat.BODY.whole(answer, about)
    return _said(about, answer.text, _reason(answer))


def chunks(answer: Answer, about: Context) -> Iterator[dict[str, Any]]:
    """Write the stream's chunks in the form of the request."""
    if "messages" in about.body:
        yield from chat.chunks(answer, about)
        return
    for piece in pieces(answer.text):
        yield _said(about, piece, None)
    yield _said(about, "", _reason(answer))


BODY = Body(chat.parse, whole, chunks)
