"""When a request is sent again: a table of failures, and tenacity's stop and wait callables for how often and when.

Resending is a property of the operation. After a failure that may have been billed, only a ``free`` or ``token``
operation is sent again, or a ``billed`` one whose caller opted in.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_exponential, wait_random_exponential

from bedrock_gateway.errors import (
    GatewayError,
    MalformedResponseError,
    ModelFailedError,
    ModelNotReadyError,
    ModelTimeoutError,
    OutputValidationError,
    ServiceError,
    StreamInterruptedError,
    ThrottledError,
    TransportError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Send

__all__ = ["RetryPolicy", "may_hop", "may_resend"]

HINT_LIMIT_SECONDS = 60.0
_PASSING = frozenset({429, 500, 502, 503, 504})
_UNTRUSTED = "SSLError"


def _transport(error: TransportError, *, ambiguous: bool, opted_in: bool) -> bool:  # noqa: ARG001 - one signature for the table
    return type(error.__cause__).__name__ != _UNTRUSTED and (error.sent is False or ambiguous)


def _interrupted(error: StreamInterruptedError, *, ambiguous: bool, opted_in: bool) -> bool:  # noqa: ARG001
    # What the caller has seen is never sent again behind their back.
    return error.partial is None and error.reason != "deadline" and (error.may_resend or opted_in)


# Error class, the narrower before the wider → whether to send again, where *ambiguous* says that a second bill is excluded or accepted.
_JUDGES: tuple[tuple[type[GatewayError], Callable[..., bool]], ...] = (
    (TransportError, _transport),
    (ModelFailedError, lambda error, **_: error.original_status in _PASSING),
    (ModelTimeoutError, lambda _, *, ambiguous, **__: ambiguous),
    (ServiceError, lambda error, **_: error.retryable),
    (StreamInterruptedError, _interrupted),
    (OutputValidationError, lambda *_, **__: False),  # it came whole: there is nothing ambiguous to accept
    (MalformedResponseError, lambda _, *, ambiguous, **__: ambiguous),
)


def may_resend(error: GatewayError, send: Send, *, opted_in: bool = False) -> bool:
    """Whether *send* may go out again after *error* without being billed twice, or its caller accepts that."""
    ambiguous = send.resend in {"free", "token"} or opted_in
    judge = next((judge for kind, judge in _JUDGES if isinstance(error, kind)), None)
    return judge is not None and judge(error, ambiguous=ambiguous, opted_in=opted_in)


_HOPS = (UnavailableError, ModelNotReadyError, ThrottledError)
_MAYBE_BILLED = (TransportError, ModelTimeoutError, MalformedResponseError, StreamInterruptedError)


def may_hop(error: GatewayError, send: Send, *, opted_in: bool = False) -> bool:
    """Whether another model may be asked after *error*: the first could not answer, and nothing is billed for it.

    Or the caller accepts a second bill (*opted_in*). Never once the caller has seen something.
    """
    if isinstance(error, ModelFailedError):
        return error.original_status in _PASSING
    if isinstance(error, _MAYBE_BILLED):
        # Not sent at all: every model of the Region is behind the same endpoint.
        unsent = isinstance(error, TransportError) and error.sent is False
        return not unsent and opted_in and may_resend(error, send, opted_in=True)
    return isinstance(error, _HOPS)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long; every part is one of tenacity's callables, so that tests pass ``wait_none``."""

    stop: Callable[[Any], bool] = field(default_factory=lambda: stop_after_attempt(4))
    not_ready_stop: Callable[[Any], bool] = field(default_factory=lambda: stop_after_attempt(6))
    transient_wait: Callable[[Any], float] = field(
        default_factory=lambda: wait_random_exponential(multiplier=0.1, max=5)
    )
    throttled_wait: Callable[[Any], float] = field(
        default_factory=lambda: wait_random_exponential(multiplier=1, max=20)
    )
    not_ready_wait: Callable[[Any], float] = field(default_factory=lambda: wait_exponential(multiplier=2, max=30))

    @classmethod
    def of(cls, attempts: int, not_ready_attempts: int) -> RetryPolicy:
        """Return the usual policy for so many requests of a call, the first included."""
        return cls(stop=stop_after_attempt(attempts), not_ready_stop=stop_after_attempt(not_ready_attempts))

    def wait_seconds(
        self, error: GatewayError, send: Send, attempts: int, remaining: float, *, opted_in: bool = False
    ) -> float | None:
        """Return how long to wait before sending again; None: do not."""
        if not may_resend(error, send, opted_in=opted_in):
            return None
        state = SimpleNamespace(attempt_number=attempts, seconds_since_start=0.0)
        stop, wait = self._schedule(error)
        if stop(state):
            return None
        hint = getattr(error, "retry_after_seconds", None)
        seconds = wait(state)
        if hint is not None:
            # A little jitter, so that all who were throttled together do not come back together.
            seconds = max(seconds, min(hint, HINT_LIMIT_SECONDS)) + random.uniform(0, 0.1)  # noqa: S311
        return seconds if seconds < remaining else None

    def _schedule(self, error: GatewayError) -> tuple[Callable[[Any], bool], Callable[[Any], float]]:
        if isinstance(error, ModelNotReadyError):
            return self.not_ready_stop, self.not_ready_wait
        throttled = isinstance(error, ThrottledError) or getattr(error, "original_status", None) == 429  # noqa: PLR2004
        return self.stop, self.throttled_wait if throttled else self.transient_wait
