"""Our signatures are botocore's."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from hypothesis import example, given
from hypothesis import strategies as st

from bedrock_gateway import AsyncGateway, Gateway, GatewayConfig, TransportError
from bedrock_gateway._drive import signing

NOW = datetime(2026, 11, 26, 5, 52, 16, tzinfo=UTC)
KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
names = st.sampled_from(
    [
        "Content-Type",
        "Accept",
        "X-Amzn-Bedrock-Trace",
        "User-Agent",
        "X-Amzn-Trace-Id",
        "Expect",
        "x-amz-date",
        "Host",
        "Authorization",
        "Date",
        "X-Amz-Security-Token",
        "traceparent",
        "amz-sdk-request",
        "X-Amz-Content-SHA256",
    ]
)
segments = st.text(st.sampled_from("abcXYZ09-._~%3A/:@!$&'()*+,;="), max_size=40)
hosts = st.sampled_from(
    [
        "https://bedrock-runtime.us-east-2.amazonaws.com",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:80",
        "https://[::1]:8443",
        "https://BEDROCK-runtime.us-gov-west-1.amazonaws.com:443",
    ]
)
queries = st.sampled_from(["", "?", "?nextToken=a%2Fb", "?b=2&a=1&a=0", "?maxResults=10&nextToken", "?a=~&a=%7E"])
contexts = st.sampled_from([{}, {"payload_signing_enabled": True}, {"payload_signing_enabled": False}])


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    """One moment for both signers."""
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: NOW.replace(tzinfo=None))
    clock = SimpleNamespace(gmtime=NOW.utctimetuple, strftime=time.strftime)
    monkeypatch.setattr(signing, "time", clock)


def signed(kind, token, place, method, url, headers, body, context):
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers[name] = value
    request.context.update(context)
    kind(ReadOnlyCredentials(*KEYS, token), *place).add_auth(request)
    return request.headers.items(), request.context


@given(
    token=st.sampled_from([None, "", "IQoJb3JpZ2luX2VjEXAMPLE//////////"]),
    place=st.tuples(st.sampled_from(["bedrock", "sts"]), st.sampled_from(["us-east-2", "us-gov-west-1"])),
    method=st.sampled_from(["POST", "GET", "put"]),
    url=st.builds("{}/{}{}".format, hosts, segments, queries),
    headers=st.lists(st.tuples(names, printable), max_size=6),
    body=st.binary(max_size=200) | st.sampled_from([b"", "text", None]),
    context=contexts,
)
@example(
    token=None,
    place=("bedrock", "us-east-2"),
    method="POST",
    url="https://bedrock-runtime.us-east-2.amazonaws.com/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
    headers=[("Content-Type", "application/json"), ("User-Agent", "bedrock-gateway/0.1.0 Boto3/1.43.117")],
    body=b'{"messages": []}',
    context={"client_region": "us-east-2", "unsigned_payload": None},
)
def test_every_header_is_the_one_that_botocore_would_send(token, place, method, url, headers, body, context):
    given = token, place, method, url, headers, body, context
    assert signed(signing.Signer, *given) == signed(auth.SigV4Auth, *given)


def test_a_request_that_is_signed_again_has_one_signature():
    request = AWSRequest(
        method="POST", url="https://bedrock-runtime.us-east-2.amazonaws.com/model/m/converse", data=b"{}"
    )
    signer = signing.Signer(ReadOnlyCredentials(*KEYS, "token"), "bedrock", "us-east-2")
    signer.add_auth(request)
    first = request.headers.items()
    signer.add_auth(request)
    assert sorted(request.headers.items()) == sorted(first)


def test_without_credentials_it_says_what_botocore_says():
    with pytest.raises(NoCredentialsError):
        signing.Signer(None, "bedrock", "us-east-2").add_auth(AWSRequest(method="POST", url="https://x", data=b""))


CONFIG = GatewayConfig(
    application="helpdesk",
    account="123456789012",
    region="us-east-2",
    local=True,
    endpoint="http://127.0.0.1:1",
    principals={"app": {"capabilities": ["converse"], "models": ["us.amazon.nova-pro-v1:0"]}},
)


@pytest.fixture
def by_ours(monkeypatch):
    """URLs of the requests that our signer signed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    found, add_auth = [], signing.Signer.add_auth

    def add(self, request):
        found.append(request.url)
        add_auth(self, request)

    monkeypatch.setattr(signing.Signer, "add_auth", add)
    return found


def test_the_calls_of_a_gateway_are_signed_by_it(by_ours):
    with Gateway(CONFIG, observers=[]) as gateway, pytest.raises(TransportError):
        gateway.converse("Hello")
    assert by_ours


def test_the_calls_of_an_async_gateway_are_signed_by_it(by_ours):
    pytest.importorskip("aiobotocore")

    async def body():
        async with AsyncGateway(CONFIG, observers=[]) as gateway:
            with pytest.raises(TransportError):
                await gateway.converse("Hello")

    asyncio.run(body())
    assert by_ours
