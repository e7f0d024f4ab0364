"""What both gateways share: the configuration, the principal, the rules, and each call as a flow."""

from __future__ import annotations

import copy
import inspect
from dataclasses import fields, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway import _flow, _flow_ingestion, _requests, _responses
from bedrock_gateway._commands import Record, Timeouts
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway._fold_converse import ConverseFold
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.events import StructlogObserver, emitter
from bedrock_gateway.governance.rules import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bedrock_gateway._commands import Flow, Send
    from bedrock_gateway.config import GatewayConfig

__all__ = ["Facade"]

_EMBEDDING = ("embed", "rerank")

# Operation → what makes its request, and what reads its reply.
_CALLS: dict[str, tuple[Callable[..., Send], Callable[[Any, Send], Any]]] = {
    "Converse": (_requests.converse, _responses.converse),
    "InvokeModel": (_requests.invoke_model, _responses.invoke_model),
    "Retrieve": (_requests.retrieve, _responses.retrieved),
    "RetrieveAndGenerate": (_requests.retrieve_and_generate, _responses.answer),
    "CreateKnowledgeBase": (_requests.create_knowledge_base, _responses.knowledge_base),
    "CreateDataSource": (_requests.create_data_source, _responses.data_source),
    "StartIngestionJob": (_requests.start_ingestion, _responses.ingestion_job),
    "GetIngestionJob": (_requests.get_ingestion, _responses.ingestion_job),
}
_STREAMS: dict[str, tuple[Callable[..., Send], Any]] = {
    "ConverseStream": (_requests.converse, ConverseFold),
    "InvokeModelWithResponseStream": (_requests.invoke_model, InvokeFold),
}
_NEED_A_MODEL = frozenset({"Converse", "InvokeModel", "RetrieveAndGenerate", *_STREAMS})


class Facade:
    """Neither sync nor async: no I/O."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        principal: str | None = None,
        rules: Iterable[Callable[[Send], Send]] = (),
        observers: Iterable[Callable[[Any], None]] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.config = _configuration(config)
        """The configuration; frozen."""
        self.principal = config.principal_name(principal)
        """Name of the principal whose declarations hold."""
        seen = (StructlogObserver(),) if observers is None else tuple(observers)
        self._context = _flow.Context(
            emit=emitter(seen),
            rules=rules_of(config, self.principal, rules),
            principal=self.principal,
            region=config.region,
            local=config.local,
            timeouts=Timeouts() if timeouts is None else _deadlines(timeouts),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(principal={self.principal!r}, region={self.config.region!r})"

    def _view(self, timeouts: Timeouts | None, *, resend_ambiguous: bool | None) -> Any:
        given: dict[str, Any] = {}
        if timeouts is not None:
            given["timeouts"] = _deadlines(timeouts)
        if resend_ambiguous is not None:
            if not isinstance(resend_ambiguous, bool):
                raise ConfigError(f"resend_ambiguous is a bool, not {type(resend_ambiguous).__name__}")
            given["resend_ambiguous"] = resend_ambiguous
        view = copy.copy(self)
        view.__dict__["_context"] = replace(self._context, **given)
        return view

    def _model(self, model: str | None) -> str:
        """Return *model*, or the only chat model that is declared."""
        if model is not None:
            return model
        declared = self.config.principals[self.principal].models
        chat = [one for one in declared if not any(word in one for word in _EMBEDDING)]
        if len(chat) != 1:
            raise ConfigError(f"give model=: principal {self.principal!r} has {len(chat)} chat models")
        return str(chat[0])

    def _make(
        self, operation: str, build: Callable[..., Send], given: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Send:
        """Make the request, inside the flow: an argument that is refused is a call that ended."""
        needed = _needed(build)
        wanted = {name: value for name, value in options.items() if value is not None or name in needed}
        if operation in _NEED_A_MODEL:
            wanted["model"] = self._model(options.get("model"))
        return build(self.config, *given, **wanted)

    def _call(self, operation: str, *given: Any, **options: Any) -> Flow[Any]:
        build, parse = _CALLS[operation]
        return _flow.call(
            operation,
            partial(self._make, operation, build, given, options),
            self._context,
            partial(_marked, parse, self._context),
            capability=_requests.CAPABILITY_OF[operation],
        )

    def _stream(self, operation: str, *given: Any, **options: Any) -> Flow[Any]:
        build, fold = _STREAMS[operation]
        return _flow.stream(
            operation,
            partial(self._make, operation, build, given, options | {"streamed": True}),
            self._context,
            fold,
            capability=_requests.CAPABILITY_OF[operation],
        )

    def _wait(self, job: Any, interval_seconds: Any, timeout_seconds: Any, on_progress: Any) -> Flow[Any]:
        operation = "GetIngestionJob"
        arguments.number(operation, "interval_seconds", interval_seconds)
        arguments.number(operation, "timeout_seconds", timeout_seconds)
        return (
            yield from _flow_ingestion.poll_ingestion(
                partial(self._make, operation, _requests.get_ingestion, (job,), {}),
                self._context,
                partial(_marked, _responses.ingestion_job, self._context),
                capability=_requests.CAPABILITY_OF[operation],
                interval_seconds=interval_seconds,
                timeout_seconds=timeout_seconds,
                on_progress=on_progress,
            )
        )

    def _preflight(self, level: Any, session: Any, regions: Mapping[str, str]) -> Flow[Any]:
        from bedrock_gateway import preflight
        from bedrock_gateway.preflight.readers import read_facts

        if level not in (None, "minimal", "standard"):
            raise ConfigError(f"the level of a preflight is minimal or standard, not {str(level)[:80]!r}")
        facts = yield Record(lambda: read_facts(self.config, session, client_regions=regions))
        checks = preflight.run(self.config, self.principal, level, facts, emit=self._context.emit)
        return (yield from _flow.retried(checks, self._context))


@cache
def _needed(build: Callable[..., Send]) -> frozenset[str]:
    """Arguments for which None does not mean "the default"."""
    parameters = inspect.signature(build).parameters.values()
    return frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty)


def _configuration(config: Any) -> Any:
    if not hasattr(config, "principal_name"):
        raise ConfigError(f"config is a GatewayConfig, not {type(config).__name__}; see Gateway.from_file")
    return config


def _deadlines(timeouts: Any) -> Timeouts:
    if not isinstance(timeouts, Timeouts):
        raise ConfigError(f"timeouts is a Timeouts, not {type(timeouts).__name__}")
    for one in fields(timeouts):
        seconds = getattr(timeouts, one.name)
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 < seconds < float("inf"):
            raise ConfigError(f"timeouts.{one.name} is a number of seconds above 0")
    return timeouts


def _marked(parse: Callable[[Any, Send], Any], ctx: _flow.Context, reply: Any, send: Send) -> Any:
    """Parse, and say whether a local Bedrock answered."""
    result = parse(reply, send)
    return replace(result, local=True) if ctx.local else result
