"""Deny blocks, by the judge's own account of what each call demands: what stays open, what is shut, and no hole between."""

from __future__ import annotations

from typing import Any

import pytest

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.deny import BLOCKS, denied, deny_statements, parse_blocks
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.generate import generate

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.local.authorization import ApiRequest, demands

ACCOUNT, REGION = "111122223333", "us-east-1"
NOVA, US_NOVA = "amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"
GLOBAL = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
GUARDRAIL = ("abcdefghij12", "3")
GUARDRAIL_ARN = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/{GUARDRAIL[0]}"
CHAT = ("converse", "converse-stream", "invoke", "invoke-stream")
CALLS = ("Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream")
ANYTHING = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


def scope(*models: str, **more: Any) -> Scope:
    return Scope(region=REGION, account=ACCOUNT, models=models, **more)


def with_blocks(text: str, names: tuple[str, ...], where: Scope) -> Policy:
    made = denied(generate(names, where).policy, parse_blocks(text), names, where)
    return Policy.parse(made.to_json())


def only_denies(text: str, names: tuple[str, ...], where: Scope) -> Policy:
    return Policy(deny_statements(parse_blocks(text), names, where))


def may(policy: Policy, operation: str, *besides: Policy, region: str = REGION, **params: Any) -> bool:
    """Whether a call passes: everything the judge says it demands is allowed."""
    service = params.pop("service", "bedrock-runtime")
    request = ApiRequest(service, operation, params, region, ACCOUNT)
    return all(
        evaluate(
            AccessRequest(one.action, one.resource, {"aws:RequestedRegion": region, **one.context}),
            Layers((policy, *besides)),
        ).allowed
        for one in demands(request)
    )


def acts(policy: Policy, action: str, resource: str = "*", **context: str) -> bool:
    request = AccessRequest(action, resource, {"aws:RequestedRegion": REGION, **context})
    return evaluate(request, Layers((policy, ANYTHING))).allowed


def guarded(operation: str, version: str = GUARDRAIL[1], identifier: str = GUARDRAIL[0]) -> dict[str, Any]:
    names = {"guardrailIdentifier": identifier, "guardrailVersion": version}
    return {"guardrailConfig": names} if operation.startswith("Converse") else names


# -- side doors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", CALLS)
def test_side_doors_shut_leave_the_front_door_open(operation: str) -> None:
    policy = with_blocks("side-doors", CHAT, scope(US_NOVA))
    assert may(policy, operation, modelId=US_NOVA)


@pytest.mark.parametrize(
    "action",
    [
        "bedrock:CallWithBearerToken",
        "BEDROCK:callwithbearertoken",
        "bedrock-mantle:CreateInference",
        "bedrock-mantle:CallWithBearerToken",
        "bedrock-mantle:SomethingOfTomorrow",
    ],
)
def test_a_side_door_stays_shut_whatever_else_is_attached(action: str) -> None:
    assert acts(ANYTHING, action)
    assert not acts(only_denies("side-doors", CHAT, scope(NOVA)), action)


def test_a_call_with_an_api_key_is_denied() -> None:
    policy = only_denies("side-doors", CHAT, scope(NOVA))
    request = ApiRequest("bedrock-runtime", "Converse", {"modelId": NOVA}, REGION, ACCOUNT, bearer_token="SHORT_TERM")
    first = demands(request)[0]
    assert first.action == "bedrock:CallWithBearerToken"
    assert not acts(policy, first.action, first.resource)


# -- unguarded ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [NOVA, US_NOVA, GLOBAL])
@pytest.mark.parametrize("operation", CALLS)
def test_a_guarded_call_passes_and_an_unguarded_one_does_not(operation: str, model: str) -> None:
    where = scope(*({model} - {NOVA} or {NOVA}), guardrail=GUARDRAIL)
    policy = with_blocks("unguarded", CHAT, where)
    assert may(policy, operation, modelId=model, **guarded(operation))
    for besides in ((), (ANYTHING,)):
        assert not may(policy, operation, *besides, modelId=model)
        assert not may(policy, operation, *besides, modelId=model, **guarded(operation, "DRAFT"))
        assert not may(policy, operation, *besides, modelId=model, **guarded(operation, "4"))
        assert not may(policy, operation, *besides, modelId=model, **guarded(operation, "33"))
        assert not may(policy, operation, *besides, modelId=model, **guarded(operation, identifier="abcdefghij123"))


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}:{ACCOUNT}:provisioned-model/abc"),
        ("bedrock:InvokeModelWithResponseStream", f"arn:aws:bedrock:{REGION}:{ACCOUNT}:custom-model-deployment/abc"),
        ("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}:{ACCOUNT}:prompt-router/abc"),
        ("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}:{ACCOUNT}:async-invoke/abc"),
        ("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}:{ACCOUNT}:marketplace/model-endpoint/all-access"),
        ("bedrock:InvokeModel", f"arn:aws:bedrock:::foundation-model/{NOVA}"),
        ("bedrock:InvokeModel", f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}"),
        ("bedrock:CreateModelInvocationJob", f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}"),
        ("bedrock-mantle:CreateInference", "*"),
    ],
)
def test_no_kind_of_model_and_no_other_api_is_a_way_around_the_guardrail(action: str, resource: str) -> None:
    assert not acts(only_denies("unguarded", CHAT, scope(NOVA, guardrail=GUARDRAIL)), action, resource)


def test_the_condition_key_is_found_in_any_case() -> None:
    policy = only_denies("unguarded", CHAT, scope(NOVA, guardrail=GUARDRAIL))
    model = f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}"
    assert acts(policy, "bedrock:invokemodel", model, **{"BEDROCK:guardrailidentifier": f"{GUARDRAIL_ARN}:3"})
    assert not acts(
        policy, "bedrock:invokemodel", model, **{"bedrock:GuardrailIdentifier": f"{GUARDRAIL_ARN}:3".upper()}
    )


@pytest.mark.parametrize("name", ["rag", "rerank", "batch"])
def test_what_calls_a_model_without_the_guardrail_is_refused_with_the_reason(name: str) -> None:
    where = scope(NOVA, guardrail=GUARDRAIL, knowledge_bases=("KB12345678",))
    with pytest.raises(ConfigError, match=f"would deny {name}: within .* AWS calls the model for the caller"):
        deny_statements(parse_blocks("unguarded"), ("converse", name), where)


def test_rag_would_indeed_be_denied() -> None:
    """The refusal rests on this: the service's own call carries no guardrail."""
    where = scope(NOVA, guardrail=GUARDRAIL, knowledge_bases=("KB12345678",))
    rag = generate(("rag",), where).policy
    ask = {
        "service": "bedrock-agent-runtime",
        "input": {"text": "?"},
        "retrieveAndGenerateConfiguration": {
            "type": "KNOWLEDGE_BASE",
            "knowledgeBaseConfiguration": {
                "knowledgeBaseId": "KB12345678",
                "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}",
                "generationConfiguration": {
                    "guardrailConfiguration": {"guardrailId": GUARDRAIL[0], "guardrailVersion": GUARDRAIL[1]}
                },
            },
        },
    }
    assert may(rag, "RetrieveAndGenerate", **ask)
    assert not may(rag, "RetrieveAndGenerate", only_denies("unguarded", CHAT, where), **ask)


@pytest.mark.parametrize(("guardrail", "says"), [(None, "name the guardrail"), (("abcdefghij12", "DRAFT"), "numbered")])
def test_only_a_numbered_version_counts_as_guarded(guardrail: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        deny_statements(parse_blocks("unguarded"), CHAT, scope(NOVA, guardrail=guardrail))


# -- Regions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", CALLS)
def test_a_profile_within_the_regions_passes_and_another_does_not(operation: str) -> None:
    where = scope(US_NOVA)
    policy = with_blocks("regions=us-east-1,us-east-2,us-west-2", CHAT, where)
    assert may(policy, operation, modelId=US_NOVA)
    for model, region in (("eu.amazon.nova-lite-v1:0", "eu-central-1"), (NOVA, "eu-west-1"), (GLOBAL, REGION)):
        assert may(ANYTHING, operation, modelId=model, region=region)
        assert not may(policy, operation, ANYTHING, modelId=model, region=region)


@pytest.mark.parametrize("requested", [REGION, "eu-west-1", "unspecified", None])
def test_a_model_elsewhere_is_denied_whatever_the_key_says(requested: str | None) -> None:
    """AWS does not state what the key holds for the destination of a profile."""
    policy = only_denies("regions=us-east-1", CHAT, scope(NOVA))
    context = {"aws:RequestedRegion": requested} if requested else {}
    for region in ("eu-west-1", ""):
        arn = f"arn:aws:bedrock:{region}::foundation-model/{NOVA}"
        request = AccessRequest("bedrock:InvokeModel", arn, context)
        assert not evaluate(request, Layers((policy, ANYTHING))).allowed


def test_every_bedrock_call_elsewhere_is_denied_and_other_services_are_not() -> None:
    policy = only_denies("regions=us-east-1", CHAT, scope(NOVA))
    elsewhere = {"aws:RequestedRegion": "eu-west-1"}
    assert not acts(policy, "bedrock:ListFoundationModels", **elsewhere)
    assert not acts(policy, "bedrock-mantle:CreateInference", **elsewhere)
    assert acts(policy, "bedrock:ListFoundationModels")
    assert acts(policy, "s3:GetObject", "arn:aws:s3:::example/x", **elsewhere)


@pytest.mark.parametrize("operation", CALLS)
def test_a_global_profile_passes_where_unspecified_is_on_the_list(operation: str) -> None:
    policy = with_blocks("regions=us-east-1,unspecified", CHAT, scope(GLOBAL))
    assert may(policy, operation, modelId=GLOBAL)
    assert not may(policy, operation, ANYTHING, modelId=NOVA, region="us-west-2")


@pytest.mark.parametrize(
    ("models", "text", "says"),
    [
        ((GLOBAL,), "regions=us-east-1", "add unspecified"),
        ((US_NOVA,), "regions=us-east-1", "also runs in us-east-2, us-west-2"),
        ((NOVA,), "regions=us-west-2", "us-east-1, from which the calls are made"),
        ((NOVA,), "regions=us-east-1,mars-1", "'mars-1' is not a Region"),
        ((NOVA,), "regions=us-east-1,*", "is not a Region"),
        ((NOVA,), "regions=us-*", "is not a Region"),
    ],
)
def test_regions_that_a_declared_model_leaves_are_refused(models: tuple[str, ...], text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        deny_statements(parse_blocks(text), CHAT, scope(*models))


# -- service tiers -----------------------------------------------------------------------------------------------------


def tiered(operation: str, tier: str) -> dict[str, Any]:
    return {"serviceTier": {"type": tier} if operation.startswith("Converse") else tier}


@pytest.mark.parametrize("operation", CALLS)
def test_an_approved_tier_passes_and_another_does_not(operation: str) -> None:
    policy = with_blocks("tiers=default,flex", CHAT, scope(NOVA))
    assert may(policy, operation, modelId=NOVA)
    assert may(policy, operation, modelId=NOVA, **tiered(operation, "flex"))
    for tier in ("priority", "reserved", "FLEX", "tomorrow"):
        assert not may(policy, operation, ANYTHING, modelId=NOVA, **tiered(operation, tier))


@pytest.mark.parametrize("operation", CALLS)
def test_a_call_that_names_no_tier_is_one_of_the_default_tier(operation: str) -> None:
    policy = with_blocks("tiers=flex", CHAT, scope(NOVA))
    assert may(policy, operation, modelId=NOVA, **tiered(operation, "flex"))
    assert not may(policy, operation, ANYTHING, modelId=NOVA)
    assert not may(policy, operation, ANYTHING, modelId=NOVA, **tiered(operation, "default"))


def test_rag_names_no_tier_so_a_list_without_default_is_refused() -> None:
    where = scope(NOVA, knowledge_bases=("KB12345678",))
    with pytest.raises(ConfigError, match="tiers without default would deny rag"):
        deny_statements(parse_blocks("tiers=flex"), ("rag",), where)
    assert deny_statements(parse_blocks("tiers=default"), ("rag",), where)


# -- all of them -------------------------------------------------------------------------------------------------------


def test_blocks_are_read_in_one_text() -> None:
    assert parse_blocks("side-doors, regions=us-east-1,us-west-2,unspecified,tiers=default,flex,unguarded") == {
        "side-doors": (),
        "regions": ("us-east-1", "us-west-2", "unspecified"),
        "tiers": ("default", "flex"),
        "unguarded": (),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "unknown deny block"),
        ("sidedoors", "did you mean 'side-doors'"),
        ("regions", "regions takes"),
        ("regions=", "regions takes"),
        ("side-doors=x", "side-doors takes no value"),
        ("side-doors,side-doors", "named twice"),
        ("us-east-1", "unknown deny block"),
        ("side-doors,us-east-1", "unknown deny block"),
        ("tiers=fast", "unknown tier 'fast'"),
        ("tiers=priorty", "did you mean 'priority'"),
    ],
)
def test_a_text_that_says_something_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        deny_statements(parse_blocks(text), CHAT, scope(NOVA))


def test_a_block_only_denies_and_every_block_is_tried_together() -> None:
    text = "side-doors,unguarded,regions=us-east-1,tiers=default"
    where = scope(NOVA, guardrail=GUARDRAIL)
    assert set(parse_blocks(text)) == set(BLOCKS)
    assert {one.effect for one in deny_statements(parse_blocks(text), CHAT, where)} == {"Deny"}
    policy = with_blocks(text, CHAT, where)
    assert all(may(policy, operation, modelId=NOVA, **guarded(operation)) for operation in CALLS)
    assert len({one.sid for one in policy.statements}) == len(policy.statements)
