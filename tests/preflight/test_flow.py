"""The run of a preflight, stepped by hand with AWS's replies."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import bedrock_gateway.preflight as package
from bedrock_gateway._commands import Record
from bedrock_gateway._responses import BODY
from bedrock_gateway.cli import main
from bedrock_gateway.errors import NotFoundError, PreflightFailedError, ThrottledError, TransportError
from bedrock_gateway.preflight import run
from bedrock_gateway.preflight.catalogue import IAM_ACTIONS, rows
from bedrock_gateway.preflight.render import as_text

from .stepped import (
    ACCOUNT,
    FACTS,
    GROUP,
    GUARDRAIL,
    MODEL,
    QUESTIONS,
    REGION,
    ROLE,
    ROLE_ARN,
    TRUST,
    answer,
    config,
    denied,
    drive,
    driven,
    golden,
    looks,
    missing,
    silenced,
    status,
)

READING = ("Get", "List", "Describe", "Head", "Simulate", "GenerateServiceLastAccessedDetails")
"""The last one asks IAM for a report: by AWS's own reference a read."""


def test_the_golden_account_passes_and_reads_only_what_the_catalogue_names():
    report, sent = drive(golden())
    assert {one.id: one.summary for one in report.results if one.status not in {"pass", "not_applicable"}} == {}
    assert report.ok
    assert {f"{one.service}:{one.operation}" for one in sent} <= set(IAM_ACTIONS)
    assert all(one.operation.startswith(READING) for one in sent)


def test_checks_share_replies():
    _, sent = drive(golden())
    asked = [(one.operation, json.dumps(one.params, sort_keys=True, default=str)) for one in sent]
    assert len(asked) == len(set(asked))


def test_the_minimal_level_makes_one_call_of_the_alarm_list():
    _, sent = drive(golden(), principal="app")
    assert {one.operation for one in sent if one.service == "bedrock"} == {"GetModelInvocationLoggingConfiguration"}


OF_USERS = {one for one in IAM_ACTIONS if "User" in one or "Group" in one or one.endswith(("Keys", "Devices"))}
READS = sorted(set(QUESTIONS) - {"GetCallerIdentity"})


@pytest.mark.parametrize("operation", READS)
def test_a_denied_read_is_unknown_and_names_what_to_grant(operation):
    as_user = operation in {row.partition(":")[2] for row in OF_USERS} - {"GetPolicy", "GetPolicyVersion"}
    who = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/a"}
    replies = golden() | ({"GetCallerIdentity": who} if as_user else {})
    if operation in {"GetPolicy", "GetPolicyVersion"}:
        replies["ListAttachedRolePolicies"] = {"AttachedPolicies": [{"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/x"}]}
    replies["GetUserPolicy"] = golden()["GetGroupPolicy"]
    if operation == "ListServiceSpecificCredentials":
        replies["ListUsers"] = {"Users": [{"UserName": "BedrockAPIKey-ab12"}]}
    if operation == "GetUserPolicy":
        replies["ListUserPolicies"] = {"PolicyNames": ["mine"]}
    report, _ = drive(replies | {operation: denied(operation)})
    assert report.unknown
    assert not report.failed
    named = [one.fix.iam_action for one in report.unknown if one.fix and one.fix.iam_action]
    [action] = {IAM_ACTIONS[one] for one in IAM_ACTIONS if one.partition(":")[2] == operation}
    assert set(named) == {action}


@pytest.mark.parametrize(
    "error",
    [
        ThrottledError("slow", operation="x", code="ThrottlingException", status=429),
        TransportError("no route", operation="x", sent=False),
    ],
)
def test_a_run_that_can_read_nothing_exits_3(error):
    report, _ = drive(silenced(error))
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
        silenced(denied("x")),
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
    assert [row.id for row in rows("deep")] == [one.id for one in report.results]
    assert sorted(one.check for one in events[:-1]) == sorted(row.id for row in rows("deep"))
    assert events[-1].name == "preflight.ended"


def test_the_request_id_of_the_answer_is_kept():
    assert next(one for one in drive(golden())[0].results if one.id == "LOG-01").request_id == "r-1"


def test_while_logging_is_off_its_parts_are_looked_at_where_they_are_declared():
    off = {"GetModelInvocationLoggingConfiguration": {}}
    report, _ = drive(golden() | off)
    assert {one.id for one in report.results if one.status == "fail"} == {"LOG-01"}
    assert status(report, "LOG-08") == "pass"
    report, _ = drive(golden() | off | {"GetRole": missing("GetRole"), "DescribeLogGroups": {"logGroups": []}})
    assert {one.id for one in report.results if one.status == "fail"} == {
        "LOG-01",
        "LOG-05",
        "LOG-06",
        "KB-06",
        "REG-06",
    }


def test_a_command_is_printed_only_where_it_can_work():
    off = golden() | {"GetModelInvocationLoggingConfiguration": {}}
    nothing = next(one for one in drive(off, declared=config(logging=None))[0].failed if one.id == "LOG-01")
    assert nothing.fix.command is None
    assert "Declare [logging]" in nothing.fix.text


def test_what_is_denied_is_granted_by_the_principals_own_policy_or_by_one_for_the_checks_alone():
    refused = golden() | {"GetRole": denied("GetRole")}
    own = next(one for one in drive(refused, principal="operator")[0].unknown if one.id == "LOG-06")
    assert own.fix.command == "bedrock-gateway policy --principal operator"
    flow_config = config(principals={"app": {"capabilities": ["converse"], "models": [MODEL]}})
    flow = run(flow_config, "app", "standard", FACTS, looks=looks(golden()))
    report, _ = driven(flow, refused)
    beside = next(one for one in report.unknown if one.id == "LOG-06")
    assert beside.fix.command == (
        f"bedrock-gateway policy generate preflight-standard --region {REGION} --account {ACCOUNT}"
        f" --logging-role {ROLE} --log-group {GROUP} --model {MODEL} --guardrail {GUARDRAIL}:3"
    )


@pytest.mark.parametrize("level", ["standard", "deep"])
def test_the_policy_for_the_checks_alone_grants_the_reads_that_were_denied(level, capsys):
    names = ("GetFoundationModel", "GetInferenceProfile", "GetGuardrail", "GetKnowledgeBase")
    principal = {
        "capabilities": ["converse", "retrieve"],
        "models": [MODEL, f"us.{MODEL}"],
        "knowledge_bases": ["handbook"],
    }
    flow = run(config(principals={"app": principal}), "app", level, FACTS, looks=looks(golden()))
    report, _ = driven(flow, golden() | {name: denied(name) for name in names})
    (command,) = {one.fix.command for one in report.unknown if one.fix.text.startswith("Grant bedrock:Get")}
    assert main(shlex.split(command)[1:]) == 0
    policy = json.loads(capsys.readouterr().out)
    granted = {
        action
        for one in policy["Statement"]
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert granted >= {f"bedrock:{name}" for name in names}


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
    report, _ = drive(silenced(reply))
    assert not [one for one in report.failed if one.id != "LOG-01"]
    assert status(report, "ID-02") == status(report, "MOD-01") == "unknown"
    if reply:
        assert report.exit_code() == 3
        assert not report.failed


PROXY = NotFoundError("none", operation="x", code="404", status=404)
CUT = b'{"loggingConfig": {"cloudWatch'


@pytest.mark.parametrize("reply", [PROXY, {BODY: CUT}, {BODY: b'{"hello": 1}'}, {BODY: b"[]"}, {BODY: b"<html>"}])
def test_a_logging_configuration_is_off_only_where_aws_says_so(reply):
    report, _ = drive(golden() | {"GetModelInvocationLoggingConfiguration": reply})
    assert status(report, "LOG-01") == "unknown"
    assert report.exit_code() == 3
    off, _ = drive(golden() | {"GetModelInvocationLoggingConfiguration": {BODY: b"{}"}})
    assert status(off, "LOG-01") == "fail"


def test_a_page_that_a_proxy_does_not_find_is_no_model_that_does_not_exist():
    report, _ = drive(golden() | {"GetFoundationModel": PROXY})
    assert status(report, "MOD-01") == "unknown"
    report, _ = drive(golden() | {"HeadBucket": PROXY})  # an answer to HEAD has no word of AWS but its number
    assert status(report, "LOG-09") == "fail"


def test_a_service_that_cannot_be_reached_is_asked_no_more():
    silent = TransportError("no route", operation="x", sent=False)
    _, sent = drive(golden() | {"DescribeKey": silent, "DescribeLogGroups": silent})
    assert [one.operation for one in sent if one.service == "kms"] == ["DescribeKey"]
    assert [one.operation for one in sent if one.service == "logs"] == ["DescribeLogGroups"]


def test_what_has_no_answer_when_time_is_up_is_unknown_and_everything_else_stays():
    ticks = iter(range(100_000))
    answered = iter(range(20))
    report, sent = driven(
        run(config(), "auditor", None, FACTS, looks=looks(golden()), clock=lambda: float(next(ticks))),
        golden(),
        in_time=lambda _until: next(answered, None) is not None,
    )
    assert 0 < len(sent) <= 20
    assert [one.id for one in report.results] == [row.id for row in rows("deep")]
    assert {one.error_code for one in report.unknown} == {"timeout"}
    assert any("no answer within 10 s" in one.summary for one in report.unknown)
    assert not report.failed
    assert status(report, "ID-02") == "pass"
    assert report.exit_code("unknown") == 1


def test_questions_that_do_not_wait_for_each_other_are_ready_together():
    flow = run(config(), "auditor", None, FACTS, looks=looks(golden()))
    work, replies, waves = next(flow).work, golden(), []
    while not work.finished:
        asked = work.ready()
        waves.append({getattr(command, "operation", "a look") for _, command in asked})
        for key, command in asked:
            work.tell(key, command.entry() if isinstance(command, Record) else answer(replies, command))
    # The longest chain: who am I, the configuration, the bucket, its encryption, the key, the key's policy.
    assert len(waves) <= 6, waves
