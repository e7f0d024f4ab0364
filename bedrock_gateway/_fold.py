"""Raw stream events → typed events and, at the end, the whole result.

A fold is fed frames (our decoder) or event dicts (botocore's parser, where the raw body was not to be had). `complete`
turns true at the terminal event, `done` when nothing of interest can follow it: the metadata comes after the terminal
event. An error frame is kept in `failed`, after the events before it were returned.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway._eventstream import CorruptFrameError, Frame
from bedrock_gateway.families import bodies
from bedrock_gateway.results import (
    BlockStopped,
    ChunkReceived,
    ConverseResult,
    InvokeResult,
    MessageStarted,
    MessageStopped,
    MetadataReceived,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
    UnknownEvent,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bedrock_gateway._commands import Send

__all__ = ["ConverseFold", "Fold", "InvokeFold", "usage_from"]


def usage_from(found: Any) -> Usage | None:
    """Return Converse's ``usage`` as ours."""
    if not isinstance(found, dict):
        return None
    names = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    return Usage(*(found.get(name) for name in names))


class Fold:
    """What every stream has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.complete = False
        self.done = False
        self.usage: Usage | None = None
        self.failed: tuple[str, str] | None = None

    def feed(self, arrived: Iterable[Any]) -> list[Any]:
        """Return the typed events of frames or event dicts."""
        events: list[Any] = []
        named: tuple[str, Any] | None
        for one in arrived:
            named = self._opened(one) if isinstance(one, Frame) else next(iter(one.items()), ("", {}))
            if named is None:
                break
            event = self.take(*named)
            if event is not None:
                events.append(event)
        return events

    def _opened(self, frame: Frame) -> tuple[str, Any] | None:
        """Return (name, payload); None for an error, which is kept."""
        headers = frame.headers
        kind = headers.get(":message-type")
        if kind == "error":
            self.failed = (str(headers.get(":error-code", "Unknown")), str(headers.get(":error-message", "")))
            return None
        payload = self._payload(frame.payload)
        if kind == "exception":
            text = payload.get("message", payload.get("Message", "")) if isinstance(payload, dict) else ""
            self.failed = (str(headers.get(":exception-type", "Unknown")), str(text))
            return None
        return str(headers.get(":event-type", "")), payload

    @staticmethod
    def _payload(payload: bytes) -> Any:
        if not payload:
            return {}
        try:
            return orjson.loads(payload)
        except orjson.JSONDecodeError:
            raise CorruptFrameError("an event is not JSON") from None

    def take(self, name: str, payload: Any) -> Any:
        """Return the typed event, and remember what the result needs."""
        raise NotImplementedError

    def result(self, request_id: str | None, *, local: bool = False) -> Any:
        """Return what has arrived, as the stream's result type."""
        raise NotImplementedError


class InvokeFold(Fold):
    """InvokeModelWithResponseStream: chunks of the vendor's own JSON."""

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._chunks: list[Any] = []
        self._text: list[str] = []
        self._stop_reason: str | None = None
        self._guardrail: str | None = None

    def take(self, name: str, payload: Any) -> Any:
        """Decode the chunk; anything else is unknown."""
        if name != "chunk" or not isinstance(payload, dict):
            return UnknownEvent({name: payload}, name)
        chunk = self._chunk(payload.get("bytes") or b"")
        self._chunks.append(chunk)
        text = bodies.chunk_text(chunk)
        self._text.append(text)
        self._stop_reason = bodies.stop_reason_of(chunk) or self._stop_reason
        if isinstance(chunk, dict):
            self._guardrail = chunk.get("amazon-bedrock-guardrailAction", self._guardrail)
            self._count(chunk)
        self.complete = self.complete or bodies.chunk_ends(chunk)
        return ChunkReceived(chunk, text)

    def _count(self, chunk: dict[str, Any]) -> None:
        """The metrics count the call and overrule what the vendor's own chunks said before."""
        usage = bodies.usage_of(chunk)
        if usage is not None and (bodies.METRICS in chunk or usage.input_tokens is not None or self.usage is None):
            self.usage = usage

    @staticmethod
    def _chunk(data: str | bytes) -> Any:
        try:
            return orjson.loads(base64.b64decode(data) if isinstance(data, str) else data)
        except (orjson.JSONDecodeError, binascii.Error):
            raise CorruptFrameError("a chunk is not JSON") from None

    def result(self, request_id: str | None, *, local: bool = False) -> InvokeResult:
        """Return the whole, or what there is of it."""
        return InvokeResult(
            text="".join(self._text),
            stop_reason=self._stop_reason,
            usage=self.usage,
            model_id=self._send.model_id,
            request_id=request_id,
            raw=list(self._chunks),
            local=local,
            guardrail_action=self._guardrail,
            chunks=tuple(self._chunks),
        )


class ConverseFold(Fold):
    """ConverseStream: blocks by index, which need not come in order."""

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._role = "assistant"
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, list[str]] = {}
        self._stop_reason: str | None = None
        self._raw: list[dict[str, Any]] = []

    def take(self, name: str, payload: Any) -> Any:
        """Return the typed event; one that no row knows is an `UnknownEvent`."""
        raw = {name: payload}
        self._raw.append(raw)
        taker = _TAKERS.get(name)
        return taker(self, raw, payload) if taker and isinstance(payload, dict) else UnknownEvent(raw, name)

    def started(self, raw: Any, payload: dict[str, Any]) -> MessageStarted:
        """Take messageStart."""
        self._role = payload.get("role", self._role)
        return MessageStarted(raw, payload.get("role"))

    def block_started(self, raw: Any, payload: dict[str, Any]) -> Any:
        """Take contentBlockStart."""
        index, start = payload.get("contentBlockIndex", 0), payload.get("start") or {}
        for kind, value in start.items():
            self._blocks[index] = {kind: dict(value) if isinstance(value, dict) else value}
        tool = start.get("toolUse")
        if not isinstance(tool, dict):
            return UnknownEvent(raw, "contentBlockStart")
        return ToolCallStarted(raw, tool.get("toolUseId", ""), tool.get("name", ""), index)

    def delta(self, raw: Any, payload: dict[str, Any]) -> Any:
        """Take contentBlockDelta."""
        index, delta = payload.get("contentBlockIndex", 0), payload.get("delta") or {}
        kind, value = next(iter(delta.items()), ("", None))
        block = self._blocks.setdefault(index, {})
        if kind == "text" and isinstance(value, str):
            block["text"] = block.get("text", "") + value
            return TextDelta(raw, value, index)
        if kind == "toolUse" and isinstance(value, dict):
            self._inputs.setdefault(index, []).append(value.get("input", ""))
            block.setdefault("toolUse", {})
            return ToolCallDelta(raw, value.get("input", ""), index)
        if kind == "reasoningContent" and isinstance(value, dict):
            return self._reasoning(raw, block, value, index)
        _append(block.setdefault(kind, []), value)
        return UnknownEvent(raw, "contentBlockDelta")

    @staticmethod
    def _reasoning(raw: Any, block: dict[str, Any], value: dict[str, Any], index: int) -> ReasoningDelta:
        content = block.setdefault("reasoningContent", {})
        for name in ("text", "signature"):
            if isinstance(value.get(name), str):
                whole = content.setdefault("reasoningText", {"text": ""})
                whole[name] = whole.get(name, "") + value[name]
        if "redactedContent" in value:
            content["redactedContent"] = value["redactedContent"]
        return ReasoningDelta(raw, value.get("text") or "", index)

    def block_stopped(self, raw: Any, payload: dict[str, Any]) -> BlockStopped:
        """Take contentBlockStop."""
        return BlockStopped(raw, payload.get("contentBlockIndex", 0))

    def stopped(self, raw: Any, payload: dict[str, Any]) -> MessageStopped:
        """Take messageStop: the terminal event."""
        self.complete = True
        self._stop_reason = payload.get("stopReason")
        return MessageStopped(raw, self._stop_reason)

    def metadata(self, raw: Any, payload: dict[str, Any]) -> MetadataReceived:
        """Take metadata: nothing follows it."""
        self.usage = usage_from(payload.get("usage"))
        self.done = self.complete
        return MetadataReceived(raw, self.usage)

    def result(self, request_id: str | None, *, local: bool = False) -> ConverseResult:
        """Return the whole, or what there is of it."""
        blocks = [self._block(index) for index in sorted(self._blocks)]
        return ConverseResult(
            text="".join(one["text"] for one in blocks if isinstance(one.get("text"), str)),
            stop_reason=self._stop_reason,
            usage=self.usage,
            model_id=self._send.model_id,
            request_id=request_id,
            raw=list(self._raw),
            local=local,
            message={"role": self._role, "content": blocks},
            tool_calls=tool_calls(blocks),
            guardrail_action="INTERVENED" if self._stop_reason == "guardrail_intervened" else None,
        )

    def _block(self, index: int) -> dict[str, Any]:
        block = dict(self._blocks[index])
        if "toolUse" in block:
            text = "".join(self._inputs.get(index, ()))
            try:
                made = orjson.loads(text) if text else {}
            except orjson.JSONDecodeError:
                made = text  # a cut stream leaves half a document: shown as it is
            block["toolUse"] = {**block["toolUse"], "input": made}
        return block


def _append(values: Any, value: Any) -> None:
    if isinstance(values, list):
        values.append(value)


def tool_calls(blocks: Any) -> tuple[ToolCall, ...]:
    """Return the tool calls among a message's blocks."""
    found = [one["toolUse"] for one in blocks if isinstance(one, dict) and isinstance(one.get("toolUse"), dict)]
    return tuple(ToolCall(one.get("toolUseId", ""), one.get("name", ""), one.get("input")) for one in found)


_TAKERS: dict[str, Callable[[ConverseFold, Any, dict[str, Any]], Any]] = {
    "messageStart": ConverseFold.started,
    "contentBlockStart": ConverseFold.block_started,
    "contentBlockDelta": ConverseFold.delta,
    "contentBlockStop": ConverseFold.block_stopped,
    "messageStop": ConverseFold.stopped,
    "metadata": ConverseFold.metadata,
}
