"""A server that fails as it is told: each request is answered by the next script, the last one over and over.

A script is a sequence of bytes to send and of things to do. Nothing here sleeps for a fixed time: it waits for the client
to leave, or to be told.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

PATIENCE_SECONDS = 5.0
"""For a client that should have left; a test that gets here fails."""


class Left(Exception):
    """The client closed the connection."""


class Step:
    """Something to do on a connection."""

    def do(self, connection: Connection) -> None:
        """Do it."""
        raise NotImplementedError


class Close(Step):
    """End the connection in an orderly way."""

    def do(self, connection: Connection) -> None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        raise Left


class Reset(Step):
    """Break the connection: the client gets a reset."""

    def do(self, connection: Connection) -> None:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.broken = True
        raise Left


class Stall(Step):
    """Say nothing until the client leaves."""

    def do(self, connection: Connection) -> None:
        connection.wait_for_the_client(PATIENCE_SECONDS)
        raise Left


@dataclass
class Pause(Step):
    """Say nothing for a moment, or until the client leaves."""

    seconds: float

    def do(self, connection: Connection) -> None:
        connection.wait_for_the_client(self.seconds)


@dataclass
class Trickle(Step):
    """Send the bytes one by one, over and over the last of them, until the client leaves."""

    data: bytes
    every_seconds: float = 0.004

    def do(self, connection: Connection) -> None:
        for at in range(len(self.data)):
            connection.sock.sendall(self.data[at : at + 1])
            connection.wait_for_the_client(self.every_seconds)


CLOSE, RESET, STALL = Close(), Reset(), Stall()
Script = Sequence[bytes | Step]


@dataclass
class Request:
    """What arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """Which connection it came on, counted from 0."""


class Connection:
    """One connection, served by one thread."""

    def __init__(self, server: FaultServer, sock: socket.socket, number: int) -> None:
        self.server, self.sock, self.number = server, sock, number
        self.broken = False
        self._buffer = b""

    def wait_for_the_client(self, seconds: float) -> None:
        """Return after *seconds*.

        Raises:
            Left: the client closed first.
        """
        ready, _, _ = select.select([self.sock, self.server.stopped], [], [], seconds)
        if self.server.stopped in ready:
            raise Left
        if ready and not self.sock.recv(65536, socket.MSG_PEEK):
            raise Left

    def request(self) -> Request:
        """Read one request.

        Raises:
            Left: there is none.
        """
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        first, _, rest = self._buffer.partition(b"\r\n\r\n")
        lines = first.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        self._buffer = rest
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(lines[0].split(" ")[1], headers, body, self.number)

    def _more(self) -> None:
        ready, _, _ = select.select([self.sock, self.server.stopped], [], [], None)
        data = b"" if self.server.stopped in ready else self.sock.recv(65536)
        if not data:
            raise Left
        self._buffer += data

    def serve(self) -> None:
        try:
            while True:
                for step in self.server.next_script(self.request()):
                    if isinstance(step, bytes):
                        self.sock.sendall(step)
                    else:
                        step.do(self)
        except (Left, OSError):
            pass
        finally:
            if not self.broken:
                self._until_the_client_has_closed()
            self.sock.close()
            self.server.over()

    def _until_the_client_has_closed(self) -> None:
        """What the server closed is open until the client closes it too: that is what a leak looks like from here."""
        end = time.monotonic() + PATIENCE_SECONDS
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                ready, _, _ = select.select([self.sock, self.server.stopped], [], [], end - time.monotonic())
                if not ready or self.server.stopped in ready or not self.sock.recv(65536):
                    return


@dataclass
class FaultServer:
    """Listens on the loopback interface until the ``with`` block ends."""

    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    tolerant: bool = False
    """Whether connections that a client never closes are the client's affair."""

    def __enter__(self) -> Self:
        self._scripts: list[Script] = []
        self._changed = threading.Condition()
        self.stopped, self._stop = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join(PATIENCE_SECONDS)
        assert self.tolerant or self.closed(PATIENCE_SECONDS)
        self._listener.close()
        self.stopped.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, *scripts: Script) -> None:
        """Forget what was, and answer the next requests by *scripts*."""
        with self._changed:
            self._scripts = list(scripts)
            self.requests = []

    def next_script(self, request: Request) -> Script:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]

    def requests_of(self, connection: Connection) -> Request:
        """The last request of *connection*."""
        with self._changed:
            return next(one for one in reversed(self.requests) if one.connection == connection.number)

    def closed(self, seconds: float = 1.0) -> bool:
        """Whether the client has closed every connection, after at most *seconds*."""
        with self._changed:
            return self._changed.wait_for(lambda: self.open == 0, seconds)

    def arrived(self, count: int, seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether *count* requests have come, after at most *seconds*."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, seconds)

    def over(self) -> None:
        with self._changed:
            self.open -= 1
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self.stopped], [], [])
            if self.stopped in ready:
                return
            sock, _ = self._listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                connection = Connection(self, sock, self.connections)
                self.connections += 1
                self.open += 1
            threading.Thread(target=connection.serve, daemon=True).start()


@contextlib.contextmanager
def refusing():
    """A port where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextlib.contextmanager
def deaf():
    """A port whose queue is full: connecting gets no answer at all."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
