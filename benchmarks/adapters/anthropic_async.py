"""anthropic[bedrock], AsyncAnthropicBedrock: InvokeModel, typed objects."""

from __future__ import annotations

from typing import Any

from question import MODEL, PROMPT, REGION

ENVIRONMENT = "anthropic"
REQUIREMENTS = ("anthropic[bedrock]",)
DISTRIBUTIONS = ("anthropic", "botocore")
MESSAGES: Any = [{"role": "user", "content": PROMPT}]


class Peer:
    def __init__(self, endpoint: str) -> None:
        from anthropic import AsyncAnthropicBedrock

        self.client: Any = AsyncAnthropicBedrock(aws_region=REGION, base_url=endpoint)

    async def call(self) -> int:
        reply = await self.client.messages.create(model=MODEL, max_tokens=512, messages=MESSAGES)
        return len(reply.content[0].text) + reply.usage.output_tokens

    async def stream(self) -> int:
        events = 0
        made = await self.client.messages.create(model=MODEL, max_tokens=512, messages=MESSAGES, stream=True)
        async for event in made:
            if event.type == "content_block_delta" and event.delta.text:
                events += 1
        return events
