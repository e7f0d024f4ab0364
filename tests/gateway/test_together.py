"""Many small flows at the same time: how many, in which order, and what becomes of one that hangs."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from typing import Any

import pytest

from bedrock_gateway._commands import Together
from bedrock_gateway._drive.together import MOST_AT_ONCE, in_a_thread, in_tasks, in_threads

PATIENCE_SECONDS = 30.0


class Waves:
    """*first* questions at once, then one more for each that was answered."""

    def __init__(self, first: int) -> None:
        self.open = [f"first {at}" for at in range(first)]
        self.left = 2 * first
        self.told: dict[Any, Any] = {}

    @property
    def finished(self) -> bool:
        return not self.left

    def ready(self):
        found, self.open = self.open, []
        return [(key, key) for key in found]

    def tell(self, key, outcome):
        self.left -= 1
        self.told[key] = outcome
        if key.startswith("first"):
            self.open.append(key.replace("first", "then"))


def done(work, drive, *, is_async, seconds=PATIENCE_SECONDS):
    command = Together(work, time.monotonic() + seconds)
    if not is_async:
        return in_threads(command, drive)

    async def awaited(flow):
        return await asyncio.to_thread(drive, flow)

    return asyncio.run(in_tasks(command, awaited))


@pytest.mark.parametrize("is_async", [False, True])
def test_every_question_is_answered_and_errors_are_answers(is_async):
    def drive(flow):
        if flow.endswith("3"):
            raise ValueError(flow)
        return flow.upper()

    work = Waves(20)
    done(work, drive, is_async=is_async)
    assert len(work.told) == 40
    assert work.told["then 5"] == "THEN 5"
    assert isinstance(work.told["first 3"], ValueError)


class Counted:
    """How many are inside at the same time."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


def test_eight_threads_are_under_way_at_most_and_that_many_are():
    gate, inside = threading.Barrier(MOST_AT_ONCE), Counted()

    def drive(_flow):
        with inside:
            gate.wait(PATIENCE_SECONDS)  # opens only when eight are here

    work = Waves(MOST_AT_ONCE)
    done(work, drive, is_async=False)
    assert inside.most == MOST_AT_ONCE
    assert set(work.told.values()) == {None}


def test_eight_tasks_are_under_way_at_most_and_that_many_are():
    inside = Counted()

    async def body():
        gate = asyncio.Barrier(MOST_AT_ONCE)

        async def drive(_flow):
            with inside:
                await gate.wait()

        work = Waves(MOST_AT_ONCE)
        await in_tasks(Together(work, time.monotonic() + PATIENCE_SECONDS), drive)
        assert set(work.told.values()) == {None}

    asyncio.run(body())
    assert inside.most == MOST_AT_ONCE


def test_one_that_hangs_in_a_thread_is_left_behind_at_the_deadline():
    release = threading.Event()
    work = Waves(3)
    done(work, lambda flow: flow == "first 1" and release.wait(PATIENCE_SECONDS), is_async=False, seconds=0.3)
    assert set(work.told) == {"first 0", "then 0", "first 2", "then 2"}
    assert all(one.daemon for one in threading.enumerate() if one.name == "bedrock-gateway-together")
    release.set()


def test_one_that_hangs_in_a_task_is_cancelled_at_the_deadline():
    cancelled = []

    async def body():
        async def drive(flow):
            if flow == "first 1":
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append(flow)
                    raise

        work = Waves(3)
        await in_tasks(Together(work, time.monotonic() + 0.3), drive)
        assert set(work.told) == {"first 0", "then 0", "first 2", "then 2"}

    asyncio.run(body())
    assert cancelled == ["first 1"]


def test_what_blocks_in_a_thread_is_awaited_with_its_answer_its_error_and_its_context():
    who = contextvars.ContextVar("who", default="nobody")

    async def body():
        who.set("me")
        assert await in_a_thread(who.get) == "me"
        with pytest.raises(ZeroDivisionError):
            await in_a_thread(lambda: 1 / 0)

    asyncio.run(body())


def test_the_end_of_a_loop_does_not_wait_for_what_hangs_in_a_thread():
    release, began = threading.Event(), time.monotonic()

    async def body():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await in_a_thread(lambda: release.wait(PATIENCE_SECONDS))

    asyncio.run(body())
    assert time.monotonic() - began < PATIENCE_SECONDS / 3
    release.set()


def test_what_is_prepared_is_prepared_here_and_before_anybody_begins():
    order: list[Any] = []
    work = Waves(2)
    command = Together(work, time.monotonic() + PATIENCE_SECONDS)
    in_threads(command, order.append, prepare=lambda: order.append(threading.get_ident()))
    assert order[0] == threading.get_ident()
    assert {one for one in order if isinstance(one, int)} == {threading.get_ident()}
    assert len(work.told) == 4
