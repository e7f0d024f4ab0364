"""What a sync call writes: head and body at once, where urllib3 makes two packets of them."""

from __future__ import annotations

import io
import json
import socket
import threading

import pytest

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway._drive.http import _in_one_write

ANSWER = json.dumps(
    {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
    }
).encode()


class Wire:
    """Stands for http.client under urllib3's connection, and keeps each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.head = b""

    def request(self, method, url, body=None, headers=None, **_):
        self.head = f"{method} {url} {len(headers)}\r\n".encode()
        self.endheaders()
        if body is not None:
            self.writes.append(body if isinstance(body, bytes) else body.read())

    def endheaders(self, message_body=None, **_):
        self.writes.append(self.head + (message_body or b""))


@pytest.mark.parametrize(
    ("body", "headers", "writes"),
    [
        (b"{}", {"Content-Length": "2"}, 1),
        (b"{}", {"Content-Length": "2", "Expect": "100-continue"}, 2),
        (b"{}", {}, 2),
        (b"x" * 70_000, {"Content-Length": "70000"}, 2),
        (io.BytesIO(b"{}"), {"Content-Length": "2"}, 2),
        (None, {}, 1),
    ],
    ids=["whole", "expect", "no-length", "large", "stream", "none"],
)
def test_a_small_body_whose_length_is_said_goes_out_with_its_head(body, headers, writes):
    connection = _in_one_write(Wire)()
    for _ in range(2):  # nothing of one request is left for the next
        connection.writes.clear()
        if hasattr(body, "seek"):
            body.seek(0)
        connection.request("POST", "/", body, headers)
        assert len(connection.writes) == writes
        said = b"".join(connection.writes).partition(b"\r\n")[2]
        assert said == (body.getvalue() if hasattr(body, "getvalue") else body or b"")
    connection.request("GET", "/", None, {})
    assert connection.writes[-1].endswith(b"\r\n")


def test_the_request_of_a_call_arrives_in_one_piece(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    writes, sendall = [], socket.socket.sendall
    monkeypatch.setattr(socket.socket, "sendall", lambda self, data: (writes.append(bytes(data)), sendall(self, data)))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            accepted, _ = server.accept()
            with accepted:
                accepted.recv(65536)
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
                accepted.send(head + ANSWER)

        thread = threading.Thread(target=serve)
        thread.start()
        config = GatewayConfig(
            application="helpdesk",
            account="123456789012",
            region="us-east-2",
            local=True,
            endpoint=f"http://127.0.0.1:{server.getsockname()[1]}",
            principals={"app": {"capabilities": ["converse"], "models": ["us.amazon.nova-pro-v1:0"]}},
        )
        with Gateway(config, observers=[]) as gateway:
            assert gateway.converse("Hello").text == "Hi"
        thread.join()
    assert len(writes) == 1
    assert writes[0].endswith(b"}")
