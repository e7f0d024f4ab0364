"""The run flow and every check, stepped by hand with AWS's replies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import bedrock_gateway.preflight as package
from bedrock_gateway._responses import BODY
from bedrock_gateway.config import GatewayConfig
from bedrock_gateway.errors import (
    AccessDeniedError,
    NotFoundError,
    PreflightFailedError,
    ThrottledError,
    TransportError,
)
from bedrock_gateway.preflight import CATALOGUE, Credentials, Facts, Report, run
from bedrock_gateway.preflight.catalogue import IAM_ACTIONS
from bedrock_gateway.preflight.render import as_text

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send

ACCOUNT, REGION, ROLE = "111122223333", "us-east-1", "AmazonBedrockGateway-logging"
MODEL = "amazon.nova-lite-v1:0"
GROUP = "/bedrock/invocations"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
STREAM = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:log-stream:aws/bedrock/modelinvocations"
WRITE = ["logs:CreateLogStream", "logs:PutLogEvents"]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:*"},
            },
        }
    ],
}
FACTS = Facts(
    Credentials("assume-role", "ASIA"),
    host=f"bedrock-runtime.{REGION}.amazonaws.com",
    resolves=True,
    botocore="1.43.117",
)
LOGGING = {
    "cloudWatchConfig": {
        "logGroupName": GROUP,
        "roleArn": ROLE_ARN,
        "largeDataDeliveryS3Config": {"bucketName": "example-logs"},
    },
    "textDataDeliveryEnabled": True,
}
PROFILE = {
    "status": "ACTIVE",
    "type": "SYSTEM_DEFINED",
    "models": [{"modelArn": "arn:aws:bedrock:us-east-2::foundation-model/x"}],
}


def details(**changes: Any) -> dict[str, Any]:
    return {
        "modelDetails": {"modelLifecycle": {"status": "ACTIVE"}, "inferenceTypesSupported": ["ON_DEMAND"], **changes}
    }


def golden() -> dict[str, Any]:
    return {
        "GetCallerIdentity": {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/app/session"},
        "GetModelInvocationLoggingConfiguration": {"loggingConfig": LOGGING, "ResponseMetadata": {"RequestId": "r-1"}},
        "HeadBucket": {"BucketRegion": REGION},
        "DescribeLogGroups": {
            "logGroups": [{"logGroupName": GROUP + "-2"}, {"logGroupName": GROUP, "retentionInDays": 90}]
        },
        "GetRole": {"Role": {"Arn": ROLE_ARN, "AssumeRolePolicyDocument": TRUST}},
        "ListRolePolicies": {"PolicyNames": ["write"]},
        "GetRolePolicy": {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": {"Effect": "Allow", "Action": WRITE, "Resource": STREAM},
            }
        },
        "ListAttachedRolePolicies": {"AttachedPolicies": []},
        "GetFoundationModel": details(),
        "GetInferenceProfile": PROFILE,
    }


def config(**changes: Any) -> GatewayConfig:
    values: dict[str, Any] = {
        "application": "helpdesk",
        "account": ACCOUNT,
        "region": REGION,
        "principals": {
            "app": {"capabilities": ["converse", "preflight-minimal"], "models": [MODEL, f"us.{MODEL}"]},
            "operator": {"capabilities": ["logging-admin", "preflight-standard"]},
        },
        "logging": {"log_group": GROUP, "role": ROLE, "large_data_bucket": "example-logs"},
    }
    return GatewayConfig(**(values | changes))


def drive(
    replies: dict[str, Any],
    facts: Facts = FACTS,
    principal: str = "operator",
    declared: GatewayConfig | None = None,
    **extra: Any,
) -> tuple[Report, list[Send]]:
    return driven(run(declared or config(), principal, None, facts, **extra), replies)


def driven(flow: Any, replies: dict[str, Any], in_time: Any = lambda _until: True) -> tuple[Report, list[Send]]:
    """Answer whatever the flow asks, the newest question first: no check may depend on the order."""
    together, sent, open_ = next(flow), [], []
    while not together.work.finished and in_time(together.until):
        open_ += together.work.ready()
        key, send = open_.pop()
        sent.append(send)
        together.work.tell(key, replies[send.operation])
    with pytest.raises(StopIteration) as stop:
        next(flow)
    return stop.value.value, sent


def denied(operation: str) -> AccessDeniedError:
    return AccessDeniedError("no", operation=operation, code="AccessDeniedException", status=403, request_id="r-9")


def missing(operation: str) -> NotFoundError:
    return NotFoundError("none", operation=operation, code="ResourceNotFoundException", status=404)


def status(report: Report, check: str) -> str:
    return next(one.status for one in report.results if one.id == check)


def logging(**changes: Any) -> dict[str, Any]:
    return {"GetModelInvocationLoggingConfiguration": {"loggingConfig": {**LOGGING, **changes}}}


def who(arn: str, account: str = ACCOUNT) -> dict[str, Any]:
    return {"GetCallerIdentity": {"Account": account, "Arn": arn}}


def soon(days: int) -> dict[str, Any]:
    end = datetime.now(UTC) + timedelta(days=days, hours=1)
    return {"GetFoundationModel": details(modelLifecycle={"status": "LEGACY", "endOfLifeTime": end})}


def test_the_golden_account_passes_and_reads_only_what_the_catalogue_names():
    report, sent = drive(golden())
    assert {one.id: one.summary for one in report.results if one.status not in {"pass", "not_applicable"}} == {}
    assert report.ok
    assert {f"{one.service}:{one.operation}" for one in sent} <= set(IAM_ACTIONS)
    assert all(one.operation.startswith(("Get", "List", "Describe", "Head")) for one in sent)


def test_checks_share_replies():
    _, sent = drive(golden())
    asked = [(one.operation, json.dumps(one.params, sort_keys=True)) for one in sent]
    assert len(asked) == len(set(asked))


def test_the_minimal_level_makes_one_call_of_the_alarm_list():
    _, sent = drive(golden(), principal="app")
    assert {one.operation for one in sent if one.service == "bedrock"} == {"GetModelInvocationLoggingConfiguration"}


REPLIES = [
    ("ID-02", "fail", who(f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b", "123456789012")),
    ("ID-02", "fail", who(f"arn:aws-us-gov:sts::{ACCOUNT}:assumed-role/a/b")),
    ("ID-03", "fail", who(f"arn:aws:iam::{ACCOUNT}:root")),
    ("ID-04", "warn", who(f"arn:aws:iam::{ACCOUNT}:user/a")),
    ("REG-05", "fail", {"HeadBucket": {"BucketRegion": "us-west-2"}}),
    ("REG-05", "fail", {"HeadBucket": missing("HeadBucket")}),
    ("LOG-01", "fail", {"GetModelInvocationLoggingConfiguration": {}}),
    ("LOG-01", "fail", {"GetModelInvocationLoggingConfiguration": {"loggingConfig": {}}}),
    ("LOG-02", "fail", logging(cloudWatchConfig=None)),
    ("LOG-02", "warn", logging(cloudWatchConfig={"logGroupName": "/other", "roleArn": ROLE_ARN})),
    ("LOG-03", "fail", logging(textDataDeliveryEnabled=False)),
    ("LOG-03", "warn", logging(imageDataDeliveryEnabled=True)),
    ("LOG-04", "warn", logging(cloudWatchConfig={"logGroupName": GROUP, "roleArn": ROLE_ARN})),
    ("LOG-05", "fail", {"DescribeLogGroups": {"logGroups": [{"logGroupName": GROUP + "-2"}]}}),
    ("LOG-05", "warn", {"DescribeLogGroups": {"logGroups": [{"logGroupName": GROUP}]}}),
    ("LOG-05", "not_applicable", logging(cloudWatchConfig=None, s3Config={"bucketName": "example-logs"})),
    ("LOG-06", "fail", {"GetRole": missing("GetRole")}),
    ("LOG-06", "fail", logging(cloudWatchConfig={"logGroupName": GROUP, "roleArn": "arn:aws:iam::123456789012:role/x"})),
    ("LOG-07", "skip", {"GetRole": missing("GetRole")}),
    ("LOG-08", "fail", {"ListRolePolicies": {"PolicyNames": []}}),
    ("LOG-08", "unknown", {"ListAttachedRolePolicies": {"AttachedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/X"}]},
                           "GetPolicy": denied("GetPolicy")}),
    ("MOD-01", "fail", {"GetFoundationModel": missing("GetFoundationModel")}),
    ("MOD-02", "fail", soon(5)),
    ("MOD-02", "warn", soon(60)),
    ("MOD-02", "unknown", {"GetFoundationModel": details(modelLifecycle={})}),
    ("MOD-03", "fail", {"GetFoundationModel": details(inferenceTypesSupported=["INFERENCE_PROFILE"])}),
    ("MOD-04", "fail", {"GetInferenceProfile": missing("GetInferenceProfile")}),
    ("MOD-04", "fail", {"GetInferenceProfile": {**PROFILE, "type": "APPLICATION"}}),
]  # fmt: skip


@pytest.mark.parametrize(("check", "expected", "changed"), REPLIES)
def test_a_check_judges_the_reply(check, expected, changed):
    report, _ = drive(golden() | changed)
    result = next(one for one in report.results if one.id == check)
    assert result.status == expected, result.summary
    assert bool(result.fix) == (expected in {"fail", "warn", "unknown"})


LOCAL_FACTS = [
    ("ENV-03", "fail", {"endpoint_overrides": {"AWS_ENDPOINT_URL": "http://169.254.169.254"}}),
    ("ENV-03", "pass", {"endpoint_overrides": {"AWS_ENDPOINT_URL": "https://sts.us-east-1.amazonaws.com"}}),
    ("ENV-03", "fail", {"endpoint_overrides": {"AWS_ENDPOINT_URL": "https://amazonaws.com.example.org"}}),
    ("ID-01", "fail", {"credentials": None}),
    ("ID-01", "fail", {"credentials": Credentials("sso", "", "TokenRetrievalError")}),
    ("LOG-01", "skip", {"credentials": None}),
    ("ID-05", "fail", {"credentials": Credentials("env", "AKIA")}),
    ("ID-08", "fail", {"bearer_token": "long-term"}),
    ("REG-01", "fail", {"client_regions": {"sts": "us-west-2"}}),
    ("REG-02", "warn", {"regions": {"AWS_REGION": "us-west-2"}}),
    ("REG-03", "fail", {"resolves": False}),
    ("REG-03", "unknown", {"resolves": None}),
    ("REG-03", "warn", {"region_known": False}),
]


@pytest.mark.parametrize(("check", "expected", "changed"), LOCAL_FACTS)
def test_a_check_judges_the_process(check, expected, changed):
    report, _ = drive(golden(), replace(FACTS, **changed))
    assert status(report, check) == expected


READS = sorted(set(golden()) - {"GetCallerIdentity"})


@pytest.mark.parametrize("operation", READS)
def test_a_denied_read_is_unknown_and_names_what_to_grant(operation):
    report, _ = drive(golden() | {operation: denied(operation)})
    assert report.unknown
    assert not report.failed
    named = [one.fix.iam_action for one in report.unknown if one.fix and one.fix.iam_action]
    assert named
    assert all(action in set(IAM_ACTIONS.values()) for action in named)


@pytest.mark.parametrize(
    "error",
    [
        ThrottledError("slow", operation="x", code="ThrottlingException", status=429),
        TransportError("no route", operation="x", sent=False),
    ],
)
def test_a_run_that_can_read_nothing_exits_3(error):
    report, _ = drive(dict.fromkeys(golden(), error))
    assert not report.failed
    assert report.exit_code() == 3


def test_exit_codes_are_frozen():
    assert drive(golden())[0].exit_code() == 0
    assert drive(golden() | {"GetModelInvocationLoggingConfiguration": {}})[0].exit_code() == 1
    assert drive(golden(), replace(FACTS, credentials=None))[0].exit_code() == 2
    warned, _ = drive(golden(), replace(FACTS, regions={"AWS_REGION": "us-west-2"}))
    assert (warned.exit_code(), warned.exit_code("warn")) == (0, 1)
    unread, _ = drive(golden() | {"DescribeLogGroups": denied("DescribeLogGroups")})
    assert (unread.exit_code(), unread.exit_code("unknown")) == (0, 1)
    assert unread.exit_code(required=("LOG-05",)) == 3


def test_raise_for_status_and_require_raise_with_the_report():
    report, _ = drive(golden() | {"GetModelInvocationLoggingConfiguration": {}})
    with pytest.raises(PreflightFailedError, match="LOG-01") as caught:
        report.raise_for_status()
    assert caught.value.report is report
    with pytest.raises(PreflightFailedError):
        report.require("LOG-*")
    report.require("ENV-*")


def test_the_json_follows_its_schema_and_the_text_shows_each_fix():
    schema = json.loads((Path(package.__file__).parent / "report.schema.json").read_text())
    for replies in (
        golden(),
        dict.fromkeys(golden(), denied("x")),
        golden() | {"GetModelInvocationLoggingConfiguration": {}},
    ):
        report, _ = drive(replies)
        jsonschema.validate(json.loads(json.dumps(report.to_dict())), schema)
        text = as_text(report)
        assert all(one.fix.text in text for one in report.results if one.fix)


def test_the_fix_of_a_wrong_region_names_both_and_puts_it_right():
    wrong = json.loads(json.dumps(TRUST).replace(f":{REGION}:", ":us-west-2:"))
    replies = golden() | {"GetRole": {"Role": {"Arn": ROLE_ARN, "AssumeRolePolicyDocument": wrong}}}
    result = next(one for one in drive(replies)[0].failed if one.id == "LOG-07")
    assert "SourceArn names us-west-2, this Region is us-east-1" in result.summary
    assert result.fix.command.startswith(f"aws iam update-assume-role-policy --role-name {ROLE} ")
    mended = {"Role": {"Arn": ROLE_ARN, "AssumeRolePolicyDocument": json.loads(result.fix.document)}}
    assert status(drive(golden() | {"GetRole": mended})[0], "LOG-07") == "pass"


def test_each_check_is_reported_once_and_then_the_end():
    events: list[Any] = []
    report, _ = drive(golden(), emit=events.append)
    assert [row.id for row in CATALOGUE] == [one.id for one in report.results]
    assert sorted(one.check for one in events[:-1]) == sorted(row.id for row in CATALOGUE)
    assert events[-1].name == "preflight.ended"


def test_the_request_id_of_the_answer_is_kept():
    assert next(one for one in drive(golden())[0].results if one.id == "LOG-01").request_id == "r-1"


def test_while_logging_is_off_its_parts_are_looked_at_where_they_are_declared():
    off = {"GetModelInvocationLoggingConfiguration": {}}
    report, _ = drive(golden() | off)
    assert {one.id for one in report.results if one.status == "fail"} == {"LOG-01"}
    assert status(report, "LOG-08") == "pass"
    report, _ = drive(golden() | off | {"GetRole": missing("GetRole"), "DescribeLogGroups": {"logGroups": []}})
    assert {one.id for one in report.results if one.status == "fail"} == {"LOG-01", "LOG-05", "LOG-06"}


def test_a_command_is_printed_only_where_it_can_work():
    off = golden() | {"GetModelInvocationLoggingConfiguration": {}}
    nothing = next(one for one in drive(off, declared=config(logging=None))[0].failed if one.id == "LOG-01")
    assert nothing.fix.command is None
    assert "Declare [logging]" in nothing.fix.text


def test_what_is_denied_is_granted_by_the_principals_own_policy_or_by_one_for_the_checks_alone():
    refused = golden() | {"GetRole": denied("GetRole")}
    own = next(one for one in drive(refused)[0].unknown if one.id == "LOG-06")
    assert own.fix.command == "bedrock-gateway policy --principal operator"
    flow_config = config(principals={"app": {"capabilities": ["converse"], "models": [MODEL]}})
    flow = run(flow_config, "app", "standard", FACTS)
    report, _ = driven(flow, refused)
    beside = next(one for one in report.unknown if one.id == "LOG-06")
    assert beside.fix.command == (
        f"bedrock-gateway policy generate preflight-standard --region {REGION} --account {ACCOUNT}"
        f" --logging-role {ROLE} --log-group {GROUP}"
    )


def test_the_role_is_made_under_its_path_and_within_its_boundary():
    role = f"bedrock-gateway/{ROLE}"
    declared = config(logging={"log_group": GROUP, "role": role})
    replies = golden() | {"GetModelInvocationLoggingConfiguration": {}, "GetRole": missing("GetRole")}
    command = next(one for one in drive(replies, declared=declared)[0].failed if one.id == "LOG-06").fix.command
    assert f"create-role --role-name {ROLE} --path /bedrock-gateway/ --permissions-boundary " in command


PAGE = {"ResponseMetadata": {"HTTPHeaders": {"content-type": "text/html; charset=utf-8"}}}


@pytest.mark.parametrize("reply", [PAGE, {BODY: b""}, {}])
def test_what_is_not_an_answer_of_aws_is_neither_a_finding_nor_a_fault_of_ours(reply):
    # boto3 reads a portal's page as an answer in which every member is missing: logging would seem to be off.
    report, _ = drive(dict.fromkeys(golden(), reply))
    assert not [one for one in report.failed if one.id != "LOG-01"]
    assert status(report, "ID-02") == status(report, "MOD-01") == "unknown"
    if reply:
        assert report.exit_code() == 3
        assert not report.failed


def test_a_service_that_cannot_be_reached_is_asked_no_more():
    silent = TransportError("no route", operation="x", sent=False)
    _, sent = drive(golden() | {"GetRole": silent, "DescribeLogGroups": silent})
    assert [one.operation for one in sent if one.service == "iam"] == ["GetRole"]


def test_what_has_no_answer_when_time_is_up_is_unknown_and_everything_else_stays():
    ticks = iter(range(100_000))
    answered = iter(range(6))
    report, sent = driven(
        run(config(), "operator", None, FACTS, clock=lambda: float(next(ticks))),
        golden(),
        in_time=lambda _until: next(answered, None) is not None,
    )
    assert len(sent) == 6
    assert len(report.results) == len(CATALOGUE)
    assert {one.error_code for one in report.unknown} == {"timeout"}
    assert "no answer within 10 s" in report.unknown[0].summary
    assert not report.failed
    assert status(report, "ID-02") == "pass"
    assert report.exit_code("unknown") == 1


def test_questions_that_do_not_wait_for_each_other_are_ready_together():
    flow = run(config(), "operator", None, FACTS)
    work, replies, waves = next(flow).work, golden(), []
    while not work.finished:
        asked = work.ready()
        waves.append({send.operation for _, send in asked})
        for key, send in asked:
            work.tell(key, replies[send.operation])
    # The longest chain is who am I, the configuration, the role, its policies, one policy.
    assert len(waves) == 5, waves
