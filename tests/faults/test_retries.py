"""When a request goes out again: server hints, codes as they are spelled, connections that had been closed, opting in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bedrock_gateway import (
    MalformedResponseError,
    StreamInterruptedError,
    ThrottledError,
    TransportError,
    UnavailableError,
)

from . import wire
from .catalogue import MOST_REQUESTS
from .server import CLOSE, RESET, STALL
from .test_table import call

SLOWEST_SCHEDULE = 1.0
"""Seconds that the schedule alone may wait after the first throttle."""


def in_three_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)


@pytest.mark.parametrize(
    ("name", "value", "least", "most"),
    [
        ("x-amz-retry-after", "1500", 1.5, 1.7),
        ("Retry-After", "2", 2.0, 2.2),
        ("Retry-After", "1.5", 1.5, 1.7),
        ("Retry-After", "date", 1.5, 3.2),
        ("Retry-After", "0", 0.0, SLOWEST_SCHEDULE + 0.2),
        ("Retry-After", "1000000000", 60.0, 60.2),
        ("x-amz-retry-after", "999999999999", 60.0, 60.2),
        ("Retry-After", "-5", 0.0, SLOWEST_SCHEDULE + 0.2),
        ("Retry-After", "soon", 0.0, SLOWEST_SCHEDULE + 0.2),
        ("Retry-After", "1e400", 0.0, SLOWEST_SCHEDULE + 0.2),
        ("Retry-After", "NaN", 0.0, SLOWEST_SCHEDULE + 0.2),
        ("Retry-After", "Thu, 99 Foo 2026 99:99:99 GMT", 0.0, SLOWEST_SCHEDULE + 0.2),
        ("Retry-After", "9" * 400, 0.0, SLOWEST_SCHEDULE + 0.2),
        ("Retry-After", "", 0.0, SLOWEST_SCHEDULE + 0.2),
    ],
)
def test_f04_a_hint_is_honoured_within_bounds_and_garbage_is_none(server, drive, name, value, least, most):
    async def body():
        hint = in_three_seconds() if value == "date" else value
        server.answer([wire.error(429, "ThrottlingException", {name: hint})], [wire.CONVERSE])
        async with drive.open(server.port) as opened:
            await opened.gateway.converse("Hello")
            [waited] = opened.slept
            assert least <= waited <= most
            [event] = opened.retried
            assert event.wait_seconds == waited
            assert len(server.requests) == 2

    drive.run(body)


def test_f04_a_hint_beyond_the_deadline_is_not_waited_for(server, drive):
    async def body():
        server.answer([wire.error(429, "ThrottlingException", {"Retry-After": "30"})])
        from bedrock_gateway import Timeouts

        async with drive.open(server.port, timeouts=Timeouts(total=5.0)) as opened:
            with pytest.raises(ThrottledError) as caught:
                await opened.gateway.converse("Hello")
            assert caught.value.retry_after_seconds == 30.0
            assert not opened.slept
            assert len(server.requests) == 1

    drive.run(body)


@pytest.mark.parametrize(
    ("headers", "members", "status"),
    [
        ({}, {}, 429),
        ({"x-amzn-ErrorType": "throttlingException"}, {}, 429),
        ({"x-amzn-ErrorType": "ThrottledException"}, {}, 400),
        ({"x-amzn-ErrorType": "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"}, {}, 429),
        ({}, {"__type": "com.amazon.coral.service#ThrottlingException"}, 400),
        ({"x-amzn-ErrorType": "TooManyRequestsException"}, {}, 429),
        ({"x-amzn-ErrorType": "ServiceQuotaExceededException"}, {"message": "Your request rate is too high"}, 429),
        ({"x-amzn-ErrorType": "NeverSeenException"}, {}, 429),
    ],
)
def test_f05_a_throttle_is_known_however_it_is_spelled(server, drive, headers, members, status):
    async def body():
        server.answer([wire.document(status, {"message": "slow down", **members}, headers)])
        async with drive.open(server.port) as opened:
            with pytest.raises(ThrottledError) as caught:
                await opened.gateway.converse("Hello")
            assert caught.value.attempts == MOST_REQUESTS == len(server.requests)

    drive.run(body)


def test_f05_a_quota_of_the_day_is_a_throttle_that_no_retry_cures(server, drive):
    async def body():
        words = "Too many tokens per day, please wait before trying again."
        server.answer([wire.document(429, {"message": words}, {"x-amzn-ErrorType": "ThrottlingException"})])
        async with drive.open(server.port) as opened:
            with pytest.raises(ThrottledError, match="another model or a larger quota") as caught:
                await opened.gateway.converse("Hello")
            assert not caught.value.retryable
            assert len(server.requests) == 1

    drive.run(body)


def test_f06_loading_has_its_own_schedule(server, drive):
    async def body():
        server.answer(*[[wire.error(429, "ModelNotReadyException")]] * 5, [wire.CONVERSE])
        async with drive.open(server.port) as opened:
            await opened.gateway.converse("Hello")
            assert opened.slept == [2, 4, 8, 16, 30]

    drive.run(body)


@pytest.mark.parametrize("operation", ["converse", "stream", "invoke"])
@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["closed", "reset"])
def test_f09_an_idle_connection_that_the_server_had_closed_is_not_an_ambiguous_loss(server, drive, operation, end):
    """The second request goes out on the connection of the first, which ends without a byte of an answer."""
    answers = {
        "converse": wire.CONVERSE,
        "stream": wire.stream(*wire.FRAMES),
        "invoke": wire.document(200, {"output": {"message": {"content": [{"text": "Hi"}]}}}),
    }

    async def body():
        server.answer([answers["converse"]], [end], [answers[operation]])
        async with drive.open(server.port) as opened:
            await opened.gateway.converse("Hello")
            await call(opened.gateway, operation, [])
            numbers = [one.connection for one in server.requests]
            assert numbers[0] == numbers[1] != numbers[2]
            assert opened.ended[-1].attempts == 2

    drive.run(body)


def test_f09_opting_in_resends_what_may_have_been_billed(server, drive):
    async def body():
        server.answer([RESET], [STALL], [wire.CONVERSE])
        async with drive.open(server.port, timeouts=None) as opened:
            from bedrock_gateway import Timeouts

            gateway = opened.gateway.with_options(resend_ambiguous=True, timeouts=Timeouts(first_byte=0.15))
            assert (await gateway.converse("Hello")).text
            assert len(server.requests) == 3

    drive.run(body)


def test_f09_what_is_free_is_resent_without_asking(server, drive):
    async def body():
        passages = {"retrievalResults": [{"content": {"text": "25 days"}, "score": 0.9}]}
        server.answer([RESET], [wire.document(200, b"")], [wire.document(200, passages)])
        async with drive.open(server.port) as opened:
            found = await opened.gateway.retrieve("How many days?", knowledge_base="handbook")
            assert [one.text for one in found.passages] == ["25 days"]
            assert len(server.requests) == 3

    drive.run(body)


@pytest.mark.parametrize("answer", [[RESET], [wire.document(200, b"")]], ids=["reset", "empty"])
def test_what_is_free_has_the_same_ceiling(server, drive, answer):
    async def body():
        server.answer(answer)
        async with drive.open(server.port) as opened:
            with pytest.raises((TransportError, MalformedResponseError)):
                await opened.gateway.retrieve("How many days?", knowledge_base="handbook")
            assert len(server.requests) == MOST_REQUESTS

    drive.run(body)


def test_f11_a_stream_lost_before_its_first_event_is_resent_when_opted_in(server, drive):
    async def body():
        server.answer([wire.STREAM_HEAD, RESET], [wire.stream(*wire.FRAMES)])
        async with drive.open(server.port) as opened:
            gateway = opened.gateway.with_options(resend_ambiguous=True)
            async with gateway.converse_stream("Hello") as stream:
                events = [event async for event in stream]
            assert "".join(getattr(one, "text", "") for one in events) == "".join(wire.TEXTS)
            assert len(server.requests) == 2

    drive.run(body)


def test_f12_after_the_first_event_a_stream_is_never_resent_even_when_opted_in(server, drive):
    async def body():
        server.answer([wire.stream(*wire.FRAMES[:2], end=b""), RESET])
        async with drive.open(server.port) as opened:
            gateway = opened.gateway.with_options(resend_ambiguous=True)
            with pytest.raises(StreamInterruptedError):
                await call(gateway, "stream", [])
            assert len(server.requests) == 1

    drive.run(body)


def test_f07_the_waits_between_requests_grow_and_are_jittered(server, drive):
    async def body():
        server.answer([wire.error(503, "ServiceUnavailableException")])
        async with drive.open(server.port) as opened:
            waits = []
            for _ in range(8):
                with pytest.raises(UnavailableError):
                    await opened.gateway.converse("Hello")
                waits.append(tuple(opened.slept))
                opened.slept.clear()
            assert all(len(one) == MOST_REQUESTS - 1 for one in waits)
            assert len(set(waits)) > 1
            assert all(wait <= 0.1 * 2**at for one in waits for at, wait in enumerate(one))

    drive.run(body)


def test_f03_of_many_calls_with_a_third_throttled_all_succeed(server, drive):
    async def body():
        throttled = [wire.error(429, "ThrottlingException")]
        server.answer(*[throttled if at % 3 == 0 else [wire.CONVERSE] for at in range(60)], [wire.CONVERSE])
        async with drive.open(server.port) as opened:
            for _ in range(40):
                assert (await opened.gateway.converse("Hello")).text
            assert len(server.requests) == 40 + len(opened.slept)

    drive.run(body)


def test_f26_no_request_waits_for_the_server_to_ask_for_its_body(server, drive):
    async def body():
        server.answer([wire.CONVERSE])
        async with drive.open(server.port) as opened:
            await opened.gateway.converse("Hello " * 100_000)
            assert "expect" not in server.requests[0].headers
            assert len(server.requests[0].body) > 600_000

    drive.run(body)
