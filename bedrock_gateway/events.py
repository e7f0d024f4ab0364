"""What is logged: one dataclass an event, and who gets them.

An observer is a callable. The default one writes a JSON line to standard error through structlog, which is imported at
its first use and never configured. No event holds a prompt, an answer or a credential.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "CallEnded",
    "CheckEnded",
    "CircuitChanged",
    "DecoderFellBack",
    "Event",
    "FellBack",
    "IngestionPolled",
    "Observer",
    "Outcome",
    "PreflightEnded",
    "RetryScheduled",
    "SetupProgressed",
    "StructlogObserver",
    "emitter",
]

Outcome = Literal["ok", "denied", "failed", "interrupted", "abandoned"]


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call ended, whatever happened; exactly one a call."""

    name: ClassVar[str] = "gateway.call_ended"

    operation: str
    outcome: Outcome
    """``denied``: refused by a rule or by IAM; ``abandoned``: the caller left, or the task was cancelled."""
    capability: str | None = None
    principal: str | None = None
    model_id: str | None = None
    region: str | None = None
    attempts: int = 0
    """Requests sent; 0 where a rule refused."""
    duration_seconds: float = 0.0
    first_token_seconds: float | None = None
    """From the start of the call to the first text of a stream."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    request_id: str | None = None
    error_code: str | None = None
    """AWS's code, or the name of our error's class."""
    local: bool = False


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """The request will be sent again."""

    name: ClassVar[str] = "gateway.retry_scheduled"

    operation: str
    capability: str | None
    principal: str | None
    model_id: str | None
    region: str | None
    attempts: int
    """Requests sent so far."""
    wait_seconds: float
    error_code: str
    local: bool = False


@dataclass(frozen=True, slots=True)
class FellBack:
    """The model could not answer, and another one that is declared for this will be asked."""

    name: ClassVar[str] = "gateway.fell_back"

    operation: str
    capability: str | None
    principal: str | None
    model_id: str | None
    """The model that could not."""
    fallback_model_id: str | None
    """The model that is asked next."""
    region: str | None
    attempts: int
    """Requests sent so far, to every model."""
    error_code: str
    local: bool = False


@dataclass(frozen=True, slots=True)
class CircuitChanged:
    """Requests to a model are no longer sent, as most of them failed; or they are again, as a probe was answered."""

    name: ClassVar[str] = "gateway.circuit_changed"

    state: Literal["open", "closed"]
    service: str
    """boto3's name of it, such as ``bedrock-runtime``."""
    model_id: str | None = None
    account: str | None = None
    region: str | None = None
    requests: int = 0
    """What was counted when it opened; 1: the probe."""
    failures: int = 0
    error_code: str | None = None
    """Of the last failure."""
    local: bool = False


@dataclass(frozen=True, slots=True)
class DecoderFellBack:
    """A stream is read by botocore's own parser, as the raw body was not to be had."""

    name: ClassVar[str] = "gateway.decoder_fell_back"

    operation: str
    region: str | None = None
    local: bool = False


@dataclass(frozen=True, slots=True)
class IngestionPolled:
    """An ingestion job was looked at."""

    name: ClassVar[str] = "ingestion.polled"

    job_id: str
    knowledge_base_id: str
    status: str
    documents_scanned: int = 0
    documents_indexed: int = 0
    documents_failed: int = 0
    duration_seconds: float = 0.0
    """Since waiting began."""
    local: bool = False


@dataclass(frozen=True, slots=True)
class SetupProgressed:
    """A step of setting up, or removing, began to wait or came to its end."""

    name: ClassVar[str] = "setup.progressed"

    step: str
    """``role``, ``vector bucket``, ``vector index``, ``knowledge base``, ``data source``, ``documents``, ``ingestion``."""
    progress: str
    """``created``, ``adopted``, ``found``, ``waiting``, ``deleted``, ``gone``, ``kept``, ``uploaded`` or ``complete``."""
    knowledge_base: str
    """Its configured name."""
    resource: str
    """Name or ARN of what the step is about."""
    reason: str | None = None
    """Why it waits, or why something was kept."""
    duration_seconds: float = 0.0
    """Since the step began."""
    local: bool = False


@dataclass(frozen=True, slots=True)
class CheckEnded:
    """A preflight check ended."""

    name: ClassVar[str] = "preflight.check_ended"

    check: str
    """Its id, such as ``LOG-01``."""
    status: str
    """``pass``, ``warn``, ``fail``, ``unknown``, ``skip`` or ``not_applicable``."""
    principal: str | None = None
    region: str | None = None
    duration_seconds: float = 0.0
    local: bool = False


@dataclass(frozen=True, slots=True)
class PreflightEnded:
    """A preflight ended."""

    name: ClassVar[str] = "preflight.ended"

    preflight_level: str
    """``minimal`` or ``standard``; ``level`` is the line's own, of the log."""
    outcome: str
    """``ok`` or ``failed``."""
    principal: str | None = None
    region: str | None = None
    failed: int = 0
    warned: int = 0
    unknown: int = 0
    duration_seconds: float = 0.0
    local: bool = False


Event = (
    CallEnded
    | RetryScheduled
    | FellBack
    | CircuitChanged
    | DecoderFellBack
    | IngestionPolled
    | SetupProgressed
    | CheckEnded
    | PreflightEnded
)


class Observer(Protocol):
    """Receives every event, in the thread or task of the call, before the call returns.

    It must not block. An exception it raises is dropped and does not reach the call.
    """

    def __call__(self, event: Any, /) -> None:
        """Take *event*."""


_LEVELS = {
    "ok": "info",
    "denied": "warning",
    "interrupted": "warning",
    "abandoned": "warning",
    "failed": "error",
    "ingestion.polled": "debug",
    "preflight.check_ended": "debug",
    "gateway.retry_scheduled": "warning",
    "gateway.fell_back": "warning",
    "gateway.circuit_changed": "warning",
    "gateway.decoder_fell_back": "warning",
}


class _StandardError:
    """Whatever standard error is now: pytest and daemons replace it. A closed one drops the line.

    A line is one write, and there is no lock of ours: a child that was forked while another thread wrote would wait for it
    for ever.
    """

    def write(self, line: bytes) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream = sys.stderr
            stream.write(f"{line.decode()}\n")
            stream.flush()

    debug = info = warning = error = write


class StructlogObserver:
    """The default observer: one JSON line an event, from level *info* up, on standard error."""

    def __init__(self, level: str = "info") -> None:
        self._level = level
        self._logger: Any = None
        self._names: dict[str, tuple[str, ...]] = {}
        """Of each event's fields, kept: `fields` is slow."""

    def __call__(self, event: Any) -> None:
        """Write *event*, its fields without those that are None."""
        logger = self._logger or self._build()
        level = _LEVELS.get(getattr(event, "outcome", event.name), _LEVELS.get(event.name, "info"))
        names = self._names.get(event.name)
        if names is None:
            names = self._names[event.name] = tuple(one.name for one in fields(event))
        values = {name: value for name in names if (value := getattr(event, name)) is not None}
        getattr(logger, level)(event.name, **values)

    def _build(self) -> Any:
        """Build a logger of our own: the application's structlog configuration is not ours to change or to use."""
        import logging

        import orjson
        import structlog

        # Two threads may both build one; either will do.
        self._logger = structlog.wrap_logger(
            _StandardError(),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(serializer=orjson.dumps),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, self._level.upper())),
            cache_logger_on_first_use=True,
        ).bind()
        return self._logger


def emitter(observers: Sequence[Observer]) -> Callable[[Any], None]:
    """Return a function that gives an event to every observer and never raises."""

    def emit(event: Any) -> None:
        for observer in observers:
            with contextlib.suppress(Exception):
                observer(event)

    return emit
