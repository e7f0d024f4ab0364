"""ConverseStream's events → typed events and, at the end, the whole result."""

from __future__ import annotations

import functools
import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bedrock_gateway._deferred import deferred
from bedrock_gateway._fold import Fold, dict_of, parsed, seconds, shown, str_of, usage_from, whole
from bedrock_gateway._fold.arrived import raw_events
from bedrock_gateway._fold.merging import joined, joined_blob, merged
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


_NOTHING: tuple[int | None, Callable[[str], Any]] = (None, len)
"""No text is growing."""


class ConverseFold(Fold):
    """ConverseStream: blocks by index, which need not come in order."""

    def __init__(self, send: Send, output: Any = None) -> None:
        super().__init__(send)
        self._output = output
        self._latency: float | None = None
        self._role = "assistant"
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: defaultdict[tuple[int, str], io.StringIO] = defaultdict(io.StringIO)
        self._stop_reason: str | None = None
        self._growing: tuple[int | None, Callable[[str], Any]] = _NOTHING
        """Index of the text that came last, and what adds to it: most deltas are more of it."""

    def take(self, name: str, payload: Any) -> Any:
        """Return the typed event; one that no row knows is an `UnknownEvent`."""
        raw = {name: payload}
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
        self._growing = _NOTHING
        block = self._blocks.setdefault(index, {})
        for kind, value in start.items():
            block[kind] = dict(value) if isinstance(value, dict) else value
        tool = start.get("toolUse")
        if not isinstance(tool, dict):
            return UnknownEvent(raw, "contentBlockStart")
        return ToolCallStarted(raw, str_of(tool.get("toolUseId")), str_of(tool.get("name")), index)

    def delta(self, raw: Any, payload: dict[str, Any]) -> Any:
        """Take contentBlockDelta."""
        index, delta = payload.get("contentBlockIndex"), payload.get("delta")
        growing, grow = self._growing
        if index == growing and type(index) is int and isinstance(delta, dict) and len(delta) == 1:
            text = delta.get("text")
            if isinstance(text, str):
                grow(text)
                return TextDelta(raw, text, index)
        return self._delta(raw, _index(payload), dict_of(delta))

    def _delta(self, raw: Any, index: int, delta: dict[str, Any]) -> Any:
        made = [self._taken(raw, index, kind, value) for kind, value in delta.items()]
        return next((one for one in made if one is not None), UnknownEvent(raw, "contentBlockDelta"))

    def _taken(self, raw: Any, index: int, kind: str, value: Any) -> Any:
        """Remember what a delta adds to its block; return its typed event, if there is one."""
        block = self._blocks.setdefault(index, {})
        if kind == "text" and isinstance(value, str):
            grow = self._pieces[index, "text"].write
            grow(value)
            block.setdefault("text", "")
            self._growing = (index, grow)
            return TextDelta(raw, value, index)
        if kind == "toolUse" and isinstance(value, dict):
            piece = str_of(value.get("input"))
            self._pieces[index, "toolUse"].write(piece)
            block.setdefault("toolUse", {})
            return ToolCallDelta(raw, piece, index)
        if kind == "reasoningContent" and isinstance(value, dict):
            return self._reasoning(raw, block, value, index)
        if kind == "citation":
            block[kind] = [*block.get(kind, ()), value]
        elif kind == "toolResult" and isinstance(value, list):
            block[kind] = merged({"content": []} | dict_of(block.get(kind)), {"content": value})
        else:
            block[kind] = merged(block.get(kind), value)
        return None

    def _reasoning(self, raw: Any, block: dict[str, Any], value: dict[str, Any], index: int) -> ReasoningDelta:
        content = block.setdefault("reasoningContent", {})
        for name in ("text", "signature"):
            if isinstance(value.get(name), str):
                self._pieces[index, name + " of reasoning"].write(value[name])
        if "redactedContent" in value and isinstance(content, dict):
            content["redactedContent"] = joined_blob(content.get("redactedContent"), value["redactedContent"])
        return ReasoningDelta(raw, str_of(value.get("text")), index)

    def block_stopped(self, raw: Any, payload: dict[str, Any]) -> BlockStopped:
        """Take contentBlockStop."""
        return BlockStopped(raw, _index(payload))

    def stopped(self, raw: Any, payload: dict[str, Any]) -> MessageStopped:
        """Take messageStop: the terminal event."""
        self.complete = True
        self._stop_reason = str_of(payload.get("stopReason")) or self._stop_reason
        return MessageStopped(raw, self._stop_reason)

    def metadata(self, raw: Any, payload: dict[str, Any]) -> MetadataReceived:
        """Take metadata: nothing follows it."""
        self.usage = usage_from(payload.get("usage")) or self.usage
        latency = seconds(payload.get("metrics"))
        self._latency = self._latency if latency is None else latency
        self.done = self.complete
        return MetadataReceived(raw, self.usage)

    def result(self, request_id: str | None, *, local: bool = False) -> ConverseResult:
        """Return the whole, or what there is of it."""
        blocks = [block for index in sorted(self._blocks) for block in self._finished(index)]
        return ConverseResult(
            stop_reason=self._stop_reason,
            usage=self.usage,
            model_id=self._send.model_id,
            request_id=request_id,
            raw=deferred(functools.partial(raw_events, self._arrived, self._good)),
            local=local,
            message={"role": self._role, "content": blocks},
            latency_seconds=self._latency,
            guardrail_action="INTERVENED" if self._stop_reason == "guardrail_intervened" else None,
            **shown(blocks),
        )

    def finished(self, request_id: str | None, *, local: bool = False) -> ConverseResult:
        """Return the whole, and what ``output`` makes of it."""
        return shaped(self.result(request_id, local=local), self._output, self._send)

    def _finished(self, index: int) -> list[dict[str, Any]]:
        """Return the blocks of one index: of a union, a member each. Models that think can answer under the same one."""
        blocks = []
        for kind, value in self._blocks[index].items():
            made = _FINISHERS[kind](self, index, value) if kind in _FINISHERS else [{kind: value}]
            blocks += made
        return blocks

    def _joined(self, index: int, kind: str) -> str:
        return joined([self._pieces[index, kind].getvalue()]) if (index, kind) in self._pieces else ""

    def _said(self, index: int, before: Any) -> list[dict[str, Any]]:
        """Text, and what it is cited from."""
        text, cited = str_of(before) + self._joined(index, "text"), self._blocks[index].get("citation")
        if cited is None:
            return [{"text": text}]
        return [{"citationsContent": {"content": [{"text": text}], "citations": cited}}]

    def _cited(self, index: int, _: Any) -> list[dict[str, Any]]:
        return [] if "text" in self._blocks[index] else self._said(index, "")

    def _called(self, index: int, before: Any) -> list[dict[str, Any]]:
        text = self._joined(index, "toolUse")
        try:
            made = parsed(text) if text else {}
        except ValueError:
            made = text  # a cut stream leaves half a document: shown as it is
        return [{"toolUse": {**dict_of(before), "input": made}}]

    def _thought(self, index: int, before: Any) -> list[dict[str, Any]]:
        text, signature = (self._joined(index, f"{name} of reasoning") for name in ("text", "signature"))
        blocks = [{"reasoningContent": {kind: value}} for kind, value in dict_of(before).items()]
        if text or signature:
            reasoning = {"text": text, **({"signature": signature} if signature else {})}
            blocks.insert(0, {"reasoningContent": {"reasoningText": reasoning}})
        return blocks


# Kind of what came → what makes its blocks; any other is a block as it is.
_FINISHERS: dict[str, Callable[[ConverseFold, int, Any], list[dict[str, Any]]]] = {
    "text": ConverseFold._said,  # noqa: SLF001
    "citation": ConverseFold._cited,  # noqa: SLF001
    "toolUse": ConverseFold._called,  # noqa: SLF001
    "reasoningContent": ConverseFold._thought,  # noqa: SLF001
}


def _index(payload: dict[str, Any]) -> int:
    return whole(payload.get("contentBlockIndex")) or 0


_TAKERS: dict[str, Callable[[ConverseFold, Any, dict[str, Any]], Any]] = {
    "messageStart": ConverseFold.started,
    "contentBlockStart": ConverseFold.block_started,
    "contentBlockDelta": ConverseFold.delta,
    "contentBlockStop": ConverseFold.block_stopped,
    "messageStop": ConverseFold.stopped,
    "metadata": ConverseFold.metadata,
}
