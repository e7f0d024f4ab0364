"""Read a rest-json request into the parameters that boto3 would have been given."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.wire.routes import operation_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bedrock_gateway.local.wire.message import Request
    from bedrock_gateway.local.wire.routes import Match

__all__ = ["parse"]

_TEXT_TYPES: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
}


def parse(request: Request, match: Match) -> dict[str, Any]:
    """Return the operation's parameters.

    Raises:
        Fault: ``SerializationException`` where the body is not what the model says, ``ValidationException`` where a
            member is missing or too short.
    """
    shape = operation_model(match.service, match.operation).input_shape
    if shape is None:
        return {}
    try:
        params = _bound(request, match, shape) | _body(request, shape)
    except (KeyError, ValueError, TypeError, binascii.Error) as error:
        raise Fault("SerializationException", f"The request cannot be read: {type(error).__name__}", 400) from None
    _validate(params, shape)
    return params


def _validate(params: dict[str, Any], shape: Any) -> None:
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise Fault("ValidationException", report.generate_report(), 400)


def _bound(request: Request, match: Match, shape: Any) -> dict[str, Any]:
    """Return the members bound to the path, the query and the headers."""
    found = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        texts = _texts(request, match, location, wire_name) if location else None
        if texts:
            found[name] = _many(member, texts)
    return found


def _texts(request: Request, match: Match, location: str, name: str) -> Sequence[str] | None:
    if location == "uri":
        return [match.labels[name]]
    if location == "querystring":
        return request.query.get(name)
    value = request.headers.get(name.lower())
    return None if value is None else [value]


def _many(shape: Any, texts: Sequence[str]) -> Any:
    if shape.type_name == "list":
        return [_from_text(shape.member, text) for text in texts]
    return _from_text(shape, texts[0])


def _from_text(shape: Any, text: str) -> Any:
    if shape.type_name == "timestamp":
        return _timestamp(shape, text)
    if shape.serialization.get("jsonvalue"):
        return json.loads(base64.b64decode(text))
    return _TEXT_TYPES.get(shape.type_name, str)(text)


def _body(request: Request, shape: Any) -> dict[str, Any]:
    """Return the members that come in the body: one whole, or each by its JSON key."""
    payload = shape.serialization.get("payload")
    if payload:
        member = shape.members[payload]
        if member.serialization.get("eventstream"):
            # Nothing that is served takes one; what it would carry is not read.
            return {payload: {}}
        if member.type_name == "blob":
            return {payload: request.body} if request.body else {}
        return {payload: _value(member, json.loads(request.body))} if request.body else {}
    in_body = {name: member for name, member in shape.members.items() if "location" not in member.serialization}
    if not in_body or not request.body:
        return {}
    return _structure_members(in_body, json.loads(request.body))


def _structure_members(members: Mapping[str, Any], sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise TypeError("a structure is an object")
    found = {}
    for name, member in members.items():
        value = sent.get(member.serialization.get("name", name))
        if value is not None:
            found[name] = _value(member, value)
    return found


def _value(shape: Any, sent: Any) -> Any:
    reader = _READERS.get(shape.type_name)
    return reader(shape, sent) if reader else sent


def _structure(shape: Any, sent: Any) -> Any:
    return sent if shape.is_document_type else _structure_members(shape.members, sent)


def _list(shape: Any, sent: Any) -> list[Any]:
    if not isinstance(sent, list):
        raise TypeError("a list is an array")
    return [_value(shape.member, one) for one in sent if one is not None]


def _map(shape: Any, sent: Any) -> dict[str, Any]:
    return {key: _value(shape.value, one) for key, one in sent.items()}


def _blob(_: Any, sent: Any) -> bytes:
    return base64.b64decode(sent, validate=True)


def _timestamp(_: Any, sent: Any) -> Any:
    from botocore.utils import parse_timestamp

    return parse_timestamp(sent)


_READERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "blob": _blob,
    "timestamp": _timestamp,
}
