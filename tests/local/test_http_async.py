"""aiobotocore and aioboto3 over HTTP, each where it is installed: the two cannot be installed together in all versions."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

NOVA, HAIKU = "amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"


def session_of(stack: str) -> Any:
    if stack == "aioboto3":
        return pytest.importorskip("aioboto3", reason="needs the extra aioboto3").Session()
    return pytest.importorskip("aiobotocore.session", reason="needs the extra async").get_session()


@pytest.fixture(params=["aiobotocore", "aioboto3"])
def run(served, request) -> Callable[..., Any]:
    """Run a coroutine function that is given a maker of clients."""
    session = session_of(request.param)
    make = session.client if request.param == "aioboto3" else session.create_client

    @asynccontextmanager
    async def client(service: str, credentials: Any = None) -> AsyncIterator[Any]:
        async with make(service, **served.keywords(credentials)) as made:
            yield made

    def runner(work: Callable[[Any], Awaitable[Any]]) -> Any:
        return asyncio.run(work(client))

    return runner


def test_calls_and_streams(served, run):
    async def work(client: Any) -> tuple[Any, ...]:
        async with client("bedrock-runtime") as runtime:
            reply = await runtime.converse(modelId=NOVA, messages=served.said("Hello"))
            stream = await runtime.converse_stream(modelId=NOVA, messages=served.said("one two"))
            events = [event async for event in stream["stream"]]
            invoked = await runtime.invoke_model(modelId=HAIKU, body=served.claude())
            body = json.loads(await invoked["body"].read())
            chunks = await runtime.invoke_model_with_response_stream(modelId=HAIKU, body=served.claude())
            rows = [json.loads(event["chunk"]["bytes"]) async for event in chunks["body"]]
            return reply, events, body, rows

    reply, events, body, rows = run(work)
    assert reply["output"]["message"]["content"] == [{"text": "[local echo] Hello"}]
    said = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
    assert (said, list(events[-1])) == ("[local echo] one two", ["metadata"])
    assert body["content"][0]["text"] == "[local echo] Hello"
    assert rows[-1]["type"] == "message_stop"


def test_many_calls_at_once_get_each_their_own_answer(served, run):
    async def work(client: Any) -> list[Any]:
        async with client("bedrock-runtime") as runtime:
            calls = [runtime.converse(modelId=NOVA, messages=served.said(f"number {n}.")) for n in range(40)]
            return await asyncio.gather(*calls)

    for number, reply in enumerate(run(work)):
        assert reply["output"]["message"]["content"][0]["text"].endswith(f"number {number}.")


def test_listings_page_and_objects_travel(run):
    async def work(client: Any) -> tuple[Any, ...]:
        async with client("bedrock") as bedrock:
            pages = bedrock.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 9})
            sizes = [len(page["inferenceProfileSummaries"]) async for page in pages]
        async with client("s3") as s3:
            await s3.create_bucket(Bucket="from-async")
            await s3.put_object(Bucket="from-async", Key="a b", Body=b"hello")
            found = await s3.get_object(Bucket="from-async", Key="a b")
            content = await found["Body"].read()
            listed = s3.get_paginator("list_objects_v2").paginate(Bucket="from-async")
            return sizes, content, [row["Key"] async for page in listed for row in page["Contents"]]

    sizes, content, names = run(work)
    assert max(sizes) <= 9 < sum(sizes)
    assert (content, names) == (b"hello", ["a b"])


def test_a_denial_is_the_services_own(served, run, request):
    key = served.user(f"async-{request.node.callspec.id}")

    async def work(client: Any) -> list[Any]:
        outcomes = []
        for service, operation in (
            ("bedrock", "list_foundation_models"),
            ("s3", "list_buckets"),
            ("iam", "list_roles"),
        ):
            async with client(service, key) as one:
                with pytest.raises(ClientError) as caught:
                    await getattr(one, operation)()
                error = caught.value.response
                outcomes.append((error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]))
        return outcomes

    assert run(work) == [("AccessDeniedException", 403), ("AccessDenied", 403), ("AccessDenied", 403)]
