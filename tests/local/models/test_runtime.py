"""Every model format against its own rules, and the log of each call."""

import json
import uuid
from typing import Any

import pytest

from bedrock_gateway.iam.evaluate import Decision
from bedrock_gateway.local import control, delivery
from bedrock_gateway.local.call import Call, Fault, State
from bedrock_gateway.local.models import runtime
from bedrock_gateway.local.models.fault_rules import FaultRule, Faults
from bedrock_gateway.local.models.model import Pacing
from bedrock_gateway.local.principals import Directory, Principal

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Account:
    """A local account without IAM, and what its log group received."""

    def __init__(self, region: str = "us-east-1") -> None:
        self.state, self.region, self.lines = State(), region, []
        self.directory = Directory("123456789012", "aws", "AKIAIOSFODNN7EXAMPLE", "")
        self.state.of(Pacing).seconds = 0
        self.handlers = {**runtime.HANDLERS, **control.HANDLERS}

    def call(self, service: str, operation: str, params: Any, *, region: str, principal: Any = None) -> Any:
        if operation == "PutLogEvents":
            self.lines += [json.loads(event["message"]) for event in params["logEvents"]]
        return {}

    def assume_service_role(self, role_arn: str, *, source_arn: str, region: str) -> Any:
        if "untrusting" in role_arn:
            raise Fault("AccessDenied", "no", 403)
        return Principal("role", role_arn, "123456789012")

    def authorize(self, principal: Any, action: str, resource: str, context: Any = None) -> Decision:
        return Decision(True, "no IAM here", "identity")

    def log(self, **flags: bool) -> None:
        watch = {"logGroupName": "/b", "roleArn": "arn:aws:iam::123456789012:role/logging"}
        self.state.of(delivery.Configurations).by_region[self.region] = {"cloudWatchConfig": watch, **flags}

    def do(self, operation: str, service: str = "bedrock-runtime", **params: Any) -> Any:
        caller = Principal("root", "arn:aws:iam::123456789012:root", "123456789012")
        request = Call(
            service, operation, params, self.region, "123456789012", "aws", caller, str(uuid.uuid4()), {}, self.state, self
        )  # fmt: skip
        return self.handlers[service, operation](request)

    def invoke(self, model: str, **body: Any) -> Any:
        return json.loads(self.do("InvokeModel", modelId=model, body=json.dumps(body).encode()).output["body"])

    def chunks(self, model: str, **body: Any) -> list[Any]:
        reply = self.do("InvokeModelWithResponseStream", modelId=model, body=json.dumps(body).encode())
        return [json.loads(event["chunk"]["bytes"]) for event in reply.events]


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": [{"text": text}]}]


def claude(text: str = "Hello", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": messages, **more}


BODIES = [
    (HAIKU, claude(), {"content", "stop_reason", "usage", "role", "id", "type", "model", "stop_sequence"}),
    ("amazon.nova-lite-v1:0", {"messages": said("Hello")}, {"output", "stopReason", "usage"}),
    ("amazon.titan-text-express-v1", {"inputText": "Hello"}, {"inputTextTokenCount", "results"}),
    ("meta.llama3-8b-instruct-v1:0", {"prompt": "Hello"}, {"generation", "prompt_token_count", "generation_token_count", "stop_reason"}),
    ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hello"}, {"outputs"}),
    ("ai21.jamba-1-5-mini-v1:0", {"messages": [{"role": "user", "content": "Hello"}]}, {"id", "choices", "usage", "model", "object", "created"}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "body", "keys"), BODIES, ids=[row[0] for row in BODIES])
def test_every_family_answers_in_its_own_shape(model, body, keys):
    account = Account()
    reply = account.invoke(model, **body)
    assert set(reply) == keys
    assert "[local echo] Hello" in json.dumps(reply)


@pytest.mark.parametrize(("model", "body", "keys"), BODIES, ids=[row[0] for row in BODIES])
def test_every_family_streams_and_ends_with_metrics(model, body, keys):
    chunks = Account().chunks(model, **body)
    assert len(chunks) > 2
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 5
    assert all("amazon-bedrock-invocationMetrics" not in chunk for chunk in chunks[:-1])


def test_claude_streams_the_whole_messages_sequence_with_a_tool_call():
    tools = [{"name": "get_weather", "input_schema": SCHEMA}]
    chunks = Account().chunks(HAIKU, **claude("Weather in Paris?", tools=tools, tool_choice={"type": "any"}))
    kinds = list(dict.fromkeys(chunk["type"] for chunk in chunks))
    assert kinds == ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]  # fmt: skip
    arguments = "".join(c["delta"]["partial_json"] for c in chunks if c["type"] == "content_block_delta")
    assert json.loads(arguments) == {"city": "Paris"}


@pytest.mark.parametrize("dimensions", [256, 512, 1024, None])
def test_titan_embeds_in_the_length_that_was_asked(dimensions):
    body = {"inputText": "leave"} | ({"dimensions": dimensions} if dimensions else {})
    reply = Account().invoke("amazon.titan-embed-text-v2:0", **body)
    assert len(reply["embedding"]) == len(reply["embeddingsByType"]["float"]) == (dimensions or 1024)


def test_converse_stops_at_max_tokens_and_at_stop_sequences():
    account = Account()
    short = account.do("Converse", modelId=HAIKU, messages=said("a long text indeed"), inferenceConfig={"maxTokens": 3})
    assert (short.output["stopReason"], short.output["usage"]["outputTokens"]) == ("max_tokens", 3)
    cut = account.do(
        "Converse", modelId=HAIKU, messages=said("one STOP two"), inferenceConfig={"stopSequences": ["STOP"]}
    )
    assert cut.output["stopReason"] == "stop_sequence"
    assert "two" not in cut.output["output"]["message"]["content"][0]["text"]


def test_converse_calls_a_tool_and_answers_from_its_result():
    account = Account()
    config = {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"tool": {"name": "f"}},
    }
    first = account.do("Converse", modelId=HAIKU, messages=said("Is it cold in Oslo?"), toolConfig=config).output
    use = first["output"]["message"]["content"][0]["toolUse"]
    assert (first["stopReason"], use["input"]) == ("tool_use", {"city": "Oslo"})
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "minus 4"}]}}
    history = [*said("Is it cold in Oslo?"), first["output"]["message"], {"role": "user", "content": [result]}]
    del config["toolChoice"]
    second = account.do("Converse", modelId=HAIKU, messages=history, toolConfig=config).output
    assert "minus 4" in second["output"]["message"]["content"][0]["text"]


def test_converse_stream_sends_aws_order_and_logs_one_object_before_the_last_event():
    account = Account()
    account.log()
    events = account.do("ConverseStream", modelId=HAIKU, messages=said("Hello there")).events
    names = []
    for event in events:
        names += list(event)
        if "metadata" in event:
            assert len(account.lines) == 1
    assert list(dict.fromkeys(names)) == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    record = account.lines[0]
    assert record["operation"] == "ConverseStream"
    assert record["output"]["outputBodyJson"]["output"]["message"]["content"] == [{"text": "[local echo] Hello there"}]


def test_a_stream_that_is_left_early_is_logged_once_as_far_as_it_came():
    account = Account()
    account.log()
    events = account.do("ConverseStream", modelId=HAIKU, messages=said("Hello there")).events
    next(events), next(events)
    events.close()
    assert [line["output"]["outputBodyJson"]["output"]["message"]["content"] for line in account.lines] == [
        [{"text": "[local"}]
    ]


def test_an_invoke_stream_is_logged_as_a_list_of_chunks():
    account = Account()
    account.log()
    chunks = account.chunks(HAIKU, **claude())
    assert account.lines[0]["output"]["outputBodyJson"] == chunks


def test_text_delivery_off_leaves_the_record_without_bodies():
    account = Account()
    account.log(textDataDeliveryEnabled=False)
    account.invoke(HAIKU, **claude())
    assert "inputBodyJson" not in account.lines[0]["input"]
    assert account.lines[0]["input"]["inputTokenCount"] > 0


def test_a_broken_role_loses_the_record_silently_and_is_counted():
    account = Account()
    account.log()
    account.state.of(delivery.Configurations).by_region["us-east-1"]["cloudWatchConfig"]["roleArn"] += "-untrusting"
    account.invoke(HAIKU, **claude())
    assert account.lines == []
    assert account.state.of(delivery.Deliveries).counts["us-east-1", "CloudWatch", "Failure"] == 1


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("anthropic.nothing-v1:0", "The provided model identifier is invalid."),
        (SONNET, f"Invocation of model ID {SONNET} with on-demand throughput isn\u2019t supported."),
    ],
)
def test_a_model_that_cannot_be_called_is_refused_in_aws_words(model, words):
    with pytest.raises(Fault, match="^" + words.replace(".", r"\.")):
        Account().do("Converse", modelId=model, messages=said("Hi"))


def test_every_form_of_model_id_reaches_the_model():
    account = Account()
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{SONNET}"
    source = {"copyFrom": arn}
    made = account.do("CreateInferenceProfile", "bedrock", inferenceProfileName="mine", modelSource=source).output
    asked = [f"us.{SONNET}", f"global.{SONNET}", arn, arn.replace("/", "%2F"), made["inferenceProfileArn"], HAIKU]
    for model in [*asked, f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"]:
        assert account.do("Converse", modelId=model, messages=said("Hi")).output["stopReason"] == "end_turn"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}"])
def test_a_malformed_body_is_a_validation_exception(body):
    with pytest.raises(Fault, match=r"^Malformed input request: ") as caught:
        Account().do("InvokeModel", modelId=HAIKU, body=body)
    assert caught.value.code == "ValidationException"


def test_turns_must_start_with_the_user_and_alternate():
    with pytest.raises(Fault, match="must start with a user message"):
        Account().do("Converse", modelId=HAIKU, messages=[])
    with pytest.raises(Fault, match=r"must alternate"):
        Account().do("Converse", modelId=HAIKU, messages=said("a") + said("b"))


def test_a_fault_rule_breaks_a_stream_after_so_many_events():
    account = Account()
    rule = FaultRule(operation="ConverseStream", code="ThrottlingException", status=429, after_events=2, times=1)
    account.state.of(Faults).rules.append(rule)
    seen = []
    with pytest.raises(Fault) as caught:
        seen.extend(account.do("ConverseStream", modelId=HAIKU, messages=said("Hi")).events)
    assert caught.value.code == "ThrottlingException"
    assert account.do("ConverseStream", modelId=HAIKU, messages=said("Hi")).events is not None
