"""The canary as a gateway makes it: its own calls of one model, each governed and reported as any other."""

from __future__ import annotations

import time
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway import _flow
from bedrock_gateway._commands import Flow, Send
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.events import CheckEnded
from bedrock_gateway.preflight.canary import Calls, run
from bedrock_gateway.preflight.facts import Facts
from bedrock_gateway.preflight.flow import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.preflight.report import CheckResult, Report

__all__ = ["flown", "model_of", "to_the_end"]

T = TypeVar("T")
_CAPABILITIES = ("converse", "preflight-canary")
_TOKENS = 1


def model_of(config: GatewayConfig, principal: str) -> str:
    """Return the model that the canary of *principal* calls: the first declared one that chats.

    Raises:
        ConfigError: the principal lacks a capability that the canary takes, or has no such model.
    """
    declared = config.principals[principal]
    lacking = [one for one in _CAPABILITIES if one not in declared.capabilities]
    if lacking:
        said = f"the canary calls a model and looks for its record: add {' and '.join(map(repr, lacking))} to the capabilities"
        raise ConfigError(said, key_path=f"principals.{principal}.capabilities")
    models = [one for one in declared.models if "embed" not in one and "rerank" not in one]
    if not models:
        raise ConfigError(
            "the canary calls a model, and none that chats is declared", key_path=f"principals.{principal}.models"
        )
    return models[0]


def flown(
    config: GatewayConfig,
    principal: str,
    report: Report,
    ctx: _flow.Context,
    *,
    converse: Callable[..., Flow[Any]],
    stream: Callable[..., Flow[Any]],
    patience_seconds: float,
) -> Flow[Report]:
    """Run the canary by the gateway's flows *converse* and *stream*; *ctx* is for the reads."""
    model, declared = model_of(config, principal), config.principals[principal]

    def asked(flow: Callable[..., Flow[Any]], prompt: str, metadata: Mapping[str, str]) -> Flow[Any]:
        return flow(prompt, model=model, max_tokens=_TOKENS, requestMetadata=dict(metadata))

    def ended(result: CheckResult) -> None:
        ctx.emit(CheckEnded(result.id, result.status, principal, config.region, result.duration_seconds, config.local))

    calls = Calls(
        converse=partial(asked, converse),
        stream=partial(asked, partial(to_the_end, stream)) if "converse-stream" in declared.capabilities else None,
        read=lambda send: _flow.retried(_alone(send), ctx),
        model=model,
        nonce=uuid.uuid4().hex,
        now=ctx.now,
        wall_milliseconds=int(time.time() * 1000),
        emit=ended,
    )
    # Level "canary": what is denied is granted by its own capability, whatever the level of the preflight.
    probe = partial(Probe, config, principal, declared, "canary", Facts(None))
    return (yield from run(probe, report, calls, patience_seconds=patience_seconds))


def _alone(send: Send) -> Flow[dict[str, Any]]:
    reply: dict[str, Any] = yield send
    return reply


def to_the_end(stream: Callable[..., Flow[T]], *given: Any, **options: Any) -> Flow[T]:
    """Run a streaming flow with nobody listening; its connection is released however it ends."""
    flow = stream(*given, **options)
    step: Callable[[Any], Any] = flow.send
    value: Any = None
    body: Any = None
    try:
        while True:
            try:
                command = step(value)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                value = yield command
                step = flow.send
            except Exception as error:  # noqa: BLE001 - the flow decides what becomes of it
                step, value = flow.throw, error
                continue
            if isinstance(command, Send) and command.stream is not None:
                _close(body)
                body = value.get(command.stream)
    finally:
        flow.close()
        _close(body)


def _close(body: Any) -> None:
    if body is not None:
        body.close()
