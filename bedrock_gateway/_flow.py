"""The call as a generator: what is sent, when it is sent again, what is reported.

A flow yields commands and is sent what happened; it performs nothing. Nesting: `governed` (rules, and exactly one
terminal event) holds `attempted` (when to send again), which holds `sent`. A flow never blocks. While it is being closed
(the caller left, the task was cancelled) it can neither yield nor wait: it only reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bedrock_gateway.errors import (
    GatewayError,
    GovernanceError,
    AccessDeniedError,
    InferenceProfileRequiredError,
    ServiceError,
    StreamInterruptedError,
    TransportError,
)
from bedrock_gateway.events import CallEnded, Outcome, RetryScheduled

if TYPE_CHECKING:
    from bedrock_gateway.governance.retry import RetryPolicy

__all__ = ["Acquire", "Context", "Deliver", "Flow", "Receive", "Record", "Rule", "Send", "Sleep", "Timeouts"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines in seconds."""

    connect: float = 5.0
    """To open a connection, the wait for a free one included."""
    first_byte: float = 60.0
    """From the request to the first byte of its answer; of a unary call that is the whole generation."""
    idle: float = 30.0
    """Between two events of a stream: a trickle of bytes is not progress."""
    total: float = 600.0
    """The whole call: every attempt, every wait, the whole stream."""


@dataclass(frozen=True, slots=True)
class Send:
    """Call an AWS operation; answered with boto3's reply dict."""

    service: str
    operation: str
    params: Mapping[str, Any] = field(repr=False)
    resend: str = "free"
    stream: str | None = None
    region: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    capability: str | None = None
    model_id: str | None = None
    knowledge_base: str | None = None
    """Configured name, for the rules."""
    until: float | None = None
    """Deadline of the whole call, on the driver's monotonic clock."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Read once from a stream's body; answered with bytes, a list of parsed events, or None at its end."""

    body: Any
    until: float | None = None
    """When the stream is idle or over, on the driver's monotonic clock; bytes before that do not move it."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand events to the caller."""

    events: list[Any]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Acquire:
    """Wait for a permit: an object with ``acquire(timeout)`` and ``acquire_async(timeout)``."""

    permit: Any
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Write a ledger or audit entry: a callable that may block."""

    entry: Callable[[], Any]


Command = Send | Receive | Deliver | Sleep | Acquire | Record
Flow = Generator[Any, Any, T]
