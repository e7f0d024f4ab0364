"""Hand every service but Bedrock to moto, in process: no Flask, no second port, and moto never guesses the service.

moto keeps its state in module-level backends, so one Python process holds one AWS. Its own IAM enforcement stays off:
who may do what was decided before a request comes here.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.wire.message import Response, one_chunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.wire.message import Request

__all__ = ["LOCK", "Identified", "aws_url", "forward", "identify", "path_style", "service_of"]

_log = logging.getLogger(__name__)

LOCK = threading.RLock()
"""Held while moto works or its state is read: its dictionaries are not made for a writer beside a reader."""

_SERVICES: Mapping[str, str] = {
    "aoss": "opensearchserverless",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "elasticloadbalancing": "elbv2",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
"""botocore's name of a service where it differs from the name that requests are signed for."""

_HOSTS: Mapping[str, str] = {
    "iam": "iam.amazonaws.com",
    "s3vectors": "s3vectors.{region}.api.aws",
    "ses": "email.{region}.amazonaws.com",
}
_HOST = "{service}.{region}.amazonaws.com"
_BUCKET_HOSTS = (
    # An interface endpoint: the bucket, if it is named here at all, stands before the endpoint's own name.
    re.compile(r"(?:(?P<bucket>.+)\.)??(?:(?:bucket|control|accesspoint)\.)?vpce-[^.]+\.s3\..*vpce\.amazonaws\.com"),
    re.compile(r"(?P<bucket>.+?)\.s3(?:-fips|-accelerate)?[.-](?:.*\.)?amazonaws\.com(?:\.cn)?"),
    re.compile(r"(?P<bucket>.+)\.s3\.localhost"),
    re.compile(r"(?P<bucket>.+)(?<!^s3)\.localhost"),
)
_NOT_FOUND = 404
_UNSERVED = "The local Bedrock does not serve {what}: neither it nor moto implements that."


def service_of(signing_name: str) -> str:
    """Return botocore's name of the service that a credential scope names."""
    return _SERVICES.get(signing_name, signing_name)


def aws_url(request: Request, signing_name: str, region: str) -> str:
    """Return the URL under which moto knows the service; S3 always in path style."""
    host = _HOSTS.get(signing_name, _HOST).format(service=signing_name, region=region)
    path = path_style(request) if signing_name == "s3" else request.raw_path
    return f"https://{host}{path or '/'}" + (f"?{request.raw_query}" if request.raw_query else "")


def path_style(request: Request) -> str:
    """Return the path of an S3 request with the bucket in it, wherever it was named."""
    if request.hostname.startswith("s3.") or request.hostname == "localhost":
        return request.raw_path
    for pattern in _BUCKET_HOSTS:
        found = pattern.fullmatch(request.hostname)
        if found and not found["bucket"]:
            return request.raw_path
        if found:
            return f"/{found['bucket']}{request.raw_path if request.raw_path != '/' else ''}"
    return request.raw_path


@dataclass(frozen=True, slots=True)
class Identified:
    """The operation of another service, and its parameters as far as moto can read them."""

    service: str
    operation: str
    params: dict[str, Any]


def identify(request: Request, signing_name: str, region: str) -> Identified | None:
    """Return which operation *request* is, or None where botocore's model of the service has no such operation."""
    from moto.core.request import Request as MotoRequest
    from moto.core.routing import get_service_router
    from werkzeug.exceptions import HTTPException

    service = service_of(signing_name)
    url = aws_url(request, signing_name, region)
    try:
        sent = MotoRequest.from_primitives(request.method, url, _headers(request, url), request.body)
        operation, labels = get_service_router(service).match(sent)
        return Identified(service, operation.name, _params(service, operation, sent, labels))
    except (HTTPException, NotImplementedError, LookupError, ValueError):
        return None
    except Exception as error:
        if type(error).__module__.startswith(("botocore", "moto")):
            return None
        raise


def _params(service: str, operation: Any, sent: Any, labels: dict[str, Any]) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import determine_request_protocol
    from moto.core.utils import get_service_model

    protocol = determine_request_protocol(get_service_model(service), sent.content_type)
    # An object's content is nobody's right; parsing it as XML would fail.
    body = b"" if operation.has_streaming_input else sent.get_data()
    parts: Any = {
        "method": sent.method,
        "values": sent.values,
        "headers": sent.headers,
        "body": body,
        "url_path": sent.path,
        "url_params": labels,
    }
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(parts)
    return {name: value for name, value in dict(parsed).items() if value is not None}


def _headers(request: Request, url: str) -> dict[str, str]:
    """Return the headers as moto must see them: it looks for the bucket in Host before it looks in the URL."""
    return {**request.headers, "host": urlsplit(url).netloc}


@cache
def _stubber() -> Any:
    from moto.core.botocore_stubber import BotocoreStubber

    return BotocoreStubber()


def forward(request: Request, signing_name: str, region: str, account: str) -> Response:
    """Let moto answer *request* for *account*.

    Raises:
        Fault: moto does not implement it (501).
    """
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.compat import HTTPHeaders

    headers = HTTPHeaders()
    url = aws_url(request, signing_name, region)
    for name, value in _headers(request, url).items():
        headers[name] = value
    headers["x-moto-account-id"] = account
    prepared = AWSPreparedRequest(request.method, url, headers, request.body, stream_output=False)
    what = f"this request of {signing_name} ({request.headers.get('x-amz-target') or request.raw_path})"
    try:
        with LOCK:
            answer = _stubber().process_request(prepared)
    except NotImplementedError as error:
        raise Fault("NotImplemented", f"{_UNSERVED.format(what=what)} {error}", 501) from None
    except ModuleNotFoundError as error:
        text = f"The local Bedrock does not serve {what}: moto would need the package {error.name} for it."
        raise Fault("NotImplemented", text, 501) from None
    except Exception as error:
        # moto meets what it has not thought of with a KeyError or the like; a 500 would be sent again and again.
        _log.exception("moto failed at %s", what)
        text = f"The local Bedrock cannot serve {what}: moto failed at it ({type(error).__name__}); the log says where."
        raise Fault("NotImplemented", text, 501) from error
    if answer is None or answer[2] == "Not yet implemented" or _nowhere(request, *answer):
        raise Fault("NotImplemented", _UNSERVED.format(what=what), 501)
    return _response(*answer, method=request.method)


def _nowhere(request: Request, status: int, _: Mapping[str, Any], body: str | bytes) -> bool:
    """Whether moto knows the service and not the path: then it says 404 and nothing more."""
    return status == _NOT_FOUND and not body and request.method != "HEAD"


def _response(status: int, headers: Mapping[str, Any], body: str | bytes, *, method: str) -> Response:
    data = body.encode() if isinstance(body, str) else bytes(body or b"")
    # Headers travel as Latin-1; what S3 stored as UTF-8 goes back byte by byte.
    kept = {
        str(name).lower(): str(value).encode().decode("latin-1")
        for name, value in headers.items()
        if str(name).lower() != "status"
    }
    if method != "HEAD":
        kept["content-length"] = str(len(data))
    return Response(int(status), kept, one_chunk(data) if method != "HEAD" else ())
