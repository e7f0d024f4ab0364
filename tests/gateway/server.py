"""A server that does to connections what networks and services do: one script a request, in the order given.

A script is called with the connection and the request, and returns whether the connection stays open. The last one is
repeated. What it counts is what the tests assert: connections, requests, and how many are still open.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Request:
    """What came."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FaultServer:
    """Listens on a loopback port."""

    endpoint: str = ""
    scripts: list[Callable[[socket.socket, Request], bool]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    open: set[socket.socket] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, *scripts: Callable[[socket.socket, Request], bool]) -> None:
        self.scripts[:] = scripts
        self.requests.clear()
        self.connections = 0

    def drop(self) -> None:
        """Let go of every connection: a bare client leaves some of them to the collector."""
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def wait_until_closed(self, seconds: float = 1.0) -> bool:
        """Whether the client lets go of every connection in time."""
        until = time.monotonic() + seconds
        while self.open and time.monotonic() < until:
            time.sleep(0.005)
        return not self.open

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while (request := _read(connection)) is not None:
                with self.lock:
                    self.requests.append(request)
                    script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                if not script(connection, request):
                    break
        with self.lock:
            self.open.discard(connection)


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rows = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Request(line, headers, body)


@contextmanager
def serving() -> Iterator[FaultServer]:
    server = FaultServer()
    listener = socket.create_server(("127.0.0.1", 0))
    server.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with server.lock:
                    server.connections += 1
                    server.open.add(connection)
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.drop()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    rows = [f"HTTP/1.1 {status} X", "x-amzn-requestid: 11111111-2222-3333-4444-555555555555"]
    return "\r\n".join([*rows, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def reply(body: bytes | dict, status: int = 200, *, keep: bool = True, **headers: str):
    """Answer, whole."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    given = {"content-type": "application/json", **{name.replace("_", "-"): one for name, one in headers.items()}}

    def script(connection, request):
        connection.sendall(head(status, given | {"content-length": str(len(data))}) + data)
        return keep

    return script


def error(code: str, status: int, message: str = "no", **headers: str):
    return reply({"message": message}, status, x_amzn_errortype=code, **headers)


def reset(connection, request):
    """Reset the connection without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def close(connection, request):
    """Close the connection without a word."""
    return False


def says(data: bytes, then=close, seconds: float = 0.0):
    """Send just these bytes, wait, and end."""

    def script(connection, request):
        connection.sendall(data)
        time.sleep(seconds)
        return then(connection, request)

    return script


def trickle(first: bytes, rest: bytes, every: float):
    """Send the rest byte by byte."""

    def script(connection, request):
        connection.sendall(first)
        for at in range(len(rest)):
            time.sleep(every)
            connection.sendall(rest[at : at + 1])
        return False

    return script


def silent(seconds: float):
    """Say nothing for a while."""

    def script(connection, request):
        connection.settimeout(seconds)
        with suppress(TimeoutError):
            connection.recv(1)
        return False

    return script


def frame(name: str, payload: Any, kind: str = "event", **more: str) -> bytes:
    """One event-stream frame."""
    key = {"event": ":event-type", "exception": ":exception-type"}.get(kind, ":error-code")
    headers = {key: name, ":content-type": "application/json", ":message-type": kind, **more}
    block = b"".join(
        bytes([len(k)]) + k.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode() for k, v in headers.items()
    )
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(block) + len(body), len(block))
    data = prelude + struct.pack(">I", crc32(prelude)) + block + body
    return data + struct.pack(">I", crc32(data))


def conversation(*texts: str, metadata: bool = True) -> list[bytes]:
    """The frames of a ConverseStream."""
    frames = [frame("messageStart", {"role": "assistant"})]
    frames += [frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": one}}) for one in texts]
    frames += [frame("contentBlockStop", {"contentBlockIndex": 0}), frame("messageStop", {"stopReason": "end_turn"})]
    usage = {"inputTokens": 3, "outputTokens": len(texts), "totalTokens": 3 + len(texts)}
    return [*frames, frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})] if metadata else frames


STREAM = {"content-type": "application/vnd.amazon.eventstream", "transfer-encoding": "chunked"}


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def streamed(frames: list[bytes], *, then=None, seconds: float = 0.0, keep: bool = True, every: float = 0.0):
    """Send frames, each in a chunk of its own; *then* ends it in another way than a whole stream ends."""

    def script(connection, request):
        connection.sendall(head(200, STREAM))
        for one in frames:
            connection.sendall(chunk(one))
            time.sleep(every)
        if then is None:
            connection.sendall(b"0\r\n\r\n")
            return keep
        time.sleep(seconds)
        return then(connection, request)

    return script


CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
    "metrics": {"latencyMs": 1},
}
