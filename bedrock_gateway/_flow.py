"""The call as a generator: what is sent, when it is sent again, what is reported.

A flow yields commands and is sent what happened; it performs nothing. Nesting: `governed` (rules, and exactly one
terminal event) holds `attempted` (when to send again), which holds `sent`. A flow never blocks. While it is being closed
(the caller left, the task was cancelled) it can neither yield nor wait: it only reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway._commands import Deliver, Flow, Receive, Send, Sleep, Timeouts
from bedrock_gateway._eventstream import CorruptFrameError, Decoder
from bedrock_gateway.errors import (
    AccessDeniedError,
    GatewayError,
    GovernanceError,
    IngestionFailedError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
)
from bedrock_gateway.events import CallEnded, IngestionPolled, Outcome, RetryScheduled
from bedrock_gateway.governance.classify import from_frame, translate
from bedrock_gateway.governance.retry import RetryPolicy

if TYPE_CHECKING:
    from bedrock_gateway._fold import Fold
    from bedrock_gateway.results import IngestionJob, Usage

__all__ = ["Context", "call", "poll_ingestion", "retried", "stream"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """What a flow needs to know of its gateway."""

    emit: Callable[[Any], None]
    rules: tuple[Callable[[Send], Send], ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    resend_ambiguous: bool = False
    principal: str | None = None
    region: str | None = None
    local: bool = False
    now: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class _Tally:
    """What the terminal event will say."""

    send: Send
    started: float
    attempts: int = 0
    first_token: float | None = None
    usage: Usage | None = None
    request_id: str | None = None


Once = Callable[[Send, Context, _Tally], Flow[T]]


def call(send: Send, ctx: Context, parse: Callable[[Any, Send], T]) -> Flow[T]:
    """Send once or more, and return what *parse* makes of the reply."""

    def once(send: Send, _ctx: Context, tally: _Tally) -> Flow[T]:
        reply = yield send
        tally.request_id = _request_id(reply)
        result = parse(reply, send)
        tally.usage = getattr(result, "usage", None)
        return result

    return (yield from governed(send, ctx, once))


def stream(send: Send, ctx: Context, fold: Callable[[Send], Fold]) -> Flow[Any]:
    """Send, deliver typed events as they come, and return the whole."""

    def once(send: Send, ctx: Context, tally: _Tally) -> Flow[Any]:
        return (yield from _received(send, ctx, tally, fold(send)))

    return (yield from governed(send, ctx, once))


def governed(send: Send, ctx: Context, once: Once[T]) -> Flow[T]:
    """Apply the rules, then send; report exactly once, whatever happens."""
    tally = _Tally(send, ctx.now())
    try:
        for rule in ctx.rules:
            send = tally.send = rule(send)
        result = yield from attempted(send, ctx, once, tally)
    except BaseException as error:
        _report(ctx, tally, _outcome(error), error)
        raise
    _report(ctx, tally, "ok", None)
    return result


def attempted(send: Send, ctx: Context, once: Once[T], tally: _Tally) -> Flow[T]:
    """Send until it succeeds, or must not or cannot be sent again."""
    end = tally.started + ctx.timeouts.total
    send = replace(send, until=end, first_byte=ctx.timeouts.first_byte)
    while True:
        tally.attempts += 1
        try:
            return (yield from once(send, ctx, tally))
        except Exception as cause:  # noqa: BLE001 - the one place where every failure becomes an error of ours
            error = translate(cause, send, tally.attempts)
        wait = ctx.retry.wait_seconds(error, send, tally.attempts, end - ctx.now(), opted_in=ctx.resend_ambiguous)
        if wait is None:
            raise error
        ctx.emit(_retry_scheduled(ctx, tally, wait, error))
        yield Sleep(wait)


def _retry_scheduled(ctx: Context, tally: _Tally, wait: float, error: GatewayError) -> RetryScheduled:
    send = tally.send
    return RetryScheduled(
        send.operation,
        send.capability,
        ctx.principal,
        send.model_id,
        ctx.region,
        tally.attempts,
        wait,
        _error_code(error),
        ctx.local,
    )


def _received(send: Send, ctx: Context, tally: _Tally, fold: Fold) -> Flow[Any]:
    reply = yield send
    tally.request_id = _request_id(reply)
    shown = _Shown()
    try:
        yield from _delivered(reply[send.stream], send, ctx, tally, fold, shown)
    except Exception as cause:  # noqa: BLE001 - after the terminal event the answer is whole, whatever follows it
        if not fold.complete:
            tally.usage = fold.usage
            over = send.until is not None and ctx.now() >= send.until
            raise _interrupted(cause, send, tally, fold, delivered=shown.any, over=over) from None
    tally.usage = fold.usage
    if not fold.complete:
        raise _cut("truncated", send, tally, fold, delivered=shown.any)
    return fold.result(tally.request_id, local=ctx.local)


@dataclass(slots=True)
class _Shown:
    """Whether the caller has seen anything of a stream."""

    any: bool = False


def _delivered(body: Any, send: Send, ctx: Context, tally: _Tally, fold: Fold, shown: _Shown) -> Flow[None]:
    """Read *body* to its end, its deadline or its error, and hand over what comes."""
    decoder = Decoder()
    idle_from, patience = ctx.now(), ctx.timeouts.first_byte
    while not fold.done:
        until = min(idle_from + patience, send.until or float("inf"))
        chunk = yield Receive(body, until)
        if chunk is None:
            return
        events = fold.feed(decoder.feed(chunk) if isinstance(chunk, bytes) else chunk)
        if events:
            idle_from, patience = ctx.now(), ctx.timeouts.idle
            if tally.first_token is None and any(getattr(one, "text", "") for one in events):
                tally.first_token = idle_from - tally.started
            shown.any = True
            yield Deliver(events)
        if fold.failed:
            raise from_frame(send, *fold.failed, tally.request_id, tally.attempts)


def _interrupted(
    cause: Exception, send: Send, tally: _Tally, fold: Fold, *, delivered: bool, over: bool
) -> BaseException:
    """Return what is raised for *cause*: itself where nothing has been shown and AWS said why."""
    error = translate(cause, send, tally.attempts)
    if not delivered and isinstance(error, ServiceError):
        return error
    made = _cut(_reason(cause, error, over=over), send, tally, fold, delivered=delivered)
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
    "service": "the service reported an error in it",
    "transport": "the connection was lost",
    "idle": "no event came in time",
    "deadline": "the total deadline passed",
}


def _cut(reason: str, send: Send, tally: _Tally, fold: Fold, *, delivered: bool) -> StreamInterruptedError:
    return StreamInterruptedError(
        f"{send.operation}{f' on {send.model_id}' if send.model_id else ''} was interrupted: {_REASONS[reason]}",
        operation=send.operation,
        reason=reason,
        partial=fold.result(tally.request_id) if delivered else None,
        usage=fold.usage,
        request_id=tally.request_id,
    )


def _request_id(reply: Any) -> str | None:
    return reply.get("ResponseMetadata", {}).get("RequestId") if isinstance(reply, dict) else None


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, (GovernanceError, AccessDeniedError)):
        return "denied"
    if isinstance(error, StreamInterruptedError):
        return "interrupted"
    return "failed" if isinstance(error, Exception) else "abandoned"


def _error_code(error: BaseException) -> str:
    return error.code if isinstance(error, ServiceError) else type(error).__name__


def _report(ctx: Context, tally: _Tally, outcome: Outcome, error: BaseException | None) -> None:
    send, usage = tally.send, tally.usage
    ctx.emit(
        CallEnded(
            operation=send.operation,
            outcome=outcome,
            capability=send.capability,
            principal=ctx.principal,
            model_id=send.model_id,
            region=ctx.region,
            attempts=tally.attempts,
            duration_seconds=round(ctx.now() - tally.started, 6),
            first_token_seconds=tally.first_token,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            request_id=tally.request_id or getattr(error, "request_id", None),
            error_code=_error_code(error) if error is not None and outcome != "abandoned" else None,
            local=ctx.local,
        )
    )


_ENDED = frozenset({"COMPLETE", "FAILED", "STOPPED"})


def poll_ingestion(
    send: Send,
    ctx: Context,
    parse: Callable[[Any, Send], IngestionJob],
    *,
    interval_seconds: float,
    timeout_seconds: float,
    on_progress: Callable[[IngestionJob], Any] | None = None,
) -> Flow[IngestionJob]:
    """Look at an ingestion job until it has ended."""
    started = ctx.now()
    while True:
        job = yield from call(send, ctx, parse)
        waited = ctx.now() - started
        ctx.emit(_polled(job, waited, local=ctx.local))
        if on_progress is not None:
            on_progress(job)
        if job.status in _ENDED:
            break
        if waited + interval_seconds > timeout_seconds:
            raise TransportError(
                f"ingestion job {job.id} is still {job.status} after {waited:.0f} s; it goes on: wait for it again",
                operation=send.operation,
                sent=True,
            )
        yield Sleep(interval_seconds)
    if job.status != "COMPLETE":
        why = f": {'; '.join(job.failure_reasons)[:500]}" if job.failure_reasons else ""
        raise IngestionFailedError(f"ingestion job {job.id} ended as {job.status}{why}", job=job)
    return job


def _polled(job: IngestionJob, waited: float, *, local: bool) -> IngestionPolled:
    return IngestionPolled(
        job.id,
        job.knowledge_base_id,
        job.status,
        job.documents_scanned,
        job.documents_indexed,
        job.documents_failed,
        round(waited, 3),
        local,
    )


def retried(flow: Flow[T], ctx: Context) -> Flow[T]:
    """Run a flow of probes: each `Send` is sent again as a call's is, and fails with an error of ours; no event."""
    step, value = flow.send, None
    while True:
        try:
            command = step(value)
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            value = (
                (yield from attempted(command, ctx, _plain, _Tally(command, ctx.now())))
                if isinstance(command, Send)
                else (yield command)
            )
            step = flow.send
        except GatewayError as error:
            step, value = flow.throw, error


def _plain(send: Send, _ctx: Context, _tally: _Tally) -> Flow[Any]:
    return (yield send)
