"""Answers that conform to AWS's models, of this botocore or of a newer one: read without loss, whatever is in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway import GatewayConfig, _requests
from bedrock_gateway import _facade as facade
from bedrock_gateway._commands import Send
from bedrock_gateway._responses import BODY
from tests.protocol.conforming import SENDABLE, conforming, operation, reply

METADATA = {"RequestId": "r", "HTTPStatusCode": 200, "HTTPHeaders": {}}
READ = {name: parse for name, (_, parse) in facade._CALLS.items() if name != "InvokeModel"}
CONFIG = GatewayConfig(
    application="replies",
    account="123456789012",
    region="us-east-1",
    principals={"app": {"capabilities": ["converse"], "models": ["us.amazon.nova-lite-v1:0"]}},
)
PARAMS = {"knowledgeBaseId": "KB12345678", "dataSourceId": "DS12345678", "sources": []}
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def service_of(name: str) -> str:
    return _requests.base._SERVICE_OF[name]


def read(name: str, body: Any) -> Any:
    send = Send(service_of(name), name, PARAMS, model_id="us.amazon.nova-lite-v1:0", resend="billed")
    return READ[name]({"ResponseMetadata": METADATA, BODY: json.dumps(body).encode()}, send)


def is_read_whole(name: str, body: dict[str, Any]) -> None:
    result = read(name, body)
    # As text: 1, 1.0 and True are equal, and integers of more than 64 bits are no floats.
    assert json.dumps(result.raw) == json.dumps(json.loads(json.dumps(body)))
    assert result.request_id == "r"
    assert isinstance(result.text, str)
    assert len(repr(result)) < 10_000


@pytest.mark.parametrize("name", READ)
def test_a_conforming_answer_is_read_whole(name):
    @given(reply(service_of(name), name))
    @settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
    def each(body):
        is_read_whole(name, body)

    each()


@pytest.mark.full
@pytest.mark.parametrize("name", READ)
def test_hundreds_of_conforming_answers_are_read_whole(name):
    @given(reply(service_of(name), name))
    @settings(max_examples=600, deadline=None, suppress_health_check=SLOW)
    def each(body):
        is_read_whole(name, body)

    each()


def blocks() -> st.SearchStrategy[list[dict[str, Any]]]:
    shape = operation("bedrock-runtime", "Converse").input_shape.members["messages"].member.members["content"].member
    once = st.lists(conforming(shape, SENDABLE), min_size=1, max_size=3, unique_by=lambda block: next(iter(block)))
    return once.map(lambda drawn: [*genuine(drawn), {"text": "so"}])


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAAAAgAB4iG8MwAAAABJRU5ErkJggg=="
# Kind of block → what is put in the place of what was drawn, so that it is one that AWS takes.
GENUINE = {"image": ("png", PIXEL), "document": ("txt", "aGk="), "video": ("flv", "RkxWAQ=="), "audio": ("pcm", "aGk=")}


def genuine(value: Any) -> Any:
    """Images are images, and documents have names that AWS takes."""
    if isinstance(value, list):
        return [genuine(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: one if name in {"input", "json"} else genuine(one) for name, one in value.items()}
    for kind, (extension, data) in GENUINE.items():
        if isinstance(media := made.get(kind), dict):
            made[kind] = media | {"format": extension} | ({"name": "Handbook"} if kind == "document" else {})
            if "bytes" in media.get("source", {}):
                made[kind]["source"] = {"bytes": data}
    return made


def goes_back_unchanged(content: list[dict[str, Any]]) -> None:
    answer = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    }
    result = read("Converse", answer)
    turns = [{"role": "user", "content": "Hi"}, result.message, {"role": "user", "content": "And?"}]
    params = _requests.converse(CONFIG, turns, model="us.amazon.nova-lite-v1:0").params
    model = operation("bedrock-runtime", "Converse")
    report = ParamValidator().validate(params, model.input_shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())
    body = create_serializer("rest-json").serialize_to_request(dict(params), model)["body"]
    said = [block for block in content if block.get("text", "x").strip()] or content
    assert json.loads(body)["messages"][1]["content"] == said


@given(blocks())
@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
def test_a_message_of_an_answer_goes_back_as_it_came(content):
    goes_back_unchanged(content)


def test_text_that_says_nothing_beside_a_tool_call_is_not_sent_back_as_aws_refuses_it():
    call = {"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}
    goes_back_unchanged([{"text": "\n\n"}, call])
    goes_back_unchanged([{"text": ""}])
    sent = _requests.converse(
        CONFIG, [{"role": "user", "content": [{"text": " "}, {"text": "x"}]}], model="us.amazon.nova-lite-v1:0"
    )
    assert sent.params["messages"][0]["content"] == [{"text": " "}, {"text": "x"}]


@pytest.mark.full
@given(blocks())
@settings(max_examples=2000, deadline=None, suppress_health_check=SLOW)
def test_two_thousand_messages_go_back_as_they_came(content):
    goes_back_unchanged(content)
