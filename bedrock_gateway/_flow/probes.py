"""Probes: small reads that find out how things are.

They are sent again as calls are, but no breaker of the calls keeps them back, they trip none, and they are no events.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway._commands import Flow, Send, Together, Work
from bedrock_gateway._flow.attempts import Context, Tally, attempted
from bedrock_gateway.errors import GatewayError
from bedrock_gateway.governance.protection import Protection

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["probing", "retried"]

T = TypeVar("T")


def retried(flow: Flow[T], ctx: Context) -> Flow[T]:
    """Run a flow of probes: each `Send` is sent again as a call's is, and fails with an error of ours."""
    ctx = replace(ctx, protection=Protection())
    step, value = flow.send, None
    while True:
        try:
            command = step(value)
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            value = yield from _done(command, ctx)
            step = flow.send
        except GatewayError as error:
            step, value = flow.throw, error


def _done(command: Any, ctx: Context) -> Flow[Any]:
    if isinstance(command, Send):
        return (yield from probing(command, ctx))
    if isinstance(command, Together):
        command = replace(command, work=_Probes(command.work, ctx, command.until))
    return (yield command)


def probing(send: Send, ctx: Context) -> Flow[Any]:
    """Send one probe, more than once where that helps; it fails with an error of ours."""
    return (yield from attempted(send, ctx, _plain, Tally(send.operation, ctx.now())))


def _plain(send: Send, _ctx: Context, _tally: Tally) -> Flow[Any]:
    return (yield send)


def _alone(command: Any) -> Flow[Any]:
    return (yield command)


class _Probes:
    """Work whose questions are probes, none of which outlasts the whole; what is a flow already stays one."""

    def __init__(self, work: Work, ctx: Context, until: float) -> None:
        self._work, self._ctx, self._until = work, ctx, until
        self.tell = work.tell
        self.services: set[str] = set()
        """Which are asked: who drives this may prepare for them."""

    @property
    def finished(self) -> bool:
        return self._work.finished

    def ready(self) -> list[tuple[Hashable, Flow[Any]]]:
        found = self._work.ready()
        self.services = {command.service for _, command in found if isinstance(command, Send)}
        return [(key, self._flow(command)) for key, command in found]

    def _flow(self, command: Any) -> Flow[Any]:
        if isinstance(command, Generator):
            return command
        return probing(command, self._patient()) if isinstance(command, Send) else _alone(command)

    def _patient(self) -> Context:
        timeouts = self._ctx.timeouts
        left = max(self._until - self._ctx.now(), 0.0)
        return replace(self._ctx, timeouts=replace(timeouts, total=min(timeouts.total, left)))
