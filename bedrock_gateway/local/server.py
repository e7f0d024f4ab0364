"""Serve the local Bedrock over HTTP/1.1 and, to clients that begin so, HTTP/2: streams leave frame by frame."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.http2.connection import Connection
from bedrock_gateway.local.http2.frames import PREFACE
from bedrock_gateway.local.wire.errors import error_response, protocol_of
from bedrock_gateway.local.wire.message import Request, Response, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.local.app import App

__all__ = ["LocalServer", "is_loopback", "serving"]

_log = logging.getLogger(__name__)
_OWN_NAMES = ("localhost",)
_OWN_SUFFIXES = (".localhost", ".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_LARGEST_BODY = 256 * 1024 * 1024
_LONGEST_LINE = 65536


def is_loopback(host: str) -> bool:
    """Whether *host* is a name or an address of this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class LocalServer(ThreadingHTTPServer):
    """A socket and the app behind it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, app: App, host: str, port: int) -> None:
        self.app = app
        self.host = host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse lookup of the standard library, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.host, int(self.server_address[1])

    @property
    def endpoint(self) -> str:
        """The URL that clients are given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.server_port}"

    def allows(self, request: Request) -> bool:
        """Whether *request* names this server and does not come from a web page."""
        name = request.hostname
        ours = name in {*_OWN_NAMES, self.host} or name.endswith(_OWN_SUFFIXES) or _is_address(name)
        return ours and "origin" not in request.headers

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the standard library's signature
        """Say nothing where a client went away; that is the client's business."""
        _log.debug("a connection from %s ended", client_address, exc_info=True)


def _checked(size: int) -> int:
    if size > _LARGEST_BODY:
        text = f"The local Bedrock reads bodies of at most {_LARGEST_BODY} bytes."
        raise Fault("RequestEntityTooLargeException", text, 413)
    return size


def _hex(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0].strip(), 16)
    except ValueError:
        raise Fault("ValidationException", "A chunk of the request has no valid size.", 400) from None


def _is_address(name: str) -> bool:
    """Addresses cannot be rebound to by a name of somebody else's."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: LocalServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        """Read one request and answer it, whatever its method is."""
        self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
        if len(self.raw_requestline) > _LONGEST_LINE:
            self.send_error(414, "The request line is too long")
            return
        if PREFACE.startswith(self.raw_requestline) and self.raw_requestline:
            self._serve_http2(PREFACE[len(self.raw_requestline) :])
            return
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        headers = joined(self.headers.items())
        path, _, query = self.path.partition("?")
        head = Request(self.command, path, query, headers, b"")
        try:
            request = replace(head, body=self._body(headers))
        except Fault as fault:
            self.close_connection = True
            self._send(error_response(fault, protocol_of(head, None), "-"))
            return
        self._send(self._answer(request))

    def handle_expect_100(self) -> bool:
        """Ask for the body at once: what is written here is buffered, and boto3 waits a second for it at each PutObject."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _serve_http2(self, rest: bytes) -> None:
        self.close_connection = True
        if self.rfile.read(len(rest)) == rest:
            Connection(self.rfile, self.wfile, self._answer, largest_body=_LARGEST_BODY).serve()

    def _body(self, headers: Mapping[str, str]) -> bytes:
        coding, length = headers.get("transfer-encoding"), headers.get("content-length", "0")
        if coding is not None:
            # Two ways to tell the length are one too many: who stands in between may believe the other one.
            if coding.lower() != "chunked" or "content-length" in headers:
                raise Fault("ValidationException", "The request says its length in more than one way.", 400)
            return b"".join(self._chunks())
        if not (length.isascii() and length.isdigit()):
            raise Fault("ValidationException", "The Content-Length of the request is no number.", 400)
        return self._exactly(_checked(int(length)))

    def _exactly(self, size: int) -> bytes:
        """Read *size* bytes; where the client went away before, there is nothing to answer."""
        data = self.rfile.read(size)
        if len(data) != size:
            raise ConnectionAbortedError("the client went away in the middle of its request")
        return data

    def _chunks(self) -> Iterator[bytes]:
        total = 0
        while size := _hex(self.rfile.readline(64)):
            total = _checked(total + size)
            yield self._exactly(size)
            self.rfile.readline(4)
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP as JSON; the standard library would send a page of HTML."""
        text = f"{message or 'The request cannot be read'}. {explain or ''}".strip()
        # What cannot be read counts as HTTP/0.9 there, which has no status.
        self.request_version, self.close_connection = self.protocol_version, True
        self._send(error_response(Fault("ValidationException", text, int(code)), "rest-json", "-"))

    def _answer(self, request: Request) -> Response:
        if self.server.allows(request):
            return self.server.app.handle(request)
        text = "The local Bedrock answers its own host names only, and no web page (a request with an Origin header)."
        return error_response(Fault("AccessDeniedException", text, 403), protocol_of(request, None), "-")

    def _send(self, response: Response) -> None:
        # A client of HTTP/1.0 knows no chunks: the end of the connection ends its reply.
        chunked = response.streaming and self.request_version != "HTTP/1.0"
        self.close_connection |= response.streaming and not chunked
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            if name.lower() != "date":
                self.send_header(name, value)
        # Clients correct their clocks by it where a signature is too old.
        self.send_header("Date", self.date_time_string(self.server.app.gate.directory.now().timestamp()))
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        try:
            self._write(response, chunked=chunked)
        finally:
            close = getattr(response.body, "close", None)
            if close is not None:
                close()

    def _write(self, response: Response, *, chunked: bool) -> None:
        if not chunked:
            for part in response.body:
                self.wfile.write(part)
                self.wfile.flush()
            self.wfile.flush()
            return
        self.wfile.flush()
        for part in response.body:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Leave access logging to the decisions log."""


@contextmanager
def serving(app: App, host: str, port: int) -> Iterator[LocalServer]:
    """Serve *app* in a thread until the context ends.

    Raises:
        OSError: the port is in use.
    """
    server = LocalServer(app, host, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
