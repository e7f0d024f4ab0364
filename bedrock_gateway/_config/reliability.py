"""`[reliability]` of `gateway.toml`: what calls do when something is not as it should be. Every key has a default."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bedrock_gateway._config.values import Table

__all__ = ["BreakerConfig", "DeadlineConfig", "ReliabilityConfig", "RetryConfig"]

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class DeadlineConfig(Table):
    """Deadlines of a call; ``Timeouts`` given to a gateway, or to ``with_options``, go before them."""

    connect_seconds: Seconds = 5.0
    """To open a connection, the wait for a free one included."""
    first_byte_seconds: Seconds = 60.0
    """From the request to the first byte of its answer; of a unary call that is the whole generation."""
    idle_seconds: Seconds = 30.0
    """Between two events of a stream."""
    total_seconds: Seconds = 600.0
    """The whole call: every attempt, every wait, the whole stream."""


class RetryConfig(Table):
    """How often a request is sent again, and what that costs the retry budget of its model."""

    attempts: Annotated[int, Field(ge=1, le=12)] = 4
    """Requests of one call to one model, the first included; 1: none is sent again."""
    not_ready_attempts: Annotated[int, Field(ge=1, le=12)] = 6
    """The same, while AWS says that the model is being loaded."""
    budget_tokens: Annotated[int, Field(ge=0, le=1_000_000)] = 500
    """What each model's retries may cost before successes have to earn them back; 0: none is sent again."""
    transient_cost: Annotated[int, Field(ge=1, le=1_000_000)] = 14
    """Tokens for sending again after a failure, and for a repair of an answer."""
    throttled_cost: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    """Tokens for sending again after a throttle."""
    success_refill: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    """Tokens that a success at once earns; one after a retry gives back what the retry cost."""


class BreakerConfig(Table):
    """When nothing is sent to a model for a while: its circuit breaker."""

    window_seconds: Seconds = 30.0
    """How far back requests count."""
    minimum_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 40
    """Fewer than so many in the window say nothing."""
    failure_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of failures in the window from which on the circuit opens."""
    open_seconds: Seconds = 10.0
    """How long nothing is sent before one request may try."""


class ReliabilityConfig(Table):
    """What calls do when something is not as it should be; every key has a default."""

    max_connections: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Connections of a gateway to each service: kept, in a sync gateway; at most so many at a time, in an async one."""
    output_retries: Annotated[int, Field(ge=0, le=3)] = 0
    """How often an answer that does not fit ``output`` is shown to the model again; each is a billed call."""
    deadlines: DeadlineConfig = DeadlineConfig()
    retries: RetryConfig = RetryConfig()
    breaker: BreakerConfig = BreakerConfig()
