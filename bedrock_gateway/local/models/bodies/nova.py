"""Amazon Nova's ``messages-v1``: Converse's shapes, with media as base64 texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.models.bodies.shape import Body, Context, Reader, malformed
from bedrock_gateway.local.models.conversation import chat_of, message_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.local.models.model import Answer, Chat

__all__ = ["BODY"]


def parse(data: dict[str, Any]) -> Chat:
    """Read a messages-v1 request.

    Raises:
        Fault: ``ValidationException``.
    """
    body = Reader(data)
    body.required("messages")
    if data.get("schemaVersion", "messages-v1") != "messages-v1":
        malformed("#/schemaVersion: value is not messages-v1")
    for message in body.objects("messages"):
        Reader(message).objects("content")
    limits = body.child("inferenceConfig")
    limit = limits.whole("maxTokens") or limits.whole("max_new_tokens")
    stops = limits.texts("stopSequences")
    return chat_of(data | {"inferenceConfig": {"maxTokens": limit, "stopSequences": stops}})


def _usage(answer: Answer) -> dict[str, int]:
    return {
        "inputTokens": answer.input_tokens,
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.input_tokens + answer.output_tokens,
        "cacheReadInputTokenCount": 0,
        "cacheWriteInputTokenCount": 0,
    }


def whole(answer: Answer, about: Context) -> dict[str, Any]:
    """Write a complete reply."""
    message = message_of(answer, about.request_id)
    return {"output": {"message": message}, "stopReason": answer.stop_reason, "usage": _usage(answer)}


def chunks(answer: Answer, about: Context) -> Iterator[dict[str, Any]]:
    """Write the stream's chunks, messageStart to metadata."""
    yield from stream_of(answer, about.request_id)
    yield {"metadata": {"usage": _usage(answer), "metrics": {}, "trace": {}}}


BODY = Body(parse, whole, chunks)
