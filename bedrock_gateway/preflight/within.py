"""One command that is not to outlast a deadline, whatever the driver, and whatever it hangs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Flow, Together

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["TIMED_OUT", "within"]

TIMED_OUT = object()
"""Answers a command that was not done in time."""


def within(command: Any, until: float) -> Flow[Any]:
    """Do *command*, or give it up at *until* (of the driver's monotonic clock), and return what came of it.

    Given up, it is left to itself: a thread that waits for ever is a daemon, a task is cancelled.

    Raises:
        Exception: what doing it raised.
    """
    work = _One(command)
    yield Together(work, until)
    if isinstance(work.outcome, Exception):
        raise work.outcome
    return work.outcome


class _One:
    """Work of a single command."""

    def __init__(self, command: Any) -> None:
        self._todo = [(0, command)]
        self.outcome: Any = TIMED_OUT
        self.finished = False

    def ready(self) -> list[tuple[Hashable, Any]]:
        found, self._todo = self._todo, []
        return list(found)

    def tell(self, _key: Hashable, outcome: Any) -> None:
        self.outcome, self.finished = outcome, True
