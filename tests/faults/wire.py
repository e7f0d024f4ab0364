"""Bytes of answers, as Bedrock and as what stands between send them."""

from __future__ import annotations

import json
import struct
from zlib import crc32

REQUEST_ID = "f1a5c0de-0000-4000-8000-000000000001"
USAGE = {"inputTokens": 10, "outputTokens": 4, "totalTokens": 14}


def head(status: int, headers: dict[str, str] | None = None, *, reason: str = "X") -> bytes:
    """Status line and headers; every answer of AWS names its request."""
    lines = [f"HTTP/1.1 {status} {reason}", f"x-amzn-RequestId: {REQUEST_ID}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def document(status: int, body: object, headers: dict[str, str] | None = None) -> bytes:
    """A whole JSON answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    common = {"Content-Type": "application/json", "Content-Length": str(len(data))}
    return head(status, common | (headers or {})) + data


def error(status: int, code: str, headers: dict[str, str] | None = None, **members: object) -> bytes:
    """An error of AWS's."""
    return document(
        status, {"message": "as the test wants it", **members}, {"x-amzn-ErrorType": code} | (headers or {})
    )


def crc(data: bytes) -> bytes:
    """Checksum, as frames carry it."""
    return struct.pack(">I", crc32(data))


def frame(payload: bytes, **headers: str) -> bytes:
    """One event-stream frame; `message_type="event"` is the header ``:message-type``."""
    block = b""
    for key, value in headers.items():
        name, data = (":" + key.replace("_", "-")).encode(), value.encode()
        block += struct.pack(">B", len(name)) + name + b"\x07" + struct.pack(">H", len(data)) + data
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    data = prelude + crc(prelude) + block + payload
    return data + crc(data)


def event(name: str, payload: object) -> bytes:
    """An event."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return frame(data, event_type=name, content_type="application/json", message_type="event")


def exception(code: str, message: str = "as the test wants it", **members: object) -> bytes:
    """An exception that AWS has modelled."""
    data = json.dumps({"message": message, **members}).encode()
    return frame(data, exception_type=code, content_type="application/json", message_type="exception")


def unmodelled(code: str, message: str = "as the test wants it") -> bytes:
    """An error that AWS has not."""
    return frame(b"", error_code=code, error_message=message, message_type="error")


def delta(text: str) -> bytes:
    """One piece of text."""
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


START = event("messageStart", {"role": "assistant"})
BLOCK_STOP = event("contentBlockStop", {"contentBlockIndex": 0})
STOP = event("messageStop", {"stopReason": "end_turn"})
METADATA = event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}})
TEXTS = ("one ", "two ", "three ")
FRAMES = (START, *map(delta, TEXTS), BLOCK_STOP, STOP, METADATA)
"""A whole ConverseStream."""
COMPLETE_AT = 6
"""So many frames of it, and the answer is whole."""

CONVERSE = document(
    200,
    {
        "output": {"message": {"role": "assistant", "content": [{"text": "".join(TEXTS)}]}},
        "stopReason": "end_turn",
        "usage": USAGE,
        "metrics": {"latencyMs": 5},
    },
)
STREAM_HEAD = head(
    200, {"Content-Type": "application/vnd.amazon.eventstream", "Transfer-Encoding": "chunked"}, reason="OK"
)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def stream(*frames: bytes, end: bytes = END) -> bytes:
    """A streamed answer, a chunk a frame; *end* is what closes it."""
    return STREAM_HEAD + b"".join(map(chunk, frames)) + end
