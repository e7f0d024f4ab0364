"""What is wrong before anything is sent: a typed error, one line that says what to do, and not one connection."""

from __future__ import annotations

import math
import sys
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from bedrock_gateway import (
    AccessDeniedError,
    AsyncGateway,
    ConfigError,
    Gateway,
    GatewayConfig,
    GatewayError,
    GovernanceError,
    InferenceProfileRequiredError,
    IngestionJob,
    InvalidRequestError,
    MissingExtraError,
    Timeouts,
    UnsupportedByBotocoreError,
)

server = sys.modules["faultserver"]


def deep(levels: int, leaf="x"):
    for _ in range(levels):
        leaf = [leaf]
    return leaf


def shared(levels: int):
    """A small object that is huge when it is written out."""
    one = ["x"]
    for _ in range(levels):
        one = [one, one]
    return one


HUGE = "x" * 10_000_000
CYCLE: list = []
CYCLE.append(CYCLE)
NO_TEXT = [5, None, b"bytes", 1.5, ["x"], {"a": 1}, "", "a\0b", "\ud800", object()]
NO_NAME = [*(one for one in NO_TEXT if one is not None), HUGE, "a\nb", "ä"]
NO_DOCUMENT = [
    {"a": math.nan}, {"a": math.inf}, {"a": "\ud800"}, {"\ud800": 1}, {"a": "\0"}, {1: 2}, {"a": {1, 2}},
    {"a": object()}, {"a": deep(10_000)}, {"a": shared(60)}, {"a": CYCLE}, {"a": 1 << 70}, {"a": datetime.now()}, 5, ["x"], "x",
]  # fmt: skip
NO_PROMPT = [
    5, None, b"x", [], "", "a\0b", "\ud800", {"role": "user"}, [5], ["x"], [None], [{}], [{"role": "user"}],
    [{"role": "user", "content": 5}], [{"role": "user", "content": [5]}], [{"role": "user", "content": ["x"]}],
    [{"role": "user", "content": [{"text": "\ud800"}]}], [{"role": "user", "content": [{"json": deep(10_000)}]}],
    [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": object()}}}]}],
    [{"role": 5, "content": "x"}], [{"role": "user", "content": "x", "more": "x"}], [{"role": "user", "content": [{"txt": "x"}]}],
]  # fmt: skip
NO_COUNT = [0, -1, 1.5, "3", True, math.nan, 1 << 70, [1]]
NO_SHARE = [-0.1, 5, "0.5", True, math.nan, math.inf, [1]]
NO_MODEL = [
    5, "", "..", "a/../b", "amazon.nova-lite-v1:0/../x", "*", "amazon.*", "${aws:username}", "amazon.nova-lite-v1:0\n",
    "arn:aws:bedrock:us-east-1::foundation-model/*", "arn:aws:bedrock:us-east-1:1:inference-profile/x", "arn:aws:s3:::x",
    "nova", "https://example.com/", HUGE, "\ud800", "a\0b", b"amazon.nova-lite-v1:0", ["amazon.nova-lite-v1:0"], {"a": 1},
]  # fmt: skip

# (method, positional arguments, option, bad values)
CASES = [
    ("converse", (), "prompt", NO_PROMPT),
    ("converse", ("x",), "model", NO_MODEL),
    ("converse", ("x",), "system", [5, "", "\ud800", "a\0b", [5], b"x", {"text": "x"}, [{"text": math.nan}]]),
    ("converse", ("x",), "max_tokens", NO_COUNT),
    ("converse", ("x",), "temperature", NO_SHARE),
    ("converse", ("x",), "top_p", NO_SHARE),
    ("converse", ("x",), "stop_sequences", ["x", [5], 5, ["\ud800"], [""], {"a": 1}]),
    ("converse", ("x",), "tools", ["x", 5, [5], ["x"], [NO_DOCUMENT[0]], {"a": 1}, [{"x": 1}]]),
    ("converse", ("x",), "tool_choice", [5, "\ud800", ["x"], {"auto": math.nan}]),
    ("converse", ("x",), "additionalModelRequestFields", NO_DOCUMENT[:-3]),
    ("converse", ("x",), "requestMetadata", [5, {"a": 1}, {"a": "\ud800"}]),
    ("converse", ("x",), "no_such_option", ["x"]),
    ("converse", ("x",), "modelId", ["anthropic.claude-3-haiku-20240307-v1:0"]),
    ("converse", ("x",), "messages", [[]]),
    ("converse", ("x",), "guardrailConfig", [{"guardrailIdentifier": "abc", "guardrailVersion": "1"}]),
    ("invoke_model", (), "body", [5, None, "", "\ud800", ["x"], {"a": b"x"}, b"x" * 25_000_001, *NO_DOCUMENT[:-3]]),
    ("invoke_model", ({"a": 1},), "model", NO_MODEL),
    ("invoke_model", ({"a": 1},), "accept", [5, "\ud800", deep(3)]),
    ("invoke_model", ({"a": 1},), "modelId", ["anthropic.claude-3-haiku-20240307-v1:0"]),
    ("invoke_model", ({"a": 1},), "body_", [b"x"]),
    ("retrieve", (), "query", NO_TEXT),
    ("retrieve", ("x",), "knowledge_base", [*NO_NAME, None, "others"]),
    ("retrieve", ("x",), "results", [*NO_COUNT, 101]),
    ("retrieve", ("x",), "metadata_filter", [5, "x", {"a": math.nan}]),
    ("retrieve", ("x",), "next_token", [5, "", "\ud800"]),
    ("retrieve", ("x",), "knowledgeBaseId", ["KB00000000"]),
    (
        "retrieve",
        ("x",),
        "retrievalConfiguration",
        [5, {"vectorSearchConfiguration": 5}, {"vectorSearchConfiguration": {"a": object()}}],
    ),
    ("retrieve_and_generate", (), "question", NO_TEXT),
    ("retrieve_and_generate", ("x",), "knowledge_base", [*NO_NAME, None, "others"]),
    ("retrieve_and_generate", ("x",), "model", NO_MODEL),
    ("retrieve_and_generate", ("x",), "session", list(NO_NAME)),
    ("retrieve_and_generate", ("x",), "retrieveAndGenerateConfiguration", [{}]),
    ("create_knowledge_base", (), "name", [*NO_NAME, None, "others"]),
    ("create_knowledge_base", ("handbook",), "role_arn", [*NO_NAME, None]),
    ("create_knowledge_base", ("handbook",), "index_arn", [*NO_NAME, None]),
    ("create_knowledge_base", ("handbook",), "description", [one for one in NO_TEXT if one is not None]),
    ("create_data_source", ("handbook",), "knowledge_base_id", [*NO_NAME, "x", "KB00000000"]),
    ("create_data_source", ("handbook",), "source", [-1, 5, "0", 1.5, True]),
    ("start_ingestion", ("handbook",), "data_source_id", [*NO_NAME, None]),
    ("get_ingestion", (), "job", [5, None, "x", {}]),
    ("wait_for_ingestion", (), "job", [5, None, "x", {}]),
    ("preflight", (), "level", ["deepest", 5, "\ud800", ["minimal"]]),
]
NEEDED = {
    "retrieve": {"knowledge_base": "handbook"},
    "retrieve_and_generate": {"knowledge_base": "handbook"},
    "create_knowledge_base": {"role_arn": "arn:aws:iam::123456789012:role/x", "index_arn": "arn:aws:s3vectors:us-east-1:123456789012:bucket/b/index/i"},
    "start_ingestion": {"data_source_id": "DS12345678"},
}  # fmt: skip
STREAMED = {"converse": "converse_stream", "invoke_model": "invoke_model_stream"}


def principal_of(method: str) -> str:
    return "operator" if "ingestion" in method or method.startswith("create") else "app"


async def attempt(gateway, method: str, given: tuple, option: str, value):
    options = NEEDED.get(method, {}) | {option: value}
    first = () if given else (options.pop(option),)
    if method.endswith("_stream"):
        async with getattr(gateway, method)(*given, *first, **options) as stream:
            return await stream.result()
    return await getattr(gateway, method)(*given, *first, **options)


@pytest.mark.parametrize(
    ("method", "given", "option", "values"),
    [*CASES, *((STREAMED[name], *rest) for name, *rest in CASES if name in STREAMED)],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_bad_argument_is_a_typed_error_before_anything_is_opened(
    both, against, faults, method, given, option, values
):
    async def body():
        async with against(principal_of(method)) as (gateway, events):
            for value in values:
                events.clear()
                with pytest.raises(GatewayError) as raised:
                    await attempt(gateway, method, given, option, value)
                assert faults.connections == 0
                text = str(raised.value)
                assert "\n" not in text
                assert len(text) < 1000
                assert [one.attempts for one in events if one.name == "gateway.call_ended"] in ([0], [])
                assert events or method in {"preflight", "wait_for_ingestion"}

    both.run(body)


def test_a_typo_in_an_option_names_the_nearest_one(both, against):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(InvalidRequestError, match="did you mean requestMetadata"):
                await gateway.converse("x", requestMetadat={"a": "b"})

    both.run(body)


def test_a_member_that_the_installed_botocore_lacks_is_told_apart_from_a_mistake(both, against, faults, monkeypatch):
    from bedrock_gateway._requests import base as _requests

    monkeypatch.setitem(_requests._MEMBERS, "Converse", (*_requests._CHAT, "somethingOfTomorrow"))

    async def body():
        async with against() as (gateway, _):
            with pytest.raises(UnsupportedByBotocoreError) as raised:
                await gateway.converse("x", somethingOfTomorrow={"a": "b"})
            assert raised.value.member == "Converse.somethingOfTomorrow"
            assert raised.value.installed
            assert faults.connections == 0

    both.run(body)


SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def test_a_model_that_needs_a_profile_is_refused_with_the_profiles_name(both, against, faults):
    async def body():
        principals = {"app": {"capabilities": ["converse"], "models": [SONNET]}}
        async with against(changed={"principals": principals}) as (gateway, _):
            with pytest.raises(InferenceProfileRequiredError) as raised:
                await gateway.converse("x", model=SONNET)
            assert raised.value.suggested_model_id == f"us.{SONNET}"
        async with against() as (gateway, _):
            with pytest.raises(GovernanceError, match=f"declare us.{SONNET}"):
                await gateway.converse("x", model=SONNET)
        assert faults.connections == 0

    both.run(body)


def undeclared_reranker(region="us-east-1"):
    arn = f"arn:aws:bedrock:{region}::foundation-model/cohere.rerank-v3-5:0"
    configuration = {
        "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": arn}},
        "type": "BEDROCK_RERANKING_MODEL",
    }
    return {"vectorSearchConfiguration": {"rerankingConfiguration": configuration}}


def test_a_model_that_reranks_must_be_declared_too(both, against, faults):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(GovernanceError, match="rerank"):
                await gateway.retrieve("x", knowledge_base="handbook", retrievalConfiguration=undeclared_reranker())
            assert faults.connections == 0

    both.run(body)


def test_what_a_rule_of_the_application_makes_of_a_request_is_judged_again(both, against, faults):
    from dataclasses import replace

    def widen(send):
        return replace(send, params={**send.params, "modelId": "anthropic.claude-3-haiku-20240307-v1:0"})

    def guard(send):
        return replace(
            send, params={**send.params, "guardrailConfig": {"guardrailIdentifier": "x", "guardrailVersion": "1"}}
        )

    def fail(send):
        raise ValueError("x")

    def forget(send):
        pass

    async def body():
        for rule in (widen, guard, fail, forget):
            async with against(rules=[rule]) as (gateway, events):
                with pytest.raises(GovernanceError):
                    await gateway.converse("x")
                assert [one.outcome for one in events] == ["denied"]
                assert faults.connections == 0

    both.run(body)


def test_a_forged_job_reaches_no_other_knowledge_base(both, against, faults):
    async def body():
        forged = [
            IngestionJob(
                id="J", knowledge_base_id="KB00000000", data_source_id="D", status="STARTING", knowledge_base="handbook"
            ),
            IngestionJob(id="J", knowledge_base_id="KB00000000", data_source_id="D", status="STARTING"),
            IngestionJob(
                id="../x", knowledge_base_id=5, data_source_id="D", status="STARTING", knowledge_base="handbook"
            ),
        ]
        async with against("operator") as (gateway, _):
            for job in forged:
                with pytest.raises(GatewayError):
                    await gateway.get_ingestion(job)
            assert faults.connections == 0

    both.run(body)


ENVIRONMENTS = {
    "endpoint": ({"AWS_ENDPOINT_URL": "http://169.254.169.254"}, "AWS_ENDPOINT_URL"),
    "endpoint of a service": (
        {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://x.example"},
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    ),
    "bearer token": ({"AWS_BEARER_TOKEN_BEDROCK": "bedrock-api-key-x"}, "AWS_BEARER_TOKEN_BEDROCK"),
    "no such profile": ({"AWS_PROFILE": "nobody"}, "AWS_PROFILE"),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_that_would_change_where_or_who_is_refused(both, against, faults, monkeypatch, name):
    variables, named = ENVIRONMENTS[name]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    for key, value in variables.items():
        monkeypatch.setenv(key, value)

    async def body():
        async with against(session=None) as (gateway, events):
            with pytest.raises(ConfigError, match=named):
                await gateway.converse("x")
            assert [(one.outcome, one.attempts) for one in events] == [("failed", 0)]
            assert faults.connections == 0

    both.run(body)


PROFILES = {
    "endpoint_url = http://169.254.169.254\n": "endpoint_url",
    "services = mine\n[services mine]\nbedrock_runtime =\n  endpoint_url = http://169.254.169.254\n": "bedrock_runtime",
}


@pytest.mark.parametrize("text", PROFILES)
def test_an_endpoint_in_the_aws_profile_is_refused(both, against, faults, monkeypatch, tmp_path, text):
    (tmp_path / "config").write_text(f"[default]\n{text}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    async def body():
        async with against(session=None) as (gateway, _):
            with pytest.raises(ConfigError, match=PROFILES[text]):
                await gateway.converse("x")
            assert faults.connections == 0

    both.run(body)


def test_an_override_that_says_what_is_declared_is_none(both, against, faults, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", faults.endpoint)

    async def body():
        faults.answer(server.reply(server.CONVERSED))
        async with against() as (gateway, _):
            assert (await gateway.converse("x")).text

    both.run(body)


def test_no_credentials_is_an_error_and_no_fallback(both, against, faults):
    async def body():
        async with against(session=None) as (gateway, events):
            with pytest.raises(ConfigError, match="no AWS credentials"):
                await gateway.converse("x")
            assert [(one.outcome, one.attempts) for one in events] == [("failed", 0)]
            assert faults.connections == 0

    both.run(body)


def test_an_expired_sign_in_is_an_error_that_says_to_sign_in(both, against, faults, monkeypatch, tmp_path):
    profile = "[default]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = 123456789012\nsso_role_name = x\n"
    (tmp_path / "config").write_text(profile)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))

    async def body():
        async with against(session=None) as (gateway, _):
            with pytest.raises(ConfigError, match="sign in again"):
                await gateway.converse("x")
            assert faults.connections == 0

    both.run(body)


def test_expired_credentials_are_said_to_be_so(both, against, faults):
    async def body():
        faults.answer(
            server.error("ExpiredTokenException", 403, "The security token included in the request is expired")
        )
        async with against() as (gateway, _):
            with pytest.raises(AccessDeniedError, match="expired: sign in again"):
                await gateway.converse("x")
            assert len(faults.requests) == 1

    both.run(body)


def test_a_session_for_another_region_is_refused(both, against, faults):
    session = both.session("AKIAIOSFODNN7EXAMPLE", "x")
    core = getattr(session, "_session", session)
    core.set_config_variable("region", "eu-west-1")

    async def body():
        async with against(session=session) as (gateway, _):
            with pytest.raises(ConfigError, match=r"eu-west-1.*us-east-1"):
                await gateway.converse("x")
            assert faults.connections == 0

    both.run(body)


def test_a_bearer_token_that_is_declared_must_be_there_and_makes_no_knowledge_bases(both, against, faults, monkeypatch):
    async def body():
        async with against(changed={"auth": "bearer"}) as (gateway, _):
            with pytest.raises(ConfigError, match="is not set"):
                await gateway.converse("x")
            monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-x")
            with pytest.raises(ConfigError, match="knowledge bases"):
                await gateway.retrieve("x", knowledge_base="handbook")
        assert faults.connections == 0

    both.run(body)


ENDPOINTS = [
    "http://169.254.169.254", "http://example.com", "https://example.com", "http://127.0.0.1.example.com", "http://localhost:80",
    "http://u:p@127.0.0.1", "http://0.0.0.0:80", "http://127.0.0.1:80/path", "ftp://127.0.0.1", "//127.0.0.1", "",
]  # fmt: skip


@pytest.mark.parametrize("url", ENDPOINTS)
def test_plain_http_goes_to_a_loopback_address_only(url):
    sys.modules["faultserver"]
    principals = {"app": {"capabilities": ["converse"], "models": ["us.amazon.nova-lite-v1:0"]}}
    base = {"application": "x", "account": "123456789012", "region": "us-east-1", "principals": principals}
    with pytest.raises(ConfigError):
        GatewayConfig(**base, local=True, endpoint=url)


@pytest.mark.parametrize("kind", [Gateway, AsyncGateway])
@pytest.mark.parametrize("config", [None, 5, "gateway.toml", {"region": "us-east-1"}])
def test_what_is_no_configuration_is_refused(kind, config):
    with pytest.raises(ConfigError, match="GatewayConfig"):
        kind(config)


@pytest.mark.parametrize(
    "timeouts", [5, "x", Timeouts(total=-1), Timeouts(idle=0), Timeouts(connect=math.nan), Timeouts(first_byte="1")]
)
def test_what_is_no_deadline_is_refused(both, against, timeouts):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(ConfigError, match="timeouts"):
                gateway.with_options(timeouts=timeouts)

    both.run(body)


def test_async_without_its_extra_says_which_one(monkeypatch):
    import asyncio

    for name in ("aiobotocore", "aiobotocore.config", "aiobotocore.session"):
        monkeypatch.setitem(sys.modules, name, None)
    principals = {"app": {"capabilities": ["converse"], "models": ["us.amazon.nova-lite-v1:0"]}}
    config = GatewayConfig(application="x", account="123456789012", region="us-east-1", principals=principals)
    with pytest.raises(MissingExtraError, match=r"bedrock-gateway\[async\]") as raised:
        asyncio.run(AsyncGateway(config, observers=[]).converse("x"))
    assert isinstance(raised.value, ImportError)


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20) | some.binary(max_size=20),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
OPTIONS = [
    (method, given, option) for method, given, option, _ in CASES if method not in {"wait_for_ingestion", "preflight"}
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=some.sampled_from(OPTIONS), value=anything)
def test_whatever_is_handed_over_only_our_errors_come_back(both, against, faults, which, value):
    method, arguments, option = which

    async def body():
        async with against(principal_of(method)) as (gateway, _):
            try:
                await attempt(gateway, method, arguments, option, value)
            except GatewayError:
                return
            assert faults.requests

    faults.answer(server.reply(server.CONVERSED | {"retrievalResults": []}))
    both.run(body)
