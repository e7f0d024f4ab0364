"""Many calls at once, one client, one event loop."""

import asyncio

from bedrock_gateway import AsyncGateway

QUESTIONS = ("What is a Region?", "What is an Availability Zone?", "What is a VPC?")


async def main() -> None:
    async with AsyncGateway.from_file("gateway.toml", principal="app") as gateway:
        replies = await asyncio.gather(*(gateway.converse(question, max_tokens=100) for question in QUESTIONS))
        for question, reply in zip(QUESTIONS, replies, strict=True):
            print(question, reply.text)


asyncio.run(main())
