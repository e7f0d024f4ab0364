"""One HTTP/2 connection: a thread that reads frames, and one for each request that is being answered.

Source: RFC 9113. Server push, priorities and trailers are left out: no client of AWS uses them.
"""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING

from bedrock_gateway.local.http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    LARGEST,
    ErrorCode,
    Frame,
    FrameError,
    Kind,
    Setting,
    read_frame,
    settings,
    write_frame,
)
from bedrock_gateway.local.http2.hpack import Decoder, HpackError, encoded
from bedrock_gateway.local.wire.message import Request, Response, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

__all__ = ["Connection"]

_WINDOW, _LARGEST_WINDOW = 65535, 2**31 - 1
_MOST_STREAMS = 128
_LARGEST_BLOCK = 256 * 1024
_EVENT_STREAM = "application/vnd.amazon.eventstream"


class _StreamEndedError(Exception):
    """The client no longer wants the reply, or has gone."""


@dataclass(slots=True)
class _Stream:
    """One request and its reply."""

    identifier: int
    window: int
    block: bytes = b""
    ends: bool = False
    """Whether the headers are all there is."""
    head: Request | None = None
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    answered: bool = False
    """Whether somebody is answering it already."""


class Connection:
    """Serves one client until it goes away."""

    def __init__(
        self, source: BufferedIOBase, sink: BufferedIOBase, answer: Callable[[Request], Response], *, largest_body: int
    ) -> None:
        self._source, self._sink, self._answer, self._largest_body = source, sink, answer, largest_body
        self._decoder = Decoder()
        self._streams: dict[int, _Stream] = {}
        self._newest = 0
        self._window, self._initial_window = _WINDOW, _WINDOW
        self._open = True
        self._continued: _Stream | None = None
        # Guards the sink, the windows and the streams, and tells who waits for a window.
        self._changed = threading.Condition()

    def serve(self) -> None:
        """Read and answer until the client goes away or breaks the protocol; the preface has been read."""
        announced = {Setting.MAX_CONCURRENT_STREAMS: _MOST_STREAMS, Setting.INITIAL_WINDOW_SIZE: _LARGEST_WINDOW}
        self._write(Kind.SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in announced.items()))
        self._write(Kind.WINDOW_UPDATE, payload=struct.pack(">I", _LARGEST_WINDOW - _WINDOW))
        try:
            while (frame := read_frame(self._source)) is not None:
                self._take(frame)
        except FrameError as error:
            self._write(Kind.GOAWAY, payload=struct.pack(">II", self._newest, error.code))
        finally:
            with self._changed:
                self._open = False
                self._changed.notify_all()

    def _write(self, kind: Kind, stream: int = 0, payload: bytes = b"", *, flags: int = 0) -> None:
        with self._changed:
            self._sink.write(write_frame(kind, stream, payload, flags=flags))
            self._sink.flush()

    def _take(self, frame: Frame) -> None:
        if self._continued is not None and frame.kind != Kind.CONTINUATION:
            raise FrameError(ErrorCode.PROTOCOL_ERROR, "headers are continued by something else")
        taker = _TAKERS.get(frame.kind)
        if taker is not None:
            taker(self, frame)

    def _take_headers(self, frame: Frame) -> None:
        if frame.stream in self._streams:
            # Trailers: nothing here reads them, but their state must be followed, and they end the request.
            stream = self._streams[frame.stream]
        elif frame.stream % 2 == 0 or frame.stream <= self._newest:
            raise FrameError(ErrorCode.PROTOCOL_ERROR, "a stream has a number that it cannot have")
        else:
            self._newest = frame.stream
            stream = _Stream(frame.stream, self._initial_window)
            with self._changed:
                self._streams[frame.stream] = stream
        stream.block, stream.ends = frame.content, bool(frame.flags & END_STREAM)
        self._head_complete(stream, frame)

    def _take_continuation(self, frame: Frame) -> None:
        stream = self._continued
        if stream is None or stream.identifier != frame.stream:
            raise FrameError(ErrorCode.PROTOCOL_ERROR, "there is nothing to continue")
        stream.block += frame.payload
        if len(stream.block) > _LARGEST_BLOCK:
            raise FrameError(ErrorCode.ENHANCE_YOUR_CALM, "the headers are too long")
        self._head_complete(stream, frame)

    def _head_complete(self, stream: _Stream, frame: Frame) -> None:
        if not frame.flags & END_HEADERS:
            self._continued = stream
            return
        self._continued = None
        try:
            headers = self._decoder.decode(stream.block)
        except HpackError as error:
            raise FrameError(ErrorCode.COMPRESSION_ERROR, str(error)) from None
        stream.block = b""
        if stream.head is None:
            stream.head = _request(headers)
        if len(self._streams) > _MOST_STREAMS:
            self._refuse(stream, ErrorCode.REFUSED_STREAM)
        # The sender of an event stream waits for a reply before it says all it has to say.
        elif stream.ends or stream.head.headers.get("content-type") == _EVENT_STREAM:
            self._begin(stream)

    def _take_data(self, frame: Frame) -> None:
        stream = self._streams.get(frame.stream)
        if frame.stream > self._newest or frame.stream == 0:
            raise FrameError(ErrorCode.PROTOCOL_ERROR, "data comes before headers")
        if frame.payload:
            given_back = struct.pack(">I", len(frame.payload))
            self._write(Kind.WINDOW_UPDATE, payload=given_back)
            if stream is not None and not frame.flags & END_STREAM:
                self._write(Kind.WINDOW_UPDATE, frame.stream, given_back)
        if stream is None or stream.answered:
            return
        stream.parts.append(frame.content)
        stream.size += len(stream.parts[-1])
        if stream.size > self._largest_body:
            self._refuse(stream, ErrorCode.ENHANCE_YOUR_CALM)
        elif frame.flags & END_STREAM:
            self._begin(stream)

    def _take_reset(self, frame: Frame) -> None:
        with self._changed:
            self._streams.pop(frame.stream, None)
            self._changed.notify_all()

    def _take_settings(self, frame: Frame) -> None:
        if frame.flags & ACK:
            return
        with self._changed:
            initial = settings(frame.payload).get(Setting.INITIAL_WINDOW_SIZE, self._initial_window)
            if initial > _LARGEST_WINDOW:
                raise FrameError(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
            for stream in self._streams.values():
                stream.window += initial - self._initial_window
            self._initial_window = initial
            self._changed.notify_all()
        self._write(Kind.SETTINGS, flags=ACK)

    def _take_ping(self, frame: Frame) -> None:
        if not frame.flags & ACK:
            self._write(Kind.PING, payload=frame.payload, flags=ACK)

    def _take_window(self, frame: Frame) -> None:
        with self._changed:
            if frame.stream == 0:
                self._window += frame.number
            elif frame.stream in self._streams:
                self._streams[frame.stream].window += frame.number
            self._changed.notify_all()

    def _refuse(self, stream: _Stream, code: ErrorCode) -> None:
        with self._changed:
            self._streams.pop(stream.identifier, None)
        self._write(Kind.RST_STREAM, stream.identifier, struct.pack(">I", code))

    def _begin(self, stream: _Stream) -> None:
        if stream.answered:
            return
        stream.answered = True
        threading.Thread(target=self._respond, args=(stream,), name=f"http2-{stream.identifier}", daemon=True).start()

    def _respond(self, stream: _Stream) -> None:
        head = stream.head
        if head is None:
            return
        request = Request(head.method, head.raw_path, head.raw_query, head.headers, b"".join(stream.parts))
        response = self._answer(request)
        try:
            self._send(stream, response)
        except (_StreamEndedError, OSError, ValueError):
            # The client went away, which is its business; a closed file says so with a ValueError.
            return
        finally:
            close = getattr(response.body, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._streams.pop(stream.identifier, None)

    def _send(self, stream: _Stream, response: Response) -> None:
        headers = [
            (":status", str(response.status)),
            ("date", formatdate(usegmt=True)),
            *((name.lower(), text) for name, text in response.headers.items() if name.lower() != "date"),
        ]
        block = encoded(headers)
        first, rest = block[:LARGEST], range(LARGEST, len(block), LARGEST)
        with self._changed:
            self._write(Kind.HEADERS, stream.identifier, first, flags=0 if rest else END_HEADERS)
            for at in rest:
                last = at + LARGEST >= len(block)
                part = block[at : at + LARGEST]
                self._write(Kind.CONTINUATION, stream.identifier, part, flags=END_HEADERS if last else 0)
        for part in response.body:
            self._send_data(stream, part)
        self._write(Kind.DATA, stream.identifier, flags=END_STREAM)

    def _send_data(self, stream: _Stream, data: bytes) -> None:
        at = 0
        while at < len(data):
            with self._changed:
                self._changed.wait_for(lambda: not self._wanted(stream) or min(self._window, stream.window) > 0)
                if not self._wanted(stream):
                    raise _StreamEndedError
                size = min(len(data) - at, LARGEST, self._window, stream.window)
                self._window -= size
                stream.window -= size
                self._write(Kind.DATA, stream.identifier, data[at : at + size])
            at += size

    def _wanted(self, stream: _Stream) -> bool:
        return self._open and stream.identifier in self._streams


def _request(headers: list[tuple[str, str]]) -> Request:
    """Return the request that *headers* begin, still without its body.

    Raises:
        FrameError: the method or the path is missing.
    """
    pseudo = {name: value for name, value in headers if name.startswith(":")}
    if ":method" not in pseudo or ":path" not in pseudo:
        raise FrameError(ErrorCode.PROTOCOL_ERROR, "a request has no method or no path")
    plain = joined((name, value) for name, value in headers if not name.startswith(":"))
    if ":authority" in pseudo:
        # AWS's SDK for JavaScript signs it under this name.
        plain[":authority"] = pseudo[":authority"]
        plain.setdefault("host", pseudo[":authority"])
    path, _, query = pseudo[":path"].partition("?")
    return Request(pseudo[":method"], path, query, plain, b"")


_TAKERS: Mapping[int, Callable[[Connection, Frame], None]] = {
    Kind.DATA: Connection._take_data,  # noqa: SLF001 - the table of the class above
    Kind.HEADERS: Connection._take_headers,  # noqa: SLF001
    Kind.RST_STREAM: Connection._take_reset,  # noqa: SLF001
    Kind.SETTINGS: Connection._take_settings,  # noqa: SLF001
    Kind.PING: Connection._take_ping,  # noqa: SLF001
    Kind.WINDOW_UPDATE: Connection._take_window,  # noqa: SLF001
    Kind.CONTINUATION: Connection._take_continuation,  # noqa: SLF001
}
