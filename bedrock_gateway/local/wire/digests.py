"""Check the digests that come with an S3 object: moto stores what it is given, whatever its headers promise.

CRC32C and CRC64NVME need a library that is no dependency of ours; they are not checked.
Source: S3 API reference, PutObject and "Checking object integrity".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.local.wire.message import Request

__all__ = ["check_digests"]

_DIGESTS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "content-md5": ("Content-MD5", lambda body: hashlib.md5(body).digest()),
    "x-amz-checksum-crc32": ("CRC32", lambda body: binascii.crc32(body).to_bytes(4, "big")),
    "x-amz-checksum-sha1": ("SHA1", lambda body: hashlib.sha1(body).digest()),
    "x-amz-checksum-sha256": ("SHA256", lambda body: hashlib.sha256(body).digest()),
}


def check_digests(request: Request) -> None:
    """Refuse a request whose body is not what its digest headers say.

    Raises:
        Fault: ``BadDigest``.
    """
    if "aws-chunked" in request.headers.get("content-encoding", ""):
        return
    for header, (name, digest) in _DIGESTS.items():
        given = request.headers.get(header)
        if given is not None and given != base64.b64encode(digest(request.body)).decode():
            raise Fault("BadDigest", f"The {name} you specified did not match the calculated checksum.", 400)
