"""HTTP/2 by hand: frames over a socket, as AWS's SDK for JavaScript sends them."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer

from bedrock_gateway.local.http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PREFACE,
    ErrorCode,
    Frame,
    Kind,
    read_frame,
    write_frame,
)
from bedrock_gateway.local.http2.hpack import Decoder, encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

NOVA = "amazon.nova-lite-v1%3A0"
HELLO = b'{"messages":[{"role":"user","content":[{"text":"Hello there"}]}]}'


class Client:
    """One connection."""

    def __init__(self, served: Any) -> None:
        self.served, self.decoder = served, Decoder()
        self.socket = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        self.file = self.socket.makefile("rb")
        self.send(PREFACE, write_frame(Kind.SETTINGS))

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def headers(
        self, path: str, body: bytes = b"", *, authority: str | None = None, kind: str = "application/json"
    ) -> bytes:
        """A signed request's headers, with the authority under the name that JavaScript signs it by."""
        where = authority or f"127.0.0.1:{self.served.port}"
        request = AWSRequest("POST", f"http://{where}{path}", {"content-type": kind}, body)
        key = Credentials(*self.served.local.root_credentials)
        signer = SigV4Auth(key, "bedrock", "us-east-1")
        signer.headers_to_sign = lambda sent: {**{n.lower(): v for n, v in sent.headers.items()}, ":authority": where}
        signer.canonical_headers = lambda sent: "\n".join(f"{name}:{sent[name].strip()}" for name in sorted(sent))
        signer.signed_headers = lambda sent: ";".join(sorted(sent))
        signer.add_auth(request)
        plain = [(name.lower(), str(value)) for name, value in request.headers.items()]
        return encoded([(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", where), *plain])

    def request(self, stream: int, path: str, body: bytes, **more: Any) -> None:
        block = self.headers(path, body, **more)
        self.send(
            write_frame(Kind.HEADERS, stream, block, flags=END_HEADERS),
            write_frame(Kind.DATA, stream, body, flags=END_STREAM),
        )

    def frames(self) -> Iterator[Frame]:
        while (frame := read_frame(self.file)) is not None:
            yield frame

    def replies(self, *streams: int) -> dict[int, tuple[dict[str, str], bytes]]:
        """Read until every one of *streams* has ended."""
        heads: dict[int, dict[str, str]] = {}
        bodies = dict.fromkeys(streams, b"")
        left = set(streams)
        for frame in self.frames():
            if frame.kind == Kind.HEADERS:
                heads[frame.stream] = dict(self.decoder.decode(frame.content))
            if frame.kind == Kind.DATA:
                bodies[frame.stream] += frame.content
                left -= {frame.stream} if frame.flags & END_STREAM else set()
            if not left:
                break
        return {stream: (heads[stream], bodies[stream]) for stream in streams}

    def first(self, kind: Kind) -> Frame:
        return next(frame for frame in self.frames() if frame.kind == kind)


@pytest.fixture
def client(served) -> Iterator[Client]:
    made = Client(served)
    yield made
    made.file.close()
    made.socket.close()


def test_requests_on_one_connection_are_answered_each_on_its_own_stream(client):
    streams = range(1, 41, 2)
    for stream in streams:
        client.request(stream, f"/model/{NOVA}/converse", HELLO.replace(b"there", str(stream).encode()))
    for stream, (headers, body) in client.replies(*streams).items():
        assert headers[":status"] == "200"
        assert f"Hello {stream}".encode() in body


def test_an_event_stream_leaves_frame_by_frame(client):
    client.request(1, f"/model/{NOVA}/converse-stream", HELLO)
    ((headers, body),) = client.replies(1).values()
    assert headers["content-type"] == "application/vnd.amazon.eventstream"
    assert "transfer-encoding" not in headers
    events = EventStreamBuffer()
    events.add_data(body)
    assert [event.headers[":event-type"] for event in events][-1] == "metadata"


def test_nothing_is_sent_that_the_client_has_no_room_for(client):
    client.send(write_frame(Kind.SETTINGS, payload=struct.pack(">HI", 4, 10)))
    client.request(1, f"/model/{NOVA}/converse", HELLO)
    got = client.first(Kind.DATA).content
    assert len(got) == 10
    client.send(write_frame(Kind.PING, payload=b"12345678"))
    assert client.first(Kind.PING).payload == b"12345678"
    client.send(write_frame(Kind.WINDOW_UPDATE, 1, struct.pack(">I", 5)))
    assert len(client.first(Kind.DATA).content) == 5
    client.send(write_frame(Kind.WINDOW_UPDATE, 1, struct.pack(">I", 100_000)))
    assert client.first(Kind.DATA).content.endswith(b"}")


def test_a_reply_that_is_no_longer_wanted_ends_and_the_connection_lives(client):
    client.send(write_frame(Kind.SETTINGS, payload=struct.pack(">HI", 4, 0)))
    client.request(1, f"/model/{NOVA}/converse", HELLO)
    client.first(Kind.HEADERS)
    client.send(write_frame(Kind.RST_STREAM, 1, struct.pack(">I", 8)))
    client.send(write_frame(Kind.SETTINGS, payload=struct.pack(">HI", 4, 65535)))
    client.request(3, f"/model/{NOVA}/converse", HELLO)
    assert client.replies(3)[3][0][":status"] == "200"


def test_headers_may_be_continued_and_padded(client):
    path, body = f"/model/{NOVA}/converse", HELLO
    block = client.headers(path, body)
    padded = b"\x03" + block[:50] + b"\0\0\0"
    client.send(
        write_frame(Kind.HEADERS, 1, padded, flags=0x8),
        write_frame(Kind.CONTINUATION, 1, block[50:], flags=END_HEADERS),
        write_frame(Kind.DATA, 1, b"\x01" + body[:10] + b"\0", flags=0x8),
        write_frame(Kind.DATA, 1, body[10:], flags=END_STREAM),
    )
    assert client.replies(1)[1][0][":status"] == "200"


def test_a_bidirectional_stream_is_answered_before_the_client_has_ended_it(client):
    path = "/model/amazon.nova-2-sonic-v1%3A0/invoke-with-bidirectional-stream"
    block = client.headers(path, kind="application/vnd.amazon.eventstream")
    client.send(write_frame(Kind.HEADERS, 1, block, flags=END_HEADERS))
    headers = dict(client.decoder.decode(client.first(Kind.HEADERS).content))
    assert headers[":status"] == "501"


@pytest.mark.parametrize("authority", ["evil.example", "evil.example:4566"])
def test_a_foreign_authority_is_refused(client, authority):
    client.request(1, f"/model/{NOVA}/converse", HELLO, authority=authority)
    headers, body = client.replies(1)[1]
    assert (headers[":status"], b"host names" in body) == ("403", True)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([write_frame(Kind.HEADERS, 2, b"", flags=END_HEADERS)], ErrorCode.PROTOCOL_ERROR),
        ([write_frame(Kind.CONTINUATION, 1, b"")], ErrorCode.PROTOCOL_ERROR),
        ([write_frame(Kind.HEADERS, 1, b""), write_frame(Kind.PING, payload=b"12345678")], ErrorCode.PROTOCOL_ERROR),
        ([write_frame(Kind.HEADERS, 1, b"\x80", flags=END_HEADERS)], ErrorCode.COMPRESSION_ERROR),
        ([write_frame(Kind.HEADERS, 1, b"\x82", flags=END_HEADERS)], ErrorCode.PROTOCOL_ERROR),
        ([write_frame(Kind.DATA, 1, b"x")], ErrorCode.PROTOCOL_ERROR),
        ([b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"], ErrorCode.FRAME_SIZE_ERROR),
        ([write_frame(Kind.WINDOW_UPDATE, 0, b"xx")], ErrorCode.FRAME_SIZE_ERROR),
        ([write_frame(Kind.SETTINGS, payload=b"xx")], ErrorCode.FRAME_SIZE_ERROR),
        ([write_frame(Kind.SETTINGS, payload=struct.pack(">HI", 4, 2**31))], ErrorCode.FLOW_CONTROL_ERROR),
    ],
)
def test_who_breaks_the_protocol_is_told_why_and_left(client, frames, code):
    client.send(*frames)
    _, given = struct.unpack(">II", client.first(Kind.GOAWAY).payload)
    assert given == code
    assert read_frame(client.file) is None


def test_settings_are_acknowledged(client):
    assert next(f for f in client.frames() if f.kind == Kind.SETTINGS and f.flags & ACK).payload == b""
