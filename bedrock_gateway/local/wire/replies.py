"""Write a handler's reply as its service's protocol puts it on the wire: rest-json, or query (see `query`)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway.local.wire import query
from bedrock_gateway.local.wire.events import frames
from bedrock_gateway.local.wire.message import Response, one_chunk
from bedrock_gateway.local.wire.routes import operation_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.local.call import Reply
    from bedrock_gateway.local.wire.routes import Match

__all__ = ["respond", "to_wire"]

_JSON = "application/json"
_EVENT_STREAM = "application/vnd.amazon.eventstream"


def respond(reply: Reply, match: Match, request_id: str) -> Response:
    """Return the response that carries *reply*."""
    model = operation_model(match.service, match.operation)
    if model.service_model.metadata["protocol"] == "query":
        return query.respond(reply.output, model, request_id)
    shape = model.output_shape
    status = reply.status or int(model.http.get("responseCode", 200))
    headers = _header_members(reply.output, shape) | dict(reply.headers) | {"x-amzn-RequestId": request_id}
    if reply.events is not None:
        headers["Content-Type"] = _EVENT_STREAM
        stream = shape.members[shape.serialization["payload"]]
        return Response(status, headers, frames(reply.events, stream), streaming=True)
    body = _body(reply.output, shape)
    headers.setdefault("Content-Type", _JSON)
    headers["Content-Length"] = str(len(body))
    return Response(status, headers, one_chunk(body))


def _header_members(output: Mapping[str, Any], shape: Any) -> dict[str, str]:
    headers = {}
    for name, member in (shape.members if shape else {}).items():
        if member.serialization.get("location") == "header" and output.get(name) is not None:
            headers[member.serialization["name"]] = _header_text(member, output[name])
    return headers


def _header_text(shape: Any, value: Any) -> str:
    if shape.type_name == "timestamp":
        return format_datetime(_utc(value), usegmt=True)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(output: Mapping[str, Any], shape: Any) -> bytes:
    if shape is None:
        return b"{}"
    payload = shape.serialization.get("payload")
    if not payload:
        return orjson.dumps(to_wire(shape, output, in_body=True))
    value, member = output.get(payload), shape.members[payload]
    if member.type_name == "blob":
        return value.encode() if isinstance(value, str) else bytes(value or b"")
    return orjson.dumps(to_wire(member, value or {}))


def to_wire(shape: Any, value: Any, *, in_body: bool = False) -> Any:
    """Return *value* of *shape* as JSON's own types; with *in_body*, without the members bound to headers."""
    if shape.type_name == "structure" and in_body:
        return _members(value, {n: m for n, m in shape.members.items() if "location" not in m.serialization})
    writer = _WRITERS.get(shape.type_name)
    return writer(shape, value) if writer else value


def _members(value: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        member.serialization.get("name", name): to_wire(member, value[name])
        for name, member in members.items()
        if value.get(name) is not None
    }


def _structure(shape: Any, value: Any) -> Any:
    return value if shape.is_document_type else _members(value, shape.members)


def _blob(_: Any, value: Any) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _timestamp(shape: Any, value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    style = shape.serialization.get("timestampFormat", "unixTimestamp")
    if style == "iso8601":
        return _utc(value).isoformat().replace("+00:00", "Z")
    return format_datetime(_utc(value), usegmt=True) if style == "rfc822" else _utc(value).timestamp()


_WRITERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "structure": _structure,
    "list": lambda shape, value: [to_wire(shape.member, one) for one in value],
    "map": lambda shape, value: {key: to_wire(shape.value, one) for key, one in value.items()},
    "blob": _blob,
    "timestamp": _timestamp,
}
