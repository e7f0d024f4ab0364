"""What both gateways share: the configuration, the principal, the rules, and each call as a flow."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _flow, _requests, _responses
from bedrock_gateway._commands import Record
from bedrock_gateway._fold import ConverseFold, InvokeFold
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.events import StructlogObserver, emitter
from bedrock_gateway.governance.rules import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bedrock_gateway._commands import Flow, Send, Timeouts
    from bedrock_gateway._flow import Context
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.results import IngestionJob

__all__ = ["Facade"]

_EMBEDDING = ("embed", "rerank")


class Facade:
    """Neither sync nor async: no I/O."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        principal: str | None = None,
        rules: Iterable[Callable[[Send], Send]] = (),
        observers: Iterable[Callable[[Any], None]] | None = None,
    ) -> None:
        self.config = config
        """The configuration; frozen."""
        self.principal = config.principal_name(principal)
        """Name of the principal whose declarations hold."""
        seen = (StructlogObserver(),) if observers is None else tuple(observers)
        self._context = _flow.Context(
            emit=emitter(seen),
            rules=(*rules_of(config, self.principal), *rules),
            principal=self.principal,
            region=config.region,
            local=config.local,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(principal={self.principal!r}, region={self.config.region!r})"

    def _view(self, timeouts: Timeouts | None, *, resend_ambiguous: bool | None) -> Any:
        given: dict[str, Any] = {}
        if timeouts is not None:
            given["timeouts"] = timeouts
        if resend_ambiguous is not None:
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
        return chat[0]

    def _call(self, build: Callable[[], Send], parse: Callable[[Any, Send], Any]) -> Flow[Any]:
        return (yield from _flow.call(build(), self._context, partial(_marked, parse, self._context)))

    def _converse(self, prompt: Any, model: str | None, options: dict[str, Any]) -> Flow[Any]:
        return self._call(
            lambda: _requests.converse(self.config, prompt, model=self._model(model), **options), _responses.converse
        )

    def _converse_stream(self, prompt: Any, model: str | None, options: dict[str, Any]) -> Flow[Any]:
        send = _requests.converse(self.config, prompt, model=self._model(model), streamed=True, **options)
        return _flow.stream(send, self._context, ConverseFold)

    def _invoke(self, body: Any, model: str | None, options: dict[str, Any]) -> Flow[Any]:
        return self._call(
            lambda: _requests.invoke_model(self.config, body, model=self._model(model), **options),
            _responses.invoke_model,
        )

    def _invoke_stream(self, body: Any, model: str | None, options: dict[str, Any]) -> Flow[Any]:
        send = _requests.invoke_model(self.config, body, model=self._model(model), streamed=True, **options)
        return _flow.stream(send, self._context, InvokeFold)

    def _ask(self, question: str, model: str | None, options: dict[str, Any]) -> Flow[Any]:
        return self._call(
            lambda: _requests.retrieve_and_generate(self.config, question, model=self._model(model), **options),
            _responses.answer,
        )

    def _wait(self, job: IngestionJob, options: dict[str, Any]) -> Flow[IngestionJob]:
        parse = partial(_marked, _responses.ingestion_job, self._context)
        return _flow.poll_ingestion(_requests.get_ingestion(self.config, job), self._context, parse, **options)

    def _preflight(self, level: Any, session: Any) -> Flow[Any]:
        from bedrock_gateway import preflight
        from bedrock_gateway.preflight.readers import read_facts

        facts = yield Record(lambda: read_facts(self.config, session))
        checks = preflight.run(self.config, self.principal, level, facts, emit=self._context.emit)
        return (yield from _flow.retried(checks, self._context))


def _marked(parse: Callable[[Any, Send], Any], ctx: Context, reply: Any, send: Send) -> Any:
    """Parse, and say whether a local Bedrock answered."""
    result = parse(reply, send)
    return replace(result, local=True) if ctx.local else result
