"""All checks of one preflight at the same time, pure: which question is to be asked next, and what the answers lead to.

A check starts when those it needs have ended. Checks that ask the same share one question and its answer. Whoever
drives a `Round` asks what is `ready`, tells it each answer, in any order, and closes it when time is up: what has not
ended by then is unknown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Flow, Record, Send, Together
from bedrock_gateway.errors import GatewayError, ServiceError, TransportError
from bedrock_gateway.events import CheckEnded, PassesIgnored, PreflightEnded
from bedrock_gateway.preflight.catalogue import Level, Row, rows
from bedrock_gateway.preflight.facts import Facts
from bedrock_gateway.preflight.flow import (
    Again,
    Finding,
    Look,
    Outcome,
    Probe,
    Question,
    checks,
    held_back,
    key_of,
    lacking,
    level_of,
    result_of,
    unread,
)
from bedrock_gateway.preflight.opening import Opening
from bedrock_gateway.preflight.report import CheckResult, Report
from bedrock_gateway.preflight.within import within

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Mapping

    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.preflight.flow import Asking, Check
    from bedrock_gateway.preflight.sharing import Sharing

__all__ = ["DEADLINE_SECONDS", "Round", "ended", "run"]

DEADLINE_SECONDS = 10.0
"""Seconds a preflight takes at most, unless it is told otherwise."""


def run(
    config: GatewayConfig,
    principal: str | None,
    level: Level | None,
    facts: Facts | Flow[Facts],
    *,
    late: Callable[[], Facts] | None = None,
    emit: Callable[[Any], None] = lambda _event: None,
    clock: Callable[[], float] = time.monotonic,
    looks: Mapping[str, Callable[[str], Mapping[str, Any]]] = MappingProxyType({}),
    deadline_seconds: float = DEADLINE_SECONDS,
    sharing: Sharing | None = None,
    closing: bool = True,
) -> Flow[Report]:
    """Run every check of *level* (None: what *principal* is granted) and return the report.

    *facts* may be what reads them; *late* then reads what can be had where that does not end in time. *looks* are
    `readers.LOOKS`, or what a test has in their place. *sharing*: with the other processes of the host. *closing*: False where more follows, of
    which whoever goes on tells the end.
    """
    name = config.principal_name(principal)
    level = level or level_of(config.principals[name])
    started = clock()
    if sharing is not None:
        looks = {**looks, "passes": sharing.take}

    def begin(known: Facts, answers: Mapping[Any, Outcome], asked: Mapping[Any, Send]) -> Round:
        every = checks()  # imports them, while the first questions are under way
        if sharing is not None:
            every = sharing.around(every)
        probe = partial(Probe, config, name, config.principals[name], level, known)
        return Round(rows(level), probe, every=every, looks=looks, emit=emit, clock=clock, answers=answers, asked=asked)

    try:
        work: Round | None
        if isinstance(facts, Facts):
            work = begin(facts, {}, {})
            yield Together(work, until=started + deadline_seconds)
        else:
            opening = Opening(facts, begin)
            yield Together(opening, until=started + deadline_seconds)
            work = opening.round
        if work is None:  # what gives the credentials hangs: the rest of the facts is read without them
            assert late is not None
            work = begin((yield Record(late)), {}, {})
        work.close(f"no answer within {deadline_seconds:g} s")
        report = Report(work.results, level, name, config.account, config.region, config.local, clock() - started)
        if sharing is not None:
            yield from within(Record(partial(sharing.give, report.results)), started + deadline_seconds)
            for reason in sharing.ignored:
                emit(PassesIgnored(reason, name, config.region, config.local))
    finally:
        if sharing is not None:
            sharing.close()
    if closing:
        emit(ended(report))
    return report


@dataclass(slots=True)
class _Running:
    """A check that has begun."""

    row: Row
    probe: Probe
    steps: Generator[Asking, Any, Finding]
    started: float
    wanted: tuple[Hashable, ...] = ()
    """The questions whose answers it waits for."""


class Round:
    """The checks of *catalogue*, each with a probe of its own."""

    def __init__(
        self,
        catalogue: tuple[Row, ...],
        probe: Callable[[], Probe],
        *,
        every: Mapping[str, Check] | None = None,
        looks: Mapping[str, Callable[[str], Mapping[str, Any]]] = MappingProxyType({}),
        emit: Callable[[Any], None] = lambda _event: None,
        clock: Callable[[], float] = time.monotonic,
        answers: Mapping[Hashable, Outcome] = MappingProxyType({}),
        asked: Mapping[Hashable, Question] = MappingProxyType({}),
    ) -> None:
        """*answers* are known already, and *asked* is under way."""
        self._catalogue = catalogue
        self._probe = probe
        self._looks = looks
        self._emit = emit
        self._clock = clock
        self._checks = checks() if every is None else every
        self._waiting = list(catalogue)
        self._running: dict[str, _Running] = {}
        self._asked: dict[Hashable, Question] = dict(asked)
        """Questions without an answer so far."""
        self._answers: dict[Hashable, Outcome] = dict(answers)
        self._silent: dict[tuple[str, str | None], GatewayError] = {}
        """Services, and the Region where it is another one, that cannot be reached: nothing more is asked of them."""
        self._ready: list[tuple[Hashable, Send | Record]] = []
        self._results: dict[str, CheckResult] = {}
        self._begin()

    @property
    def finished(self) -> bool:
        """Whether every check has ended."""
        return len(self._results) == len(self._catalogue)

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """What has ended, in the catalogue's order."""
        return tuple(self._results[row.id] for row in self._catalogue if row.id in self._results)

    def ready(self) -> list[tuple[Hashable, Send | Record]]:
        """Return what is to be asked now; each question is returned once."""
        found, self._ready = self._ready, []
        return found

    def tell(self, key: Hashable, outcome: Outcome) -> None:
        """Give the answer to a question, and go on with all who wait for it."""
        question = self._asked.pop(key)
        self._answers[key] = outcome
        if isinstance(outcome, TransportError) and isinstance(question, Send):
            self._silent[question.service, question.region] = outcome
        for one in list(self._running.values()):
            if key in one.wanted:
                self._go_on(one)
        self._begin()

    def close(self, reason: str) -> None:
        """End what has not ended: it is unknown, for *reason*."""
        self._asked.clear()
        self._ready.clear()
        for one in list(self._running.values()):
            one.steps.close()
            asked = one.probe.calls[-1] if one.probe.calls else "AWS"
            self._end(one, Finding("unknown", f"{asked}: {reason}"), "timeout")
        for row in self._waiting:
            one = _Running(row, self._probe(), _nothing(), self._clock())
            self._end(one, held_back(row, self._results) or Finding("unknown", f"not begun: {reason}"), "timeout")
        self._waiting.clear()

    def _begin(self) -> None:
        """Start every check whose turn has come; one that ends at once may be what another waits for."""
        while due := [row for row in self._waiting if all(name in self._results for name in row.needs)]:
            self._waiting = [row for row in self._waiting if row not in due]
            for row in due:
                self._start(row)

    def _start(self, row: Row) -> None:
        probe = self._probe()
        one = _Running(row, probe, self._checks[row.id](probe), self._clock())
        self._running[row.id] = one
        finding = held_back(row, self._results)
        if finding is not None:
            one.steps.close()
            self._end(one, finding, finding.error_code)
        else:
            self._go_on(one)

    def _go_on(self, one: _Running) -> None:
        """Take a check as far as the answers there are take it."""
        while all(key in self._answers for key in one.wanted):
            try:
                questions = one.steps.send([self._answers[key] for key in one.wanted] if one.wanted else None)
            except StopIteration as stop:
                return self._end(one, stop.value, stop.value.error_code)
            except GatewayError as error:
                code = error.code if isinstance(error, ServiceError) else type(error).__name__
                return self._end(one, unread(error, one.probe), code)
            except LookupError as error:
                found = lacking(error, one.probe)
                return self._end(one, unread(found, one.probe), type(found).__name__)
            one.wanted = tuple(map(self._ask, questions))
        return None

    def _ask(self, question: Question) -> Hashable:
        if isinstance(question, Look):
            return self._put(question, question, Record(partial(self._looks[question.what], question.host)))
        send, turn = (question.send, f"#{question.number}") if isinstance(question, Again) else (question, "")
        key = key_of(send) + turn
        if key not in self._answers and key not in self._asked and (send.service, send.region) in self._silent:
            self._answers[key] = self._silent[send.service, send.region]
        return self._put(key, send, send)

    def _put(self, key: Hashable, question: Question, command: Send | Record) -> Hashable:
        if key not in self._answers and key not in self._asked:
            self._asked[key] = question
            self._ready.append((key, command))
        return key

    def _end(self, one: _Running, finding: Finding, code: str | None) -> None:
        self._running.pop(one.row.id, None)
        probe, config = one.probe, one.probe.config
        result = result_of(one.row, finding, probe, self._clock() - one.started, code)
        self._results[one.row.id] = result
        self._emit(
            CheckEnded(one.row.id, result.status, probe.name, config.region, result.duration_seconds, config.local)
        )


def _nothing() -> Generator[Asking, Any, Finding]:
    """The steps of a check that was never begun."""
    yield from ()
    raise AssertionError("a check that was never begun does not go on")


def ended(report: Report) -> PreflightEnded:
    """Return the event that a preflight has ended."""
    return PreflightEnded(
        preflight_level=report.level,
        outcome="ok" if report.ok else "failed",
        principal=report.principal,
        region=report.region,
        failed=len(report.failed),
        warned=len(report.warned),
        unknown=len(report.unknown),
        duration_seconds=report.duration_seconds,
        local=report.local,
    )
