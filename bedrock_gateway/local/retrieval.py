"""The local Bedrock: bedrock-agent-runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedrock_gateway.local.call import Handlers

HANDLERS: Handlers = {}
