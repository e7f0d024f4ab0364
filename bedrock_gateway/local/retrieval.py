"""The local Bedrock: bedrock-agent-runtime."""

from __future__ import annotations

from bedrock_gateway.local.call import Handlers

HANDLERS: Handlers = {}
