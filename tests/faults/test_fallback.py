"""Failing over: which failures hop, to what, what is told, and what never hops."""

from __future__ import annotations

import json
import urllib.parse

import pytest

from bedrock_gateway import (
    ConfigError,
    GatewayError,
    GovernanceError,
    InvalidRequestError,
    StreamInterruptedError,
    TextRequest,
    TransportError,
    UnavailableError,
)
from bedrock_gateway.governance.protection import MOST_REQUESTS

from . import wire
from .catalogue import MOST_REQUESTS as MOST_OF_ONE_MODEL
from .driving import CAPABILITIES, MODEL, config
from .server import RESET

SECOND, THIRD = "us.amazon.nova-pro-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
DOWN = [wire.error(503, "ServiceUnavailableException")]
OK = [wire.CONVERSE]


def declared(port, fallback=(SECOND, THIRD), **changed):
    principal = {
        "capabilities": CAPABILITIES,
        "models": [MODEL, *fallback],
        "fallback": list(fallback),
        "knowledge_bases": ["handbook"],
    }
    return config(port, principals={"app": principal}, **changed)


def models(server):
    """Which models were asked, in order, runs of one as one."""
    found = [urllib.parse.unquote(one.path).split("/")[2] for one in server.requests]
    return [one for at, one in enumerate(found) if at == 0 or found[at - 1] != one]


HOPS = [
    (503, "ServiceUnavailableException", {}),
    (500, "InternalServerException", {}),
    (429, "ThrottlingException", {}),
    (429, "ModelNotReadyException", {}),
    (424, "ModelErrorException", {"originalStatusCode": 503}),
]


@pytest.mark.parametrize(("status", "code", "members"), HOPS, ids=[f"{row[0]}-{row[1]}" for row in HOPS])
def test_f43_a_model_that_cannot_answer_is_stood_in_for_and_the_result_says_by_whom(
    server, drive, status, code, members
):
    async def body():
        failing = [wire.error(status, code, **members)]
        most = 6 if code == "ModelNotReadyException" else MOST_OF_ONE_MODEL
        server.answer(*[failing] * most, OK)
        async with drive.open(server.port, config=declared(server.port)) as opened:
            reply = await opened.gateway.converse("Hello")
            assert (reply.text, reply.model_id) == ("".join(wire.TEXTS), SECOND)
            assert models(server) == [MODEL, SECOND]
            [hop] = [one for one in opened.events if one.name == "gateway.fell_back"]
            assert (hop.model_id, hop.fallback_model_id, hop.error_code) == (MODEL, SECOND, code)
            assert (hop.operation, hop.capability, hop.attempts) == ("Converse", "converse", most)
            [ended] = opened.ended
            assert (ended.outcome, ended.model_id, ended.attempts) == ("ok", SECOND, most + 1)

    drive.run(body)


def test_f43_an_open_circuit_hops_at_once(server, drive):
    async def body():
        server.answer(DOWN)
        async with drive.open(server.port, config=declared(server.port, [SECOND])) as opened:
            with_none = opened.gateway.with_options(fallback=False)
            for _ in range(40):
                with pytest.raises(UnavailableError):
                    await with_none.converse("Hello", model=MODEL)
            server.answer(OK)
            assert (await opened.gateway.converse("Hello")).model_id == SECOND
            assert models(server) == [SECOND]
            assert [one.error_code for one in opened.events if one.name == "gateway.fell_back"] == ["CircuitOpen"]

    drive.run(body)


def test_f43_models_stand_in_in_the_order_declared_and_the_last_failure_is_the_calls(server, drive):
    async def body():
        server.answer(DOWN)
        async with drive.open(server.port, config=declared(server.port)) as opened:
            with pytest.raises(UnavailableError) as caught:
                await opened.gateway.converse("Hello")
            assert models(server) == [MODEL, SECOND, THIRD]
            assert THIRD in caught.value.message
            assert len(server.requests) == MOST_REQUESTS == opened.ended[0].attempts

    drive.run(body)


def test_f43_a_call_has_one_ceiling_over_all_models(server, drive):
    async def body():
        server.answer([wire.error(429, "ModelNotReadyException")])
        async with drive.open(server.port, config=declared(server.port)) as opened:
            with pytest.raises(GatewayError):
                await opened.gateway.converse("Hello")
            assert len(server.requests) == MOST_REQUESTS
            assert models(server) == [MODEL, SECOND]

    drive.run(body)


NEVER = {
    "4xx": ([wire.error(400, "ValidationException")], InvalidRequestError),
    "may have been billed": ([RESET], TransportError),
    "model timed out": ([wire.error(408, "ModelTimeoutException")], GatewayError),
    "model failed": ([wire.error(424, "ModelErrorException", originalStatusCode=400)], GatewayError),
    "quota": ([wire.error(400, "ServiceQuotaExceededException")], GatewayError),
    "denied": ([wire.error(403, "AccessDeniedException")], GatewayError),
    "no answer": ([wire.document(200, b"")], GatewayError),
}


@pytest.mark.parametrize("name", NEVER)
def test_what_another_model_would_not_cure_or_would_bill_twice_does_not_hop(server, drive, name):
    async def body():
        script, kind = NEVER[name]
        server.answer(script, OK)
        async with drive.open(server.port, config=declared(server.port)) as opened:
            with pytest.raises(kind):
                await opened.gateway.converse("Hello")
            assert models(server) == [MODEL]

    drive.run(body)


def test_what_may_have_been_billed_hops_for_a_caller_who_accepts_that(server, drive):
    async def body():
        server.answer(*[[RESET]] * MOST_OF_ONE_MODEL, OK)
        async with drive.open(server.port, config=declared(server.port)) as opened:
            gateway = opened.gateway.with_options(resend_ambiguous=True)
            assert (await gateway.converse("Hello")).model_id == SECOND

    drive.run(body)


def test_a_stream_is_stood_in_for_before_its_first_event_and_never_after(server, drive):
    async def body():
        early = [wire.stream(wire.exception("serviceUnavailableException"))]
        whole = [wire.stream(*wire.FRAMES)]
        server.answer(*[early] * MOST_OF_ONE_MODEL, whole)
        async with drive.open(server.port, config=declared(server.port)) as opened:
            async with opened.gateway.converse_stream("Hello") as stream:
                text = "".join([getattr(one, "text", "") async for one in stream])
                result = await stream.result()
            assert (text, result.model_id) == ("".join(wire.TEXTS), SECOND)
            server.answer([wire.stream(*wire.FRAMES[:3], wire.exception("serviceUnavailableException"))], whole)
            async with opened.gateway.converse_stream("Hello") as stream:
                with pytest.raises(StreamInterruptedError):
                    await stream.result()
            assert models(server) == [MODEL]

    drive.run(body)


def test_a_text_request_is_written_anew_in_the_words_of_the_model_that_stands_in(server, drive):
    async def body():
        claude = wire.document(200, {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})
        server.answer(*[DOWN] * MOST_OF_ONE_MODEL, [claude])
        async with drive.open(server.port, config=declared(server.port, [THIRD])) as opened:
            reply = await opened.gateway.invoke_model(TextRequest("Hello", max_tokens=5), model=MODEL)
            assert (reply.text, reply.model_id) == ("Hi", THIRD)
            assert "anthropic_version" in json.loads(server.requests[-1].body)
            assert "anthropic_version" not in json.loads(server.requests[0].body)

    drive.run(body)


def test_a_vendors_own_body_is_for_that_vendor(server, drive):
    async def body():
        server.answer(DOWN)
        async with drive.open(server.port, config=declared(server.port)) as opened:
            with pytest.raises(UnavailableError):
                await opened.gateway.invoke_model({"inputText": "Hello"}, model=MODEL)
            assert models(server) == [MODEL]

    drive.run(body)


def test_an_answer_from_a_knowledge_base_is_generated_by_the_model_that_stands_in(server, drive):
    async def body():
        answer = wire.document(200, {"output": {"text": "25 days"}, "sessionId": "s", "citations": []})
        server.answer(*[DOWN] * MOST_OF_ONE_MODEL, [answer])
        async with drive.open(server.port, config=declared(server.port)) as opened:
            found = await opened.gateway.retrieve_and_generate("How many days?", knowledge_base="handbook")
            assert found.model_id == SECOND
            assert SECOND in server.requests[-1].body.decode()
            assert SECOND not in server.requests[0].body.decode()

    drive.run(body)


def test_a_view_without_fallback_does_not_hop(server, drive):
    async def body():
        server.answer(DOWN)
        async with drive.open(server.port, config=declared(server.port)) as opened:
            with pytest.raises(UnavailableError):
                await opened.gateway.with_options(fallback=False).converse("Hello")
            assert models(server) == [MODEL]
            with pytest.raises(ConfigError, match="fallback is a bool"):
                opened.gateway.with_options(fallback="no")

    drive.run(body)


def test_every_model_that_stands_in_passes_the_rules(server, drive):
    """A rule of the application that refuses it: the call ends with what the first model met, and the refusal beside it."""

    def no_pro(send):
        if send.model_id == SECOND:
            raise GovernanceError("not for this team", rule="no-pro")
        return send

    async def body():
        server.answer(DOWN)
        async with drive.open(server.port, config=declared(server.port, [SECOND]), rules=[no_pro]) as opened:
            with pytest.raises(UnavailableError) as caught:
                await opened.gateway.converse("Hello")
            assert models(server) == [MODEL]
            assert caught.value.__notes__ == ["did not fall back: no-pro: not for this team"]
            assert opened.ended[0].model_id == MODEL

    drive.run(body)
