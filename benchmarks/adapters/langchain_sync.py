"""langchain-aws, ChatBedrockConverse, sync."""

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

    def call(self) -> int:
        reply = self.model.invoke(PROMPT)
        return len(reply.text) + reply.usage_metadata["output_tokens"]

    def stream(self) -> int:
        return sum(bool(piece.text) for piece in self.model.stream(PROMPT))
