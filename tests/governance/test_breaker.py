"""The circuit breaker, stepped by hand: what opens it, who may try, what closes it, what is no evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_gateway.governance.breaker import Breaker, BreakerPolicy, Change

POLICY = BreakerPolicy(window_seconds=10.0, minimum_requests=10, failure_ratio=0.5, open_seconds=5.0)


def fed(outcomes, *, at=0.0, breaker=None):
    """A breaker after requests that ended at *at*; the last change."""
    breaker, change = breaker or Breaker(POLICY), None
    for failed in outcomes:
        change = breaker.ended(breaker.admit(at), at, failed=failed) or change
    return breaker, change


def opened():
    return fed([True] * 10)[0]


def test_it_opens_at_the_ratio_once_there_are_enough_requests():
    breaker, change = fed([True] * 9)
    assert (breaker.state, change) == ("closed", None)
    _, change = fed([True], breaker=breaker)
    assert change == Change("open", 10, 10)
    assert breaker.admit(0.0) is None
    assert breaker.wait_seconds(1.0) == 4.0


@pytest.mark.parametrize(("failures", "state"), [(4, "closed"), (5, "open")])
def test_it_goes_by_the_share_of_failures_not_by_their_number(failures, state):
    assert fed([False] * (10 - failures) + [True] * failures)[0].state == state


def test_what_left_the_window_no_longer_counts():
    breaker, _ = fed([True] * 9)
    fed([True] * 9, at=11.0, breaker=breaker)
    assert breaker.state == "closed"
    fed([True], at=11.0, breaker=breaker)
    assert breaker.state == "open"


def test_no_evidence_neither_opens_it_nor_waters_down_what_there_is():
    breaker, _ = fed([None] * 1000 + [True] * 9 + [None] * 1000)
    assert breaker.state == "closed"
    assert fed([True], breaker=breaker)[0].state == "open"


def test_after_the_cool_down_one_of_a_hundred_is_let_through():
    breaker = opened()
    assert breaker.admit(4.99) is None
    admitted = [one for one in (breaker.admit(5.0) for _ in range(100)) if one]
    assert [one.probe for one in admitted] == [True]
    assert breaker.wait_seconds(5.0) == 0.0


def test_a_probe_that_is_answered_closes_it():
    breaker = opened()
    assert breaker.ended(breaker.admit(5.0), 6.0, failed=False) == Change("closed")
    assert all(breaker.admit(6.0) for _ in range(100))


def test_a_probe_that_fails_opens_it_for_as_long_again():
    breaker = opened()
    assert breaker.ended(breaker.admit(5.0), 7.0, failed=True) == Change("open", 1, 1)
    assert breaker.admit(11.9) is None
    assert breaker.admit(12.0).probe


def test_a_probe_whose_caller_leaves_makes_room_for_the_next():
    breaker = opened()
    assert breaker.ended(breaker.admit(5.0), 5.0, failed=None) is None
    assert breaker.admit(5.0).probe
    assert breaker.admit(5.0) is None


def test_what_was_sent_before_a_change_says_nothing_after_it():
    breaker = Breaker(POLICY)
    early = [breaker.admit(0.0) for _ in range(40)]
    for one in early[:10]:
        breaker.ended(one, 1.0, failed=True)
    probe = breaker.admit(6.0)
    assert all(breaker.ended(one, 6.0, failed=False) is None for one in early[10:20])
    assert breaker.state == "half_open"
    breaker.ended(probe, 6.0, failed=False)
    assert all(breaker.ended(one, 6.0, failed=True) is None for one in early[20:])
    assert breaker.state == "closed"


def test_it_keeps_a_few_numbers_however_many_requests_there_are():
    breaker = Breaker(POLICY)
    for at in range(20_000):
        breaker.ended(breaker.admit(at / 100), at / 100, failed=False)
    assert len(breaker._parts) <= 11


STEPS = st.lists(st.tuples(st.sampled_from(["admit", "ok", "fail", "left"]), st.floats(0, 4)), max_size=200)


@given(STEPS)
def test_whatever_happens_at_most_one_probe_is_out_and_after_the_cool_down_somebody_may_try(steps):
    breaker, now, out = Breaker(POLICY), 0.0, []
    for what, wait in steps:
        now += wait
        if what == "admit" or not out:
            was = breaker.state
            got = breaker.admit(now)
            assert (got is None) == (
                (was == "open" and breaker.state == "open") or any(one.probe and one.era == breaker._era for one in out)
            )
            if got:
                out.append(got)
        else:
            breaker.ended(out.pop(0), now, failed={"ok": False, "fail": True, "left": None}[what])
        assert sum(one.probe and one.era == breaker._era for one in out) <= 1
    for one in out:
        breaker.ended(one, now, failed=None)
    assert breaker.admit(now + POLICY.open_seconds)
