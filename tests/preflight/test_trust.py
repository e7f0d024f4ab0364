"""Every vector of the reference's trust table, and every correction judged right by the same judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.preflight.trust import Delivery, judge_trust, stream_arn

SCOPE = Scope(region="us-east-1", account="111122223333")
CASES = json.loads((Path(__file__).parents[1] / "cases" / "trust" / "logging_role.json").read_text())
CONDITION = {
    "StringEquals": {"aws:SourceAccount": "111122223333"},
    "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:us-east-1:111122223333:*"},
}
ROLE = "arn:aws:iam::111122223333:role/logs"
STREAM = stream_arn(SCOPE, "/bedrock/invocations")
WRITE = ["logs:CreateLogStream", "logs:PutLogEvents"]


def document(case: dict[str, Any]) -> Any:
    statement = {
        "Effect": "Allow",
        "Principal": case.get("principal", {"Service": "bedrock.amazonaws.com"}),
        "Action": case.get("action", "sts:AssumeRole"),
    }
    condition = case.get("condition", CONDITION)
    statement |= {"Condition": condition} if condition else {}
    statements = statement if case.get("single") else [statement, *case.get("add", [])]
    text = json.dumps({"Version": case.get("version", "2012-10-17"), "Statement": statements})
    for old, new in case.get("swap", {}).items():
        assert old in text
        text = text.replace(old, new)
    return quote(text) if case.get("encode") else json.loads(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_trust_policy_is_judged_as_the_reference_says(case):
    verdict = judge_trust(document(case), SCOPE)
    assert verdict.status == case["status"], verdict.summary
    assert case.get("says", "") in verdict.summary
    if verdict.status != "pass":
        kept = "warn" if case.get("keeps_others") else "pass"
        assert judge_trust(verdict.corrected.dump(), SCOPE).status == kept


def test_a_correction_keeps_what_concerns_others():
    other = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}
    broken = document({"principal": {"Service": "bedrok.amazonaws.com"}})
    broken["Statement"].append(other)
    assert other in judge_trust(broken, SCOPE).corrected.dump()["Statement"]


def grant(resource: str, actions: list[str] = WRITE, effect: str = "Allow") -> Policy:
    return Policy.parse(
        {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": actions, "Resource": resource}]}
    )


@pytest.mark.parametrize(
    ("identity", "boundary", "status", "says"),
    [
        ([grant(STREAM)], None, "pass", ""),
        ([grant("*")], None, "warn", "broader"),
        ([], None, "fail", "logs:CreateLogStream"),
        ([grant(STREAM, WRITE[:1])], None, "fail", "logs:PutLogEvents"),
        ([grant(STREAM), grant("*", WRITE, "Deny")], None, "fail", "explicit deny"),
        ([grant(STREAM)], grant("*", ["s3:*"]), "fail", "boundary"),
        ([grant(STREAM.replace(":log-stream:", ":*:log-stream:"))], None, "fail", "malformed"),
    ],
)
def test_delivery_is_judged_over_every_layer(identity, boundary, status, says):
    verdict = Delivery(SCOPE, ROLE).judge(identity, boundary)
    assert (verdict.status, says in verdict.summary) == (status, True), verdict.summary


def test_what_stands_in_the_way_is_told_from_what_does_not():
    delivery = Delivery(SCOPE, ROLE)
    assert [delivery.refused_by(one) for one in (grant("*"), grant("*", ["s3:*"]), grant("*", WRITE, "Deny"))] == [
        None,
        "silence",
        "deny",
    ]
    assert [delivery.spoilt_by(one) for one in (grant(STREAM), grant("*"), grant("*", WRITE, "Deny"))] == [
        False,
        True,
        True,
    ]


def test_a_correction_of_too_many_principals_leaves_one_and_of_one_reason_says_it_once():
    also = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    right = judge_trust("{}", SCOPE).corrected
    both = {**right.dump(), "Statement": [*right.dump()["Statement"], also]}
    verdict = judge_trust(both, SCOPE)
    assert verdict.status == "warn"
    assert judge_trust(verdict.corrected.to_json(), SCOPE).status == "pass"
    only = judge_trust({**both, "Statement": [also]}, SCOPE)
    assert only.summary == "no statement names Service bedrock.amazonaws.com; it names lambda.amazonaws.com"
