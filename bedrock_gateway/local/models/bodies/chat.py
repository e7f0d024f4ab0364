"""Every family without a file of its own: the chat-completions shape, or a plain ``prompt``.

AI21, DeepSeek, OpenAI, Qwen and others speak the first on Bedrock. It says that it is the local model's.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.models.bodies.shape import Body, Context, Reader, malformed, text_of
from bedrock_gateway.local.models.model import Answer, Chat, Tool, Turn, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY", "parse"]

_REASONS = {"max_tokens": "length", "tool_use": "tool_calls"}


def _turn(message: dict[str, Any]) -> Turn:
    text = text_of(message.get("content"))
    if message.get("role") == "tool":
        return Turn("user", tool_results=(text,))
    calls = [Reader(call).child("function") for call in Reader(message).objects("tool_calls")]
    names, sent = tuple(call.text("name") for call in calls), "".join(call.text("arguments") for call in calls)
    return Turn(str(message.get("role", "user")), text, calls=names, extra=sent)


def _choice(data: dict[str, Any]) -> str:
    choice = data.get("tool_choice", "auto")
    if isinstance(choice, dict):
        return f"tool:{choice.get('function', {}).get('name', '')}"
    return "any" if choice == "required" else str(choice)


def _stops(body: Reader) -> tuple[str, ...]:
    if isinstance(body.data.get("stop"), str):
        return (body.text("stop"),)
    return body.texts("stop") or body.texts("stop_sequences")


def _schema(body: Reader) -> dict[str, Any] | None:
    wanted = body.child("response_format")
    schema = wanted.child("json_schema").child("schema").data if wanted.data.get("type") == "json_schema" else None
    return dict(schema) if schema else None


def parse(data: dict[str, Any]) -> Chat:
    """Read a request with ``messages`` or ``prompt``.

    Raises:
        Fault: ``ValidationException``.
    """
    body = Reader(data)
    limit = body.whole("max_tokens") or body.whole("max_completion_tokens")
    if "messages" not in data:
        body.required("prompt")
        return Chat((Turn("user", body.text("prompt")),), max_tokens=limit, stop_sequences=_stops(body))
    turns = [_turn(message) for message in body.objects("messages")]
    if not turns:
        malformed("#/messages: expected minimum item count: 1, found: 0")
    system = "\n".join(turn.text for turn in turns if turn.role in {"system", "developer"})
    functions = [Reader(tool).child("function") for tool in body.objects("tools")]
    tools = tuple(
        Tool(one.text("name"), one.text("description"), dict(one.child("parameters").data)) for one in functions
    )
    spoken = tuple(turn for turn in turns if turn.role not in {"system", "developer"})
    return Chat(spoken, system, tools, _choice(data), limit, _stops(body), _schema(body))


def _calls(answer: Answer, about: Context) -> list[dict[str, Any]]:
    if answer.tool is None:
        return []
    function = {"name": answer.tool.name, "arguments": json.dumps(dict(answer.arguments))}
    return [{"id": f"call_{about.request_id[:8]}", "type": "function", "function": function}]


def whole(answer: Answer, about: Context) -> dict[str, Any]:
    """Write a complete reply."""
    message = {"role": "assistant", "content": answer.text, "tool_calls": _calls(answer, about) or None}
    finish = _REASONS.get(answer.stop_reason, "stop")
    return {
        "id": f"chatcmpl-{about.request_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": about.model_id,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _usage(answer),
    }


def _usage(answer: Answer) -> dict[str, int]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def chunks(answer: Answer, about: Context) -> Iterator[dict[str, Any]]:
    """Write the stream's chunks, the role first and the reason last."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces(answer.text)]
    if calls := _calls(answer, about):
        deltas.append({"tool_calls": [{"index": 0, **calls[0]}]})
    common = {
        "id": f"chatcmpl-{about.request_id}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": about.model_id,
    }
    for delta in deltas:
        yield {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    finish = _REASONS.get(answer.stop_reason, "stop")
    yield {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": _usage(answer)}


BODY = Body(parse, whole, chunks)
