"""Every call of both gateways, over HTTP and in process, as roles that have exactly the generated policies."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, field_validator

from bedrock_gateway import (
    AccessDeniedError,
    AnswerSession,
    GovernanceError,
    OutputValidationError,
    SessionExpiredError,
    filters,
)
from bedrock_gateway.documents import Document

NOVA = {
    "schemaVersion": "messages-v1",
    "messages": [{"role": "user", "content": [{"text": "What is a Region?"}]}],
    "inferenceConfig": {"maxTokens": 60},
}
TOOL = {
    "toolSpec": {
        "name": "leave_days",
        "description": "Days of leave of an employee",
        "inputSchema": {"json": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }
}


def outputs_are_known() -> bool:
    import botocore.session

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return "outputConfig" in model.operation_model("Converse").input_shape.members


def ended(events):
    return [one for one in events if one.name == "gateway.call_ended"]


def test_converse_answers_with_text_usage_and_request_id(both, opened):
    async def body():
        async with opened("app") as (gateway, events):
            reply = await gateway.converse("Hello", system="Be brief.", max_tokens=50, temperature=0.0)
            assert reply.text
            assert reply.stop_reason in {"end_turn", "max_tokens"}
            assert reply.usage.output_tokens > 0
            assert reply.local
            assert reply.raw["output"]["message"] == reply.message
            [event] = ended(events)
            assert (event.operation, event.outcome, event.attempts, event.local) == ("Converse", "ok", 1, True)
            assert event.request_id == reply.request_id
            assert event.output_tokens == reply.usage.output_tokens

    both.run(body)


def test_a_conversation_goes_on_with_the_message_as_it_came(both, opened):
    async def body():
        async with opened("app") as (gateway, _):
            first = {"role": "user", "content": "Hello"}
            reply = await gateway.converse([first])
            again = await gateway.converse([first, reply.message, {"role": "user", "content": [{"text": "And?"}]}])
            assert again.usage.input_tokens > reply.usage.input_tokens

    both.run(body)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_comes_whole_with_its_input(both, opened, streamed):
    async def body():
        async with opened("app") as (gateway, _):
            if streamed:
                async with gateway.converse_stream("How many leave days has Ada?", tools=[TOOL]) as stream:
                    reply = await stream.result()
            else:
                reply = await gateway.converse("How many leave days has Ada?", tools=[TOOL])
            assert reply.stop_reason == "tool_use"
            [call] = reply.tool_calls
            assert call.name == "leave_days"
            assert isinstance(call.input, dict)
            assert call.id

    both.run(body)


def test_a_stream_gives_its_text_as_it_comes_and_the_whole_at_the_end(both, opened):
    async def body():
        async with opened("app") as (gateway, events):
            async with gateway.converse_stream("Hello", max_tokens=50) as stream:
                parts = [text async for text in stream.text_stream]
                whole = await stream.result()
            assert len(parts) > 1
            assert "".join(parts) == whole.text
            assert whole.usage.output_tokens > 0
            assert whole.local
            [event] = ended(events)
            assert (event.operation, event.outcome) == ("ConverseStream", "ok")
            assert event.first_token_seconds is not None

    both.run(body)


def test_invoke_model_takes_the_vendors_body_and_gives_the_vendors_answer(both, opened):
    async def body():
        async with opened("app") as (gateway, events):
            reply = await gateway.invoke_model(NOVA)
            assert reply.raw["output"]["message"]["content"][0]["text"] == reply.text
            assert reply.usage.input_tokens > 0
            async with gateway.invoke_model_stream(NOVA) as stream:
                parts = [text async for text in stream.text_stream]
                whole = await stream.result()
            assert "".join(parts) == whole.text
            assert len(whole.chunks) == len(whole.raw)
            assert [one.outcome for one in ended(events)] == ["ok", "ok"]

    both.run(body)


def test_passages_and_cited_answers_come_from_the_knowledge_base(both, opened):
    async def body():
        async with opened("app") as (gateway, events):
            found = await gateway.retrieve("days of leave", knowledge_base="handbook", results=2)
            assert "25 days" in found.passages[0].text
            assert found.passages[0].uri.startswith("s3://")
            assert found.passages[0].score > 0
            answer = await gateway.retrieve_and_generate("How many days of leave?", knowledge_base="handbook")
            assert "25" in answer.text
            [citation] = answer.citations
            start, end = citation.span
            assert answer.text[start:end] == citation.text
            assert citation.sources[0].uri == found.passages[0].uri
            again = await gateway.retrieve_and_generate(
                "And equipment?", knowledge_base="handbook", session=answer.session
            )
            assert again.session_id == answer.session_id
            assert [one.outcome for one in ended(events)] == ["ok"] * 3

    both.run(body)


def test_a_session_that_aws_does_not_know_is_a_typed_error(both, opened):
    async def body():
        async with opened("app") as (gateway, _):
            ask = {"knowledge_base": "handbook", "session": "0d9bb2a5-6a2e-4f63-b2cb-93f2c5f0a1f4"}
            with pytest.raises(SessionExpiredError, match="ask without the session"):
                await gateway.retrieve_and_generate("How many days of leave?", **ask)

    both.run(body)


def test_nothing_found_is_said(both, opened):
    async def body():
        async with opened("app") as (gateway, _):
            nothing = filters.equals("team", "nobody")
            found = await gateway.retrieve("days of leave", knowledge_base="handbook", metadata_filter=nothing)
            assert found.empty
            answer = await gateway.retrieve_and_generate(
                "How many days of leave?", knowledge_base="handbook", metadata_filter=nothing
            )
            assert (answer.empty, answer.grounded, answer.grounded_share) == (True, False, 0.0)
            full = await gateway.retrieve_and_generate("How many days of leave?", knowledge_base="handbook")
            assert (full.empty, full.grounded, full.grounded_share) == (False, True, 1.0)
            assert full.session == AnswerSession(full.session_id, "handbook")

    both.run(body)


def test_an_answer_out_of_a_document_is_cited_and_its_stream_says_the_same(both, opened, account):
    document = Document("rules.txt", text="Dogs are welcome on Fridays.\n\nBicycles are kept in the cellar.")

    async def body():
        principal = {"capabilities": ["rag-document"], "models": account.config().principals["app"].models}
        async with opened("app", config=account.config(principals={"app": principal})) as (gateway, events):
            answer = await gateway.retrieve_and_generate("Are dogs welcome?", document=document)
            async with gateway.retrieve_and_generate_stream("Are dogs welcome?", document=document) as stream:
                streamed = await stream.result()
            assert answer.text == streamed.text == "Dogs are welcome on Fridays."
            assert answer.citations == streamed.citations
            assert (answer.grounded, answer.citations[0].sources[0].uri) == (True, "rules.txt")
            assert answer.session == AnswerSession(answer.session_id)
            assert [one.capability for one in events] == ["rag-document"] * 2

    both.run(body)


def test_ingestion_is_started_and_waited_for(both, opened, account):
    async def body():
        async with opened("operator") as (gateway, events):
            job = await gateway.start_ingestion("handbook", data_source_id=account.source)
            seen = []
            done = await gateway.wait_for_ingestion(job, interval_seconds=0.05, on_progress=seen.append)
            assert done.status == "COMPLETE"
            assert done.documents_scanned == 1
            assert seen[-1] == done
            assert [one for one in events if one.name == "ingestion.polled"]

    both.run(body)


def test_a_preflight_passes_and_reports_each_check(both, opened):
    async def body():
        async with opened("app") as (gateway, events):
            report = await gateway.preflight()
            assert not report.failed, [(one.id, one.summary) for one in report.failed]
            report.raise_for_status()
            assert {one.id for one in report.results} == {
                one.check for one in events if one.name == "preflight.check_ended"
            }

    both.run(body)


def test_a_preflight_is_told_the_regions_of_the_clients_that_call(both, opened, monkeypatch):
    from bedrock_gateway.preflight import readers

    told = {}
    read = readers.read_facts

    def listen(*given, **options):
        told.update(options["client_regions"])
        return read(*given, **options)

    monkeypatch.setattr(readers, "read_facts", listen)

    async def body():
        async with opened("app") as (gateway, _):
            await gateway.retrieve("leave", knowledge_base="handbook")
            await gateway.preflight()
            assert told == {"bedrock-runtime": "us-east-1", "bedrock-agent-runtime": "us-east-1"}

    both.run(body)


UNDECLARED = {
    "capability": lambda g: g.start_ingestion("handbook", data_source_id="DS12345678"),
    "model": lambda g: g.converse("Hello", model="anthropic.claude-3-haiku-20240307-v1:0"),
    "knowledge base": lambda g: g.retrieve("Hello", knowledge_base="others"),
}


@pytest.mark.parametrize("what", UNDECLARED)
def test_what_is_not_declared_is_refused_and_reported(both, opened, what):
    async def body():
        async with opened("app") as (gateway, events):
            with pytest.raises(GovernanceError):
                await UNDECLARED[what](gateway)
            [event] = ended(events)
            assert (event.outcome, event.attempts) == ("denied", 0)

    both.run(body)


def test_a_denial_names_the_missing_action_and_the_command_that_grants_it(both, opened, account):
    async def body():
        declared = account.config().principals
        wider = {
            name: {
                "capabilities": one.capabilities,
                "models": (*one.models, *(("amazon.nova-micro-v1:0",) if name == "app" else ())),
                "knowledge_bases": one.knowledge_bases,
            }
            for name, one in declared.items()
        }
        config = account.config(principals=wider)
        async with opened("app", config=config) as (gateway, events):
            with pytest.raises(AccessDeniedError) as raised:
                await gateway.converse("Hello", model="amazon.nova-micro-v1:0")
            assert raised.value.missing == "bedrock:InvokeModel"
            assert raised.value.resource.endswith("foundation-model/amazon.nova-micro-v1:0")
            assert "bedrock-gateway policy generate converse" in str(raised.value)
            [event] = ended(events)
            assert (event.outcome, event.error_code) == ("denied", "AccessDeniedException")

    both.run(body)


def test_a_gateway_can_be_closed_twice(both, opened):
    async def body():
        async with opened("app") as (gateway, _):
            await gateway.converse("Hello", max_tokens=5)
            await gateway.close()
            await gateway.close()

    both.run(body)


def test_a_view_shares_the_clients(both, opened):
    async def body():
        from bedrock_gateway import Timeouts

        async with opened("app") as (gateway, events):
            view = gateway.with_options(timeouts=Timeouts(total=30), resend_ambiguous=True)
            assert (await view.converse("Hello", max_tokens=5)).text
            assert len(ended(events)) == 1

    both.run(body)


class Leave(BaseModel):
    """Days of leave; the local Bedrock's first answer is the smallest number there is."""

    days: int

    @field_validator("days")
    @classmethod
    def _enough(cls, days: int) -> int:
        if days < 20:
            raise ValueError("there are 20 or more")
        return days


@pytest.mark.skipif(not outputs_are_known(), reason="this botocore does not know Converse.outputConfig")
def test_an_answer_that_does_not_fit_is_mended_with_iam_enforced(opened, both):
    async def body():
        async with opened("app") as (gateway, events):
            with pytest.raises(OutputValidationError):
                await gateway.converse("How much leave is there?", output=Leave)
            events.clear()
            reply = await gateway.converse("How much leave is there?", output=Leave, output_retries=1)
            assert reply.parsed == Leave(days=20)
            assert json.loads(reply.rejected[0].text)["days"] < 20
            assert [one.outcome for one in events if one.name == "gateway.call_ended"] == ["failed", "ok"]
            assert [one.local for one in events if one.name == "gateway.repair_scheduled"] == [True]

    both.run(body)
