"""Converse's messages: read into a `Chat`, and written as a message or as stream events.

Nova's own format has the same shapes, so it is read and written here too.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.models.model import Answer, Chat, Tool, Turn, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["chat_of", "folded", "message_of", "stream_of"]

_MEDIA = ("image", "video", "audio", "document")
_READABLE = frozenset({"txt", "md", "csv", "html"})
_JSON_PIECE = 12


def _refuse(message: str) -> NoReturn:
    raise Fault("ValidationException", message, 400)


def _texts(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    guarded = [block["guardContent"].get("text", {}).get("text", "") for block in blocks if "guardContent" in block]
    return [*(str(block["text"]) for block in blocks if "text" in block), *guarded]


def _result(block: Mapping[str, Any]) -> str:
    parts = block["toolResult"].get("content") or []
    return " ".join(json.dumps(part["json"]) if "json" in part else str(part.get("text", "")) for part in parts)


def _document(block: Mapping[str, Any]) -> str:
    source = block["document"].get("source") or {}
    if "text" in source:
        return str(source["text"])
    data = source.get("bytes")
    readable = isinstance(data, bytes) and block["document"].get("format", "txt") in _READABLE
    return data.decode("utf-8", "replace") if readable and data is not None else ""


def _turn(position: int, message: Mapping[str, Any]) -> Turn:
    blocks = message.get("content") or []
    if not blocks:
        _refuse(
            f"The content field in the Message object at messages.{position} is empty. "
            "Add a ContentBlock object to the content field and try again."
        )
    for number, block in enumerate(blocks):
        if "text" in block and not str(block["text"]).strip():
            _refuse(
                f"The text field in the ContentBlock object at messages.{position}.content.{number} is blank. "
                "Add text to the text field, and try again."
            )
    documents = tuple(filter(None, (_document(block) for block in blocks if "document" in block)))
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    names, sent = tuple(str(use.get("name", "")) for use in uses), [json.dumps(use.get("input", {})) for use in uses]
    media = sum(any(kind in block for kind in _MEDIA) for block in blocks)
    results = tuple(_result(block) for block in blocks if "toolResult" in block)
    return Turn(str(message.get("role")), "\n".join(_texts(blocks)), results, documents, media, names, "".join(sent))


def _tool_ids(message: Mapping[str, Any], kind: str) -> set[str]:
    return {block[kind].get("toolUseId", "") for block in message.get("content") or [] if kind in block}


def _check_tools(messages: Sequence[Mapping[str, Any]], *, declared: bool) -> None:
    used = any("toolUse" in block or "toolResult" in block for message in messages for block in message["content"])
    if used and not declared:
        _refuse("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    for position, message in enumerate(messages[1:], 1):
        asked, given = _tool_ids(messages[position - 1], "toolUse"), _tool_ids(message, "toolResult")
        if missing := asked - given:
            listed = ", ".join(sorted(missing))
            _refuse(f"Expected toolResult blocks at messages.{position}.content for the following Ids: {listed}")
        if len(given) > len(asked):
            _refuse(
                f"The number of toolResult blocks at messages.{position}.content exceeds the number of toolUse blocks "
                "of previous turn."
            )


def _check_order(turns: Sequence[Turn]) -> None:
    if not turns or turns[0].role != "user":
        _refuse(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        )
    roles = [turn.role for turn in turns]
    if any(one == other for one, other in pairwise(roles)):
        _refuse(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again."
        )


def _choice(choice: Mapping[str, Any]) -> str:
    if "tool" in choice:
        return f"tool:{choice['tool'].get('name', '')}"
    return "any" if "any" in choice else "auto"


def _tools(config: Mapping[str, Any]) -> tuple[Tool, ...]:
    specs = [tool["toolSpec"] for tool in config.get("tools") or [] if "toolSpec" in tool]
    return tuple(
        Tool(spec["name"], spec.get("description", ""), (spec.get("inputSchema") or {}).get("json") or {})
        for spec in specs
    )


def _schema(params: Mapping[str, Any]) -> Mapping[str, Any] | None:
    text_format = (params.get("outputConfig") or {}).get("textFormat") or {}
    schema = (text_format.get("structure") or {}).get("jsonSchema", {}).get("schema")
    if not schema:
        return None
    try:
        found = json.loads(schema)
    except ValueError:
        _refuse("The schema of outputConfig.textFormat is not valid JSON.")
    return found if isinstance(found, dict) else None


def chat_of(params: Mapping[str, Any]) -> Chat:
    """Read the members that Converse and Nova share.

    Raises:
        Fault: ``ValidationException`` in AWS's words.
    """
    messages = params.get("messages") or []
    turns = tuple(_turn(position, message) for position, message in enumerate(messages))
    _check_order(turns)
    config = params.get("toolConfig") or {}
    tools = _tools(config)
    _check_tools(messages, declared=bool(tools))
    choice = _choice(config.get("toolChoice") or {})
    if choice.startswith("tool:") and choice.removeprefix("tool:") not in {tool.name for tool in tools}:
        _refuse("The tool that toolConfig.toolChoice names is not among toolConfig.tools.")
    limits = params.get("inferenceConfig") or {}
    stops = tuple(limits.get("stopSequences") or ())
    system = "\n".join(_texts(params.get("system") or []))
    return Chat(turns, system, tools, choice, limits.get("maxTokens"), stops, _schema(params))


def _tool_use_id(request_id: str) -> str:
    return f"tooluse_{request_id.replace('-', '')[:22]}"


def message_of(answer: Answer, request_id: str) -> dict[str, Any]:
    """Write the assistant's message."""
    if answer.tool is None:
        return {"role": "assistant", "content": [{"text": answer.text}]}
    use = {"toolUseId": _tool_use_id(request_id), "name": answer.tool.name, "input": dict(answer.arguments)}
    return {"role": "assistant", "content": [{"toolUse": use}]}


def _deltas(answer: Answer) -> Iterator[dict[str, Any]]:
    if answer.tool is None:
        yield from ({"text": piece} for piece in pieces(answer.text))
        return
    text = json.dumps(dict(answer.arguments))
    cuts = range(0, len(text), _JSON_PIECE)
    yield from ({"toolUse": {"input": text[cut : cut + _JSON_PIECE]}} for cut in cuts)


def stream_of(answer: Answer, request_id: str) -> Iterator[dict[str, Any]]:
    """Write the events messageStart to messageStop, in AWS's order; metadata is the caller's."""
    yield {"messageStart": {"role": "assistant"}}
    if answer.tool is not None:
        start = {"toolUse": {"toolUseId": _tool_use_id(request_id), "name": answer.tool.name}}
        yield {"contentBlockStart": {"start": start, "contentBlockIndex": 0}}
    for delta in _deltas(answer):
        yield {"contentBlockDelta": {"delta": delta, "contentBlockIndex": 0}}
    yield {"contentBlockStop": {"contentBlockIndex": 0}}
    yield {"messageStop": {"stopReason": answer.stop_reason}}


def folded(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the Converse reply that stream *events* amount to, complete or not; the log holds a stream like that."""
    text, arguments = "", ""
    use: dict[str, Any] = {}
    reply: dict[str, Any] = {}
    for event in events:
        delta = event.get("contentBlockDelta", {}).get("delta", {})
        text += delta.get("text", "")
        arguments += delta.get("toolUse", {}).get("input", "")
        use = event.get("contentBlockStart", {}).get("start", {}).get("toolUse") or use
        reply |= event.get("messageStop", {}) | event.get("metadata", {})
    content: dict[str, Any] = {"text": text}
    if use:
        content = {"toolUse": {**use, "input": _parsed(arguments)}}
    return {"output": {"message": {"role": "assistant", "content": [content]}}, **reply}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text
