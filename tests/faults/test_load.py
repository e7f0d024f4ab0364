"""Much at once: memory, and how long the event loop stands still."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import tracemalloc

import pytest

from . import wire
from .driving import Driver

LAG_SECONDS = 0.05
COLLECTED_SECONDS = 0.4
"""With so many events kept for `result`, Python's collector alone takes long to look at them all."""


class Lag:
    """How much CPU the loop's thread took, at most, between two turns of a task that is always ready.

    CPU, not time: a machine that is busy with something else is no loop that stands still.
    """

    async def __aenter__(self):
        self.most, self._task = 0.0, asyncio.create_task(self._watch())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self._task.cancel()

    async def _watch(self):
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            self.most = max(self.most, time.thread_time() - before)


@pytest.mark.parametrize("events", [5_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_f27_many_tiny_events_are_given_one_by_one_without_stopping_the_loop(server, events):
    pytest.importorskip("aiobotocore")
    piece = wire.chunk(wire.delta("x"))
    batch = piece * 500
    script = [wire.stream(wire.START, end=b""), *[batch] * (events // 500)]
    script.append(wire.chunk(wire.STOP) + wire.chunk(wire.METADATA) + wire.END)

    async def body():
        server.answer([wire.CONVERSE])
        async with Driver("async").open(server.port) as opened:
            await opened.gateway.converse("Hello")  # builds the client
            server.answer(script)
            gc.collect()
            gc.freeze()  # the collector need not look at AWS's models again
            async with Lag() as lag, opened.gateway.converse_stream("Hello") as stream:
                count = 0
                async for event in stream:
                    count += type(event).__name__ == "TextDelta"
                    if count % 100 == 0:
                        await asyncio.sleep(0)  # as a caller who does something with an event
            gc.unfreeze()
            assert count == events
            assert lag.most < (LAG_SECONDS if events < 10_000 else COLLECTED_SECONDS)

    asyncio.run(body())


def test_f27_a_large_answer_is_held_no_more_than_twice(server, drive):
    text = "x" * (8 * 1024 * 1024)
    answer = {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn"}
    data = wire.document(200, answer)

    async def body():
        server.answer([wire.CONVERSE])
        async with drive.open(server.port) as opened:
            await opened.gateway.converse("Hello")
            server.answer([data])
            tracemalloc.start()
            reply = await opened.gateway.converse("Hello")
            held, _ = tracemalloc.get_traced_memory()  # at its peak orjson reserves, and does not touch, much more
            tracemalloc.stop()
            assert reply.text == text
            assert held < 2.5 * len(data)

    drive.run(body)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # aiohttp's, of any body over 1 MiB
def test_f27_a_large_request_goes_out_whole(server, drive):
    prompt = "y" * (10 * 1024 * 1024)

    async def body():
        server.answer([wire.CONVERSE])
        async with drive.open(server.port) as opened:
            await opened.gateway.converse(prompt)
            [request] = server.requests
            assert json.loads(request.body)["messages"][0]["content"][0]["text"] == prompt

    drive.run(body)
