"""What Converse can carry beside text, by both gateways: blocks, output that must fit, what the guardrail tells."""

from __future__ import annotations

import base64
import sys

import pytest
from pydantic import BaseModel

from bedrock_gateway import (
    ConfigError,
    GovernanceError,
    InvalidRequestError,
    MalformedResponseError,
    OutputValidationError,
    UnsupportedByBotocoreError,
)

server = sys.modules["faultserver"]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
SECRET = base64.b64encode(b"redacted by the model").decode()


class Leave(BaseModel):
    """Days of leave."""

    days: int
    reasons: list[str]


def answered(*blocks, stop_reason="end_turn"):
    return server.reply(
        server.CONVERSED
        | {"output": {"message": {"role": "assistant", "content": list(blocks)}}, "stopReason": stop_reason}
    )


def image(data, kind="png"):
    return {"image": {"format": kind, "source": {"bytes": data}}}


def document(data=b"text", name="handbook", kind="txt"):
    return {"document": {"format": kind, "name": name, "source": {"bytes": data}}}


def said(*blocks):
    return [{"role": "user", "content": [{"text": "Look"}, *blocks]}]


REFUSED = {
    "an image of no known format": said(image(PNG, "bmp")),
    "an image that is too large": said(image(b"0" * (4 * 1024 * 1024))),
    "an empty image": said(image(b"")),
    "an image that is no bytes": said(image("not base64!")),
    "too many images": said(*[image(PNG)] * 21),
    "a document of no known format": said(document(kind="exe")),
    "a document that is too large": said(document(b"0" * (5 * 1024 * 1024))),
    "a document with a path for a name": said(document(name="../etc/passwd")),
    "a document with two spaces in its name": said(document(name="a  b")),
    "too many documents": said(*[document(name=f"d-{at}") for at in range(6)]),
    "a video that is too large": said({"video": {"format": "mp4", "source": {"bytes": b"0" * (26 * 1024 * 1024)}}}),
    "a cache point of another ttl": said({"cachePoint": {"type": "default", "ttl": "9m"}}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_awss_limits_forbid_is_refused_before_it_is_sent(both, against, faults, what):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(InvalidRequestError):
                await gateway.converse(REFUSED[what])
            assert faults.connections == 0

    both.run(body)


def test_images_documents_and_cache_points_go_out_as_they_are(both, against, faults):
    async def body():
        faults.answer(answered({"text": "I see"}))
        async with against() as (gateway, _):
            blocks = [image(PNG), document(), {"cachePoint": {"type": "default"}}]
            await gateway.converse(said(*blocks), system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}])
            sent = faults.requests[0].json
            content = sent["messages"][0]["content"]
            assert base64.b64decode(content[1]["image"]["source"]["bytes"]) == PNG
            assert content[3] == {"cachePoint": {"type": "default"}}
            assert sent["system"][1] == {"cachePoint": {"type": "default"}}

    both.run(body)


THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}}
HIDDEN = {"reasoningContent": {"redactedContent": SECRET}}
CITED = {
    "citationsContent": {
        "content": [{"text": "25 days"}],
        "citations": [{"title": "handbook", "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 7}}}],
    }
}


def test_reasoning_and_citations_are_told_apart_from_the_text(both, against, faults):
    async def body():
        faults.answer(answered(THOUGHT, HIDDEN, {"text": "Every employee has "}, CITED))
        async with against() as (gateway, _):
            reply = await gateway.converse("Hello")
            assert reply.text == "Every employee has 25 days"
            assert reply.reasoning == "Hm"
            assert reply.citations[0]["title"] == "handbook"
            assert reply.latency_seconds == 0.001

    both.run(body)


def test_a_message_that_came_goes_back_without_being_encoded_twice(both, against, faults):
    async def body():
        faults.answer(answered(THOUGHT, HIDDEN, {"text": "x"}))
        async with against() as (gateway, _):
            reply = await gateway.converse("Hello")
            await gateway.converse(
                [{"role": "user", "content": "Hello"}, reply.message, {"role": "user", "content": "And?"}]
            )
            back = faults.requests[1].json["messages"][1]["content"]
            assert back == [THOUGHT, HIDDEN, {"text": "x"}]

    both.run(body)


def delta(index, **value):
    return server.frame("contentBlockDelta", {"contentBlockIndex": index, "delta": value})


def test_a_stream_folds_reasoning_and_citations_as_the_unary_answer_has_them(both, against, faults):
    citation = CITED["citationsContent"]["citations"][0]
    frames = [
        server.frame("messageStart", {"role": "assistant"}),
        delta(0, reasoningContent={"text": "H"}),
        delta(0, reasoningContent={"text": "m"}),
        delta(0, reasoningContent={"signature": "s"}),
        delta(1, reasoningContent={"redactedContent": SECRET}),
        delta(2, text="25 "),
        delta(2, text="days"),
        delta(2, citation=citation),
        *server.conversation()[-2:],
    ]

    async def body():
        faults.answer(server.streamed(frames))
        async with against() as (gateway, _):
            async with gateway.converse_stream("Hello") as stream:
                reply = await stream.result()
            assert reply.message["content"] == [THOUGHT, HIDDEN, CITED]
            assert (reply.text, reply.reasoning, reply.citations) == ("25 days", "Hm", (citation,))

    both.run(body)


def outputs_are_known() -> bool:
    import botocore.session

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return "outputConfig" in model.operation_model("Converse").input_shape.members


structured = pytest.mark.skipif(not outputs_are_known(), reason="this botocore does not know Converse.outputConfig")


@pytest.mark.skipif(outputs_are_known(), reason="this botocore knows Converse.outputConfig")
def test_an_old_botocore_is_named_before_anything_is_sent(both, against, faults):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(UnsupportedByBotocoreError, match=r"Converse\.outputConfig"):
                await gateway.converse("Hello", output=Leave)
            assert faults.connections == 0

    both.run(body)


FITS = '{"days": 25, "reasons": ["law"]}'


@structured
def test_an_answer_that_must_fit_comes_as_the_class(both, against, faults):
    async def body():
        faults.answer(answered({"text": FITS}))
        async with against() as (gateway, _):
            reply = await gateway.converse("Hello", output=Leave)
            assert reply.parsed == Leave(days=25, reasons=["law"])
            sent = faults.requests[0].json["outputConfig"]["textFormat"]
            assert sent["type"] == "json_schema"
            schema = sent["structure"]["jsonSchema"]
            assert schema["name"] == "Leave"
            assert '"additionalProperties":false' in schema["schema"]
            reply = await gateway.converse(
                "Hello", output={"type": "object", "properties": {"days": {"type": "integer"}}}
            )
            assert reply.parsed["days"] == 25
            faults.answer(server.streamed(server.conversation(FITS[:9], FITS[9:])))
            async with gateway.converse_stream("Hello", output=Leave) as stream:
                assert (await stream.result()).parsed.days == 25

    both.run(body)


@structured
def test_an_answer_that_does_not_fit_is_an_error_that_keeps_it_and_no_second_bill(both, against, faults):
    async def body():
        faults.answer(answered({"text": "about 25 days"}))
        async with against() as (gateway, events):
            with pytest.raises(OutputValidationError) as raised:
                await gateway.converse("Hello", output=Leave)
            assert isinstance(raised.value, MalformedResponseError)
            assert raised.value.partial.text == "about 25 days"
            assert "25" not in f"{raised.value}{raised.value!r}{raised.value.args}"
            assert len(faults.requests) == 1
            [event] = events
            assert (event.outcome, event.error_code, event.input_tokens) == ("failed", "OutputValidationError", 3)
            faults.answer(server.streamed(server.conversation("about")))
            with pytest.raises(MalformedResponseError):
                async with gateway.converse_stream("Hello", output=Leave) as stream:
                    await stream.result()

    both.run(body)


@structured
def test_a_tool_call_need_not_fit(both, against, faults):
    async def body():
        faults.answer(answered({"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}, stop_reason="tool_use"))
        async with against() as (gateway, _):
            assert (await gateway.converse("Hello", output=Leave)).parsed is None

    both.run(body)


@pytest.mark.parametrize("output", [5, "x", int, object(), [Leave]])
def test_what_is_no_class_and_no_schema_is_refused(both, against, faults, output):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(InvalidRequestError):
                await gateway.converse("Hello", output=output)
            assert faults.connections == 0

    both.run(body)


def test_how_much_the_guardrail_tells_is_the_calls_business_and_which_one_is_not(both, against, faults):
    async def body():
        faults.answer(answered({"text": "x"}))
        async with against(changed={"guardrail": {"id": "abcdefghij12", "version": "3"}}) as (gateway, _):
            await gateway.converse("Hello", guardrail_trace="enabled_full")
            sent = faults.requests[0].json["guardrailConfig"]
            assert sent == {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3", "trace": "enabled_full"}
            with pytest.raises(InvalidRequestError):
                await gateway.converse("Hello", guardrail_trace="loud")
            with pytest.raises(GovernanceError):
                await gateway.converse("Hello", guardrailConfig={"trace": "enabled"})
        async with against() as (gateway, _):
            with pytest.raises(ConfigError, match="no guardrail"):
                await gateway.converse("Hello", guardrail_trace="enabled")

    both.run(body)


@structured
def test_an_intervention_is_an_answer(both, against, faults):
    async def body():
        faults.answer(answered({"text": "I cannot say that."}, stop_reason="guardrail_intervened"))
        async with against() as (gateway, events):
            reply = await gateway.converse("Hello", output=Leave)
            assert (reply.guardrail_action, reply.stop_reason) == ("INTERVENED", "guardrail_intervened")
            assert reply.parsed is None
            assert events[0].outcome == "ok"

    both.run(body)
