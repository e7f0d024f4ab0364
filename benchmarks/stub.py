"""A Bedrock that costs next to nothing: fixed answers over plain HTTP, in a process of its own.

One port a kind of stream, as nothing in a request says how its answer should come. Prints the ports as one JSON
line and serves until its standard input is closed. Signatures are not looked at.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import sys
from dataclasses import dataclass
from zlib import crc32

TEXT = "The quick brown fox jumps over the lazy dog. "
USAGE = {"inputTokens": 24, "outputTokens": 500, "totalTokens": 524}
ANTHROPIC_USAGE = {"input_tokens": 24, "output_tokens": 500}
METRICS = {"inputTokenCount": 24, "outputTokenCount": 500, "invocationLatency": 900, "firstByteLatency": 90}
REQUEST_ID = "3fbb4f8c-6d0e-4a0e-9a4e-0a5d2c2f8b11"


@dataclass(frozen=True)
class Kind:
    """How a port streams: so many text events, so many seconds apart (0: all at once)."""

    events: int
    interval: float = 0.0


KINDS = {"burst-500": Kind(500), "burst-50": Kind(50), "paced-50": Kind(50, 0.1), "open": Kind(50, 30.0)}


def frame(name: str, payload: bytes) -> bytes:
    """One event, as Bedrock frames it."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    block = b"".join(
        struct.pack(">B", len(key)) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    data = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return data + struct.pack(">I", crc32(data))


def converse_frames(events: int) -> list[bytes]:
    """ConverseStream, padded with ``p`` as AWS pads it."""

    def one(name: str, payload: dict[str, object]) -> bytes:
        return frame(name, json.dumps({**payload, "p": "abcdefghij"}).encode())

    delta = {"contentBlockIndex": 0, "delta": {"text": "token "}}
    return [
        one("messageStart", {"role": "assistant"}),
        *[one("contentBlockDelta", delta) for _ in range(events)],
        one("contentBlockStop", {"contentBlockIndex": 0}),
        one("messageStop", {"stopReason": "end_turn"}),
        one("metadata", {"usage": USAGE, "metrics": {"latencyMs": 900}}),
    ]


def invoke_frames(events: int) -> list[bytes]:
    """InvokeModelWithResponseStream of a model of Anthropic's: JSON in Base64 in JSON."""

    def one(chunk: dict[str, object]) -> bytes:
        inner = base64.b64encode(json.dumps(chunk).encode()).decode()
        return frame("chunk", json.dumps({"bytes": inner, "p": "abcdefghij"}).encode())

    message = {
        "id": "msg_bdrk_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 24, "output_tokens": 1},
    }
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "token "}}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        one({"type": "message_start", "message": message}),
        one(block),
        *[one(delta) for _ in range(events)],
        one({"type": "content_block_stop", "index": 0}),
        one({"type": "message_delta", "delta": end, "usage": {"output_tokens": 500}}),
        one({"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS}),
    ]


def unary(body: dict[str, object]) -> bytes:
    """A whole answer."""
    data = json.dumps(body).encode()
    head = (
        "HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 03:30:00 GMT\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\nConnection: keep-alive\r\nx-amzn-RequestId: {REQUEST_ID}\r\n"
        "X-Amzn-Bedrock-Input-Token-Count: 24\r\nX-Amzn-Bedrock-Output-Token-Count: 500\r\n\r\n"
    )
    return head.encode() + data


STREAM_HEAD = (
    "HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 03:30:00 GMT\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
    f"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nx-amzn-RequestId: {REQUEST_ID}\r\n"
    "X-Amzn-Bedrock-Content-Type: application/json\r\n\r\n"
).encode()
CONVERSE = unary(
    {
        "metrics": {"latencyMs": 900},
        "output": {"message": {"content": [{"text": TEXT * 10}], "role": "assistant"}},
        "stopReason": "end_turn",
        "usage": USAGE,
    }
)
INVOKE = unary(
    {
        "id": "msg_bdrk_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": TEXT * 10}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }
)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body: AWS sends a frame in each."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Answers:
    """Everything one port can say, as bytes, ready to be written."""

    def __init__(self, kind: Kind) -> None:
        self.interval = kind.interval
        self.streams = {
            "converse-stream": [chunk(one) for one in converse_frames(kind.events)],
            "invoke-with-response-stream": [chunk(one) for one in invoke_frames(kind.events)],
        }
        self.bursts = {name: STREAM_HEAD + b"".join(parts) + chunk(b"") for name, parts in self.streams.items()}
        self.unary = {"converse": CONVERSE, "invoke": INVOKE}


class Connection(asyncio.Protocol):
    """Reads requests by length alone and answers by the last part of the path."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            name = self.buffer[:end].split(b" ", 2)[1].split(b"?", 1)[0].rsplit(b"/", 1)[-1].decode()
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(name)

    def answer(self, name: str) -> None:
        answers = self.answers
        if name in answers.unary:
            self.transport.write(answers.unary[name])
        elif answers.interval:
            self.transport.write(STREAM_HEAD)
            loop = asyncio.get_running_loop()
            self.paced(answers.streams[name], 0, loop.time(), loop)
        else:
            self.transport.write(answers.bursts[name])

    def paced(self, parts: list[bytes], at: int, when: float, loop: asyncio.AbstractEventLoop) -> None:
        """Write the next part; by the clock, so that a late one does not delay those after it."""
        if self.transport.is_closing():
            return
        self.transport.write(parts[at])
        if at + 1 == len(parts):
            self.transport.write(chunk(b""))
            return
        # What frames the text comes at once: a stream of 50 events takes 50 intervals.
        text = 1 <= at + 1 < len(parts) - 3
        when += self.answers.interval if text else 0.0
        loop.call_at(when, self.paced, parts, at + 1, when, loop)


def pinned(core: int) -> None:
    """Keep this process on one core: the server on another than the peers."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


async def serve() -> None:
    loop = asyncio.get_running_loop()
    ports: dict[str, int] = {}
    for name, kind in KINDS.items():
        answers = Answers(kind)
        server = await loop.create_server(lambda answers=answers: Connection(answers), "127.0.0.1", 0, backlog=2048)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    pinned(1)
    asyncio.run(serve())
