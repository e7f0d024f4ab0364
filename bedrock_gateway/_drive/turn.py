"""One at a time, among threads or among the tasks of one loop: a permit for `Acquire`."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["Turn"]


class Turn:
    """A lock that a flow may wait for, whichever driver runs it; used by one of them."""

    def __init__(self) -> None:
        self._threads = threading.Lock()
        self._tasks: asyncio.Lock | None = None

    def acquire(self, timeout: float | None) -> bool:
        """Wait for the turn, *timeout* seconds at most (None: for ever). It blocks.

        Raises:
            TimeoutError: it did not come in time.
        """
        if not self._threads.acquire(timeout=-1 if timeout is None else max(timeout, 0.0)):
            raise TimeoutError("somebody else's turn lasted too long")
        return True

    async def acquire_async(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - the permit of `Acquire`
        """As `acquire`, without blocking the loop."""
        if self._tasks is None:
            self._tasks = asyncio.Lock()
        async with asyncio.timeout(timeout):
            await self._tasks.acquire()
        return True

    def release(self) -> None:
        """End the turn."""
        (self._tasks if self._tasks is not None else self._threads).release()
