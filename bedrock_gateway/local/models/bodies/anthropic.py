"""Anthropic's Messages, as Bedrock takes them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.models.bodies.shape import Body, Context, Reader, malformed, refuse, text_of
from bedrock_gateway.local.models.model import Answer, Chat, Tool, Turn, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY"]

_ROLES = frozenset({"user", "assistant"})
_MEDIA = frozenset({"image", "document"})
# The anthropic package sends its API's own date from version 2 on; which dates Bedrock takes is not verified against AWS.
_VERSION = re.compile(r"bedrock-2023-05-31|20\d\d-[01]\d-[0-3]\d")
_JSON_PIECE = 12


def _turn(position: int, message: dict[str, Any]) -> Turn:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        refuse(f"messages.{position}.role: Input should be 'user' or 'assistant'")
    if not content and role == "user":
        refuse(f"messages.{position}: user messages must have non-empty content")
    blocks = content if isinstance(content, list) else []
    if not isinstance(content, str | list) or not all(isinstance(block, dict) and "type" in block for block in blocks):
        refuse(f"messages.{position}.content: Input should be a valid list of content blocks")
    results = tuple(text_of(block.get("content", "")) for block in blocks if block["type"] == "tool_result")
    uses = [block for block in blocks if block["type"] == "tool_use"]
    names, sent = tuple(str(use.get("name", "")) for use in uses), [json.dumps(use.get("input", {})) for use in uses]
    documents = tuple(filter(None, (_document(block) for block in blocks if block["type"] == "document")))
    text = content if isinstance(content, str) else text_of([block for block in blocks if block["type"] == "text"])
    media = sum(block["type"] in _MEDIA for block in blocks)
    return Turn(str(role), text, results, documents, media, names, "".join(sent))


def _document(block: dict[str, Any]) -> str:
    source = block.get("source")
    return str(source.get("data", "")) if isinstance(source, dict) and source.get("type") == "text" else ""


def _choice(choice: Reader) -> str:
    kind = choice.data.get("type", "auto")
    return f"tool:{choice.data.get('name', '')}" if kind == "tool" else str(kind)


def _schema(body: Reader) -> dict[str, Any] | None:
    """Return the schema of a structured output, by its present or its first name."""
    wanted = body.child("output_config").child("format").data or body.child("output_format").data
    schema = wanted.get("schema") if wanted.get("type") == "json_schema" else None
    return schema if isinstance(schema, dict) else None


def parse(data: dict[str, Any]) -> Chat:
    """Read a Messages request.

    Raises:
        Fault: ``ValidationException``.
    """
    body = Reader(data)
    body.required("anthropic_version", "max_tokens", "messages")
    if not _VERSION.fullmatch(body.text("anthropic_version")):
        malformed(f"#/anthropic_version: {body.text('anthropic_version')} is not a valid version")
    turns = tuple(_turn(position, message) for position, message in enumerate(body.objects("messages")))
    if not turns:
        refuse("messages: at least one message is required")
    if turns[0].role != "user":
        refuse('messages: first message must use the "user" role')
    tools = tuple(
        Tool(str(tool.get("name", "")), str(tool.get("description", "")), tool.get("input_schema") or {})
        for tool in body.objects("tools")
    )
    choice = _choice(body.child("tool_choice"))
    if choice.startswith("tool:") and choice.removeprefix("tool:") not in {tool.name for tool in tools}:
        refuse(f"tool_choice: Tool '{choice.removeprefix('tool:')}' not found in provided tools")
    limit, stops = body.whole("max_tokens"), body.texts("stop_sequences")
    return Chat(turns, text_of(data.get("system", "")), tools, choice, limit, stops, _schema(body))


def _message(answer: Answer, about: Context) -> dict[str, Any]:
    return {
        "id": f"msg_bdrk_{about.request_id.replace('-', '')[:24]}",
        "type": "message",
        "role": "assistant",
        "model": about.model_id.rpartition("anthropic.")[2].partition("-v")[0],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
        },
    }


def _tool_id(about: Context) -> str:
    return f"toolu_bdrk_{about.request_id.replace('-', '')[:24]}"


def whole(answer: Answer, about: Context) -> dict[str, Any]:
    """Write a complete message."""
    block: dict[str, Any] = {"type": "text", "text": answer.text}
    if answer.tool is not None:
        block = {
            "type": "tool_use",
            "id": _tool_id(about),
            "name": answer.tool.name,
            "input": dict(answer.arguments),
        }
    message = _message(answer, about)
    message["usage"]["output_tokens"] = answer.output_tokens
    return {**message, "content": [block], "stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence}


def _deltas(answer: Answer) -> Iterator[dict[str, Any]]:
    if answer.tool is None:
        yield from ({"type": "text_delta", "text": piece} for piece in pieces(answer.text))
        return
    text = json.dumps(dict(answer.arguments))
    cuts = range(0, len(text), _JSON_PIECE)
    yield from ({"type": "input_json_delta", "partial_json": text[cut : cut + _JSON_PIECE]} for cut in cuts)


def chunks(answer: Answer, about: Context) -> Iterator[dict[str, Any]]:
    """Write the whole sequence message_start … message_stop."""
    start: dict[str, Any] = {"type": "text", "text": ""}
    if answer.tool is not None:
        start = {"type": "tool_use", "id": _tool_id(about), "name": answer.tool.name, "input": {}}
    yield {"type": "message_start", "message": _message(answer, about)}
    yield {"type": "content_block_start", "index": 0, "content_block": start}
    for delta in _deltas(answer):
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence},
        "usage": {"output_tokens": answer.output_tokens},
    }
    yield {"type": "message_stop"}


BODY = Body(parse, whole, chunks)
