"""Recorded streams, cut: inside of every field of a frame in process, and at sampled places over HTTP."""

from __future__ import annotations

import base64
import gzip
import json
import random

import pytest

from bedrock_gateway import StreamInterruptedError
from bedrock_gateway._commands import Receive, Send
from bedrock_gateway._flow import Context
from bedrock_gateway._flow import stream as flow_of
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway._fold.converse import ConverseFold

from . import wire
from .catalogue import BODY
from .server import CLOSE, RESET

OPERATIONS = {
    "ConverseStream": ("stream", ConverseFold),
    "InvokeModelWithResponseStream": ("body", InvokeFold),
}
MOST_LOST = 30
"""Streams that a gateway may lose before its circuit breaker has seen enough."""

# Where a cut falls in a frame of *total* bytes whose headers take *headers*: inside of each field.
FIELDS = {
    "total length": lambda total, headers: 2,
    "length of the headers": lambda total, headers: 6,
    "checksum of the prelude": lambda total, headers: 10,
    "headers": lambda total, headers: 12 + headers // 2,
    "payload": lambda total, headers: 12 + headers + max(1, (total - headers - 16) // 2),
    "checksum of the message": lambda total, headers: total - 2,
}


def frames_of(data: bytes) -> list[tuple[int, int, int]]:
    """Where each frame begins, how long it is, and how long its headers are."""
    found, at = [], 0
    while at < len(data):
        total, headers = (int.from_bytes(data[at + from_ : at + from_ + 4], "big") for from_ in (0, 4))
        found.append((at, total, headers))
        at += total
    return found


@pytest.fixture(scope="module")
def streams(recordings):
    """Operation, bytes and whole result of every recorded stream that is a whole answer."""
    found = []
    with gzip.open(recordings / "exchanges.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if row["operation"] in OPERATIONS and row["status"] == 200:
                data = base64.b64decode(row["response_body_b64"])
                _, ending = stepped(row["operation"], data)
                if not isinstance(ending, Exception):
                    found.append((row["operation"], data, ending))
    assert len(found) > 100
    return found


def stepped(operation: str, data: bytes):
    """Run the flow by hand over *data*: the events, and the result or the error."""
    member, fold = OPERATIONS[operation]
    send = Send("bedrock-runtime", operation, {"modelId": "m"}, "billed", member, model_id="m")
    flow = flow_of(operation, lambda: send, Context(emit=lambda _: None, now=lambda: 0.0), fold)
    events, left = [], iter((data,) if data else ())
    command = next(flow)
    try:
        while True:
            if isinstance(command, Send):
                command = flow.send({member: object(), "ResponseMetadata": {"RequestId": wire.REQUEST_ID}})
            elif isinstance(command, Receive):
                command = flow.send(next(left, None))
            else:
                events += command.events
                command = flow.send(None)
    except StopIteration as stop:
        return events, stop.value
    except StreamInterruptedError as error:
        return events, error


def ends_at(operation: str, data: bytes) -> int:
    """Where a whole answer ends: after the frame that makes it complete."""
    send = Send("bedrock-runtime", operation, {"modelId": "m"}, "billed", model_id="m")
    fold = OPERATIONS[operation][1](send)
    for at, total, _ in frames_of(data):
        fold.feed(data[at : at + total])
        if fold.complete:
            return at + total
    raise AssertionError("no terminal event")


@pytest.mark.parametrize("most", [3, pytest.param(10**9, marks=pytest.mark.full)], ids=["some frames", "each frame"])
def test_f13_a_cut_inside_of_a_field_is_never_a_silent_success(streams, most):
    draw = random.Random(23)
    for operation, data, whole in streams:
        end = ends_at(operation, data)
        frames = frames_of(data)
        for start, total, headers in draw.sample(frames, min(most, len(frames))):
            for field, place in FIELDS.items():
                at = start + place(total, headers)
                assert start < at < start + total, field
                _, ending = stepped(operation, data[:at])
                if at < end:
                    assert isinstance(ending, StreamInterruptedError), (operation, at)
                    count = sum(begin + length <= at for begin, length, _ in frames)
                    assert (ending.partial.raw if ending.partial else []) == whole.raw[:count]
                else:
                    assert ending.text == whole.text


@pytest.mark.parametrize("ending", [CLOSE, RESET, None], ids=["closed", "reset", "ended properly"])
@pytest.mark.parametrize("count", [4, pytest.param(70, marks=pytest.mark.full)])
def test_f13_cuts_over_http_are_never_a_silent_success(server, drive, streams, ending, count):
    draw = random.Random(29)

    async def body(count):
        async with drive.open(server.port) as opened:
            for _ in range(count):
                operation, data, whole = draw.choice(streams)
                at = draw.randrange(len(data))
                # As AWS sends it, a chunk a frame; what is cut off is in the last one.
                pieces = [data[start : min(start + total, at)] for start, total, _ in frames_of(data) if start < at]
                sent = wire.stream(*pieces, end=wire.END if ending is None else b"")
                server.answer([sent] if ending is None else [sent, ending])
                gateway = opened.gateway
                made = (
                    gateway.converse_stream("Hi")
                    if operation == "ConverseStream"
                    else gateway.invoke_model_stream(BODY)
                )
                seen, outcome = [], None
                try:
                    async with made as stream:
                        async for event in stream:
                            seen.append(event)
                        outcome = await stream.result()
                except StreamInterruptedError as error:
                    outcome = error
                assert len(server.requests) == 1
                if at < ends_at(operation, data):
                    assert isinstance(outcome, StreamInterruptedError), (operation, at)
                    assert outcome.request_id == wire.REQUEST_ID
                    whole_frames = sum(start + total <= at for start, total, _ in frames_of(data))
                    assert len(seen) <= whole_frames
                else:
                    assert outcome.text == whole.text

    # A gateway each few: so many streams that are lost open a circuit, as they should.
    for first in range(0, count, MOST_LOST):
        drive.run(body, min(MOST_LOST, count - first))
