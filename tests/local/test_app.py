"""The app behind any WSGI server: what wsgiref hands over, and what it must get back."""

from __future__ import annotations

import io
import json
from wsgiref.handlers import SimpleHandler

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bedrock_gateway.local import LocalBedrock

HELLO = b'{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}'


def answered(local: LocalBedrock, path: str, **environ: str) -> tuple[bytes, bytes]:
    """Head and body of the reply, as a WSGI server writes them."""
    request = AWSRequest("POST", f"http://localhost:4566{path}", {"Content-Type": "application/json"}, HELLO)
    SigV4Auth(Credentials(*local.root_credentials), "bedrock", "us-east-1").add_auth(request)
    sent = {f"HTTP_{name.upper().replace('-', '_')}": str(value) for name, value in request.headers.items()}
    sent |= {"REQUEST_METHOD": "POST", "HTTP_HOST": "localhost:4566", "CONTENT_TYPE": "application/json"}
    sent |= {"CONTENT_LENGTH": str(len(HELLO)), "SERVER_PROTOCOL": "HTTP/1.1", **environ}
    out = io.BytesIO()
    # What follows the body belongs to the next request.
    handler = SimpleHandler(io.BytesIO(HELLO + b"POST /next"), out, io.StringIO(), sent)
    handler.run(local.app)
    head, _, body = out.getvalue().partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    "environ",
    [
        {"RAW_URI": "/model/amazon.nova-lite-v1%3A0/converse"},
        {"REQUEST_URI": "/model/amazon.nova-lite-v1%3A0/converse"},
        {"PATH_INFO": "/model/amazon.nova-lite-v1:0/converse"},
    ],
)
def test_a_call_is_served_through_wsgi(environ):
    """A server that decodes the path loses how it was signed; it is taken to be as botocore encodes it."""
    head, body = answered(LocalBedrock(region="us-east-1"), "/model/amazon.nova-lite-v1%3A0/converse", **environ)
    assert head.startswith(b"HTTP/1.0 200")
    assert json.loads(body)["stopReason"] == "end_turn"


def test_a_stream_is_served_through_wsgi():
    path = "/model/amazon.nova-lite-v1%3A0/converse-stream"
    head, body = answered(LocalBedrock(region="us-east-1", pace_seconds=0), path, RAW_URI=path)
    assert b"application/vnd.amazon.eventstream" in head
    assert b"metadata" in body
