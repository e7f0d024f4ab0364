"""The HTTP interface of a collection, as far as making an index takes: PUT, GET, HEAD and DELETE of an index.

A request is for the collection that its host names, ``ID.REGION.aoss.amazonaws.com`` or ``ID.REGION.aoss.localhost``. It is
signed for ``aoss`` with ``x-amz-content-sha256``. IAM is asked for ``aoss:APIAccessAll``, then the network policies whether
anybody may come from outside, then the data access policies. Everything else of OpenSearch is a 501. Source: OpenSearch
Service Developer Guide, serverless-clients; the forms of the errors are those of public issues
(awslabs/generative-ai-cdk-constructs#322). Not verified against AWS.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bedrock_gateway.local.call import Call, Fault
from bedrock_gateway.local.opensearch import access
from bedrock_gateway.local.opensearch.collections import find
from bedrock_gateway.local.opensearch.indexes import FORBIDDEN, make_index
from bedrock_gateway.local.opensearch.state import Collection, Index, Timing, state_of
from bedrock_gateway.local.wire.message import Response, one_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.local.wire.message import Request

__all__ = ["answer", "named_collection"]

_HOST = re.compile(r"(?P<id>[a-z0-9]{3,40})\.(?P<region>[a-z0-9-]+)\.aoss\.(?:amazonaws\.com|localhost)")
_UNAUTHORISED, _FORBIDDEN, _MISSING, _BAD, _UNSERVED = 401, 403, 404, 400, 501
_EXISTS = "ConflictException"


def named_collection(hostname: str) -> str | None:
    """Return the id of the collection that a host names, or None where it names none."""
    found = _HOST.fullmatch(hostname)
    return found["id"] if found else None


def answer(call: Call, request: Request, *, enforced: bool) -> Response:
    """Answer one request to a collection; *enforced*: whether rights decide."""
    try:
        return _respond(*_answered(call, request, enforced=enforced), head=request.method == "HEAD")
    except _HttpError as error:
        cause = {"type": error.kind, "reason": error.reason}
        body = {"error": {"root_cause": [cause], **cause}, "status": error.status}
        return _respond(error.status, body, head=request.method == "HEAD")


class _HttpError(Exception):
    """An error as OpenSearch answers it."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.kind, self.reason = status, kind, reason


def _respond(status: int, body: Mapping[str, Any], *, head: bool) -> Response:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(data))}
    return Response(status, headers, () if head else one_chunk(data))


def _answered(call: Call, request: Request, *, enforced: bool) -> tuple[int, Mapping[str, Any]]:
    collection = find(call, named_collection(request.hostname) or "")
    if collection is None or collection.status(call.state.of(Timing).clock()) != "ACTIVE":
        raise _HttpError(_MISSING, "resource_not_found_exception", "There is no such collection, or it is not active")
    if "x-amz-content-sha256" not in request.headers:
        raise _HttpError(_FORBIDDEN, "security_exception", "The request has no x-amz-content-sha256 header")
    name = unquote(request.raw_path.strip("/"))
    served = _SERVED.get(request.method)
    if served is None or not name or "/" in name or name.startswith("_"):
        text = f"The local Bedrock does not serve {request.method} {request.raw_path} of a collection: indexes alone"
        raise _HttpError(_UNSERVED, "not_implemented", text)
    permission, act = served
    if enforced:
        _authorise(call, collection, permission, name)
    with state_of(call).lock:
        return act(call, collection, name, request.body)


def _authorise(call: Call, collection: Collection, permission: str, index: str) -> None:
    context: dict[str, str | list[str]] = {"aoss:collection": collection.name, "aoss:CollectionId": collection.id}
    if not call.aws.authorize(call.caller, "aoss:APIAccessAll", collection.arn, context).allowed:
        raise _HttpError(_FORBIDDEN, "security_exception", "403 Forbidden")
    if not access.reachable(call, collection):
        raise _HttpError(_UNAUTHORISED, "http_exception", "server returned 401")
    if not access.may(call, call.caller, permission, collection, index):
        reason = f"OpenSearch exception [type=authorization_exception, reason={FORBIDDEN}]"
        raise _HttpError(_FORBIDDEN, "security_exception", reason)


def _index(collection: Collection, name: str) -> Index:
    found = collection.indexes.get(name)
    if found is None:
        raise _HttpError(_MISSING, "index_not_found_exception", f"no such index [{name}]")
    return found


Answered = tuple[int, dict[str, Any]]


def _make(call: Call, collection: Collection, name: str, body: bytes) -> Answered:
    try:
        make_index(call, collection, name, json.loads(body or b"{}"))
    except ValueError:
        raise _HttpError(_BAD, "parse_exception", "request body is not JSON") from None
    except Fault as fault:
        kind = "resource_already_exists_exception" if fault.code == _EXISTS else "mapper_parsing_exception"
        raise _HttpError(_BAD, kind, fault.message) from fault
    return 200, {"acknowledged": True, "shards_acknowledged": True, "index": name}


def _show(_: Call, collection: Collection, name: str, __: bytes) -> Answered:
    schema = _index(collection, name).schema
    return 200, {name: {"aliases": {}, "mappings": schema.get("mappings", {}), "settings": schema.get("settings", {})}}


def _remove(_: Call, collection: Collection, name: str, __: bytes) -> Answered:
    del collection.indexes[_index(collection, name).name]
    return 200, {"acknowledged": True}


_SERVED: Mapping[str, tuple[str, Callable[[Call, Collection, str, bytes], Answered]]] = {
    "PUT": ("aoss:CreateIndex", _make),
    "GET": ("aoss:DescribeIndex", _show),
    "HEAD": ("aoss:DescribeIndex", _show),
    "DELETE": ("aoss:DeleteIndex", _remove),
}
"""Method → (permission of the data access policy, what is done)."""
