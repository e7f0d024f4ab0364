"""A client that other code uses, under the gateway's rules: LangChain, Strands and the like need no change."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager

import pytest

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
