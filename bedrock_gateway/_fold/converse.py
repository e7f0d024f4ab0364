"""ConverseStream's events → typed events and, at the end, the whole result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._fold import Fold, dict_of, parsed, seconds, shown, str_of, usage_from, whole
from bedrock_gateway._responses import shaped
from bedrock_gateway.results import (
    BlockStopped,
    ConverseResult,
    MessageStarted,
    MessageStopped,
    MetadataReceived,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UnknownEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Send

__all__ = ["ConverseFold"]


class ConverseFold(Fold):
    """ConverseStream: blocks by index, which need not come in order."""

    def __init__(self, send: Send, output: Any = None) -> None:
        super().__init__(send)
        self._output = output
        self._latency: float | None = None
        self._role = "assistant"
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}
        self._stop_reason: str | None = None
        self._raw: list[dict[str, Any]] = []
        self._growing: tuple[int, list[str]] = (-1, [])
        """Index and pieces of the text that came last: most deltas are more of it."""

    def take(self, name: str, payload: Any) -> Any:
        """Return the typed event; one that no row knows is an `UnknownEvent`."""
        raw = {name: payload}
        self._raw.append(raw)
        taker = _TAKERS.get(name)
        return taker(self, raw, payload) if taker and isinstance(payload, dict) else UnknownEvent(raw, name)

    def started(self, raw: Any, payload: dict[str, Any]) -> MessageStarted:
        """Take messageStart."""
        role = payload.get("role")
        self._role = str_of(role) or self._role
        return MessageStarted(raw, str_of(role) or None)

    def block_started(self, raw: Any, payload: dict[str, Any]) -> Any:
        """Take contentBlockStart."""
        index, start = _index(payload), dict_of(payload.get("start"))
        self._growing = (-1, [])
        for kind, value in start.items():
            self._blocks[index] = {kind: dict(value) if isinstance(value, dict) else value}
        tool = start.get("toolUse")
        if not isinstance(tool, dict):
            return UnknownEvent(raw, "contentBlockStart")
        return ToolCallStarted(raw, str_of(tool.get("toolUseId")), str_of(tool.get("name")), index)

    def delta(self, raw: Any, payload: dict[str, Any]) -> Any:
        """Take contentBlockDelta."""
        index, delta = payload.get("contentBlockIndex"), payload.get("delta")
        growing, pieces = self._growing
        if index == growing and type(index) is int and isinstance(delta, dict) and len(delta) == 1:
            text = delta.get("text")
            if isinstance(text, str):
                pieces.append(text)
                return TextDelta(raw, text, index)
        return self._delta(raw, _index(payload), dict_of(delta))

    def _delta(self, raw: Any, index: int, delta: dict[str, Any]) -> Any:
        kind, value = next(iter(delta.items()), ("", None))
        block = self._blocks.setdefault(index, {})
        if kind == "text" and isinstance(value, str):
            pieces = self._pieces.setdefault((index, "text"), [])
            pieces.append(value)
            block.setdefault("text", "")
            self._growing = (index, pieces)
            return TextDelta(raw, value, index)
        if kind == "toolUse" and isinstance(value, dict):
            piece = str_of(value.get("input"))
            self._pieces.setdefault((index, "toolUse"), []).append(piece)
            block.setdefault("toolUse", {})
            return ToolCallDelta(raw, piece, index)
        if kind == "reasoningContent" and isinstance(value, dict):
            return self._reasoning(raw, block, value, index)
        if kind:
            _append(block.setdefault(kind, []), value)
        return UnknownEvent(raw, "contentBlockDelta")

    def _reasoning(self, raw: Any, block: dict[str, Any], value: dict[str, Any], index: int) -> ReasoningDelta:
        content = block.setdefault("reasoningContent", {})
        for name in ("text", "signature"):
            if isinstance(value.get(name), str):
                self._pieces.setdefault((index, name + " of reasoning"), []).append(value[name])
        if "redactedContent" in value and isinstance(content, dict):
            content["redactedContent"] = value["redactedContent"]
        return ReasoningDelta(raw, str_of(value.get("text")), index)

    def block_stopped(self, raw: Any, payload: dict[str, Any]) -> BlockStopped:
        """Take contentBlockStop."""
        return BlockStopped(raw, _index(payload))

    def stopped(self, raw: Any, payload: dict[str, Any]) -> MessageStopped:
        """Take messageStop: the terminal event."""
        self.complete = True
        self._stop_reason = str_of(payload.get("stopReason")) or None
        return MessageStopped(raw, self._stop_reason)

    def metadata(self, raw: Any, payload: dict[str, Any]) -> MetadataReceived:
        """Take metadata: nothing follows it."""
        self.usage = usage_from(payload.get("usage"))
        self._latency = seconds(payload.get("metrics"))
        self.done = self.complete
        return MetadataReceived(raw, self.usage)

    def result(self, request_id: str | None, *, local: bool = False) -> ConverseResult:
        """Return the whole, or what there is of it."""
        blocks = [self._block(index) for index in sorted(self._blocks)]
        return ConverseResult(
            stop_reason=self._stop_reason,
            usage=self.usage,
            model_id=self._send.model_id,
            request_id=request_id,
            raw=list(self._raw),
            local=local,
            message={"role": self._role, "content": blocks},
            latency_seconds=self._latency,
            guardrail_action="INTERVENED" if self._stop_reason == "guardrail_intervened" else None,
            **shown(blocks),
        )

    def finished(self, request_id: str | None, *, local: bool = False) -> ConverseResult:
        """Return the whole, and what ``output`` makes of it."""
        return shaped(self.result(request_id, local=local), self._output, self._send)

    def _block(self, index: int) -> dict[str, Any]:
        block = dict(self._blocks[index])
        if "text" in block:
            block["text"] = str_of(block["text"]) + "".join(self._pieces.get((index, "text"), ()))
        if "citation" in block:
            cited = {"content": [{"text": str_of(block.pop("text", ""))}], "citations": block.pop("citation")}
            block["citationsContent"] = cited
        if "toolUse" in block:
            text = "".join(self._pieces.get((index, "toolUse"), ()))
            try:
                made = parsed(text) if text else {}
            except ValueError:
                made = text  # a cut stream leaves half a document: shown as it is
            block["toolUse"] = {**dict_of(block["toolUse"]), "input": made}
        thought = {
            name: "".join(self._pieces.get((index, name + " of reasoning"), ())) for name in ("text", "signature")
        }
        if thought["text"] or thought["signature"]:
            reasoning = {"text": thought["text"]} | (
                {"signature": thought["signature"]} if thought["signature"] else {}
            )
            block["reasoningContent"] = {**dict_of(block.get("reasoningContent")), "reasoningText": reasoning}
        return block


def _index(payload: dict[str, Any]) -> int:
    return whole(payload.get("contentBlockIndex")) or 0


def _append(values: Any, value: Any) -> None:
    if isinstance(values, list):
        values.append(value)


_TAKERS: dict[str, Callable[[ConverseFold, Any, dict[str, Any]], Any]] = {
    "messageStart": ConverseFold.started,
    "contentBlockStart": ConverseFold.block_started,
    "contentBlockDelta": ConverseFold.delta,
    "contentBlockStop": ConverseFold.block_stopped,
    "messageStop": ConverseFold.stopped,
    "metadata": ConverseFold.metadata,
}
