"""ConverseStream in every order that is legal: what arrives is what Converse would have answered at once.

A message is made first, as Converse has it. Its stream is then any that AWS could send for it: pieces cut anywhere, blocks
interleaved, no start of a text block, events nobody knows, headers of every type, the metadata before the end.
"""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway import _responses
from bedrock_gateway._commands import Send
from bedrock_gateway._fold.converse import ConverseFold
from tests.protocol.conforming import DOCUMENTS, UNKNOWN
from tests.protocol.framing import reads, unusual

SEND = Send("bedrock-runtime", "ConverseStream", {}, stream="stream")
WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
BLOB = st.binary(min_size=1, max_size=9).map(lambda data: base64.b64encode(data).decode())
OBJECTS = st.dictionaries(WORDS, DOCUMENTS, max_size=3)
CITATION = st.fixed_dictionaries({"title": WORDS, "sourceContent": st.lists(st.fixed_dictionaries({"text": WORDS}))})


def cut(draw: st.DrawFn, text: str, *, most: int = 4) -> list[str]:
    """*text* in pieces, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=most)))
    edges = [0, *cuts, len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


@st.composite
def text_block(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    text = draw(WORDS)
    return {"text": text}, [
        *draw(st.sampled_from([[], [("start", {})]])),
        *[("delta", {"text": one}) for one in cut(draw, text)],
    ]


@st.composite
def tool_block(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    head = {"toolUseId": draw(WORDS), "name": draw(WORDS)}
    given = draw(OBJECTS)
    written = json.dumps(given, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    pieces = cut(draw, written) if given else draw(st.sampled_from([[], [""], [written]]))
    deltas = [("delta", {"toolUse": {"input": one}}) for one in pieces]
    return {"toolUse": {**head, "input": given}}, [("start", {"toolUse": head}), *deltas]


@st.composite
def thought_block(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    text, signature = draw(WORDS), draw(st.none() | WORDS)
    deltas = [("delta", {"reasoningContent": {"text": one}}) for one in cut(draw, text)]
    if signature is None:
        return {"reasoningContent": {"reasoningText": {"text": text}}}, deltas
    deltas += [("delta", {"reasoningContent": {"signature": one}}) for one in cut(draw, signature, most=1)]
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}, deltas


@st.composite
def redacted_block(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    content = {"redactedContent": draw(BLOB)}
    return {"reasoningContent": content}, [("delta", {"reasoningContent": content})]


@st.composite
def cited_block(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    text, citations = draw(WORDS), draw(st.lists(CITATION, min_size=1, max_size=2))
    said = [("delta", {"text": one}) for one in cut(draw, text)]
    deltas = mixed(draw, [said, [("delta", {"citation": one}) for one in citations]])
    return {"citationsContent": {"content": [{"text": text}], "citations": citations}}, deltas


@st.composite
def result_block(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    head = {"toolUseId": draw(WORDS), "type": "nova_code_interpreter_result", "status": "success"}
    text, found = draw(WORDS), draw(OBJECTS)
    deltas = [("delta", {"toolResult": [{"text": one}]}) for one in cut(draw, text)]
    deltas.append(("delta", {"toolResult": [{"json": found}]}))
    return {"toolResult": {**head, "content": [{"text": text}, {"json": found}]}}, [
        ("start", {"toolResult": head}),
        *deltas,
    ]


@st.composite
def image_block(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    data = draw(st.binary(min_size=2, max_size=9))
    at = draw(st.integers(1, len(data) - 1))
    pieces = [base64.b64encode(one).decode() for one in (data[:at], data[at:])]
    deltas = [("delta", {"image": {"source": {"bytes": one}}}) for one in pieces]
    whole = {"format": "png", "source": {"bytes": base64.b64encode(data).decode()}}
    return {"image": whole}, [("start", {"image": {"format": "png"}}), *deltas]


@st.composite
def block_of_tomorrow(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    text = draw(WORDS)
    head, pieces = {"kind": "x"}, [("delta", {"hologram": {"rays": one}}) for one in cut(draw, text)]
    return {"hologram": {**head, "rays": text}}, [("start", {"hologram": head}), *pieces]


BLOCKS = st.one_of(
    text_block(), tool_block(), thought_block(), redacted_block(), cited_block(), result_block(), image_block(), block_of_tomorrow()
)  # fmt: skip
USAGE = st.fixed_dictionaries(
    {name: st.integers(0, 1 << 40) for name in ("inputTokens", "outputTokens", "totalTokens")},
    optional={"cacheReadInputTokens": st.integers(0, 9), "cacheDetails": st.just([{"ttl": "5m", "inputTokens": 1}])},
)


def mixed(draw: st.DrawFn, sequences: list[list[Any]]) -> list[Any]:
    """The sequences interleaved, each in its own order."""
    left, made = [list(one) for one in sequences if one], []
    while left:
        chosen = draw(st.integers(0, len(left) - 1))
        made.append(left[chosen].pop(0))
        left = [one for one in left if one]
    return made


def events_of(draw: st.DrawFn, at: int, steps: list[Any]) -> list[dict[str, Any]]:
    """Events of one block."""
    names = {"start": "contentBlockStart", "delta": "contentBlockDelta"}
    made = [{names[kind]: {"contentBlockIndex": at, kind: value}} for kind, value in steps]
    return made + draw(st.sampled_from([[], [{"contentBlockStop": {"contentBlockIndex": at}}]]))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What Converse would answer, and the events of a stream that says the same."""
    blocks = draw(st.lists(BLOCKS, max_size=3))
    reason = draw(st.sampled_from(["end_turn", "tool_use", "guardrail_intervened", "a_reason_of_tomorrow"]))
    usage, latency = draw(USAGE), draw(st.integers(0, 1 << 31))
    answer = {
        "output": {"message": {"role": "assistant", "content": [whole for whole, _ in blocks]}},
        "stopReason": reason,
        "usage": usage,
        "metrics": {"latencyMs": latency},
    }
    said = mixed(draw, [events_of(draw, at, steps) for at, (_, steps) in enumerate(blocks)])
    stops = [{"messageStop": {"stopReason": reason}}, *draw(st.sampled_from([[], [{"messageStop": {}}]]))]
    metadata = {"metadata": {"usage": usage, "metrics": {"latencyMs": latency}}}
    begun = [*draw(st.sampled_from([[], [{"initial-response": {}}]])), {"messageStart": {"role": "assistant"}}]
    ended = draw(
        st.permutations([*stops, metadata]).filter(
            lambda order: [one for one in order if "messageStop" in one] == stops
        )
    )
    events = mixed(
        draw, [[*begun, *said, *ended], [{name: value} for name, value in draw(st.lists(UNKNOWN, max_size=1))]]
    )
    for one in events:
        if draw(st.integers(0, 3)) == 0 and isinstance(next(iter(one.values())), dict):
            next(iter(one.values()))["p"] = "abcdef"
    return answer, events


@st.composite
def streams(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]], list[bytes]]:
    answer, events = draw(conversations())
    kinds = [
        ({":event-type": name, ":message-type": "event"}, payload) for one in events for name, payload in one.items()
    ]
    data = b"".join(draw(unusual(kind, json.dumps(payload).encode())) for kind, payload in kinds)
    return answer, events, draw(reads(data))


def folded(pieces: list[bytes]) -> tuple[ConverseFold, list[Any]]:
    fold, seen = ConverseFold(SEND), []
    for one in pieces:
        seen += fold.feed(one)
    assert fold.between_frames
    return fold, seen


def same_as_at_once(answer, events, pieces) -> None:
    fold, seen = folded(pieces)
    streamed = fold.finished("r")
    at_once = _responses.converse(
        {_responses.BODY: json.dumps(answer).encode(), "ResponseMetadata": {"RequestId": "r"}}, SEND
    )
    assert fold.corrupt is None
    assert fold.failed is None
    assert fold.complete
    assert streamed.message == at_once.message
    names = (
        "text",
        "stop_reason",
        "usage",
        "tool_calls",
        "reasoning",
        "citations",
        "latency_seconds",
        "guardrail_action",
        "request_id",
    )
    for name in names:
        assert getattr(streamed, name) == getattr(at_once, name), name
    assert streamed.raw == events
    assert [one.raw for one in seen] == events
    assert "".join(one.text for one in seen if type(one).__name__ == "TextDelta") == "".join(
        one["contentBlockDelta"]["delta"].get("text", "") for one in events if "contentBlockDelta" in one
    )


@given(streams())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_stream_in_any_legal_order_says_what_converse_says_at_once(stream) -> None:
    same_as_at_once(*stream)


@pytest.mark.full
@given(streams())
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_three_thousand_streams_say_what_converse_says_at_once(stream) -> None:
    same_as_at_once(*stream)


def delta(text: str) -> dict[str, Any]:
    return {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": text}}}


def test_halves_of_one_character_in_two_deltas_are_one_character_of_the_answer() -> None:
    fold = ConverseFold(SEND)
    fold.feed([delta("\ud83d"), delta("\ude00"), {"messageStop": {"stopReason": "end_turn"}}])
    assert fold.finished("r").text == "😀"
    assert fold.finished("r").message["content"] == [{"text": "😀"}]


def test_thought_and_answer_under_one_index_are_two_blocks_as_a_union_has_one_member() -> None:
    fold = ConverseFold(SEND)
    thought = {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}}
    fold.feed([thought, delta("yes"), {"messageStop": {"stopReason": "end_turn"}}])
    said = fold.finished("r")
    assert said.message["content"] == [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "yes"}]
    assert (said.reasoning, said.text) == ("hm", "yes")
