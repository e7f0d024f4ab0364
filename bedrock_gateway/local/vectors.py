"""The local Bedrock: QueryVectors and access to the indexes that moto holds."""

from __future__ import annotations

from bedrock_gateway.local.call import Handlers

HANDLERS: Handlers = {}
