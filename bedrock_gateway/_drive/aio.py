"""What a flow asks for, done with aiobotocore: it awaits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Acquire, Deliver, Inspect, Receive, Record, Renew, Send, Sleep, Timeouts, Together
from bedrock_gateway._drive import aio_http, clients
from bedrock_gateway._drive.aio_http import AsyncBody
from bedrock_gateway._drive.clients import CallState, DeadlineError, Made
from bedrock_gateway._drive.together import in_a_thread
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
        self._permits: dict[tuple[str, str], asyncio.Semaphore] = {}
        self._stack = contextlib.AsyncExitStack()
        self._building: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()
        self._renewed = 0.0

    def __call__(self, command: Any) -> Awaitable[Any]:
        """Do *command* and return, awaited, what happened."""
        return _ACTS[type(command)](self, command)

    def _belongs(self) -> asyncio.AbstractEventLoop:
        """Refuse another loop or process before the HTTP library sees it: it would wait for ever, or mix up answers."""
        if self._pid != os.getpid():  # first: in the child of a fork asyncio knows of no running loop
            raise ConfigError("an AsyncGateway cannot be used after a fork; make a new one in the child process")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._building = loop, asyncio.Lock()
        if self._loop is not loop:
            raise ConfigError("an AsyncGateway belongs to one event loop; make another one in this loop")
        return loop

    async def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of *service*, built on first use.

        Raises:
            ConfigError: this is another event loop, or another process, than that of the first call; or the environment
                or the session would change where requests go or who signs them.
        """
        self._belongs()
        key = (service, region or self._config.region)
        task = self._clients.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._clients[key] = asyncio.ensure_future(self._build(*key))
        elif task.done():
            return task.result()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if task.cancelled() and not (me and me.cancelling()):
                raise ConfigError("the gateway was closed while a client was being built") from None
            raise

    async def _build(self, service: str, region: str) -> Any:
        assert self._building is not None
        async with self._building:
            # The first client of a session imports the library and reads 20 MB of AWS's models: in a thread, on a
            # throw-away client. The session keeps what was read, so that the real client, which belongs to this loop, is
            # then made at once.
            make, config = await in_a_thread(lambda: self._prepared(service, region))
            client = await self._stack.enter_async_context(make(config))
        self._permits[service, region] = asyncio.Semaphore(self._max_connections)
        clients.hook(client, service, per_call_timeout=False)
        aio_http.wrap(client)
        return client

    def _prepared(self, service: str, region: str) -> tuple[Callable[[Any], Any], Any]:
        """Return what makes a client, in a worker thread, with everything read that it needs."""
        try:
            from aiobotocore.config import AioConfig
        except ImportError:
            raise MissingExtraError(extra="async", needed_for="AsyncGateway") from None
        clients.silence()
        session = self._known_session()
        clients.refuse_environment(self._config, session)
        # Every deadline of an answer is ours: the library's own would be one for all calls.
        given = clients.settings(self._config, self._timeouts, self._max_connections, session, read_timeout=None)
        arguments = clients.client_arguments(self._config, service, region)
        name = arguments.pop("service_name")
        create = getattr(session, "create_client", None) or session.client

        def make(config: Any, **credentials: str) -> Any:
            return create(name, **arguments, config=config, **credentials)

        config = AioConfig(**given)
        # With credentials of its own, it asks no source for them: one that hangs would hold this thread.
        asyncio.run(_make_and_close(make(config, aws_access_key_id="none", aws_secret_access_key="none")))
        return make, config

    def _known_session(self) -> Any:
        if self._session is None:
            try:
                from aiobotocore.session import get_session
            except ImportError:
                raise MissingExtraError(extra="async", needed_for="AsyncGateway") from None
            self._session = get_session()
        return self._session

    async def identity(self) -> Any:
        """Return what the preflight looks at instead of a session: the one credentials of this gateway, resolved."""
        self._belongs()
        assert self._building is not None
        async with self._building:  # a session that is asked by two at once runs its source of credentials twice
            return await aio_http.resolved(self._known_session())

    async def made(self) -> Made:
        """What there is of clients; the one that runs models is built if there is none yet."""
        with contextlib.suppress(Exception):  # what is wrong with it, each probe will say
            await self.client("bedrock-runtime")
        here = {service: task for (service, region), task in self._clients.items() if region == self._config.region}
        tasks = {service: task for service, task in here.items() if task.done() and not task.cancelled()}
        return Made.of({service: task.result() for service, task in tasks.items() if task.exception() is None})

    async def close(self) -> None:
        """Close every client; may be called again."""
        tasks = list(self._clients.values())
        self._clients.clear()
        if self._pid != os.getpid() or not tasks:
            return
        self._belongs()
        for task in tasks:  # one that is still being built may hang in a source of credentials
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()

    async def send(self, send: Send) -> dict[str, Any]:
        """Call aiobotocore."""
        client = await self.client(send.service, send.region)
        now = time.monotonic()
        until = now + self._timeouts.total if send.until is None else send.until
        patience = min(send.first_byte or self._timeouts.first_byte, until - now)
        state = CallState(patience, until, unparsed=send.unparsed)
        permit = await self._permit(client, send, until)
        kept = False
        try:
            with clients.inside(state):
                reply = await self._answered(client, send, state, now + patience)
                if send.stream is not None:
                    raw = clients.body_member(send, reply)
                    reply[send.stream] = AsyncBody(raw, asyncio.get_running_loop(), permit.release)
                    kept = True
        except Exception as error:
            state.mark(error)
            raise
        finally:
            if not kept:
                permit.release()
        return reply

    async def _permit(self, client: Any, send: Send, until: float) -> asyncio.Semaphore:
        """Wait for a connection to be free, as part of connecting: aiohttp itself would wait for ever."""
        permit = self._permits[send.service, send.region or self._config.region]
        del client
        if not permit.locked():
            await permit.acquire()
            return permit
        try:
            async with asyncio.timeout(min(self._timeouts.connect, until - time.monotonic())):
                await permit.acquire()
        except TimeoutError:
            error = DeadlineError("connect")
            error.bedrockgw_sent = False  # type: ignore[attr-defined]
            error.bedrockgw_what = (  # type: ignore[attr-defined]
                f"all {self._max_connections} connections were in use; close streams that are not read to their end"
            )
            raise error from None
        return permit

    async def _answered(self, client: Any, send: Send, state: CallState, until: float) -> dict[str, Any]:
        method = getattr(client, clients.method_name(client, send.operation))
        loop = asyncio.get_running_loop()
        state.clock = aio_http.Clock(loop, until, self._timeouts.connect)
        try:
            async with state.clock.timeout:
                reply: dict[str, Any] = await method(**send.params)
                if send.stream is None and hasattr(reply.get("body"), "read"):
                    reply[BODY] = await _read_all(reply["body"])
        except TimeoutError as caught:
            if not state.clock.timeout.expired():
                raise
            raise state.clock.error(caught) from None
        return reply

    async def _receive(self, command: Receive) -> Any:
        """Read once, for as long as the deadline permits."""
        token = clients.CURRENT.set(_READING)  # what `clients.inside` does: of a paced stream, each event comes by here
        try:
            return await command.body.read(command.until)
        finally:
            clients.CURRENT.reset(token)

    async def _sleep(self, command: Sleep) -> None:
        await asyncio.sleep(command.seconds)

    async def _renew(self, command: Renew) -> bool:
        """Renew the session's credentials, once for all tasks that found them expired."""
        self._belongs()
        assert self._building is not None
        async with self._building:
            if self._renewed > command.since:
                return True
            found = self._known_session().get_credentials()
            found = await found if hasattr(found, "__await__") else found
            if not clients.expire(found):
                return False
            with contextlib.suppress(Exception):  # what is wrong with the source, the next request says
                await found.get_frozen_credentials()
            self._renewed = time.monotonic()
        return True

    async def _deliver(self, command: Deliver) -> None:
        """Nobody listens."""

    async def _acquire(self, command: Acquire) -> Any:
        until = command.until
        return await command.permit.acquire_async(None if until is None else until - time.monotonic())

    async def _record(self, command: Record) -> Any:
        return await in_a_thread(command.entry)

    async def _inspect(self, _: Inspect) -> tuple[Any, Made]:
        return await self.identity(), await self.made()

    async def _together(self, command: Together) -> None:
        from bedrock_gateway._drive import arun, together

        await together.in_tasks(command, lambda flow: arun(flow, self))


_READING = CallState(0.0, 0.0)
"""Marks that a read is ours; nobody changes it."""


async def _make_and_close(made: Any) -> None:
    async with made:
        pass


async def _read_all(body: Any) -> bytes:
    try:
        data: bytes = await body.read()
        return data
    finally:
        body.close()


_ACTS: dict[type, Callable[[AsyncPerform, Any], Awaitable[Any]]] = {
    Send: AsyncPerform.send,
    Receive: AsyncPerform._receive,  # noqa: SLF001
    Sleep: AsyncPerform._sleep,  # noqa: SLF001
    Renew: AsyncPerform._renew,  # noqa: SLF001
    Deliver: AsyncPerform._deliver,  # noqa: SLF001
    Acquire: AsyncPerform._acquire,  # noqa: SLF001
    Record: AsyncPerform._record,  # noqa: SLF001
    Inspect: AsyncPerform._inspect,  # noqa: SLF001
    Together: AsyncPerform._together,  # noqa: SLF001
}
