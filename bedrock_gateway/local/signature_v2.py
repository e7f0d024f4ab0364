"""Check the presigned URLs of Signature Version 2, which boto3 still makes for S3 where no signer is chosen.

Source: S3 User Guide, "Signing and authenticating REST requests (AWS signature version 2)".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bedrock_gateway.local.moto_bridge import path_style
from bedrock_gateway.local.signature import SignatureFault

if TYPE_CHECKING:
    from datetime import datetime

    from bedrock_gateway.local.wire.message import Request

__all__ = ["PresignedV2", "presigned_v2_of"]

_IN_QUERY = frozenset({"AWSAccessKeyId", "Signature", "Expires"})
# Query parameters that name a part of the resource, and so are signed.
_SUBRESOURCES = frozenset(
    [
        "acl",
        "accelerate",
        "analytics",
        "cors",
        "delete",
        "encryption",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "restore",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    ]
)


@dataclass(frozen=True, slots=True)
class PresignedV2:
    """What a presigned URL claims."""

    key_id: str
    expires: str
    signature: str
    token: str | None

    def verify(self, request: Request, secret: str, now: datetime) -> None:
        """Check time and signature of *request* against *secret*.

        Raises:
            SignatureFault: the time is over, or what was signed is not what was sent.
        """
        if not self.expires.isdecimal() or now.timestamp() > int(self.expires):
            raise SignatureFault("query-expired", "Request has expired")
        made = base64.b64encode(hmac.digest(secret.encode(), _text(request, self.expires).encode(), hashlib.sha1))
        if not hmac.compare_digest(made, self.signature.encode()):
            text = "The request signature we calculated does not match the signature you provided."
            raise SignatureFault("mismatch", text)


def presigned_v2_of(request: Request) -> PresignedV2 | None:
    """Return the claim of a presigned URL of version 2, or None where *request* is none."""
    one = {unquote(name): unquote(value) for name, value in request.pairs}
    if not one.keys() >= _IN_QUERY:
        return None
    return PresignedV2(one["AWSAccessKeyId"], one["Expires"], one["Signature"], one.get("x-amz-security-token"))


def _text(request: Request, expires: str) -> str:
    """Return the string that is signed; S3's own headers may come as query parameters."""
    one = {unquote(name): unquote(value) for name, value in request.pairs}
    amz = {name: value for name, value in request.headers.items() if name.startswith("x-amz-")}
    amz |= {name.lower(): value for name, value in one.items() if name.lower().startswith("x-amz-")}
    headers = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in sorted(amz.items()))
    parts = [f"{name}={one[name]}" if one[name] else name for name in sorted(one.keys() & _SUBRESOURCES)]
    resource = path_style(request) + (f"?{'&'.join(parts)}" if parts else "")
    plain = [request.method, *(request.headers.get(name, "") for name in ("content-md5", "content-type")), expires]
    return "\n".join((*plain, headers + resource))
