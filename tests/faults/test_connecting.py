"""Before there is a connection: nothing was sent, so nothing was billed, and it may be tried again."""

from __future__ import annotations

import contextlib
import datetime as dt
import inspect
import socket
import ssl
import threading
import time

import pytest

from bedrock_gateway import Timeouts, TransportError

from . import wire
from .catalogue import MOST_REQUESTS
from .driving import SHORT, config
from .server import CLOSE, STALL, FaultServer, deaf, refusing


def remote():
    """A configuration that goes to AWS's own endpoint."""
    return config(0, local=False, endpoint=None)


def test_f43_a_refused_connection_is_tried_again_as_nothing_was_sent(drive):
    async def body():
        with refusing() as port:
            async with drive.open(port) as opened:
                with pytest.raises(TransportError) as caught:
                    await opened.gateway.converse("Hello")
                assert caught.value.sent is False
                assert caught.value.attempts == MOST_REQUESTS
                assert len(opened.slept) == MOST_REQUESTS - 1

    drive.run(body)


def test_f43_a_connection_that_gets_no_answer_ends_at_its_own_deadline(drive):
    async def body():
        with deaf() as port:
            async with drive.open(port, timeouts=Timeouts(connect=0.1, total=30.0)) as opened:
                started = time.monotonic()
                with pytest.raises(TransportError) as caught:
                    await opened.gateway.converse("Hello")
                assert caught.value.sent is False
                assert caught.value.attempts == MOST_REQUESTS
                assert time.monotonic() - started < MOST_REQUESTS * 0.1 + 15.0  # and not the thirty of the whole call

    drive.run(body)


def test_the_total_deadline_holds_over_all_attempts(drive):
    async def body():
        with deaf() as port:
            async with drive.open(port, timeouts=Timeouts(connect=0.2, total=0.3)) as opened:
                started = time.monotonic()
                with pytest.raises(TransportError) as caught:
                    await opened.gateway.converse("Hello")
                assert caught.value.sent is False
                # Twelve attempts of 0.2 s, and what is waited between them, would be more.
                assert time.monotonic() - started < 2.0

    drive.run(body)


HOST = "bedrock-runtime.us-east-1.amazonaws.com"
"""Where a gateway that is not local goes; the tests answer for the resolver."""


class Resolver:
    """Stands for the system's: says where `HOST` is, after it has failed so many times; None: always."""

    def __init__(self, port: int, failures: int | None = 0) -> None:
        self.port, self.left, self.asked = port, failures, 0

    def __call__(self, host, *_args, **_kwargs):
        assert host in {HOST, HOST.encode()}, "no test goes out"
        self.asked += 1
        if self.left is None or self.asked <= self.left:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", self.port))]


def certify(path, name, *, expired=False):
    """Write a self-signed certificate and its key; return where."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography comes with the local Bedrock")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - 2 * day)
        .not_valid_after(now - day if expired else now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextlib.contextmanager
def secured(certificate, answer: bytes = b""):
    """A TLS server that gives one answer a connection; yields its port and the list of who came."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    came: list[str] = []

    def serve(listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            came.append("connected")
            with contextlib.suppress(OSError), sock, context.wrap_socket(sock, server_side=True) as secure:
                if secure.recv(65536):
                    came.append("asked")
                    secure.sendall(answer)
                    secure.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(1)


def test_f21_a_name_that_is_not_found_is_tried_again_and_then_found(drive, monkeypatch, tmp_path):
    certificate = certify(tmp_path / "good.pem", HOST)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))

    async def body():
        with secured(certificate, wire.CONVERSE) as (port, came):
            resolver = Resolver(port, failures=2)
            monkeypatch.setattr(socket, "getaddrinfo", resolver)
            async with drive.open(0, config=remote()) as opened:
                assert (await opened.gateway.converse("Hello")).text
                assert len(opened.slept) == 2
                assert resolver.asked == 3
                assert came == ["connected", "asked"]

    drive.run(body)


def test_f21_a_name_that_does_not_exist_is_an_error_that_says_so(drive, monkeypatch):
    resolver = Resolver(0, failures=None)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)

    async def body():
        async with drive.open(0, config=remote()) as opened:
            with pytest.raises(TransportError, match="DNS") as caught:
                await opened.gateway.converse("Hello")
            assert caught.value.sent is False
            assert resolver.asked == MOST_REQUESTS

    drive.run(body)


@pytest.mark.parametrize("wrong", ["not known", "expired", "another name"])
def test_f22_a_certificate_that_is_not_trusted_ends_the_call_at_once(drive, monkeypatch, tmp_path, wrong):
    """Trying again would not make it better, and a proxy that reads along is no outage."""
    name = "elsewhere.example" if wrong == "another name" else HOST
    certificate = certify(tmp_path / "bad.pem", name, expired=wrong == "expired")
    if wrong != "not known":
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))

    async def body():
        with secured(certificate, wire.CONVERSE) as (port, came):
            monkeypatch.setattr(socket, "getaddrinfo", Resolver(port))
            async with drive.open(0, config=remote()) as opened:
                with pytest.raises(TransportError, match="certificate") as caught:
                    await opened.gateway.converse("Hello")
                assert caught.value.sent is False
                assert caught.value.attempts == 1
                assert came == ["connected"]

    drive.run(body)


def test_f22_behind_a_proxy_the_certificate_is_checked_too(drive):
    """Some versions of aiobotocore give aiohttp no context there, and aiohttp then takes any certificate."""
    if not drive.is_async:
        pytest.skip("urllib3 checks by itself")

    async def body():
        async with drive.open(0, config=remote()) as opened:
            client = await opened.gateway._perform.client("bedrock-runtime")
            connector = client._endpoint.http_session._create_connector("http://127.0.0.1:3128")
            connector = await connector if inspect.isawaitable(connector) else connector
            assert connector._ssl.check_hostname
            assert connector._ssl.verify_mode is ssl.CERT_REQUIRED
            await connector.close()

    drive.run(body)


def test_f22_a_handshake_that_stands_still_ends_at_a_deadline(drive, monkeypatch):
    """The server takes the connection and never says a word of TLS."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver(listener.getsockname()[1]))

        async def body():
            timeouts = Timeouts(connect=0.15, first_byte=0.3, total=1.0)
            async with drive.open(0, config=remote(), timeouts=timeouts) as opened:
                started = time.monotonic()
                with pytest.raises(TransportError) as caught:
                    await opened.gateway.converse("Hello")
                assert caught.value.sent is False
                assert time.monotonic() - started < timeouts.total + 4.0

        drive.run(body)


def test_f30_waiting_for_a_free_connection_is_part_of_connecting(server, drive):
    """boto3's pool makes another connection instead; aiohttp's would wait for ever."""
    if not drive.is_async:
        pytest.skip("a blocking pool opens more connections than it keeps")

    async def body():
        server.answer([wire.stream(*wire.FRAMES[:2], end=b""), STALL])
        timeouts = Timeouts(connect=0.1, total=5.0)
        async with drive.open(server.port, timeouts=timeouts, pool=1) as opened:
            async with opened.gateway.converse_stream("Hello") as stream:
                await anext(aiter(stream))
                with pytest.raises(TransportError, match="connections were in use") as caught:
                    await opened.gateway.converse("Hello")
                assert caught.value.sent is False
            server.answer([wire.CONVERSE])
            assert (await opened.gateway.converse("Hello")).text

    drive.run(body)


def test_a_server_that_hangs_up_at_once_is_no_answer(drive):
    """It accepts, and closes before it has read anything: the request may have been read all the same."""

    async def body():
        with FaultServer() as server:
            server.answer([CLOSE])
            async with drive.open(server.port, timeouts=SHORT) as opened:
                with pytest.raises(TransportError) as caught:
                    await opened.gateway.converse("Hello")
                assert caught.value.sent is None

    drive.run(body)
