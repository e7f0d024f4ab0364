"""pydantic-ai, BedrockConverseModel, below its agents."""

from __future__ import annotations

from typing import Any

from question import MODEL, PROMPT, REGION

ENVIRONMENT = "pydantic-ai"
REQUIREMENTS = ("pydantic-ai-slim[bedrock]",)
DISTRIBUTIONS = ("pydantic-ai-slim", "boto3")
SETTINGS: Any = {"max_tokens": 512, "temperature": 0.2}


class Peer:
    def __init__(self, endpoint: str) -> None:
        from pydantic_ai.messages import ModelRequest
        from pydantic_ai.models.bedrock import BedrockConverseModel
        from pydantic_ai.providers.bedrock import BedrockProvider

        self.model: Any = BedrockConverseModel(MODEL, provider=BedrockProvider(region_name=REGION, base_url=endpoint))
        self.messages = [ModelRequest.user_text_prompt(PROMPT)]

    async def call(self) -> int:
        from pydantic_ai.direct import model_request

        reply = await model_request(self.model, self.messages, model_settings=SETTINGS)
        return len(reply.text or "") + reply.usage.output_tokens

    async def stream(self) -> int:
        from pydantic_ai.direct import model_request_stream
        from pydantic_ai.messages import PartDeltaEvent, PartStartEvent

        events = 0
        async with model_request_stream(self.model, self.messages, model_settings=SETTINGS) as stream:
            async for event in stream:
                if isinstance(event, PartDeltaEvent) or (isinstance(event, PartStartEvent) and event.part.content):
                    events += 1
        return events
