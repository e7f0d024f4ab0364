"""What a flow asks for, done with aiobotocore: it awaits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _drive_clients as clients
from bedrock_gateway._commands import Acquire, Deliver, Receive, Record, Send, Sleep, Timeouts
from bedrock_gateway._drive_sync import DeadlineError
from bedrock_gateway._responses import BODY
from bedrock_gateway.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bedrock_gateway.config import GatewayConfig

__all__ = ["AsyncPerform"]


class AsyncPerform:
    """Does commands with aiobotocore clients, for one event loop."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        session: Any = None,
        timeouts: Timeouts | None = None,
        max_connections: int = clients.MAX_CONNECTIONS,
    ) -> None:
        self._config = config
        self._session = session
        self._timeouts = timeouts or Timeouts()
        self._max_connections = max_connections
        self._clients: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._stack = contextlib.AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()

    async def __call__(self, command: Any) -> Any:
        """Do *command* and return what happened."""
        return await _ACTS[type(command)](self, command)

    async def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of *service*, built on first use.

        Raises:
            ConfigError: this is another event loop, or another process, than that of the first call.
        """
        loop = asyncio.get_running_loop()
        if self._pid != os.getpid():
            raise ConfigError("an AsyncGateway cannot be used after a fork; make a new one in the child process")
        if self._loop not in {None, loop}:
            raise ConfigError("an AsyncGateway belongs to one event loop; make another one in this loop")
        self._loop = loop
        key = (service, region or self._config.region)
        task = self._clients.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._clients[key] = asyncio.ensure_future(self._build(*key))
        return await asyncio.shield(task)

    async def _build(self, service: str, region: str) -> Any:
        clients.refuse_environment(self._config)
        try:
            from aiobotocore.config import AioConfig
            from aiobotocore.session import get_session
        except ImportError:
            raise MissingExtraError(extra="async", needed_for="AsyncGateway") from None
        if self._session is None:
            self._session = get_session()
        config = AioConfig(**clients.settings(self._config, self._timeouts, self._max_connections))
        arguments = clients.client_arguments(self._config, service, region, self._timeouts)
        make = getattr(self._session, "create_client", None) or self._session.client
        name = arguments.pop("service_name")
        client = await self._stack.enter_async_context(make(name, **arguments, config=config))
        clients.hook(client, service)
        return client

    async def close(self) -> None:
        """Close every client."""
        self._clients.clear()
        await self._stack.aclose()

    async def send(self, send: Send) -> dict[str, Any]:
        """Call aiobotocore."""
        client = await self.client(send.service, send.region)
        remaining = self._timeouts.total if send.until is None else send.until - time.monotonic()
        method = getattr(client, clients.method_name(client, send.operation))
        with clients.inside(min(send.first_byte or self._timeouts.first_byte, remaining)):
            async with asyncio.timeout(remaining):
                reply: dict[str, Any] = await method(**send.params)
                if not clients.body_member(send, reply) and send.stream is None and hasattr(reply.get("body"), "read"):
                    reply[BODY] = await _read_all(reply["body"])
        return reply

    async def receive(self, command: Receive) -> Any:
        """Read once, for as long as the deadline permits."""
        with clients.inside(self._timeouts.idle):
            try:
                async with asyncio.timeout_at(self._on_loop(command.until)):
                    return await _read(command.body)
            except TimeoutError as error:
                if type(error) is not TimeoutError:
                    raise
                raise DeadlineError("idle") from None

    @staticmethod
    def _on_loop(until: float | None) -> float | None:
        return None if until is None else asyncio.get_running_loop().time() + until - time.monotonic()

    async def _sleep(self, command: Sleep) -> None:
        await asyncio.sleep(command.seconds)

    async def _deliver(self, command: Deliver) -> None:
        """Nobody listens."""

    async def _acquire(self, command: Acquire) -> Any:
        until = command.until
        return await command.permit.acquire_async(None if until is None else until - time.monotonic())

    async def _record(self, command: Record) -> Any:
        return await asyncio.to_thread(command.entry)


async def _read(body: Any) -> Any:
    content = getattr(body, "content", None)
    if content is not None and hasattr(content, "readany"):
        return await content.readany() or None
    iterator = getattr(body, "_bedrockgw_iterator", None)
    if iterator is None:
        iterator = body._bedrockgw_iterator = aiter(body)  # noqa: SLF001 - ours
    event = await anext(iterator, None)
    return None if event is None else [event]


async def _read_all(body: Any) -> bytes:
    try:
        data: bytes = await body.read()
        return data
    finally:
        body.close()


_ACTS: dict[type, Callable[[AsyncPerform, Any], Awaitable[Any]]] = {
    Send: AsyncPerform.send,
    Receive: AsyncPerform.receive,
    Sleep: AsyncPerform._sleep,  # noqa: SLF001
    Deliver: AsyncPerform._deliver,  # noqa: SLF001
    Acquire: AsyncPerform._acquire,  # noqa: SLF001
    Record: AsyncPerform._record,  # noqa: SLF001
}
