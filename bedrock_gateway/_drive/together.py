"""Many small flows at the same time: in threads of their own, or as tasks of the loop; never later than a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bedrock_gateway._commands import Flow, Together

__all__ = ["MOST_AT_ONCE", "in_a_thread", "in_tasks", "in_threads"]

MOST_AT_ONCE = 8
T = TypeVar("T")


def in_threads(
    command: Together, drive: Callable[[Flow[Any]], Any], prepare: Callable[[], None] = lambda: None
) -> None:
    """Do the work of *command*, at most `MOST_AT_ONCE` flows at a time; *drive* takes one flow to its end.

    *prepare* is called in this thread before new flows are handed out: what it reads is kept in one heap, not in one a thread.

    A thread that hangs, in a resolver for example, is left behind: it is a daemon and keeps no program alive.
    """
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def labour() -> None:
        while (item := todo.get()) is not None:
            key, flow = item
            try:
                done.put((key, drive(flow)))
            except Exception as error:  # noqa: BLE001 - whoever asked decides what it means
                done.put((key, error))

    threads = 0
    pending = 0
    try:
        while not command.work.finished:
            ready = command.work.ready()
            prepare()
            for item in ready:
                todo.put(item)
                pending += 1
                if threads < min(pending, MOST_AT_ONCE):
                    threads += 1
                    run = contextvars.copy_context().run
                    threading.Thread(target=run, args=(labour,), daemon=True, name="bedrock-gateway-together").start()
            try:
                key, outcome = done.get(timeout=max(command.until - time.monotonic(), 0.0))
            except queue.Empty:
                return
            pending -= 1
            command.work.tell(key, outcome)
    finally:
        with contextlib.suppress(queue.Empty):
            while True:  # what nobody has begun, nobody need begin
                todo.get_nowait()
        for _ in range(threads):
            todo.put(None)


async def in_tasks(command: Together, drive: Callable[[Flow[Any]], Awaitable[Any]]) -> None:
    """Do as `in_threads`, in tasks; those still under way at the deadline are cancelled."""
    done: asyncio.Queue[Any] = asyncio.Queue()
    slots = asyncio.Semaphore(MOST_AT_ONCE)
    tasks: set[asyncio.Task[None]] = set()

    async def labour(key: Any, flow: Flow[Any]) -> None:
        async with slots:
            try:
                done.put_nowait((key, await drive(flow)))
            except Exception as error:  # noqa: BLE001 - whoever asked decides what it means
                done.put_nowait((key, error))

    try:
        async with asyncio.timeout(max(command.until - time.monotonic(), 0.0)):
            while not command.work.finished:
                for key, flow in command.work.ready():
                    tasks.add(asyncio.ensure_future(labour(key, flow)))
                command.work.tell(*await done.get())
    except TimeoutError:
        return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def in_a_thread(work: Callable[[], T]) -> T:
    """Do *work*, which blocks, and await it. Unlike ``asyncio.to_thread``, the end of the loop does not wait for it.

    Cancelled, it is left behind: the thread is a daemon.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(outcome: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(outcome)  # type: ignore[arg-type]

    def labour() -> None:
        outcome, error = None, None
        try:
            outcome = work()
        except BaseException as caught:  # noqa: BLE001 - whoever awaits it gets it
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody awaits it any more
            loop.call_soon_threadsafe(settle, outcome, error)

    run = contextvars.copy_context().run
    threading.Thread(target=run, args=(labour,), daemon=True, name="bedrock-gateway-blocking").start()
    return await done
