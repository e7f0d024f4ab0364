"""Each vendor's documented bodies and chunks, older and newer: the text, the stop reason and the usage they say.

Sources: Bedrock User Guide, "Inference request parameters and response fields", a page a family; Anthropic's and OpenAI's
API references for their streams; the trailer and the guardrail's members as recorded.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway._commands import Send
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway.families import bodies

SEND = Send("bedrock-runtime", "InvokeModelWithResponseStream", {}, stream="body", resend="billed")
METRICS = {"inputTokenCount": 5, "outputTokenCount": 7, "invocationLatency": 9, "firstByteLatency": 4}

BODIES = {
    "Anthropic, thinking, redacted thinking, a server's tool, citations": (
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "eA=="},
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result", "url": "u", "text": "no"}]},
                {"type": "text", "text": "25 ", "citations": [{"type": "char_location", "cited_text": "25 days"}]},
                {"type": "text", "text": "days"},
            ],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 5, "output_tokens": 7, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 2, "server_tool_use": {"web_search_requests": 1}},
        },
        ("25 days", "end_turn", (5, 7)),
    ),
    "Anthropic, a tool alone": (
        {"content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}}], "stop_reason": "tool_use", "usage": {"input_tokens": 5, "output_tokens": 7}},
        ("", "tool_use", (5, 7)),
    ),
    "Anthropic, before Messages": (
        {"type": "completion", "completion": " 25 days", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
        (" 25 days", "stop_sequence", None),
    ),
    "Nova": (
        {
            "output": {"message": {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "25 days"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12, "cacheReadInputTokenCount": 0},
        },
        ("25 days", "end_turn", (5, 7)),
    ),
    "Titan": (
        {"inputTextTokenCount": 5, "results": [{"tokenCount": 7, "outputText": "25 days", "completionReason": "FINISH"}]},
        ("25 days", "FINISH", (5, 7)),
    ),
    "Llama": (
        {"generation": "25 days", "prompt_token_count": 5, "generation_token_count": 7, "stop_reason": "stop"},
        ("25 days", "stop", (5, 7)),
    ),
    "Mistral, text": ({"outputs": [{"text": "25 days", "stop_reason": "length"}]}, ("25 days", "length", None)),
    "Mistral, chat": (
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "25 days", "tool_calls": None}, "stop_reason": "stop"}]},
        ("25 days", "stop", None),
    ),
    "Mistral, content in parts": (
        {"choices": [{"index": 0, "message": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "25 days"}]}, "finish_reason": "stop"}]},
        ("25 days", "stop", None),
    ),
    "Cohere Command": (
        {"id": "i", "prompt": "p", "generations": [{"id": "g", "text": "25 days", "finish_reason": "COMPLETE"}, {"id": "h", "index": 1, "text": "or so"}]},
        ("25 days", "COMPLETE", None),
    ),
    "Cohere Command R": (
        {"response_id": "r", "text": "25 days", "generation_id": "g", "finish_reason": "COMPLETE", "chat_history": [{"role": "USER", "message": "?"}]},
        ("25 days", "COMPLETE", None),
    ),
    "AI21 Jamba": (
        {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "25 days"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}},
        ("25 days", "stop", (5, 7)),
    ),
    "AI21 Jurassic-2": (
        {"id": 1, "prompt": {"text": "p"}, "completions": [{"data": {"text": "25 days"}, "finishReason": {"reason": "endoftext"}}]},
        ("25 days", "endoftext", None),
    ),
    "DeepSeek R1": ({"choices": [{"text": "hm</think>25 days", "stop_reason": "stop"}]}, ("hm</think>25 days", "stop", None)),
    "chat completions: DeepSeek V3, Qwen, gpt-oss, MiniMax, Kimi, GLM, Gemma, Nemotron, Palmyra": (
        {
            "id": "c",
            "object": "chat.completion",
            "choices": [
                {"index": 1, "message": {"content": "or so"}, "finish_reason": "length"},
                {"index": 0, "message": {"role": "assistant", "content": "25 days", "reasoning_content": "hm", "refusal": None}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
            "service_tier": "default",
        },
        ("25 days", "stop", (5, 7)),
    ),
    "chat completions, a tool": (
        {"choices": [{"index": 0, "message": {"content": None, "tool_calls": [{"id": "t", "function": {"name": "n", "arguments": "{}"}}]}, "finish_reason": "tool_calls"}]},
        ("", "tool_calls", None),
    ),
    "TwelveLabs Pegasus": ({"message": "25 days", "finishReason": "stop"}, ("25 days", "stop", None)),
    "images": ({"images": ["aGk="], "error": None, "finish_reasons": [None]}, ("", None, None)),
    "a body of tomorrow": ({"answer": {"words": ["25 days"]}}, ("", None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_vendors_body_is_read(name):
    body, (text, reason, counts) = BODIES[name]
    usage = bodies.usage_of(body)
    assert (bodies.text_of(body), bodies.stop_reason_of(body)) == (text, reason)
    assert (None if usage is None else (usage.input_tokens, usage.output_tokens)) == counts


def choice(**members):
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, **members}]}


STREAMS = {
    "Anthropic": [
        {"type": "message_start", "message": {"role": "assistant", "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}}},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "eA=="}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"query": "q"}'}},
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "text", "text": "2"}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "5 "}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "citations_delta", "citation": {"cited_text": "25 days"}}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": ""}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "days"}},
        {"type": "content_block_stop", "index": 3},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ],
    "Anthropic, before Messages": [
        {"type": "completion", "completion": "25 ", "stop_reason": None, "stop": None},
        {"type": "completion", "completion": "days", "stop_reason": "end_turn", "stop": None},
    ],
    "Nova": [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "25 "}, "contentBlockIndex": 1}},
        {"contentBlockDelta": {"delta": {"text": "days"}, "contentBlockIndex": 1}},
        {"contentBlockStop": {"contentBlockIndex": 1}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 7}, "metrics": {}, "trace": {}}},
    ],
    "Titan": [
        {"outputText": "25 ", "index": 0, "totalOutputTextTokenCount": None, "completionReason": None, "inputTextTokenCount": 5},
        {"outputText": "days", "index": 0, "totalOutputTextTokenCount": 7, "completionReason": "end_turn", "inputTextTokenCount": None},
    ],
    "Llama": [
        {"generation": "", "prompt_token_count": 5, "generation_token_count": 1, "stop_reason": None},
        {"generation": "25 days", "prompt_token_count": None, "generation_token_count": 6, "stop_reason": None},
        {"generation": "", "prompt_token_count": None, "generation_token_count": 7, "stop_reason": "end_turn"},
    ],
    "Mistral, text": [{"outputs": [{"text": "25 ", "stop_reason": None}]}, {"outputs": [{"text": "days", "stop_reason": "end_turn"}]}],
    "Mistral, chat": [
        choice(message={"role": "assistant", "content": "25 ", "tool_calls": None}, stop_reason=None),
        choice(message={"role": "assistant", "content": "days", "tool_calls": None}, stop_reason="end_turn"),
    ],
    "Cohere Command": [
        {"text": "25 ", "is_finished": False, "index": 0},
        {"text": "days", "is_finished": False, "index": 0},
        {"is_finished": True, "finish_reason": "end_turn", "index": 0},
    ],
    "Cohere Command, which repeats the whole": [
        {"text": "25 ", "is_finished": False},
        {"text": "days", "is_finished": False},
        {"is_finished": True, "finish_reason": "end_turn", "generations": [{"text": "25 days"}]},
    ],
    "Cohere Command R": [
        {"event_type": "stream-start", "generation_id": "g", "is_finished": False},
        {"event_type": "text-generation", "text": "25 ", "is_finished": False},
        {"event_type": "citation-generation", "citations": [{"start": 0, "end": 2, "text": "25"}], "is_finished": False},
        {"event_type": "text-generation", "text": "days", "is_finished": False},
        {"event_type": "stream-end", "is_finished": True, "finish_reason": "end_turn", "response": {"text": "25 days"}},
    ],
    "AI21 Jamba": [
        choice(delta={"role": "assistant"}, finish_reason=None),
        choice(delta={"content": "25 "}, finish_reason=None),
        choice(delta={"content": "days"}, finish_reason="end_turn") | {"usage": {"prompt_tokens": 5, "completion_tokens": 7}},
    ],
    "DeepSeek R1": [choice(text="25 ", stop_reason=None), choice(text="days", stop_reason="end_turn")],
    "chat completions, and usage in a chunk of its own": [
        choice(delta={"role": "assistant", "content": ""}),
        choice(delta={"reasoning_content": "hm"}),
        {"choices": [{"index": 1, "delta": {"content": "or so"}}]},
        choice(delta={"content": "25 "}),
        choice(delta={"content": None, "tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        choice(delta={"content": "days"}),
        choice(delta={}, finish_reason="end_turn"),
        {"object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}},
    ],
    "TwelveLabs Pegasus": [{"message": "25 "}, {"message": "days"}, {"message": "", "finishReason": "end_turn"}],
}  # fmt: skip


def folded(chunks):
    fold = InvokeFold(SEND)
    events = fold.feed([{"chunk": {"bytes": json.dumps(one).encode()}} for one in chunks])
    return fold, events


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("trailer", ["in the last chunk", "in a chunk of its own"])
def test_a_vendors_stream_is_read(name, trailer):
    chunks = STREAMS[name]
    metrics = {bodies.METRICS: METRICS}
    last = [chunks[-1] | metrics] if trailer == "in the last chunk" else [chunks[-1], {"type": "trailer"} | metrics]
    chunks = [*chunks[:-1], *last]
    fold, events = folded(chunks)
    whole = fold.finished("r")
    assert (whole.text, whole.stop_reason) == ("25 days", "end_turn")
    assert (whole.usage.input_tokens, whole.usage.output_tokens, whole.usage.total_tokens) == (5, 7, 12)
    assert whole.raw == chunks == [one.raw for one in events]
    assert fold.complete
    assert fold.done


@pytest.mark.parametrize("name", STREAMS)
def test_a_vendors_stream_without_a_trailer_is_complete_at_its_own_end_and_not_before(name):
    chunks = STREAMS[name]
    assert folded(chunks)[0].complete
    ending = next(at for at in range(len(chunks) + 1) if folded(chunks[:at])[0].complete)
    assert ending >= len(chunks) - 1


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "ServiceUnavailableException"),
        ({"error": {"code": "rate_limit_error", "message": "busy"}}, "ThrottlingException"),
        ({"error": {"type": "something new", "message": "busy"}}, "ModelStreamErrorException"),
    ],
)
def test_a_vendors_own_error_in_a_stream_is_no_end_but_an_error(chunk, code):
    fold, events = folded([{"delta": {"text": "x"}}, chunk, {"delta": {"text": "y"}}])
    assert fold.failed[0] == code
    assert "busy" in fold.failed[1]
    assert len(events) == 1
    assert not fold.complete


def test_a_guardrails_intervention_is_not_taken_back_by_a_later_chunk():
    said = "amazon-bedrock-guardrailAction"
    trace = {"amazon-bedrock-trace": {"guardrail": {"input": {}}}}
    chunks = [
        {"generation": "x", said: "NONE"},
        {"generation": "no", said: "INTERVENED", **trace},
        {"generation": "", said: "NONE"},
    ]
    whole = folded(chunks)[0].result("r")
    assert whole.guardrail_action == "INTERVENED"
    assert whole.raw == chunks


VOCABULARY = sorted(
    {key for body, _ in BODIES.values() for key in json.dumps(body).split('"')[1::2] if key.isidentifier()}
    | {"delta", "contentBlockDelta", "messageStop", "is_finished", "error", "type", bodies.METRICS, "metadata"}
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "x", "error", "stop", "message_stop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(VOCABULARY), inner, max_size=4),
    max_leaves=12,
)


def read(body) -> None:
    assert isinstance(bodies.text_of(body), str)
    assert isinstance(bodies.chunk_text(body), str)
    assert bodies.stop_reason_of(body) is None or bodies.stop_reason_of(body)
    usage = bodies.usage_of(body)
    assert usage is None or usage.input_tokens is not None or usage.output_tokens is not None
    fold, events = folded([body])
    assert fold.corrupt is None
    assert json.dumps(fold.result("r").raw) == json.dumps([json.loads(json.dumps(body))])
    assert len(events) == 1 or fold.failed


@given(ANYTHING)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_body_of_any_shape_is_kept_whole_and_breaks_nothing(body):
    read(body)


@pytest.mark.full
@given(ANYTHING)
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_twenty_thousand_bodies_of_any_shape_break_nothing(body):
    read(body)
