"""Check AWS Signature Version 4: in the Authorization header, in a presigned URL, and over streamed chunks.

What is verified is the request as sent. Nothing here knows users or policies: who owns a key is looked up by the caller.
Source: IAM User Guide, "Create a signed AWS API request"; S3 API reference, sigv4-streaming and -streaming-trailers.
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from bedrock_gateway.local.wire.message import Request

__all__ = ["Claim", "SignatureFault", "claim_of", "verify"]

_ALGORITHM = "AWS4-HMAC-SHA256"
_SKEW = timedelta(minutes=15)
_LONGEST_PRESIGN = 7 * 24 * 3600
_UNSIGNED = "UNSIGNED-PAYLOAD"
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()
_HEADER = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_CREDENTIAL = re.compile(r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_CHUNK = re.compile(rb"(?P<size>[0-9a-fA-F]+)(?:;chunk-signature=(?P<signature>[0-9a-f]{64}))?\r\n")
_SIGNED_STREAM = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


class SignatureFault(Exception):  # noqa: N818 - becomes an AWS error of the client's protocol
    """The request is not signed as it should be; *kind* chooses each protocol's own error code."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        """``missing``, ``incomplete``, ``bearer``, ``unknown-key``, ``token``, ``expired``, ``query-expired``, ``mismatch`` or
        ``skew``."""
        self.message = message


@dataclass(frozen=True, slots=True)
class Claim:
    """What the signer says: whose key, for which day, Region and service, over which headers."""

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    token: str | None
    presigned_seconds: int | None = None
    """Lifetime of a presigned URL; None for a header signature."""

    @property
    def scope(self) -> str:
        """The credential scope, as it enters the string to sign."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def claim_of(request: Request) -> Claim:
    """Read the signature's claim out of a request.

    Raises:
        SignatureFault: there is none, or it is incomplete.
    """
    header = request.headers.get("authorization", "")
    if header.startswith(_ALGORITHM):
        return _from_header(request, header)
    if "X-Amz-Signature" in request.query:
        return _from_query(request)
    raise SignatureFault("missing", "Missing Authentication Token")


def _from_header(request: Request, header: str) -> Claim:
    parts = dict(_HEADER.findall(header))
    timestamp = request.headers.get("x-amz-date") or ""
    token = request.headers.get("x-amz-security-token")
    return _claim(parts, timestamp, token, None)


def _from_query(request: Request) -> Claim:
    one = {name: values[0] for name, values in request.query.items()}
    parts = {name: one.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders", "Signature")}
    seconds = one.get("X-Amz-Expires", "")
    if one.get("X-Amz-Algorithm") != _ALGORITHM or not seconds.isdigit() or int(seconds) > _LONGEST_PRESIGN:
        raise SignatureFault("incomplete", "X-Amz-Algorithm and X-Amz-Expires must be given and valid")
    return _claim(parts, one.get("X-Amz-Date", ""), one.get("X-Amz-Security-Token"), int(seconds))


def _claim(parts: dict[str, str], timestamp: str, token: str | None, seconds: int | None) -> Claim:
    credential = _CREDENTIAL.fullmatch(parts.get("Credential", ""))
    names = tuple(parts.get("SignedHeaders", "").split(";"))
    named = "host" in names or ":authority" in names
    if credential is None or not parts.get("Signature") or not named or _parse_time(timestamp) is None:
        raise SignatureFault(
            "incomplete",
            "Authorization header requires 'Credential', 'SignedHeaders' (with host) and 'Signature' parameters, "
            "and an 'X-Amz-Date' header.",
        )
    where = credential["key"], credential["date"], credential["region"], credential["service"]
    return Claim(*where, names, parts["Signature"], timestamp, token, seconds)


def _parse_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def verify(request: Request, claim: Claim, secret: str, now: datetime) -> None:
    """Check time, signature and payload of *request* against *secret*.

    Raises:
        SignatureFault: the time is off, or what was signed is not what was sent.
    """
    _check_time(claim, now)
    payload = _payload_hash(request, claim)
    text = "\n".join((_ALGORITHM, claim.timestamp, claim.scope, _sha(_canonical(request, claim, payload))))
    key = _signing_key(secret, claim.date, claim.region, claim.service)
    if not hmac.compare_digest(_mac(key, text), claim.signature):
        raise SignatureFault(
            "mismatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        )
    _check_payload(request, claim, payload, key)


def _check_time(claim: Claim, now: datetime) -> None:
    signed = _parse_time(claim.timestamp)
    if signed is None or not claim.timestamp.startswith(claim.date):
        raise SignatureFault("incomplete", "Date in Credential scope does not match YYYYMMDD from X-Amz-Date")
    latest = signed + (timedelta(seconds=claim.presigned_seconds) if claim.presigned_seconds is not None else _SKEW)
    if signed - _SKEW <= now <= latest:
        return
    if claim.presigned_seconds is not None and now > latest:
        raise SignatureFault("query-expired", "Request has expired")
    verb = "is now earlier than" if now > latest else "is still later than"
    raise SignatureFault("skew", f"Signature expired: {claim.timestamp} {verb} {now:%Y%m%dT%H%M%SZ}")


def _payload_hash(request: Request, claim: Claim) -> str:
    declared = request.headers.get("x-amz-content-sha256")
    if declared is not None and (claim.presigned_seconds is None or "x-amz-content-sha256" in claim.signed_headers):
        return declared
    if claim.presigned_seconds is not None and claim.service == "s3":
        return _UNSIGNED
    # Smithy clients send no x-amz-content-sha256 to other services, but sign the hash all the same.
    return hashlib.sha256(request.body).hexdigest()


def _canonical(request: Request, claim: Claim, payload: str) -> str:
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in claim.signed_headers)
    return "\n".join(
        (
            request.method,
            _canonical_path(request.raw_path, claim.service),
            _canonical_query(request),
            headers,
            ";".join(claim.signed_headers),
            payload,
        )
    )


def _canonical_path(raw_path: str, service: str) -> str:
    if service.startswith("s3") and service not in {"s3vectors", "s3tables"}:
        return quote(unquote(raw_path), safe="/~-._") if raw_path else "/"
    path = posixpath.normpath(raw_path) if raw_path else "/"
    path = "/" + path.lstrip("/")
    if raw_path.endswith("/") and path != "/":
        path += "/"
    return quote(path, safe="/~-._")


def _canonical_query(request: Request) -> str:
    pairs = [(_encoded(name), _encoded(value)) for name, value in request.pairs if unquote(name) != "X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _mac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=512)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _check_payload(request: Request, claim: Claim, payload: str, key: bytes) -> None:
    if payload.startswith(_SIGNED_STREAM):
        _check_chunks(request.body, claim, key)
        return
    if payload == _UNSIGNED or payload.startswith("STREAMING-"):
        return
    if not hmac.compare_digest(payload, hashlib.sha256(request.body).hexdigest()):
        text = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise SignatureFault("mismatch", text)


def _check_chunks(body: bytes, claim: Claim, key: bytes) -> None:
    """Each chunk signs its data and the signature before it; the chain starts with the request's own."""
    previous, at = claim.signature, 0
    while True:
        head = _CHUNK.match(body, at)
        if head is None or head["signature"] is None:
            raise SignatureFault("mismatch", "The chunks of the payload are not signed as its header says.")
        size = int(head["size"], 16)
        data = body[head.end() : head.end() + size]
        hashed = hashlib.sha256(data).hexdigest()
        lines = (f"{_ALGORITHM}-PAYLOAD", claim.timestamp, claim.scope, previous, _EMPTY_HASH, hashed)
        previous = _mac(key, "\n".join(lines))
        if len(data) != size or not hmac.compare_digest(previous, head["signature"].decode()):
            raise SignatureFault("mismatch", "The chunk signature we calculated does not match the one you provided.")
        if size == 0:
            return
        at = head.end() + size + 2
