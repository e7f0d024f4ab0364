"""Gateway: rules applied, one JSON line logged a call, retries, breaker and deadlines on."""

# ruff: noqa: SLF001 - the driver is taken off to measure what is above it
from __future__ import annotations

from typing import Any

from question import BODY, MODEL, PROMPT, REGION

ENVIRONMENT = "botocore"
DISTRIBUTIONS = ("bedrock-gateway", "boto3", "botocore", "orjson", "structlog", "urllib3")


def config(endpoint: str) -> Any:
    """One principal that may do what is measured. No guardrail: all peers send the same request."""
    from bedrock_gateway import GatewayConfig

    return GatewayConfig(
        application="benchmark",
        account="123456789012",
        region=REGION,
        local=True,
        endpoint=endpoint,
        principals={
            "app": {"capabilities": ["converse", "converse-stream", "invoke", "invoke-stream"], "models": [MODEL]}
        },
    )


class Peer:
    def __init__(self, endpoint: str) -> None:
        from bedrock_gateway import Gateway

        self.gateway = Gateway(config(endpoint))

    def call(self) -> int:
        reply = self.gateway.converse(PROMPT, max_tokens=512, temperature=0.2)
        assert reply.usage is not None
        return len(reply.text) + (reply.usage.output_tokens or 0)

    def stream(self) -> int:
        events = 0
        with self.gateway.converse_stream(PROMPT, max_tokens=512, temperature=0.2) as stream:
            for _ in stream.text_stream:
                events += 1
        return events

    def invoke(self) -> int:
        return len(self.gateway.invoke_model(BODY).text)

    def invoke_stream(self) -> int:
        events = 0
        with self.gateway.invoke_model_stream(BODY) as stream:
            for _ in stream.text_stream:
                events += 1
        return events

    def governance(self, n: int) -> None:
        """What is ours in *n* calls: the request is made, judged, retried, reported, logged; nothing is sent."""
        from bedrock_gateway._commands import Send

        self.call()
        # What the driver hands to the flow, kept once and handed over again without a driver.
        kept: dict[str, Any] = {}
        perform = self.gateway._perform

        def keep(command: Any) -> Any:
            found = perform(command)
            if isinstance(command, Send):
                kept.update(found)
            return found

        self.gateway._perform = keep
        self.call()
        self.gateway._perform = lambda _command: dict(kept)
        try:
            for _ in range(n):
                self.call()
        finally:
            self.gateway._perform = perform
