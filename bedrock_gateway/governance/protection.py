"""What the callers of one gateway know together of each target: its circuit breaker and its retry budget.

A target is (account, Region, service, model). Threads and tasks share it, as do the views that ``with_options`` makes.
A caller that leaves, or whose stream is collected, may be in the middle of anything, inside of these locks too: it puts
its lease on a queue and takes no lock; the next one who asks settles it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import (
    CircuitOpenError,
    GatewayError,
    MalformedResponseError,
    ModelFailedError,
    OutputValidationError,
    StreamInterruptedError,
    ThrottledError,
    TransportError,
    UnavailableError,
)
from bedrock_gateway.governance.breaker import Breaker, BreakerPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Send
    from bedrock_gateway.governance.breaker import Admission, Change

__all__ = ["MOST_REQUESTS", "Guard", "Lease", "Protection", "blames"]

MOST_REQUESTS = 12
"""HTTP requests of one call, over every retry and every fallback: whatever a schedule says, no more go out."""

_SERVER = 500
_NO_EVIDENCE = frozenset({"deadline", "closed"})


def _transport(error: TransportError) -> bool | None:
    # The total deadline is the caller's own: a short one says nothing of the service.
    return None if getattr(error.__cause__, "bedrockgw_deadline", None) == "total" else True


def _interrupted(error: StreamInterruptedError) -> bool | None:
    if error.reason == "service":
        return blames(error.__cause__)
    return None if error.reason in _NO_EVIDENCE else True


_BLAMES: tuple[tuple[type[GatewayError], Callable[[Any], bool | None]], ...] = (
    (CircuitOpenError, lambda _: None),
    (UnavailableError, lambda _: True),
    (ModelFailedError, lambda error: True if (error.original_status or 0) >= _SERVER else None),
    (OutputValidationError, lambda _: False),
    (MalformedResponseError, lambda _: True),
    (TransportError, _transport),
    (StreamInterruptedError, _interrupted),
)


def blames(error: BaseException | None) -> bool | None:
    """Whether *error* speaks against the service: True, False (it has answered, whole), or None for no evidence.

    A 4xx is none, a throttle included: it is what the caller asked, or how often, and the retry budget is for that.
    """
    return next((judge(error) for kind, judge in _BLAMES if isinstance(error, kind)), None)


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """What retries cost. Figures: botocore's standard mode since 1.44.0."""

    tokens: int = 500
    throttled_cost: int = 5
    transient_cost: int = 14
    refill: int = 1
    """For a success at once; a success after a retry gives back what that retry cost."""


class Guard:
    """The breaker and the budget of one target, for any number of threads."""

    def __init__(self, breaker: BreakerPolicy, budget: BudgetPolicy) -> None:
        self._lock = threading.Lock()
        self._left: deque[Admission] = deque()
        """Of callers that left. Appending needs no lock of ours."""
        self._breaker = Breaker(breaker)
        self._budget = budget
        self._tokens = budget.tokens
        self._last_code = ""

    def admit(self, now: float) -> Lease | None:
        """Return leave to send one request; None: none may go out now."""
        with self._lock:
            self._settle(now)
            admission = self._breaker.admit(now)
        return Lease(self, admission) if admission is not None else None

    def refusal(self, send: Send, now: float) -> CircuitOpenError:
        """Return what a caller is told whose request may not go out."""
        with self._lock:
            return _refused(send, self._breaker.wait_seconds(now), self._last_code)

    def _settle(self, now: float) -> None:
        while self._left:
            self._breaker.ended(self._left.popleft(), now, failed=None)

    def succeeded(self, admission: Admission, now: float, cost: int) -> Change | None:
        """Count a request that was answered; *cost* is what the retry that it was had cost, 0: it was none."""
        with self._lock:
            self._tokens = min(self._budget.tokens, self._tokens + (cost or self._budget.refill))
            return self._breaker.ended(admission, now, failed=False)

    def answered(self, admission: Admission, now: float) -> Change | None:
        """A stream has begun: a probe has found out what it was to find out."""
        with self._lock:
            return self._breaker.ended(admission, now, failed=False)

    def failed(self, admission: Admission, now: float, error: GatewayError) -> Change | None:
        """Count a request that failed, if it speaks against the service."""
        blamed = blames(error)
        with self._lock:
            if blamed:
                self._last_code = getattr(error, "code", type(error).__name__)
            return self._breaker.ended(admission, now, failed=blamed)

    def left(self, admission: Admission) -> None:
        """The caller is gone; takes no lock."""
        self._left.append(admission)

    @property
    def is_open(self) -> bool:
        """Whether nothing is sent now."""
        return self._breaker.state == "open"

    def spend(self, error: GatewayError) -> int | None:
        """Pay for sending again after *error* and return what it cost; None: there is not enough left."""
        throttled = isinstance(error, ThrottledError)
        cost = self._budget.throttled_cost if throttled else self._budget.transient_cost
        with self._lock:
            if self._tokens < cost:
                return None
            self._tokens -= cost
        return cost

    def earn(self, cost: int) -> None:
        """Take back what sending again cost: it helped."""
        with self._lock:
            self._tokens = min(self._budget.tokens, self._tokens + cost)


class Lease:
    """Leave to send one request, until it is known what became of it."""

    __slots__ = ("_admission", "_guard")

    def __init__(self, guard: Guard, admission: Admission) -> None:
        self._guard = guard
        self._admission = admission

    def answered(self, now: float) -> Change | None:
        """The head of a stream has come."""
        return self._guard.answered(self._admission, now) if self._admission.probe else None

    def succeeded(self, now: float, cost: int) -> Change | None:
        """The whole answer has come."""
        return self._guard.succeeded(self._admission, now, cost)

    def failed(self, now: float, error: GatewayError) -> Change | None:
        """*error* came instead."""
        return self._guard.failed(self._admission, now, error)

    def left(self) -> None:
        """The caller left; may be called from anywhere, a collector that runs inside of our locks included."""
        self._guard.left(self._admission)


class Protection:
    """The guards of one gateway, one a target, made at first use; in the child of a fork, new ones."""

    def __init__(self, breaker: BreakerPolicy | None = None, budget: BudgetPolicy | None = None) -> None:
        self._breaker = breaker or BreakerPolicy()
        self._budget = budget or BudgetPolicy()
        self._guards: dict[tuple[str | None, ...], Guard] = {}
        self._pid = os.getpid()

    def of(self, send: Send) -> Guard:
        """Return the guard of what *send* is sent to."""
        if self._pid != os.getpid():  # a thread of the parent may have held a lock
            self._guards, self._pid = {}, os.getpid()
        key = (send.account, send.region, send.service, send.model_id)
        found = self._guards.get(key)
        return found or self._guards.setdefault(key, Guard(self._breaker, self._budget))


def _refused(send: Send, wait_seconds: float, code: str) -> CircuitOpenError:
    when = f"in {wait_seconds:.0f} s one request will try" if wait_seconds else "one request is trying now"
    on = f" on {send.model_id}" if send.model_id else ""
    error = CircuitOpenError(
        f"{send.operation}{on}: not sent: most requests to it in {send.region} failed of late"
        f"{f' (the last with {code})' if code else ''}; {when}",
        operation=send.operation,
        code="CircuitOpen",
        attempts=0,
        retryable=True,
    )
    error.retry_after_seconds = wait_seconds
    return error
