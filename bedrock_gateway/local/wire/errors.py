"""Write an error in the protocol of the client that asked: JSON, XML or CBOR, never HTML."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import orjson

from bedrock_gateway.local.moto_bridge import service_of
from bedrock_gateway.local.wire.message import Response, one_chunk
from bedrock_gateway.local.wire.routes import service_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.local.call import Fault
    from bedrock_gateway.local.signature import SignatureFault
    from bedrock_gateway.local.wire.message import Request

__all__ = ["error_response", "protocol_of", "signature_error"]

_OUR_FAULT = 500
_PROTOCOLS: Mapping[str, str] = {
    "bedrock": "rest-json",
    "iam": "query",
    "s3": "rest-xml",
    "s3-object-lambda": "rest-xml",
    "s3express": "rest-xml",
    "sts": "query",
}
"""Those that are asked for at every request; the rest is looked up in botocore's models, which costs more."""

_SIGNATURE_CODES: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "rest-json": {
        "missing": ("MissingAuthenticationTokenException", 403),
        "incomplete": ("IncompleteSignatureException", 403),
        "bearer": ("AccessDeniedException", 403),
        "unknown-key": ("UnrecognizedClientException", 403),
        "token": ("UnrecognizedClientException", 403),
        "expired": ("ExpiredTokenException", 403),
        "query-expired": ("InvalidSignatureException", 403),
        "mismatch": ("InvalidSignatureException", 403),
        "skew": ("InvalidSignatureException", 403),
    },
    "query": {
        "missing": ("MissingAuthenticationToken", 403),
        "incomplete": ("IncompleteSignature", 400),
        "bearer": ("AccessDenied", 403),
        "unknown-key": ("InvalidClientTokenId", 403),
        "token": ("InvalidClientTokenId", 403),
        "expired": ("ExpiredToken", 403),
        "query-expired": ("SignatureDoesNotMatch", 403),
        "mismatch": ("SignatureDoesNotMatch", 403),
        "skew": ("SignatureDoesNotMatch", 403),
    },
    "rest-xml": {
        "missing": ("AccessDenied", 403),
        "incomplete": ("AuthorizationHeaderMalformed", 400),
        "bearer": ("AccessDenied", 403),
        "unknown-key": ("InvalidAccessKeyId", 403),
        "token": ("InvalidToken", 400),
        "expired": ("ExpiredToken", 400),
        "query-expired": ("AccessDenied", 403),
        "mismatch": ("SignatureDoesNotMatch", 403),
        "skew": ("RequestTimeTooSkewed", 403),
    },
}
"""Each protocol's code and status for what `SignatureFault.kind` says."""


def protocol_of(request: Request, service: str | None) -> str:
    """Return the protocol a client speaks, from its request and, where known, the name it signed for."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "cbor"
    if "x-amz-target" in request.headers:
        return "json"
    if service is not None and service in _PROTOCOLS:
        return _PROTOCOLS[service]
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    return _modelled_protocol(service)


@lru_cache(maxsize=128)
def _modelled_protocol(signing_name: str | None) -> str:
    """Return the protocol of a service by botocore's model of it; rest-json where there is none."""
    model = service_model(service_of(signing_name)) if signing_name else None
    protocol = str(model.metadata.get("protocol")) if model else ""
    return protocol if protocol in _WRITERS else "rest-json"


def signature_error(fault: SignatureFault, protocol: str) -> tuple[str, int]:
    """Return code and status of a bad signature in *protocol*."""
    codes = _SIGNATURE_CODES.get(protocol, _SIGNATURE_CODES["rest-json"])
    return codes[fault.kind]


def error_response(fault: Fault, protocol: str, request_id: str, *, method: str = "POST") -> Response:
    """Return *fault* as a response in *protocol*; a HEAD is answered without a body."""
    headers = {"x-amzn-RequestId": request_id, "x-amz-request-id": request_id}
    body, content_type, extra = _WRITERS[protocol](fault, request_id)
    body = b"" if method == "HEAD" else body
    headers |= {"Content-Type": content_type, "Content-Length": str(len(body)), **extra, **fault.headers}
    return Response(fault.status, headers, one_chunk(body))


_Written = tuple[bytes, str, dict[str, str]]


def _rest_json(fault: Fault, _: str) -> _Written:
    members = {name: value for name, value in fault.members.items() if value is not None}
    body = orjson.dumps({"message": fault.message, **members}, default=str)
    return body, "application/json", {"x-amzn-ErrorType": fault.code}


def _json(fault: Fault, _: str) -> _Written:
    body = orjson.dumps({"__type": fault.code, "message": fault.message})
    return body, "application/x-amz-json-1.1", {"x-amzn-ErrorType": fault.code}


def _cbor_text(text: str) -> bytes:
    data = text.encode()
    return b"\x7a" + struct.pack(">I", len(data)) + data


def _cbor(fault: Fault, _: str) -> _Written:
    pairs = {"__type": fault.code, "message": fault.message}
    body = bytes((0xA0 + len(pairs),)) + b"".join(_cbor_text(k) + _cbor_text(v) for k, v in pairs.items())
    return body, "application/cbor", {"smithy-protocol": "rpc-v2-cbor"}


def _rest_xml(fault: Fault, request_id: str) -> _Written:
    inner = f"<Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}<RequestId>{request_id}</RequestId></Error>'
    return text.encode(), "application/xml", {}


def _query(fault: Fault, request_id: str) -> _Written:
    side = "Sender" if fault.status < _OUR_FAULT else "Receiver"
    inner = f"<Type>{side}</Type><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
    text = f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    return text.encode(), "text/xml", {}


_WRITERS: Mapping[str, Callable[[Any, str], _Written]] = {
    "rest-json": _rest_json,
    "json": _json,
    "cbor": _cbor,
    "rest-xml": _rest_xml,
    "query": _query,
}
