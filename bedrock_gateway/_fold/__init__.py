"""Raw stream events → typed events and, at the end, the whole result.

A fold is fed bytes or, where the raw body was not to be had, the event dicts of botocore's parser. `complete` turns true at the terminal event, `done` when nothing of interest can follow it: the metadata comes after the terminal
event. An error frame is kept in `failed`, after the events before it were returned.
"""

from __future__ import annotations

import binascii
import functools
import io
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway._deferred import deferred
from bedrock_gateway._eventstream import CorruptFrameError, Decoder
from bedrock_gateway._fold.arrived import Arrived, event_of, loader, parsed
from bedrock_gateway._fold.merging import joined
from bedrock_gateway.families import bodies
from bedrock_gateway.results import ChunkReceived, InvokeResult, ToolCall, UnknownEvent, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Send

__all__ = ["Fold", "InvokeFold", "dict_of", "parsed", "seconds", "shown", "str_of", "usage_from", "whole"]


def _object(payload: bytes) -> dict[str, Any]:
    """Return the members of an exception frame, whose code alone must do where the payload is no JSON object."""
    try:
        found = parsed(payload)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def dict_of(value: Any) -> dict[str, Any]:
    """Return *value* if it is a dict, else an empty one: AWS may send what it never sent before."""
    return value if isinstance(value, dict) else {}


def str_of(value: Any) -> str:
    """Return *value* if it is text, else none."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """Return a count; None where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def usage_from(found: Any) -> Usage | None:
    """Return Converse's ``usage`` as ours."""
    if not isinstance(found, dict):
        return None
    get = found.get
    return Usage(
        whole(get("inputTokens")),
        whole(get("outputTokens")),
        whole(get("totalTokens")),
        whole(get("cacheReadInputTokens")),
        whole(get("cacheWriteInputTokens")),
    )


_FAILURES = frozenset({"error", "exception"})


class _ReportedError(Exception):
    """A chunk is an error of the vendor."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text


class Fold:
    """What every stream has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._decoder = Decoder()
        self._arrived = Arrived()
        self._good = 0
        """How many of the events that came were good."""
        self.complete = False
        self.done = False
        self.usage: Usage | None = None
        self.failed: tuple[str, str, int | None] | None = None
        """Code and message of an error that AWS reported in the stream, and the status the model itself answered with."""
        self.corrupt: CorruptFrameError | None = None
        """Set once an event cannot be what AWS sent, or its bytes are damaged: what came before it is good."""

    def began(self, reply: dict[str, Any]) -> None:
        """Take what came before the first event: boto3's reply, of headers alone."""

    def ended(self) -> None:
        """The body ended; of an operation without a terminal event that may be the end."""

    @property
    def between_frames(self) -> bool:
        """Whether nothing of a frame has come that is not whole."""
        return not self._decoder.pending

    def feed(self, piece: bytes | list[dict[str, Any]]) -> list[Any]:
        """Return the typed events in what came, up to an error, which is kept in `failed` or `corrupt`."""
        self._arrived.keep(piece)
        events: list[Any] = []
        try:
            if isinstance(piece, bytes):
                self._read(piece, events)
            else:
                events.extend(self.take(*next(iter(one.items()), ("", {}))) for one in piece)
        except CorruptFrameError as error:
            self.corrupt = error
        except _ReportedError as error:
            self.failed = (error.code, error.text, None)
            self._good += 1
        self._good += len(events)
        return events

    def _read(self, data: bytes, events: list[Any]) -> None:
        """Put the events that *data* completes into *events*. One loop: this is the hot path."""
        frames = self._decoder.feed(data)
        load, take = loader(frames), self.take
        for headers, payload in frames:
            if headers.get(":message-type") in _FAILURES:
                self._fail(headers, payload)
                return
            try:
                event = load(payload)
            except ValueError:
                event = event_of(payload)
            events.append(take(str(headers.get(":event-type", "")), event))
        self.corrupt = self._decoder.corrupt

    def _fail(self, headers: Mapping[str, Any], payload: bytes) -> None:
        """Keep the error that a frame reports."""
        if headers[":message-type"] == "error":
            code, text = headers.get(":error-code"), str_of(headers.get(":error-message"))
        else:
            code, text = headers.get(":exception-type"), ""
        held = _object(payload)
        original = whole(held.get("originalStatusCode"))
        text = text or str_of(held.get("message", held.get("Message")))
        self.failed = (str(code or held.get("__type") or "Unknown"), text, original)

    def take(self, name: str, payload: Any) -> Any:
        """Return the typed event, and remember what the result needs."""
        raise NotImplementedError

    def result(self, request_id: str | None, *, local: bool = False) -> Any:
        """Return what has arrived, as the stream's result type."""
        raise NotImplementedError

    def finished(self, request_id: str | None, *, local: bool = False) -> Any:
        """Return the whole."""
        return self.result(request_id, local=local)


class InvokeFold(Fold):
    """InvokeModelWithResponseStream: chunks of the vendor's own JSON."""

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._text = io.StringIO()
        self._stop_reason: str | None = None
        self._guardrail: str | None = None

    def take(self, name: str, payload: Any) -> Any:
        """Decode the chunk; anything else is unknown."""
        if not _is_chunk(name, payload):
            return UnknownEvent({name: payload}, name)
        chunk = _chunk(payload.get("bytes"))
        text = bodies.chunk_text(chunk)
        self._text.write(text)
        self._stop_reason = bodies.stop_reason_of(chunk) or self._stop_reason
        if isinstance(chunk, dict):
            if bodies.GUARDRAIL in chunk:
                self._guardrail = bodies.intervened(self._guardrail, chunk)
            self._count(chunk)
            if "error" in chunk and (error := bodies.chunk_error(chunk)):
                raise _ReportedError(*error)
        self.complete = self.complete or bodies.chunk_ends(chunk)
        self.done = self.complete and isinstance(chunk, dict) and bodies.METRICS in chunk
        return ChunkReceived(chunk, text)

    def _count(self, chunk: dict[str, Any]) -> None:
        """The metrics count the call and overrule what the vendor's own chunks said before."""
        usage, before = bodies.usage_of(chunk), self.usage
        if usage is None or before is None or bodies.METRICS in chunk:
            self.usage = usage or before
            return
        later = {one.name: getattr(usage, one.name) for one in fields(usage)}
        known = replace(before, **{name: value for name, value in later.items() if value is not None})
        sent, made = known.input_tokens, known.output_tokens
        self.usage = replace(known, total_tokens=sent + made) if sent is not None and made is not None else known

    def result(self, request_id: str | None, *, local: bool = False) -> InvokeResult:
        """Return the whole, or what there is of it."""
        chunks = functools.cache(functools.partial(_chunks, self._arrived, self._good))
        return InvokeResult(
            text=joined([self._text.getvalue()]),
            stop_reason=self._stop_reason,
            usage=self.usage,
            model_id=self._send.model_id,
            request_id=request_id,
            raw=deferred(lambda: list(chunks())),
            local=local,
            guardrail_action=self._guardrail,
            chunks=deferred(lambda: tuple(chunks())),
        )


def _chunk(data: Any) -> Any:
    """Return the vendor's JSON: Base64 in a frame, bytes from botocore's parser."""
    if not isinstance(data, (str, bytes)):
        raise CorruptFrameError("a chunk has no bytes")
    try:
        return parsed(binascii.a2b_base64(data, strict_mode=True) if isinstance(data, str) else data)
    except (ValueError, binascii.Error):
        raise CorruptFrameError("a chunk is not JSON") from None


def _chunks(arrived: Arrived, count: int) -> list[Any]:
    """Every chunk among the first *count* events, as the vendor's own JSON."""
    return [_chunk(payload["bytes"]) for name, payload in arrived.events(count) if _is_chunk(name, payload)]


def _is_chunk(name: str, payload: Any) -> bool:
    return name == "chunk" and isinstance(payload, dict)


def block_text(block: Any) -> str:
    """Return the text of a content block, that of a cited one included."""
    found = dict_of(block)
    if "citationsContent" not in found:
        return str_of(found.get("text"))
    cited = dict_of(found["citationsContent"]).get("content")
    return str_of(found.get("text")) + "".join(
        str_of(dict_of(one).get("text")) for one in (cited if isinstance(cited, list) else ())
    )


_PLAIN = frozenset({"text"})
"""Members of a block that says nothing but its text, as most do."""


def shown(blocks: list[Any]) -> dict[str, Any]:
    """What the blocks of a message say, as members of a result."""
    text = "".join([block_text(one) for one in blocks])
    others = [one for one in blocks if isinstance(one, dict) and not one.keys() <= _PLAIN]
    if not others:
        return {"text": text}
    cited = [dict_of(one.get("citationsContent")).get("citations") for one in others]
    thought = [dict_of(dict_of(one.get("reasoningContent")).get("reasoningText")) for one in others]
    return {
        "text": text,
        "tool_calls": tool_calls(others),
        "reasoning": "".join(str_of(one.get("text")) for one in thought),
        "citations": tuple(one for some in cited if isinstance(some, list) for one in some if isinstance(one, dict)),
    }


def seconds(metrics: Any) -> float | None:
    """Return the latency that AWS measured."""
    found = dict_of(metrics).get("latencyMs")
    return found / 1000 if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def tool_calls(blocks: Any) -> tuple[ToolCall, ...]:
    """Return the tool calls among a message's blocks."""
    found = [tool for one in blocks if (tool := dict_of(dict_of(one).get("toolUse")))]
    return tuple(ToolCall(str_of(one.get("toolUseId")), str_of(one.get("name")), one.get("input")) for one in found)
