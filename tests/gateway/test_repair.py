"""An answer that does not fit: the model is shown it and why, where that was asked for, in a call of its own."""

from __future__ import annotations

import pickle
import sys
import traceback
from dataclasses import replace

import pytest
from pydantic import BaseModel, field_validator

from bedrock_gateway import (
    ConverseResult,
    GovernanceError,
    InvalidRequestError,
    OutputValidationError,
    Send,
    ThrottledError,
    Timeouts,
    Usage,
)
from bedrock_gateway._flow import Context
from bedrock_gateway._flow.repair import repaired
from bedrock_gateway.events import StructlogObserver
from bedrock_gateway.governance.protection import BudgetPolicy, Protection

server = sys.modules["faultserver"]


def outputs_are_known() -> bool:
    import botocore.session

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return "outputConfig" in model.operation_model("Converse").input_shape.members


pytestmark = pytest.mark.skipif(not outputs_are_known(), reason="this botocore does not know Converse.outputConfig")
UNFIT, FITS = '{"days": "many-as-a-canary"}', '{"days": 25}'


class Leave(BaseModel):
    """Days of leave."""

    days: int

    @field_validator("days")
    @classmethod
    def _enough(cls, days: int) -> int:
        if days < 20:
            raise ValueError("there are 20 or more")
        return days


class Broken(Leave):
    """A class that fails."""

    @field_validator("days")
    @classmethod
    def _fails(cls, days: int) -> int:
        raise KeyError(days)


def answered(text, stop_reason="end_turn", role="assistant"):
    content = [{"text": text}] if text is not None else []
    message = {"role": role, "content": content}
    return server.reply(server.CONVERSED | {"output": {"message": message}, "stopReason": stop_reason})


def ended(events):
    return [one for one in events if one.name == "gateway.call_ended"]


def repairs(events):
    return [one for one in events if one.name == "gateway.repair_scheduled"]


def test_the_model_is_shown_its_answer_and_what_does_not_fit(both, against, faults):
    async def body():
        faults.answer(answered(UNFIT), answered(FITS))
        async with against() as (gateway, _):
            reply = await gateway.converse("How much leave?", system="Be brief.", output=Leave, output_retries=1)
            assert reply.parsed == Leave(days=25)
            assert [one.text for one in reply.rejected] == [UNFIT]
            first, second = [one.json for one in faults.requests]
            assert second["messages"][:2] == [*first["messages"], {"role": "assistant", "content": [{"text": UNFIT}]}]
            [told] = second["messages"][2]["content"]
            assert second["messages"][2]["role"] == "user"
            assert "- days: Input should be a valid integer" in told["text"]
            assert {**second, "messages": 0} == {**first, "messages": 0}

    both.run(body)


def test_each_answer_is_a_call_of_its_own_and_the_repair_an_event(both, against, faults):
    async def body():
        faults.answer(answered(UNFIT), answered(FITS))
        async with against() as (gateway, events):
            await gateway.converse("How much leave?", output=Leave, output_retries=1)
            assert [one.name for one in events] == [
                "gateway.call_ended",
                "gateway.repair_scheduled",
                "gateway.call_ended",
            ]
            first, second = ended(events)
            assert (first.outcome, first.error_code, first.attempts) == ("failed", "OutputValidationError", 1)
            assert (second.outcome, second.error_code, second.attempts) == ("ok", None, 1)
            assert (first.input_tokens, second.input_tokens) == (3, 3)
            [repair] = repairs(events)
            assert (repair.repair, repair.faults, repair.capability, repair.principal) == (1, 1, "converse", "app")
            assert repair.model_id == "us.amazon.nova-lite-v1:0"
            assert repair.request_id == first.request_id

    both.run(body)


def test_after_the_last_repair_the_error_holds_every_answer_and_their_usage(both, against, faults):
    async def body():
        faults.answer(answered(UNFIT), answered('{"days": 3}'), answered("about 25"))
        async with against() as (gateway, events):
            with pytest.raises(OutputValidationError) as raised:
                await gateway.converse("How much leave?", output=Leave, output_retries=2)
            error = raised.value
            assert [one.text for one in (*error.rejected, error.partial)] == [UNFIT, '{"days": 3}', "about 25"]
            assert error.usage == Usage(9, 3, 12)
            assert error.attempts == 3
            assert len(error.faults) == 1
            assert [one.repair for one in repairs(events)] == [1, 2]
            assert [one.outcome for one in ended(events)] == ["failed"] * 3
            texts = [one["content"][0]["text"] for one in faults.requests[2].json["messages"]]
            assert texts[1::2] == [UNFIT, '{"days": 3}']
            assert "days: Value error, there are 20 or more" in texts[4]
            again = pickle.loads(pickle.dumps(error))
            assert (again.usage, again.rejected) == (error.usage, error.rejected)

    both.run(body)


@pytest.mark.parametrize("options", [{}, {"output_retries": 0}])
def test_no_repair_is_made_unasked(both, against, faults, options):
    async def body():
        faults.answer(answered(UNFIT), answered(FITS))
        async with against() as (gateway, events):
            with pytest.raises(OutputValidationError):
                await gateway.converse("How much leave?", output=Leave, **options)
            assert len(faults.requests) == 1
            assert not repairs(events)
            # It came whole: sending again what may have been billed is not meant for it, by a stream neither.
            opted = gateway.with_options(resend_ambiguous=True)
            faults.answer(answered(UNFIT))
            with pytest.raises(OutputValidationError):
                await opted.converse("How much leave?", output=Leave, **options)
            assert len(faults.requests) == 1
            faults.answer(server.streamed(server.conversation("about")))
            with pytest.raises(OutputValidationError):
                async with opted.converse_stream("How much leave?", output=Leave) as stream:
                    await stream.result()
            assert len(faults.requests) == 1

    both.run(body)


def test_the_configuration_asks_for_it_and_the_call_overrules(both, against, faults):
    async def body():
        async with against(changed={"reliability": {"output_retries": 1}}) as (gateway, _):
            faults.answer(answered(UNFIT), answered(FITS))
            assert (await gateway.converse("How much leave?", output=Leave)).parsed.days == 25
            faults.answer(answered(UNFIT), answered(FITS))
            with pytest.raises(OutputValidationError):
                await gateway.converse("How much leave?", output=Leave, output_retries=0)
            assert len(faults.requests) == 1
            faults.answer(answered(UNFIT))
            assert (await gateway.converse("How much leave?")).text == UNFIT

    both.run(body)


NOT_REPAIRED = {
    "cut": answered('{"days": 2', "max_tokens"),
    "cut by a stop sequence": answered('{"days": 2', "stop_sequence"),
    "filtered": answered("no", "content_filtered"),
    "blank": answered("  "),
    "empty": answered(None),
}


@pytest.mark.parametrize("what", NOT_REPAIRED)
def test_an_answer_that_showing_cannot_mend_is_not_shown(both, against, faults, what):
    async def body():
        faults.answer(NOT_REPAIRED[what], answered(FITS))
        async with against() as (gateway, _):
            with pytest.raises(OutputValidationError):
                await gateway.converse("How much leave?", output=Leave, output_retries=3)
            assert len(faults.requests) == 1

    both.run(body)


def test_a_class_that_fails_is_told_apart_and_no_second_bill(both, against, faults):
    async def body():
        faults.answer(answered(FITS))
        async with against() as (gateway, _):
            with pytest.raises(OutputValidationError, match="a validator of it raised KeyError") as raised:
                await gateway.converse("How much leave?", output=Broken, output_retries=3)
            assert not raised.value.faults
            assert len(faults.requests) == 1

    both.run(body)


def test_a_repair_that_fails_otherwise_says_so_and_keeps_what_was_paid_for(both, against, faults):
    async def body():
        faults.answer(answered(UNFIT), server.error("ThrottlingException", 429))
        async with against() as (gateway, events):
            with pytest.raises(OutputValidationError) as raised:
                await gateway.converse("How much leave?", output=Leave, output_retries=1)
            assert isinstance(raised.value.__cause__, ThrottledError)
            assert raised.value.partial.text == UNFIT
            assert "the repair failed" in raised.value.__notes__[0]
            assert ended(events)[1].error_code == "ThrottlingException"

    both.run(body)


def test_rules_judge_the_repair_too(both, against, faults):
    seen = []

    def rule(send):
        seen.append(len(send.params["messages"]))
        if len(seen) > 1:
            raise GovernanceError("once is enough", rule="mine")
        return send

    async def body():
        seen.clear()
        faults.answer(answered(UNFIT), answered(FITS))
        async with against(rules=[rule]) as (gateway, events):
            with pytest.raises(OutputValidationError) as raised:
                await gateway.converse("How much leave?", output=Leave, output_retries=1)
            assert isinstance(raised.value.__cause__, GovernanceError)
            assert (seen, len(faults.requests)) == ([1, 3], 1)
            assert [one.outcome for one in ended(events)] == ["failed", "denied"]

    both.run(body)


def spent(gateway, tokens):
    """Give the gateway a retry budget of *tokens*."""
    inner = getattr(gateway, "inner", gateway)
    inner._context = replace(inner._context, protection=Protection(budget=BudgetPolicy(tokens=tokens)))
    return inner._context.protection


def test_a_repair_is_paid_from_the_retry_budget_and_earned_back_when_it_helps(both, against, faults):
    async def body():
        async with against() as (gateway, _):
            protection = spent(gateway, 20)
            faults.answer(answered(UNFIT))
            with pytest.raises(OutputValidationError) as raised:
                await gateway.converse("How much leave?", output=Leave, output_retries=3)
            assert len(faults.requests) == 2
            assert "retry budget" in raised.value.__notes__[0]
            [guard] = protection._guards.values()
            assert guard._tokens == 20 - 14
            protection = spent(gateway, 20)
            faults.answer(answered(UNFIT), answered(FITS))
            await gateway.converse("How much leave?", output=Leave, output_retries=3)
            [guard] = protection._guards.values()
            assert guard._tokens == 20

    both.run(body)


def test_all_answers_together_have_one_deadline_and_one_ceiling_of_requests():
    """Stepped by hand, with a clock of its own."""
    at, asked = [100.0], []

    def ask(ctx, unfit):
        asked.append((ctx.timeouts.total, ctx.most_requests, len(unfit)))
        at[0] += 30.0
        error = OutputValidationError("no", operation="Converse", faults=("days: no",))
        error.partial, error.attempts = ConverseResult(text=UNFIT, model_id="m"), 5
        yield from ()
        raise error

    ctx = Context(emit=lambda _: None, timeouts=Timeouts(total=70.0), now=lambda: at[0])
    target = Send("bedrock-runtime", "Converse", {}, region="us-east-1")
    with pytest.raises(OutputValidationError) as raised:
        next(repaired(ask, ctx, 3, target))
    assert asked == [(70.0, 12, 0), (40.0, 7, 1), (10.0, 2, 2)]
    assert raised.value.attempts == 15
    asked.clear()
    with pytest.raises(OutputValidationError):
        next(repaired(ask, replace(ctx, timeouts=Timeouts(total=600.0), most_requests=9), 3, target))
    assert [one[:2] for one in asked] == [(600.0, 9), (570.0, 4)]


def test_answers_that_do_not_fit_are_no_outage(both, against, faults):
    async def body():
        faults.answer(answered(UNFIT))
        async with against() as (gateway, events):
            for _ in range(41):
                with pytest.raises(OutputValidationError):
                    await gateway.converse("How much leave?", output=Leave)
            assert len(faults.requests) == 41
            assert not [one for one in events if one.name == "gateway.circuit_changed"]

    both.run(body)


def test_nothing_of_it_is_in_logs_or_errors(both, against, faults, capsys, caplog):
    caplog.set_level("DEBUG")

    async def body():
        faults.answer(answered(UNFIT), answered('{"days": "more-canaries"}'))
        async with against(observers=[StructlogObserver("debug")]) as (gateway, _):
            with pytest.raises(OutputValidationError) as raised:
                await gateway.converse("a-canary-asks", output=Leave, output_retries=1)
            shown = f"{raised.value}{raised.value!r}{raised.value.args}{getattr(raised.value, '__notes__', '')}"
            assert "canar" not in shown + caplog.text + capsys.readouterr().err
            faults.answer(answered(UNFIT), server.error("AccessDeniedException", 403))
            with pytest.raises(OutputValidationError) as other:
                await gateway.converse("a-canary-asks", output=Leave, output_retries=1)
            for error in (raised.value, other.value, other.value.__cause__):
                for frame, _ in traceback.walk_tb(error.__traceback__):
                    if "bedrock_gateway" in frame.f_code.co_filename:
                        assert "canar" not in repr(frame.f_locals)

    both.run(body)


@pytest.mark.parametrize("retries", [-1, 4, 1.0, "1", True, [1]])
def test_how_often_is_a_small_number(both, against, faults, retries):
    async def body():
        async with against() as (gateway, events):
            with pytest.raises(InvalidRequestError, match="output_retries"):
                await gateway.converse("x", output=Leave, output_retries=retries)
            assert (faults.connections, ended(events)[0].attempts) == (0, 0)

    both.run(body)


def test_it_needs_an_output_and_is_not_for_streams(both, against, faults):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(InvalidRequestError, match="needs output"):
                await gateway.converse("x", output_retries=1)
            with pytest.raises(InvalidRequestError, match="converse alone"):
                async with gateway.converse_stream("x", output=Leave, output_retries=1):
                    pass
            assert faults.connections == 0

    both.run(body)


def test_an_answer_to_a_json_schema_that_is_no_json_is_repaired(both, against, faults):
    async def body():
        faults.answer(answered("about 25"), answered(FITS))
        async with against() as (gateway, _):
            schema = {"type": "object", "properties": {"days": {"type": "integer"}}}
            messages = [{"role": "user", "content": "x"}]
            reply = await gateway.converse(messages, output=schema, output_retries=1)
            assert reply.parsed == {"days": 25}
            assert len(messages) == 1

    both.run(body)
