"""A burst is read in few reads, however it is cut into chunks and packets; a connection that was read so serves again.

A chunk that is begun and not ended is an interruption, as any other cut.
"""

from __future__ import annotations

import random
import socket

import pytest

from bedrock_gateway import StreamInterruptedError, Timeouts
from bedrock_gateway._commands import Receive

from . import wire
from .server import CLOSE, RESET, STALL, Pause, Trickle
from .test_connecting import HOST, Resolver, certify, remote, secured

TEXTS = [f"piece {at} " for at in range(200)]
FRAMES = (wire.START, *map(wire.delta, TEXTS), wire.STOP, wire.METADATA)


class Counted:
    """Stands before a driver and counts what it reads."""

    def __init__(self, inner):
        self.inner, self.reads = inner, 0

    def __call__(self, command):
        self.reads += isinstance(command, Receive)
        return self.inner(command)

    def __getattr__(self, name):
        return getattr(self.inner, name)


async def read(opened):
    """Read one stream; its text, and how many reads that took."""
    gateway = getattr(opened.gateway, "inner", opened.gateway)
    counted = gateway._perform = Counted(gateway._perform)
    async with opened.gateway.converse_stream("Hello") as stream:
        pieces = [event.text async for event in stream if type(event).__name__ == "TextDelta"]
    gateway._perform = counted.inner
    return pieces, counted.reads


def test_a_burst_takes_few_reads(server, drive):
    async def body():
        server.answer([wire.stream(*FRAMES)])
        async with drive.open(server.port) as opened:
            for _ in range(3):
                pieces, reads = await read(opened)
                assert pieces == TEXTS
                assert reads < len(FRAMES) / 4
            assert {one.connection for one in server.requests} == {0}

    drive.run(body)


def test_a_burst_over_tls_takes_few_reads(drive, monkeypatch, tmp_path):
    certificate = certify(tmp_path / "good.pem", HOST)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))

    async def body():
        with secured(certificate, wire.stream(*FRAMES)) as (port, _):
            monkeypatch.setattr(socket, "getaddrinfo", Resolver(port))
            async with drive.open(0, config=remote()) as opened:
                pieces, reads = await read(opened)
                assert pieces == TEXTS
                assert reads < len(FRAMES) / 4

    drive.run(body)


@pytest.mark.parametrize("seed", range(6))
def test_how_a_stream_is_cut_into_chunks_and_packets_does_not_matter(server, drive, seed):
    draw = random.Random(seed)
    data, pieces = b"".join(FRAMES), []
    while data:
        size = draw.choice((1, 3, 40, 200, 1000, 30_000))
        piece, data = data[:size], data[size:]
        extension = draw.choice((b"", b"", b";name=value"))
        pieces.append(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece))
    whole = wire.STREAM_HEAD + b"".join(pieces) + b"0\r\nx-trailer: 1\r\n\r\n"
    script = []
    while whole:
        size = draw.choice((1, 7, 500, 5000, 50_000))
        script += [whole[:size], Pause(0.001)]
        whole = whole[size:]

    async def body():
        async with drive.open(server.port) as opened:
            for _ in range(2):
                server.answer(script)
                found, _ = await read(opened)
                assert found == TEXTS
            assert server.connections == 1

    drive.run(body)


LARGE = wire.delta("large " * 20_000)
"""More than any buffer holds: the chunk it comes in is begun in one read and ended in others."""


@pytest.mark.parametrize(
    ("ending", "reason"),
    [(CLOSE, "transport"), (RESET, "transport"), (STALL, "idle"), (Trickle(LARGE[-500:-400]), "idle")],
    ids=["closed", "reset", "stalled", "trickle"],
)
def test_a_chunk_that_is_begun_and_not_ended_is_an_interruption(server, drive, ending, reason):
    async def body():
        begun = wire.stream(*FRAMES[:40], end=wire.chunk(LARGE)[: len(LARGE) // 2])
        server.answer([begun, ending])
        seen = []
        async with drive.open(server.port, timeouts=Timeouts(idle=0.3)) as opened:
            with pytest.raises(StreamInterruptedError) as caught:  # noqa: PT012 - the block is the stream
                async with opened.gateway.converse_stream("Hello") as stream:
                    async for event in stream:
                        seen.append(event)
            assert caught.value.reason == reason
            assert caught.value.partial.text == "".join(TEXTS[:39])
            assert len(seen) == 40
            assert await drive.off_the_loop(server.closed)

    drive.run(body)


def test_a_chunk_that_no_buffer_holds_is_read_whole(server, drive):
    async def body():
        whole = wire.stream(*FRAMES[:40], LARGE, *FRAMES[40:])
        server.answer([whole[:20_000], Pause(0.01), whole[20_000:60_000], Pause(0.01), whole[60_000:]])
        async with drive.open(server.port) as opened:
            for _ in range(2):
                pieces, _ = await read(opened)
                assert "".join(pieces) == "".join([*TEXTS[:39], "large " * 20_000, *TEXTS[39:]])
            assert server.connections == 1

    drive.run(body)
