"""One request after another: when to send again, when to stop, and what the callers of a gateway learn from it together.

Below `_flow.governed` and above the one request that ``once`` makes. Like every flow it never waits by itself; where the
caller leaves, it only puts its lease on a queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway._commands import Flow, Renew, Send, Sleep, Timeouts
from bedrock_gateway.errors import AccessDeniedError, GatewayError, ServiceError, StreamInterruptedError
from bedrock_gateway.events import CircuitChanged, RetryScheduled
from bedrock_gateway.governance.classify import never_sent, translate
from bedrock_gateway.governance.protection import MOST_REQUESTS, Guard, Lease, Protection
from bedrock_gateway.governance.retry import RetryPolicy

if TYPE_CHECKING:
    from bedrock_gateway.governance.breaker import Change
    from bedrock_gateway.results import Usage

__all__ = ["Context", "Once", "Tally", "answered", "attempted", "error_code"]

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
    protection: Protection = field(default_factory=Protection)
    """Breakers and retry budgets, shared by all views of a gateway."""
    fallback: bool = True
    """Whether models that are declared to stand in do."""
    gate: Callable[[Send], Flow[None]] | None = None
    """What a call must pass once the rules have let it: a preflight; None: nothing."""
    most_requests: int = MOST_REQUESTS
    """What is left of the ceiling: less for a repair."""


@dataclass(slots=True)
class Tally:
    """What the terminal event will say."""

    operation: str
    started: float
    capability: str | None = None
    send: Send | None = None
    attempts: int = 0
    """Requests that went out, of the whole call."""
    first_token: float | None = None
    usage: Usage | None = None
    request_id: str | None = None
    lease: Lease | None = None
    """Leave for the request that is under way."""


Once = Callable[[Send, Context, Tally], Flow[T]]


def attempted(send: Send, ctx: Context, once: Once[T], tally: Tally) -> Flow[T]:
    """Send until it succeeds, or must not or cannot be sent again."""
    end = tally.started + ctx.timeouts.total
    send = replace(send, until=end, first_byte=ctx.timeouts.first_byte)
    guard = ctx.protection.of(send)
    attempts = cost = 0
    failure: GatewayError | None = None
    renewed = False
    while True:
        since = ctx.now()
        lease = tally.lease = _leave_to_send(guard, send, ctx, failure)
        attempts += 1
        tally.attempts += 1
        try:
            result = yield from once(send, ctx, tally)
        except Exception as cause:  # noqa: BLE001 - the one place where every failure becomes an error of ours
            failure = translate(cause, send, tally.attempts, principal=ctx.principal)
        except BaseException:
            lease.left()
            raise
        else:
            _tell(send, ctx, lease.succeeded(ctx.now(), cost))
            return result
        _tell(send, ctx, lease.failed(ctx.now(), failure), failure)
        if never_sent(failure):
            tally.attempts -= 1
            raise failure
        if not renewed and _has_expired(failure) and tally.attempts < ctx.most_requests:
            renewed = True
            if (yield Renew(since)):
                ctx.emit(_retry_scheduled(send, ctx, tally, 0.0, failure))
                continue
        wait = _wait(guard, failure, ctx, end - ctx.now(), send, attempts, tally.attempts)
        cost = _paid(guard, failure)
        ctx.emit(_retry_scheduled(send, ctx, tally, wait, failure))
        yield Sleep(wait)


def _wait(
    guard: Guard, failure: GatewayError, ctx: Context, remaining: float, send: Send, attempts: int, requests: int
) -> float:
    """Return how long to wait before sending again; where that must not be, the failure is the call's."""
    wait = ctx.retry.wait_seconds(failure, send, attempts, remaining, opted_in=ctx.resend_ambiguous)
    if wait is None or requests >= ctx.most_requests or guard.is_open:
        raise failure
    return wait


def _has_expired(error: GatewayError) -> bool:
    return isinstance(error, AccessDeniedError) and error.code in {"ExpiredToken", "ExpiredTokenException"}


def _leave_to_send(guard: Guard, send: Send, ctx: Context, failure: GatewayError | None) -> Lease:
    """Return leave to send; the call that has sent before fails with what it then met, not with the refusal."""
    lease = guard.admit(ctx.now())
    if lease is None:
        raise failure or guard.refusal(send, ctx.now())
    return lease


def _paid(guard: Guard, failure: GatewayError) -> int:
    """Pay for a retry; where the budget is used up, the failure is the call's."""
    cost = guard.spend(failure)
    if cost is None:
        failure.add_note("not sent again: too many requests to this model were, of late; successes earn retries back")
        raise failure
    return cost


def answered(send: Send, ctx: Context, tally: Tally) -> None:
    """The head of a stream has come: whoever waits for a probe need not wait for the rest of it."""
    if tally.lease is not None:
        _tell(send, ctx, tally.lease.answered(ctx.now()))


def _tell(send: Send, ctx: Context, change: Change | None, failure: GatewayError | None = None) -> None:
    if change is None:
        return
    ctx.emit(
        CircuitChanged(
            state=change.state,
            service=send.service,
            model_id=send.model_id,
            account=send.account,
            region=send.region,
            requests=change.requests,
            failures=change.failures,
            error_code=error_code(failure) if failure is not None else None,
            local=ctx.local,
        )
    )


def error_code(error: BaseException) -> str:
    """AWS's code, also of what interrupted a stream, or the name of the class."""
    reported = error.__cause__ if isinstance(error, StreamInterruptedError) else error
    return reported.code if isinstance(reported, ServiceError) else type(error).__name__


def _retry_scheduled(send: Send, ctx: Context, tally: Tally, wait: float, error: GatewayError) -> RetryScheduled:
    return RetryScheduled(
        send.operation,
        send.capability,
        ctx.principal,
        send.model_id,
        ctx.region,
        tally.attempts,
        wait,
        error_code(error),
        ctx.local,
    )
