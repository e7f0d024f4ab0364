"""Policies are compared by what they allow: no difference is missed in what the grammar here can say, none is invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.iam.compare import Comparison, as_text, compare, named
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, UndecidableError, evaluate
from bedrock_gateway.iam.generate import generate

POLICIES = sorted((Path(__file__).resolve().parents[2] / "policies").rglob("*.json"))
INVOKE, STREAM = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
OBJECT = "arn:aws:s3:::example-docs/a/*"


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    written = [{"Effect": "Allow", "Action": INVOKE, "Resource": MODEL} | one for one in statements]
    kept = [{key: value for key, value in one.items() if value is not None} for one in written]
    return Policy.parse({"Version": version, "Statement": kept})


def condition(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


def told(found: Comparison) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """(action, resource) of what is allowed, and of what is denied now."""
    allowed, denied = (
        {(action, one.resource) for one in changes for action in one.actions}
        for changes in (found.allowed, found.denied)
    )
    return allowed, denied


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_policy_is_the_same_as_itself_and_as_its_statements_in_another_order(path: Path) -> None:
    one = Policy.parse(path.read_bytes())
    other = Policy(tuple(reversed(one.statements)), one.version)
    assert compare((one,), (other,)).same


def test_the_text_does_not_matter() -> None:
    together = policy({"Action": [INVOKE, STREAM], "Resource": [MODEL, MODEL.replace("lite", "pro")]})
    apart = policy(
        {"Action": "BEDROCK:invokemodel*", "Resource": MODEL.replace("lite", "pro"), "Sid": "B"},
        {"Action": STREAM},
        {"Action": [INVOKE, INVOKE]},
    )
    found = compare((together,), (apart,))
    assert found.same
    assert found.tried > 3


CHANGES: dict[str, tuple[Policy, Policy, set[tuple[str, str]], set[tuple[str, str]]]] = {
    "an action less": (policy({"Action": [INVOKE, STREAM]}), policy({}), set(), {(STREAM, MODEL)}),
    "another model": (
        policy({}),
        policy({"Resource": MODEL.replace("lite", "pro")}),
        {(INVOKE, MODEL.replace("lite", "pro"))},
        {(INVOKE, MODEL)},
    ),
    "any Region, and so none": (
        policy({}),
        policy({"Resource": MODEL.replace("us-east-1", "*")}),
        {(INVOKE, MODEL.replace("us-east-1", "eu-west-3")), (INVOKE, MODEL.replace("us-east-1", ""))},
        set(),
    ),
    "a wildcard that may be empty": (
        policy({"Action": "s3:GetObject", "Resource": OBJECT}),
        policy({"Action": "s3:GetObject", "Resource": OBJECT.replace("*", "?*")}),
        set(),
        {("s3:GetObject", OBJECT.replace("*", ""))},
    ),
    "a Deny beside it": (policy({}), policy({}, {"Effect": "Deny", "Action": "bedrock:*", "Resource": "*"}), set(), {(INVOKE, MODEL)}),
    "a condition": (policy({}), policy(condition("Bool", "aws:SecureTransport", "true")), set(), {(INVOKE, MODEL)}),
    "the condition gone": (policy(condition("Bool", "aws:SecureTransport", "true")), policy({}), {(INVOKE, MODEL)}, set()),
    "IfExists": (
        policy(condition("StringEquals", "aws:RequestedRegion", "us-east-1")),
        policy(condition("StringEqualsIfExists", "aws:RequestedRegion", "us-east-1")),
        {(INVOKE, MODEL)},
        set(),
    ),
    "a number that counts itself": (
        policy(condition("NumericLessThan", "aws:MultiFactorAuthAge", "3600")),
        policy(condition("NumericLessThanEquals", "aws:MultiFactorAuthAge", "3600")),
        {(INVOKE, MODEL)},
        set(),
    ),
    "a moment": (
        policy(condition("DateLessThan", "aws:CurrentTime", "2027-01-01T00:00:00Z")),
        policy(condition("DateLessThanEquals", "aws:CurrentTime", "2027-01-01T00:00:00Z")),
        {(INVOKE, MODEL)},
        set(),
    ),
    "a smaller network": (
        policy(condition("IpAddress", "aws:SourceIp", "198.51.100.0/24")),
        policy(condition("IpAddress", "aws:SourceIp", "198.51.100.128/25")),
        set(),
        {(INVOKE, MODEL)},
    ),
    "a variable": (
        policy({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::example-docs/${aws:username}/*"}),
        policy({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::example-docs/*"}),
        {("s3:GetObject", "arn:aws:s3:::example-docs/any"), ("s3:GetObject", "arn:aws:s3:::example-docs/username/any")},
        set(),
    ),
    "all but": (
        policy({"Action": "aoss:*", "Resource": "*"}),
        policy({"Action": None, "NotAction": "aoss:*", "Resource": "*"}),
        {("example:Any", "*")},
        {("aoss:CreateCollection", "*")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_named_with_the_call_that_it_changes(case: tuple[Policy, Policy, set[Any], set[Any]]) -> None:
    old, new, allowed, denied = case
    found = told(compare((old,), (new,)))
    assert allowed <= found[0]
    assert denied <= found[1]
    assert bool(found[0]) is bool(allowed)
    assert bool(found[1]) is bool(denied)
    assert told(compare((new,), (old,))) == found[::-1]


def test_the_context_that_a_change_needs_is_the_smallest() -> None:
    bound = condition(
        "ArnEquals", "bedrock:InferenceProfileArn", "arn:aws:bedrock:us-east-1:111122223333:inference-profile/p.x"
    )
    (change,) = compare((policy({}),), (policy(bound),)).denied
    assert change.context == {}
    (change,) = compare(
        (policy({"Action": "bedrock:GetFoundationModel"}),), (policy({"Action": "bedrock:GetFoundationModel"}, bound),)
    ).allowed
    assert change.context == {
        "bedrock:InferenceProfileArn": "arn:aws:bedrock:us-east-1:111122223333:inference-profile/p.x"
    }


def test_trust_documents_are_compared_by_whom_they_let_in() -> None:
    def trust(*accounts: str) -> Policy:
        guard = condition("StringEquals", "aws:SourceAccount", *accounts)
        return policy(
            {"Action": "sts:AssumeRole", "Resource": None, "Principal": {"Service": "bedrock.amazonaws.com"}, **guard}
        )

    (change,) = compare((trust("111122223333"),), (trust("111122223333", "123456789012"),)).allowed
    assert (change.principal, change.context) == ("bedrock.amazonaws.com", {"aws:SourceAccount": "123456789012"})
    assert compare((trust("111122223333"),), (trust("111122223333"),)).same


def test_what_cannot_be_judged_is_said_not_guessed() -> None:
    odd = policy(condition("NumericLessThan", "aws:MultiFactorAuthAge", "soon"))
    found = compare((odd,), (policy({}),))
    assert found.undecidable
    assert "not judged: " in as_text(found)


def test_what_is_missing_is_named_by_the_operation_that_needs_it() -> None:
    scope = Scope("us-east-1", "111122223333", models=("amazon.nova-lite-v1:0",), knowledge_bases=("KB12345678",))
    made = generate(["rag"], scope)
    without = Policy(tuple(one for one in made.policy.statements if "bedrock:Retrieve" not in one.actions))
    (change,) = named(compare((without,), (made.policy,)).allowed, made)
    assert change.calls == ("rag: bedrock-agent-runtime RetrieveAndGenerate",)


# A small world, in which a difference can be looked for with any request of it.
ACTIONS = [INVOKE, STREAM, "bedrock:InvokeModel*", "bedrock:*", "*", "s3:GetObject"]
ARNS = [
    MODEL,
    MODEL.replace("lite", "*"),
    MODEL.replace("us-east-1", "*"),
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/a?",
    "arn:aws:s3:::b/ab",
]
CONDITIONS = [
    condition("StringEquals", "aws:RequestedRegion", "us-east-1"),
    condition("StringNotEquals", "aws:RequestedRegion", "us-east-1"),
    condition("StringLikeIfExists", "aws:RequestedRegion", "us-*"),
    condition("Null", "aws:RequestedRegion", "true"),
    condition("NumericGreaterThan", "aws:MultiFactorAuthAge", "10"),
    condition("NumericLessThanEquals", "aws:MultiFactorAuthAge", "10"),
    {},
]  # fmt: skip
STATEMENT = st.builds(
    lambda effect, action, resource, when: {"Effect": effect, "Action": action, "Resource": resource, **when},
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=2),
    st.lists(st.sampled_from(ARNS), min_size=1, max_size=2),
    st.sampled_from(CONDITIONS),
)
POLICY = st.lists(STATEMENT, min_size=1, max_size=3).map(lambda statements: policy(*statements))
REQUEST = st.builds(
    lambda pair, region, age: AccessRequest(*pair, {key: value for key, value in (("aws:RequestedRegion", region), ("aws:MultiFactorAuthAge", age)) if value}),
    st.sampled_from([
        *((action, arn) for action in (INVOKE, STREAM) for arn in (MODEL, MODEL.replace("lite", "pro"), MODEL.replace("us-east-1", "eu-west-1"), MODEL.replace("us-east-1", ""))),
        *(("s3:GetObject", f"arn:aws:s3:::{name}") for name in ("b/ab", "b/ac", "b/", "b/xyz", "c/a")),
    ]),
    st.sampled_from([None, "us-east-1", "us-west-2", "eu-west-1"]),
    st.sampled_from([None, "9", "10", "11"]),
)  # fmt: skip


def decided(one: Policy, request: AccessRequest) -> bool:
    try:
        return evaluate(request, Layers(identity=(one,))).allowed
    except UndecidableError:
        assume(False)
        raise


def no_difference_is_missed(old: Policy, new: Policy, request: AccessRequest) -> None:
    assume(decided(old, request) is not decided(new, request))
    assert not compare((old,), (new,)).same


def every_change_is_real(old: Policy, new: Policy) -> None:
    found = compare((old,), (new,))
    for changes, before in ((found.allowed, False), (found.denied, True)):
        for change in changes:
            for action in change.actions:
                request = AccessRequest(action, change.resource, change.context)
                assert decided(old, request) is before
                assert decided(new, request) is not before
    assert told(compare((new,), (old,))) == told(found)[::-1]


SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(old=POLICY, new=POLICY, request_=REQUEST)
def test_policies_that_decide_some_request_otherwise_are_never_called_the_same(old, new, request_) -> None:
    no_difference_is_missed(old, new, request_)


@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
@given(old=POLICY, new=POLICY)
def test_every_change_can_be_seen_with_the_evaluator(old, new) -> None:
    every_change_is_real(old, new)


@pytest.mark.full
@settings(max_examples=1000, deadline=None, suppress_health_check=SLOW)
@given(old=POLICY, new=POLICY, request_=REQUEST)
def test_no_difference_of_a_thousand_is_missed(old, new, request_) -> None:
    no_difference_is_missed(old, new, request_)


@pytest.mark.full
@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(old=POLICY, new=POLICY)
def test_every_change_of_a_hundred_pairs_is_real(old, new) -> None:
    every_change_is_real(old, new)
