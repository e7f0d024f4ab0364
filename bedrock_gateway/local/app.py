"""The local Bedrock as one function from request to response, and as a WSGI application.

A request is verified, resolved, authorised, then served: by a handler of ours, or by moto. Whatever goes wrong becomes
an error of the client's own protocol; the log has the traceback, the client never.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bedrock_gateway.local.authorization import knows
from bedrock_gateway.local.aws import InProcessAws
from bedrock_gateway.local.call import Call, Fault, Handler
from bedrock_gateway.local.disturbances import Disturbances
from bedrock_gateway.local.documents import refuse_unreadable
from bedrock_gateway.local.identity.managed import bring_managed
from bedrock_gateway.local.identity.senders import Sender, sender_of, service_named_by
from bedrock_gateway.local.moto_bridge import LOCK, forward, identify
from bedrock_gateway.local.new_buckets import furnish, to_be_made
from bedrock_gateway.local.opensearch.http import answer, named_collection
from bedrock_gateway.local.signature import SignatureFault
from bedrock_gateway.local.strictness import refuse_in_use, refuse_overlong, refuse_unfounded
from bedrock_gateway.local.wire.digests import check_digests
from bedrock_gateway.local.wire.errors import error_response, protocol_of, signature_error
from bedrock_gateway.local.wire.message import Request, Response
from bedrock_gateway.local.wire.replies import respond
from bedrock_gateway.local.wire.requests import parse
from bedrock_gateway.local.wire.routes import BEDROCK_SERVICES, Match, named_service, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bedrock_gateway.local.enforcement import Gate

__all__ = ["App", "handlers"]

_log = logging.getLogger(__name__)
_HANDLER_MODULES = (
    "control",
    "models.agreements",
    "models.runtime",
    "knowledge.bases",
    "knowledge.retrieval",
    "knowledge.reranking",
    "knowledge.vector_requests",
    "opensearch.policies",
    "opensearch.collections",
    "opensearch.indexes",
    "identity.api_keys",
    "identity.sessions",
    "simulator.operations",
    "keys",
    "log_protection",
    "account.quotas",
    "account.root",
    "account.last_access",
)
_BEARER_SERVICES = frozenset({"bedrock", "bedrock-runtime"})
_FEDERATED = b"Action=AssumeRoleWith"
_FORGETFUL = ("iam", "sts")
"""Services of which moto drops members that rights depend on."""
_OK = 200
_INTERNAL = "The local Bedrock failed inside; its own log says why."


@cache
def handlers() -> Mapping[tuple[str, str], Handler]:
    """Return every handler of ours by service and operation; their modules are imported at the first request."""
    found: dict[tuple[str, str], Handler] = {}
    for name in _HANDLER_MODULES:
        found |= import_module(f"bedrock_gateway.local.{name}").HANDLERS
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """A request whose sender is verified."""

    request: Request
    sender: Sender
    request_id: str


class App:
    """One local AWS account. Called as WSGI, or through `handle` by a client in this process."""

    def __init__(self, gate: Gate, *, default_region: str) -> None:
        self.gate = gate
        self.aws = InProcessAws(gate)
        self.default_region = default_region
        self.besides: dict[str, Callable[[Request], Response]] = {}
        """Path → what answers there, besides AWS; it has to see to who asks by itself."""

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises."""
        if (answer := self.besides.get(request.raw_path)) is not None:
            return answer(request)
        request_id = str(uuid.uuid4())
        protocol = protocol_of(request, service_named_by(request))
        try:
            sender = sender_of(request, self.gate.directory, self.gate.state, self.default_region)
            return self._served(_Known(request, sender, request_id))
        except SignatureFault as fault:
            return error_response(_refusal(request, fault, protocol), protocol, request_id, method=request.method)
        except Fault as fault:
            return error_response(fault, protocol, request_id, method=request.method)
        except Exception:  # noqa: BLE001 - the edge: a bug of ours must reach the client in its own protocol
            _log.exception("the local Bedrock failed at %s %s", request.method, request.raw_path)
            bug = Fault("InternalServerException", _INTERNAL, 500)
            return error_response(bug, protocol, request_id, method=request.method)

    def _served(self, known: _Known) -> Response:
        if known.sender.service == "bedrock" or named_service(known.request.hostname):
            match = resolve(known.request)
            if match is None:
                text = (
                    f"No operation of {', '.join(BEDROCK_SERVICES)} is {known.request.method} {known.request.raw_path}."
                )
                raise Fault("UnknownOperationException", text, 501)
            return self._handled(known, match)
        return self._forwarded(known)

    def _handled(self, known: _Known, match: Match) -> Response:
        sender = known.sender
        if sender.bearer and match.service not in _BEARER_SERVICES:
            # Source: Bedrock User Guide, api-keys-supported; the text is not verified against AWS.
            raise Fault("AccessDeniedException", f"{match.service} does not accept Amazon Bedrock API keys.", 403)
        if (instead := self._disturbed(match.service, match.operation)) is not None:
            return instead
        handler = handlers().get((match.service, match.operation))
        params = parse(known.request, match) if match.params is None else dict(match.params)
        # What is not served is judged all the same, if the judge knows it: a policy can be tried out on it.
        if handler is not None or knows(match.service, match.operation):
            self.gate.check(
                match.service, match.operation, params, sender.principal, sender.region, bearer_token=sender.bearer
            )
        if handler is None:
            text = f"The local Bedrock does not serve {match.service} {match.operation}."
            raise Fault("NotImplementedException", text, 501)
        reply = handler(self._call(known, match.service, match.operation, params))
        return respond(reply, match, known.request_id)

    def _forwarded(self, known: _Known) -> Response:
        sender = known.sender
        if sender.service == "aoss" and named_collection(known.request.hostname):
            call = self._call(known, "opensearchserverless", known.request.method, {})
            return answer(call, known.request, enforced=self.gate.mode == "enforce")
        if sender.service == "s3":
            check_digests(known.request)
        identified = identify(known.request, sender.service, sender.region)
        if identified is not None:
            service, operation = identified.service, identified.operation
            bring_managed(service, operation, identified.params, self.gate.directory)
            if (service, operation) in handlers():
                return self._handled(known, Match(service, operation, {}, identified.params))
            if (instead := self._disturbed(service, operation)) is not None:
                return instead
            self._check(service, operation, identified.params, sender)
            refuse_unreadable(service, identified.params)
            refuse_unfounded(service, identified.params, self.gate.directory)
            refuse_overlong(operation, identified.params, sender.principal, self.gate.directory)
            refuse_in_use(service, operation, identified.params, self.gate.directory)
        else:
            self.gate.check(sender.service, "UnknownOperation", {}, sender.principal, sender.region)
        with LOCK:  # what is noted is of this session, not of one that somebody else makes meanwhile
            bucket = to_be_made(identified, self.gate.directory)
            response = forward(known.request, sender.service, sender.region, self.gate.directory.account)
            if bucket is not None:
                furnish(bucket, self.gate.directory)
            if identified is not None and response.status == _OK and identified.service in _FORGETFUL:
                self.gate.directory.note(identified.operation, identified.params, sender.principal)
        response.headers.setdefault("x-amzn-RequestId", known.request_id)
        return response

    def _disturbed(self, service: str, operation: str) -> Response | None:
        return self.gate.state.of(Disturbances).meet(service, operation)

    def _check(self, service: str, operation: str, params: dict[str, Any], sender: Sender) -> None:
        """Let a request of another service pass, or refuse it.

        S3 names a bucket's Region in its answer to HeadBucket even to whom it refuses, and tells everybody that there is
        no such bucket. Source: S3 API Reference, HeadBucket; not verified against AWS.
        """
        try:
            self.gate.check(service, operation, params, sender.principal, sender.region)
        except Fault as denial:
            if operation == "HeadBucket":
                region = self.gate.directory.bucket_region(str(params.get("Bucket")))
                if region is None:
                    raise Fault("NoSuchBucket", "The specified bucket does not exist", 404) from denial
                denial.headers["x-amz-bucket-region"] = region
            raise

    def _call(self, known: _Known, service: str, operation: str, params: dict[str, Any]) -> Call:
        directory = self.gate.directory
        return Call(
            service=service,
            operation=operation,
            params=params,
            region=known.sender.region,
            account=directory.account,
            partition=directory.partition,
            caller=known.sender.principal,
            request_id=known.request_id,
            headers=known.request.headers,
            state=self.gate.state,
            aws=self.aws,
        )

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve WSGI."""
        response = self.handle(_from_environ(environ))
        start_response(f"{response.status} {_reason(response.status)}", list(response.headers.items()))
        return response.body


def _refusal(request: Request, fault: SignatureFault, protocol: str) -> Fault:
    """Return what a request without valid credentials is answered with."""
    if fault.kind == "missing" and _FEDERATED in request.body:
        return Fault("NotImplemented", "The local Bedrock does not serve federated sessions; use AssumeRole.", 501)
    code, status = signature_error(fault, protocol)
    return Fault(code, fault.message, status)


def _reason(status: int) -> str:
    from http.client import responses

    return responses.get(status, "Unknown")


def _from_environ(environ: Mapping[str, Any]) -> Request:
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    path, _, query = raw.partition("?")
    if not raw:
        path = quote(environ.get("PATH_INFO", "/").encode("latin-1"))
        query = environ.get("QUERY_STRING", "")
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    # A server that says so ends the input itself; of any other, reading on would wait for ever.
    size = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    return Request(environ["REQUEST_METHOD"], path, query, headers, environ["wsgi.input"].read(size))
