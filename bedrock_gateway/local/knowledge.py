"""The local Bedrock: the knowledge bases of bedrock-agent."""

from __future__ import annotations

from bedrock_gateway.local.call import Handlers

HANDLERS: Handlers = {}
