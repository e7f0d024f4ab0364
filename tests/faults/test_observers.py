"""What an application hands in may fail or be slow: it neither breaks a call nor is passed by."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time

import pytest

from bedrock_gateway import AsyncGateway, Gateway, GovernanceError

from . import wire
from .driving import Driver, config, session_of


def gateway_of(drive: Driver, port: int, **options):
    kind = AsyncGateway if drive.is_async else Gateway
    return kind(config(port), session=session_of(drive.name), **options)


async def finished(drive: Driver, value):
    return await value if drive.is_async else value


class Fails(Exception):
    pass


def failing(seen):
    def observe(event):
        seen.append(event)
        raise Fails

    return observe


def test_f49_an_observer_that_raises_is_heard_once_and_disturbs_nobody(server, drive):
    async def body():
        server.answer([wire.CONVERSE])
        first, second = [], []
        gateway = gateway_of(drive, server.port, observers=[failing(first), second.append])
        reply = await finished(drive, gateway.converse("Hello"))
        assert reply.text
        assert len(first) == len(second) == 1
        await finished(drive, gateway.close())

    drive.run(body)


def test_f49_a_rule_that_raises_refuses_and_nothing_is_sent(server, drive):
    def rule(_send):
        raise Fails

    async def body():
        server.answer([wire.CONVERSE])
        events = []
        gateway = gateway_of(drive, server.port, rules=[rule], observers=[events.append])
        with pytest.raises(GovernanceError, match="rule"):
            await finished(drive, gateway.converse("Hello"))
        assert server.connections == 0
        assert [one.outcome for one in events] == ["denied"]
        await finished(drive, gateway.close())

    drive.run(body)


@pytest.mark.parametrize("returned", [None, {}, "send"])
def test_f49_a_rule_that_returns_nothing_of_use_refuses(server, drive, returned):
    async def body():
        server.answer([wire.CONVERSE])
        gateway = gateway_of(drive, server.port, rules=[lambda _send: returned], observers=[])
        with pytest.raises(GovernanceError):
            await finished(drive, gateway.converse("Hello"))
        assert server.connections == 0
        await finished(drive, gateway.close())

    drive.run(body)


class Broken:
    """Standard error after its pipe was closed, or on a disk that is full."""

    def __init__(self, error):
        self.error = error

    def write(self, _line):
        raise self.error

    def flush(self):
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed")])
def test_f36_a_log_that_cannot_be_written_stops_no_call(server, drive, monkeypatch, error):
    async def body():
        server.answer([wire.CONVERSE])
        gateway = gateway_of(drive, server.port)
        monkeypatch.setattr(sys, "stderr", Broken(error))
        try:
            assert (await finished(drive, gateway.converse("Hello"))).text
        finally:
            monkeypatch.undo()
            await finished(drive, gateway.close())

    drive.run(body)


def test_f49_an_observer_that_is_slow_delays_its_own_call_alone(server):
    """Observers run before the call returns: what they take is the call's, and nobody else's."""
    release = threading.Event()
    server.answer([wire.CONVERSE])
    gateway = gateway_of(Driver("sync"), server.port, observers=[lambda _: release.wait(5) if held.is_set() else None])
    held = threading.Event()
    gateway.converse("Hello")
    held.set()
    slow = threading.Thread(target=gateway.converse, args=("Hello",))
    slow.start()
    server.arrived(2)
    held.clear()
    started = time.monotonic()
    gateway.converse("Hello")
    assert time.monotonic() - started < 4.0
    release.set()
    slow.join(5)
    gateway.close()


def test_f49_what_a_callback_of_a_wait_raises_reaches_the_caller(server, drive):
    async def body():
        job = {
            "ingestionJob": {
                "ingestionJobId": "1",
                "knowledgeBaseId": "KB12345678",
                "dataSourceId": "DS12345678",
                "status": "IN_PROGRESS",
                "startedAt": "2026-11-26T00:00:00Z",
                "updatedAt": "2026-11-26T00:00:00Z",
            }
        }
        server.answer([wire.document(202, job)])
        operator = config(
            server.port, principals={"op": {"capabilities": ["kb-ingest"], "knowledge_bases": ["handbook"]}}
        )
        async with drive.open(server.port, config=operator) as opened:
            started = await opened.gateway.start_ingestion("handbook", data_source_id="DS12345678")
            server.answer([wire.document(200, job)])

            def progress(_job):
                raise Fails

            with pytest.raises(Fails):
                await opened.gateway.wait_for_ingestion(started, interval_seconds=0.01, on_progress=progress)
            assert len(server.requests) == 1

    drive.run(body)


def test_f49_an_observer_that_calls_the_gateway_does_not_deadlock(server):
    pytest.importorskip("aiobotocore")
    server.answer([wire.CONVERSE])
    inner: list[str] = []
    gateway = gateway_of(
        Driver("sync"), server.port, observers=[lambda _: inner or inner.append(gateway.converse("x").text)]
    )

    async def in_time():
        await asyncio.wait_for(asyncio.to_thread(gateway.converse, "Hello"), 5)

    with pytest.MonkeyPatch.context():
        asyncio.run(in_time())
    assert inner
    gateway.close()


def test_the_default_observer_writes_one_line_of_json_a_call(server, drive, capfd):
    async def body():
        server.answer([wire.CONVERSE])
        gateway = gateway_of(drive, server.port)
        await finished(drive, gateway.converse("Hello"))
        await finished(drive, gateway.converse("Hello"))
        await finished(drive, gateway.close())

    drive.run(body)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(one["event"], one["outcome"], one["attempts"]) for one in lines] == [("gateway.call_ended", "ok", 1)] * 2
