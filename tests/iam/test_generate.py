from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
}


def scope(**changes):
    return Scope(**(FULL | changes))


def statements(*names, strict=False, **changes):
    return generate(names, scope(**changes), strict=strict).policy.dump()["Statement"]


def test_a_geographic_profile_is_the_profile_and_its_models_bound_to_it():
    profile, models = statements("converse")
    assert profile["Resource"] == f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.{MODEL}"
    assert "Condition" not in profile
    assert models["Resource"] == [
        f"arn:aws:bedrock:{region}::foundation-model/{MODEL}" for region in ("us-east-1", "us-east-2", "us-west-2")
    ]
    assert models["Condition"] == {"ArnEquals": {"bedrock:InferenceProfileArn": profile["Resource"]}}


def test_a_global_profile_adds_the_arn_without_a_region():
    _, models = statements("converse", models=("global." + MODEL,))
    assert set(models["Resource"]) == {
        f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}",
        f"arn:aws:bedrock:::foundation-model/{MODEL}",
    }


def test_an_on_demand_model_is_one_arn_without_account():
    (only,) = statements("converse", models=("amazon.nova-lite-v1:0",))
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


def test_a_guardrail_is_granted_only_where_there_is_one():
    assert "ApplyGuardrail" not in json.dumps(statements("converse"))
    assert "guardrail/abcdefghij12" in json.dumps(statements("converse", guardrail=("abcdefghij12", "3")))


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


# Pieces, not characters: a string made of characters alone seldom holds a wildcard in the middle of a valid name.
PIECES = st.sampled_from(
    ["*", "?", "${aws:username}", ":", "/", "..", '"', "\n", "a", "Z", "0", "-", "us.", "arn:aws:"]
)
HOSTILE = st.lists(PIECES | st.characters(), max_size=8).map("".join)
FIELDS = {
    "models": lambda text: (text,),
    "knowledge_bases": lambda text: (text,),
    "knowledge_base_roles": lambda text: (text,),
    "logging_role": str,
    "log_group": str,
    "logging_bucket": str,
    "account": str,
    "region": str,
    "guardrail": lambda text: (text, "1"),
    "documents": lambda text: (("example-handbook", text),),
    "vector_indexes": lambda text: ((text, "index"),),
}


@pytest.mark.parametrize("field", FIELDS)
@given(text=HOSTILE)
def test_no_string_widens_a_statement(field, text):
    try:
        made = generate(list(CAPABILITIES), scope(**{field: FIELDS[field](text)}))
    except ConfigError:
        return
    assert wildcards(made) == wildcards(generate(list(CAPABILITIES), scope()))


def wildcards(made):
    """Every wildcard and policy variable of every ARN: no value may add one."""
    arns = {arn for one in made.policy.statements for arn in one.resources}
    return sum(arn.count(character) for arn in arns for character in "*?$")


def test_what_has_no_arn_is_granted_in_one_region_only():
    read = statements("preflight-minimal")[0]
    assert read["Resource"] == "*"
    assert read["Condition"] == {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
