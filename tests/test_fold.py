"""A stream says the same however its bytes are cut on their way, whatever they are: events, result, and what is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway._commands import Send
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway._fold.answer import AnswerFold
from bedrock_gateway._fold.converse import ConverseFold

from .faults import wire

LONG = 2**70 + 1
"""More than orjson keeps of an integer."""


def chunk(**members: Any) -> bytes:
    return wire.event("chunk", {"bytes": base64.b64encode(json.dumps(members).encode()).decode(), "p": "abc"})


STREAMS: dict[type, list[bytes]] = {
    ConverseFold: [
        *wire.FRAMES[:3],
        wire.event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"reasoningContent": {"text": "hm"}}}),
        wire.event(
            "contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}
        ),
        wire.event(
            "contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"n": 1' + "0" * 30}}}
        ),
        wire.event("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "}"}}}),
        wire.event("somethingNew", {"count": LONG}),
        wire.event("somethingEmpty", b""),
        wire.event("somethingElse", b'{"ratio": NaN}'),
        *wire.FRAMES[3:],
    ],
    InvokeFold: [
        chunk(type="message_start", message={"usage": {"input_tokens": 3, "output_tokens": 1}}),
        *[chunk(type="content_block_delta", delta={"text": text}) for text in wire.TEXTS],
        wire.event("somethingNew", {"count": LONG}),
        chunk(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": LONG}),
        chunk(**{"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}}),
    ],
    AnswerFold: [
        *[wire.event("output", {"text": text}) for text in wire.TEXTS],
        wire.event("citation", {"citation": {"retrievedReferences": [{"content": {"text": "found"}}]}}),
        wire.event("guardrail", {"action": "NONE"}),
    ],
}
ENDINGS = {
    "whole": b"",
    "within a frame": wire.delta("never whole")[:-7],
    "damaged": wire.delta("damaged")[:-1] + b"\x00",
    "no JSON": wire.event("contentBlockDelta", b"{") + wire.event("chunk", b"{"),
    "exception": wire.exception("modelStreamErrorException", originalStatusCode=500),
    "unmodelled": wire.unmodelled("internalError"),
}


def folded(kind: type, pieces: list[bytes]) -> tuple[Any, ...]:
    """What a fold makes of *pieces*: fed until something is wrong, as the flow feeds it."""
    fold = kind(Send("bedrock-runtime", "X", {}, "billed", "stream", model_id="m"))
    fold.began({})
    events = []
    for piece in pieces:
        events += fold.feed(piece)
        if fold.failed or fold.corrupt:
            break
    else:
        fold.ended()
    result = fold.result("r")
    wrong = (
        fold.failed,
        str(fold.corrupt),
        fold.complete,
        fold.done,
        bool(fold.failed or fold.corrupt) or fold.between_frames,
    )
    return (
        [repr(one.raw) for one in events],
        [repr(one) for one in events],
        wrong,
        repr(result.raw),
        repr(result),
        result.text,
    )


@pytest.mark.parametrize("kind", STREAMS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_where_the_bytes_are_cut_does_not_matter(kind: type, ending: str, data: st.DataObject) -> None:
    frames = STREAMS[kind]
    whole = b"".join(frames[: data.draw(st.integers(0, len(frames)))]) + ENDINGS[ending]
    places = sorted(data.draw(st.sets(st.integers(1, max(1, len(whole) - 1)), max_size=12)))
    pieces = [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]
    found = folded(kind, [one for one in pieces if one])
    assert found == folded(kind, [whole] if whole else [])
    assert found == folded(kind, [whole[at : at + 1] for at in range(len(whole))])


def test_what_raw_says_is_what_the_events_said() -> None:
    for kind in (ConverseFold, AnswerFold):
        raws, *_, raw, _, _ = folded(kind, STREAMS[kind])
        assert raw == f"[{', '.join(raws)}]"
