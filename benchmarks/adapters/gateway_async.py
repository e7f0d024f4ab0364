"""AsyncGateway: rules applied, one JSON line logged a call, retries, breaker and deadlines on."""

# ruff: noqa: SLF001 - the pool is as large as that of the raw client
from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

from question import BODY, CONNECTIONS, PROMPT

ENVIRONMENT = "botocore"
DISTRIBUTIONS = ("bedrock-gateway", "aiobotocore", "botocore", "aiohttp", "orjson", "structlog")

_sync = importlib.util.spec_from_file_location("gateway_sync", Path(__file__).with_name("gateway_sync.py"))
assert _sync is not None
assert _sync.loader is not None
_configured = importlib.util.module_from_spec(_sync)
_sync.loader.exec_module(_configured)


class Peer:
    def __init__(self, endpoint: str) -> None:
        from bedrock_gateway import AsyncGateway
        from bedrock_gateway._drive import AsyncPerform

        config = _configured.config(endpoint)
        if "max_connections" in inspect.signature(AsyncGateway).parameters:
            self.gateway = AsyncGateway(config, max_connections=CONNECTIONS)
        else:
            self.gateway = AsyncGateway(config)
            self.gateway._perform = AsyncPerform(config, max_connections=CONNECTIONS)

    async def call(self) -> int:
        reply = await self.gateway.converse(PROMPT, max_tokens=512, temperature=0.2)
        assert reply.usage is not None
        return len(reply.text) + (reply.usage.output_tokens or 0)

    async def stream(self) -> int:
        events = 0
        async with self.gateway.converse_stream(PROMPT, max_tokens=512, temperature=0.2) as stream:
            async for _ in stream.text_stream:
                events += 1
        return events

    async def hold(self) -> Any:
        stream = await self.gateway.converse_stream(PROMPT, max_tokens=512, temperature=0.2).__aenter__()
        await anext(aiter(stream))
        return stream

    async def invoke(self) -> int:
        return len((await self.gateway.invoke_model(BODY)).text)

    async def invoke_stream(self) -> int:
        events = 0
        async with self.gateway.invoke_model_stream(BODY) as stream:
            async for _ in stream.text_stream:
                events += 1
        return events
