"""A service that is down, and callers that are not to blame: what a circuit breaker must and must not do."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

import pytest

from bedrock_gateway import CircuitOpenError, GatewayError, InvalidRequestError

from . import wire
from .driving import Driver
from .server import PATIENCE_SECONDS, Step

DOWN = [wire.error(503, "ServiceUnavailableException")]
ENOUGH = 40
"""Calls that fail, one after the other, until anybody would call it an outage."""


async def fail(opened, count):
    for _ in range(count):
        with pytest.raises(GatewayError):
            await opened.gateway.converse("Hello")


def test_f45_when_all_is_down_calls_fail_at_once_and_nothing_is_sent(server, drive):
    async def body():
        server.answer(DOWN)
        async with drive.open(server.port) as opened:
            await fail(opened, ENOUGH)
            before, started = len(server.requests), time.monotonic()
            await fail(opened, 1)
            assert len(server.requests) == before
            assert time.monotonic() - started < 1

    drive.run(body)


def test_f46_after_an_outage_one_caller_of_a_hundred_tries():
    """The clock is the flow's own, so nobody waits for the breaker to let one through."""
    pytest.importorskip("aiobotocore")
    from .server import STALL, FaultServer

    async def body(server):
        server.answer(DOWN)
        clock = [time.monotonic()]
        async with Driver("async").open(server.port) as opened:
            opened.gateway._context = replace(opened.gateway._context, now=lambda: clock[0])
            await fail(opened, ENOUGH)
            clock[0] += 3600.0
            server.answer([STALL])
            callers = [asyncio.create_task(opened.gateway.converse("Hello")) for _ in range(100)]
            await asyncio.to_thread(server.arrived, 1)
            for _ in range(20):
                await asyncio.sleep(0)
            count = len(server.requests)
            for one in callers:
                one.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
            assert count == 1

    with FaultServer() as server:
        asyncio.run(body(server))


def test_f46_of_a_hundred_threads_one_tries_and_the_others_are_told_at_once(server):
    held = threading.Event()

    class Hold(Step):
        def do(self, connection):
            held.wait(PATIENCE_SECONDS)

    async def body():
        server.answer(DOWN)
        clock = [time.monotonic()]
        async with Driver("sync").open(server.port) as opened:
            gateway = opened.gateway.inner
            gateway._context = replace(gateway._context, now=lambda: clock[0])
            await fail(opened, ENOUGH)
            clock[0] += 3600.0
            server.answer([Hold(), wire.CONVERSE])
            with ThreadPoolExecutor(100) as pool:
                calls = as_completed([pool.submit(gateway.converse, "Hello") for _ in range(100)])
                told = [next(calls).exception() for _ in range(99)]
                count = len(server.requests)
                held.set()
                assert next(calls).result().text
        assert {type(one) for one in told} == {CircuitOpenError}
        assert count == 1

    Driver("sync").run(body)


def test_f47_requests_that_are_wrong_do_not_stop_those_that_are_right(server, drive):
    async def body():
        server.answer([wire.error(400, "ValidationException")])
        async with drive.open(server.port) as opened:
            for _ in range(200):
                with pytest.raises(InvalidRequestError):
                    await opened.gateway.converse("Hello")
            server.answer([wire.CONVERSE])
            assert (await opened.gateway.converse("Hello")).text
            assert len(server.requests) == 1

    drive.run(body)


def test_f47_callers_that_leave_do_not_stop_those_that_stay(server):
    pytest.importorskip("aiobotocore")

    async def leave(gateway):
        async with gateway.converse_stream("Hello") as stream:
            async for _ in stream:
                return

    async def body():
        server.answer([wire.stream(*wire.FRAMES[:3], end=b"")])
        async with Driver("async").open(server.port) as opened:
            for _ in range(10):
                tasks = [asyncio.create_task(leave(opened.gateway)) for _ in range(20)]
                await asyncio.sleep(0)
                for one in tasks[::2]:
                    one.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            server.answer([wire.CONVERSE])
            assert (await opened.gateway.converse("Hello")).text

    asyncio.run(body())


def test_f44_a_fifth_of_all_calls_failing_is_no_outage(server, drive):
    async def body():
        async with drive.open(server.port) as opened:
            server.answer(*[DOWN if at % 5 == 0 else [wire.CONVERSE] for at in range(250)], [wire.CONVERSE])
            for _ in range(150):
                assert (await opened.gateway.converse("Hello")).text

    drive.run(body)
