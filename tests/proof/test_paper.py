"""The whole matrix on paper: every capability, kind of model id, Region and option before the same judge, in this process.

Over HTTP the same is proven call by call; here also what a call alone cannot show: that no pair of action and resource is
needless, that no part of an ARN is wider than it must be, and what else a policy permits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.generate import generate

from .inseparable import INSEPARABLE, UNSEEN, permitted_besides, unseen
from .kinds import KEY, KINDS, MODEL_CAPABILITIES, OPTIONS, READS, REFUSED, SHORT, elsewhere, matrix
from .paper import Paper
from .pieces import conditions, pairs, pieces
from .setting import Setting, calls_of
from .stories import STORIES
from .strangers import strangers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.generate import Generated
    from bedrock_gateway.local.authorization import Demand

OTHERS = [capability for capability in STORIES if capability not in (*MODEL_CAPABILITIES, "guardrail-apply")]
OPTION_MATRIX = [(capability, option) for option, one in OPTIONS.items() for capability in one.capabilities]
_CASES = [
    *((capability, kind, "") for capability, kind in matrix()),
    *((capability, kind, "") for capability in OTHERS for kind in (SHORT, "on-demand eu-west-2")),
    *((capability, SHORT, option) for capability, option in OPTION_MATRIX),
    *((capability, "application profile of us.", option) for capability, option in OPTION_MATRIX),
]

CASES = {one: [(kind, option) for name, kind, option in _CASES if name == one] for one in STORIES}
each_capability = pytest.mark.parametrize("capability", STORIES)


def setting(kind: str, option: str = "", capability: str = "", **changes: Any) -> Setting:
    one = KINDS[kind]
    s = one.applied(Setting(region=one.region, partition=one.partition), capability)
    return replace(s, **(dict(OPTIONS[option].values) if option else {}), **changes)


def made(capability: str, s: Setting) -> Generated:
    return generate([capability], s.scope())


def demanded(capability: str, s: Setting, paper: Paper) -> list[tuple[str | None, Demand]]:
    return [(call.region, one) for call in calls_of(STORIES[capability](s)) for one in paper.demands(call)]


def test_every_capability_has_a_story_and_every_operation_a_call() -> None:
    assert set(STORIES) == set(CAPABILITIES)
    for capability, story in STORIES.items():
        there = {"enforced_guardrail": "enforced1234", "collection": "helpdesk-handbook", "logging_key": KEY}
        everything = setting(SHORT, "guardrail", capability, **there)
        told = {(call.service, call.operation) for call in calls_of(story(everything))}
        assert told == {(one.service, one.name) for one in CAPABILITIES[capability].operations}, capability


@each_capability
def test_a_policy_is_sufficient_and_minimal(capability: str) -> None:
    for kind, option in CASES[capability]:
        s = setting(kind, option, capability)
        generated = made(capability, s)
        whole = Paper(s, generated.policy.dump())
        asked = demanded(capability, s, whole)
        assert not [one for region, one in asked if not whole.allows(one, region)], f"{kind} {option}"
        for piece in (*pieces(generated), *pairs(generated)):
            less = Paper(s, piece.policy)
            missed = any(not less.allows(one, region) for region, one in asked)
            assert missed or not piece.sure, f"{kind} {option}: needless: {piece.name}"


@each_capability
def test_a_policy_is_closed(capability: str) -> None:
    for kind, option in CASES[capability]:
        s = setting(kind, option, capability)
        paper = Paper(s, made(capability, s).policy.dump())
        reach = tuple(region for region in KINDS[kind].reach if region)
        found = list(strangers(capability, s, region=elsewhere(s.region), destinations=reach))
        assert found
        passed = [f"{name}: {call}" for name, call in found if not paper.denied(call)]
        assert not passed, f"{kind} {option}"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


WIDE = {
    # AWS's own managed policies carry no account, and which of them are attached is not known before they are read.
    ("preflight-standard", "policy"),
    ("preflight-deep", "policy"),
    # Which key a bucket and a log group have is known only after reading them; neither action uses a key.
    ("preflight-standard", "key"),
    ("preflight-deep", "key"),
    # An auditor looks at whoever runs the preflight.
    ("preflight-deep", "role"),
    ("preflight-deep", "user"),
    ("preflight-deep", "group"),
    # What is made gets its id later.
    ("batch", "model-invocation-job"),
    ("kb-create", "knowledge-base"),
    ("kb-provision", "collection"),
    ("guardrail-admin", "guardrail"),
    # The policies of a principal are numbered, below a path that is its own.
    ("principal-provision", "policy"),
    # The form that CloudWatch Logs wants covers the streams of the group.
    ("logging-admin", "log-group:"),
    ("preflight-deep", "log-group:"),
    # All alarms are listed, whatever their names.
    ("preflight-deep", "alarm:*"),
    ("preflight-canary", "log-group:"),
}
"""(capability, kind of resource) whose name is a wildcard in the policy, on purpose."""


ANYWHERE = {("preflight-deep", "trail")}
"""(capability, kind of resource) that is read wherever it is: a trail is kept in one Region, an organization's elsewhere."""


def neighbours(arn: str) -> Iterator[str]:
    """The same resource in another Region, of another account, and another one beside it."""
    if arn == "*":
        return
    partition, service, region, account, name = arn.split(":", 5)[1:]
    if region:
        yield f"arn:{partition}:{service}:me-south-1:{account}:{name}"
    if account.isdigit():
        yield f"arn:{partition}:{service}:{region}:999999999999:{name}"
    yield f"arn:{partition}:{service}:{region}:{account}:{name}x"
    yield f"arn:{partition}:{service}:{region}:{account}:x{name}"


@each_capability
def test_no_resource_is_wider_than_it_must_be(capability: str) -> None:
    for kind, option in CASES[capability]:
        s = setting(kind, option, capability)
        policy = made(capability, s).policy.dump()
        paper = Paper(s, policy)
        # What has no ARN is granted on everything, and closed by other means.
        anywhere = {name for one in policy["Statement"] if one["Resource"] == "*" for name in listed(one["Action"])}
        for region, one in demanded(capability, s, paper):
            what = one.resource.split(":", 5)[-1].partition("/")[0]
            if (capability, what) in ANYWHERE:
                continue
            beside = (capability, what) in WIDE or one.action.startswith("s3:")
            for arn in neighbours(one.resource) if one.action not in anywhere else ():
                expected = beside and arn == f"{one.resource}x"
                allowed = paper.allows(replace(one, resource=arn), region)
                assert not allowed or expected, f"{kind} {option}: {one.action} on {arn}"


@each_capability
def test_no_condition_is_without_effect(capability: str) -> None:
    """Without any one of them, something is allowed that is denied with it: its key absent, or with another value."""
    for kind, option in CASES[capability]:
        s = setting(kind, option, capability)
        policy = made(capability, s).policy.dump()
        with_it = Paper(s, policy)
        asked = demanded(capability, s, with_it)
        for name, less in conditions(policy):
            key = name.rpartition(" ")[2]
            without = Paper(s, less)
            changed = [
                (region, replace(one, context={**{k: v for k, v in one.context.items() if k != key}, **other}))
                for region, one in asked
                for other in ({}, {key: "other"})
            ]
            effect = any(without.allows(one, region) and not with_it.allows(one, region) for region, one in changed)
            assert effect, f"{kind} {option}: {name}"


TIED = {
    "iam:PassRole": ("iam:PassedToService", "lambda.amazonaws.com"),
    "kms:": ("kms:ViaService", "dynamodb.us-east-1.amazonaws.com"),
    "aws-marketplace:": ("aws:CalledViaLast", "athena.amazonaws.com"),
    "sagemaker:": ("aws:CalledViaLast", "athena.amazonaws.com"),
    "bedrock:AssociateThirdPartyKnowledgeBase": (
        "bedrock:ThirdPartyKnowledgeBaseCredentialsSecretArn",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:other-AbCdEf",
    ),
}
"""Beginning of an action → the key that says for whom or with what it is done, and another value of it."""
UNTIED = {"guardrail under a key", "key of the logs"}
"""AWS's own sample grants a guardrail's key without saying through which service (guardrails-permissions-kms), so whether a
condition on it would hold is not known, and the policy has none: the principal can also use the key directly. Of the logs'
key the policy is read and written, which nobody does for another; to use the key is not granted."""


def untied(capability: str, option: str) -> bool:
    """Whether a key is granted directly; the preflight looks at one, and uses none."""
    return option in UNTIED or capability in READS


@each_capability
def test_what_is_done_through_or_for_another_is_bound_to_it(capability: str) -> None:
    for kind, option in CASES[capability]:
        s = setting(kind, option, capability)
        paper = Paper(s, made(capability, s).policy.dump())
        for region, one in demanded(capability, s, paper):
            for start, (key, other) in TIED.items():
                if one.action.startswith(start) and not (start == "kms:" and untied(capability, option)):
                    assert key in one.context, f"{one.action} does not say {key}"
                    absent = {name: value for name, value in one.context.items() if name != key}
                    for context in (absent, {**absent, key: other}):
                        assert not paper.allows(replace(one, context=context), region), (
                            f"{kind} {option}: {one.action} without {key}"
                        )


def test_what_cannot_work_gets_no_policy() -> None:
    for capability, kind in REFUSED:
        with pytest.raises(ConfigError):
            made(capability, setting(kind))
    for option, one in OPTIONS.items():
        for capability in one.refused:
            with pytest.raises(ConfigError):
                made(capability, setting(SHORT, option))


@each_capability
def test_what_iam_cannot_separate_is_listed(capability: str) -> None:
    s = setting(SHORT, "guardrail" if capability in OPTIONS["guardrail"].capabilities else "")
    besides = permitted_besides(capability, s)
    assert besides == set(INSEPARABLE.get(capability, ()))
    assert CAPABILITIES[capability].inseparable or not besides


def test_what_iam_does_not_look_at_is_listed() -> None:
    for capability, operation, what, changes in UNSEEN:
        assert unseen(capability, operation, setting(SHORT), changes), (
            f"{operation} is denied on {what}: no longer list it"
        )
