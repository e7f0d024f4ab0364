"""The async client's HTTP session, wrapped: connecting has a deadline of its own, and a lost connection is told apart.

It stands where aiobotocore keeps its own, in ``client._endpoint.http_session``, and listens to aiohttp's traces. Where
either is missing, calls still work, and a lost connection is ambiguous.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from bedrock_gateway._drive.clients import CURRENT, DeadlineError, core_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._drive.clients import CallState

__all__ = ["AsyncBody", "Clock", "HttpSession", "resolved", "wrap"]


def wrap(client: Any) -> None:
    """Put an `HttpSession` over the one that *client* has, if that is aiohttp's."""
    endpoint: Any = getattr(client, "_endpoint", None)
    inner = getattr(endpoint, "http_session", None)
    if hasattr(inner, "send") and hasattr(inner, "_sessions"):
        _check_names(inner)
        endpoint.http_session = HttpSession(inner)


def _check_names(inner: Any) -> None:
    """Have the certificate checked, and its name compared with the host's.

    aiobotocore before 3.0 gives aiohttp urllib3's context, which leaves the name to urllib3: a trusted certificate of any
    name would do. Behind a proxy without a CA bundle of its own it gives none at all, and nothing is checked.
    """
    made, proxied = getattr(inner, "_get_ssl_context", None), getattr(inner, "_setup_proxy_ssl_context", None)
    if made is None or proxied is None or hasattr(inner, "_build_ssl_contexts") or not getattr(inner, "_verify", True):
        return

    def context() -> Any:
        found = made()
        found.check_hostname = True
        return found

    inner._get_ssl_context = context  # noqa: SLF001 - contract: tests/faults/test_connecting.py, F22
    inner._setup_proxy_ssl_context = lambda url: proxied(url) or context()  # noqa: SLF001 - as above


class Clock:
    """The deadlines of one answer, in one timer: that of the connection until there is one, then the answer's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, until: float, connect: float) -> None:
        self._loop = loop
        self._connect = connect
        self._until = loop.time() + until - time.monotonic()
        self._connecting = False
        self.timeout = asyncio.timeout_at(self._until)

    def connecting(self) -> None:
        """The request goes to the HTTP library: it must have a connection in time."""
        self._connecting = True
        self._move(min(self._until, self._loop.time() + self._connect))

    def connected(self) -> None:
        """There is a connection: what remains is the time for the answer."""
        self._connecting = False
        self._move(self._until)

    def _move(self, when: float) -> None:
        # A timer that is just going off cannot be moved any more.
        with contextlib.suppress(RuntimeError):
            self.timeout.reschedule(when)

    def error(self, _cause: BaseException) -> DeadlineError:
        """Return what the expired timer means."""
        made = DeadlineError("connect" if self._connecting else "first byte")
        if self._connecting:
            made.bedrockgw_sent = False  # type: ignore[attr-defined]
            made.bedrockgw_what = "no connection in time"  # type: ignore[attr-defined]
        return made


class HttpSession:
    """What aiobotocore's endpoint sends through."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._trace = _trace()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send(self, request: Any) -> Any:
        """Send *request*."""
        state = CURRENT.get()
        if state is None:
            return await self._inner.send(request)
        state.sending = True
        traced = await self._traced(request)
        if traced and state.clock is not None:
            state.clock.connecting()
        refused: RedirectedError | None = None
        try:
            return await self._inner.send(request)
        except Exception as error:
            refused = _redirected(error)
            if refused is None:
                _show(error, state, traced=traced)
                raise
        raise refused

    async def _traced(self, request: Any) -> bool:
        """Listen to the aiohttp session that will take *request*; False where this aiobotocore hides it."""
        try:
            proxy = self._inner._proxy_config.proxy_url_for(request.url)  # noqa: SLF001
            session = await self._inner._get_session(proxy)  # noqa: SLF001
            if self._trace not in session.trace_configs:
                session.trace_configs.append(self._trace)
        except (AttributeError, TypeError):
            return False
        return True


class RedirectedError(Exception):
    """The service answered with a redirect: AWS does not, and the signed request is for nobody else.

    aiohttp would follow it, and of a 307 send the body again. ``response`` has the form of botocore's ClientError, so
    that it becomes the same error as in the sync driver, which follows none.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"redirect {status}")
        self.status = status
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}}
        self.response = {
            "Error": {"Code": str(status), "Message": "redirects are not followed"},
            "ResponseMetadata": metadata,
        }


async def _refuse_redirect(_session: Any, _context: Any, params: Any) -> None:
    params.response.close()
    raise RedirectedError(params.response.status)


def _redirected(error: BaseException) -> RedirectedError | None:
    found = next((one for one in (error, error.__cause__, error.__context__) if isinstance(one, RedirectedError)), None)
    return None if found is None else RedirectedError(found.status)


def _trace() -> Any:
    from aiohttp import TraceConfig

    made = TraceConfig()
    made.on_request_redirect.append(_refuse_redirect)
    made.on_connection_reuseconn.append(_reused)
    made.on_connection_create_end.append(_created)
    made.on_request_end.append(_headed)
    made.freeze()
    return made


async def _reused(*_: Any) -> None:
    _have_connection(reused=True)


async def _created(*_: Any) -> None:
    _have_connection(reused=False)


def _have_connection(*, reused: bool) -> None:
    state = CURRENT.get()
    if state is not None:
        state.connected, state.reused = True, reused
        if state.clock is not None:
            state.clock.connected()


async def _headed(*_: Any) -> None:
    state = CURRENT.get()
    if state is not None:
        state.head = True


def _show(error: Exception, state: CallState, *, traced: bool) -> None:
    """Mark *error* with what is certain of the request.

    aiobotocore calls a reset connection an EndpointConnectionError, as it does one that never was: only the trace tells
    whether the request can have gone out.
    """
    inner = error.__cause__ or error.__context__ or error
    never_connected = not state.connected and (traced or type(inner).__name__.startswith("ClientConnector"))
    if never_connected:
        error.bedrockgw_sent = False  # type: ignore[attr-defined]
    elif state.reused and not state.head and _closed_before_an_answer(inner):
        error.bedrockgw_sent = False  # type: ignore[attr-defined]
        error.bedrockgw_what = "an idle connection had been closed by the server; nothing was processed"  # type: ignore[attr-defined]
    else:
        error.bedrockgw_sent = None  # type: ignore[attr-defined]
        error.bedrockgw_what = "the connection was lost; it may have been processed, and billed"  # type: ignore[attr-defined]


def _closed_before_an_answer(error: BaseException) -> bool:
    """Whether the connection ended while not one whole head line of an answer had come."""
    if type(error).__name__ == "ServerDisconnectedError":
        return not isinstance(getattr(error, "message", ""), tuple)  # a tuple is the head that was begun
    return type(error).__name__ in {"ClientOSError", "ConnectionResetError", "ClientConnectionResetError"}


_MOST_BYTES = 32_768
"""What is read, decoded and handed over before other tasks have their turn: some hundred events, which take 1 to 2 ms."""


class _Parsed:
    """The events of botocore's parser, where the raw body was not to be had."""

    def __init__(self, events: Any) -> None:
        self._events = aiter(events)

    async def read(self, _most_bytes: int) -> list[Any]:
        """Return the next event; none at the end."""
        event = await anext(self._events, None)
        return [] if event is None else [event]


class AsyncBody:
    """The open body of a stream; one timer for all its reads, that checks a deadline which moves."""

    def __init__(self, raw: Any, loop: asyncio.AbstractEventLoop, released: Callable[[], None]) -> None:
        self._raw = raw
        content: Any = getattr(raw, "content", None)
        self._source = content if hasattr(content, "readany") else _Parsed(raw)
        self._read = 0
        """Since the loop had its turn: what has come already is read without waiting."""
        self._loop = loop
        self._released: Callable[[], None] | None = released
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = self._when = float("inf")
        self._reading = False
        self._fired = False

    async def read(self, until: float | None) -> Any:
        """Read once: bytes, a list of parsed events, or None at the end.

        Raises:
            DeadlineError: *until* has passed.
        """
        if self._read >= _MOST_BYTES:
            self._read = 0
            await asyncio.sleep(0)
        if until is not None:
            self._arm(until)
        self._reading = True
        try:
            found = await self._source.read(_MOST_BYTES)
        except BaseException as error:
            if self._fired and isinstance(error, Exception):
                raise DeadlineError("idle") from None
            raise
        finally:
            self._reading = False
        if self._fired:
            raise DeadlineError("idle")
        self._read += len(found)
        return found or None

    def _arm(self, until: float) -> None:
        """Move the deadline. The timer goes off no later than it; where that is too early, it goes on."""
        now = self._loop.time()
        self._deadline = now + until - time.monotonic()
        if self._deadline <= now:
            raise DeadlineError("idle")
        if self._timer is None or self._deadline < self._when:
            self._set()

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._when = self._deadline
        self._timer = self._loop.call_at(self._when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._reading:
            return
        if self._deadline > self._loop.time():
            self._set()
            return
        self._fired = True
        self._shut()

    def _shut(self) -> None:
        with contextlib.suppress(Exception):
            self._raw.close()

    def close(self) -> None:
        """Release the connection and its permit; from any thread, in which case the loop does it."""
        released, self._released = self._released, None
        if released is None:
            return
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._close(released)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close, released)

    def _close(self, released: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._shut()
        released()


class _Resolved:
    """A session as the preflight reads one: synchronous, with the credentials that were found."""

    def __init__(self, core: Any, found: Any) -> None:
        self._session = core
        self._found = found

    def get_credentials(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


class _Credentials:
    """Credentials that need not be awaited any more."""

    def __init__(self, method: str, frozen: Any) -> None:
        self.method = method
        self._frozen = frozen

    def get_frozen_credentials(self) -> Any:
        return self._frozen


async def resolved(session: Any) -> Any:
    """Return *session* with its credentials resolved, for readers that do not await."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    profile = getattr(core_of(session), "profile", None)
    core = botocore.session.Session(profile=profile)
    try:
        found = session.get_credentials()
        found = await found if hasattr(found, "__await__") else found
        if found is not None:
            frozen = found.get_frozen_credentials()
            frozen = await frozen if hasattr(frozen, "__await__") else frozen
            found = _Credentials(str(found.method), frozen)
    except BotoCoreError as error:
        found = error
    return _Resolved(core, found)
