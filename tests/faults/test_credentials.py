"""Credentials that expire or cannot be refreshed, and a clock that is wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time

import pytest
from botocore.exceptions import CredentialRetrievalError

from bedrock_gateway import AccessDeniedError, ConfigError, TransportError

from . import wire
from .driving import Driver

KEYS = {
    "access_key": "AKIAIOSFODNN7EXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "token": "the-session-token-of-a-test",
}
EXPIRED = wire.error(403, "ExpiredTokenException")


class Source:
    """What hands out temporary credentials: counts how often it was asked, and fails from some time on."""

    def __init__(
        self, *, lives_seconds: float = 3600.0, fails_from: int = 10**9, error: Exception | None = None
    ) -> None:
        self.error = error or CredentialRetrievalError(provider="test", error_msg="the metadata service is silent")
        self.asked, self.lives, self.fails_from = 0, lives_seconds, fails_from
        self._lock = threading.Lock()

    def __call__(self):
        with self._lock:
            self.asked += 1
            if self.asked >= self.fails_from:
                raise self.error
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.lives)
        return {**KEYS, "expiry_time": until.isoformat()}

    async def asynchronously(self):
        await asyncio.sleep(0)
        return self()


def session_with(drive: Driver, source: Source):
    """A session whose credentials come from *source*, and were fetched once."""
    if drive.is_async:
        from aiobotocore.credentials import AioRefreshableCredentials
        from aiobotocore.session import get_session

        session = get_session()
        made = AioRefreshableCredentials.create_from_metadata(source(), source.asynchronously, "test")
        session._credentials = made
        return session
    import boto3
    from botocore.credentials import RefreshableCredentials
    from botocore.session import get_session as get_core

    core = get_core()
    core._credentials = RefreshableCredentials.create_from_metadata(source(), source, "test")
    return boto3.Session(botocore_session=core)


def test_f23_a_token_that_expired_on_the_way_is_refreshed_once_and_the_call_sent_again(server, drive):
    async def body():
        source = Source()
        server.answer([EXPIRED], [wire.CONVERSE])
        async with drive.open(server.port, session=session_with(drive, source)) as opened:
            assert (await opened.gateway.converse("Hello")).text
            assert source.asked == 2
            assert len(server.requests) == 2

    drive.run(body)


def test_f23_a_token_that_stays_expired_is_told_as_such(server, drive):
    async def body():
        server.answer([EXPIRED])
        async with drive.open(server.port, session=session_with(drive, Source())) as opened:
            with pytest.raises(AccessDeniedError, match="ExpiredToken") as caught:
                await opened.gateway.converse("Hello")
            assert caught.value.code == "ExpiredTokenException"
            assert len(server.requests) <= 2

    drive.run(body)


def test_f23_credentials_near_their_end_are_refreshed_once_for_a_hundred_tasks(server):
    pytest.importorskip("aiobotocore")
    drive, source = Driver("async"), Source(lives_seconds=60.0)

    async def body():
        server.answer([wire.CONVERSE])
        async with drive.open(server.port, session=session_with(drive, source)) as opened:
            source.lives = 3600.0
            await asyncio.gather(*(opened.gateway.converse("Hello") for _ in range(100)))
            assert source.asked == 2
            assert len(server.requests) == 100

    drive.run(body)


def test_f24_while_credentials_still_live_a_source_that_fails_stops_no_call(server, drive):
    async def body():
        source = Source(lives_seconds=13 * 60.0, fails_from=2)  # botocore asks early, from a quarter of an hour on
        server.answer([wire.CONVERSE])
        async with drive.open(server.port, session=session_with(drive, source)) as opened:
            assert (await opened.gateway.converse("Hello")).text
            assert source.asked == 2

    drive.run(body)


def test_f24_without_living_credentials_nothing_is_sent_and_the_error_says_what_to_do(server, drive):
    async def body():
        source = Source(lives_seconds=1.0, fails_from=2)
        server.answer([wire.CONVERSE])
        async with drive.open(server.port, session=session_with(drive, source)) as opened:
            with pytest.raises(ConfigError, match="credentials"):
                await opened.gateway.converse("Hello")
            assert not server.requests
            [ended] = opened.ended
            assert ended.attempts == 0

    drive.run(body)


def test_f24_a_source_of_the_applications_own_that_fails_is_no_lost_answer(server, drive):
    async def body():
        source = Source(lives_seconds=1.0, fails_from=2, error=ConnectionError("no"))
        server.answer([wire.CONVERSE])
        async with drive.open(server.port, session=session_with(drive, source)) as opened:
            with pytest.raises(TransportError) as caught:
                await opened.gateway.converse("Hello")
            assert not server.requests
            assert caught.value.sent is False
            assert "billed" not in str(caught.value)

    drive.run(body)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidSignatureException", "Signature expired: 20261126T030000Z is now earlier than 20261126T034500Z"),
        (
            "InvalidSignatureException",
            "Signature not yet current: 20261126T040000Z is still later than 20261126T033500Z",
        ),
        ("RequestExpired", "Request has expired"),
    ],
)
def test_f25_a_clock_that_is_wrong_is_named(server, drive, code, message):
    async def body():
        server.answer(
            [
                wire.document(
                    403, {"message": message}, {"x-amzn-ErrorType": code, "Date": "Thu, 26 Nov 2026 03:45:00 GMT"}
                )
            ]
        )
        async with drive.open(server.port) as opened:
            with pytest.raises(AccessDeniedError, match="clock"):
                await opened.gateway.converse("Hello")
            assert len(server.requests) == 1

    drive.run(body)


def test_f25_durations_do_not_follow_the_clock_on_the_wall(server, drive, monkeypatch):
    async def body():
        server.answer([wire.CONVERSE])
        async with drive.open(server.port) as opened:
            await opened.gateway.converse("Hello")
            real, calls = time.time, iter(range(10**9))
            # Each look at the clock finds it an hour further on.
            monkeypatch.setattr(time, "time", lambda: real() + 3600.0 * next(calls))
            await opened.gateway.converse("Hello")
            assert opened.ended[-1].duration_seconds < 30.0

    drive.run(body)
