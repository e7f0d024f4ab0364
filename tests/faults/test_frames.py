"""The frame decoder under damaged bytes: our exception or whole frames that were sent, in bounded memory."""

from __future__ import annotations

import gc
import random
import time
import tracemalloc

import pytest

from bedrock_gateway._eventstream import FRAME_LIMIT, CorruptFrameError, Decoder

from . import wire

MUTATIONS = {
    "flip": lambda data, draw: _flip(data, draw),
    "cut": lambda data, draw: data[: draw.randrange(len(data))],
    "drop": lambda data, draw: _drop(data, draw),
    "repeat": lambda data, draw: _repeat(data, draw),
    "insert": lambda data, draw: _insert(data, draw),
    "length": lambda data, draw: _length(data, draw),
    "length with its checksum": lambda data, draw: _length(data, draw, repaired=True),
}


def _flip(data, draw):
    damaged = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 16))):
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def _drop(data, draw):
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.randrange(1, 40) :]


def _repeat(data, draw):
    at = draw.randrange(len(data))
    return data[:at] + data[max(0, at - draw.randrange(1, 40)) :]


def _insert(data, draw):
    at = draw.randrange(len(data))
    return data[:at] + draw.randbytes(draw.randrange(1, 40)) + data[at:]


def _length(data, draw, *, repaired=False):
    """Put another length into a prelude, perhaps with a checksum that is right for it."""
    at = draw.choice([0, len(wire.START)])
    total = draw.choice((0, 1, 15, 16, 17, FRAME_LIMIT, FRAME_LIMIT + 1, 2**31, 2**32 - 1, draw.randrange(2**32)))
    headers = draw.choice((0, 1, 127, 128 * 1024, 2**32 - 1, draw.randrange(2**32)))
    prelude = total.to_bytes(4, "big") + headers.to_bytes(4, "big")
    check = wire.crc(prelude) if repaired else data[at + 8 : at + 12]
    return data[:at] + prelude + check + data[at + 12 :]


def decoded(pieces):
    """Feed *pieces*; the frames, whatever the end."""
    decoder, frames = Decoder(), []
    for piece in pieces:
        try:
            frames += decoder.feed(piece)
        except CorruptFrameError:
            break
    return frames


@pytest.mark.parametrize("rounds", [3_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_f15_damaged_frames_are_refused_and_the_good_ones_before_them_kept(rounds):
    good = b"".join(wire.FRAMES)
    sent = Decoder().feed(good)
    draw = random.Random(31)
    for _ in range(rounds):
        name = draw.choice(list(MUTATIONS))
        damaged = MUTATIONS[name](good, draw)
        size = draw.choice((1, 5, 64, 4096))
        frames = decoded(damaged[at : at + size] for at in range(0, len(damaged), size))
        # Each is one that was sent; dropping or repeating whole frames is what TLS is there for.
        assert all(one in sent for one in frames), name
        if name in {"flip", "cut"}:
            assert frames == sent[: len(frames)]


def test_f15_a_length_that_is_only_claimed_takes_no_memory():
    prelude = FRAME_LIMIT.to_bytes(4, "big") + (0).to_bytes(4, "big")
    head = prelude + wire.crc(prelude)
    tracemalloc.start()
    decoders = [Decoder() for _ in range(100)]
    for one in decoders:
        assert one.feed(head) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_f15_headers_that_never_repeat_do_not_fill_a_cache():
    decoder = Decoder()
    tracemalloc.start()
    for at in range(5_000):
        decoder.feed(wire.frame(b"{}", message_type="event", event_type=f"never-{at}" * 20))
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


def test_f27_a_frame_of_15_mib_takes_no_more_than_a_few_times_its_size():
    payload = b'{"contentBlockIndex":0,"delta":{"text":"' + b"x" * (15 * 1024 * 1024) + b'"}}'
    data = wire.event("contentBlockDelta", payload)
    pieces = [data[at : at + 65536] for at in range(0, len(data), 65536)]
    tracemalloc.start()
    [(_, found)] = decoded(pieces)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == payload
    assert peak < 4 * len(data)


def test_f27_the_time_a_frame_takes_grows_with_its_size_alone():
    """Not with its square: that was 47 times as long for four times the bytes, and half a second of a blocked loop."""

    def seconds(size):
        data = wire.event("contentBlockDelta", b"x" * size)
        pieces = [data[at : at + 16384] for at in range(0, len(data), 16384)]
        started = time.process_time()
        decoded(pieces)
        return time.process_time() - started

    small = min(seconds(4 << 20) for _ in range(3))
    large = min(seconds(16 << 20) for _ in range(3))
    assert large < 20 * small
