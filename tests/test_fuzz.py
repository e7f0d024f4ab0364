"""Answers that are cut, damaged or not what they should be: only our errors, and never a silent success.

No sockets: the flow is stepped by hand with the bytes. The seeds are recorded traffic where it is at hand, and else what
the API reference describes.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import struct
from pathlib import Path
from zlib import crc32

import pytest

from bedrock_gateway import _responses, _retrieved
from bedrock_gateway._commands import Receive, Send
from bedrock_gateway._eventstream import Decoder
from bedrock_gateway._flow import Context, call, stream
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway._fold.converse import ConverseFold
from bedrock_gateway.errors import GatewayError, MalformedResponseError, ServiceError, StreamInterruptedError

FOLDS = {"ConverseStream": ("stream", ConverseFold), "InvokeModelWithResponseStream": ("body", InvokeFold)}
PARSERS = {
    "Converse": _responses.converse,
    "InvokeModel": _responses.invoke_model,
    "Retrieve": _retrieved.retrieved,
    "RetrieveAndGenerate": _retrieved.answer,
    "CreateKnowledgeBase": _responses.knowledge_base,
    "CreateDataSource": _responses.data_source,
    "StartIngestionJob": _responses.ingestion_job,
    "GetIngestionJob": _responses.ingestion_job,
}
METADATA = {"RequestId": "r", "HTTPStatusCode": 200, "HTTPHeaders": {}}


def frame(name: str, payload: dict) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    block = b"".join(
        bytes([len(k)]) + k.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode() for k, v in headers.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(block) + len(body), len(block))
    data = prelude + struct.pack(">I", crc32(prelude)) + block + body
    return data + struct.pack(">I", crc32(data))


def chunk(payload: dict) -> bytes:
    return frame("chunk", {"bytes": base64.b64encode(json.dumps(payload).encode()).decode()})


WRITTEN = [
    (
        "ConverseStream",
        b"".join(
            frame(name, payload)
            for name, payload in [
                ("messageStart", {"role": "assistant"}),
                ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "n"}}}),
                ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a":'}}}),
                ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "1}"}}}),
                ("contentBlockStop", {"contentBlockIndex": 0}),
                ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Hello"}}),
                ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"reasoningContent": {"text": "Hm"}}}),
                ("messageStop", {"stopReason": "tool_use"}),
                ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}}),
            ]
        ),
    ),
    (
        "InvokeModelWithResponseStream",
        b"".join(
            chunk(payload)
            for payload in [
                {"messageStart": {"role": "assistant"}},
                {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}},
                {"messageStop": {"stopReason": "end_turn"}},
                {
                    "metadata": {"usage": {"inputTokens": 1, "outputTokens": 2}},
                    "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1},
                },
            ]
        ),
    ),
]
BODIES = [
    ("Converse", {"output": {"message": {"role": "assistant", "content": [{"text": "x"}, {"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 1}}),
    ("InvokeModel", {"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}),
    ("InvokeModel", {"results": [{"outputText": "x", "completionReason": "FINISH", "tokenCount": 1}], "inputTextTokenCount": 1}),
    ("InvokeModel", {"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 1}}),
    ("Retrieve", {"retrievalResults": [{"content": {"text": "x"}, "location": {"s3Location": {"uri": "s3://b/k"}}, "score": 0.5, "metadata": {"a": 1}}]}),
    ("RetrieveAndGenerate", {"output": {"text": "xyz"}, "sessionId": "s", "citations": [{"generatedResponsePart": {"textResponsePart": {"text": "xy", "span": {"start": 0, "end": 1}}}, "retrievedReferences": [{"content": {"text": "x"}, "location": {}}]}]}),
    ("CreateKnowledgeBase", {"knowledgeBase": {"knowledgeBaseId": "KB12345678", "status": "CREATING", "name": "x"}}),
    ("CreateDataSource", {"dataSource": {"dataSourceId": "DS", "knowledgeBaseId": "KB12345678", "status": "AVAILABLE"}}),
    ("GetIngestionJob", {"ingestionJob": {"ingestionJobId": "J", "knowledgeBaseId": "KB", "dataSourceId": "D", "status": "COMPLETE", "statistics": {"numberOfDocumentsScanned": 1}, "failureReasons": ["x"]}}),
]  # fmt: skip


def recordings() -> Path | None:
    beside = Path(__file__).resolve().parents[2] / "shared" / "recordings"
    file = Path(os.environ.get("BEDROCKGW_TEST_RECORDINGS", beside)) / "exchanges.jsonl.gz"
    return file if file.exists() else None


def seeds(operations) -> list[tuple[str, bytes]]:
    written = [*WRITTEN, *((name, json.dumps(body).encode()) for name, body in BODIES)]
    found = [one for one in written if one[0] in operations]
    file = recordings()
    if file is not None:
        with gzip.open(file, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        found += [
            (one["operation"], base64.b64decode(one["response_body_b64"]))
            for one in rows
            if one["operation"] in operations and one["status"] == 200
        ]
    return found


def send_of(operation: str) -> Send:
    params = {"modelId": "m", "knowledgeBaseId": "KB", "dataSourceId": "D"}
    return Send("x", operation, params, "billed", FOLDS.get(operation, (None,))[0], model_id="m")


def streamed(operation: str, pieces: list[bytes]):
    """Return the events delivered and how the stream ended: its result, or the error raised."""
    member, fold = FOLDS[operation]
    events, reported = [], []
    context = Context(emit=reported.append, now=lambda: 0.0)
    flow = stream(operation, lambda: send_of(operation), context, fold)
    command, left = next(flow), iter([*pieces, None])
    try:
        while True:
            if isinstance(command, Send):
                command = flow.send({member: object(), "ResponseMetadata": METADATA})
            elif isinstance(command, Receive):
                command = flow.send(next(left, None))
            else:
                events += command.events
                command = flow.send(None)
    except StopIteration as stop:
        ending = stop.value
    except GatewayError as error:
        ending = error
    assert [one.name for one in reported] == ["gateway.call_ended"]
    return events, ending


def boundaries(data: bytes) -> list[int]:
    found, at = [0], 0
    while at < len(data):
        at += int.from_bytes(data[at : at + 4], "big")
        found.append(at)
    return found


def check_cut(operation: str, data: bytes, at: int, whole) -> None:
    """What a stream cut at *at* becomes: an interruption with every whole frame, or the whole where the answer was whole."""
    ends = [end for end in boundaries(data) if 0 < end <= at]
    events, ending = streamed(operation, [data[:at]] if at else [])
    if isinstance(ending, StreamInterruptedError):
        arrived = ending.partial.raw if ending.partial else []
        assert arrived == whole.raw[: len(ends)]
        assert len(events) <= len(ends)
        return
    assert not isinstance(ending, Exception), ending
    # A success: everything that was said is there, and the terminal event was among it.
    assert ending.stop_reason == whole.stop_reason
    assert ending.text == whole.text
    assert ending.raw == whole.raw[: len(ends)]


def good_streams() -> list[tuple[str, bytes, object]]:
    found = []
    for operation, data in seeds(FOLDS):
        _, ending = streamed(operation, [data])
        if not isinstance(ending, Exception):
            found.append((operation, data, ending))
    return found


@pytest.mark.parametrize("most", [8, pytest.param(1 << 30, marks=pytest.mark.full)], ids=["some frames", "each frame"])
def test_a_stream_cut_around_a_frame_is_interrupted_or_whole(most):
    chance = random.Random(5)
    for operation, data, whole in good_streams():
        places = boundaries(data)
        # The end is where a cut could pass for the whole.
        for boundary in {*chance.sample(places, min(most, len(places))), *places[-4:]}:
            for at in {boundary - 1, boundary, boundary + 1}:
                if 0 <= at <= len(data):
                    check_cut(operation, data, at, whole)


@pytest.mark.full
def test_the_shortest_streams_are_cut_at_every_byte():
    for operation, data, whole in sorted(good_streams(), key=lambda one: len(one[1]))[:20]:
        for at in range(len(data) + 1):
            check_cut(operation, data, at, whole)


def check_damage(operation: str, data: bytes, whole, chance: random.Random) -> None:
    damaged = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    kind = chance.random()
    if kind < 0.2:
        at = chance.randrange(len(damaged))
        del damaged[at : at + chance.randrange(1, 40)]
    elif kind < 0.3:
        at = chance.randrange(len(damaged))
        damaged[at:at] = chance.randbytes(chance.randrange(1, 40))
    size = chance.choice([1, 7, 100, 65536])
    pieces = [bytes(damaged[at : at + size]) for at in range(0, len(damaged), size)]
    _, ending = streamed(operation, pieces)
    if isinstance(ending, Exception):
        assert isinstance(ending, (StreamInterruptedError, ServiceError))
        assert whole.text.startswith(ending.partial.text if getattr(ending, "partial", None) else "")
    else:
        assert ending.text == whole.text
        assert ending.stop_reason == whole.stop_reason


@pytest.mark.parametrize("rounds", [600, pytest.param(100_000, marks=pytest.mark.full)])
def test_a_damaged_stream_is_never_a_success(rounds):
    chance, streams = random.Random(11), sorted(good_streams(), key=lambda one: len(one[1]))[:40]
    for _ in range(rounds):
        check_damage(*chance.choice(streams), chance)


OTHERS = [None, True, 0, -1, 1.5, "", "x", [], ["x"], {}, {"a": 1}, [[]], [None], {"text": 5}, 1 << 62, "\ud800"]


def changed(value, chance: random.Random):
    """Return *value* with one part of it replaced, removed or added, at any depth."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        kind = chance.random()
        if kind < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if kind < 0.3:
            return {**value, "somethingNew": chance.choice(OTHERS)}
        return {**value, key: changed(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], changed(value[at], chance), *value[at + 1 :]]
    return chance.choice(OTHERS)


def answered(operation: str, body: bytes):
    flow = call(
        operation, lambda: send_of(operation), Context(emit=lambda _: None, now=lambda: 0.0), PARSERS[operation]
    )
    next(flow)
    try:
        flow.send({_responses.BODY: body, "ResponseMetadata": METADATA})
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it asked for more")


@pytest.mark.parametrize("rounds", [4_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_an_answer_of_another_form_is_taken_as_it_is_or_malformed(rounds):
    chance, found = random.Random(13), seeds(PARSERS)
    for _ in range(rounds):
        operation, body = chance.choice(found)
        document = changed(json.loads(body), chance)
        try:
            result = answered(operation, json.dumps(document).encode())
        except MalformedResponseError:
            continue
        assert result.raw == document
        assert isinstance(result.text, str)
        assert repr(result)


@pytest.mark.parametrize("rounds", [1_500, pytest.param(50_000, marks=pytest.mark.full)])
def test_an_answer_of_damaged_bytes_is_malformed_or_still_json(rounds):
    chance, found = random.Random(17), seeds(PARSERS)
    for _ in range(rounds):
        operation, body = chance.choice(found)
        damaged = bytearray(body[: chance.randrange(len(body) + 1)] if chance.random() < 0.5 else body)
        for _ in range(chance.randrange(3)):
            if damaged:
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        try:
            result = answered(operation, bytes(damaged))
        except MalformedResponseError:
            continue
        assert result.raw == json.loads(bytes(damaged))


@pytest.mark.parametrize("rounds", [1_500, pytest.param(50_000, marks=pytest.mark.full)])
def test_events_of_another_form_are_taken_as_they_are_or_corrupt(rounds):
    """Whole frames with right checksums, whose payload is not what AWS ever sent."""
    chance, streams = random.Random(19), sorted(good_streams(), key=lambda one: len(one[1]))[:40]
    for _ in range(rounds):
        operation, data, _ = chance.choice(streams)
        pieces = []
        for headers, data_of_it in Decoder().feed(data):
            payload = json.loads(data_of_it or b"{}")
            if operation != "ConverseStream" and chance.random() < 0.7:
                inner = json.loads(base64.b64decode(payload["bytes"]))
                payload = {"bytes": base64.b64encode(json.dumps(changed(inner, chance)).encode()).decode()}
            elif chance.random() < 0.3:
                payload = changed(payload, chance)
            pieces.append(frame(headers[":event-type"], payload))
        _, ending = streamed(operation, pieces)
        assert isinstance(ending, StreamInterruptedError) or isinstance(ending.text, str)
        assert repr(ending)
