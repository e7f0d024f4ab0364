"""What a flow asks for, done with boto3: it blocks."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Acquire, Deliver, Inspect, Receive, Record, Renew, Send, Sleep, Timeouts, Together
from bedrock_gateway._drive import clients, http
from bedrock_gateway._drive.chunks import Chunks
from bedrock_gateway._drive.clients import CallState, DeadlineError, Made
from bedrock_gateway._drive.watchdog import Watchdog, shut_down
from bedrock_gateway._responses import BODY
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._drive.watchdog import Watch
    from bedrock_gateway.config import GatewayConfig

__all__ = ["Body", "Perform"]


class Body:
    """The open body of a stream; one thread reads it, any may close it."""

    def __init__(self, raw: Any, watchdog: Watchdog, until: float, watch: Watch | None) -> None:
        self._raw = raw
        self._events = None if hasattr(raw, "read1") else iter(raw)
        """botocore's parser, where the raw body was not to be had."""
        self._watchdog = watchdog
        self._watch = watch or watchdog.watch(getattr(raw, "_raw_stream", raw), until)
        self._socket = _socket_of(getattr(raw, "_raw_stream", raw))
        self._chunks = Chunks(raw, self._socket)
        self._reading = False
        self._closed = False

    def read(self, until: float | None) -> Any:
        """Read once: bytes, a list of parsed events, or None at the end.

        Raises:
            DeadlineError: *until*, or the deadline of the whole call, has passed.
        """
        self._reading = True
        try:
            return self._read(until)
        except BaseException:
            if self._watch.fired:
                raise DeadlineError("total") from None
            raise
        finally:
            self._reading = False
            if self._closed:
                self._close()

    def _read(self, until: float | None) -> Any:
        seconds = None if until is None else until - time.monotonic()
        if seconds is not None and seconds <= 0:
            raise DeadlineError("idle")
        if self._socket is not None and self._socket.fileno() >= 0:  # an answer read to its end may have closed it
            self._socket.settimeout(seconds)
        if self._events is None:
            found: Any = self._chunks.read() or None
        else:
            event = next(self._events, None)
            found = None if event is None else [event]
        if self._watch.fired:
            raise DeadlineError("total")
        return found

    def close(self) -> None:
        """Release the connection. While another thread reads, end its read instead: it closes what it holds."""
        self._closed = True
        if self._reading:
            shut_down(self._watch.response)
        else:
            self._close()

    def _close(self) -> None:
        self._watchdog.release(self._watch)
        raw, self._raw, self._events, self._socket = self._raw, None, None, None
        for target in (raw, getattr(raw, "_raw_stream", None)):
            with contextlib.suppress(Exception):
                if target is not None:
                    target.close()


def _socket_of(raw: Any) -> Any:
    """The socket under a urllib3 response, whose timeout can be moved for each read; None where there is none."""
    sock = getattr(getattr(raw, "connection", None), "sock", None)
    if sock is None:
        # http.client detaches the socket from a connection that will close after this answer.
        sock = getattr(getattr(getattr(getattr(raw, "_fp", None), "fp", None), "raw", None), "_sock", None)
    return sock


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
        self._forked = False
        """Whether a parent of this process had built clients."""
        self._fresh()

    def _fresh(self) -> None:
        """Start over: at first, and in the child of a fork, whose parent goes on using the connections."""
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._watchdog = Watchdog()
        self._renewed = 0.0
        self._pid = os.getpid()

    def __call__(self, command: Any) -> Any:
        """Do *command* and return what happened."""
        return _ACTS[type(command)](self, command)

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of *service*, built on first use; after a fork, a new one.

        Raises:
            ConfigError: the environment or the session would change where requests go or who signs them.
        """
        if self._pid != os.getpid():
            self._forked = self._forked or bool(self._clients)
            self._fresh()
        key = (service, region or self._config.region)
        found = self._clients.get(key)
        if found is None:
            # To build one reads credentials, which may hang: who waits for that is not kept for ever.
            if not self._lock.acquire(timeout=self._timeouts.first_byte):
                raise _stuck()
            try:
                found = self._clients.get(key) or self._kept(key, self._clients)
            finally:
                self._lock.release()
        return found

    def _kept(self, key: tuple[str, str], among: dict[tuple[str, str], Any]) -> Any:
        """Build the client of *key*, to be kept with the others; *among*: those of before, which `close` takes away."""
        made = self._build(*key)
        if among is not self._clients:
            made.close()
            raise ConfigError("the gateway was closed while a client was being built")
        return self._clients.setdefault(key, made)

    def _build(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        clients.silence()
        session = self._session or self._given or boto3.Session(region_name=self._config.region)
        clients.refuse_environment(self._config, session)
        self._session = session
        first_byte = self._timeouts.first_byte
        given = clients.settings(self._config, self._timeouts, self._max_connections, session, read_timeout=first_byte)
        arguments = clients.client_arguments(self._config, service, region)
        client = session.client(**arguments, config=Config(**given))
        clients.hook(client, service, per_call_timeout=True)
        http.wrap(client, self._watchdog)
        return client

    def made(self) -> Made:
        """What there is of clients; the one that runs models is built if there is none yet."""
        with contextlib.suppress(Exception):  # what is wrong with it, each probe will say
            self.client("bedrock-runtime")
        here = self._config.region  # the deep preflight looks for a log group in other Regions, on purpose
        built = {service: client for (service, region), client in list(self._clients.items()) if region == here}
        return Made.of(built, forked=self._forked)

    def close(self) -> None:
        """Close every client; may be called again."""
        if self._pid != os.getpid():
            return self._fresh()
        closing, self._clients = self._clients, {}  # without the lock: whoever builds a client may hang with it
        for client in list(closing.values()):
            client.close()
        self._watchdog.close()
        return None

    def send(self, send: Send) -> dict[str, Any]:
        """Call boto3."""
        client = self.client(send.service, send.region)
        now = time.monotonic()
        until = now + self._timeouts.total if send.until is None else send.until
        if until <= now:
            raise _late()
        method = getattr(client, clients.method_name(client, send.operation))
        state = CallState(min(send.first_byte or self._timeouts.first_byte, until - now), until, unparsed=send.unparsed)
        with clients.inside(state):
            try:
                reply = self._answered(method, send, state)
            except Exception as error:
                self._watchdog.release(state.watch)
                if state.watch is not None and state.watch.fired:
                    raise DeadlineError("total") from None
                state.mark(error)
                raise
            except BaseException:  # the caller is gone
                self._watchdog.release(state.watch)
                raise
        return reply

    def _answered(self, method: Callable[..., Any], send: Send, state: CallState) -> dict[str, Any]:
        reply: dict[str, Any] = method(**send.params)
        if send.stream is not None:
            raw = clients.body_member(send, reply)
            reply[send.stream] = Body(raw, self._watchdog, state.until, state.watch)
            return reply
        if hasattr(reply.get("body"), "read"):
            reply[BODY] = _read_all(reply["body"])
        self._watchdog.release(state.watch)
        if state.watch is not None and state.watch.fired:
            raise DeadlineError("total")
        return reply

    @staticmethod
    def receive(command: Receive) -> Any:
        """Read once, for as long as the deadline permits."""
        with clients.inside(_READING):
            try:
                return command.body.read(command.until)
            except Exception as error:
                http.let_outside(error)
                raise

    def _receive(self, command: Receive) -> Any:
        return self.receive(command)

    def _sleep(self, command: Sleep) -> None:
        time.sleep(command.seconds)

    def _renew(self, command: Renew) -> bool:
        """Renew the session's credentials, once for all threads that found them expired."""
        with self._lock:
            if self._renewed > command.since:
                return True
            found: Any = self._session.get_credentials() if self._session is not None else None
            if not clients.expire(found):
                return False
            with contextlib.suppress(Exception):  # what is wrong with the source, the next request says
                found.get_frozen_credentials()
            self._renewed = time.monotonic()
        return True

    def _deliver(self, command: Deliver) -> None:
        """Nobody listens."""

    def _acquire(self, command: Acquire) -> Any:
        until = command.until
        return command.permit.acquire(None if until is None else until - time.monotonic())

    def _record(self, command: Record) -> Any:
        return command.entry()

    def _inspect(self, _: Inspect) -> tuple[Any, Made]:
        made = self.made()
        return self._session or self._given, made

    def _together(self, command: Together) -> None:
        from bedrock_gateway._drive import run, together

        together.in_threads(command, lambda flow: run(flow, self), partial(self._read_models, command.work))

    def _read_models(self, work: Any) -> None:
        """Read AWS's models of the services that *work* is about to ask: megabytes, which no thread should keep apart."""
        services = {one for one in getattr(work, "services", ()) if (one, self._config.region) not in self._clients}
        if not services:
            return
        import boto3

        with contextlib.suppress(Exception):  # what is wrong with the session, building the client says
            self._session = self._session or self._given or boto3.Session(region_name=self._config.region)
            loader = clients.core_of(self._session).get_component("data_loader")
            for service in sorted(services):
                for kind in ("service-2", "endpoint-rule-set-1"):
                    loader.load_service_model(service, kind, api_version=None)


_READING = CallState(0.0, 0.0)
"""Marks that a read is ours; nobody changes it."""


def _late() -> DeadlineError:
    error = DeadlineError("total")
    error.bedrockgw_sent = False  # type: ignore[attr-defined]
    error.bedrockgw_what = "the total deadline had passed"  # type: ignore[attr-defined]
    return error


def _stuck() -> DeadlineError:
    error = DeadlineError("connect")
    error.bedrockgw_sent = False  # type: ignore[attr-defined]
    error.bedrockgw_what = "another thread still waits for credentials"  # type: ignore[attr-defined]
    return error


def _read_all(body: Any) -> bytes:
    try:
        data: bytes = body.read()
        return data
    finally:
        body.close()


_ACTS: dict[type, Callable[[Perform, Any], Any]] = {
    Send: Perform.send,
    Receive: Perform._receive,  # noqa: SLF001
    Sleep: Perform._sleep,  # noqa: SLF001
    Renew: Perform._renew,  # noqa: SLF001
    Deliver: Perform._deliver,  # noqa: SLF001
    Acquire: Perform._acquire,  # noqa: SLF001
    Record: Perform._record,  # noqa: SLF001
    Inspect: Perform._inspect,  # noqa: SLF001
    Together: Perform._together,  # noqa: SLF001
}
