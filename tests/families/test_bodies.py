"""Text, stop reason and usage of recorded bodies, by family."""

from __future__ import annotations

import base64
import collections
import gzip
import json

import pytest

from bedrock_gateway._commands import Send
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway.families import bodies

# Families whose recorded bodies are texts; the others are vectors and ranks.
TEXT = {"anthropic", "amazon-nova", "meta", "mistral", "ai21"}


def rows(recordings, operation):
    with gzip.open(recordings / "exchanges.jsonl.gz", "rt") as lines:
        found = [json.loads(line) for line in lines]
    return [one for one in found if one["operation"] == operation and one["status"] == 200]


def is_text(row, body) -> bool:
    return row["family"] in TEXT and "embed" not in row["model"] and "embeddings" not in body


def test_every_recorded_text_answer_has_its_text_and_its_stop_reason(recordings):
    counts = collections.Counter()
    for row in rows(recordings, "InvokeModel"):
        body = json.loads(base64.b64decode(row["response_body_b64"]))
        if not is_text(row, body):
            continue
        tools = "tool_use" in json.dumps(body) or "toolUse" in json.dumps(body) or "tool_calls" in json.dumps(body)
        assert bodies.text_of(body) or tools or body.get("content") == [], row["id"]
        assert bodies.stop_reason_of(body), row["id"]
        counts[row["family"]] += 1
    assert set(counts) == TEXT


def test_every_recorded_text_stream_folds_to_its_text_and_its_usage(recordings):
    counts = collections.Counter()
    for row in rows(recordings, "InvokeModelWithResponseStream"):
        fold = InvokeFold(Send("x", "InvokeModelWithResponseStream", {}, stream="body"))
        events = fold.feed(base64.b64decode(row["response_body_b64"]))
        whole = fold.result("r")
        if fold.failed or not fold.complete:
            continue
        assert "".join(getattr(one, "text", "") for one in events) == whole.text
        tools = "tool_use" in json.dumps(whole.raw) or "toolUse" in json.dumps(whole.raw)
        assert whole.text or tools or "thinking" in json.dumps(whole.raw), row["id"]
        metrics = [one for one in whole.raw if bodies.METRICS in one]
        if metrics:
            assert whole.usage.output_tokens == metrics[-1][bodies.METRICS]["outputTokenCount"], row["id"]
            assert fold.done
        counts[row["family"]] += 1
    assert len(counts) >= 7


@pytest.mark.parametrize(
    ("chunks", "usage"),
    [
        (
            [
                {"message": {"usage": {"input_tokens": 5, "output_tokens": 1}}},
                {"delta": {"text": "x"}},
                {"usage": {"output_tokens": 7}},
            ],
            (5, 7),
        ),
        ([{"generation": "x", "prompt_token_count": 5}, {"generation": "y", "generation_token_count": 7}], (5, 7)),
        ([{"outputText": "x", "inputTextTokenCount": 5}], (5, None)),
    ],
)
def test_what_was_counted_so_far_is_known_when_a_stream_is_cut(chunks, usage):
    fold = InvokeFold(Send("x", "InvokeModelWithResponseStream", {}, stream="body"))
    for chunk in chunks:
        fold.feed([{"chunk": {"bytes": json.dumps(chunk).encode()}}])
    assert (fold.usage.input_tokens, fold.usage.output_tokens) == usage
