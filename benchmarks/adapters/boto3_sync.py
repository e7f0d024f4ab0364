"""boto3, as it comes."""

from __future__ import annotations

import json
from typing import Any

from question import BODY, INFERENCE, MESSAGES, MODEL, REGION

ENVIRONMENT = "botocore"
DISTRIBUTIONS = ("boto3", "botocore")


class Peer:
    def __init__(self, endpoint: str) -> None:
        import boto3

        self.client: Any = boto3.client("bedrock-runtime", region_name=REGION, endpoint_url=endpoint)

    def call(self) -> int:
        reply = self.client.converse(modelId=MODEL, messages=MESSAGES, inferenceConfig=INFERENCE)
        return len(reply["output"]["message"]["content"][0]["text"]) + reply["usage"]["outputTokens"]

    def stream(self) -> int:
        reply = self.client.converse_stream(modelId=MODEL, messages=MESSAGES, inferenceConfig=INFERENCE)
        events = 0
        for event in reply["stream"]:
            if (delta := event.get("contentBlockDelta")) and delta["delta"].get("text"):
                events += 1
        return events

    def invoke(self) -> int:
        reply = self.client.invoke_model(modelId=MODEL, body=json.dumps(BODY))
        return len(json.loads(reply["body"].read())["content"][0]["text"])

    def invoke_stream(self) -> int:
        reply = self.client.invoke_model_with_response_stream(modelId=MODEL, body=json.dumps(BODY))
        events = 0
        for event in reply["body"]:
            if json.loads(event["chunk"]["bytes"]).get("delta", {}).get("text"):
                events += 1
        return events
