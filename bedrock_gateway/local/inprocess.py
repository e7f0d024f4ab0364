"""The same app without a port: clients of this process are answered from botocore's ``before-send`` event.

The handler answers every request, whatever its host: None would mean "send it for real", and nothing that an attached
client asks may leave the process.
"""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from bedrock_gateway.local.wire.message import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from typing import Self

    from bedrock_gateway.local.app import App
    from bedrock_gateway.local.wire.message import Response

__all__ = ["attach"]

_EVENT = "before-send"
_ID = "bedrock-gateway-local"
_MOST_THREADS = 64

T = TypeVar("T")


def attach(app: App, target: Any) -> None:
    """Let *app* answer a boto3, botocore, aioboto3 or aiobotocore session, or one client of any of these.

    Clients that a session has already made are not affected. A session or client answers to the one attached last.
    """
    events = _events_of(target)
    answer = _async_handler(app) if _is_async(events) else _sync_handler(app)
    events.unregister(_EVENT, unique_id=_ID)
    events.register_first(_EVENT, answer, unique_id=_ID)


def _events_of(target: Any) -> Any:
    if hasattr(target, "meta"):
        return target.meta.events
    session = getattr(target, "_session", target)
    return session.get_component("event_emitter")


def _is_async(events: Any) -> bool:
    emitter = getattr(events, "_emitter", events)
    return "aiobotocore" in type(emitter).__module__


def _sync_handler(app: App) -> Any:
    from botocore.awsrequest import AWSResponse

    def answer(request: Any, **_: Any) -> Any:
        response = app.handle(_request(request, _read(request.body)))
        return AWSResponse(request.url, response.status, _headers(response), LocalBody(response))

    return answer


def _async_handler(app: App) -> Any:
    from aiobotocore.awsrequest import AioAWSResponse

    async def answer(request: Any, **_: Any) -> Any:
        body = _read(request.body)
        content = await body if asyncio.iscoroutine(body) else body
        response = await _in_thread(app.handle, _request(request, content))
        return AioAWSResponse(request.url, response.status, _headers(response), AsyncLocalBody(response, request.url))

    return answer


@cache
def _threads() -> ThreadPoolExecutor:
    """The threads that work for clients on any loop: a loop's own few would be held by a handful of paced streams."""
    return ThreadPoolExecutor(_MOST_THREADS, "local-bedrock")


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads(), work, *arguments)


def _read(body: Any) -> Any:
    """Return the body's bytes; of an asynchronous body, the coroutine that reads it."""
    return body.read() if hasattr(body, "read") else body


def _request(sent: Any, body: Any) -> Request:
    url = urlsplit(sent.url)
    headers = {name.lower(): _text(value) for name, value in sent.headers.items()}
    headers.setdefault("host", url.netloc)
    content = body.encode() if isinstance(body, str) else bytes(body or b"")
    return Request(sent.method, url.path, url.query, headers, content)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _headers(response: Response) -> Any:
    from botocore.compat import HTTPHeaders

    return HTTPHeaders.from_dict(_all_strings(response.headers))


def _all_strings(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in headers.items()}


class LocalBody(io.RawIOBase):
    """A response's body as urllib3 offers it; parts are asked of the app only when somebody reads."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self._parts: Iterator[bytes] = iter(response.body)
        self._source = response.body
        self._rest = b""

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def _fill(self) -> bool:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return False
            self._rest = part
        return True

    def read1(self, amt: int | None = None, **_: Any) -> bytes:
        """Return what one read yields, at most *amt* bytes; empty at the end."""
        if self.closed or amt == 0 or not self._fill():
            return b""
        taken, self._rest = (self._rest, b"") if amt is None or amt < 0 else (self._rest[:amt], self._rest[amt:])
        return taken

    def read(self, amt: int | None = -1, **_: Any) -> bytes:
        """Return *amt* bytes, or everything; fewer only at the end."""
        wanted = None if amt is None or amt < 0 else amt
        got: list[bytes] = []
        size = 0
        while wanted is None or size < wanted:
            part = self.read1(None if wanted is None else wanted - size)
            if not part:
                break
            got.append(part)
            size += len(part)
        return b"".join(got)

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer* from one read; 0 at the end."""
        part = self.read1(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def stream(self, amt: int | None = 65536, **_: Any) -> Iterator[bytes]:
        """Yield parts as they come."""
        while part := self.read1(amt):
            yield part

    def release_conn(self) -> None:
        """Do nothing: there is no connection to give back."""

    def shutdown(self) -> None:
        """End the body for a reader in another thread: its next read is the end."""
        self._parts = iter(())

    def close(self) -> None:
        """Tell the app that nobody reads on."""
        if not self.closed:
            _close(self._source)
        super().close()


def _close(source: Any) -> None:
    close = getattr(source, "close", None)
    if close is None:
        return
    try:
        close()
    except ValueError:
        # "generator already executing": its reader, in another thread, is about to end it.
        return


class _Content:
    """What aiohttp calls ``response.content``: the reader."""

    def __init__(self, body: LocalBody) -> None:
        self._body = body
        self._ended = False

    async def readany(self) -> bytes:
        """Return the next part; empty at the end."""
        part = await _in_thread(self._body.read1)
        self._ended = not part
        return part

    async def read(self, n: int = -1) -> bytes:
        """Return at most *n* bytes, or everything."""
        part = await _in_thread(self._body.read if n < 0 else self._body.read1, n)
        self._ended = n != 0 and (n < 0 or not part)
        return part

    def at_eof(self) -> bool:
        """Whether a read has met the end."""
        return self._ended

    async def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """Yield parts as they come, each with True: it ends a chunk."""
        while part := await self.readany():
            yield part, True

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield parts as they come."""
        while part := await self.readany():
            yield part


class AsyncLocalBody:
    """A response's body as aiohttp's ``ClientResponse`` offers it; the app works in a thread, not on the loop."""

    def __init__(self, response: Response, url: str) -> None:
        self._body = LocalBody(response)
        self.content = _Content(self._body)
        self.status = response.status
        self.url = url
        self.connection = None

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._body.closed

    async def read(self) -> bytes:
        """Return everything that is left."""
        return await self.content.read()

    def close(self) -> None:
        """Tell the app that nobody reads on."""
        self._body.close()

    def release(self) -> None:
        """Do as `close`: there is no connection to give back."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
