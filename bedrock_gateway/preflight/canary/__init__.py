"""The canary: call a model for one token, and find the record of that call where invocation logging puts it.

Everything else of a preflight looks at what should deliver; this looks at what was delivered. It is a flow: calls of models
are the gateway's own, governed as any other and with their events; reads are probes. It waits for records by the flow's clock,
so that tests move it. It runs only where it is asked for: each call is billed, by its tokens.

How long AWS takes to deliver, it does not document. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

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
from bedrock_gateway.preflight.canary.records import STREAM, Expected, differences, large_place, pattern, records
from bedrock_gateway.preflight.catalogue import CATALOGUE, rows
from bedrock_gateway.preflight.checks.logging import find_group, logging_configuration
from bedrock_gateway.preflight.flow import Again, Finding, held_back, result_of, unread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from bedrock_gateway.preflight.catalogue import Level, Row
    from bedrock_gateway.preflight.flow import Asking, Probe
    from bedrock_gateway.preflight.report import CheckResult, Report, Status

__all__ = ["LARGE_BYTES", "PATIENCE_SECONDS", "Calls", "run"]

PATIENCE_SECONDS = 90.0
"""How long a record is waited for; AWS promises none."""
LARGE_BYTES = 120_000
"""Of a prompt whose body goes to S3: more than the 100 KB that a record holds."""
_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
_SLACK_MILLISECONDS = 15 * 60 * 1000
"""Clocks differ: by how much a record may seem older than the run."""
_PROMPT = "Answer with the one word: yes."

Said = Flow[Finding]


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
class _Made:
    """One call that was made, and its record once it was found."""

    operation: str
    request_id: str
    record: dict[str, Any] | None = None


@dataclass(slots=True)
class _Run:
    """What the checks of one run share."""

    calls: Calls
    results: dict[str, CheckResult]
    patience_seconds: float
    made: list[_Made] = field(default_factory=list)

    @property
    def metadata(self) -> dict[str, str]:
        """What every call of the run carries."""
        return {"bgw_purpose": "canary", "bgw_run": self.calls.nonce}


def run(
    probe: Callable[[], Probe], report: Report, calls: Calls, *, patience_seconds: float = PATIENCE_SECONDS
) -> Flow[Report]:
    """Run the canary after the preflight that *report* is of, and return the report with what it found.

    *patience_seconds*: how long a record is waited for.
    """
    started = calls.now()
    shared = _Run(calls, {one.id: one for one in report.results}, patience_seconds)
    for row in sorted(rows(cast("Level", report.level), opt_in=True), key=lambda one: one.category != "CAN"):
        if row.opt_in:
            result = shared.results[row.id] = yield from _checked(row, probe(), shared)
            calls.emit(result)
    found = tuple(shared.results[row.id] for row in CATALOGUE if row.id in shared.results)
    return replace(report, results=found, duration_seconds=report.duration_seconds + calls.now() - started)


def _checked(row: Row, probe: Probe, shared: _Run) -> Flow[CheckResult]:
    began, code = shared.calls.now(), None
    finding = held_back(row, shared.results)
    if finding is None:
        try:
            finding = yield from _CHECKS[row.id](probe, shared)
        except GatewayError as error:
            code = _code(error)
            finding = unread(error, probe)
    return result_of(row, finding, probe, shared.calls.now() - began, code or finding.error_code)


def _code(error: GatewayError) -> str:
    return error.code if isinstance(error, ServiceError) else type(error).__name__


def _answered(steps: Generator[Asking, Any, Any], shared: _Run) -> Flow[Any]:
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


# -- calls of the model -----------------------------------------------------------------------------------------------

_READABLE_LATER = (ThrottledError, UnavailableError, ModelNotReadyError, ModelTimeoutError)


def _called(operation: str, call: Any, prompt: str, shared: _Run) -> Flow[Finding | _Made]:
    """Call the model; what AWS refuses is a finding."""
    try:
        result = yield from call(prompt, shared.metadata)
    except StreamInterruptedError as error:
        said = f"{operation} was interrupted: {error.reason}"
        return Finding("fail", said, {"model": shared.calls.model}, error_code=type(error).__name__)
    except (GovernanceError, ConfigError) as error:
        return Finding("fail", f"{operation} was not sent: {error.message}", error_code=_code(error))
    except GatewayError as error:
        return _refused(operation, error, shared)
    if not result.request_id:
        return Finding("unknown", f"{operation} was answered without a request id: its record cannot be told")
    return _Made(operation, str(result.request_id))


def _refused(operation: str, error: GatewayError, shared: _Run) -> Finding:
    code = _code(error)
    if not isinstance(error, ServiceError) or isinstance(error, _READABLE_LATER):
        return Finding("unknown", f"{operation} gave no answer ({code})", error_code=code)
    action = error.missing if isinstance(error, AccessDeniedError) else None
    said = f"AWS refused {operation} ({code})" + (f": {action} is not granted" if action else "")
    return Finding("fail", said, {"model": shared.calls.model}, iam_action=action, error_code=code)


def _can_01(probe: Probe, shared: _Run) -> Said:
    del probe
    made = yield from _called("Converse", shared.calls.converse, _PROMPT, shared)
    if isinstance(made, Finding):
        return made
    shared.made.append(made)
    return Finding("pass", f"{shared.calls.model} answered", {"request_id": made.request_id})


def _can_02(probe: Probe, shared: _Run) -> Said:
    del probe
    if shared.calls.stream is None:
        return Finding("not_applicable", "this principal does not stream")
    made = yield from _called("ConverseStream", shared.calls.stream, _PROMPT, shared)
    if isinstance(made, Finding):
        return made
    shared.made.append(made)
    return Finding("pass", "the stream ended with messageStop", {"request_id": made.request_id})


# -- records ----------------------------------------------------------------------------------------------------------


def _can_03(probe: Probe, shared: _Run) -> Said:
    config = yield from _answered(logging_configuration(probe), shared)
    group = str((config.get("cloudWatchConfig") or {}).get("logGroupName") or "")
    if not group:
        return Finding("not_applicable", "logs go to S3 alone, in batches: they are not waited for")
    known = yield from _answered(find_group(probe, group), shared)
    if known is None:
        return Finding("fail", f"log group {group} does not exist: no record can arrive", {"log_group": group})
    if known.get("logGroupClass") == "INFREQUENT_ACCESS":
        return Finding(
            "unknown", f"log group {group} has class INFREQUENT_ACCESS, which cannot be searched for a record"
        )
    lacking = yield from _awaited(probe, group, shared.made, shared)
    evidence = {"log_group": group} | {one.operation: one.request_id for one in shared.made}
    if not lacking:
        named = " and ".join(one.operation for one in shared.made)
        return Finding("pass", f"the records of {named} arrived in {group}", evidence)
    said = (
        f"{' and '.join(one.operation for one in lacking)}: no record in {group} within {shared.patience_seconds:g} s"
    )
    before = shared.results.get("LOG-14")
    if before is not None and before.status == "fail":
        return Finding("fail", f"{said}, and deliveries fail: {before.summary}", evidence)
    return Finding("warn", f"{said}; not yet, or not at all", evidence)


def _awaited(probe: Probe, group: str, wanted: list[_Made], shared: _Run) -> Flow[list[_Made]]:
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
        yield Sleep(min(_PAUSES_SECONDS[min(turn, len(_PAUSES_SECONDS) - 1)], left))
        turn += 1


def _searched(probe: Probe, group: str, wanted: list[_Made], shared: _Run, until: float) -> Flow[list[dict[str, Any]]]:
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
            page = yield from _answered(probe.read("logs", "FilterLogEvents", **asked), shared)
        except NotFoundError:  # the stream is made with the first record
            return found
        found += records(page.get("events") or (), ids)
        token = page.get("nextToken")
        if not token or len({one["requestId"] for one in found}) == len(ids) or shared.calls.now() >= until:
            return found
        asked["nextToken"] = token


def _text_is_on(config: Mapping[str, Any]) -> bool:
    """A flag that was never set is on. Source: third parties' observations; AWS does not say."""
    return config.get("textDataDeliveryEnabled") is not False


def _can_04(probe: Probe, shared: _Run) -> Said:
    found = [one for one in shared.made if one.record is not None]
    if not found:
        return Finding("skip", "no record has arrived yet")
    config = yield from _answered(logging_configuration(probe), shared)
    who = yield from _answered(probe.read("sts", "GetCallerIdentity"), shared)
    own = probe.config
    expected = Expected(
        own.region, own.account, shared.calls.model, str(who["Arn"]), shared.metadata, _text_is_on(config)
    )
    wrong = {one.operation: differences(one.record or {}, expected) for one in found}
    said = [f"the record of {operation}: {', '.join(texts)}" for operation, texts in wrong.items() if texts]
    if said:
        return Finding("fail", "; ".join(said), {one.operation: one.request_id for one in found})
    bodies = "with" if expected.with_bodies else "as declared without"
    return Finding("pass", f"Region, model, caller and metadata are those of the calls, {bodies} their bodies")


def _can_05(probe: Probe, shared: _Run) -> Said:
    config = yield from _answered(logging_configuration(probe), shared)
    cloudwatch = config.get("cloudWatchConfig") or {}
    large = cloudwatch.get("largeDataDeliveryS3Config") or {}
    group, bucket = str(cloudwatch.get("logGroupName") or ""), str(large.get("bucketName") or "")
    if not bucket or not _text_is_on(config):
        return Finding(
            "not_applicable", "bodies above 100 KB have no bucket to go to, or are not delivered: see LOG-04"
        )
    prompt = f"{_PROMPT} {shared.calls.nonce} ".ljust(LARGE_BYTES, "x")
    made = yield from _called("Converse", shared.calls.converse, prompt, shared)
    if isinstance(made, Finding):
        if made.error_code == "ValidationException":
            return replace(made, status="unknown", summary=f"the model may take no prompt of {LARGE_BYTES} bytes")
        return made
    if (yield from _awaited(probe, group, [made], shared)):
        return Finding("warn", f"no record of it within {shared.patience_seconds:g} s; not yet, or not at all")
    return (yield from _in_bucket(probe, shared, made.record or {}, large))


def _in_bucket(probe: Probe, shared: _Run, record: Mapping[str, Any], large: Mapping[str, Any]) -> Said:
    """Whether the object that the record names is there, in the place for large bodies."""
    place = large_place(record)
    if place is None:
        return Finding("fail", "its record names no place of the body in S3: the body is lost")
    bucket, key = place
    config, prefix = probe.config, str(large.get("keyPrefix") or "").strip("/")
    folder = f"{f'{prefix}/' if prefix else ''}AWSLogs/{config.account}/BedrockModelInvocationLogs/{config.region}/"
    evidence = {"object": f"s3://{bucket}/{key}"}
    if bucket != large.get("bucketName") or not key.startswith(folder) or "/data/" not in key:
        return Finding("fail", f"its body is in another place than {large.get('bucketName')}/{folder}…/data/", evidence)
    until, turn = shared.calls.now() + shared.patience_seconds, 0
    while True:
        listed = yield from _answered(probe.read("s3", "ListObjectsV2", Bucket=bucket, Prefix=key), shared)
        if any(one.get("Key") == key and one.get("Size") for one in listed.get("Contents") or ()):
            return Finding("pass", f"a body of {LARGE_BYTES // 1000} KB arrived in {bucket}", evidence)
        left = until - shared.calls.now()
        if left <= 0:
            return Finding("warn", f"its body is not in {bucket} within {shared.patience_seconds:g} s", evidence)
        yield Sleep(min(_PAUSES_SECONDS[min(turn, len(_PAUSES_SECONDS) - 1)], left))
        turn += 1


def _log_16(probe: Probe, shared: _Run) -> Said:
    """What the canary found, where the other checks of logging are read."""
    del probe
    yield from ()
    parts = [shared.results["CAN-03"], shared.results["CAN-04"]]
    worst: Status = next((status for status in _WORST if any(one.status == status for one in parts)), "pass")
    said = "; ".join(f"{one.id}: {one.summary}" for one in parts if one.status == worst)
    return Finding(worst, said)


_WORST: tuple[Status, ...] = ("fail", "unknown", "warn", "skip", "not_applicable")
_CHECKS: Mapping[str, Callable[[Probe, _Run], Said]] = {
    "CAN-01": _can_01,
    "CAN-02": _can_02,
    "CAN-03": _can_03,
    "CAN-04": _can_04,
    "CAN-05": _can_05,
    "LOG-16": _log_16,
}
