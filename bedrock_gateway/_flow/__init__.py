"""The call as a generator: what is sent, when it is sent again, what is reported.

A flow yields commands and is sent what happened; it performs nothing. Nesting: `governed` (exactly one terminal event)
holds `routed` (models and rules, in `_flow.routes`), which holds `attempted` (when to send again, in `_flow.attempts`),
which holds the one request. A flow never blocks. While it is being closed (the caller left, the task was cancelled) it
can neither yield nor wait: it only reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway._commands import Deliver, Flow, Receive, Send
from bedrock_gateway._eventstream import CorruptFrameError
from bedrock_gateway._flow.attempts import Context, Once, Tally, answered, error_code
from bedrock_gateway._flow.probes import retried
from bedrock_gateway._flow.routes import Make, routed
from bedrock_gateway.errors import (
    AccessDeniedError,
    GatewayError,
    GovernanceError,
    PreflightFailedError,
    ServiceError,
    StreamInterruptedError,
)
from bedrock_gateway.events import CallEnded, DecoderFellBack, Outcome
from bedrock_gateway.governance.classify import from_frame, translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._fold import Fold

__all__ = ["Context", "Make", "call", "retried", "stream"]

T = TypeVar("T")


def call(
    operation: str,
    make: Make,
    ctx: Context,
    parse: Callable[[Any, Send], T],
    *,
    capability: str | None = None,
    routes: tuple[Make, ...] = (),
) -> Flow[T]:
    """Make the request, send it once or more, and return what *parse* makes of the reply.

    *routes* make it for the models that may stand in.
    """

    def once(send: Send, _ctx: Context, tally: Tally) -> Flow[T]:
        reply = yield send
        tally.request_id = _request_id(reply)
        result = parse(reply, send)
        tally.usage = getattr(result, "usage", None)
        return result

    return (yield from governed(Tally(operation, ctx.now(), capability), make, routes, ctx, once))


def stream(
    operation: str,
    make: Make,
    ctx: Context,
    fold: Callable[[Send], Fold],
    *,
    capability: str | None = None,
    routes: tuple[Make, ...] = (),
) -> Flow[Any]:
    """Make the request, send it, deliver typed events as they come, and return the whole."""

    def once(send: Send, ctx: Context, tally: Tally) -> Flow[Any]:
        return (yield from _received(send, ctx, tally, fold(send)))

    return (yield from governed(Tally(operation, ctx.now(), capability), make, routes, ctx, once))


def governed(tally: Tally, make: Make, routes: tuple[Make, ...], ctx: Context, once: Once[T]) -> Flow[T]:
    """Make the request, apply the rules, then send; report exactly once, whatever happens."""
    try:
        result = yield from routed(tally, make, routes, ctx, once)
    except BaseException as error:
        _report(ctx, tally, _outcome(error), error)
        raise
    _report(ctx, tally, "ok", None)
    return result


def _received(send: Send, ctx: Context, tally: Tally, fold: Fold) -> Flow[Any]:
    reply = yield send
    tally.request_id = _request_id(reply)
    answered(send, ctx, tally)
    fold.began(reply)
    shown = _Shown()
    caught: Exception | None = None
    try:
        yield from _delivered(reply[send.stream], send, ctx, tally, fold, shown)
    except Exception as cause:  # noqa: BLE001 - becomes an error of ours below, outside of this block: without a context
        caught = cause
    tally.usage = fold.usage
    if caught is not None and (fold.failed or not fold.complete):
        over = send.until is not None and ctx.now() >= send.until
        raise _interrupted(caught, send, ctx, tally, fold, delivered=shown.any, over=over)
    # After the terminal event the answer is whole, whatever becomes of the bytes behind it, unless AWS itself says no.
    if not fold.complete:
        raise _cut("truncated", send, ctx, tally, fold, delivered=shown.any)
    return fold.finished(tally.request_id, local=ctx.local)


_TAIL_SECONDS = 0.05


@dataclass(slots=True)
class _Shown:
    """Whether the caller has seen anything of a stream."""

    any: bool = False


def _delivered(body: Any, send: Send, ctx: Context, tally: Tally, fold: Fold, shown: _Shown) -> Flow[None]:
    """Read *body* to its end, its deadline or its error, and hand over what comes."""
    idle_from, patience = ctx.now(), ctx.timeouts.first_byte
    told = False
    while not fold.done:
        until = min(idle_from + patience, send.until or float("inf"))
        chunk = yield Receive(body, until)
        if chunk is None:
            return fold.ended()
        if not isinstance(chunk, bytes) and not told:
            told = True
            ctx.emit(DecoderFellBack(send.operation, send.region, ctx.local))
        events = fold.feed(chunk)
        if events:
            if tally.first_token is None and any(getattr(one, "text", "") for one in events):
                tally.first_token = round(ctx.now() - tally.started, 6)
            shown.any = True
            yield Deliver(events)
            # From here on: a caller who takes long over an event is not a stream that stands still.
            idle_from, patience = ctx.now(), ctx.timeouts.idle
        if fold.failed:
            raise from_frame(send, *fold.failed, tally.request_id, tally.attempts, principal=ctx.principal)
        if fold.corrupt:
            raise fold.corrupt
    # The end of the body follows at once. Read, it leaves a connection that can serve the next call; else it is closed.
    yield Receive(body, ctx.now() + _TAIL_SECONDS)
    return None


def _interrupted(
    cause: Exception, send: Send, ctx: Context, tally: Tally, fold: Fold, *, delivered: bool, over: bool
) -> BaseException:
    """Return what is raised for *cause*: itself where nothing has been shown and AWS said why."""
    error = translate(cause, send, tally.attempts, principal=ctx.principal)
    if not delivered and isinstance(error, ServiceError):
        return error
    code = error.code if isinstance(error, ServiceError) else "an error"
    made = _cut(_reason(cause, error, over=over), send, ctx, tally, fold, delivered=delivered, code=code)
    made.__cause__ = error
    return made


def _reason(cause: Exception, error: GatewayError, *, over: bool) -> str:
    if isinstance(cause, CorruptFrameError):
        return "corrupt"
    if isinstance(error, ServiceError):
        return "service"
    waited = hasattr(cause, "bedrockgw_deadline") or type(cause).__name__ in _WAITED
    return ("deadline" if over else "idle") if waited else "transport"


_WAITED = frozenset({"ReadTimeoutError", "SocketTimeoutError", "ServerTimeoutError"})
_REASONS = {
    "truncated": "it ended before its terminal event",
    "corrupt": "its bytes are damaged",
    "service": "the service reported {} in it",
    "transport": "the connection was lost",
    "idle": "no event came in time",
    "deadline": "the total deadline passed",
}


def _cut(
    reason: str, send: Send, ctx: Context, tally: Tally, fold: Fold, *, delivered: bool, code: str = ""
) -> StreamInterruptedError:
    what = _REASONS[reason].format(code)
    return StreamInterruptedError(
        f"{send.operation}{f' on {send.model_id}' if send.model_id else ''} was interrupted: {what}",
        operation=send.operation,
        reason=reason,
        partial=fold.result(tally.request_id, local=ctx.local) if delivered else None,
        usage=fold.usage,
        request_id=tally.request_id,
        may_resend=send.resend != "billed",
    )


def _request_id(reply: Any) -> str | None:
    return reply.get("ResponseMetadata", {}).get("RequestId") if isinstance(reply, dict) else None


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, (GovernanceError, AccessDeniedError, PreflightFailedError)):
        return "denied"
    if isinstance(error, StreamInterruptedError):
        return "interrupted"
    return "failed" if isinstance(error, Exception) else "abandoned"


def _report(ctx: Context, tally: Tally, outcome: Outcome, error: BaseException | None) -> None:
    send, usage = tally.send, tally.usage or getattr(error, "usage", None)
    ctx.emit(
        CallEnded(
            operation=tally.operation,
            outcome=outcome,
            capability=send.capability if send else tally.capability,
            principal=ctx.principal,
            model_id=send.model_id if send else None,
            region=ctx.region,
            attempts=tally.attempts,
            duration_seconds=round(ctx.now() - tally.started, 6),
            first_token_seconds=tally.first_token,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            request_id=tally.request_id or getattr(error, "request_id", None),
            error_code=error_code(error) if error is not None and outcome != "abandoned" else None,
            local=ctx.local,
        )
    )
