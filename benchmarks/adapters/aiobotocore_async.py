"""aiobotocore, as it comes, with a pool that is large enough."""

from __future__ import annotations

import json
from typing import Any

from question import BODY, CONNECTIONS, INFERENCE, MESSAGES, MODEL, REGION

ENVIRONMENT = "botocore"
DISTRIBUTIONS = ("aiobotocore", "botocore", "aiohttp")


class Peer:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.client: Any = None

    async def open(self) -> None:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        config = AioConfig(max_pool_connections=CONNECTIONS)
        made = get_session().create_client(
            "bedrock-runtime", region_name=REGION, endpoint_url=self.endpoint, config=config
        )
        self.client = await made.__aenter__()

    async def call(self) -> int:
        reply = await self.client.converse(modelId=MODEL, messages=MESSAGES, inferenceConfig=INFERENCE)
        return len(reply["output"]["message"]["content"][0]["text"]) + reply["usage"]["outputTokens"]

    async def stream(self) -> int:
        reply = await self.client.converse_stream(modelId=MODEL, messages=MESSAGES, inferenceConfig=INFERENCE)
        events = 0
        async for event in reply["stream"]:
            if (delta := event.get("contentBlockDelta")) and delta["delta"].get("text"):
                events += 1
        return events

    async def hold(self) -> Any:
        reply = await self.client.converse_stream(modelId=MODEL, messages=MESSAGES, inferenceConfig=INFERENCE)
        events = aiter(reply["stream"])
        await anext(events)
        return reply, events

    async def invoke(self) -> int:
        reply = await self.client.invoke_model(modelId=MODEL, body=json.dumps(BODY))
        return len(json.loads(await reply["body"].read())["content"][0]["text"])

    async def invoke_stream(self) -> int:
        reply = await self.client.invoke_model_with_response_stream(modelId=MODEL, body=json.dumps(BODY))
        events = 0
        async for event in reply["body"]:
            if json.loads(event["chunk"]["bytes"]).get("delta", {}).get("text"):
                events += 1
        return events
