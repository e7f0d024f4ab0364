"""Rules and the ended event on a boto3 client that somebody else's code uses, through botocore's own event hooks.

LangChain, Strands, Haystack and the like take a client and call it: they run governed, unchanged. What is refused raises
`GovernanceError` out of their call, and nothing is sent. botocore keeps its own retries and timeouts there, and its own
exceptions for what AWS answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bedrock_gateway._commands import Send
from bedrock_gateway._fold import dict_of, str_of, usage_from
from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.errors import ConfigError, GovernanceError
from bedrock_gateway.events import CallEnded, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from bedrock_gateway._flow import Context
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.results import Usage

__all__ = ["govern"]

_ID = "bedrock-gateway-govern"
_KEY = "bedrockgw_call"
_AWS_HOST = re.compile(r"(?:[a-z0-9-]+\.)+(?:amazonaws\.com|api\.aws)")
_ERROR = 300


def govern(client: Any, config: GatewayConfig, principal: str, context: Context) -> Any:
    """Put the rules of *principal* on *client*, which is returned; a second time changes nothing.

    Raises:
        ConfigError: it is no client of boto3 or aiobotocore, or it sends to a place that is not declared.
    """
    meta: Any = getattr(client, "meta", None)
    if not hasattr(meta, "service_model") or not hasattr(meta, "events"):
        raise ConfigError(f"govern takes a client of boto3 or aiobotocore, not {type(client).__name__}")
    url = str(meta.endpoint_url)
    declared = {*config.endpoints.values(), config.endpoint}
    parts = urlsplit(url)
    if url not in declared and not (parts.scheme == "https" and _AWS_HOST.fullmatch(parts.hostname or "")):
        raise ConfigError(f"the client sends to {parts.scheme}://{parts.hostname}, which gateway.toml does not declare")
    governor = _Governor(config, principal, context, str(meta.service_model.service_name), str(meta.region_name))
    name = meta.service_model.service_id.hyphenize()
    for event, handler in governor.handlers().items():
        meta.events.unregister(f"{event}.{name}", unique_id=_ID)
        meta.events.register_first(f"{event}.{name}", handler, unique_id=_ID)
    return client


@dataclass
class _Call:
    """One call of the client, on its way."""

    send: Send
    started: float
    usage: Usage | None = None
    first_token: float | None = None
    reported: bool = False


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
        call = _Call(self._send(model.name, params), self.context.now())
        try:
            for rule in self.context.rules:
                call.send = rule(call.send)
        except Exception as error:
            self._report(call, "denied" if isinstance(error, GovernanceError) else "failed", type(error).__name__, 0)
            raise
        context[_KEY] = call
        return dict(call.send.params)

    def _send(self, operation: str, params: dict[str, Any]) -> Send:
        nested = dict_of(dict_of(params.get("retrieveAndGenerateConfiguration")).get("knowledgeBaseConfiguration"))
        base = params.get("knowledgeBaseId") or nested.get("knowledgeBaseId")
        return Send(
            self.service,
            operation,
            params,
            region=self.region,
            account=self.config.account,
            capability=self._capability(operation),
            model_id=params.get("modelId") or nested.get("modelArn"),
            knowledge_base=self._bases.get(str(base)) if base else None,
        )

    def _capability(self, operation: str) -> str:
        """The declared capability that has this operation, or else the one that would have to be declared."""
        having = [
            name
            for name, row in CAPABILITIES.items()
            if any(one.name == operation and one.service == self.service for one in row.operations)
        ]
        declared = self.config.principals[self.principal].capabilities
        return next((name for name in having if name in declared), having[0] if having else f"none with {operation}")

    def answered(
        self, http_response: Any, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        """Report the call, or have its stream report it."""
        call = context.pop(_KEY, None)
        if call is None:
            return
        metadata = dict_of(parsed.get("ResponseMetadata"))
        if http_response.status_code >= _ERROR:
            code = str_of(dict_of(parsed.get("Error")).get("Code")) or str(http_response.status_code)
            self._report(call, "denied" if code.startswith("AccessDenied") else "failed", code, 1, metadata)
            return
        stream = _stream_member(model)
        if stream is not None and stream in parsed:
            parsed[stream] = _Watched(parsed[stream], self, call, metadata)
            return
        call.usage = usage_from(parsed.get("usage")) or _counted(dict_of(metadata.get("HTTPHeaders")))
        self._report(call, "ok", None, 1, metadata)

    def failed(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        """Report a call that got no answer."""
        call = context.pop(_KEY, None)
        if call is not None:
            self._report(call, "failed", type(exception).__name__, 1)

    def _report(
        self, call: _Call, outcome: Outcome, code: str | None, attempts: int, metadata: Mapping[str, Any] | None = None
    ) -> None:
        if call.reported:
            return
        call.reported = True
        usage, found = call.usage, metadata or {}
        self.context.emit(
            CallEnded(
                operation=call.send.operation,
                outcome=outcome,
                capability=call.send.capability,
                principal=self.context.principal,
                model_id=call.send.model_id,
                region=self.region,
                attempts=attempts and attempts + int(found.get("RetryAttempts") or 0),
                duration_seconds=round(self.context.now() - call.started, 6),
                first_token_seconds=call.first_token,
                input_tokens=usage.input_tokens if usage else None,
                output_tokens=usage.output_tokens if usage else None,
                request_id=str_of(found.get("RequestId")) or None,
                error_code=code,
                local=self.context.local,
            )
        )


def _stream_member(model: Any) -> str | None:
    members = model.output_shape.members if model.has_event_stream_output else {}
    return next((name for name, shape in members.items() if shape.serialization.get("eventstream")), None)


def _counted(headers: Mapping[str, Any]) -> Usage | None:
    names = {"inputTokens": "x-amzn-bedrock-input-token-count", "outputTokens": "x-amzn-bedrock-output-token-count"}
    found = {name: int(text) for name, header in names.items() if (text := str(headers.get(header, ""))).isdecimal()}
    return usage_from(found) if found else None


class _Watched:
    """botocore's event stream, which reports the call when it ends. Everything else of it is as it was."""

    def __init__(self, inner: Any, governor: _Governor, call: _Call, metadata: Mapping[str, Any]) -> None:
        self._inner, self._governor, self._call, self._metadata = inner, governor, call, metadata

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _seen(self, event: Any) -> None:
        found = dict_of(event)
        call = self._call
        if call.first_token is None and ("contentBlockDelta" in found or "chunk" in found or "output" in found):
            call.first_token = self._governor.context.now() - call.started
        if usage := usage_from(dict_of(found.get("metadata")).get("usage")):
            call.usage = usage

    def _ended(self, outcome: Outcome, code: str | None = None) -> None:
        self._governor._report(self._call, outcome, code, 1, self._metadata)  # noqa: SLF001 - two halves of one thing

    def __iter__(self) -> Iterator[Any]:
        try:
            for event in self._inner:
                self._seen(event)
                yield event
        except Exception as error:
            self._ended("interrupted", type(error).__name__)
            raise
        except BaseException:
            self._ended("abandoned")
            raise
        self._ended("ok")

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for event in self._inner:
                self._seen(event)
                yield event
        except Exception as error:
            self._ended("interrupted", type(error).__name__)
            raise
        except BaseException:
            self._ended("abandoned")
            raise
        self._ended("ok")

    def close(self) -> Any:
        """Leave; reported as abandoned if it was not read to its end."""
        self._ended("abandoned")
        return self._inner.close()
