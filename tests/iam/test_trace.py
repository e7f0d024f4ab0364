"""A trace lists every statement with the reason why it does not apply, and never contradicts the decision."""

from __future__ import annotations

import pytest

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef
from bedrock_gateway.iam.trace import trace

MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
USER = PrincipalRef("arn:aws:iam::111122223333:user/alice", "111122223333")
REQUEST = AccessRequest("bedrock:InvokeModel", MODEL, {"aws:PrincipalTag/team": "red"}, USER)


def statement(effect: str = "Allow", **elements: object) -> Statement:
    written = {"Effect": effect, "Action": "bedrock:*", "Resource": "*"} | elements
    return Statement.parse({name: value for name, value in written.items() if value is not None})


@pytest.mark.parametrize(
    ("one", "element", "says"),
    [
        (statement(Action=["s3:*", "iam:*"]), "Action", "Action s3:*, iam:* does not cover bedrock:InvokeModel"),
        (statement(Action=None, NotAction="bedrock:Invoke*"), "NotAction", "NotAction bedrock:Invoke* does not cover"),
        (statement(Resource="arn:aws:s3:::b"), "Resource", f"Resource arn:aws:s3:::b does not cover {MODEL}"),
        (statement(Resource=None, NotResource=MODEL), "NotResource", f"NotResource {MODEL} does not cover {MODEL}"),
        (
            statement(Condition={"StringEquals": {"aws:PrincipalTag/team": ["blue", "green"]}}),
            "Condition",
            "StringEquals of aws:PrincipalTag/team with blue, green does not hold: the request has red",
        ),
        (
            statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
            "Condition",
            "Bool of aws:SecureTransport with true does not hold: the request has no such key",
        ),
    ],
)
def test_the_element_that_does_not_hold_is_named(one: Statement, element: str, says: str) -> None:
    found = trace(REQUEST, Layers((Policy((one,)),)))
    [listed] = found.levels[0].statements
    assert listed.outcome == "does not apply"
    assert listed.mismatch is not None
    assert listed.mismatch.element == element
    assert listed.mismatch.detail.startswith(says)
    assert found.decision is not None
    assert not found.decision.allowed


def test_a_condition_is_named_by_operator_and_key() -> None:
    one = statement(Condition={"StringLike": {"aws:PrincipalTag/team": "r*"}, "Null": {"aws:username": "false"}})
    [listed] = trace(REQUEST, Layers((Policy((one,)),))).levels[0].statements
    assert listed.mismatch is not None
    assert (listed.mismatch.operator, listed.mismatch.key) == ("Null", "aws:username")


def test_every_statement_of_every_level_is_listed_in_the_order_of_denials() -> None:
    allow, deny = Policy((statement(), statement(Action="s3:*"))), Policy((statement("Deny"),))
    resource = Policy((statement(Principal={"AWS": "123456789012"}),))
    found = trace(REQUEST, Layers((allow, deny), resource, (allow,), None, ((allow,), (allow,))))
    assert [(one.layer, one.number, one.result) for one in found.levels] == [
        ("scp", 1, "allow"),
        ("scp", 2, "allow"),
        ("resource", None, "none"),
        ("identity", None, "deny"),
        ("boundary", None, "allow"),
    ]
    assert [(one.policy, one.index, one.outcome) for one in found.levels[3].statements] == [
        (1, 1, "applies"),
        (1, 2, "does not apply"),
        (2, 1, "applies"),
    ]
    named = found.levels[2].statements[0].mismatch
    assert named is not None
    assert named.detail == f"Principal 123456789012 does not name {USER.arn}"
    assert found.decision is not None
    assert found.decision.explicit_deny


def test_what_cannot_be_judged_is_said_and_not_raised() -> None:
    one = statement(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": "soon"}})
    request = AccessRequest("bedrock:InvokeModel", MODEL, {"aws:MultiFactorAuthAge": "60"}, USER)
    found = trace(request, Layers((Policy((one,)),)))
    assert found.decision is None
    assert found.undecidable == "statement 1 of identity-based policy 1 cannot be judged: 'soon' is not a number"
    [listed] = found.levels[0].statements
    assert listed.outcome == "undecidable"
    assert listed.mismatch is not None
    assert listed.mismatch.undecidable
