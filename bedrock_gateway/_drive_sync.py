"""What a flow asks for, done with boto3: it blocks."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _drive_clients as clients
from bedrock_gateway._commands import Acquire, Deliver, Receive, Record, Send, Sleep, Timeouts
from bedrock_gateway._responses import BODY

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway.config import GatewayConfig

__all__ = ["DeadlineError", "Perform", "close_body"]

READ_SIZE = 65536


class DeadlineError(TimeoutError):
    """A deadline of ours passed."""

    def __init__(self, which: str) -> None:
        super().__init__(f"{which} deadline")
        self.bedrockgw_deadline = which


def close_body(body: Any) -> None:
    """Release the socket of a stream; never raises."""
    for target in (body, getattr(body, "_raw_stream", None)):
        with contextlib.suppress(Exception):
            if target is not None:
                target.close()


def _which(until: float | None, send_until: float | None, now: float) -> str:
    return "deadline" if send_until is not None and now >= send_until - 1e-3 and until == send_until else "idle"


class Perform:
    """Does commands with boto3 clients, cached by (service, Region); any thread may use it."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        session: Any = None,
        timeouts: Timeouts | None = None,
        max_connections: int = clients.MAX_CONNECTIONS,
    ) -> None:
        self._config = config
        self._given = session
        self._timeouts = timeouts or Timeouts()
        self._max_connections = max_connections
        self._fresh()

    def _fresh(self) -> None:
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def __call__(self, command: Any) -> Any:
        """Do *command* and return what happened."""
        return _ACTS[type(command)](self, command)

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of *service*, built on first use; after a fork, a new one."""
        if self._pid != os.getpid():
            self._fresh()
        key = (service, region or self._config.region)
        found = self._clients.get(key)
        if found is None:
            with self._lock:
                found = self._clients.get(key) or self._clients.setdefault(key, self._build(*key))
        return found

    def _build(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        clients.refuse_environment(self._config)
        if self._session is None:
            self._session = self._given or boto3.Session(region_name=self._config.region)
        config = Config(**clients.settings(self._config, self._timeouts, self._max_connections))
        arguments = clients.client_arguments(self._config, service, region, self._timeouts)
        client = self._session.client(**arguments, config=config)
        clients.hook(client, service)
        return client

    def close(self) -> None:
        """Close every client."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def send(self, send: Send) -> dict[str, Any]:
        """Call boto3."""
        client = self.client(send.service, send.region)
        remaining = self._timeouts.total if send.until is None else send.until - time.monotonic()
        if remaining <= 0:
            raise DeadlineError("deadline")
        method = getattr(client, clients.method_name(client, send.operation))
        with clients.inside(min(send.first_byte or self._timeouts.first_byte, remaining)):
            reply: dict[str, Any] = method(**send.params)
            if not clients.body_member(send, reply) and send.stream is None and hasattr(reply.get("body"), "read"):
                reply[BODY] = _read_all(reply["body"])
        return reply

    def receive(self, command: Receive) -> Any:
        """Read once, for as long as the deadline permits."""
        body = command.body
        if not hasattr(body, "read1"):
            event = next(iter(body), None)
            return None if event is None else [event]
        if command.until is not None:
            seconds = command.until - time.monotonic()
            if seconds <= 0:
                raise DeadlineError("idle")
            _limit(body, seconds)
        with clients.inside(self._timeouts.idle):
            return body.read1(READ_SIZE) or None

    def _sleep(self, command: Sleep) -> None:
        time.sleep(command.seconds)

    def _deliver(self, command: Deliver) -> None:
        """Nobody listens."""

    def _acquire(self, command: Acquire) -> Any:
        until = command.until
        return command.permit.acquire(None if until is None else until - time.monotonic())

    def _record(self, command: Record) -> Any:
        return command.entry()


def _read_all(body: Any) -> bytes:
    try:
        data: bytes = body.read()
        return data
    finally:
        body.close()


def _limit(body: Any, seconds: float) -> None:
    connection = getattr(body, "connection", None) or getattr(body, "_connection", None)
    sock = getattr(connection, "sock", None)
    if sock is None:
        # http.client detaches the socket from a connection that will close after this answer.
        sock = getattr(getattr(getattr(getattr(body, "_fp", None), "fp", None), "raw", None), "_sock", None)
    if sock is not None:
        sock.settimeout(seconds)


_ACTS: dict[type, Callable[[Perform, Any], Any]] = {
    Send: Perform.send,
    Receive: Perform.receive,
    Sleep: Perform._sleep,  # noqa: SLF001
    Deliver: Perform._deliver,  # noqa: SLF001
    Acquire: Perform._acquire,  # noqa: SLF001
    Record: Perform._record,  # noqa: SLF001
}
