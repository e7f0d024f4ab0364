"""What every adapter asks."""

from __future__ import annotations

from typing import Any

REGION = "us-east-2"
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROMPT = "Summarise our leave policy. " * 20
MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": [{"text": PROMPT}]}]
INFERENCE: dict[str, Any] = {"maxTokens": 512, "temperature": 0.2}
BODY: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 512,
    "temperature": 0.2,
    "messages": [{"role": "user", "content": PROMPT}],
}
CONNECTIONS = 2000
"""More than any measure opens at once: no peer waits for its own pool."""
