"""The evaluator against a corpus of cases, each with the page it follows, and against laws that hold for any policies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.evaluate import (
    AccessRequest,
    Decision,
    Layers,
    PrincipalRef,
    UndecidableError,
    evaluate,
    matching,
)

if TYPE_CHECKING:
    import random

CORPUS = Path(__file__).parents[1] / "cases" / "evaluate"
CASES = [(path.stem, case) for path in sorted(CORPUS.glob("*.json")) for case in json.loads(path.read_text())]
ACCOUNT = "111122223333"
USER = PrincipalRef(f"arn:aws:iam::{ACCOUNT}:user/alice", ACCOUNT)


def document(statements: list[dict[str, Any]] | None, version: str) -> Policy | None:
    return Policy.parse({"Version": version, "Statement": statements}) if statements else None


def layers(case: dict[str, Any]) -> Layers:
    version = case.get("version", "2012-10-17")

    def listed(name: str) -> tuple[Policy, ...] | None:
        if name not in case:
            return None
        policy = document(case[name], version)
        return (policy,) if policy else ()

    resource = document(case.get("resource"), version)
    return Layers(listed("identity") or (), resource, listed("boundary"), listed("session"), scp_levels(case, version))


def scp_levels(case: dict[str, Any], version: str) -> tuple[tuple[Policy, ...], ...] | None:
    """A list of statements is one level, a list of lists several."""
    if "scp" not in case:
        return None
    written = case["scp"] if case["scp"] and isinstance(case["scp"][0], list) else [case["scp"]]
    return tuple((policy,) if (policy := document(level, version)) else () for level in written)


def decided(case: dict[str, Any]) -> Decision:
    asked = dict(case["request"])
    principal = asked.pop("principal", None)
    return evaluate(AccessRequest(**asked, principal=PrincipalRef(**principal) if principal else None), layers(case))


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[f"{stem}: {case['name']}" for stem, case in CASES])
def test_the_corpus_is_decided_as_the_page_says(case: dict[str, Any]) -> None:
    if case["allowed"] is None:
        with pytest.raises(UndecidableError):
            decided(case)
        return
    decision = decided(case)
    assert decision.allowed is case["allowed"], decision.reason
    if "layer" in case:
        assert decision.layer == case["layer"], decision.reason


def test_the_corpus_is_broad_and_says_where_it_comes_from() -> None:
    assert len(CASES) >= 120
    assert all(case["source"] for _, case in CASES)
    denied = sum(case["allowed"] is False for _, case in CASES)
    assert len(CASES) * 0.4 < denied < len(CASES) * 0.6


def policy(*statements: Statement) -> Policy:
    return Policy(statements)


def allow(*actions: str, sid: str | None = None) -> Statement:
    return Statement("Allow", sid=sid, actions=actions, resources=("*",))


def test_an_allow_names_its_statement_by_number_and_sid() -> None:
    written = policy(allow("s3:*"), allow("bedrock:InvokeModel", sid="Models"))
    decision = evaluate(AccessRequest("bedrock:InvokeModel", "*"), Layers((policy(allow("iam:*")), written)))
    assert decision.reason == 'allowed by statement 2 "Models" of identity-based policy 2'
    assert decision.statement == written.statements[1]
    assert not decision.explicit_deny


def test_a_deny_names_its_statement_and_layer() -> None:
    deny = Statement("Deny", sid="NoModels", actions=("bedrock:*",), resources=("*",))
    decision = evaluate(
        AccessRequest("bedrock:InvokeModel", "*"), Layers((policy(allow("*")),), boundary=(policy(deny),))
    )
    assert decision.reason == 'explicit deny by statement 1 "NoModels" of permissions boundary 1'
    assert decision.explicit_deny
    assert decision.layer == "boundary"


def test_an_implicit_deny_says_what_is_missing() -> None:
    decision = evaluate(AccessRequest("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/m"), Layers())
    expected = "no identity-based policy allows bedrock:InvokeModel on arn:aws:bedrock:us-east-1::foundation-model/m"
    assert decision.reason == expected
    assert decision.statement is None
    assert not decision.explicit_deny


def test_matching_finds_the_first_statement_of_an_effect() -> None:
    written = policy(allow("s3:*", sid="A"), allow("*", sid="B"))
    found = matching(written, AccessRequest("bedrock:InvokeModel", "*"), "Allow")
    assert found is not None
    assert found.sid == "B"
    assert matching(written, AccessRequest("bedrock:InvokeModel", "*"), "Deny") is None


# Few values each, so that drawn policies and requests often meet.
ACTIONS = st.sampled_from(["s3:GetObject", "S3:getobject", "s3:*", "*", "s3:Get?bject", "bedrock:InvokeModel"])
RESOURCES = st.sampled_from(
    ["*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k", "arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::c"]
)
PRINCIPALS = st.sampled_from(
    [("*", "*"), ("AWS", USER.arn), ("AWS", ACCOUNT), ("AWS", f"arn:aws:iam::{ACCOUNT}:user/bob"), ("Service", "x")]
)
CONDITIONS = st.sampled_from(
    [
        (),
        (("StringEquals", (("aws:PrincipalTag/team", ("red",)),)),),
        (("StringNotEquals", (("aws:PrincipalTag/team", ("red",)),)),),
        (("Null", (("aws:PrincipalTag/team", ("true",)),)),),
        (("Bool", (("aws:SecureTransport", ("true",)),)),),
    ]
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "aws:PrincipalTag/team": st.sampled_from(["red", "blue"]),
        "aws:SecureTransport": st.sampled_from(["true", "false"]),
        "aws:username": st.sampled_from(["k", "other"]),
    },
)


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None, *, named: bool = False) -> Statement:
    which = draw(st.sampled_from(["actions", "not_actions"])), draw(st.sampled_from(["resources", "not_resources"]))
    parts = {which[0]: (draw(ACTIONS),), which[1]: (draw(RESOURCES),)}
    if named:
        parts[draw(st.sampled_from(["principals", "not_principals"]))] = (draw(PRINCIPALS),)
    return Statement(effect or draw(st.sampled_from(["Allow", "Deny"])), conditions=draw(CONDITIONS), **parts)


def policies(*, named: bool = False) -> st.SearchStrategy[Policy]:
    return st.lists(statements(named=named), min_size=1, max_size=4).map(lambda them: Policy(tuple(them)))


LAYER_NAMES = ("identity", "resource", "boundary", "session", "scp")
LAYERS = st.builds(
    Layers,
    st.lists(policies(), max_size=2).map(tuple),
    st.none() | policies(named=True),
    st.none() | st.lists(policies(), max_size=2).map(tuple),
    st.none() | st.lists(policies(), max_size=2).map(tuple),
    st.none() | st.lists(st.lists(policies(), max_size=2).map(tuple), max_size=2).map(tuple),
)
REQUESTS = st.builds(
    AccessRequest,
    st.sampled_from(["s3:GetObject", "bedrock:InvokeModel"]),
    st.sampled_from(["arn:aws:s3:::b/k", "arn:aws:s3:::c", "*"]),
    CONTEXTS,
    st.just(USER),
    st.sampled_from([None, ACCOUNT, "123456789012"]),
    st.booleans(),
)


def added(to: Layers, layer: str, statement: Statement) -> Layers:
    """The same layers with one statement more; a layer that did not exist stays away."""
    held = {name: getattr(to, name) for name in LAYER_NAMES}
    one = Policy((statement,))
    if layer == "resource":
        held["resource"] = Policy((*(to.resource.statements if to.resource else ()), statement))
    elif layer == "scp" and held[layer]:
        held[layer] = (*held[layer][:-1], (*held[layer][-1], one))
    elif held[layer] is not None and layer != "scp":
        held[layer] = (*held[layer], one)
    return Layers(**held)


def verdict(request: AccessRequest, held: Layers) -> int:
    """How much is allowed: 2 yes, 0 no, 1 it cannot be judged."""
    try:
        return 2 if evaluate(request, held).allowed else 0
    except UndecidableError:
        return 1


@given(REQUESTS, LAYERS, st.sampled_from(LAYER_NAMES), st.data())
def test_one_deny_more_never_allows_more(request: AccessRequest, held: Layers, layer: str, data: st.DataObject) -> None:
    statement = data.draw(statements("Deny", named=layer == "resource"))
    assert verdict(request, added(held, layer, statement)) <= verdict(request, held)


@given(REQUESTS, LAYERS, st.sampled_from(LAYER_NAMES), st.data())
def test_one_allow_more_never_denies_more(
    request: AccessRequest, held: Layers, layer: str, data: st.DataObject
) -> None:
    statement = data.draw(statements("Allow", named=layer == "resource"))
    assert verdict(request, added(held, layer, statement)) >= verdict(request, held)


@given(REQUESTS, LAYERS, st.randoms(use_true_random=False))
def test_the_order_of_policies_and_statements_does_not_matter(
    request: AccessRequest, held: Layers, rng: random.Random
) -> None:
    def shuffled(policy: Policy) -> Policy:
        return Policy(tuple(rng.sample(policy.statements, len(policy.statements))), policy.version)

    def layer(them: Any) -> Any:
        return None if them is None else tuple(map(shuffled, rng.sample(list(them), len(them))))

    other = Layers(
        layer(held.identity),
        held.resource and shuffled(held.resource),
        layer(held.boundary),
        layer(held.session),
        held.scp and tuple(map(layer, rng.sample(held.scp, len(held.scp)))),
    )
    assert verdict(request, held) == verdict(request, other)
    if verdict(request, held) == 0:
        assert evaluate(request, held).explicit_deny is evaluate(request, other).explicit_deny


@given(REQUESTS, LAYERS, st.sampled_from(["boundary", "session", "scp"]))
def test_a_layer_that_limits_never_allows_more(request: AccessRequest, held: Layers, layer: str) -> None:
    without = replace(held, **{layer: None})
    assert verdict(request, held) <= verdict(request, without)


WIDER = {
    "arn:aws:s3:::b/k": ["arn:aws:s3:::b/?", "arn:aws:s3:::b/*", "arn:aws:s3:::*", "arn:aws:s3:*", "arn:aws:s3", "*"],
    "arn:aws:s3:::b/${aws:username}": ["arn:aws:s3:::b/*", "*"],
    "arn:aws:s3:::b/*": ["arn:aws:s3:::*", "arn:aws:*:::*", "*"],
    "arn:aws:s3:::c": ["arn:aws:s3:::c*", "arn:aws:s3:::?", "arn:a*:s3:::c", "*"],
    "*": ["*"],
}


@given(REQUESTS, LAYERS, st.data())
def test_a_wider_resource_in_an_allow_never_denies_more(
    request: AccessRequest, held: Layers, data: st.DataObject
) -> None:
    narrow = data.draw(statements("Allow").filter(lambda one: bool(one.resources)))
    wide = replace(narrow, resources=(data.draw(st.sampled_from(WIDER[narrow.resources[0]])),))
    one, other = (added(held, "identity", statement) for statement in (narrow, wide))
    assert verdict(request, one) <= verdict(request, other)


@given(REQUESTS, LAYERS)
def test_what_was_written_and_read_again_decides_the_same(request: AccessRequest, held: Layers) -> None:
    def again(policy: Policy) -> Policy:
        return Policy.parse(policy.to_json())

    def layer(them: Any) -> Any:
        return None if them is None else tuple(map(again, them))

    other = Layers(
        layer(held.identity),
        held.resource and again(held.resource),
        layer(held.boundary),
        layer(held.session),
        None if held.scp is None else tuple(map(layer, held.scp)),
    )
    assert other == held
    assert verdict(request, other) == verdict(request, held)
