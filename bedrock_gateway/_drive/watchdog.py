"""The total deadline of blocking reads: one thread a gateway that shuts a socket down when its time has come.

A read that waits for bytes ends with its own timeout; a trickle of bytes never does. Shutting the socket down from
another thread ends it at once, where ``close()`` would wait for the reader.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

__all__ = ["Watch", "Watchdog"]

_IDLE_SECONDS = 10.0


class Watch:
    """One watched response. Once it has fired, nothing that was read counts: a clean end may be the shutdown's."""

    __slots__ = ("fired", "response", "until")

    def __init__(self, response: Any, until: float) -> None:
        self.response = response
        self.until = until
        self.fired = False


def shut_down(response: Any) -> None:
    """End a read of *response* in another thread; never raises, never waits."""
    with contextlib.suppress(Exception):
        response.shutdown()


class Watchdog:
    """Watches responses; its thread starts with the first and ends when there has been none for a while."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: set[Watch] = set()
        self._wakes = float("inf")
        self._thread: threading.Thread | None = None
        self._closing = False

    def watch(self, response: Any, until: float) -> Watch:
        """Shut *response* down at *until*, on the monotonic clock."""
        made = Watch(response, until)
        with self._changed:
            self._watched.add(made)
            self._closing = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bedrock-gateway-deadlines", daemon=True)
                self._thread.start()
            elif until < self._wakes:
                self._changed.notify()
        return made

    def release(self, watch: Watch | None) -> None:
        """Watch it no longer. Takes no lock: when the interpreter ends, its thread may have died holding it."""
        if watch is not None:
            self._watched.discard(watch)

    def close(self) -> None:
        """Let the thread end as soon as nothing is watched; what is watched later starts another one."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                watched = list(self._watched)  # one step: `release` may change the set at any time
                due = [one for one in watched if one.until <= now]
                self._watched.difference_update(due)
                if not due:
                    # It looks now and then, too: a deadline is far off, and the call that had it may long be over.
                    self._wakes = min([now + _IDLE_SECONDS, *(one.until for one in watched)])
                    woken = self._changed.wait(self._wakes - now)
                    if not self._watched and (self._closing or not woken):
                        self._thread = None
                        return
                    continue
                for one in due:
                    one.fired = True
            for one in due:
                shut_down(one.response)
