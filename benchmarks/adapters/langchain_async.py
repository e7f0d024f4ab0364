"""langchain-aws, ChatBedrockConverse, async."""

from __future__ import annotations

from typing import Any

from question import MODEL, PROMPT, REGION

ENVIRONMENT = "langchain"
REQUIREMENTS = ("langchain-aws",)
DISTRIBUTIONS = ("langchain-aws", "langchain-core", "boto3")


class Peer:
    def __init__(self, endpoint: str) -> None:
        from langchain_aws import ChatBedrockConverse

        self.model: Any = ChatBedrockConverse(
            model=MODEL, region_name=REGION, endpoint_url=endpoint, max_tokens=512, temperature=0.2
        )

    async def call(self) -> int:
        reply = await self.model.ainvoke(PROMPT)
        return len(reply.text) + reply.usage_metadata["output_tokens"]

    async def stream(self) -> int:
        events = 0
        async for piece in self.model.astream(PROMPT):
            events += bool(piece.text)
        return events
