"""Progress on stderr: one line an event; on a terminal, a bar for each ingestion and a spinner for what is waited for."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import clean, note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

    Show = Callable[[Any], None]

__all__ = ["shown_progress"]

_PASSING = ("waiting", "in_progress", "starting")
_ENDED = ("COMPLETE", "FAILED", "STOPPED")


def _counts(event: Any) -> str:
    return f"{event.documents_scanned} scanned, {event.documents_indexed} indexed, {event.documents_failed} failed"


def _line(event: Any) -> str:
    """One event as a line for people; empty: it is none of theirs."""
    if event.name == "ingestion.polled":
        return f"ingestion {event.job_id}: {event.status.lower()}, {_counts(event)}"
    if event.name == "setup.progressed":
        reason = f" ({event.reason})" if event.reason else ""
        return f"{event.step}: {event.progress} {event.resource}{reason}"
    if event.name == "gateway.retry_scheduled":
        return f"{event.operation}: {event.error_code}, again in {event.wait_seconds:.1f} s"
    return ""


@contextlib.contextmanager
def shown_progress() -> Iterator[Show]:
    """Give an observer that shows what happens; lines where nobody looks at a terminal."""
    if sys.stderr.isatty():
        with _moving() as show:
            yield show
    else:
        yield _plain()


def _plain() -> Show:
    last = ""

    def show(event: Any) -> None:
        nonlocal last
        line = _line(event)
        if line and line != last:
            last = line
            note(line)

    return show


@contextlib.contextmanager
def _moving() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[counts]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bars(progress)


class _Bars:
    """What moves: a bar a job, and one line for whatever else is waited for."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._jobs: dict[str, TaskID] = {}
        self._waiting: TaskID | None = None

    def __call__(self, event: Any) -> None:
        from rich.markup import escape

        line = escape(clean(_line(event)))
        if not line:
            return
        if event.name == "ingestion.polled":
            self._bar(event, line)
        elif event.name != "setup.progressed" or event.progress in _PASSING:
            self._wait(line)
        else:
            self._stay(line)

    def _bar(self, event: Any, line: str) -> None:
        """Documents that are done with, of those that were found so far; while none were, the bar only moves."""
        self._no_longer_waiting()
        from rich.markup import escape

        if event.status in _ENDED:
            if (task := self._jobs.pop(event.job_id, None)) is not None:
                self._progress.remove_task(task)
            self._stay(line)
            return
        if event.job_id not in self._jobs:
            name = escape(clean(f"ingestion {event.job_id}"))
            self._jobs[event.job_id] = self._progress.add_task(name, total=None, counts="")
        self._progress.update(
            self._jobs[event.job_id],
            total=event.documents_scanned or None,
            completed=event.documents_indexed + event.documents_failed,
            counts=_counts(event),
        )

    def _wait(self, line: str) -> None:
        if self._waiting is None:
            self._waiting = self._progress.add_task(line, total=None, counts="")
        else:
            self._progress.update(self._waiting, description=line)

    def _stay(self, line: str) -> None:
        self._no_longer_waiting()
        self._progress.console.print(line, highlight=False)

    def _no_longer_waiting(self) -> None:
        if self._waiting is not None:
            self._progress.remove_task(self._waiting)
            self._waiting = None
