"""Which model a call goes to: the one it asks for, then, where that cannot answer, those that are declared to stand in.

Between `_flow.governed` (one terminal event) and `_flow.attempts.attempted` (when to send again). Each route makes its
own request and passes every rule: a model that stands in is governed as the first one was, in the same Region.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

from bedrock_gateway._commands import Flow, Send
from bedrock_gateway._flow.attempts import attempted, error_code
from bedrock_gateway.errors import GatewayError
from bedrock_gateway.events import FellBack
from bedrock_gateway.governance.retry import may_hop

if TYPE_CHECKING:
    from bedrock_gateway._flow.attempts import Context, Once, Tally

__all__ = ["Make", "routed"]

T = TypeVar("T")
Make = Callable[[], Send | Flow[Send]]
"""Makes the request; as a flow where it must ask AWS something first."""


def routed(tally: Tally, make: Make, routes: tuple[Make, ...], ctx: Context, once: Once[T]) -> Flow[T]:
    """Send what *make* makes; where its model cannot answer, what the first of *routes* makes whose model can."""
    left = list(routes)
    send = yield from _made(make, ctx, tally)
    while True:
        try:
            return (yield from attempted(send, ctx, once, tally))
        except GatewayError as error:
            failure = error
        spent = tally.attempts >= ctx.most_requests or ctx.now() >= tally.started + ctx.timeouts.total
        if not left or spent or not may_hop(failure, send, opted_in=ctx.resend_ambiguous):
            raise failure
        following = yield from _next(left, ctx, tally, failure)
        ctx.emit(_fell_back(send, following, ctx, tally, failure))
        send = following


def _made(make: Make, ctx: Context, tally: Tally) -> Flow[Send]:
    made = make()
    send = tally.send = (yield from made) if isinstance(made, Generator) else made
    for rule in ctx.rules:
        send = tally.send = rule(send)
    if ctx.gate is not None:
        yield from ctx.gate(send)
    return send


def _next(left: list[Make], ctx: Context, tally: Tally, failure: GatewayError) -> Flow[Send]:
    """Return the request of the next route; one that cannot be made is said beside the failure, which it does not hide."""
    asked = tally.send
    while left:
        try:
            return (yield from _made(left.pop(0), ctx, tally))
        except GatewayError as error:
            failure.add_note(f"did not fall back: {error.message}")
            tally.send = asked
    raise failure


def _fell_back(send: Send, following: Send, ctx: Context, tally: Tally, failure: GatewayError) -> FellBack:
    return FellBack(
        operation=following.operation,
        capability=following.capability,
        principal=ctx.principal,
        model_id=send.model_id,
        fallback_model_id=following.model_id,
        region=ctx.region,
        attempts=tally.attempts,
        error_code=error_code(failure),
        local=ctx.local,
    )
