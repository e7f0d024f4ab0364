"""Which quota is a model's: names as they were seen in AWS's lists, and names that only look alike."""

from __future__ import annotations

import pytest

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.preflight.quotas import Target, burndown, limits_of, target_of

from .stepped import config

# Seen in lists of quotas that people published, 2025 and 2026.
SEEN = [
    ("amazon.nova-lite-v1:0", "Amazon Nova Lite"),
    ("amazon.nova-2-lite-v1:0", "Amazon Nova 2 Lite"),
    ("amazon.titan-embed-text-v2:0", "Amazon Titan Text Embeddings V2"),
    ("anthropic.claude-3-haiku-20240307-v1:0", "Anthropic Claude 3 Haiku"),
    ("anthropic.claude-3-5-sonnet-20240620-v1:0", "Anthropic Claude 3.5 Sonnet"),
    ("anthropic.claude-3-5-sonnet-20241022-v2:0", "Anthropic Claude 3.5 Sonnet V2"),
    ("anthropic.claude-3-7-sonnet-20250219-v1:0", "Anthropic Claude 3.7 Sonnet V1"),
    ("anthropic.claude-sonnet-4-20250514-v1:0", "Anthropic Claude Sonnet 4 V1"),
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", "Anthropic Claude Sonnet 4.5 V1"),
    ("anthropic.claude-haiku-4-5-20251001-v1:0", "Anthropic Claude Haiku 4.5"),
    ("cohere.embed-v4:0", "Cohere Embed V4"),
    ("cohere.rerank-v3-5:0", "Cohere Rerank 3.5"),
    ("cohere.command-r-v1:0", "Cohere Command R"),
    ("deepseek.r1-v1:0", "DeepSeek R1 V1"),
    ("meta.llama3-2-3b-instruct-v1:0", "Meta Llama 3.2 3B Instruct"),
    ("mistral.pixtral-large-2502-v1:0", "Mistral Pixtral Large 25.02 V1"),
    ("openai.gpt-oss-120b-1:0", "OpenAI GPT OSS 120B"),
    ("qwen.qwen3-235b-a22b-2507-v1:0", "Qwen3 235B a22b 2507 V1"),
    ("qwen.qwen3-coder-30b-a3b-v1:0", "Qwen3 Coder 30B a3b V1"),
    ("moonshot.kimi-k2-thinking", "Kimi K2 Thinking"),
]
MINUTE = ("tokens", "minute")


def limits(model: str, *names: str, reach: str = "on-demand", called: str | None = None):
    return limits_of([{"QuotaName": name, "Value": 7.0} for name in names], Target(model, reach), called)


@pytest.mark.parametrize(("model", "name"), SEEN)
def test_a_name_that_was_seen_is_that_of_its_model_and_of_no_other(model, name):
    quota = f"On-demand model inference tokens per minute for {name}"
    assert limits(model, quota)[MINUTE].value == 7.0
    assert [one for one, _ in SEEN if limits(one, quota)] == [model]


@pytest.mark.parametrize(
    "name",
    [
        "Anthropic Claude Sonnet 4.5 V1 1M Context Length",
        "Anthropic Claude Sonnet 4.5 V2",
        "Anthropic Claude Sonnet 4 V1",
        "Another Anthropic Claude Sonnet 4.5 V1",
        "Claude Haiku 4.5",
    ],
)
def test_a_name_that_looks_alike_is_another_one(name):
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert not limits(model, f"On-demand model inference tokens per minute for {name}")


@pytest.mark.parametrize(
    ("reach", "name"),
    [
        ("on-demand", "On-demand InvokeModel tokens per minute for Amazon Nova Lite"),
        ("cross-region", "Cross-Region model inference tokens per minute for Amazon Nova Lite"),
        ("cross-region", "Cross-Region InvokeModel tokens per minute for Amazon Nova Lite"),
        ("global cross-region", "Global cross-region model inference tokens per minute for Amazon Nova Lite"),
    ],
)
def test_each_way_of_calling_has_a_quota_of_its_own(reach, name):
    for one in ("on-demand", "cross-region", "global cross-region"):
        assert (MINUTE in limits("amazon.nova-lite-v1:0", name, reach=one)) == (one == reach)


@pytest.mark.parametrize(
    "name",
    [
        "[bedrock-mantle endpoint] Input tokens per minute for Amazon Nova Lite",
        "Batch inference job size (in GB) for Amazon Nova Lite",
        "Latency-optimized On-demand model inference tokens per minute for Amazon Nova Lite",
        "Model units per provisioned model for Amazon Nova Lite",
        "",
    ],
)
def test_quotas_of_something_else_are_left_alone(name):
    assert limits("amazon.nova-lite-v1:0", name) == {}


def test_what_is_doubled_across_regions_counts_twice_there_and_once_here():
    day = ("tokens", "day")
    name = "Model invocation max tokens per day for Amazon Nova Lite (doubled for cross-region calls)"
    assert limits("amazon.nova-lite-v1:0", name, reach="cross-region")[day].value == 14.0
    assert limits("amazon.nova-lite-v1:0", name)[day].value == 7.0
    assert day not in limits("amazon.nova-lite-v1:0", name, reach="global cross-region")


def test_the_name_that_is_declared_is_the_one_that_counts():
    quota = "On-demand model inference tokens per minute for Mistral AI Mixtral 8X7BB Instruct"
    model = "mistral.mixtral-8x7b-instruct-v0:1"
    assert not limits(model, quota)
    assert limits(model, quota, called="Mistral AI Mixtral 8X7BB Instruct")
    assert not limits("amazon.nova-lite-v1:0", quota, called="Amazon Nova Lite")


@pytest.mark.parametrize(
    ("model", "burns"),
    [
        ("anthropic.claude-3-5-haiku-20241022-v1:0", 1),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", 5),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", 5),
        ("anthropic.claude-opus-5-5", 5),
        ("amazon.nova-lite-v1:0", 1),
    ],
)
def test_output_counts_as_aws_counts_it(model, burns):
    assert burndown(model) == burns


def test_an_application_profile_takes_from_what_it_wraps_and_a_provisioned_model_from_nothing():
    profile = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abcdefghij12"
    declared = config(wraps={profile: ["us.amazon.nova-lite-v1:0"]})
    assert target_of(declared, profile) == Target("amazon.nova-lite-v1:0", "cross-region")
    assert target_of(config(), profile) is None
    assert target_of(config(), "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abcdefghij12") is None
    assert target_of(config(), "global.amazon.nova-2-lite-v1:0").reach == "global cross-region"


def test_a_load_is_expected_of_a_model():
    with pytest.raises(ConfigError, match="'nova lite' is not a model id"):
        config(preflight={"expected_load": {"nova lite": {}}})
