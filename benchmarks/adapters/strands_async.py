"""strands-agents, BedrockModel, below its agent loop: it knows streams alone."""

from __future__ import annotations

from typing import Any

from question import MESSAGES, MODEL, REGION

ENVIRONMENT = "strands"
REQUIREMENTS = ("strands-agents",)
DISTRIBUTIONS = ("strands-agents", "boto3")


class Peer:
    def __init__(self, endpoint: str) -> None:
        from strands.models import BedrockModel

        common: dict[str, Any] = {"region_name": REGION, "endpoint_url": endpoint}
        self.streaming: Any = BedrockModel(**common, model_id=MODEL, max_tokens=512, temperature=0.2)
        self.whole: Any = BedrockModel(**common, model_id=MODEL, max_tokens=512, temperature=0.2, streaming=False)

    async def call(self) -> int:
        length = 0
        async for event in self.whole.stream(MESSAGES):
            if delta := event.get("contentBlockDelta"):
                length += len(delta["delta"].get("text", ""))
        return length

    async def stream(self) -> int:
        events = 0
        async for event in self.streaming.stream(MESSAGES):
            if (delta := event.get("contentBlockDelta")) and delta["delta"].get("text"):
                events += 1
        return events
