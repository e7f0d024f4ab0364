from __future__ import annotations

import json
import re

import pytest

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.generate import generate

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
FULL = {
    "region": "us-east-1",
    "account": "111122223333",
    "models": ("us." + MODEL,),
    "knowledge_bases": ("KB12345678",),
    "knowledge_base_roles": ("bedrock-gateway/AmazonBedrockGateway-kb",),
    "logging_bucket": "example-logs",
    "documents": (("example-handbook", "handbook/"),),
    "vector_indexes": (("example-vectors", "handbook"),),
    "guardrail": ("abcdefghij12", "3"),
    "principal_roles": ("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    "principal_instances": ("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    "principal_groups": ("bedrock-gateway/AmazonBedrockGateway-principal-people",),
    "principal_users": ("bedrock-gateway/alice",),
}


def scope(**changes):
    return Scope(**(FULL | changes))


def statements(*names, strict=False, **changes):
    return generate(names, scope(**changes), strict=strict).policy.dump()["Statement"]


def test_a_geographic_profile_is_the_profile_and_its_models_bound_to_it():
    profile, models = statements("converse", guardrail=None)
    assert profile["Resource"] == f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.{MODEL}"
    assert "Condition" not in profile
    assert models["Resource"] == [
        f"arn:aws:bedrock:{region}::foundation-model/{MODEL}" for region in ("us-east-1", "us-east-2", "us-west-2")
    ]
    assert models["Condition"] == {"ArnEquals": {"bedrock:InferenceProfileArn": profile["Resource"]}}


def test_a_global_profile_adds_the_arn_without_a_region():
    _, models = statements("converse", models=("global." + MODEL,), guardrail=None)
    assert set(models["Resource"]) == {
        f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}",
        f"arn:aws:bedrock:::foundation-model/{MODEL}",
    }


def test_an_on_demand_model_is_one_arn_without_account():
    (only,) = statements("converse", models=("amazon.nova-lite-v1:0",), guardrail=None)
    assert only["Resource"] == "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"


def test_a_model_that_needs_a_profile_is_refused_bare_and_the_profiles_are_named():
    with pytest.raises(ConfigError, match=f"us.{MODEL}, global.{MODEL}"):
        statements("converse", models=(MODEL,))


def test_a_profile_of_govcloud_needs_destinations_and_uses_its_partition():
    gov = {"region": "us-gov-west-1", "partition": "aws-us-gov", "models": ("us-gov." + MODEL,)}
    with pytest.raises(ConfigError, match="--destinations"):
        statements("converse", **gov)
    text = json.dumps(statements("converse", **gov, extra_destinations=("us-gov-east-1",)))
    assert "arn:aws-us-gov:bedrock:us-gov-east-1::foundation-model" in text
    assert "arn:aws:" not in text


def test_an_unknown_model_is_a_warning():
    made = generate(["converse"], scope(models=("example.model-v1:0",)))
    assert "example.model-v1:0" in made.warnings[0]


def test_a_model_that_the_data_has_elsewhere_only_and_under_no_profile_is_a_warning():
    # AWS takes an older model out of its lists while accounts that use it may still call it; the client lets it pass.
    old = "anthropic.claude-3-haiku-20240307-v1:0"
    made = generate(["invoke"], scope(models=(old,)))
    assert made.policy.statements[0].resources == (f"arn:aws:bedrock:us-east-1::foundation-model/{old}",)
    assert any(f"{old} is not in our data of" in warning for warning in made.warnings)


def test_a_guardrail_is_granted_only_where_there_is_one():
    assert "ApplyGuardrail" not in json.dumps(statements("converse", guardrail=None))
    assert "guardrail/abcdefghij12" in json.dumps(statements("converse"))


def test_strict_leaves_out_what_is_assumed():
    assumed = generate(["rag"], scope())
    assert [one.action for one in assumed.assumptions] == ["bedrock:GetInferenceProfile"]
    assert "GetInferenceProfile" not in json.dumps(statements("rag", strict=True))


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_policy_is_deterministic_reads_back_and_has_unique_plain_sids(name):
    made = generate([name], scope()).policy
    assert made == generate([name, name], scope()).policy == Policy.parse(made.to_json())
    sids = [one.sid for one in made.statements]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)


@pytest.mark.parametrize(
    "changes",
    [
        {"region": "cn-north-1", "partition": "aws-cn"},
        {"account": "1" * 11},
        {"account": "\u0661" * 12},
        {"models": ("amazon.*",)},
        {"models": ("us..amazon.nova-lite-v1:0",)},
        {"models": ("arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.a..b",)},
        {"knowledge_bases": ("*",)},
        {"documents": (("example", "${aws:username}/"),)},
        {"logging_role": "a*"},
    ],
)
def test_what_could_widen_is_refused(changes):
    with pytest.raises(ConfigError):
        scope(**changes)


def test_what_has_no_arn_is_granted_in_one_region_only():
    read = statements("preflight-minimal")[0]
    assert read["Resource"] == "*"
    assert read["Condition"] == {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}


OWN = "arn:aws:bedrock:us-east-1:111122223333"
AIP, ROUTER = f"{OWN}:application-inference-profile/abcdefghij12", f"{OWN}:prompt-router/abcdefghij12"
NOVA = "amazon.nova-lite-v1:0"
SYSTEM = f"{OWN}:inference-profile/us.{MODEL}"


def fm(*regions, model=MODEL):
    return sorted(f"arn:aws:bedrock:{region}::foundation-model/{model}" for region in regions)


def granted(*names, strict=True, **changes):
    """(action, resource, bound to) of every statement: what a policy says, whatever its grouping."""
    found = set()
    for one in generate(names, scope(guardrail=None, **changes), strict=strict).policy.statements:
        bound = ",".join(f"{key}={'|'.join(values)}" for _, keys in one.conditions for key, values in keys)
        found |= {(action, arn, bound) for action in one.actions for arn in one.resources}
    return found


def through(key, arn, *resources):
    return {("bedrock:InvokeModel", one, f"bedrock:{key}={arn}") for one in resources}


@pytest.mark.parametrize("wraps", [("", ("us." + MODEL,)), (AIP, ("us." + MODEL,)), ("abcdefghij12", ("us." + MODEL,))])
@pytest.mark.parametrize("model", [AIP, "abcdefghij12"])
def test_an_application_profile_binds_the_models_behind_it_to_itself(model, wraps):
    reach = fm("us-east-1", "us-east-2", "us-west-2")
    assert granted("converse", models=(model,), wraps=(wraps,)) == {
        ("bedrock:InvokeModel", AIP, ""),
        *through("InferenceProfileArn", AIP, *reach),
    }


def test_an_application_profile_over_a_model_or_a_global_profile():
    plain = granted("converse", models=(AIP,), wraps=((AIP, (NOVA,)),))
    assert plain == {
        ("bedrock:InvokeModel", AIP, ""),
        *through("InferenceProfileArn", AIP, *fm("us-east-1", model=NOVA)),
    }
    everywhere = granted("converse", models=(AIP,), wraps=((AIP, ("global." + MODEL,)),))
    assert everywhere == {
        ("bedrock:InvokeModel", AIP, ""),
        *through("InferenceProfileArn", AIP, *fm("us-east-1", "")),
    }


def test_a_router_binds_what_it_may_choose_to_itself():
    assert granted("converse", models=(ROUTER,), wraps=((ROUTER, (NOVA, "us." + MODEL)),)) == {
        ("bedrock:InvokeModel", ROUTER, ""),
        *through("PromptRouterArn", ROUTER, SYSTEM, *fm("us-east-1", model=NOVA)),
        *through("PromptRouterArn", ROUTER, *fm("us-east-1", "us-east-2", "us-west-2")),
    }


@pytest.mark.parametrize("model", [AIP, ROUTER])
def test_what_is_behind_a_profile_or_a_router_must_be_said(model):
    with pytest.raises(ConfigError, match="--wraps") as caught:
        statements("converse", models=(model,))
    assert caught.value.key_path == "wraps"


@pytest.mark.parametrize("kind", ["provisioned-model", "custom-model-deployment", "imported-model"])
def test_a_model_of_ones_own_is_its_arn_alone(kind):
    arn = f"{OWN}:{kind}/abcdefghij12"
    assert granted("converse-stream", models=(arn,)) == {("bedrock:InvokeModelWithResponseStream", arn, "")}


def test_a_custom_model_is_called_through_something_else():
    with pytest.raises(ConfigError, match="provisioned throughput or its deployment"):
        statements("invoke", models=(f"{OWN}:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghij12",))


def test_an_endpoint_is_called_only_by_bedrock_and_only_where_it_is_marked_for_it():
    endpoint = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/example"
    by = "aws:CalledViaLast=bedrock.amazonaws.com,aws:ResourceTag/sagemaker-sdk:bedrock=compatible"
    assert granted("invoke", models=(endpoint,)) == {
        ("bedrock:InvokeModel", f"{OWN}:marketplace/model-endpoint/all-access", ""),
        ("sagemaker:InvokeEndpoint", endpoint, by),
    }


@pytest.mark.parametrize(
    "model",
    [
        f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}",
        "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghij12",
        f"arn:aws-us-gov:bedrock:us-east-1::foundation-model/{NOVA}",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/example",
    ],
)
def test_a_model_of_another_region_account_or_partition_is_refused(model):
    with pytest.raises(ConfigError, match=" is in "):
        statements("invoke", models=(model,))


def test_a_global_profile_that_the_data_lacks_needs_no_destinations():
    made = generate(["converse"], scope(models=("global.example.model-v1:0",), guardrail=None))
    assert len(made.policy.statements) == 2
    assert made.warnings


def test_a_batch_job_names_the_model_the_job_and_the_role_and_assumes_the_profile():
    role = "arn:aws:iam::111122223333:role/bedrock-gateway/AmazonBedrockGateway-batch"
    sure = {
        ("bedrock:CreateModelInvocationJob", fm("us-east-1")[0], ""),
        *(
            (f"bedrock:{verb}ModelInvocationJob", f"{OWN}:model-invocation-job/*", "")
            for verb in ("Create", "Get", "Stop")
        ),
        ("bedrock:ListModelInvocationJobs", "*", "aws:RequestedRegion=us-east-1"),
        ("iam:PassRole", role, "iam:PassedToService=bedrock.amazonaws.com"),
    }
    assert granted("batch") == sure
    assumed = {("bedrock:CreateModelInvocationJob", one, "") for one in (SYSTEM, *fm("us-east-2", "us-west-2"))}
    assert granted("batch", strict=False) == sure | assumed


def test_a_batch_job_takes_a_custom_model_and_no_provisioned_one():
    custom = f"{OWN}:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghij12"
    assert ("bedrock:CreateModelInvocationJob", custom, "") in granted("batch", models=(custom,))
    with pytest.raises(ConfigError, match="takes no model of kind provisioned"):
        statements("batch", models=(f"{OWN}:provisioned-model/abcdefghij12",))


def test_tokens_are_counted_on_the_foundation_model_whatever_was_declared():
    found = granted("count-tokens", models=("us." + MODEL, AIP), wraps=((AIP, (NOVA,)),))
    assert found == {("bedrock:CountTokens", arn, "") for arn in (*fm("us-east-1"), *fm("us-east-1", model=NOVA))}


def test_tokens_of_what_is_no_foundation_model_are_a_warning():
    own = f"{OWN}:imported-model/abcdefghij12"
    made = generate(["converse", "count-tokens"], scope(models=(own, NOVA)))
    assert any(own in text and "counts tokens" in text for text in made.warnings)


def test_rag_with_a_reranker_also_reranks():
    more = granted("rag", rerankers=("cohere.rerank-v3-5:0",)) - granted("rag")
    assert more == {
        ("bedrock:Rerank", "*", "aws:RequestedRegion=us-east-1"),
        ("bedrock:InvokeModel", *fm("us-east-1", model="cohere.rerank-v3-5:0"), ""),
    }


def test_a_streamed_answer_keeps_both_generation_actions_even_when_strict():
    actions = {action for action, _, _ in granted("rag-stream")}
    assert {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"} <= actions
    assert "bedrock:GetInferenceProfile" not in actions
    made = generate(["rag-stream"], scope(), strict=True)
    assert {one.confidence for one in made.assumptions} == {"L"}


def test_a_required_guardrail_is_a_condition_of_every_model_leg():
    for version, suffix in (("3", ":3"), ("DRAFT", "")):
        made = generate(["converse"], scope(guardrail=("abcdefghij12", version), require_guardrail=True)).policy
        invoke = [one for one in made.statements if "bedrock:InvokeModel" in one.actions]
        for one in invoke:
            assert dict(dict(one.conditions)["ArnEquals"])["bedrock:GuardrailIdentifier"] == (
                f"{OWN}:guardrail/abcdefghij12{suffix}",
            )


def test_a_required_guardrail_and_calls_that_aws_makes_without_it_do_not_go_together():
    for name in ("rag", "rag-stream", "rerank", "batch"):
        with pytest.raises(ConfigError, match="without the guardrail"):
            statements("converse", name, require_guardrail=True)
    assert statements("converse", "rerank", require_guardrail=True, rerankers=("cohere.rerank-v3-5:0",))


def test_a_cross_region_guardrail_is_applied_in_every_destination():
    found = {
        arn
        for action, arn, _ in (
            (action, arn, "")
            for one in generate(["converse"], scope(guardrail_profile="us")).policy.statements
            for action in one.actions
            for arn in one.resources
        )
        if action == "bedrock:ApplyGuardrail"
    }
    assert found == {f"{OWN}:guardrail/abcdefghij12"} | {
        f"arn:aws:bedrock:{region}:111122223333:guardrail-profile/us.guardrail.v1:0"
        for region in ("us-east-1", "us-east-2", "us-west-2")
    }


@pytest.mark.parametrize(
    ("profile", "reason"), [("eu", "not usable from us-east-1"), ("global", "no guardrail profile")]
)
def test_a_guardrail_profile_that_aws_does_not_have_here_is_refused(profile, reason):
    with pytest.raises(ConfigError, match=reason):
        scope(guardrail_profile=profile)


def test_what_the_account_enforces_is_granted_to_every_caller():
    theirs = "arn:aws:bedrock:us-east-1:123456789012:guardrail/mnopqrstuv34"
    for name in ("invoke", "invoke-stream", "converse", "converse-stream", "embed", "rag", "rag-stream"):
        found = granted(name, enforced_guardrails=("mnopqrstuv34", theirs))
        assert {(action, arn) for action, arn, _ in found} > {
            ("bedrock:ApplyGuardrail", f"{OWN}:guardrail/mnopqrstuv34"),
            ("bedrock:ApplyGuardrail", theirs),
        }


def test_subscribing_on_first_use_is_opt_in_bound_to_bedrock_and_to_products():
    more = granted("converse", subscribe=True, products=("prod-ozonys2hmmpeu",)) - granted("converse")
    by = "aws:CalledViaLast=bedrock.amazonaws.com"
    assert more == {
        ("aws-marketplace:Subscribe", "*", f"{by},aws-marketplace:ProductId=prod-ozonys2hmmpeu"),
        ("aws-marketplace:ViewSubscriptions", "*", by),
    }


def test_the_catalogue_shows_everything_only_where_nothing_is_declared():
    assert {arn for _, arn, _ in granted("model-catalog")} == {"*", SYSTEM, *fm("us-east-1")}
    made = generate(["model-catalog"], scope(models=()))
    assert f"{OWN}:inference-profile/*" in json.dumps(made.policy.dump())
    assert made.warnings


def test_govcloud_has_its_own_partition_and_china_is_refused():
    with pytest.raises(ConfigError, match="aws-cn has no Amazon Bedrock endpoint"):
        scope(region="cn-north-1", partition="aws-cn")
    own = "arn:aws-us-gov:bedrock:us-gov-west-1:111122223333:provisioned-model/abcdefghij12"
    gov = {"region": "us-gov-west-1", "partition": "aws-us-gov"}
    assert granted("converse", models=(own,), **gov) == {("bedrock:InvokeModel", own, "")}


@pytest.mark.parametrize(
    "changes",
    [
        {"wraps": ((NOVA, (NOVA,)),)},
        {"wraps": ((AIP, ()),)},
        {"wraps": ((AIP, (AIP,)),)},
        {"wraps": ((AIP, ("*",)),)},
        {"guardrail": None, "require_guardrail": True},
        {"guardrail": None, "guardrail_profile": "us"},
        {"guardrail_key": "arn:aws:kms:us-east-1:111122223333:key/*"},
        {"guardrail_key": "arn:aws:kms:us-east-1:111122223333:alias/x"},
        {"guardrail_key": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
        {"document_keys": ("arn:aws-us-gov:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",)},
        {"enforced_guardrails": ("*",)},
        {"enforced_guardrails": ("arn:aws:bedrock:*:111122223333:guardrail/abc",)},
        {"third_party_secrets": ("arn:aws:secretsmanager:us-east-1:111122223333:secret:*",)},
        {"products": ("*",)},
        {"rerankers": ("*",)},
        {"batch_role": "a?"},
    ],
)
def test_an_option_that_is_malformed_or_makes_no_sense_is_refused(changes):
    with pytest.raises(ConfigError):
        scope(**changes)


def test_the_source_region_is_granted_though_the_destinations_given_by_hand_lack_it():
    found = granted("converse", models=("us.example.model-v1:0",), extra_destinations=("us-west-2",))
    arns = {arn for _, arn, bound in found if bound}
    assert arns == set(fm("us-east-1", "us-west-2", model="example.model-v1:0"))


def test_a_batch_job_through_a_global_profile_assumes_the_profile_and_the_arn_without_a_region():
    made = generate(["batch"], scope(models=("global." + MODEL,)))
    assert {grant.arn for grant in made.grants if grant.leg.resource == "batch-profile"} == {
        f"{OWN}:inference-profile/global.{MODEL}",
        f"arn:aws:bedrock:::foundation-model/{MODEL}",
    }


def test_what_is_behind_a_profile_is_of_the_same_region_too():
    with pytest.raises(ConfigError, match="is in eu-west-1, not in us-east-1"):
        statements("converse", models=(AIP,), wraps=((AIP, (f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}",)),))


def test_a_cross_region_guardrail_is_changed_on_its_profile_in_its_own_region():
    found = granted_with_guardrail("guardrail-admin", guardrail_profile="us")
    assert {arn for action, arn, _ in found if action == "bedrock:UpdateGuardrail"} == {
        f"{OWN}:guardrail/abcdefghij12",
        f"{OWN}:guardrail-profile/us.guardrail.v1:0",
    }


def granted_with_guardrail(*names, **changes):
    made = generate(names, scope(**changes)).grants
    return {(grant.leg.action, grant.arn, grant.conditions) for grant in made}


def test_a_key_is_used_through_its_service_in_its_region_only():
    key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    used = granted("kb-documents", document_keys=(key,)) - granted("kb-documents")
    assert used == {
        (action, key, "kms:ViaService=s3.us-east-1.amazonaws.com") for action in ("kms:Decrypt", "kms:GenerateDataKey")
    }
    made = generate(["kb-create"], scope(knowledge_base_key=key))
    managed = [one for one in made.policy.dump()["Statement"] if one["Resource"] == key]
    assert [one["Condition"] for one in managed] == [
        {"StringEquals": {"kms:ViaService": "bedrock.us-east-1.amazonaws.com"}}
    ]
    assert {one.action for one in made.assumptions} == {"kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"}


def test_tags_are_authorised_on_what_has_no_id_yet():
    for name, kind in (
        ("kb-create", "knowledge-base"),
        ("batch", "model-invocation-job"),
        ("guardrail-admin", "guardrail"),
    ):
        assert granted(name, tagging=True) - granted(name) == {("bedrock:TagResource", f"{OWN}:{kind}/*", "")}


def test_joining_a_store_of_another_company_is_bound_to_its_secret():
    secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:pinecone-AbCdEf"
    ((action, arn, bound),) = granted("kb-create", third_party_secrets=(secret,)) - granted("kb-create")
    assert (action, arn) == ("bedrock:AssociateThirdPartyKnowledgeBase", "*")
    assert f"bedrock:ThirdPartyKnowledgeBaseCredentialsSecretArn={secret}" in bound
    assert "aws:RequestedRegion=us-east-1" in bound


def test_an_encrypted_guardrail_is_decrypted_by_its_users_and_more_by_its_makers():
    key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    used = granted("converse", guardrail_key=key) - granted("converse")
    assert used == {("kms:Decrypt", key, "")}
    makers = {action for action, _, _ in granted("guardrail-admin", guardrail_key=key) - granted("guardrail-admin")}
    assert makers == {"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"}


def test_what_the_account_enforces_is_set_only_where_it_is_declared():
    more = granted("guardrail-admin", enforced_guardrails=("mnopqrstuv34",)) - granted("guardrail-admin")
    assert {action for action, _, _ in more} == {
        "bedrock:PutEnforcedGuardrailConfiguration",
        "bedrock:DeleteEnforcedGuardrailConfiguration",
    }


def test_an_endpoint_behind_an_answer_is_assumed_and_left_out_when_strict():
    endpoint = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/example"
    for name in ("rag", "rag-stream", "rerank"):
        loose = granted(name, models=(endpoint,), strict=False) - granted(name, models=(endpoint,))
        assert {arn for action, arn, _ in loose if action.startswith("sagemaker:")} == {endpoint}
        made = generate([name], scope(models=(endpoint,)))
        assert any(one.resource == endpoint and one.confidence == "?" for one in made.assumptions)


def test_what_aws_leaves_open_about_a_copied_profile_is_said():
    copied = generate(["converse"], scope(models=(AIP,), wraps=((AIP, ("us." + MODEL,)),)))
    assert any(f"us.{MODEL}, from which it was copied" in text for text in copied.warnings)
    plain = generate(["converse"], scope(models=(AIP,), wraps=((AIP, (NOVA,)),)))
    assert not plain.warnings


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("convers", "did you mean 'converse' or 'converse-stream'"),
        ("kb-role", "`bedrock-gateway policy role kb`"),
        ("logging-bucket", "`bedrock-gateway policy bucket logging`"),
    ],
)
def test_what_is_no_capability_is_told_what_it_may_have_meant(name, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        statements(name)
