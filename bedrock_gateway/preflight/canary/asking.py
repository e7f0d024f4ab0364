"""What the canary does to the world: calls of a model, questions to AWS, and the wait for records. By the flow's clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Flow, Send, Sleep
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    GatewayError,
    GovernanceError,
    ModelNotReadyError,
    ModelTimeoutError,
    NotFoundError,
    ServiceError,
    StreamInterruptedError,
    ThrottledError,
    UnavailableError,
)
from bedrock_gateway.preflight.canary.records import STREAM, pattern, records
from bedrock_gateway.preflight.flow import Again, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from bedrock_gateway.preflight.flow import Asking, Probe
    from bedrock_gateway.preflight.report import CheckResult

__all__ = ["Calls", "Made", "Shared", "answered", "awaited", "called", "code_of", "pause_seconds"]

_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
_SLACK_MILLISECONDS = 15 * 60 * 1000
"""Clocks differ: by how much a record may seem older than the run."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What the canary does to the world; the gateway's, or a test's."""

    converse: Callable[[str, Mapping[str, str]], Flow[Any]]
    """Call the model with (prompt, request metadata)."""
    stream: Callable[[str, Mapping[str, str]], Flow[Any]] | None
    """As `converse`; None: the principal does not have the capability."""
    read: Callable[[Send], Flow[dict[str, Any]]]
    model: str
    nonce: str
    """Tells this run from every other."""
    now: Callable[[], float]
    """The driver's monotonic clock."""
    wall_milliseconds: int
    """When the run began, as CloudWatch Logs counts."""
    emit: Callable[[CheckResult], None] = lambda _result: None


@dataclass(slots=True)
class Made:
    """One call that was made, and its record once it was found."""

    operation: str
    request_id: str
    record: dict[str, Any] | None = None


@dataclass(slots=True)
class Shared:
    """What the checks of one run share."""

    calls: Calls
    results: dict[str, CheckResult]
    patience_seconds: float
    made: list[Made] = field(default_factory=list)

    @property
    def metadata(self) -> dict[str, str]:
        """What every call of the run carries."""
        return {"bgw_purpose": "canary", "bgw_run": self.calls.nonce}


def pause_seconds(turn: int) -> float:
    """Return how long to wait after the look of that number, from 0."""
    return _PAUSES_SECONDS[min(turn, len(_PAUSES_SECONDS) - 1)]


def code_of(error: GatewayError) -> str:
    """Return AWS's code, or the name of the error's class."""
    return error.code if isinstance(error, ServiceError) else type(error).__name__


def answered(steps: Generator[Asking, Any, Any], shared: Shared) -> Flow[Any]:
    """Ask AWS what the steps of a check ask, one question after the other."""
    outcomes: list[Any] | None = None
    while True:
        try:
            questions = steps.send(outcomes)
        except StopIteration as stop:
            return stop.value
        outcomes = []
        for question in questions:
            send = question.send if isinstance(question, Again) else question
            if not isinstance(send, Send):
                raise AssertionError("the canary looks at nothing but AWS")  # noqa: TRY004 - a mistake of ours
            try:
                outcomes.append((yield from shared.calls.read(send)))
            except GatewayError as error:
                outcomes.append(error)


_READABLE_LATER = (ThrottledError, UnavailableError, ModelNotReadyError, ModelTimeoutError)


def called(operation: str, call: Any, prompt: str, shared: Shared) -> Flow[Finding | Made]:
    """Call the model; what AWS refuses is a finding."""
    try:
        result = yield from call(prompt, shared.metadata)
    except StreamInterruptedError as error:
        said = f"{operation} was interrupted: {error.reason}"
        return Finding("fail", said, {"model": shared.calls.model}, error_code=type(error).__name__)
    except (GovernanceError, ConfigError) as error:
        return Finding("fail", f"{operation} was not sent: {error.message}", error_code=code_of(error))
    except GatewayError as error:
        return _refused(operation, error, shared)
    if not result.request_id:
        return Finding("unknown", f"{operation} was answered without a request id: its record cannot be told")
    return Made(operation, str(result.request_id))


def _refused(operation: str, error: GatewayError, shared: Shared) -> Finding:
    code = code_of(error)
    if not isinstance(error, ServiceError) or isinstance(error, _READABLE_LATER):
        return Finding("unknown", f"{operation} gave no answer ({code})", error_code=code)
    action = error.missing if isinstance(error, AccessDeniedError) else None
    said = f"AWS refused {operation} ({code})" + (f": {action} is not granted" if action else "")
    return Finding("fail", said, {"model": shared.calls.model}, iam_action=action, error_code=code)


def awaited(probe: Probe, group: str, wanted: list[Made], shared: Shared) -> Flow[list[Made]]:
    """Look for the records of *wanted* until all are found, or time is up; return those that lack theirs."""
    until = shared.calls.now() + shared.patience_seconds
    turn = 0
    while True:
        lacking = [one for one in wanted if one.record is None]
        for record in (yield from _searched(probe, group, lacking, shared, until)):
            for one in lacking:
                if one.request_id == record["requestId"] and one.record is None:
                    one.record = record
        lacking = [one for one in lacking if one.record is None]
        left = until - shared.calls.now()
        if not lacking or left <= 0:
            return lacking
        yield Sleep(min(pause_seconds(turn), left))
        turn += 1


def _searched(probe: Probe, group: str, wanted: list[Made], shared: Shared, until: float) -> Flow[list[dict[str, Any]]]:
    """Read the log stream to its last page, also past pages without events; to the end of the time there is at most."""
    ids = [one.request_id for one in wanted]
    asked: dict[str, Any] = {
        "logGroupName": group,
        "logStreamNames": [STREAM],
        "startTime": shared.calls.wall_milliseconds - _SLACK_MILLISECONDS,
        "filterPattern": pattern(ids),
    }
    found: list[dict[str, Any]] = []
    while True:
        try:
            page = yield from answered(probe.read("logs", "FilterLogEvents", **asked), shared)
        except NotFoundError:  # the stream is made with the first record
            return found
        found += records(page.get("events") or (), ids)
        token = page.get("nextToken")
        if not token or len({one["requestId"] for one in found}) == len(ids) or shared.calls.now() >= until:
            return found
        asked["nextToken"] = token
