"""Much at once: memory, and how long the event loop stands still."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import pickle
import time
import tracemalloc
from pathlib import Path

import pytest

from bedrock_gateway._commands import Send
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway._fold.converse import ConverseFold

from . import wire
from .driving import Driver

LAG_SECONDS = 0.05


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


@pytest.mark.parametrize(
    "events", [5_000, *(pytest.param(many, marks=pytest.mark.full) for many in (100_000, 1_000_000))]
)
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
                text = (await stream.result()).text
            gc.unfreeze()
            assert (count, len(text)) == (events, events)
            assert lag.most < LAG_SECONDS

    asyncio.run(body())


def test_f27_other_tasks_have_their_turn_in_a_burst_that_is_read_without_a_pause(server):
    pytest.importorskip("aiobotocore")
    piece = wire.delta("x")
    events = 2_000
    count, most = 0, 0

    async def watch():
        nonlocal most
        while True:
            before = count
            await asyncio.sleep(0)
            most = max(most, count - before)

    async def body():
        nonlocal count
        server.answer([wire.stream(wire.START, *[piece] * events, wire.STOP, wire.METADATA)])
        async with Driver("async").open(server.port) as opened, opened.gateway.converse_stream("Hello") as stream:
            watching = asyncio.create_task(watch())
            async for _ in stream:
                count += 1
            watching.cancel()
        assert count == events + 3
        assert most < 40_000 / len(piece)

    asyncio.run(body())


def chunk_of(text):
    inner = json.dumps({"type": "content_block_delta", "delta": {"text": text}}).encode()
    return wire.event("chunk", {"bytes": base64.b64encode(inner).decode()})


FOLDS = {
    "ConverseStream": (wire.delta("x"), ConverseFold),
    "InvokeModelWithResponseStream": (chunk_of("x"), InvokeFold),
}
PIECES_APART = 100_000
"""So many pieces of text StringIO may keep apart, before it joins them."""


def fold_of(kind):
    return FOLDS[kind][1](Send("bedrock-runtime", kind, {}, "billed", model_id="m"))


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("kind", FOLDS)
@pytest.mark.parametrize("events", [10_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_f27_a_long_stream_is_held_as_it_came_and_not_as_objects(kind, events):
    read, reads, made = FOLDS[kind][0] * 100, events // 100, fold_of(kind)
    made.feed(read)
    gc.collect()
    objects, traced = len(gc.get_objects()), events < PIECES_APART  # to trace a million events takes minutes
    if traced:
        tracemalloc.start()
    before = 0 if traced else resident()
    for _ in range(reads):
        assert len(made.feed(read)) == 100
    held = tracemalloc.get_traced_memory()[0] if traced else resident() - before
    tracemalloc.stop()
    gc.collect()
    # Threads of other tests may hold a little more meanwhile. As objects, an event would be some ten, and 1 KB and more.
    assert len(gc.get_objects()) < objects + 1_000
    assert held < 1.5 * reads * len(read) + 60 * min(events, PIECES_APART) + (0 if traced else 20_000_000)
    assert made.result(None).text == "x" * (events + 100)


def test_what_came_is_read_again_once_for_raw():
    fold = fold_of("ConverseStream")
    for one in wire.FRAMES:
        fold.feed(one)
    result = fold.result("r")
    again = pickle.loads(pickle.dumps(result))
    assert result.raw is result.raw
    assert [next(iter(one)) for one in result.raw] == [
        "messageStart",
        *["contentBlockDelta"] * 3,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert result == again == fold.result("r")
    assert again.raw == result.raw


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
