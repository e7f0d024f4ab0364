"""An explanation never contradicts the decision, and names what decided or nearly did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, evaluate
from bedrock_gateway.iam.explain import as_text, explain
from bedrock_gateway.iam.samples import samples

POLICIES = sorted((Path(__file__).resolve().parents[2] / "policies").glob("*.json"))
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-lite-v1:0"


def statement(effect: str = "Allow", **elements: Any) -> Statement:
    return Statement.parse(
        {"Sid": "Call", "Effect": effect, "Action": "bedrock:InvokeModel", "Resource": MODEL} | elements
    )


def layers(*statements: Statement, **others: Any) -> Layers:
    return Layers(identity=(Policy(statements),), **others)


REQUEST = AccessRequest("bedrock:InvokeModel", MODEL)
BOUND = {"ArnEquals": {"bedrock:InferenceProfileArn": PROFILE}}


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_it_decides_as_the_evaluator_does(path: Path) -> None:
    policy = Policy.parse(path.read_bytes())
    for sample in samples((policy,)):
        one = Layers(identity=(policy,)) if sample.request.principal is None else Layers(resource=policy)
        made, decision = explain(sample.request, one), evaluate(sample.request, one)
        assert (made.allowed, made.reason, made.layer) == (decision.allowed, decision.reason, decision.layer)
        assert (made.deciding.statement if made.deciding else None) == decision.statement


def test_the_statement_that_allows_is_named_with_its_file() -> None:
    made = explain(REQUEST, layers(statement()), names={("identity", None, 1): "app.json"})
    assert (made.allowed, made.near) == (True, ())
    assert "by app.json: statement 1 'Call' (Allow)" in as_text(made)


def test_an_explicit_deny_is_named_and_nothing_else_is_near() -> None:
    made = explain(REQUEST, layers(statement(), statement("Deny", Sid="No", Action="*", Resource="*")))
    assert (made.allowed, made.deciding and made.deciding.statement.sid, made.near) == (False, "No", ())


def test_near_misses_come_nearest_first_and_say_why() -> None:
    other = statement(Sid="Other", Resource=MODEL.replace("lite", "pro"))
    bound = statement(Sid="Bound", Condition=BOUND)
    elsewhere = statement(Sid="Elsewhere", Action="s3:GetObject", Resource="*")
    made = explain(REQUEST, layers(other, elsewhere, bound))
    assert [(one.statement.sid, one.element) for one in made.near] == [("Bound", "Condition"), ("Other", "Resource")]
    assert "the request has no such key" in made.near[0].detail


def test_a_deny_that_nearly_applied_is_told_of_an_allowed_request() -> None:
    deny = statement(
        "Deny",
        Sid="Region",
        Action="*",
        Resource="*",
        Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}},
    )
    far = statement("Deny", Sid="Far", Resource=MODEL.replace("lite", "pro"))
    made = explain(
        AccessRequest(REQUEST.action, MODEL, {"aws:RequestedRegion": "us-east-1"}), layers(statement(), deny, far)
    )
    assert made.allowed
    assert [one.statement.sid for one in made.near] == ["Region"]


@pytest.mark.parametrize("layer", ["boundary", "session"])
def test_the_layer_that_stops_a_request_is_where_near_misses_are_looked_for(layer: str) -> None:
    limiting = (Policy((statement(Sid="Limit", Condition=BOUND),)),)
    made = explain(REQUEST, layers(statement(), **{layer: limiting}))
    assert (made.allowed, made.layer) == (False, layer)
    assert [one.statement.sid for one in made.near] == ["Limit"]


@pytest.mark.parametrize(
    ("action", "resource", "hint"),
    [
        ("bedrock:Converse", MODEL, "write bedrock:InvokeModel"),
        ("bedrock-runtime:InvokeModel", MODEL, "write bedrock:InvokeModel"),
        ("bedrock:ListKnowledgeBases", MODEL, 'AWS authorises it on "*"'),
        ("bedrock:Retrieve", MODEL, "knowledge-base/…"),
    ],
)
def test_what_aws_never_asks_is_hinted_at(action: str, resource: str, hint: str) -> None:
    (said,) = explain(AccessRequest(action, resource), layers(statement(Action="bedrock:*", Resource="*"))).hints
    assert hint in said


def test_a_request_that_cannot_be_judged_says_so() -> None:
    odd = statement(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": "soon"}})
    made = explain(AccessRequest(REQUEST.action, MODEL, {"aws:MultiFactorAuthAge": "1"}), layers(odd))
    assert (made.allowed, made.layer) == (None, None)
    assert "cannot be judged" in as_text(made)


def test_the_plain_form_has_what_a_program_needs() -> None:
    asked = AccessRequest(
        "bedrock:InvokeModel",
        MODEL,
        {"aws:TagKeys": ("a", "b")},
        PrincipalRef("arn:aws:iam::111122223333:role/app", "111122223333"),
    )
    plain = explain(asked, layers(statement(Condition=BOUND))).dump()
    assert plain["format"] == 1
    assert plain["context"] == {"aws:TagKeys": ["a", "b"]}
    assert (plain["allowed"], plain["near_misses"][0]["sid"], plain["principal"]) == (
        False,
        "Call",
        "arn:aws:iam::111122223333:role/app",
    )
