"""aws-sdk-bedrock-runtime, AWS's own async client for Python."""

from __future__ import annotations

from typing import Any

from question import MODEL, PROMPT, REGION

ENVIRONMENT = "smithy"
REQUIREMENTS = ("aws-sdk-bedrock-runtime",)
DISTRIBUTIONS = ("aws-sdk-bedrock-runtime", "smithy-http", "aiohttp")


class Peer:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.client: Any = None

    async def open(self) -> None:
        from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
        from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig

        self.client = AsyncBedrockRuntimeClient(
            config=await AsyncBedrockRuntimeConfig.resolve(endpoint_uri=self.endpoint, region=REGION)
        )

    @staticmethod
    def members() -> dict[str, Any]:
        from aws_sdk_bedrock_runtime import models

        content: Any = models.ContentBlockText(value=PROMPT)
        return {
            "model_id": MODEL,
            "messages": [models.Message(role="user", content=[content])],
            "inference_config": models.InferenceConfiguration(max_tokens=512, temperature=0.2),
        }

    async def call(self) -> int:
        from aws_sdk_bedrock_runtime.models import ConverseInput

        reply = await self.client.converse(ConverseInput(**self.members()))
        return len(reply.output.value.content[0].value) + reply.usage.output_tokens

    async def stream(self) -> int:
        from aws_sdk_bedrock_runtime.models import ConverseStreamInput, ConverseStreamOutputContentBlockDelta

        reply = await self.client.converse_stream(ConverseStreamInput(**self.members()))
        events = 0
        async for event in reply.output_stream:
            if isinstance(event, ConverseStreamOutputContentBlockDelta) and event.value.delta.value:
                events += 1
        return events
