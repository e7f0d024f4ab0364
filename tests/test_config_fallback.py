"""What may stand in, and where what is declared may run: refused when the configuration is read."""

from __future__ import annotations

import pytest

from bedrock_gateway import ConfigError, GatewayConfig

NOVA, EU_NOVA = "amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"
EMBED = "amazon.titan-embed-text-v2:0"
EU = ["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"]


def config(text="", *, capabilities='["converse"]', models, fallback="", region="eu-central-1", rest=""):
    return GatewayConfig.from_toml(f"""
format = 1
application = "a"
[env.prod]
account = "111122223333"
region = "{region}"
{text}
[principals.app]
capabilities = {capabilities}
models = {models!r}
{f"fallback = {fallback!r}" if fallback != "" else ""}
{rest}
""")


def test_declared_models_stand_in_in_their_order():
    made = config(models=[NOVA, EU_NOVA], fallback=[EU_NOVA])
    assert made.principals["app"].fallback == (EU_NOVA,)


@pytest.mark.parametrize(
    ("models", "fallback", "capabilities", "said"),
    [
        ([NOVA], [EU_NOVA], '["converse"]', "declare it in `models` too"),
        ([NOVA, EMBED], [EMBED], '["converse"]', "embeddings or ranking"),
        ([NOVA, EU_NOVA], [EU_NOVA, EU_NOVA], '["converse"]', "twice"),
        ([NOVA, EU_NOVA], [EU_NOVA], '["embed"]', "none of them is declared"),
        ([NOVA], ["not a model"], '["converse"]', "is not a model id"),
    ],
)
def test_what_cannot_stand_in_is_refused(models, fallback, capabilities, said):
    with pytest.raises(ConfigError, match=said) as caught:
        config(models=models, fallback=fallback, capabilities=capabilities)
    assert caught.value.line


def test_the_model_of_a_call_without_one_is_none_that_only_stands_in():
    from bedrock_gateway._facade import Facade

    made = Facade(config(models=[NOVA, EU_NOVA], fallback=[EU_NOVA]))
    assert made._model(None) == NOVA


def test_what_runs_within_the_residency_is_accepted():
    config(f"residency = {EU!r}", models=[NOVA, EU_NOVA], region="eu-central-1")
    config('residency = ["us-east-1"]', models=[NOVA], region="us-east-1")


@pytest.mark.parametrize(
    ("models", "residency", "region", "said"),
    [
        ([NOVA], ["eu-west-1"], "us-east-1", "region: the Region us-east-1"),
        ([NOVA, EU_NOVA], ["eu-central-1"], "eu-central-1", "eu-north-1"),
        (
            ["global.anthropic.claude-sonnet-4-5-20250929-v1:0"],
            EU,
            "eu-central-1",
            "may run in any commercial Region",
        ),
        (
            ["arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abcdefghij12"],
            EU,
            "eu-central-1",
            "is not known",
        ),
        (["eu.vendor.never-heard-of-v1:0"], EU, "eu-central-1", "is not known"),
    ],
)
def test_what_may_run_elsewhere_is_refused_where_it_is_declared(models, residency, region, said):
    with pytest.raises(ConfigError, match=said) as caught:
        config(f"residency = {residency!r}", models=models, region=region)
    assert caught.value.line


def test_what_is_behind_an_application_profile_counts():
    profile = "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abcdefghij12"
    wraps = f'[wraps]\n"{profile}" = ["{{}}"]'
    config(f"residency = {EU!r}", models=[profile], rest=wraps.format(NOVA))
    with pytest.raises(ConfigError, match="eu-west-3"):
        config(f"residency = {EU[:3]!r}", models=[profile], rest=wraps.format(EU_NOVA))


def test_rerankers_embedding_models_and_guardrail_profiles_count():
    for rest, said in (
        ('rerankers = ["global.cohere.embed-v4:0"]', "principals.app.rerankers"),
        ('[knowledge_base.h]\nembedding_model = "global.cohere.embed-v4:0"\nstore = "s3-vectors"', "knowledge_base.h"),
        ('[guardrail]\nid = "abcdefghij12"\nversion = "1"\nprofile = "eu"', "guardrail.profile"),
    ):
        with pytest.raises(ConfigError, match=said):
            config('residency = ["eu-central-1"]', models=[NOVA], rest=rest)


def test_without_residency_nothing_is_asked():
    config(models=["global.anthropic.claude-sonnet-4-5-20250929-v1:0"])
