"""What an error that AWS reports inside a stream carries, wherever it comes and however it is spelled.

The flow is stepped by hand: no sockets. The same over HTTP, in both drivers, is in tests/faults/.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tenacity.stop import stop_after_attempt

from bedrock_gateway import GatewayError, ServiceError, StreamInterruptedError
from bedrock_gateway._commands import Deliver, Receive, Send
from bedrock_gateway._flow import Context, stream
from bedrock_gateway._fold import InvokeFold
from bedrock_gateway._fold.answer import AnswerFold
from bedrock_gateway._fold.converse import ConverseFold
from bedrock_gateway.errors import error_class, normalise_code
from bedrock_gateway.governance.retry import RetryPolicy
from tests.protocol.conforming import operation
from tests.protocol.framing import event, framed, reads, unusual


def chunk(body: dict[str, Any]) -> bytes:
    return event("chunk", {"bytes": base64.b64encode(json.dumps(body).encode()).decode()})


USED = {"usage": {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}}
DELTA = {"contentBlockIndex": 0, "delta": {"text": "25 "}}
# Operation → service, member, fold, frames before its end, and what they say.
STREAMS: dict[str, Any] = {
    "ConverseStream": ("bedrock-runtime", "stream", ConverseFold, [event("messageStart", {"role": "assistant"}), event("contentBlockDelta", DELTA), event("metadata", USED)]),
    "InvokeModelWithResponseStream": ("bedrock-runtime", "body", InvokeFold, [chunk({"message": {"usage": {"input_tokens": 5, "output_tokens": 7}}}), chunk({"delta": {"text": "25 "}})]),
    "RetrieveAndGenerateStream": ("bedrock-agent-runtime", "stream", AnswerFold, [event("output", {"text": "25 "})]),
}  # fmt: skip
CODES = sorted(
    {name for one, (service, member, *_) in STREAMS.items() for name in operation(service, one).output_shape.members[member].members if name.endswith("Exception")}
    | {"neverSeenException", "ModelOverloadedException", "ThrottlingException", "InternalFailure"}
)  # fmt: skip
ONCE = RetryPolicy(stop=stop_after_attempt(1), not_ready_stop=stop_after_attempt(1))


def payload(code: str, words: str, spelling: str) -> bytes:
    held = {
        "message": {"message": words},
        "Message": {"Message": words},
        "nothing": {},
        "no JSON": None,
        "a list": [words],
    }[spelling]
    if "odelStreamError" in code and isinstance(held, dict):
        held |= {"originalStatusCode": 503, "originalMessage": "busy"}
    return b"<html>" if held is None else json.dumps(held).encode()


@st.composite
def failures(draw: st.DrawFn) -> tuple[str, int, str, str, list[bytes]]:
    """An operation, how many frames come before its error, the code, the spelling of its message, and the reads."""
    name = draw(st.sampled_from(sorted(STREAMS)))
    frames = STREAMS[name][3]
    before, code = draw(st.integers(0, len(frames))), draw(st.sampled_from(CODES))
    spelling = draw(st.sampled_from(["message", "Message", "nothing", "no JSON", "a list"]))
    kind = {":message-type": "exception", ":exception-type": code}
    if draw(st.booleans()):
        kind, spelling = {":message-type": "error", ":error-code": code, ":error-message": "not now"}, "header"
    data = b"" if spelling == "header" else payload(code, "not now", spelling)
    broken = draw(unusual(kind, data))
    return name, before, code, spelling, draw(reads(b"".join([*frames[:before], broken, *frames[before:]])))


def ending(name: str, pieces: list[bytes]) -> tuple[list[Any], GatewayError, list[Any]]:
    """Events delivered, the error, and what was reported."""
    service, member, fold, _ = STREAMS[name]
    send = Send(service, name, {"modelId": "m"}, "billed", member, model_id="m")
    seen, reported = [], []
    flow = stream(name, lambda: send, Context(emit=reported.append, now=lambda: 0.0, retry=ONCE), fold)
    command, left = next(flow), iter(pieces)
    try:
        while True:
            if isinstance(command, Deliver):
                seen += command.events
            answer = {member: object(), "ResponseMetadata": {"RequestId": "r"}} if isinstance(command, Send) else None
            command = flow.send(next(left, None) if isinstance(command, Receive) else answer)
    except GatewayError as error:
        return seen, error, reported


def carries_what_is_known(failure) -> None:
    name, before, code, spelling, pieces = failure
    seen, error, reported = ending(name, pieces)
    assert len(seen) == before
    said = error.__cause__ if before else error
    assert type(said) is error_class(normalise_code(code), None)
    assert (said.operation, said.code, said.status, said.request_id) == (name, normalise_code(code), None, "r")
    assert ("not now" in str(said)) == (spelling in {"message", "Message", "header"})
    if "odelStreamError" in code and spelling in {"message", "Message", "nothing"}:
        assert said.original_status == 503
    [ended] = reported
    assert (ended.error_code, ended.request_id, ended.attempts) == (normalise_code(code), "r", 1)
    if not before:
        assert isinstance(error, ServiceError)
        assert ended.outcome == ("denied" if "ccessDenied" in code else "failed")
        return
    assert isinstance(error, StreamInterruptedError)
    assert ended.outcome == "interrupted"
    assert (error.reason, error.request_id, error.may_resend, error.operation) == ("service", "r", False, name)
    assert normalise_code(code) in str(error)
    assert "25" not in f"{error} {error!r} {said} {said!r}"
    assert [one.raw for one in seen] == list(error.partial.raw) or name.startswith("Invoke")
    counted = before if name.startswith("Invoke") else before - 2 if name.startswith("Converse") else 0
    assert (error.usage and (error.usage.input_tokens, error.usage.output_tokens)) == ((5, 7) if counted > 0 else None)
    assert (ended.input_tokens, ended.output_tokens) == ((5, 7) if counted > 0 else (None, None))
    assert error.partial.text == ("25 " if before > (0 if name.startswith("Retrieve") else 1) else "")


@given(failures())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_error_in_a_stream_carries_what_is_known(failure):
    carries_what_is_known(failure)


@pytest.mark.full
@given(failures())
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ten_thousand_errors_in_streams_carry_what_is_known(failure):
    carries_what_is_known(failure)


def test_a_throttle_of_a_model_as_the_first_frame_of_a_stream_is_sent_again():
    """424 whose originalStatusCode passes is no model that failed on this request."""
    held = {"message": "x", "originalStatusCode": 429}
    kind = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
    _, error, _ = ending("ConverseStream", [framed(kind, json.dumps(held).encode())])
    policy = RetryPolicy()
    send = Send("bedrock-runtime", "ConverseStream", {}, "billed", "stream")
    assert policy.wait_seconds(error, send, 1, 600.0) is not None
    held["originalStatusCode"] = 400
    _, error, _ = ending("ConverseStream", [framed(kind, json.dumps(held).encode())])
    assert policy.wait_seconds(error, send, 1, 600.0) is None


def test_an_error_without_a_code_has_the_one_of_its_payload():
    kind = {":message-type": "exception"}
    _, error, _ = ending("ConverseStream", [framed(kind, b'{"__type": "com.amazon#ThrottlingException:http://x"}')])
    assert error.code == "ThrottlingException"
    _, error, _ = ending("ConverseStream", [framed({":message-type": "error"}, b"")])
    assert (type(error), error.code) == (ServiceError, "Unknown")
