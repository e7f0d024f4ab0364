"""HTTP as it comes over a socket: what clients send besides requests that are well formed, and what must not get in."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

NOVA = "/model/amazon.nova-lite-v1%3A0/converse"
HELLO = b'{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}'


class Wire:
    """One connection, written by hand."""

    def __init__(self, served: Any) -> None:
        self.served = served
        self.socket = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        self.file = self.socket.makefile("rb")

    def signed(
        self, method: str, path: str, body: bytes = b"", *, service: str = "bedrock", payload: str = "", **headers: str
    ) -> bytes:
        """The head of a signed request."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest(method, f"http://127.0.0.1:{self.served.port}{path}", sent, body)
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        signer = kind(Credentials(*self.served.local.root_credentials), service, "us-east-1")
        if payload:
            signer.payload = lambda _: payload
        signer.add_auth(request)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.served.port}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n"

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def head(self) -> tuple[int, dict[str, str]]:
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers

    def reply(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = self.head()
        return status, headers, self.file.read(int(headers.get("content-length", 0)))

    def chunk(self) -> bytes:
        data = self.file.read(int(self.file.readline(), 16))
        self.file.readline()
        return data

    def closed(self) -> bool:
        return self.file.read(1) == b""


@pytest.fixture
def wire(served) -> Iterator[Wire]:
    made = Wire(served)
    yield made
    made.file.close()
    made.socket.close()


def test_continue_is_said_before_the_body_is_sent(served, wire):
    served.client("s3").create_bucket(Bucket="expected")
    head = wire.signed("PUT", "/expected/key", b"hello", service="s3", Expect="100-continue")
    wire.send(head, b"Content-Length: 5\r\n\r\n")
    assert wire.head() == (100, {})
    wire.send(b"hello")
    assert wire.reply()[0] == 200
    assert served.client("s3").get_object(Bucket="expected", Key="key")["Body"].read() == b"hello"


def test_a_body_may_come_in_chunks(wire):
    wire.send(wire.signed("POST", NOVA, HELLO), b"Transfer-Encoding: chunked\r\n\r\n")
    wire.send(
        b"10;name=value\r\n", HELLO[:16], b"\r\n", b"%x\r\n" % len(HELLO[16:]), HELLO[16:], b"\r\n0\r\nA: b\r\n\r\n"
    )
    status, _, body = wire.reply()
    assert (status, b"Hello" in body) == (200, True)


def test_an_upload_in_chunks_with_a_trailer_is_stored_without_them(served, wire):
    """As AWS's SDK for JavaScript sends a stream: the signature leaves the payload out."""
    served.client("s3").create_bucket(Bucket="in-chunks")
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    head = wire.signed(
        "PUT", "/in-chunks/key", service="s3", payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        Content_Encoding="aws-chunked", X_Amz_Decoded_Content_Length="5", X_Amz_Trailer="x-amz-checksum-crc32",
    )  # fmt: skip
    wire.send(head, b"Content-Length: %d\r\n\r\n" % len(body), body)
    assert wire.reply()[0] == 200
    assert served.client("s3").get_object(Bucket="in-chunks", Key="key")["Body"].read() == b"hello"


def test_a_connection_is_used_again_and_requests_may_be_sent_ahead(wire):
    one = wire.signed("POST", NOVA, HELLO) + b"Content-Length: %d\r\n\r\n" % len(HELLO) + HELLO
    wire.send(one * 3)
    assert [wire.reply()[0] for _ in range(3)] == [200] * 3


def test_head_is_answered_without_a_body(served, wire):
    served.client("s3").create_bucket(Bucket="headed")
    for path, wanted in (("/headed", 200), ("/headed/nothing", 404), ("/not-there", 404)):
        wire.send(wire.signed("HEAD", path, service="s3"), b"\r\n")
        assert wire.head()[0] == wanted
    wire.send(wire.signed("GET", "/headed", service="s3"), b"\r\n")
    assert wire.reply()[0] == 200


def test_a_client_of_http_1_0_gets_a_stream_without_chunks(wire):
    path = "/model/amazon.nova-lite-v1%3A0/converse-stream"
    head = wire.signed("POST", path, HELLO).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    wire.send(head, b"Content-Length: %d\r\n\r\n" % len(HELLO), HELLO)
    status, headers = wire.head()
    assert (status, "transfer-encoding" in headers) == (200, False)
    assert b"messageStop" in wire.file.read()


@pytest.mark.parametrize(
    "line", ["GET /nowhere", "DELETE /model/x/invoke", "BREW /coffee", "OPTIONS /*", "PATCH /a/b/c"]
)
def test_no_path_and_no_method_is_answered_in_html(wire, line):
    method, path = line.split()
    wire.send(wire.signed(method, path), b"\r\n")
    status, headers, body = wire.reply()
    assert status == 501
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["message"]
    assert headers["x-amzn-errortype"] == "UnknownOperationException"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: five\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: \u00b2\r\n\r\n".encode("latin-1"), 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 413),
    ],
)
def test_what_is_no_request_is_refused_as_json_and_ends_the_connection(wire, head, status):
    wire.send(head)
    found, headers, body = wire.reply()
    assert (found, headers["content-type"]) == (status, "application/json")
    assert json.loads(body)["message"]
    assert wire.closed()


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: evil.example\r\n",
        b"Host: localhost.evil.example\r\n",
        b"Host: 127.0.0.1.evil.example\r\n",
        b"Host: evil.example:4566\r\n",
        b"",
        b"Host: localhost\r\nOrigin: http://localhost\r\n",
        b"Host: localhost\r\nOrigin: null\r\n",
    ],
)
def test_a_foreign_host_and_any_origin_are_refused(wire, lines):
    wire.send(b"GET / HTTP/1.1\r\n", lines, b"\r\n")
    status, headers, body = wire.reply()
    assert (status, headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert b"host names only" in body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:4566", "bedrock-runtime.us-east-1.amazonaws.com"])
def test_its_own_names_and_awss_are_let_through(wire, host):
    wire.send(b"GET / HTTP/1.1\r\nHost: ", host.encode(), b"\r\n\r\n")
    status, headers, _ = wire.reply()
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b'{"messages": 5}', b'{"messages": [5]}']
)
def test_malformed_json_is_refused_in_the_clients_protocol(wire, body):
    wire.send(wire.signed("POST", NOVA, body), b"Content-Length: %d\r\n\r\n" % len(body), body)
    status, headers, reply = wire.reply()
    assert status == 400
    assert headers["x-amzn-errortype"] in {"SerializationException", "ValidationException"}
    assert json.loads(reply)["message"]


def test_a_client_that_goes_away_in_the_middle_harms_nobody(served, wire):
    wire.send(wire.signed("POST", NOVA, HELLO), b"Content-Length: %d\r\n\r\n" % len(HELLO), HELLO[:5])
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.closed()
    assert served.client("sts").get_caller_identity()["Account"]


class Gate:
    """Stands in for the pause before a token: lets one through each time it is opened."""

    def __init__(self) -> None:
        import threading

        self.permits = threading.Semaphore(0)

    def sleep(self, _seconds: float) -> None:
        assert self.permits.acquire(timeout=10)


def test_a_stream_leaves_event_by_event_as_it_is_made(served, wire, monkeypatch):
    """What is read before a token is let through cannot hold it: no clock is needed to see that nothing is buffered."""
    from bedrock_gateway.local.models import runtime
    from bedrock_gateway.local.models.model import Pacing

    gate = Gate()
    monkeypatch.setattr(runtime.time, "sleep", gate.sleep)
    monkeypatch.setattr(served.local.state.of(Pacing), "seconds", 1.0)
    body = HELLO.replace(b"Hello", b"alpha beta gamma")
    wire.send(wire.signed("POST", "/model/amazon.nova-lite-v1%3A0/converse-stream", body))
    wire.send(b"Content-Length: %d\r\n\r\n" % len(body), body)
    status, headers = wire.head()
    assert (status, headers["content-type"]) == (200, "application/vnd.amazon.eventstream")
    assert b"messageStart" in wire.chunk()
    for word in (b"[local", b" echo]", b" alpha", b" beta", b" gamma"):
        gate.permits.release()
        assert word in wire.chunk()
    assert [name for name in (b"contentBlockStop", b"messageStop", b"metadata") if name not in wire.chunk()] == []


def test_the_protocol_is_the_services_whatever_the_content_type_says(wire):
    """A careless client sends JSON as a form; Bedrock still answers in JSON."""
    kind = "application/x-www-form-urlencoded"
    wire.send(wire.signed("POST", "/model/no.such/converse", HELLO, Content_Type=kind))
    wire.send(b"Content-Length: %d\r\n\r\n" % len(HELLO), HELLO)
    status, headers, body = wire.reply()
    assert (status, headers["content-type"]) == (400, "application/json")
    assert "model identifier" in json.loads(body)["message"]
