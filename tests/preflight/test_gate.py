"""No logging, no invoke: when a gateway checks by itself, what it then refuses, and what it forgives. Stepped by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bedrock_gateway._commands import Acquire, Send
from bedrock_gateway.errors import PreflightFailedError, ThrottledError
from bedrock_gateway.preflight import Credentials
from bedrock_gateway.preflight.facts import LATE
from bedrock_gateway.preflight.gate import AGAIN_SECONDS, Gate

from .stepped import FACTS, config, denied, drive, golden, silenced

GOOD, _ = drive(golden())
OFF, _ = drive(golden() | {"GetModelInvocationLoggingConfiguration": {}})
UNREAD, _ = drive(golden() | {"GetModelInvocationLoggingConfiguration": denied("x")})
THROTTLED, _ = drive(
    golden()
    | {
        "GetModelInvocationLoggingConfiguration": ThrottledError(
            "slow", operation="x", code="ThrottlingException", status=429
        )
    }
)
LATE_CREDENTIALS, _ = drive(golden(), replace(FACTS, credentials=Credentials("the chain", "", LATE)))
CALL = Send("bedrock-runtime", "Converse", {})


class Turn:
    """Nobody else is there."""

    def release(self) -> None:
        pass


class World:
    """A gate, its clock, what a preflight would find, and how often it was asked."""

    def __init__(self, **settings: Any) -> None:
        self.now, self.found, self.runs, self.events = 0.0, GOOD, 0, []
        declared = config(preflight={"mode": "enforce", **settings})
        self.gate = Gate(declared, "app", Turn(), self.events.append, lambda: self.now)

    def checks(self):
        self.runs += 1
        yield from ()
        return self.found

    def call(self, send: Send = CALL) -> bool:
        """Whether a call passes; if not, what was found is on the error."""
        refused = None
        try:
            commands = list(self.gate.passed(send, self.checks))
        except PreflightFailedError as error:
            refused = error.report
        else:
            assert all(isinstance(one, Acquire) for one in commands)
        assert refused in (None, self.found)
        return refused is None


def test_the_first_call_checks_and_the_next_ones_do_not():
    world = World()
    assert [world.call() for _ in range(5)] == [True] * 5
    assert world.runs == 1


def test_a_call_that_runs_no_model_is_not_held_up():
    world = World()
    world.found = OFF
    assert world.call(Send("bedrock-agent", "StartIngestionJob", {}))
    assert world.runs == 0


def test_without_logging_no_model_is_called_and_a_storm_of_calls_checks_once():
    world = World()
    world.found = OFF
    assert [world.call() for _ in range(5)] == [False] * 5
    assert world.runs == 1
    world.now += AGAIN_SECONDS
    assert not world.call()
    assert world.runs == 2
    world.now, world.found = world.now + AGAIN_SECONDS, GOOD
    assert world.call()


@pytest.mark.parametrize("found", [OFF, UNREAD, THROTTLED])
def test_what_fails_or_cannot_be_read_refuses_before_anything_passed(found):
    world = World()
    world.found = found
    assert not world.call()
    assert world.events == []


def test_a_pass_holds_until_it_has_aged():
    world = World(recheck_seconds=60)
    assert world.call()
    world.now = 59
    assert world.call()
    assert world.runs == 1
    world.now = 60
    assert world.call()
    assert world.runs == 2


@pytest.mark.parametrize(("on_drift", "passes"), [("alert", True), ("refuse", False)])
def test_what_was_there_and_is_gone_is_an_event_and_refused_only_if_so_declared(on_drift, passes):
    world = World(recheck_seconds=60, on_drift=on_drift)
    assert world.call()
    world.now, world.found = 61, OFF
    assert world.call() is passes
    [drifted] = world.events
    assert (drifted.name, drifted.action, drifted.checks) == ("preflight.drifted", on_drift, ("LOG-01",))
    world.now, world.found = world.now + AGAIN_SECONDS, GOOD
    assert world.call()


def test_a_throttle_is_forgiven_for_the_time_of_grace_and_no_longer():
    world = World(recheck_seconds=60, grace_seconds=100, on_drift="refuse")
    assert world.call()
    world.now, world.found = 61, THROTTLED
    assert world.call()
    assert world.events[-1].action == "wait"
    world.now = 101
    assert not world.call()
    assert world.events[-1].action == "refuse"


def test_credentials_that_hang_are_forgiven_as_a_throttle_is():
    world = World(recheck_seconds=60, grace_seconds=100, on_drift="refuse")
    assert world.call()
    world.now, world.found = 61, LATE_CREDENTIALS
    assert world.call()
    assert world.events[-1].action == "wait"
    world.now = 101
    assert not world.call()


def test_a_refusal_to_read_is_no_throttle():
    world = World(recheck_seconds=60, on_drift="refuse")
    assert world.call()
    world.now, world.found = 61, UNREAD
    assert not world.call()


def test_mode_warn_refuses_nothing_and_checks_as_rarely():
    world = World(mode="warn", recheck_seconds=60)
    world.found = OFF
    assert world.call()
    world.now = 59
    assert world.call()
    assert world.runs == 1
    world.now = 60
    assert world.call()
    assert world.runs == 2


def test_a_preflight_that_somebody_ran_counts():
    world = World()
    world.gate.learn(GOOD)
    assert world.call()
    assert world.runs == 0
    world.gate.learn(OFF)
    assert world.events


def test_a_client_of_somebody_else_waits_for_a_preflight_that_passed():
    world = World(recheck_seconds=60)
    with pytest.raises(PreflightFailedError, match=r"run gateway\.preflight"):
        world.gate.fresh(CALL)
    world.gate.fresh(replace(CALL, service="bedrock"))
    world.gate.learn(GOOD)
    world.gate.fresh(CALL)
    world.now = 60
    with pytest.raises(PreflightFailedError):
        world.gate.fresh(CALL)


def test_everything_unread_is_never_a_pass():
    report, _ = drive(silenced(denied("x")))
    world = World()
    world.found = report
    assert not world.call()
