"""Breaker and retry budget as a call meets them: the flow stepped by hand, no driver, no clock, no sleep."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tenacity.stop import stop_never
from tenacity.wait import wait_none

from bedrock_gateway import (
    CircuitOpenError,
    GatewayError,
    GovernanceError,
    InvalidRequestError,
    MalformedResponseError,
    ModelFailedError,
    StreamInterruptedError,
    ThrottledError,
    TransportError,
    UnavailableError,
)
from bedrock_gateway._commands import Send, Sleep
from bedrock_gateway._flow import Context, call, retried
from bedrock_gateway.governance.breaker import BreakerPolicy
from bedrock_gateway.governance.protection import MOST_REQUESTS, BudgetPolicy, Guard, Protection, blames
from bedrock_gateway.governance.retry import RetryPolicy

SEND = Send("bedrock-runtime", "Converse", {"modelId": "m"}, "billed", region="us-east-1", account="123456789012")
EVER = RetryPolicy(
    stop=stop_never,
    not_ready_stop=stop_never,
    transient_wait=wait_none(),
    throttled_wait=wait_none(),
    not_ready_wait=wait_none(),
)
NEVER = RetryPolicy(stop=lambda _: True)


class AwsError(Exception):
    def __init__(self, status, code):
        self.response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}


DOWN = AwsError(503, "ServiceUnavailableException")
SLOW = AwsError(429, "ThrottlingException")


class World:
    """A context with a clock of its own, and what it emitted."""

    def __init__(self, *, retry=NEVER, breaker=None, budget=None):
        self.at, self.events = 0.0, []
        protection = Protection(breaker or BreakerPolicy(), budget or BudgetPolicy())
        self.ctx = Context(emit=self.events.append, retry=retry, now=lambda: self.at, protection=protection)

    def start(self, send=SEND):
        flow = call(send.operation, lambda: send, self.ctx, lambda reply, _: reply)
        return flow, next(flow)

    def ends(self, outcome, send=SEND):
        """Run a call each of whose requests ends with *outcome*, a reply or an exception; its result, and requests."""
        requests = 0
        flow = call(send.operation, lambda: send, self.ctx, lambda reply, _: reply)
        try:
            command = next(flow)
            while True:
                if isinstance(command, Sleep):
                    command = flow.send(None)
                    continue
                requests += 1
                command = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
        except StopIteration as stop:
            return stop.value, requests
        except GatewayError as error:
            return error, requests

    def named(self, name):
        return [one for one in self.events if one.name == name]


def down(world, count=40, send=SEND):
    for _ in range(count):
        world.ends(DOWN, send)


def test_an_open_circuit_refuses_before_anything_is_sent_and_says_so():
    world = World()
    down(world)
    world.at = 4.0
    error, requests = world.ends({})
    assert (type(error), requests) == (CircuitOpenError, 0)
    assert isinstance(error, UnavailableError)
    assert (error.attempts, error.retry_after_seconds, error.code) == (0, 6.0, "CircuitOpen")
    assert "ServiceUnavailableException" in error.message
    ended = world.named("gateway.call_ended")[-1]
    assert (ended.outcome, ended.error_code, ended.attempts) == ("failed", "CircuitOpen", 0)
    [change] = world.named("gateway.circuit_changed")
    assert (change.state, change.requests, change.failures) == ("open", 40, 40)
    assert (change.service, change.region, change.error_code) == (
        "bedrock-runtime",
        "us-east-1",
        "ServiceUnavailableException",
    )


def test_one_answer_after_the_cool_down_closes_it_and_says_so():
    world = World()
    down(world)
    world.at = 10.0
    assert world.ends({"a": 1}) == ({"a": 1}, 1)
    assert [one.state for one in world.named("gateway.circuit_changed")] == ["open", "closed"]
    assert world.ends({}) == ({}, 1)


@pytest.mark.parametrize("member", ["account", "region", "model_id", "service"])
def test_another_account_region_model_or_service_is_another_circuit(member):
    world = World()
    down(world)
    assert world.ends({}, replace(SEND, **{member: "other"})) == ({}, 1)


def test_a_call_that_is_under_way_when_it_opens_ends_with_what_it_met():
    world = World(retry=EVER, breaker=BreakerPolicy(minimum_requests=3))
    error, requests = world.ends(DOWN)
    assert (type(error), requests) == (UnavailableError, 3)
    assert not [one for one in world.events if one.name == "gateway.retry_scheduled"][2:]


def test_a_call_that_waited_while_others_opened_it_ends_with_what_it_met():
    world = World(retry=EVER)
    flow, _ = world.start()
    assert isinstance(flow.throw(DOWN), Sleep)
    world.ctx = replace(world.ctx, retry=NEVER)
    down(world)
    with pytest.raises(UnavailableError) as caught:
        flow.send(None)
    assert type(caught.value) is UnavailableError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UnavailableError("", operation="", code=""), True),
        (TransportError("", operation="", sent=False), True),
        (TransportError("", operation="", sent=None), True),
        (MalformedResponseError("", operation=""), True),
        (StreamInterruptedError("", operation="", reason="truncated"), True),
        (StreamInterruptedError("", operation="", reason="idle"), True),
        (StreamInterruptedError("", operation="", reason="deadline"), None),
        (StreamInterruptedError("", operation="", reason="closed"), None),
        (StreamInterruptedError("", operation="", reason="service"), None),
        (CircuitOpenError("", operation="", code=""), None),
        (ThrottledError("", operation="", code=""), None),
        (InvalidRequestError("", operation="", code=""), None),
        (ModelFailedError("", operation="", code=""), None),
        (GovernanceError("", rule=""), None),
        (KeyboardInterrupt(), None),
        (None, None),
    ],
    ids=lambda one: f"{type(one).__name__}-{getattr(one, 'reason', '')}",
)
def test_what_speaks_against_the_service(error, expected):
    assert blames(error) is expected


def test_a_model_that_failed_with_a_server_error_speaks_against_it():
    error = ModelFailedError("", operation="", code="")
    error.original_status = 503
    assert blames(error) is True


def test_a_deadline_of_the_caller_does_not_speak_against_the_service():
    class DeadlineError(TimeoutError):
        bedrockgw_deadline = "total"

    world = World()
    for _ in range(100):
        assert isinstance(world.ends(DeadlineError())[0], TransportError)
    assert world.ends({}) == ({}, 1)


def test_a_thousand_callers_that_leave_are_no_outage():
    world = World()
    for _ in range(1000):
        flow, _ = world.start()
        flow.close()
    assert world.ends({}) == ({}, 1)


def test_a_probe_whose_caller_leaves_lets_the_next_one_try():
    world = World()
    down(world)
    world.at = 10.0
    flow, _ = world.start()
    assert world.ends({})[1] == 0
    flow.close()
    assert world.ends({}) == ({}, 1)


def test_a_caller_that_leaves_inside_of_a_lock_does_not_stand_still():
    """As the collector does, which runs wherever memory is taken."""
    world = World()
    down(world)
    world.at = 10.0
    flow, _ = world.start()
    guard = world.ctx.protection.of(SEND)
    with guard._lock:
        closing = threading.Thread(target=flow.close)
        closing.start()
        closing.join(5)
        assert not closing.is_alive()
    assert world.ends({}) == ({}, 1)


def test_probes_of_the_preflight_are_neither_kept_back_nor_counted():
    world = World()
    down(world)

    def probe():
        return (yield SEND)

    flow = retried(probe(), world.ctx)
    assert next(flow).operation == "Converse"
    with pytest.raises(StopIteration):
        flow.send({})
    assert world.ends({})[1] == 0


def test_the_child_of_a_fork_starts_anew(monkeypatch):
    world = World()
    down(world)
    guard = world.ctx.protection.of(SEND)
    guard._lock.acquire()
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert world.ends({}) == ({}, 1)


@pytest.mark.parametrize(("at", "expected"), [(599.0, "other"), (600.0, None)])
def test_no_other_model_is_asked_once_the_total_deadline_has_passed(at, expected):
    world, other = World(), replace(SEND, model_id="other")
    flow = call("Converse", lambda: SEND, world.ctx, lambda reply, _: reply, routes=(lambda: other,))
    next(flow)
    world.at = at
    if expected is None:
        with pytest.raises(UnavailableError):
            flow.throw(DOWN)
    else:
        assert flow.throw(DOWN).model_id == expected


@pytest.mark.parametrize("outcome", [DOWN, SLOW, AwsError(429, "ModelNotReadyException")])
def test_no_schedule_sends_more_than_the_ceiling(outcome):
    world = World(retry=EVER, breaker=BreakerPolicy(minimum_requests=10**6))
    error, requests = world.ends(outcome)
    assert requests == error.attempts == MOST_REQUESTS


def test_the_ceiling_is_above_every_schedule_of_ours():
    stops = RetryPolicy().stop, RetryPolicy().not_ready_stop
    most = [next(at for at in range(1, 99) if stop(SimpleNamespace(attempt_number=at))) for stop in stops]
    assert max(most) <= MOST_REQUESTS


@pytest.mark.parametrize(("outcome", "cost"), [(DOWN, 14), (SLOW, 5)])
def test_retries_spend_until_there_is_nothing_left_and_then_none_is_sent(outcome, cost):
    world = World(retry=EVER, breaker=BreakerPolicy(minimum_requests=10**6))
    results = [world.ends(outcome) for _ in range(200)]
    assert sum(requests for _, requests in results) == 200 + 500 // cost
    error, requests = results[-1]
    assert requests == 1
    assert "successes earn retries back" in error.__notes__[0]


def test_successes_earn_retries_back():
    world = World(retry=EVER, breaker=BreakerPolicy(minimum_requests=10**6))
    for _ in range(200):
        world.ends(DOWN)
    for _ in range(13):
        world.ends({})
    assert world.ends(DOWN)[1] == 1 + (500 % 14 + 13) // 14
    fresh = World(budget=BudgetPolicy(tokens=20))
    guard = fresh.ctx.protection.of(SEND)
    for _ in range(100):
        fresh.ends({})
    assert guard._tokens == 20


def test_a_retry_that_succeeds_gives_back_what_it_cost():
    world = World(retry=EVER, breaker=BreakerPolicy(minimum_requests=10**6), budget=BudgetPolicy(tokens=14))
    for _ in range(50):
        flow, _ = world.start()
        assert isinstance(flow.throw(DOWN), Sleep)
        flow.send(None)
        with pytest.raises(StopIteration):
            flow.send({})


def test_the_budget_is_exact_under_threads():
    guard = Guard(BreakerPolicy(), BudgetPolicy(tokens=5000, throttled_cost=1))
    error, spent = ThrottledError("", operation="", code=""), []

    def spend():
        while guard.spend(error):
            spent.append(1)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(spent) == 5000


def test_of_many_threads_that_ask_at_once_one_is_the_probe():
    guard = Guard(BreakerPolicy(minimum_requests=1), BudgetPolicy())
    for _ in range(20):
        lease = guard.admit(0.0)
        if lease:
            lease.failed(0.0, UnavailableError("", operation="", code=""))
        start, admitted = threading.Barrier(16), []

        def ask(start=start, admitted=admitted):
            start.wait()
            admitted.append(guard.admit(100.0))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        leases = [one for one in admitted if one]
        assert len(leases) == 1
        leases[0].failed(0.0, UnavailableError("", operation="", code=""))


def test_views_share_what_was_learnt_and_other_gateways_do_not():
    from bedrock_gateway import GatewayConfig
    from bedrock_gateway._facade import Facade

    config = GatewayConfig(
        application="a",
        account="123456789012",
        region="us-east-1",
        principals={"app": {"capabilities": ["converse"], "models": ["amazon.nova-lite-v1:0"]}},
    )
    first, other = Facade(config, observers=()), Facade(config, observers=())
    view = first._view(None, resend_ambiguous=True)
    assert view._context.protection is first._context.protection
    assert other._context.protection is not first._context.protection
