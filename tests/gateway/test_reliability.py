"""`[reliability]` of the configuration: each key is what calls do, and its default what they did without it."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from dataclasses import asdict

import pytest

from bedrock_gateway import (
    CircuitOpenError,
    ConfigError,
    GatewayConfig,
    Timeouts,
    TransportError,
    UnavailableError,
)
from bedrock_gateway._drive.clients import MAX_CONNECTIONS
from bedrock_gateway._flow import Context
from bedrock_gateway.config import ReliabilityConfig
from bedrock_gateway.governance.breaker import BreakerPolicy
from bedrock_gateway.governance.protection import BudgetPolicy
from bedrock_gateway.governance.retry import RetryPolicy

server = sys.modules["faultserver"]
SMALL = {
    "application": "x",
    "account": "123456789012",
    "region": "us-east-1",
    "local": True,
    "principals": {"app": {"capabilities": ["converse"], "models": ["us.amazon.nova-lite-v1:0"]}},
}
TOML = """
format = 1
application = "x"
[env.prod]
account = "123456789012"
region = "us-east-1"
[principals.app]
capabilities = ["converse"]
models = ["us.amazon.nova-lite-v1:0"]
"""


@pytest.fixture
def configured(both, faults):
    """Open a gateway with these settings, whose retries wait as they do: `async with configured(retries={…})`."""

    @asynccontextmanager
    async def make(*, options=None, **reliability):
        config = GatewayConfig(**SMALL, endpoint=faults.endpoint, reliability=reliability)
        events = []
        given = {"session": both.example(), "observers": [events.append]} | (options or {})
        async with both.gateway(config, **given) as gateway:
            yield gateway, events

    return make


def stops_at(policy, name):
    """After how many requests a stop of *policy* says so."""
    from types import SimpleNamespace

    return next(n for n in range(1, 50) if getattr(policy, name)(SimpleNamespace(attempt_number=n)))


def test_the_defaults_are_those_of_the_code():
    found = ReliabilityConfig()
    assert list(found.breaker.model_dump().values()) == list(asdict(BreakerPolicy()).values())
    assert list(found.deadlines.model_dump().values()) == list(asdict(Timeouts()).values())
    budget = BudgetPolicy()
    assert found.retries.budget_tokens == budget.tokens
    assert found.retries.transient_cost == budget.transient_cost
    assert found.retries.throttled_cost == budget.throttled_cost
    assert found.retries.success_refill == budget.refill
    assert found.retries.attempts == stops_at(RetryPolicy(), "stop")
    assert found.retries.not_ready_attempts == stops_at(RetryPolicy(), "not_ready_stop")
    assert found.max_connections == MAX_CONNECTIONS
    assert Context(emit=print).timeouts == Timeouts()


def test_a_file_changes_one_key_and_an_environment_another():
    config = GatewayConfig.from_toml(
        f"{TOML}[reliability.retries]\nattempts = 2\n[env.prod.reliability.retries]\nbudget_tokens = 9\n"
        "[env.prod.reliability.deadlines]\ntotal_seconds = 30\n"
    )
    assert (config.reliability.retries.attempts, config.reliability.retries.budget_tokens) == (2, 9)
    assert (config.reliability.deadlines.total_seconds, config.reliability.deadlines.idle_seconds) == (30.0, 30.0)


REFUSED = [
    ("[reliability]\noutput_retries = 4", r"reliability\.output_retries"),
    ("[reliability]\nmax_connections = 0", r"reliability\.max_connections"),
    ("[reliability]\nmax_conections = 5", "did you mean 'max_connections'"),
    ("[reliability.retries]\nattempts = 0", r"reliability\.retries\.attempts"),
    ("[reliability.retries]\nattempts = 13", r"reliability\.retries\.attempts"),
    ("[reliability.retries]\nattempts = true", r"reliability\.retries\.attempts"),
    ("[reliability.retries]\nattempts = 2.0", r"reliability\.retries\.attempts"),
    ("[reliability.retries]\nbudget_tokens = -1", r"reliability\.retries\.budget_tokens"),
    ("[reliability.retries]\nbudget = 1", "did you mean 'budget_tokens'"),
    ("[reliability.breaker]\nfailure_ratio = 0", r"reliability\.breaker\.failure_ratio"),
    ("[reliability.breaker]\nfailure_ratio = 1.1", r"reliability\.breaker\.failure_ratio"),
    ("[reliability.breaker]\nfailure_ratio = nan", r"reliability\.breaker\.failure_ratio"),
    ("[reliability.breaker]\nwindow_seconds = inf", r"reliability\.breaker\.window_seconds"),
    ("[reliability.deadlines]\ntotal_seconds = 0", r"reliability\.deadlines\.total_seconds"),
    ('[reliability.deadlines]\ntotal_seconds = "5"', r"reliability\.deadlines\.total_seconds"),
    ("[reliability.deadlines]\ntotal = 5", r"unknown key 'reliability\.deadlines\.total'"),
]


@pytest.mark.parametrize(("lines", "named"), REFUSED)
def test_a_value_that_cannot_be_is_refused_with_its_line(lines, named):
    with pytest.raises(ConfigError, match=named) as raised:
        GatewayConfig.from_toml(f"{TOML}{lines}\n")
    assert raised.value.line == len(f"{TOML}{lines}".splitlines())


def test_so_many_requests_are_sent_and_no_more(both, configured, faults):
    async def body():
        faults.answer(server.error("ServiceUnavailableException", 503))
        async with configured(retries={"attempts": 1}) as (gateway, _):
            with pytest.raises(UnavailableError):
                await gateway.converse("x")
            assert len(faults.requests) == 1
        async with configured(retries={"attempts": 2}) as (gateway, _):
            with pytest.raises(UnavailableError):
                await gateway.converse("x")
            assert len(faults.requests) == 3

    both.run(body)


def test_without_a_budget_nothing_is_sent_again(both, configured, faults):
    async def body():
        faults.answer(server.error("ServiceUnavailableException", 503))
        async with configured(retries={"budget_tokens": 0}) as (gateway, _):
            with pytest.raises(UnavailableError):
                await gateway.converse("x")
            assert len(faults.requests) == 1
        async with configured(retries={"budget_tokens": 20, "transient_cost": 20}) as (gateway, _):
            with pytest.raises(UnavailableError):
                await gateway.converse("x")
            assert len(faults.requests) == 3

    both.run(body)


def test_the_circuit_opens_and_closes_when_it_is_said_to(both, configured, faults):
    async def body():
        faults.answer(server.error("ServiceUnavailableException", 503))
        breaker = {"minimum_requests": 2, "failure_ratio": 1.0, "open_seconds": 0.2}
        async with configured(retries={"attempts": 1}, breaker=breaker) as (gateway, events):
            for _ in range(2):
                with pytest.raises(UnavailableError):
                    await gateway.converse("x")
            with pytest.raises(CircuitOpenError):
                await gateway.converse("x")
            assert len(faults.requests) == 2
            faults.answer(server.reply(server.CONVERSED))
            reply = None
            while reply is None:
                try:
                    reply = await gateway.converse("x")
                except CircuitOpenError:
                    continue
            states = [one.state for one in events if one.name == "gateway.circuit_changed"]
            assert states == ["open", "closed"]

    both.run(body)


def test_deadlines_come_from_the_file_unless_the_gateway_is_given_others(both, configured, faults):
    async def body():
        faults.answer(server.silent(0.4))
        async with configured(deadlines={"total_seconds": 0.1}) as (gateway, _):
            with pytest.raises(TransportError):
                await gateway.converse("x")
        faults.answer(server.reply(server.CONVERSED))
        given = {"timeouts": Timeouts(total=30)}
        async with configured(options=given, deadlines={"total_seconds": 0.000001}) as (gateway, _):
            assert (await gateway.converse("x")).text == "Hello"
        async with configured(deadlines={"total_seconds": 0.000001}) as (gateway, _):
            assert (await gateway.with_options(timeouts=Timeouts(total=30)).converse("x")).text == "Hello"

    both.run(body)


@pytest.mark.parametrize("most", [0, -1, "5", True, 1.5, 10**9])
def test_what_is_no_number_of_connections_is_refused(both, configured, faults, most):
    async def body():
        with pytest.raises(ConfigError, match="max_connections"):
            async with configured(options={"max_connections": most}):
                pass

    both.run(body)


def test_connections_come_from_the_file_unless_the_gateway_is_given_others(both, configured, faults):
    async def body():
        async with configured(max_connections=7) as (gateway, _):
            assert getattr(gateway, "inner", gateway)._perform._max_connections == 7
        async with configured(max_connections=7, options={"max_connections": 3}) as (gateway, _):
            assert getattr(gateway, "inner", gateway)._perform._max_connections == 3

    both.run(body)
