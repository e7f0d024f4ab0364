"""Our evaluator against an independent one, on random policy sets: no difference that is not known and explained.

`--full` fetches the other judge from npm into a cache and writes ``report.json`` and ``report.md`` beside it; without,
a few hundred sets run where it is there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .compare import compare
from .coverage import Report
from .generator import case
from .known import KNOWN, LAYERING
from .oracle import Oracle, UnavailableError, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MANY = 300, 8000


@pytest.fixture(scope="module")
def oracle(request: pytest.FixtureRequest) -> Iterator[Oracle]:
    try:
        folder = installed(fetch=request.config.getoption("--full"))
    except UnavailableError as reason:
        pytest.skip(str(reason))
    with Oracle(folder) as judge:
        yield judge


def compared(oracle: Oracle, first: int, count: int) -> Report:
    report = Report()
    for seed in range(first, first + count):
        drawn = case(seed)
        verdict = oracle.judge(drawn)
        assert "error" not in verdict, (seed, verdict["error"])
        report.add(seed, drawn, compare(drawn, verdict))
    return report


def test_a_few_hundred_sets_differ_in_nothing_unexplained(oracle: Oracle) -> None:
    report = compared(oracle, 1_000_000, FEW)
    assert not report.unexplained
    assert report.statements > FEW * 4


@pytest.mark.full
def test_thousands_of_sets_differ_in_nothing_unexplained(oracle: Oracle, capsys: pytest.CaptureFixture[str]) -> None:
    report = compared(oracle, 0, MANY)
    folder = installed(fetch=False)
    report.write(folder)
    with capsys.disabled():
        print(f"\n{report.as_markdown()}\n(also in {folder.name})")
    assert report.sets >= 5000
    assert not report.unexplained
    assert not report.missing()
    # Neither judge may get away with one answer, nor we with refusing.
    for outcome in ("allowed", "denied", "explicitly denied"):
        assert report.decisions[outcome] > MANY * 0.15
    assert report.decisions["undecidable"] < MANY * 0.03
    assert report.refused.total() < report.statements * 0.03
    # A known difference that no longer shows is no longer known.
    assert {row.id for row in KNOWN} <= set(report.differences)
    assert {row.id for row in LAYERING} <= set(report.layering)
