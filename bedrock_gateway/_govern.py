"""Rules and the ended event on a boto3 client that somebody else's code uses, through botocore's own event hooks.

LangChain, Strands, Haystack and the like take a client and call it: they run governed, unchanged. What is refused raises
`GovernanceError` out of their call, and nothing is sent. botocore keeps its own retries and timeouts there, and its own
exceptions for what AWS answers.

``provide-client-params`` judges what will be sent, ``after-call`` and ``after-call-error`` report it; what never comes to
either (botocore finds the parameters invalid, cannot find an endpoint) is reported by the call itself, when it is let go.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from bedrock_gateway._commands import Send
from bedrock_gateway._fold import dict_of, parsed, str_of, usage_from
from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    GovernanceError,
    PreflightFailedError,
    error_class,
    normalise_code,
)
from bedrock_gateway.events import CallEnded, Outcome
from bedrock_gateway.families.bodies import METRICS, chunk_ends, usage_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from bedrock_gateway._flow import Context
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.results import Usage

Client = TypeVar("Client")
__all__ = ["govern"]

_SERVICES = ("bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime")
_ID = "bedrock-gateway-govern"
_KEY = "bedrockgw_call"
_BEARER = "AWS_BEARER_TOKEN_BEDROCK"
_ERROR = 300


def govern(client: Client, config: GatewayConfig, principal: str, context: Context) -> Client:
    """Put the rules of *principal* on *client*, which is returned; a second time changes nothing.

    Raises:
        ConfigError: it is no client of boto3 or aiobotocore for Bedrock, it sends to a place or signs in a way that is not
            declared, or it is governed for another principal already.
    """
    meta: Any = getattr(client, "meta", None)
    if not hasattr(meta, "service_model") or not hasattr(meta, "events"):
        raise ConfigError(f"govern takes a client of boto3 or aiobotocore, not {type(client).__name__}")
    service = str(meta.service_model.service_name)
    if service not in _SERVICES:
        raise ConfigError(f"govern takes a client of {', '.join(_SERVICES)}, not of {service}")
    _check_endpoint(service, str(meta.region_name), str(meta.endpoint_url), config)
    if os.environ.get(_BEARER) and config.auth != "bearer":
        raise ConfigError(f'{_BEARER} is set: unset it, or declare auth = "bearer" in gateway.toml')
    before = getattr(client, "_bedrockgw_governed", (config, principal))
    if before != (config, principal):
        raise ConfigError(f"this client is governed for principal {before[1]!r} already; make another client")
    governor = _Governor(config, principal, context, service, str(meta.region_name))
    name = meta.service_model.service_id.hyphenize()
    for event, handler in governor.handlers().items():
        meta.events.unregister(f"{event}.{name}", unique_id=_ID)
        meta.events.register_first(f"{event}.{name}", handler, unique_id=_ID)
    marked: Any = client
    marked._bedrockgw_governed = (config, principal)  # noqa: SLF001 - ours, kept where it belongs
    return client


def _check_endpoint(service: str, region: str, url: str, config: GatewayConfig) -> None:
    """Refuse another place than AWS's own for this service and Region, and what is declared."""
    parts = urlsplit(url)
    own = rf"{service}(?:-fips)?\.{re.escape(region)}\.(?:amazonaws\.com|api\.aws)"
    declared = url in {config.endpoints.get(service), config.endpoint}
    if not declared and not (parts.scheme == "https" and re.fullmatch(own, parts.hostname or "")):
        raise ConfigError(f"the client sends to {parts.scheme}://{parts.hostname}, which gateway.toml does not declare")


@dataclass
class _Call:
    """One call of the client, on its way; reported once, at the latest when nobody holds it any more."""

    governor: _Governor
    send: Send
    started: float
    answered: bool = False
    usage: Usage | None = None
    first_token: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    reported: bool = False

    def ended(self, outcome: Outcome, code: str | None = None, *, attempts: int = 1) -> None:
        if not self.reported:
            self.reported = True
            self.governor.report(self, outcome, code, attempts)

    def __del__(self) -> None:
        # A stream that was dropped unread, or a call that botocore itself gave up before anything was sent.
        if self.answered:
            self.ended("abandoned")
        else:
            self.ended("failed", "NotSent", attempts=0)


@dataclass
class _Governor:
    """The handlers of one client."""

    config: GatewayConfig
    principal: str
    context: Context
    service: str
    region: str
    _bases: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._bases = {base.id: name for name, base in self.config.knowledge_bases.items() if base.id}

    def handlers(self) -> dict[str, Any]:
        return {
            "provide-client-params": self.judge,
            "after-call": self.answered,
            "after-call-error": self.failed,
        }

    def judge(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Apply the rules to what is about to be sent, and return what may be."""
        call = _Call(self, self._send(model.name, params), self.context.now())
        try:
            for rule in (_has_a_capability, *self.context.rules):
                call.send = rule(call.send)
        except Exception as error:
            refused = isinstance(error, (GovernanceError, PreflightFailedError))
            call.ended("denied" if refused else "failed", type(error).__name__, attempts=0)
            raise
        if context.get("is_presign_request"):
            call.reported = True  # a URL is no call; whoever has it makes one, and what it asks for was judged
        context[_KEY] = call
        return dict(call.send.params)

    def _send(self, operation: str, params: dict[str, Any]) -> Send:
        answered = dict_of(params.get("retrieveAndGenerateConfiguration"))
        document = dict_of(answered.get("externalSourcesConfiguration"))
        nested = dict_of(answered.get("knowledgeBaseConfiguration")) or document
        base = params.get("knowledgeBaseId") or nested.get("knowledgeBaseId")
        model = params.get("modelId") or nested.get("modelArn")
        return Send(
            self.service,
            operation,
            params,
            region=self.region,
            account=self.config.account,
            capability=self._capability(operation, str(model), of_a_document=bool(document)),
            model_id=model,
            knowledge_base=self._bases.get(str(base)) if base else None,
        )

    def _capability(self, operation: str, model: str, *, of_a_document: bool) -> str | None:
        """The declared capability that has this operation, or else the one that would have to be declared."""
        having = [
            name
            for name, row in CAPABILITIES.items()
            if any(one.name == operation and one.service == self.service for one in row.operations)
            # InvokeModel is also how texts are embedded: who may only embed may not chat.
            and (name != "embed" or "embed" in model)
            # An answer is out of a knowledge base or out of a document.
            and (not operation.startswith("RetrieveAndGenerate") or (name == "rag-document") == of_a_document)
        ]
        declared = self.config.principals[self.principal].capabilities
        return next((name for name in having if name in declared), having[0] if having else None)

    def answered(
        self, http_response: Any, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        """Report the call, or have its stream report it."""
        call: _Call | None = context.pop(_KEY, None)
        if call is None:
            return
        call.answered, call.metadata = True, dict_of(parsed.get("ResponseMetadata"))
        if http_response.status_code >= _ERROR:
            error = dict_of(parsed.get("Error"))
            code = normalise_code(str_of(error.get("Code")) or str(http_response.status_code))
            denied = error_class(code, http_response.status_code) is AccessDeniedError
            call.ended("denied" if denied else "failed", code)
            return
        stream = _stream_member(model)
        if stream is not None and stream in parsed:
            parsed[stream] = _Watched(parsed[stream], call)
            return
        call.usage = usage_from(parsed.get("usage")) or _counted(dict_of(call.metadata.get("HTTPHeaders")))
        call.ended("ok")

    def failed(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        """Report a call that got no answer."""
        call: _Call | None = context.pop(_KEY, None)
        if call is not None:
            call.ended("failed", type(exception).__name__)

    def report(self, call: _Call, outcome: Outcome, code: str | None, attempts: int) -> None:
        usage, retried = call.usage, call.metadata.get("RetryAttempts")
        self.context.emit(
            CallEnded(
                operation=call.send.operation,
                outcome=outcome,
                capability=call.send.capability,
                principal=self.context.principal,
                model_id=call.send.model_id,
                region=self.region,
                attempts=attempts + int(retried or 0),
                duration_seconds=round(self.context.now() - call.started, 6),
                first_token_seconds=call.first_token,
                input_tokens=usage.input_tokens if usage else None,
                output_tokens=usage.output_tokens if usage else None,
                request_id=str_of(call.metadata.get("RequestId")) or None,
                error_code=code,
                local=self.context.local,
            )
        )


def _has_a_capability(send: Send) -> Send:
    if send.capability is None:
        raise GovernanceError(f"no capability has {send.operation}: it cannot be governed", rule="known-operations")
    return send


def _stream_member(model: Any) -> str | None:
    members = model.output_shape.members if model.has_event_stream_output else {}
    return next((name for name, shape in members.items() if shape.serialization.get("eventstream")), None)


def _counted(headers: Mapping[str, Any]) -> Usage | None:
    names = {"inputTokens": "x-amzn-bedrock-input-token-count", "outputTokens": "x-amzn-bedrock-output-token-count"}
    found = {name: int(text) for name, header in names.items() if (text := str(headers.get(header, ""))).isdecimal()}
    return usage_from(found) if found else None


_SPOKEN = ("contentBlockDelta", "chunk", "output")
_METRICS = METRICS.encode()
_CHUNKED = "InvokeModelWithResponseStream"
_TERMINATED = ("ConverseStream", _CHUNKED)


class _Watched:
    """botocore's event stream, which reports the call when it ends. Everything else of it is as it was."""

    def __init__(self, inner: Any, call: _Call) -> None:
        self._inner, self._call = inner, call
        self._stopped = False
        """Whether Converse's terminal event has come, without which botocore ends as if nothing were missing."""
        self._last: tuple[bytes, ...] = ()
        """The last chunks of InvokeModel: one of them says that the answer is complete."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _seen(self, event: Any) -> None:
        found, call = dict_of(event), self._call
        if call.first_token is None and any(name in found for name in _SPOKEN):
            call.first_token = round(call.governor.context.now() - call.started, 6)
        if "messageStop" in found:
            self._stopped = True
        data = dict_of(found.get("chunk")).get("bytes")
        if isinstance(data, bytes):
            self._last = (*self._last[-1:], data)
            if _METRICS in data:
                with contextlib.suppress(ValueError):
                    call.usage = usage_of(parsed(data)) or call.usage
        call.usage = usage_from(dict_of(found.get("metadata")).get("usage")) or call.usage

    def _is_whole(self) -> bool:
        """Whether the answer is complete; an answer of a knowledge base does not say."""
        if self._call.send.operation == _CHUNKED:
            with contextlib.suppress(ValueError):
                return any(chunk_ends(parsed(one)) for one in self._last)
            return False
        return self._stopped

    def _ended(self) -> None:
        if self._is_whole() or self._call.send.operation not in _TERMINATED:
            self._call.ended("ok")
        else:
            self._call.ended("interrupted", "Truncated")

    def _broken(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            code = dict_of(dict_of(getattr(error, "response", None)).get("Error")).get("Code")
            self._call.ended("interrupted", normalise_code(str_of(code)) or type(error).__name__)
        else:
            self._left()

    def _left(self) -> None:
        self._call.ended("ok" if self._is_whole() else "abandoned")

    def __iter__(self) -> Iterator[Any]:
        try:
            for event in self._inner:
                self._seen(event)
                yield event
        except BaseException as error:
            self._broken(error)
            raise
        self._ended()

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for event in self._inner:
                self._seen(event)
                yield event
        except BaseException as error:
            self._broken(error)
            raise
        self._ended()

    def close(self) -> Any:
        """Leave; reported as abandoned if it was not read to its end."""
        self._left()
        return self._inner.close()
