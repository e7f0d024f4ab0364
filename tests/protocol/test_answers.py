"""RetrieveAndGenerateStream as AWS's model has it, and as a newer one may: read without loss, whatever comes in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway._commands import Send
from bedrock_gateway._fold.answer import AnswerFold
from tests.protocol.conforming import UNKNOWN, WORDS, conforming, operation
from tests.protocol.framing import reads, unusual

SEND = Send("bedrock-agent-runtime", "RetrieveAndGenerateStream", {}, stream="stream", knowledge_base="handbook")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def members() -> dict[str, Any]:
    shape = operation(SEND.service, SEND.operation).output_shape.members["stream"]
    return {name: one for name, one in shape.members.items() if not name.endswith("Exception")}


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The events of a stream, and the reads they come in."""
    kinds = members()
    events: list[dict[str, Any]] = []
    for name in draw(
        st.lists(st.sampled_from([*sorted(kinds), "output", "output", "a member of tomorrow"]), max_size=6)
    ):
        if name == "output" and draw(st.booleans()):
            events.append({"output": {"text": draw(WORDS)}})
        elif name in kinds:
            events.append({name: draw(conforming(kinds[name]))})
        else:
            events.append(dict([draw(UNKNOWN)]))
    named = [({":event-type": name, ":message-type": "event"}, one[name]) for one in events for name in one]
    data = b"".join(draw(unusual(kind, json.dumps(payload).encode())) for kind, payload in named)
    return events, draw(reads(data))


def is_read_whole(events: list[dict[str, Any]], pieces: list[bytes]) -> None:
    fold, seen = AnswerFold(SEND), []
    fold.began({"sessionId": "s-1234567"})
    for one in pieces:
        seen += fold.feed(one)
    fold.ended()
    whole = fold.finished("r")
    assert fold.corrupt is None
    assert json.dumps(whole.raw) == json.dumps(json.loads(json.dumps(events)))
    assert len(seen) == len(events)
    said = [one["output"] for one in events if isinstance(one.get("output"), dict)]
    assert whole.text == "".join(one["text"] for one in said if isinstance(one.get("text"), str))
    assert len(whole.citations) == sum(isinstance(one.get("citation"), dict) for one in events)
    assert fold.complete == bool(events)
    repr((whole, seen))


@given(answers())
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_a_streamed_answer_is_read_whole(answer):
    is_read_whole(*answer)


@pytest.mark.full
@given(answers())
@settings(max_examples=1500, deadline=None, suppress_health_check=SLOW)
def test_fifteen_hundred_streamed_answers_are_read_whole(answer):
    is_read_whole(*answer)
