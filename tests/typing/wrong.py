"""What a checker must refuse: each line that ends in a mark, and no other."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from bedrock_gateway import AsyncGateway, Gateway, GatewayConfig, IngestionJob, ServiceError, Timeouts


class Leave(BaseModel):
    days: int


def making(config: GatewayConfig) -> None:
    Gateway()  # wrong
    Gateway("gateway.toml")  # wrong
    Gateway(config, "app")  # wrong
    Gateway(config, max_connections="many")  # wrong
    Gateway(config, rules=[print])  # wrong
    Timeouts(total="1")  # wrong
    Gateway(config).with_options(timeout=5)  # wrong


def calling(gateway: Gateway) -> None:
    gateway.converse()  # wrong
    gateway.converse(5)  # wrong
    gateway.converse("Hello", "us.amazon.nova-lite-v1:0")  # wrong
    gateway.converse("Hello", max_tokens="300")  # wrong
    gateway.converse("Hello", stop_sequences=5)  # wrong
    gateway.converse("Hello", output=int)  # wrong
    gateway.converse("Hello", output=Leave(days=3))  # wrong
    gateway.converse("Hello", output=Leave, output_retries="1")  # wrong
    gateway.converse("Hello", output=Leave).parsed.days  # wrong
    gateway.converse("Hello", output=Leave).parsed.weeks  # wrong
    gateway.converse("Hello").texts  # wrong
    gateway.embed(["a"], dimensions="256")  # wrong
    gateway.rerank("q", "a", results=1.5)  # wrong
    gateway.retrieve("q")  # wrong
    gateway.retrieve("q", knowledge_base=5)  # wrong
    gateway.start_ingestion("handbook", data_source=5)  # wrong
    gateway.get_ingestion("J")  # wrong
    gateway.invoke_model({"a": 1}, family=5)  # wrong


def streaming(gateway: Gateway) -> None:
    for _ in gateway.converse_stream("Hello"):
        pass
    for event in gateway.converse_stream("Hello"):
        print(event.text)  # wrong
    gateway.converse_stream("Hello").result().texts  # wrong
    async_result: int = gateway.converse_stream("Hello").result()  # wrong


async def waiting(gateway: AsyncGateway) -> None:
    gateway.converse("Hello").text  # wrong
    with gateway.converse_stream("Hello"):  # wrong
        pass
    async with gateway.converse_stream("Hello") as stream:
        for _ in stream:  # wrong
            pass
        stream.result().text  # wrong
    asyncio.create_task(gateway.converse_stream("Hello"))  # wrong
    await gateway.wait_for_ingestion("J")  # wrong


def reading(error: ServiceError, job: IngestionJob) -> None:
    error.missing  # wrong
    job.status = "COMPLETE"  # wrong
