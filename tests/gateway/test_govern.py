"""A client that other code uses, under the gateway's rules: LangChain, Strands and the like need no change."""

from __future__ import annotations

import base64
import gc
import json
import sys
from contextlib import asynccontextmanager

import pytest
from botocore.exceptions import ParamValidationError

from bedrock_gateway import ConfigError, GovernanceError

server = sys.modules["faultserver"]
MODEL = "us.amazon.nova-lite-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


class Awaited:
    """A boto3 client that is awaited."""

    def __init__(self, client) -> None:
        self.client = client

    def __getattr__(self, name):
        method = getattr(self.client, name)

        async def call(**params):
            return method(**params)

        return call


@pytest.fixture
def governed(both, against, faults):
    """A gateway, and somebody else's client governed by it."""

    @asynccontextmanager
    async def make(service="bedrock-runtime", *, url=None, region="us-east-1", **options):
        from botocore.config import Config

        async with against(**options) as (gateway, events):
            given = {
                "region_name": region,
                "endpoint_url": url or faults.endpoint,
                "config": Config(retries={"total_max_attempts": 1}, read_timeout=2),
            }
            if both.name == "aiobotocore":
                async with both.example().create_client(service, **given) as client:
                    yield gateway.govern(client), events
            elif both.name == "aioboto3":
                async with both.example().client(service, **given) as client:
                    yield gateway.govern(client), events
            else:
                client = both.example().client(service, **given)
                assert gateway.inner.govern(client) is client
                yield Awaited(client), events
                # What a bare client leaves to the collector: connections of errors and of streams that were not closed.
                pools = client._endpoint.http_session._manager.pools
                for key in pools.keys():  # noqa: SIM118 - no mapping: it has no iterator
                    pools[key].close()
                client.close()
        faults.drop()

    return make


async def events_of(both, stream):
    return [one async for one in stream] if both.is_async else list(stream)


def test_a_declared_call_goes_through_and_is_reported_once(both, governed, faults):
    async def body():
        faults.answer(server.reply(server.CONVERSED))
        async with governed() as (client, events):
            reply = await client.converse(modelId=MODEL, messages=MESSAGES)
            assert reply["output"]["message"]["content"][0]["text"] == "Hello"
            [event] = events
            assert (event.operation, event.outcome, event.capability, event.model_id) == (
                "Converse",
                "ok",
                "converse",
                MODEL,
            )
            assert (event.attempts, event.output_tokens) == (1, 1)
            assert event.request_id

    both.run(body)


REFUSED = {
    "a model": ("bedrock-runtime", "converse", {"modelId": "amazon.nova-micro-v1:0", "messages": MESSAGES}),
    "a capability": (
        "bedrock-runtime",
        "count_tokens",
        {"modelId": MODEL, "input": {"converse": {"messages": MESSAGES}}},
    ),
    "an operation": ("bedrock-runtime", "list_async_invokes", {}),
    "a knowledge base": (
        "bedrock-agent-runtime",
        "retrieve",
        {"knowledgeBaseId": "KB00000000", "retrievalQuery": {"text": "x"}},
    ),
    "a model in a configuration": (
        "bedrock-agent-runtime",
        "retrieve_and_generate",
        {
            "input": {"text": "x"},
            "retrieveAndGenerateConfiguration": {
                "type": "KNOWLEDGE_BASE",
                "knowledgeBaseConfiguration": {
                    "knowledgeBaseId": "KB12345678",
                    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0",
                },
            },
        },
    ),
    "a guardrail": (
        "bedrock-runtime",
        "converse",
        {
            "modelId": MODEL,
            "messages": MESSAGES,
            "guardrailConfig": {"guardrailIdentifier": "x1", "guardrailVersion": "1"},
        },
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_declared_is_refused_out_of_their_call_and_not_sent(both, governed, faults, what):
    service, method, params = REFUSED[what]

    async def body():
        async with governed(service) as (client, events):
            with pytest.raises(GovernanceError):
                await getattr(client, method)(**params)
            assert [(one.outcome, one.attempts) for one in events] == [("denied", 0)]
            assert faults.connections == 0

    both.run(body)


def test_the_declared_guardrail_is_put_on_their_call(both, governed, faults):
    async def body():
        faults.answer(server.reply(server.CONVERSED))
        async with governed(changed={"guardrail": {"id": "abcdefghij12", "version": "3"}}) as (client, _):
            await client.converse(modelId=MODEL, messages=MESSAGES)
            sent = faults.requests[0].json["guardrailConfig"]
            assert sent == {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"}

    both.run(body)


def test_their_own_client_in_another_region_is_refused(both, governed, faults):
    async def body():
        async with governed(region="eu-west-1") as (client, _):
            with pytest.raises(GovernanceError, match="Region"):
                await client.converse(modelId=MODEL, messages=MESSAGES)
            assert faults.connections == 0

    both.run(body)


def test_a_stream_is_reported_when_it_ends(both, governed, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a", "b")))
        async with governed() as (client, events):
            reply = await client.converse_stream(modelId=MODEL, messages=MESSAGES)
            assert not events
            found = await events_of(both, reply["stream"])
            assert [one["contentBlockDelta"]["delta"]["text"] for one in found if "contentBlockDelta" in one] == [
                "a",
                "b",
            ]
            [event] = events
            assert (event.operation, event.outcome, event.output_tokens) == ("ConverseStream", "ok", 2)
            assert event.first_token_seconds is not None

    both.run(body)


def test_a_stream_that_fails_or_is_left_is_reported_as_such(both, governed, faults):
    async def body():
        failure = server.frame("throttlingException", {"message": "no"}, "exception")
        faults.answer(server.streamed([*server.conversation("a")[:2], failure]))
        async with governed() as (client, events):
            reply = await client.converse_stream(modelId=MODEL, messages=MESSAGES)
            with pytest.raises(Exception, match="throttling"):
                await events_of(both, reply["stream"])
            reply["stream"].close()  # botocore leaves it open
            faults.answer(server.streamed(server.conversation("a")))
            reply = await client.converse_stream(modelId=MODEL, messages=MESSAGES)
            reply["stream"].close()
            assert [one.outcome for one in events] == ["interrupted", "abandoned"]

    both.run(body)


@pytest.mark.parametrize(
    ("fault", "outcome", "code"),
    [
        (server.error("AccessDeniedException", 403), "denied", "AccessDeniedException"),
        (server.error("ThrottlingException", 429), "failed", "ThrottlingException"),
        (server.reset, "failed", None),
    ],
)
def test_their_own_exceptions_come_as_ever_and_are_reported(both, governed, faults, fault, outcome, code):
    async def body():
        faults.answer(fault)
        async with governed() as (client, events):
            with pytest.raises(Exception) as raised:
                await client.converse(modelId=MODEL, messages=MESSAGES)
            assert type(raised.value).__module__.startswith("botocore")
            [event] = events
            assert event.outcome == outcome
            assert code is None or event.error_code == code

    both.run(body)


def test_what_is_no_client_or_sends_elsewhere_is_refused(both, governed, against):
    async def body():
        async with against() as (gateway, _):
            inner = getattr(gateway, "inner", gateway)
            for wrong in (None, 5, "client"):
                with pytest.raises(ConfigError, match="client"):
                    inner.govern(wrong)
        with pytest.raises(ConfigError, match="does not declare"):
            async with governed(url="http://127.0.0.1:9"):
                pass

    both.run(body)


def test_parameters_that_botocore_refuses_are_a_call_that_was_not_sent(both, governed, faults):
    async def body():
        async with governed() as (client, events):
            with pytest.raises(Exception, match="Parameter validation failed"):
                await client.converse(modelId=MODEL, messages="Hello")
            gc.collect()
            assert [(one.outcome, one.error_code, one.attempts) for one in events] == [("failed", "NotSent", 0)]
            assert faults.connections == 0

    both.run(body)


def test_a_stream_that_ends_before_its_terminal_event_is_not_reported_as_whole(both, governed, faults):
    """botocore ends it as if nothing were missing; so does the governed client, but its event says so."""

    async def body():
        faults.answer(server.streamed(server.conversation("a", "b")[:3]))
        async with governed() as (client, events):
            reply = await client.converse_stream(modelId=MODEL, messages=MESSAGES)
            assert len(await events_of(both, reply["stream"])) == 3
            assert [(one.outcome, one.error_code) for one in events] == [("interrupted", "Truncated")]

    both.run(body)


@pytest.mark.parametrize("read", ["to its end", "in part"])
@pytest.mark.parametrize(("last", "outcome"), [({"stop_reason": None}, None), ({"stop_reason": "stop"}, "ok")])
def test_an_invoked_stream_is_whole_only_after_its_terminal_chunk(both, governed, faults, last, outcome, read):
    def chunk(value):
        return server.frame("chunk", {"bytes": base64.b64encode(json.dumps(value).encode()).decode()})

    async def body():
        faults.answer(
            server.streamed([chunk({"generation": "a", "stop_reason": None}), chunk({"generation": "b"} | last)])
        )
        async with governed() as (client, events):
            reply = await client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")
            if read == "to its end":
                await events_of(both, reply["body"])
            else:
                stepped = aiter(reply["body"]) if both.is_async else iter(reply["body"])
                for _ in range(2):
                    await anext(stepped) if both.is_async else next(stepped)
                closed = reply["body"].close()
                await closed if hasattr(closed, "__await__") else None
            [ended] = events
            assert ended.outcome == (outcome or {"to its end": "interrupted", "in part": "abandoned"}[read])

    both.run(body)


def test_each_page_is_a_call(both, governed, faults):
    page = {"retrievalResults": [{"content": {"text": "a"}}]}

    async def body():
        faults.answer(server.reply(page | {"nextToken": "t"}), server.reply(page))
        async with governed("bedrock-agent-runtime") as (client, events):
            pages = getattr(client, "client", client).get_paginator("retrieve")
            given = {"knowledgeBaseId": "KB12345678", "retrievalQuery": {"text": "hi"}}
            found = pages.paginate(**given)
            count = len([one async for one in found]) if both.is_async else len(list(found))
            assert count == len(faults.requests) == 2
            assert [one.outcome for one in events] == ["ok", "ok"]

    both.run(body)


@pytest.mark.parametrize("service", ["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"])
def test_no_operation_that_botocore_has_goes_out_unjudged(both, governed, faults, service):
    """Without parameters: what is judged before botocore looks at them is judged whatever they are."""

    async def body():
        refused = {}
        async with governed(service) as (client, _):
            bare = getattr(client, "client", client)
            named = bare.meta.method_to_api_mapping
            callable_ones = {
                method: one for method, one in named.items() if hasattr(bare, method)
            }  # no bidirectional streams
            for method, operation in callable_ones.items():
                try:
                    await getattr(client, method)()
                except (GovernanceError, ParamValidationError) as error:
                    refused[operation] = error
            assert set(refused) == set(callable_ones.values())
            assert len(set(bare.meta.service_model.operation_names) - set(refused)) <= 1
            assert faults.requests == []
        assert len(refused) > 5

    both.run(body)


def test_a_stream_that_nobody_reads_is_reported_when_it_is_dropped(both, governed, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a")))
        async with governed() as (client, events):
            reply = await client.converse_stream(modelId=MODEL, messages=MESSAGES)
            raw = reply["stream"]._inner
            del reply
            gc.collect()
            assert [(one.outcome, one.attempts) for one in events] == [("abandoned", 1)]
            raw.close()

    both.run(body)


def test_the_usage_of_an_invoked_stream_is_that_of_its_last_chunk(both, governed, faults):
    metrics = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 7, "outputTokenCount": 9}}

    def chunk(value):
        return server.frame("chunk", {"bytes": base64.b64encode(json.dumps(value).encode()).decode()})

    async def body():
        faults.answer(server.streamed([chunk({"completion": "a"}), chunk(metrics)]))
        async with governed() as (client, events):
            reply = await client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")
            await events_of(both, reply["body"])
            assert [(one.outcome, one.input_tokens, one.output_tokens) for one in events] == [("ok", 7, 9)]

    both.run(body)


def test_who_may_only_embed_may_not_chat_by_the_same_operation(both, governed, faults):
    titan = "amazon.titan-embed-text-v2:0"
    principals = {"app": {"capabilities": ["embed"], "models": [titan, MODEL]}}

    async def body():
        faults.answer(server.reply({"embedding": [0.5]}))
        async with governed(changed={"principals": principals}) as (client, events):
            await client.invoke_model(modelId=titan, body=b'{"inputText": "x"}')
            with pytest.raises(GovernanceError, match="capability 'invoke'"):
                await client.invoke_model(modelId=MODEL, body=b"{}")
            assert [(one.capability, one.outcome) for one in events] == [("embed", "ok"), ("invoke", "denied")]

    both.run(body)


def test_a_url_that_is_signed_for_later_is_judged_and_is_no_call(both, governed, faults):
    if both.is_async:
        pytest.skip("the same handler; aiobotocore awaits its signer elsewhere")

    async def body():
        async with governed() as (client, events):
            params = {"modelId": MODEL, "messages": MESSAGES}
            assert client.client.generate_presigned_url("converse", Params=params).startswith("http")
            with pytest.raises(GovernanceError):
                client.client.generate_presigned_url("converse", Params=params | {"modelId": "amazon.nova-micro-v1:0"})
            gc.collect()
            assert [one.outcome for one in events] == ["denied"]

    both.run(body)


def test_governed_twice_is_governed_once_and_by_another_principal_not_at_all(both, governed, against, faults):
    async def body():
        faults.answer(server.reply(server.CONVERSED))
        async with governed() as (client, events):
            bare = getattr(client, "client", client)
            async with against() as (same, _):
                getattr(same, "inner", same).govern(bare)
            async with against(principal="operator") as (other, _):
                with pytest.raises(ConfigError, match="principal 'app' already"):
                    getattr(other, "inner", other).govern(bare)
            await client.converse(modelId=MODEL, messages=MESSAGES)
            assert len(faults.requests) == 1
            assert len(events) <= 1

    both.run(body)


@pytest.mark.parametrize(
    "url",
    [
        "https://bedrock-runtime.us-east-1.amazonaws.com.evil.example",
        "https://bucket.s3.amazonaws.com",
        "https://bedrock-runtime.eu-west-1.amazonaws.com",
        "http://bedrock-runtime.us-east-1.amazonaws.com",
        "https://bedrock-mantle.us-east-1.api.aws",
    ],
)
def test_another_host_than_that_of_the_service_and_region_is_refused(both, governed, url):
    async def body():
        with pytest.raises(ConfigError, match="does not declare"):
            async with governed(url=url):
                pass

    both.run(body)


@pytest.mark.parametrize(
    "url", ["https://bedrock-runtime-fips.us-east-1.amazonaws.com", "https://bedrock-runtime.us-east-1.api.aws"]
)
def test_every_host_that_aws_has_for_the_service_is_taken(both, governed, url):
    async def body():
        async with governed(url=url) as (client, _):
            assert client

    both.run(body)


def test_a_client_of_another_service_is_refused(both, governed):
    async def body():
        with pytest.raises(ConfigError, match="not of s3"):
            async with governed("s3"):
                pass

    both.run(body)


def test_a_bearer_token_that_is_not_declared_is_refused(both, governed, monkeypatch):
    async def body():
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-example")
        with pytest.raises(ConfigError, match="AWS_BEARER_TOKEN_BEDROCK"):
            async with governed():
                pass

    both.run(body)
