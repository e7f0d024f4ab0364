"""Write a handler's reply in AWS's query protocol, which IAM and STS speak."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from bedrock_gateway.local.wire.message import Response, one_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["respond"]


def respond(output: Mapping[str, Any], model: Any, request_id: str) -> Response:
    """Return the response that carries *output* of the operation *model*."""
    shape, name = model.output_shape, model.name
    result = ""
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
        result = f"<{wrapper}>{_structure(shape, output)}</{wrapper}>"
    namespace = model.service_model.metadata.get("xmlNamespace", "")
    known = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    body = f'<{name}Response xmlns="{namespace}">{result}{known}</{name}Response>'.encode()
    headers = {"Content-Type": "text/xml", "Content-Length": str(len(body)), "x-amzn-RequestId": request_id}
    return Response(200, headers, one_chunk(body))


def _structure(shape: Any, value: Mapping[str, Any]) -> str:
    return "".join(
        _element(member.serialization.get("name", name), member, value[name])
        for name, member in shape.members.items()
        if value.get(name) is not None
    )


def _element(name: str, shape: Any, value: Any) -> str:
    return f"<{name}>{_WRITERS.get(shape.type_name, _text)(shape, value)}</{name}>"


def _list(shape: Any, value: Any) -> str:
    return "".join(_element(shape.member.serialization.get("name", "member"), shape.member, one) for one in value)


def _map(shape: Any, value: Mapping[str, Any]) -> str:
    return "".join(
        f"<entry>{_element('key', shape.key, name)}{_element('value', shape.value, one)}</entry>"
        for name, one in value.items()
    )


def _blob(_: Any, value: bytes) -> str:
    return base64.b64encode(value).decode()


def _text(_: Any, value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


_WRITERS: Mapping[str, Callable[[Any, Any], str]] = {"structure": _structure, "list": _list, "map": _map, "blob": _blob}
