"""The flow stepped by hand: no driver, no mock, no sleep."""

from __future__ import annotations

import pytest

from bedrock_gateway import GovernanceError, ThrottledError, TransportError
from bedrock_gateway._commands import Send, Sleep
from bedrock_gateway._flow import Context, call
from bedrock_gateway.governance.retry import may_resend

SEND = Send("bedrock-runtime", "Converse", {"modelId": "m"}, "billed", region="us-east-1", capability="converse")


class AwsError(Exception):
    def __init__(self, code, status):
        self.response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}


def context(**more):
    events = []
    return events, Context(emit=events.append, now=lambda: 0.0, **more)


def test_a_call_that_succeeds_is_reported_once():
    events, ctx = context()
    flow = call("Converse", lambda: SEND, ctx, lambda reply, _: reply["answer"])
    assert next(flow).operation == "Converse"
    with pytest.raises(StopIteration) as stopped:
        flow.send({"answer": 42, "ResponseMetadata": {"RequestId": "r"}})
    assert stopped.value.value == 42
    assert [(one.outcome, one.attempts, one.request_id) for one in events] == [("ok", 1, "r")]


def test_a_throttled_call_is_sent_again():
    events, ctx = context()
    flow = call("Converse", lambda: SEND, ctx, lambda reply, _: reply)
    next(flow)
    assert isinstance(flow.throw(AwsError("throttlingException", 429)), Sleep)
    assert isinstance(flow.send(None), Send)
    with pytest.raises(StopIteration):
        flow.send({})
    assert [one.name for one in events] == ["gateway.retry_scheduled", "gateway.call_ended"]
    assert events[1].attempts == 2


def test_a_billed_call_without_an_answer_is_not_sent_again():
    class ReadTimeoutError(Exception):
        pass

    events, ctx = context()
    flow = call("Converse", lambda: SEND, ctx, lambda reply, _: reply)
    next(flow)
    with pytest.raises(TransportError) as raised:
        flow.throw(ReadTimeoutError())
    assert raised.value.sent is None
    assert [one.outcome for one in events] == ["failed"]


def test_a_rule_that_refuses_sends_nothing():
    def refuse(_send):
        raise GovernanceError("no", rule="mine")

    events, ctx = context(rules=(refuse,))
    with pytest.raises(GovernanceError):
        next(call("Converse", lambda: SEND, ctx, lambda reply, _: reply))
    assert [(one.outcome, one.attempts) for one in events] == [("denied", 0)]


def test_a_flow_that_is_closed_reports_abandonment():
    events, ctx = context()
    flow = call("Converse", lambda: SEND, ctx, lambda reply, _: reply)
    next(flow)
    flow.close()
    assert [one.outcome for one in events] == ["abandoned"]


@pytest.mark.parametrize(
    ("sent", "resend", "opted_in", "expected"),
    [
        (False, "billed", False, True),
        (None, "billed", False, False),
        (None, "billed", True, True),
        (None, "token", False, True),
        (None, "free", False, True),
    ],
)
def test_an_ambiguous_failure_is_resent_only_where_it_cannot_be_billed_twice(sent, resend, opted_in, expected):
    from dataclasses import replace

    error = TransportError("lost", operation="Converse", sent=sent)
    assert may_resend(error, replace(SEND, resend=resend), opted_in=opted_in) is expected


def test_a_server_hint_is_clamped():
    from bedrock_gateway.governance.retry import HINT_LIMIT_SECONDS, RetryPolicy

    error = ThrottledError("no", operation="Converse", code="ThrottlingException", retryable=True)
    error.retry_after_seconds = 1e9
    waited = RetryPolicy().wait_seconds(error, SEND, 1, 600)
    assert HINT_LIMIT_SECONDS <= waited <= HINT_LIMIT_SECONDS + 1
