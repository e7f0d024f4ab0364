"""What is logged: one dataclass an event, and who gets them.

An observer is a callable. The default one writes a JSON line to standard error, as structlog would. No event holds a
prompt, an answer or a credential.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import orjson

from bedrock_gateway._records import record
from bedrock_gateway.errors import ConfigError

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
    "PassesIgnored",
    "PreflightDrifted",
    "PreflightEnded",
    "RepairScheduled",
    "RetryScheduled",
    "SetupProgressed",
    "StructlogObserver",
    "emitter",
]

Outcome = Literal["ok", "denied", "failed", "interrupted", "abandoned"]


@record()
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


@record()
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


@record()
class RepairScheduled:
    """An answer does not fit the ``output`` asked for; the model will be shown why, in one more call, which is billed."""

    name: ClassVar[str] = "gateway.repair_scheduled"

    operation: str
    capability: str | None
    principal: str | None
    model_id: str | None
    """The model that answered, and is asked again."""
    region: str | None
    repair: int
    """Which repair of the call this is, counted from 1."""
    faults: int
    """How many faults the answer has; what they are can quote the answer."""
    request_id: str | None = None
    """Of the answer."""
    local: bool = False


@record()
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


@record()
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


@record()
class DecoderFellBack:
    """A stream is read by botocore's own parser, as the raw body was not to be had."""

    name: ClassVar[str] = "gateway.decoder_fell_back"

    operation: str
    region: str | None = None
    local: bool = False


@record()
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


@record()
class SetupProgressed:
    """A step of setting up, or removing, began to wait or came to its end."""

    name: ClassVar[str] = "setup.progressed"

    step: str
    """``role``, ``vector bucket``, ``vector index``, ``knowledge base``, ``data source``, ``documents``, ``ingestion``; of
    logging, the kind of the resource, such as ``AWS::IAM::Role``."""
    progress: str
    """``created``, ``updated``, ``restored``, ``adopted``, ``found``, ``waiting``, ``deleted``, ``gone``, ``kept``,
    ``uploaded`` or ``complete``."""
    knowledge_base: str | None
    """Its configured name; None: it is something else that is set up."""
    resource: str
    """Name or ARN of what the step is about."""
    reason: str | None = None
    """Why it waits, or why something was kept."""
    duration_seconds: float = 0.0
    """Since the step began."""
    local: bool = False


@record()
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


@record()
class PreflightEnded:
    """A preflight ended."""

    name: ClassVar[str] = "preflight.ended"

    preflight_level: str
    """``minimal``, ``standard`` or ``deep``; ``level`` is the line's own, of the log."""
    outcome: str
    """``ok`` or ``failed``."""
    principal: str | None = None
    region: str | None = None
    failed: int = 0
    warned: int = 0
    unknown: int = 0
    duration_seconds: float = 0.0
    local: bool = False


@record()
class PreflightDrifted:
    """A preflight that a gateway ran by itself failed, after one had passed in this process."""

    name: ClassVar[str] = "preflight.drifted"

    action: str
    """``alert``: calls go on. ``wait``: what must be read could not be, and the last pass still holds. ``refuse``: no more
    calls to models."""
    checks: tuple[str, ...] = ()
    """What failed, or could not be read."""
    principal: str | None = None
    region: str | None = None
    local: bool = False


@record()
class PassesIgnored:
    """What other processes of this host have found was not believed, or could not be told to them: the checks were made."""

    name: ClassVar[str] = "preflight.passes_ignored"

    reason: str
    """``no-directory``, ``directory-of-another``, ``directory-open-to-others``, ``no-plain-file``, ``file-of-another``,
    ``file-open-to-others``, ``too-large``, ``no-json``, ``malformed``, ``another-format``, ``another-key``,
    ``of-the-future``, ``unreadable``, ``unwritable`` or ``unsupported``."""
    principal: str | None = None
    region: str | None = None
    local: bool = False


Event = (
    CallEnded
    | RetryScheduled
    | RepairScheduled
    | FellBack
    | CircuitChanged
    | DecoderFellBack
    | IngestionPolled
    | SetupProgressed
    | CheckEnded
    | PreflightEnded
    | PreflightDrifted
    | PassesIgnored
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
    "gateway.repair_scheduled": "warning",
    "gateway.fell_back": "warning",
    "gateway.circuit_changed": "warning",
    "gateway.decoder_fell_back": "warning",
    "preflight.drifted": "error",
    "preflight.passes_ignored": "warning",
}


_SEVERITY = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_UNWRITABLE = contextlib.suppress(OSError, ValueError, AttributeError)
"""What a standard error that is closed, broken or None raises: the line is dropped."""


class StructlogObserver:
    """The default observer: one JSON line an event, from level *info* up, on standard error.

    The line is what structlog's processors would write, with what the application has bound to structlog's context
    variables. The application's structlog configuration is not ours to change or to use, and structlog itself is looked at
    only where the application has imported it: it imports rich, pygments and asyncio where it finds them.

    Args:
        level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``: events below it are not written.

    Raises:
        ConfigError: there is no such level.
    """

    def __init__(self, level: str = "info") -> None:
        if level not in _SEVERITY:
            raise ConfigError(f"the level of a log is one of {', '.join(_SEVERITY)}, not {str(level)[:80]!r}")
        self._least = _SEVERITY[level]
        self._members: dict[type, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {}
        """Names of each event's fields and what reads them all, kept: `fields` is slow."""

    def __call__(self, event: Any) -> None:
        """Write *event*, its fields without those that are None."""
        level = _LEVELS.get(getattr(event, "outcome", event.name)) or _LEVELS.get(event.name, "info")
        if _SEVERITY[level] < self._least:
            return
        names, read = self._members.get(type(event)) or self._learn(type(event))
        line = {name: value for name, value in zip(names, read(event), strict=True) if value is not None}
        line["event"] = event.name
        if (bound := sys.modules.get("structlog.contextvars")) is not None:
            bound.merge_contextvars(None, level, line)
        line["level"] = level
        line["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        text = orjson.dumps(line, default=_plain, option=orjson.OPT_APPEND_NEWLINE).decode()
        # Whatever standard error is now: pytest and daemons replace it. A line is one write, and there is no lock of ours:
        # a child that was forked while another thread wrote would wait for it for ever.
        with _UNWRITABLE:
            stream: Any = sys.stderr
            stream.write(text)
            stream.flush()

    def _learn(self, kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
        names = tuple(one.name for one in fields(kind))
        found = self._members[kind] = names, attrgetter(*names)
        return found


def _plain(value: Any) -> Any:
    """Something bound by the application for which JSON has no word, as structlog would show it."""
    shown = getattr(value, "__structlog__", None)
    return repr(value) if shown is None else shown()


_UNHEARD = contextlib.suppress(Exception)
"""What an observer raises."""


def emitter(observers: Sequence[Observer]) -> Callable[[Any], None]:
    """Return a function that gives an event to every observer and never raises."""

    def emit(event: Any) -> None:
        for observer in observers:
            with _UNHEARD:
                observer(event)

    return emit
