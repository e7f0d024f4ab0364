"""The rest of AWS as a service behind the API sees it: calls in process, service roles, decisions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.moto_bridge import forward
from bedrock_gateway.local.wire.message import Request
from bedrock_gateway.local.wire.routes import service_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.iam.evaluate import Decision
    from bedrock_gateway.local.enforcement import Gate
    from bedrock_gateway.local.principals import Directory, Principal
    from bedrock_gateway.local.wire.message import Response

__all__ = ["InProcessAws"]

_FIRST_ERROR = 300


@cache
def _codec(service: str) -> tuple[Any, Any]:
    """Return botocore's serializer and parser for *service*."""
    from botocore.parsers import ResponseParserFactory
    from botocore.serialize import create_serializer

    protocol = service_model(service).resolved_protocol
    parsers = ResponseParserFactory()
    parsers.set_parser_defaults(timestamp_parser=_moment)
    return create_serializer(protocol, include_validation=False), parsers.create_parser(protocol)


def _moment(written: Any) -> datetime:
    """Read a timestamp; botocore's own way guesses its form, which was a fifth of what reading an object cost."""
    if isinstance(written, (int, float)):
        return datetime.fromtimestamp(written, UTC)
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return parsedate_to_datetime(written)


@dataclass(frozen=True, slots=True)
class InProcessAws:
    """`bedrock_gateway.local.call.Aws` over moto's state; *gate* decides."""

    gate: Gate

    @property
    def directory(self) -> Directory:
        """IAM and STS of the account; see `bedrock_gateway.local.call.Aws`."""
        return self.gate.directory

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        *,
        region: str,
        principal: Principal | None = None,
    ) -> dict[str, Any]:
        """Call *operation* of another service; see `bedrock_gateway.local.call.Aws`."""
        if principal is not None:
            self.gate.check(service, operation, dict(params), principal, region)
        model = service_model(service).operation_model(operation)
        request = _request(service, model, params, region)
        response = forward(request, service, region, self.gate.directory.account)
        return _parsed(service, model, response)

    def assume_service_role(self, role_arn: str, *, source_arn: str, region: str) -> Principal:
        """Assume *role_arn* as Bedrock; see `bedrock_gateway.local.call.Aws`."""
        return self.gate.assume_service_role(role_arn, source_arn=source_arn, region=region)

    def authorize(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, str | list[str]] | None = None
    ) -> Decision:
        """Decide one action on one resource; see `bedrock_gateway.local.call.Aws`."""
        return self.gate.decide(principal, action, resource, context or {})


def _request(service: str, model: Any, params: Mapping[str, Any], region: str) -> Request:
    from botocore.awsrequest import prepare_request_dict

    serializer, _ = _codec(service)
    sent = serializer.serialize_to_request(dict(params), model)
    prepare_request_dict(sent, "https://in-process")
    # ListObjectsV2 and its like carry a fixed query in the path itself.
    path, _, fixed = sent["url_path"].partition("?")
    path, body = quote(path, safe="/%~-._:"), sent["body"]
    headers = {name.lower(): str(value) for name, value in dict(sent["headers"]).items()}
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=in-process/20200101/{region}/{service}/aws4_request"
    given = urlencode(sent["query_string"], quote_via=quote) if sent["query_string"] else ""
    query = "&".join(part for part in (fixed, given) if part)
    if isinstance(body, dict):
        body = urlencode(body, quote_via=quote)
        headers["content-type"] = "application/x-www-form-urlencoded"
    content = body.read() if hasattr(body, "read") else body
    return Request(sent["method"], path, query, headers, content.encode() if isinstance(content, str) else content)


def _parsed(service: str, model: Any, response: Response) -> dict[str, Any]:
    from botocore.awsrequest import HeadersDict

    body = b"".join(response.body)
    streaming = model.has_streaming_output and response.status < _FIRST_ERROR
    reply = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": io.BytesIO(body) if streaming else body,
        "context": {"operation_name": model.name},
    }
    _, parser = _codec(service)
    parsed: dict[str, Any] = parser.parse(reply, model.output_shape)
    if response.status >= _FIRST_ERROR:
        error = parsed.get("Error", {})
        raise Fault(error.get("Code") or str(response.status), error.get("Message", ""), response.status)
    return parsed
