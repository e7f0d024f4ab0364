"""The canary: call a model for one token, and find the record of that call where invocation logging puts it.

Everything else of a preflight looks at what should deliver; this looks at what was delivered. It is a flow: calls of models
are the gateway's own, governed as any other and with their events; reads are probes. It waits for records by the flow's clock,
so that tests move it. It runs only where it is asked for: each call is billed, by its tokens.

How long AWS takes to deliver, it does not document. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from bedrock_gateway._commands import Flow, Sleep
from bedrock_gateway.errors import GatewayError
from bedrock_gateway.preflight.canary.asking import Calls, Shared, answered, awaited, called, code_of, pause_seconds
from bedrock_gateway.preflight.canary.records import Expected, differences, large_place
from bedrock_gateway.preflight.catalogue import CATALOGUE, rows
from bedrock_gateway.preflight.checks.logging import find_group, logging_configuration
from bedrock_gateway.preflight.flow import Finding, held_back, lacking, result_of, unread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from bedrock_gateway.preflight.catalogue import Level, Row
    from bedrock_gateway.preflight.flow import Probe
    from bedrock_gateway.preflight.report import CheckResult, Report, Status

__all__ = ["LARGE_BYTES", "PATIENCE_SECONDS", "Calls", "run"]

PATIENCE_SECONDS = 90.0
"""How long a record is waited for; AWS promises none."""
LARGE_BYTES = 120_000
"""Of a prompt whose body goes to S3: more than the 100 KB that a record holds."""
_PROMPT = "Answer with the one word: yes."

Said = Flow[Finding]


def run(
    probe: Callable[[], Probe], report: Report, calls: Calls, *, patience_seconds: float = PATIENCE_SECONDS
) -> Flow[Report]:
    """Run the canary after the preflight that *report* is of, and return the report with what it found.

    *patience_seconds*: how long a record is waited for.
    """
    started = calls.now()
    shared = Shared(calls, {one.id: one for one in report.results}, patience_seconds)
    for row in sorted(rows(cast("Level", report.level), opt_in=True), key=lambda one: one.category != "CAN"):
        if row.opt_in:
            result = shared.results[row.id] = yield from _checked(row, probe(), shared)
            calls.emit(result)
    found = tuple(shared.results[row.id] for row in CATALOGUE if row.id in shared.results)
    return replace(report, results=found, duration_seconds=report.duration_seconds + calls.now() - started)


def _checked(row: Row, probe: Probe, shared: Shared) -> Flow[CheckResult]:
    began, code = shared.calls.now(), None
    finding = held_back(row, shared.results)
    if finding is None:
        try:
            finding = yield from _CHECKS[row.id](probe, shared)
        except GatewayError as error:
            code = code_of(error)
            finding = unread(error, probe)
        except LookupError as error:
            malformed = lacking(error, probe)
            code = code_of(malformed)
            finding = unread(malformed, probe)
    return result_of(row, finding, probe, shared.calls.now() - began, code or finding.error_code)


# -- calls of the model -----------------------------------------------------------------------------------------------


def _can_01(probe: Probe, shared: Shared) -> Said:
    del probe
    made = yield from called("Converse", shared.calls.converse, _PROMPT, shared)
    if isinstance(made, Finding):
        return made
    shared.made.append(made)
    return Finding("pass", f"{shared.calls.model} answered", {"request_id": made.request_id})


def _can_02(probe: Probe, shared: Shared) -> Said:
    del probe
    if shared.calls.stream is None:
        return Finding("not_applicable", "this principal does not stream")
    made = yield from called("ConverseStream", shared.calls.stream, _PROMPT, shared)
    if isinstance(made, Finding):
        return made
    shared.made.append(made)
    return Finding("pass", "the stream ended with messageStop", {"request_id": made.request_id})


# -- records ----------------------------------------------------------------------------------------------------------


def _can_03(probe: Probe, shared: Shared) -> Said:
    config = yield from answered(logging_configuration(probe), shared)
    group = str((config.get("cloudWatchConfig") or {}).get("logGroupName") or "")
    if not group:
        return Finding("not_applicable", "logs go to S3 alone, in batches: they are not waited for")
    known = yield from answered(find_group(probe, group), shared)
    if known is None:
        return Finding("fail", f"log group {group} does not exist: no record can arrive", {"log_group": group})
    if known.get("logGroupClass") == "INFREQUENT_ACCESS":
        return Finding(
            "unknown", f"log group {group} has class INFREQUENT_ACCESS, which cannot be searched for a record"
        )
    lacking = yield from awaited(probe, group, shared.made, shared)
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


def _text_is_on(config: Mapping[str, Any]) -> bool:
    """A flag that was never set is on. Source: third parties' observations; AWS does not say."""
    return config.get("textDataDeliveryEnabled") is not False


def _can_04(probe: Probe, shared: Shared) -> Said:
    found = [one for one in shared.made if one.record is not None]
    if not found:
        return Finding("skip", "no record has arrived yet")
    config = yield from answered(logging_configuration(probe), shared)
    who = yield from answered(probe.read("sts", "GetCallerIdentity"), shared)
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


def _can_05(probe: Probe, shared: Shared) -> Said:
    config = yield from answered(logging_configuration(probe), shared)
    cloudwatch = config.get("cloudWatchConfig") or {}
    large = cloudwatch.get("largeDataDeliveryS3Config") or {}
    group, bucket = str(cloudwatch.get("logGroupName") or ""), str(large.get("bucketName") or "")
    if not bucket or not _text_is_on(config):
        return Finding(
            "not_applicable", "bodies above 100 KB have no bucket to go to, or are not delivered: see LOG-04"
        )
    prompt = f"{_PROMPT} {shared.calls.nonce} ".ljust(LARGE_BYTES, "x")
    made = yield from called("Converse", shared.calls.converse, prompt, shared)
    if isinstance(made, Finding):
        if made.error_code == "ValidationException":
            return replace(made, status="unknown", summary=f"the model may take no prompt of {LARGE_BYTES} bytes")
        return made
    if (yield from awaited(probe, group, [made], shared)):
        return Finding("warn", f"no record of it within {shared.patience_seconds:g} s; not yet, or not at all")
    return (yield from _in_bucket(probe, shared, made.record or {}, large))


def _in_bucket(probe: Probe, shared: Shared, record: Mapping[str, Any], large: Mapping[str, Any]) -> Said:
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
        listed = yield from answered(probe.read("s3", "ListObjectsV2", Bucket=bucket, Prefix=key), shared)
        if any(one.get("Key") == key and one.get("Size") for one in listed.get("Contents") or ()):
            return Finding("pass", f"a body of {LARGE_BYTES // 1000} KB arrived in {bucket}", evidence)
        left = until - shared.calls.now()
        if left <= 0:
            return Finding("warn", f"its body is not in {bucket} within {shared.patience_seconds:g} s", evidence)
        yield Sleep(min(pause_seconds(turn), left))
        turn += 1


def _log_16(probe: Probe, shared: Shared) -> Said:
    """What the canary found, where the other checks of logging are read."""
    del probe
    yield from ()
    parts = [shared.results["CAN-03"], shared.results["CAN-04"]]
    worst: Status = next((status for status in _WORST if any(one.status == status for one in parts)), "pass")
    said = "; ".join(f"{one.id}: {one.summary}" for one in parts if one.status == worst)
    return Finding(worst, said)


_WORST: tuple[Status, ...] = ("fail", "unknown", "warn", "skip", "not_applicable")
_CHECKS: Mapping[str, Callable[[Probe, Shared], Said]] = {
    "CAN-01": _can_01,
    "CAN-02": _can_02,
    "CAN-03": _can_03,
    "CAN-04": _can_04,
    "CAN-05": _can_05,
    "LOG-16": _log_16,
}
