"""The canary stepped by hand: what it makes of answers, records and time. The local Bedrock is asked in test_canary_local."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway._commands import Receive, Send, Sleep
from bedrock_gateway.errors import (
    GovernanceError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    StreamInterruptedError,
    ThrottledError,
    TransportError,
)
from bedrock_gateway.preflight import Facts
from bedrock_gateway.preflight.canary import LARGE_BYTES, PATIENCE_SECONDS, Calls, run
from bedrock_gateway.preflight.canary.calls import to_the_end
from bedrock_gateway.preflight.canary.records import STREAM
from bedrock_gateway.preflight.catalogue import IAM_ACTIONS, rows
from bedrock_gateway.preflight.flow import Probe

from .stepped import ACCOUNT, BUCKET, GROUP, LOGGING, MODEL, REGION, config, denied, drive, golden, missing, series

if TYPE_CHECKING:
    from collections.abc import Iterator

DECLARED = config(
    principals={
        "caller": {
            "capabilities": ["converse", "converse-stream", "preflight-deep", "preflight-canary"],
            "models": [f"us.{MODEL}"],
        },
        "reader": {"capabilities": ["converse", "preflight-canary"], "models": [MODEL]},
    }
)
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/session"
NONCE = "5f0c1d2e"
BODY_KEY = f"AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{REGION}/2026/11/26/12/data/r-3_input.json.gz"


class World:
    """An account in which calls leave records, a clock, and what is broken in it."""

    def __init__(self, **changed: Any) -> None:
        self.now = 0.0
        self.sent: list[Any] = []
        self.calls: list[tuple[str, int, dict[str, str]]] = []
        self.made: list[str] = []
        self.latency_seconds = 3.0
        self.lines: list[tuple[float, str]] = [(0.0, "Permissions are correctly set for Amazon Bedrock logs.")]
        self.page_size = 100
        self.logging: dict[str, Any] = {"loggingConfig": LOGGING}
        self.group: dict[str, Any] | None = {"logGroupName": GROUP, "retentionInDays": 90}
        self.objects = {BODY_KEY: 4000}
        self.record: dict[str, Any] = {}
        """What records say otherwise."""
        self.answers: dict[str, Any] = {}
        """Operation → answer or error instead of the world's own."""
        for name, value in changed.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def calls_of(self, *, streams: bool = True) -> Calls:
        stream = partial(self.call, "ConverseStream") if streams else None
        model = f"us.{MODEL}"
        return Calls(
            partial(self.call, "Converse"), stream, self.read, model, NONCE, lambda: self.now, 1_790_000_000_000
        )

    def call(self, operation: str, prompt: str, metadata: dict[str, str]) -> Any:
        self.calls.append((operation, len(prompt), dict(metadata)))
        answer = self.answers.get(operation)
        answer = answer(prompt) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        yield from ()
        request = f"r-{len(self.calls)}"
        self.write(request, operation, metadata, large=len(prompt) > 100_000)
        return SimpleNamespace(request_id=request)

    def write(self, request: str, operation: str, metadata: dict[str, str], *, large: bool) -> None:
        whole = {"inputBodyS3Path": f"s3://{BUCKET}/{BODY_KEY}"} if large else {"inputBodyJson": {"messages": []}}
        record = {
            "schemaType": "ModelInvocationLog",
            "accountId": ACCOUNT,
            "region": REGION,
            "requestId": request,
            "operation": operation,
            "modelId": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us.{MODEL}",
            "identity": {"arn": CALLER},
            "requestMetadata": metadata,
            "input": {"inputContentType": "application/json", **whole},
            "output": {"outputContentType": "application/json", "outputBodyJson": {}},
        } | self.record
        self.lines.append((self.now + self.latency_seconds, json.dumps(record)))

    def read(self, send: Any) -> Iterator[Any]:
        yield from ()
        self.sent.append(send)
        answer = self.answers.get(send.operation, getattr(self, f"_{send.operation}", None))
        answer = answer(send.params) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _GetModelInvocationLoggingConfiguration(self, _asked: Any) -> Any:
        return self.logging

    def _GetCallerIdentity(self, _asked: Any) -> Any:
        return {"Arn": CALLER, "Account": ACCOUNT}

    def _DescribeLogGroups(self, _asked: Any) -> Any:
        return {"logGroups": [{"logGroupName": GROUP + "-2"}, *([self.group] if self.group else [])]}

    def _FilterLogEvents(self, asked: Any) -> Any:
        """Like AWS's: pages of what was looked through, not of what was found, so that most of them are empty."""
        assert (asked["logGroupName"], asked["logStreamNames"]) == (GROUP, [STREAM])
        start = int(asked.get("nextToken", "0"))
        seen = [line for at, line in self.lines if at <= self.now]
        page = [line for line in seen[start : start + self.page_size] if _mentions(asked["filterPattern"], line)]
        more = {"nextToken": str(start + self.page_size)} if start + self.page_size < len(seen) else {}
        return {"events": [{"message": line} for line in page], **more}

    def _ListObjectsV2(self, asked: Any) -> Any:
        found = [{"Key": key, "Size": size} for key, size in self.objects.items() if key.startswith(asked["Prefix"])]
        return {"Contents": found} if found else {}


def _mentions(pattern: str, line: str) -> bool:
    return any(part in line for part in pattern.split('"')[1::2])


REPORT, _ = drive(golden(), principal="caller", declared=DECLARED)
FAILING, _ = drive(golden() | {"GetMetricData": series(failure0=3.0)}, principal="caller", declared=DECLARED)
OFF, _ = drive(golden() | {"GetModelInvocationLoggingConfiguration": {}}, principal="caller", declared=DECLARED)
MINIMAL, _ = drive(golden(), principal="reader", declared=DECLARED)


def flown(world: World, report: Any = REPORT, name: str = "caller", **extra: Any) -> Any:
    """Run the canary to its end; where it sleeps, the clock is moved."""
    probe = partial(Probe, DECLARED, name, DECLARED.principals[name], "canary", Facts(None))
    flow = run(probe, report, world.calls_of(streams=name == "caller"), **extra)
    try:
        while True:
            command = next(flow)
            assert isinstance(command, Sleep)
            world.now += command.seconds
    except StopIteration as stop:
        return stop.value


def outcome(report: Any) -> dict[str, str]:
    return {one.id: one.status for one in report.results if one.category == "CAN" or one.id == "LOG-16"}


GOOD = dict.fromkeys(("LOG-16", "CAN-01", "CAN-02", "CAN-03", "CAN-04", "CAN-05"), "pass")


def test_where_everything_is_delivered_everything_passes():
    world = World()
    report = flown(world)
    assert outcome(report) == GOOD
    assert world.calls[0] == ("Converse", world.calls[0][1], {"bgw_purpose": "canary", "bgw_run": NONCE})
    assert [(operation, size > LARGE_BYTES - 1) for operation, size, _ in world.calls] == [
        ("Converse", False), ("ConverseStream", False), ("Converse", True)]  # fmt: skip
    assert {f"{one.service}:{one.operation}" for one in world.sent} <= set(IAM_ACTIONS)
    assert [one.id for one in report.results] == [row.id for row in rows("deep", opt_in=True)]


def error(kind: Any, code: str = "X", **more: Any) -> Any:
    return kind("no", operation="x", code=code, status=400, **more)


NOT_MADE = {"CAN-02": "skip", "CAN-03": "skip", "CAN-04": "skip", "CAN-05": "skip", "LOG-16": "skip"}
NOT_READ = {**dict.fromkeys(("CAN-03", "CAN-04", "CAN-05", "LOG-16"), "unknown")}
LOST = {"CAN-03": "warn", "CAN-04": "skip", "CAN-05": "warn", "LOG-16": "warn"}
WRONG = {"CAN-04": "fail", "LOG-16": "fail"}
S3_ONLY = {"loggingConfig": {"s3Config": {"bucketName": BUCKET}}}


def cut() -> StreamInterruptedError:
    return StreamInterruptedError("cut", operation="ConverseStream", reason="truncated")


def large(answer: Any) -> Any:
    """What a call is answered with where the prompt is large."""
    return lambda prompt: answer if len(prompt) >= LARGE_BYTES else None


ROWS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a call is denied", {"answers": {"Converse": denied("Converse")}}, {"CAN-01": "fail", **NOT_MADE}),
    ("a call is throttled", {"answers": {"Converse": error(ThrottledError)}},
        {"CAN-01": "unknown", **dict.fromkeys(NOT_MADE, "unknown")}),
    ("AWS is silent", {"answers": {"Converse": TransportError("no", operation="x", sent=False)}},
        {"CAN-01": "unknown", **dict.fromkeys(NOT_MADE, "unknown")}),
    ("a proxy answers", {"answers": {"Converse": MalformedResponseError("no", operation="x")}},
        {"CAN-01": "unknown", **dict.fromkeys(NOT_MADE, "unknown")}),
    ("a rule refuses it", {"answers": {"Converse": GovernanceError("no", rule="ours")}}, {"CAN-01": "fail", **NOT_MADE}),
    ("the model is gone", {"answers": {"Converse": error(NotFoundError)}}, {"CAN-01": "fail", **NOT_MADE}),
    ("a stream stops early", {"answers": {"ConverseStream": cut()}}, {"CAN-02": "fail"}),
    ("a stream is denied", {"answers": {"ConverseStream": denied("ConverseStream")}}, {"CAN-02": "fail"}),
    ("a stream is throttled", {"answers": {"ConverseStream": error(ThrottledError)}}, {"CAN-02": "unknown"}),
    ("records never come", {"latency_seconds": 1e9}, LOST),
    ("records come late", {"latency_seconds": PATIENCE_SECONDS - 1}, {}),
    ("records come too late", {"latency_seconds": PATIENCE_SECONDS + 30}, LOST),
    ("the log group is gone", {"group": None}, {"CAN-03": "fail", "CAN-04": "skip", "CAN-05": "skip", "LOG-16": "fail"}),
    ("the log group cannot be searched", {"group": {"logGroupName": GROUP, "logGroupClass": "INFREQUENT_ACCESS"}}, NOT_READ),
    ("the log stream is not there yet", {"answers": {"FilterLogEvents": missing("FilterLogEvents")}}, LOST),
    ("searching is denied", {"answers": {"FilterLogEvents": denied("FilterLogEvents")}}, NOT_READ),
    ("log groups may not be listed", {"answers": {"DescribeLogGroups": denied("DescribeLogGroups")}}, NOT_READ),
    ("AWS refuses to search", {"answers": {"FilterLogEvents": error(InvalidRequestError, "InvalidOperationException")}}, NOT_READ),
    ("a portal answers for the log", {"answers": {"FilterLogEvents": {"ResponseMetadata": {}}}}, NOT_READ),
    ("logs go to S3 alone", {"logging": S3_ONLY}, dict.fromkeys(("CAN-03", "CAN-04", "CAN-05", "LOG-16"), "not_applicable")),
    ("the record is of another Region", {"record": {"region": "us-west-2"}}, WRONG),
    ("the record is of another account", {"record": {"accountId": "123456789012"}}, WRONG),
    ("the record is of another model", {"record": {"modelId": "amazon.titan-text-lite-v1"}}, WRONG),
    ("the record names the model by its id", {"record": {"modelId": f"us.{MODEL}"}}, {}),
    ("the record is of another caller", {"record": {"identity": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/other/session"}}}, WRONG),
    ("the record is of another session of the role", {"record": {"identity": {"arn": f"{CALLER}-2"}}}, {}),
    ("the record is of a role of another account", {"record": {"identity": {"arn": CALLER.replace(ACCOUNT, "123456789012")}}}, WRONG),
    ("the record names no caller", {"record": {"identity": {}}}, WRONG),
    ("the record carries other metadata", {"record": {"requestMetadata": {"bgw_purpose": "canary", "bgw_run": "other"}}}, WRONG),
    ("the record carries no metadata", {"record": {"requestMetadata": None}}, WRONG),
    ("the record is not as AWS writes it", {"record": {"identity": "a", "requestMetadata": ["b"], "input": "c", "output": 4}},
        {**WRONG, "CAN-05": "fail"}),
    ("the record holds no prompt", {"record": {"input": {"inputTokenCount": 3}}}, {**WRONG, "CAN-05": "fail"}),
    ("the record holds no answer", {"record": {"output": {"outputTokenCount": 1}}}, WRONG),
    ("text is off, and the record holds it", {"logging": {"loggingConfig": LOGGING | {"textDataDeliveryEnabled": False}}},
        {**WRONG, "CAN-05": "not_applicable"}),
    ("text is off, and the record holds none", {"logging": {"loggingConfig": LOGGING | {"textDataDeliveryEnabled": False}},
        "record": {"input": {}, "output": {}}}, {"CAN-05": "not_applicable"}),
    ("text was never set", {"logging": {"loggingConfig": {k: v for k, v in LOGGING.items() if k != "textDataDeliveryEnabled"}}}, {}),
    ("no bucket for large bodies", {"logging": {"loggingConfig": LOGGING | {"cloudWatchConfig": {"logGroupName": GROUP}}}},
        {"CAN-05": "not_applicable"}),
    ("the large body does not come", {"objects": {}}, {"CAN-05": "warn"}),
    ("the large body is one of many of that name", {"answers": {"ListObjectsV2": {
        "Contents": [{"Key": BODY_KEY, "Size": 9}], "IsTruncated": True, "NextContinuationToken": "x"}}}, {}),
    ("the large body is empty", {"objects": {BODY_KEY: 0}}, {"CAN-05": "warn"}),
    ("the bucket may not be listed", {"answers": {"ListObjectsV2": denied("ListObjectsV2")}}, {"CAN-05": "unknown"}),
    ("the model takes no large prompt", {"answers": {"Converse": large(error(InvalidRequestError, "ValidationException"))}},
        {"CAN-05": "unknown"}),
    ("a large prompt is denied", {"answers": {"Converse": large(denied("Converse"))}}, {"CAN-05": "fail"}),
    ("the large body goes elsewhere", {"record": {"input": {
        "inputBodyS3Path": f"s3://example-other/AWSLogs/{ACCOUNT}/x/data/y.json.gz"}}}, {"CAN-05": "fail"}),
    ("somebody else's bucket folder", {"record": {"input": {"inputBodyS3Path": f"s3://{BUCKET}/{BODY_KEY.replace(ACCOUNT, '123456789012')}"}}},
        {"CAN-05": "fail"}),
    ("a body with a prefix", {"logging": {"loggingConfig": LOGGING | {"cloudWatchConfig": LOGGING["cloudWatchConfig"] | {
        "largeDataDeliveryS3Config": {"bucketName": BUCKET, "keyPrefix": "logs/"}}}},
        "record": {"input": {"inputBodyS3Path": f"s3://{BUCKET}/logs/{BODY_KEY}"}}, "objects": {f"logs/{BODY_KEY}": 9}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_one_fault_changes_exactly_what_it_should(change, expected):
    world = World(**change)
    report = flown(world)
    assert outcome(report) == GOOD | expected, {one.id: one.summary for one in report.results if one.id in expected}
    assert [
        one.id
        for one in report.results
        if one.id in outcome(report) and bool(one.fix) != (one.status in {"fail", "warn", "unknown"})
    ] == []
    assert world.now <= 4 * PATIENCE_SECONDS


def test_a_record_that_never_comes_fails_only_where_deliveries_fail():
    assert outcome(flown(World(latency_seconds=1e9), FAILING))["CAN-03"] == "fail"
    assert outcome(flown(World(latency_seconds=1e9), REPORT))["CAN-03"] == "warn"


def test_no_model_is_called_while_logging_is_off():
    world = World()
    assert set(outcome(flown(world, OFF)).values()) == {"skip"}
    assert world.calls == world.sent == []


def test_somebody_elses_records_and_lines_that_are_none_are_passed_over():
    world = World(page_size=3)
    spoof = {"requestId": "somebody-else", "requestMetadata": {"bgw_purpose": "canary", "bgw_run": NONCE}}
    junk = [
        "[" * 100_000,
        '{"requestId": ["r-1"]}',
        '{"requestId": {"r-1": 1}}',
        "r-1",
        '"r-1"',
        '["r-1"]',
        "{",
        '{"said": "r-1"}',
        json.dumps(spoof),
        "",
    ]
    world.lines += [(0.0, line) for line in junk * 20]
    assert outcome(flown(world)) == GOOD


def test_a_hundred_pages_without_events_are_read_to_their_end():
    world = World(page_size=1, latency_seconds=0.0)
    world.lines += [(0.0, json.dumps({"requestId": f"other-{number}"})) for number in range(150)]
    assert outcome(flown(world)) == GOOD
    asked = [one.params.get("nextToken") for one in world.sent if one.operation == "FilterLogEvents"]
    assert len(asked) > 150
    assert world.now == 0.0, "there is nothing to wait for: it is on a later page"


def test_a_log_whose_pages_never_end_is_left_when_time_is_up():
    world = World()

    def endless(asked: Any) -> Any:
        world.now += 1.0
        return {"events": [], "nextToken": f"{world.now}"}

    world.answers["FilterLogEvents"] = endless
    assert outcome(flown(world)) == GOOD | LOST
    assert world.now <= 3 * PATIENCE_SECONDS


def test_how_long_is_waited_can_be_said():
    world = World(latency_seconds=1e9)
    report = flown(world, patience_seconds=7.0)
    assert 7.0 <= world.now <= 14.5
    assert "within 7 s" in next(one.summary for one in report.results if one.id == "CAN-03")


def test_without_streams_and_below_deep_only_what_applies_is_called():
    world = World()
    report = flown(world, MINIMAL, "reader")
    assert outcome(report) == {one: "pass" for one in GOOD if one != "CAN-05"} | {"CAN-02": "not_applicable"}
    assert [operation for operation, _, _ in world.calls] == ["Converse"]


@pytest.mark.parametrize("operation", ["FilterLogEvents", "DescribeLogGroups", "ListObjectsV2"])
def test_what_is_denied_is_granted_by_the_capability_of_the_canary(operation):
    report = flown(World(answers={operation: denied(operation)}))
    [fix] = {one.fix for one in report.results if one.fix and one.fix.iam_action}
    assert fix.iam_action in IAM_ACTIONS.values()
    assert fix.command == "bedrock-gateway policy --principal caller"


def test_records_are_sought_from_before_the_call_as_clocks_differ():
    world = World()
    flown(world)
    starts = {one.params["startTime"] for one in world.sent if one.operation == "FilterLogEvents"}
    assert starts == {1_790_000_000_000 - 15 * 60 * 1000}


class Body:
    """What a stream is read from."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


STREAMED = Send("bedrock-runtime", "ConverseStream", {}, stream="stream")


def streaming(error: Exception | None = None, again: bool = False) -> Any:
    """A flow that opens a stream, once more where the first attempt fails, and reads it."""
    yield STREAMED
    if again:
        yield STREAMED
    yield Receive(None)
    if error:
        raise error
    return "whole"


@pytest.mark.parametrize("again", [False, True], ids=["one attempt", "two attempts"])
def test_the_connection_of_a_stream_is_released_however_it_ends(again):
    for error in (None, cut()):
        bodies: list[Body] = []
        flow = to_the_end(streaming, error, again)
        result: Any = None
        try:
            command = next(flow)
            while True:
                if isinstance(command, Send):
                    bodies.append(Body())
                    command = flow.send({"stream": bodies[-1]})
                else:
                    command = flow.send(None)
        except StopIteration as stop:
            result = stop.value
        except StreamInterruptedError as caught:
            result = caught
        assert result == (error or "whole")
        assert [one.closed for one in bodies] == [1] * (2 if again else 1)


def test_the_connection_of_a_stream_that_is_abandoned_or_fails_on_the_way_is_released():
    for leave in ("close", "throw"):
        body, flow = Body(), to_the_end(streaming)
        next(flow)
        flow.send({"stream": body})
        if leave == "close":
            flow.close()
        else:
            with pytest.raises(OSError, match="gone"):
                flow.throw(OSError("gone"))
        assert body.closed == 1
