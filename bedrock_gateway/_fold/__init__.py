"""Raw stream events → typed events and, at the end, the whole result.

A fold is fed frames (our decoder) or event dicts (botocore's parser, where the raw body was not to be had). `complete`
turns true at the terminal event, `done` when nothing of interest can follow it: the metadata comes after the terminal
event. An error frame is kept in `failed`, after the events before it were returned.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway._eventstream import CorruptFrameError
from bedrock_gateway._fold.merging import joined
from bedrock_gateway.families import bodies
from bedrock_gateway.results import ChunkReceived, InvokeResult, ToolCall, UnknownEvent, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bedrock_gateway._commands import Send

__all__ = ["Fold", "InvokeFold", "dict_of", "parsed", "seconds", "shown", "str_of", "usage_from", "whole"]


def parsed(data: str | bytes) -> Any:
    """Return the JSON in *data*; the standard library takes what orjson is too strict for (NaN, half a surrogate pair).

    Integers of any size are kept as they are.

    Raises:
        ValueError: it is not JSON.
    """
    if not _has_long_number(data):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


_DIGITS, _LONG = bytes.maketrans(b"123456789", b"000000000"), b"0" * 19


def _has_long_number(data: str | bytes) -> bool:
    """Whether an integer in it can have more than 64 bits: orjson would make a float of it, and lose digits."""
    if isinstance(data, str):
        data = data.encode(errors="surrogatepass")
    return _LONG in data.translate(_DIGITS)


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
    names = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    return Usage(*(whole(found.get(name)) for name in names))


_FAILURES = frozenset({"error", "exception"})
_TEXT_DELTA = b'"delta":{"text":'


class _ReportedError(Exception):
    """A chunk is an error of the vendor."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text


class Fold:
    """What every stream has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.complete = False
        self.done = False
        self.usage: Usage | None = None
        self.failed: tuple[str, str, int | None] | None = None
        """Code and message of an error that AWS reported in the stream, and the status the model itself answered with."""
        self.corrupt: CorruptFrameError | None = None
        """Set once an event cannot be what AWS sent."""

    def began(self, reply: dict[str, Any]) -> None:
        """Take what came before the first event: boto3's reply, of headers alone."""

    def ended(self, *, between_frames: bool) -> None:
        """The body ended; of an operation without a terminal event that may be the end."""

    def feed(self, arrived: Iterable[Any]) -> list[Any]:
        """Return the typed events of frames or event dicts, up to an error, which is kept in `failed` or `corrupt`."""
        events: list[Any] = []
        take = self.take
        try:
            for one in arrived:
                if isinstance(one, dict):
                    event = take(*next(iter(one.items()), ("", {})))
                else:
                    headers, payload = one
                    if headers.get(":message-type") in _FAILURES:
                        self._fail(headers, payload)
                        break
                    event = take(str(headers.get(":event-type", "")), self._payload(payload))
                if event is not None:
                    events.append(event)
        except CorruptFrameError as error:
            self.corrupt = error
        except _ReportedError as error:
            self.failed = (error.code, error.text, None)
        return events

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

    @staticmethod
    def _payload(payload: bytes) -> Any:
        if not payload:
            return {}
        if _TEXT_DELTA in payload or not _has_long_number(payload):
            try:
                return orjson.loads(payload)  # what `parsed` begins with: this is the hot path
            except orjson.JSONDecodeError:
                pass
        try:
            return parsed(payload)
        except ValueError:
            raise CorruptFrameError("an event is not JSON") from None

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
        self._chunks: list[Any] = []
        self._text: list[str] = []
        self._stop_reason: str | None = None
        self._guardrail: str | None = None

    def take(self, name: str, payload: Any) -> Any:
        """Decode the chunk; anything else is unknown."""
        if name != "chunk" or not isinstance(payload, dict):
            return UnknownEvent({name: payload}, name)
        chunk = self._chunk(payload.get("bytes"))
        self._chunks.append(chunk)
        text = bodies.chunk_text(chunk)
        self._text.append(text)
        self._stop_reason = bodies.stop_reason_of(chunk) or self._stop_reason
        if isinstance(chunk, dict):
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

    @staticmethod
    def _chunk(data: Any) -> Any:
        """Return the vendor's JSON: Base64 in a frame, bytes from botocore's parser."""
        if not isinstance(data, (str, bytes)):
            raise CorruptFrameError("a chunk has no bytes")
        try:
            return parsed(base64.b64decode(data, validate=True) if isinstance(data, str) else data)
        except (ValueError, binascii.Error):
            raise CorruptFrameError("a chunk is not JSON") from None

    def result(self, request_id: str | None, *, local: bool = False) -> InvokeResult:
        """Return the whole, or what there is of it."""
        return InvokeResult(
            text=joined(self._text),
            stop_reason=self._stop_reason,
            usage=self.usage,
            model_id=self._send.model_id,
            request_id=request_id,
            raw=list(self._chunks),
            local=local,
            guardrail_action=self._guardrail,
            chunks=tuple(self._chunks),
        )


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
