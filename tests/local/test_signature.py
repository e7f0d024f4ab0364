"""Signatures against botocore's own signer, and everything about them that may not pass."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.signature import SignatureFault, claim_of, verify
from bedrock_gateway.local.wire.message import Request

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BODY = b'{"messages":[]}'
CONVERSE = "/model/amazon.nova-lite-v1:0/converse"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def request(sent: AWSRequest, body: bytes = BODY) -> Request:
    """The request as it would arrive."""
    prepared = sent.prepare()
    url = urlsplit(prepared.url)
    headers = {name.lower(): str(value) for name, value in prepared.headers.items()}
    return Request(sent.method, url.path, url.query, {"host": url.netloc, **headers}, body)


def signed(
    path: str = CONVERSE,
    *,
    signer: Any = SigV4Auth,
    service: str = "bedrock",
    token: str | None = None,
    body: bytes = BODY,
    **headers: str,
) -> Request:
    sent = AWSRequest("POST", f"https://bedrock-runtime.us-east-1.amazonaws.com{path}", headers, body)
    signer(Credentials(KEY, SECRET, token), service, "us-east-1").add_auth(sent)
    return request(sent, body)


def changed(one: Request, **members: Any) -> Request:
    return Request(**{**{name: getattr(one, name) for name in Request.__dataclass_fields__}, **members})


def kind(one: Request, secret: str = SECRET, at: dt.datetime | None = None) -> str:
    with pytest.raises(SignatureFault) as caught:
        verify(one, claim_of(one), secret, at or now())
    return caught.value.kind


@pytest.mark.parametrize(
    "path",
    [
        CONVERSE,
        CONVERSE.replace(":", "%3A"),
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse",
        "/",
        "/a//b/../c/",
        "/a?b=c&a=%20%2B~&empty&=x&z=1&z=0",
        "/%C3%BC/%E2%82%AC?q=%C3%BC",
    ],
)
@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_a_path_is_verified_as_it_was_sent(path, signer):
    # A presigned request has its body's parameters in the query.
    one = signed(path, signer=signer, body=b"" if signer is SigV4QueryAuth else BODY)
    verify(one, claim_of(one), SECRET, now())


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_characters="?#", min_codepoint=33), min_size=1), st.booleans())
def test_any_key_of_s3_is_verified(key, presigned):
    from urllib.parse import quote

    signer = S3SigV4QueryAuth if presigned else S3SigV4Auth
    one = signed("/bucket/" + quote(key, safe="/~"), signer=signer, service="s3", body=b"")
    verify(one, claim_of(one), SECRET, now())


@pytest.mark.parametrize(
    "change",
    [
        {"raw_path": "/model/amazon.nova-pro-v1:0/converse"},
        {"raw_query": "a=b"},
        {"method": "PUT"},
        {"body": b"{}"},
    ],
)
def test_what_was_changed_on_the_way_is_noticed(change):
    assert kind(changed(signed(), **change)) == "mismatch"


def test_a_signed_header_that_was_changed_is_noticed_and_an_unsigned_one_is_not():
    one = signed(**{"x-test": "a   b"})
    verify(changed(one, headers={**one.headers, "x-other": "c"}), claim_of(one), SECRET, now())
    assert kind(changed(one, headers={**one.headers, "x-test": "c"})) == "mismatch"
    assert kind(changed(one, headers={**one.headers, "host": "other"})) == "mismatch"


def test_another_secret_is_noticed():
    assert kind(signed(), secret="x") == "mismatch"


def test_a_declared_hash_must_be_the_bodys():
    one = signed(signer=S3SigV4Auth, service="s3")
    assert "x-amz-content-sha256" in one.headers
    assert kind(changed(one, body=b"other")) == "mismatch"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_off_by_more_than_a_quarter_of_an_hour_is_refused(minutes):
    one = signed()
    at = now() + dt.timedelta(minutes=minutes)
    assert kind(one, at=at) == "skew"
    verify(one, claim_of(one), SECRET, now() + dt.timedelta(minutes=14 if minutes > 0 else -14))


def test_a_presigned_request_lasts_as_long_as_it_says():
    one = signed(signer=lambda *args: SigV4QueryAuth(*args, expires=60), body=b"")
    verify(one, claim_of(one), SECRET, now() + dt.timedelta(seconds=50))
    assert kind(one, at=now() + dt.timedelta(seconds=70)) == "query-expired"
    longer = changed(one, raw_query=one.raw_query.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))
    assert kind(longer, at=now() + dt.timedelta(seconds=70)) == "mismatch"
    for_ever = changed(one, raw_query=one.raw_query.replace("X-Amz-Expires=60", "X-Amz-Expires=700000"))
    with pytest.raises(SignatureFault):
        claim_of(for_ever)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/bedrock/aws4_request, SignedHeaders=x, Signature=s",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=s",
        "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/bedrock/aws4_request, SignedHeaders=host",
        "AWS4-ECDSA-P256-SHA256 Credential=a/20200101/bedrock/aws4_request, SignedHeaders=host, Signature=s",
    ],
)
def test_an_incomplete_header_is_refused(header):
    one = signed()
    with pytest.raises(SignatureFault) as caught:
        claim_of(changed(one, headers={**one.headers, "authorization": header}))
    assert caught.value.kind in {"missing", "incomplete"}


def test_the_day_of_the_key_must_be_the_day_of_the_request():
    one = signed()
    day = f"{now():%Y%m%d}"
    other = one.headers["authorization"].replace(day, "20200101")
    assert kind(changed(one, headers={**one.headers, "authorization": other})) == "incomplete"


def test_chunks_are_signed_one_after_the_other():
    """The example of the S3 API reference, sigv4-streaming: 64 KiB of a, 1 KiB of a, nothing."""
    signatures = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]
    parts = (b"a" * 65536, b"a" * 1024, b"")
    body = b"".join(
        b"%x;chunk-signature=%b\r\n%b\r\n" % (len(part), signature.encode(), part)
        for part, signature in zip(parts, signatures, strict=True)
    )
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "content-length": "66824",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "authorization": (
            f"AWS4-HMAC-SHA256 Credential={KEY}/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;"
            "content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,"
            "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
        ),
    }
    one = Request("PUT", "/examplebucket/chunkObject.txt", "", headers, body)
    then = dt.datetime(2013, 5, 24, tzinfo=dt.UTC)
    verify(one, claim_of(one), SECRET, then)
    assert kind(changed(one, body=body.replace(b"aa\r\n400;", b"ab\r\n400;")), at=then) == "mismatch"
    assert kind(changed(one, body=body[: -len(signatures[2]) - 24]), at=then) == "mismatch"


@pytest.mark.parametrize(
    ("service", "codes"),
    [
        ("bedrock", ("UnrecognizedClientException", "InvalidSignatureException", "UnrecognizedClientException")),
        ("sts", ("InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidClientTokenId")),
        ("s3", ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken")),
        ("logs", ("UnrecognizedClientException", "InvalidSignatureException", "UnrecognizedClientException")),
    ],
)
def test_each_protocol_has_its_own_codes(served, service, codes):
    from botocore.exceptions import ClientError

    root = served.root
    wrong = [
        {**root, "AccessKeyId": "AKIAI44QH8DHBEXAMPLE"},
        {**root, "SecretAccessKey": "x"},
        {**root, "SessionToken": "none of ours"},
    ]
    calls = {
        "bedrock": "list_foundation_models",
        "sts": "get_caller_identity",
        "s3": "list_buckets",
        "logs": "describe_log_groups",
    }
    for credentials, code in zip(wrong, codes, strict=True):
        with pytest.raises(ClientError) as caught:
            getattr(served.client(service, credentials), calls[service])()
        assert caught.value.response["Error"]["Code"] == code


def short_term(key: str, secret: str, token: str | None = None, *, seconds: int = 900, **other: str) -> str:
    """An API key as AWS's token generator makes it."""
    asked = {"Action": "CallWithBearerToken", **other}
    sent = AWSRequest("POST", "https://bedrock.amazonaws.com/", params=asked, headers={"host": "bedrock.amazonaws.com"})
    SigV4QueryAuth(Credentials(key, secret, token), "bedrock", "us-west-2", expires=seconds).add_auth(sent)
    url = sent.url.removeprefix("https://") + "&Version=1"
    return "bedrock-api-key-" + base64.b64encode(url.encode()).decode()


def asked_with(served: Any, bearer: str, path: str = "/foundation-models") -> tuple[int, Any]:
    import urllib3

    headers = {"Authorization": f"Bearer {bearer}"}
    reply = urllib3.request("GET", served.endpoint + path, headers=headers, retries=False)
    return reply.status, json.loads(reply.data)


def test_a_short_term_key_has_the_rights_and_the_region_of_who_signed_it(served):
    status, reply = asked_with(served, short_term(KEY, SECRET))
    assert status == 200
    assert ":us-west-2:" in reply["modelSummaries"][0]["modelArn"]
    rights = served.allow(["bedrock:ListFoundationModels", "bedrock:CallWithBearerToken"])
    user = served.user("short-term", rights)
    key = short_term(user["AccessKeyId"], user["SecretAccessKey"])
    assert asked_with(served, key)[0] == 200
    status, reply = asked_with(served, key, "/inference-profiles")
    assert (status, "bedrock:ListInferenceProfiles" in reply["message"]) == (403, True)
    assert asked_with(served, key, "/knowledgebases/ABCDEFGHIJ")[0] == 403


@pytest.mark.parametrize(
    "bearer",
    [
        "ABSKnothing",
        "bedrock-api-key-!!!",
        "bedrock-api-key-aGk=",
        short_term(KEY, "wrong"),
        short_term("AKIAI44QH8DHBEXAMPLE", SECRET),
        short_term(KEY, SECRET, "none of ours"),
        short_term(KEY, SECRET, seconds=0),
        short_term(KEY, SECRET, Action="ListUsers"),
        "",
    ],
)
def test_any_other_key_is_refused(served, bearer):
    status, reply = asked_with(served, bearer)
    assert status == 403
    assert reply["message"]
