"""Every way to leave a stream or a call before its end: nothing stays open, nothing is sent afterwards, all is reported."""

from __future__ import annotations

import asyncio
import gc
import random
from dataclasses import replace

import pytest

from bedrock_gateway import Timeouts

from . import wire
from .server import STALL

OPEN = (wire.stream(*wire.FRAMES[:3], end=b""), STALL)
"""A stream that stands still after two pieces of text."""


def outcomes(opened):
    return [one.outcome for one in opened.ended]


async def first_event(stream):
    async for event in stream:
        return event
    raise AssertionError("no event came")


def test_f29_a_consumer_that_breaks_out_has_left(server, drive):
    async def body():
        server.answer(OPEN)
        async with drive.open(server.port) as opened:
            async with opened.gateway.converse_stream("Hello") as stream:
                await first_event(stream)
            assert await drive.off_the_loop(server.closed)
            assert outcomes(opened) == ["abandoned"]

    drive.run(body)


def test_f29_a_consumer_that_raises_gets_its_own_error(server, drive):
    async def body():
        server.answer(OPEN)
        async with drive.open(server.port) as opened:
            with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is left
                async with opened.gateway.converse_stream("Hello") as stream:
                    await first_event(stream)
                    raise ZeroDivisionError
            assert await drive.off_the_loop(server.closed)
            assert outcomes(opened) == ["abandoned"]

    drive.run(body)


def test_f29_a_generator_around_a_stream_can_be_closed(server, drive):
    async def body():
        server.answer(OPEN)
        async with drive.open(server.port) as opened:

            async def texts():
                async with opened.gateway.converse_stream("Hello") as stream:
                    async for event in stream:
                        yield event

            made = texts()
            await anext(made)
            await made.aclose()
            assert await drive.off_the_loop(server.closed)
            assert outcomes(opened) == ["abandoned"]

    drive.run(body)


def test_f29_closing_twice_and_after_the_end_is_nothing(server, drive):
    async def body():
        server.answer([wire.stream(*wire.FRAMES)])
        async with drive.open(server.port) as opened:
            async with opened.gateway.converse_stream("Hello") as stream:
                await stream.result()
                await stream.close()
            await stream.close()
            assert outcomes(opened) == ["ok"]

    drive.run(body)


def test_f29_a_stream_that_is_forgotten_is_closed_by_the_collector(server, drive):
    async def body():
        server.answer(OPEN)
        async with drive.open(server.port) as opened:
            stream = opened.gateway.converse_stream("Hello")
            await first_event(await stream.__aenter__())
            del stream
            gc.collect()
            assert await drive.off_the_loop(server.closed)
            assert outcomes(opened) == ["abandoned"]

    drive.run(body)


def cancelled_when(arrived):
    """Cancel *task* once *arrived* says that it is where it is to be cancelled."""

    async def run(task):
        await arrived()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    return run


@pytest.mark.parametrize("operation", ["converse", "invoke_model", "stream, entering", "stream, reading"])
def test_f29_a_task_that_is_cancelled_lets_go_of_its_connection(server, operation):
    pytest.importorskip("aiobotocore")
    from .driving import Driver

    async def body():
        server.answer([STALL] if operation != "stream, reading" else OPEN)
        reading = asyncio.Event()
        async with Driver("async").open(server.port, pool=1) as opened:

            async def work():
                if operation == "converse":
                    return await opened.gateway.converse("Hello")
                if operation == "invoke_model":
                    return await opened.gateway.invoke_model({})
                async with opened.gateway.converse_stream("Hello") as stream:
                    seen = 0
                    async for _ in stream:
                        seen += 1
                        if seen == 3:
                            reading.set()

            async def arrived():
                await asyncio.to_thread(server.arrived, 1)
                if operation == "stream, reading":
                    await reading.wait()
                    await asyncio.sleep(0)

            await cancelled_when(arrived)(asyncio.create_task(work()))
            assert await asyncio.to_thread(server.closed)
            assert outcomes(opened) == ["abandoned"]
            server.answer([wire.CONVERSE])  # the only permit is there again
            assert (await opened.gateway.converse("Hello")).text

    asyncio.run(body())


def test_f30_nothing_is_sent_after_a_cancellation_while_it_waits_to_try_again(server):
    pytest.importorskip("aiobotocore")
    from .driving import Driver

    async def body():
        server.answer([wire.error(429, "ThrottlingException", {"Retry-After": "30"})])
        async with Driver("async").open(server.port, pool=1) as opened:
            opened.gateway._perform = opened.gateway._perform.inner  # really waits
            waiting = asyncio.Event()
            opened.gateway._context = replace(opened.gateway._context, emit=emit_and_set(opened.events, waiting))
            await cancelled_when(waiting.wait)(asyncio.create_task(opened.gateway.converse("Hello")))
            assert len(server.requests) == 1
            assert outcomes(opened) == ["abandoned"]
            server.answer([wire.CONVERSE])
            assert (await opened.gateway.converse("Hello")).text

    asyncio.run(body())


def emit_and_set(events, waiting):
    def emit(event):
        events.append(event)
        if event.name == "gateway.retry_scheduled":
            waiting.set()

    return emit


def test_f30_a_cancellation_while_it_waits_for_a_connection_sends_nothing(server):
    pytest.importorskip("aiobotocore")
    from .driving import Driver

    async def body():
        server.answer(OPEN)
        async with Driver("async").open(server.port, pool=1) as opened:
            async with opened.gateway.converse_stream("Hello") as stream:
                await first_event(stream)
                waiting = asyncio.create_task(opened.gateway.converse("Hello"))
                for _ in range(10):
                    await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            assert len(server.requests) == 1
            server.answer([wire.CONVERSE])
            assert (await opened.gateway.converse("Hello")).text

    asyncio.run(body())


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.full)])
def test_f28_streams_cancelled_at_random_leave_nothing_and_disturb_nobody(server, count):
    """A quarter is left to end; the others are cancelled at a random event, or while they wait for one."""
    pytest.importorskip("aiobotocore")
    from .driving import Driver

    draw = random.Random(count)
    whole = wire.stream(*wire.FRAMES)

    async def one(gateway, leave_at):
        async with gateway.converse_stream("Hello") as stream:
            seen = 0
            async for _ in stream:
                seen += 1
                if leave_at is not None and seen > leave_at:
                    await asyncio.Event().wait()
            return await stream.result()

    async def body():
        async with Driver("async").open(
            server.port, pool=count, timeouts=Timeouts(connect=60.0, first_byte=120.0, idle=120.0)
        ) as opened:
            server.answer([whole])
            leave = [None if at % 4 == 0 else draw.randrange(-1, 5) for at in range(count)]
            tasks = [asyncio.create_task(one(opened.gateway, at)) for at in leave]
            await asyncio.to_thread(server.arrived, count // 2)
            for at in draw.sample(range(count), count):
                if leave[at] is not None:
                    tasks[at].cancel()
                    if draw.random() < 0.3:
                        await asyncio.sleep(0)
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) or end.text == "".join(wire.TEXTS) for end in ended)
            assert all(getattr(ended[at], "text", None) == "".join(wire.TEXTS) for at in range(0, count, 4))
            assert len(opened.ended) == count
            for semaphore in opened.gateway._perform.inner._permits.values():
                assert semaphore._value == count
            assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()
        assert await asyncio.to_thread(server.closed)

    asyncio.run(body())
