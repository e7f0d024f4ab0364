"""What the drivers promise beside answering: threads, forks, loops, pools, and whose connection it is."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from bedrock_gateway import ConfigError, Gateway, StreamInterruptedError, Timeouts, TransportError

server = sys.modules["faultserver"]


def echo(connection, request):
    """Answer with what was asked, so that an answer given to another caller shows."""
    text = request.json["messages"][0]["content"][0]["text"]
    answer = server.CONVERSED | {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}}
    return server.reply(answer)(connection, request)


@pytest.fixture
def only_sync(both):
    if both.is_async:
        pytest.skip("about threads and forks of the sync gateway")


@pytest.fixture
def only_async(both):
    if not both.is_async:
        pytest.skip("about the event loop")


@pytest.mark.usefixtures("only_sync")
def test_many_threads_share_a_gateway_and_get_their_own_answers(both, against, faults):
    async def body():
        faults.answer(echo)
        async with against() as (gateway, events):
            with ThreadPoolExecutor(32) as pool:
                texts = [f"number {at}" for at in range(320)]
                found = list(pool.map(lambda text: gateway.inner.converse(text).text, texts))
            assert found == texts
            assert len(events) == len(texts)

    both.run(body)


@pytest.mark.usefixtures("only_async")
def test_many_tasks_share_a_gateway_and_get_their_own_answers(both, against, faults):
    async def body():
        faults.answer(echo)
        async with against(max_connections=16) as (gateway, events):
            texts = [f"number {at}" for at in range(320)]
            found = await asyncio.gather(*(gateway.converse(text) for text in texts))
            assert [one.text for one in found] == texts
            assert len(events) == len(texts)
            assert faults.connections <= 16

    both.run(body)


def in_a_child(work) -> str:
    """Run *work* in a fork of this process and return what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException as error:  # noqa: BLE001 - a child that raised would go on as a second pytest
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.usefixtures("only_sync")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(both, against, faults):
    async def body():
        faults.answer(echo)
        async with against() as (gateway, _):
            await gateway.converse("parent")
            assert in_a_child(lambda: gateway.inner.converse("child").text) == "child"
            assert (await gateway.converse("parent again")).text == "parent again"
            assert faults.connections == 2

    both.run(body)


@pytest.mark.usefixtures("only_sync")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_stream_opened_before_a_fork_is_the_parents(both, against, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a", "b"), every=0.05))
        async with against() as (gateway, events):
            async with gateway.converse_stream("Hello") as stream:
                first = stream.inner
                assert in_a_child(lambda: str(list(first))).startswith(
                    "ConfigError: this stream was opened before a fork"
                )
                assert (await stream.result()).text == "ab"
            assert [one.outcome for one in events] == ["ok"]

    both.run(body)


@pytest.mark.usefixtures("only_async")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_async_gateway_is_refused_in_a_child_and_in_another_loop(both, against, faults):
    async def body():
        faults.answer(echo)
        async with against() as (gateway, _):
            await gateway.converse("Hello")

            def another_loop() -> str:
                with closing(asyncio.new_event_loop()) as loop:
                    return loop.run_until_complete(gateway.converse("Hello")).text

            def in_the_child() -> str:
                asyncio._set_running_loop(None)
                return another_loop()

            assert in_a_child(in_the_child).startswith("ConfigError: an AsyncGateway cannot be used after a fork")
            with ThreadPoolExecutor(1) as pool, pytest.raises(ConfigError, match="one event loop"):
                pool.submit(another_loop).result()
            assert (await gateway.converse("again")).text == "again"

    both.run(body)


@pytest.mark.usefixtures("only_async")
def test_the_first_call_does_not_block_the_loop(both, against, faults):
    async def body():
        faults.answer(echo)
        session = both.session("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        late = []

        async def watch() -> None:
            while True:
                before = time.thread_time(), time.perf_counter()
                await asyncio.sleep(0.001)
                late.append((time.thread_time() - before[0], time.perf_counter() - before[1]))

        async with against(session=session) as (gateway, _):
            gc.collect()
            gc.freeze()  # what all tests before left is not this call's to look through
            watching = asyncio.ensure_future(watch())
            await asyncio.sleep(0.01)
            await gateway.converse("Hello")
            watching.cancel()
            gc.unfreeze()
        # What the loop's own thread worked without a pause: the machine's other work is not counted.
        assert max(cpu for cpu, _ in late) < 0.05

    both.run(body)


@pytest.mark.usefixtures("only_async")
def test_waiting_for_a_connection_counts_as_connecting(both, against, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a")[:2], then=server.silent(5)))
        async with against(max_connections=2, timeouts=Timeouts(connect=0.3)) as (gateway, _):
            held = [gateway.converse_stream("Hello") for _ in range(2)]
            for one in held:
                await one.__aenter__()
            began = time.monotonic()
            with pytest.raises(TransportError, match="connections were in use") as raised:
                async with gateway.converse_stream("Hello"):
                    pass
            assert raised.value.sent is False
            assert time.monotonic() - began < 4.5
            await held[0].close()
            faults.answer(server.reply(server.CONVERSED))
            assert (await gateway.converse("Hello")).text == "Hello"
            await held[1].close()

    both.run(body)


@pytest.mark.usefixtures("only_async")
def test_streams_cancelled_at_random_leave_nothing_behind(both, against, faults):
    import random

    async def one(gateway, chance) -> None:
        try:
            async with asyncio.timeout(chance.random() * 0.2), gateway.converse_stream("Hello") as stream:
                async for _ in stream:
                    if chance.random() < 0.1:
                        return
        except TimeoutError:
            pass

    async def body():
        chance = random.Random(7)
        faults.answer(server.streamed(server.conversation(*"abcdef"), every=0.005))
        async with against(max_connections=50, timeouts=Timeouts(connect=30)) as (gateway, events):
            await asyncio.gather(*(one(gateway, chance) for _ in range(200)))
            permits = next(iter(gateway._perform._permits.values()))
            gc.collect()
            await asyncio.sleep(0.05)
            assert permits._value == 50
            assert {one.outcome for one in events} <= {"ok", "abandoned"}
            assert len(events) == 200

    both.run(body)


@pytest.mark.usefixtures("only_sync")
def test_closing_from_another_thread_ends_a_read(both, against, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a")[:2], then=server.silent(5)))
        async with against() as (gateway, events):
            stream, raised = gateway.inner.converse_stream("Hello"), []
            reading = threading.Event()

            def read() -> None:
                with stream:
                    for _ in stream:
                        reading.set()
                    try:
                        stream.result()
                    except StreamInterruptedError as error:
                        raised.append(error.reason)

            thread = threading.Thread(target=read)
            thread.start()
            reading.wait(2)
            began = time.monotonic()
            stream.close()
            thread.join(2)
            assert time.monotonic() - began < 10
            assert not thread.is_alive()
            assert raised == ["closed"]
            assert [one.outcome for one in events] == ["abandoned"]
            assert faults.wait_until_closed()

    both.run(body)


def test_a_stream_read_to_its_end_leaves_its_connection_to_the_next_call(both, against, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a", "b")))
        async with against() as (gateway, _):
            for _ in range(3):
                async with gateway.converse_stream("Hello") as stream:
                    assert (await stream.result()).text == "ab"
            assert faults.connections == 1

    both.run(body)


def test_a_stream_is_entered_once_and_not_before(both, against, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a")))
        async with against() as (gateway, events):
            stream = gateway.converse_stream("Hello")
            with pytest.raises(ConfigError, match="context manager"):
                await stream.result()
            assert not events
            assert not faults.requests
            async with stream:
                await stream.result()
            with pytest.raises(ConfigError, match="once"):
                await stream.__aenter__()

    both.run(body)


@pytest.mark.usefixtures("only_sync")
def test_the_deadline_thread_starts_with_the_first_call_and_ends_by_itself(both, against, faults, monkeypatch):
    from bedrock_gateway._drive import watchdog as module

    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.05)

    def ended(thread) -> bool:
        thread.join(3)
        return not thread.is_alive()

    async def body():
        faults.answer(echo)
        async with against() as (gateway, _):
            watchdog = gateway.inner._perform._watchdog
            assert watchdog._thread is None
            await gateway.converse("Hello")
            first = watchdog._thread
            assert first.is_alive()
            # Its deadline is ten minutes off; the call is over.
            assert ended(first)
            await gateway.converse("again")
            second = watchdog._thread
            assert second.is_alive()
            monkeypatch.setattr(module, "_IDLE_SECONDS", 60)
            await gateway.converse("and again")
        assert ended(second)

    both.run(body)


def test_a_gateway_says_nothing_of_its_secrets():
    from bedrock_gateway import GatewayConfig

    config = GatewayConfig(
        application="a",
        account="123456789012",
        region="us-east-1",
        principals={"app": {"capabilities": ["converse"], "models": ["us.amazon.nova-lite-v1:0"]}},
    )
    assert repr(Gateway(config, observers=[])) == "Gateway(principal='app', region='us-east-1')"


class TimeLimitError(Exception):
    """What a worker's time limit raises from a signal handler, wherever its process is."""


@pytest.mark.usefixtures("only_sync")
@pytest.mark.parametrize("where", ["the head of an answer", "its body", "the next event of a stream"])
def test_a_time_limit_of_the_application_is_no_lost_connection_and_nothing_is_sent_again(both, against, faults, where):
    """botocore makes one of it; and a free operation would be sent once more, past the limit."""

    def ring(*_):
        raise TimeLimitError

    half = server.head(200, {"content-type": "application/json", "content-length": "99"}) + b"{"
    wait = server.silent(2)
    script = {
        "the head of an answer": wait,
        "its body": server.says(half, then=wait),
        "the next event of a stream": server.streamed(server.conversation("a")[:2], then=wait),
    }[where]

    def call(gateway):
        if "stream" not in where:
            return gateway.retrieve("hi", knowledge_base="handbook")
        with gateway.converse_stream("hi") as stream:
            return stream.result()

    async def body():
        faults.answer(script)
        before = signal.signal(signal.SIGALRM, ring)
        try:
            async with against() as (gateway, events):
                gateway.inner._perform.client("bedrock-runtime"), gateway.inner._perform.client("bedrock-agent-runtime")
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                with pytest.raises(TimeLimitError):
                    call(gateway.inner)
                assert [one.outcome for one in events] == ["abandoned"]
                assert len(faults.requests) == 1
                assert not gateway.inner._perform._watchdog._watched
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    both.run(body)
