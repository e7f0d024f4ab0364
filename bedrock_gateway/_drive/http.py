"""The sync client's HTTP session, wrapped: unary answers are read under the watchdog, and what a failure was is shown.

It stands where botocore keeps its own, in ``client._endpoint.http_session``: the one private attribute on the send path.
Where that is missing, calls still work, with botocore's own read timeout alone, and a lost connection is ambiguous.
"""

from __future__ import annotations

import contextlib
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from bedrock_gateway._drive.clients import CURRENT
from bedrock_gateway._sealed import OutsideError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway._drive.watchdog import Watchdog

__all__ = ["HttpSession", "let_outside", "wrap"]

# Functions of urllib3 in which no byte of the request has been written yet: DNS, connect, proxy, TLS handshake.
_CONNECTING = frozenset({"_new_conn", "_validate_conn", "_prepare_proxy", "_connect_tls_proxy"})
# Function of http.client that waits for the first line of the answer.
_WAITING = "_read_status"


_INSIDE = sys.stdlib_module_names | {"bedrock_gateway", "boto3", "botocore", "urllib3", "OpenSSL", "requests"}
"""Whose exceptions a request can meet of itself."""


def let_outside(error: BaseException) -> None:
    """Let go on its way what a signal handler of the application raised while a request waited.

    Raises:
        OutsideError: *error* is such a one, or what botocore made of it.
    """
    first = getattr(error, "kwargs", {}).get("error", error)
    package = type(first).__module__.partition(".")[0]
    if isinstance(first, Exception) and not isinstance(first, OSError) and package not in _INSIDE:
        raise OutsideError(first) from None


def wrap(client: Any, watchdog: Watchdog) -> None:
    """Put an `HttpSession` over the one that *client* has."""
    endpoint: Any = getattr(client, "_endpoint", None)
    inner = getattr(endpoint, "http_session", None)
    if hasattr(inner, "send"):
        endpoint.http_session = HttpSession(inner, watchdog)


class HttpSession:
    """What botocore's endpoint sends through."""

    def __init__(self, inner: Any, watchdog: Watchdog) -> None:
        self._inner = inner
        self._watchdog = watchdog
        self._pools: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def close(self) -> None:
        """Close the connections: urllib3 itself closes those of a pool only when nobody refers to the pool any more."""
        for pool in self._pools.values():
            if pool is not None:
                pool.close()
        self._pools.clear()
        self._inner.close()

    def send(self, request: Any) -> Any:
        """Send *request*; its answer is watched from its head on."""
        state = CURRENT.get()
        if state is None:
            return self._inner.send(request)
        state.sending = True
        unary, request.stream_output = not request.stream_output, True
        pool = self._pool(request.url)
        before = getattr(pool, "num_connections", None)
        try:
            response = self._inner.send(request)
            state.head = True
            state.watch = self._watchdog.watch(response.raw, state.until)
            if unary:
                _read(response)
        except Exception as error:
            let_outside(error)
            if not state.head:
                self._show(error, reused=before is not None and pool.num_connections == before)
            raise
        if not unary:
            response.raw.enforce_content_length = True  # botocore says False, and a cut body would end like a whole one
        return response

    def _pool(self, url: str) -> Any:
        """The connection pool for *url*; None where this botocore keeps it elsewhere."""
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._pools:
            self._pools[host] = None
            with contextlib.suppress(Exception):
                proxy = self._inner._proxy_config.proxy_url_for(url)  # noqa: SLF001
                manager = self._inner._get_connection_manager(url, proxy)  # noqa: SLF001
                pool = self._pools[host] = manager.connection_from_url(url)
                pool.ConnectionCls = _in_one_write(pool.ConnectionCls)
        return self._pools[host]

    @staticmethod
    def _show(error: Exception, *, reused: bool) -> None:
        """Mark *error* where it is certain that nothing was processed."""
        places, kinds = set(), set()
        for one in _chain(error):
            kinds.add(type(one).__name__)
            places |= _functions(one)
        if places & _CONNECTING:
            error.bedrockgw_sent = False  # type: ignore[attr-defined]
        elif reused and (
            kinds & {"RemoteDisconnected", "BrokenPipeError"}
            or ("ConnectionResetError" in kinds and _WAITING in places)
        ):
            error.bedrockgw_sent = False  # type: ignore[attr-defined]
            error.bedrockgw_what = "an idle connection had been closed by the server; nothing was processed"  # type: ignore[attr-defined]


_JOINED = 65536
"""Bytes of a body that are copied behind the head of their request."""


@cache
def _in_one_write(connection: Any) -> Any:
    """Return the class *connection* of urllib3, writing a request's head and body at once: one packet, one TLS record.

    botocore means to, against the delay that Nagle's algorithm and late acknowledgements make of two; urllib3 2 writes the
    body by itself.
    """

    class Connection(connection):  # type: ignore[misc]
        _body: bytes | None = None

        def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> Any:
            if isinstance(body, bytes) and len(body) <= _JOINED and _is_framed(headers or {}):
                self._body, body = body, None
            try:
                return super().request(method, url, body, headers, **options)
            finally:
                self._body = None

        def endheaders(self, message_body: Any = None, **options: Any) -> Any:
            return super().endheaders(self._body if message_body is None else message_body, **options)

    return Connection


def _is_framed(headers: Any) -> bool:
    """Whether the length is said, and the body need not wait for leave to come."""
    return "Content-Length" in headers and "Expect" not in headers


def _read(response: Any) -> None:
    """Read a whole answer, and refuse one that is shorter than it says: botocore would take it."""
    body = response.content
    length = str(response.headers.get("content-length", ""))
    if length.isdigit() and int(length) > len(body):
        raise ConnectionResetError(f"{len(body)} of {length} bytes came")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        inner = [found for found in one.args if isinstance(found, BaseException)]
        one = one.__cause__ or one.__context__ or (inner[-1] if inner else None)


def _functions(error: BaseException) -> set[str]:
    found, trace = set(), error.__traceback__
    while trace is not None:
        found.add(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return found
