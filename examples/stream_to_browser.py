"""Stream an answer over HTTP: `answer` is what Starlette's or FastAPI's StreamingResponse takes.

Where the browser goes away, the framework closes or cancels the generator; that ends the call and its connection.
"""

import asyncio
from contextlib import aclosing

from bedrock_gateway import AsyncGateway


async def answer(gateway, question):
    async with gateway.converse_stream(question, max_tokens=300) as stream:
        async for text in stream.text_stream:
            yield text


async def main():
    async with AsyncGateway.from_file("gateway.toml", principal="app") as gateway:
        async with aclosing(answer(gateway, "What is a Region?")) as pieces:
            async for text in pieces:
                print(text, end="", flush=True)
        async with aclosing(answer(gateway, "And an Availability Zone?")) as pieces:
            async for text in pieces:
                print("\nthe browser went away after", repr(text))
                break


asyncio.run(main())
