"""What the libraries on top of Bedrock send and expect, reduced to bare boto3: seen with real clients, kept here."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.exceptions import ClientError

NOVA = "amazon.nova-lite-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA_EMBED, COHERE_V4 = "amazon.nova-2-multimodal-embeddings-v1:0", "cohere.embed-v4:0"
PERSON = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
}


@pytest.fixture
def invoke(served):
    client = served.client("bedrock-runtime")

    def call(model: str, body: Any) -> Any:
        return json.loads(client.invoke_model(modelId=model, body=json.dumps(body))["body"].read())

    return call


def refused(call: Any, *args: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def tool(name: str) -> dict[str, Any]:
    return {"toolSpec": {"name": name, "inputSchema": {"json": PERSON}}}


def claude(**more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "21 degrees in Paris"}]
    return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": messages, **more}


@pytest.mark.parametrize(
    ("model", "body", "found"),
    [
        ("amazon.titan-embed-text-v1", {"inputText": "a"}, lambda reply: len(reply["embedding"]) == 1536),
        ("amazon.titan-embed-image-v1", {"inputText": "a"}, lambda reply: len(reply["embedding"]) == 1024),
        (
            "cohere.embed-english-v3",
            {"texts": ["a", "b"]},
            lambda reply: [*map(len, reply["embeddings"])] == [1024] * 2,
        ),
        (COHERE_V4, {"texts": ["a"]}, lambda reply: len(reply["embeddings"][0]) == 1536),
        (COHERE_V4, {"texts": ["a"], "output_dimension": 256}, lambda reply: len(reply["embeddings"][0]) == 256),
        (
            COHERE_V4,
            {"inputs": [{"content": [{"type": "text", "text": "a"}]}], "embedding_types": ["float"]},
            lambda reply: len(reply["embeddings"]["float"][0]) == 1536,
        ),
    ],
)
def test_every_embedding_model_has_its_own_length(invoke, model, body, found):
    body = {**body, "input_type": "search_query"} if model.startswith("cohere") else body
    assert found(invoke(model, body))


def test_nova_embeds_text_in_the_length_that_was_asked(invoke):
    single = {"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "END", "value": "leave"}}
    body = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": single}
    for wanted in (None, 256):
        single |= {"embeddingDimension": wanted} if wanted else {}
        (row,) = invoke(NOVA_EMBED, body)["embeddings"]
        assert (row["embeddingType"], len(row["embedding"])) == ("TEXT", wanted or 3072)


def test_cohere_packs_eight_dimensions_in_a_byte(invoke):
    kinds = ["float", "int8", "uint8", "binary", "ubinary"]
    body = {"texts": ["leave"], "input_type": "search_query", "embedding_types": kinds}
    made = {kind: rows[0] for kind, rows in invoke("cohere.embed-multilingual-v3", body)["embeddings"].items()}
    assert [len(made[kind]) for kind in kinds] == [1024, 1024, 1024, 128, 128]
    assert [byte + 128 for byte in made["binary"]] == made["ubinary"]
    bits = "".join(f"{byte:08b}" for byte in made["ubinary"])
    assert bits == "".join(str(int(value > 0)) for value in made["float"])
    assert [value + 128 for value in made["int8"]] == made["uint8"]


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("amazon.titan-embed-image-v1", {"inputImage": "aGk="}),
        (COHERE_V4, {"images": ["data:image/png;base64,aGk="], "input_type": "image"}),
        (
            NOVA_EMBED,
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX", "image": {"format": "png"}},
            },
        ),
    ],
)
def test_an_image_is_not_embedded_as_if_it_were_text(invoke, model, body):
    assert refused(invoke, model, body) == ("NotImplementedException", 501)


@pytest.mark.parametrize("model", ["cohere.rerank-v3-5:0", "amazon.rerank-v1:0"])
def test_a_reranker_puts_the_document_first_that_answers(served, model):
    region = "us-east-1" if model.startswith("cohere") else "us-west-2"
    runtime = served.client("bedrock-runtime", region=region)
    documents = ["Passwords change every 90 days.", "Annual leave is 25 days.", "The canteen opens at noon."]
    body = json.dumps({"query": "How many days of annual leave?", "documents": documents, "api_version": 2, "top_n": 2})
    results = json.loads(runtime.invoke_model(modelId=model, body=body)["body"].read())["results"]
    assert [len(results), results[0]["index"]] == [2, 1]
    sources = [
        {
            "type": "INLINE",
            "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}},
        }
        for text in documents
    ]
    arn = f"arn:aws:bedrock:{region}::foundation-model/{model}"
    asked = {
        "queries": [{"type": "TEXT", "textQuery": {"text": "How many days of annual leave?"}}],
        "sources": sources,
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": arn}, "numberOfResults": 2},
        },
    }
    ranked = served.client("bedrock-agent-runtime", region=region).rerank(**asked)["results"]
    assert ranked == [{"index": row["index"], "relevanceScore": row["relevance_score"]} for row in results]


def test_deepseek_answers_a_prompt_with_choices(invoke):
    reply = invoke("us.deepseek.r1-v1:0", {"prompt": "Hello", "max_tokens": 100})
    assert reply == {"choices": [{"text": "[local echo] Hello", "stop_reason": "stop"}]}


@pytest.mark.parametrize(
    "model", ["openai.gpt-oss-120b-1:0", "qwen.qwen3-32b-v1:0", "ai21.jamba-1-5-mini-v1:0", "deepseek.v3.1"]
)
def test_chat_completions_call_tools_and_follow_schemas(invoke, model):
    asked = {"messages": [{"role": "user", "content": "21 degrees in Paris"}], "max_completion_tokens": 100}
    function = {"type": "function", "function": {"name": "report", "parameters": PERSON}}
    (choice,) = invoke(model, {**asked, "tools": [function], "tool_choice": "required"})["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris", "degrees": 21}
    wanted = {"type": "json_schema", "json_schema": {"name": "report", "schema": PERSON}}
    (choice,) = invoke(model, {**asked, "response_format": wanted})["choices"]
    assert json.loads(choice["message"]["content"]) == {"city": "Paris", "degrees": 21}


@pytest.mark.parametrize(
    "more",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": PERSON}}},
        {"output_format": {"type": "json_schema", "schema": PERSON}},
        {"system": f"Answer with JSON by this schema:\n```json\n{json.dumps(PERSON, indent=1)}\n```"},
    ],
    ids=["output_config", "output_format", "in words"],
)
def test_claude_follows_a_schema_wherever_it_stands(invoke, more):
    reply = invoke(SONNET, claude(**more))
    assert json.loads(reply["content"][0]["text"]) == {"city": "Paris", "degrees": 21}


def test_claude_takes_the_version_that_its_own_package_sends(invoke):
    assert invoke(SONNET, claude(anthropic_version="2026-10-21"))["content"]
    assert refused(invoke, SONNET, claude(anthropic_version="latest")) == ("ValidationException", 400)


def test_an_agent_that_must_call_a_tool_comes_to_its_last_one(served):
    """pydantic-ai offers its output as one more tool and always asks for any: a model that calls the first never ends."""
    client = served.client("bedrock-runtime")
    config = {"tools": [tool("get_weather"), tool("final_result")], "toolChoice": {"any": {}}}
    messages = served.said("What is the weather in Paris? 21")
    called = []
    while "final_result" not in called:
        assert len(called) < 3
        message = client.converse(modelId=NOVA, messages=messages, toolConfig=config)["output"]["message"]
        use = message["content"][0]["toolUse"]
        called.append(use["name"])
        result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "sunny"}]}}
        messages = [*messages, message, {"role": "user", "content": [result]}]
    assert called == ["get_weather", "final_result"]
    assert use["input"] == {"city": "Paris", "degrees": 21}


def test_tokens_are_counted_by_a_model_id_that_only_profiles_reach(served):
    client = served.client("bedrock-runtime")
    bare = SONNET.removeprefix("us.")
    counted = client.count_tokens(modelId=bare, input={"converse": {"messages": served.said("Hello there")}})
    assert counted["inputTokens"] == 3
    assert refused(client.converse, modelId=bare, messages=served.said("Hi")) == ("ValidationException", 400)


@pytest.mark.parametrize("operation", ["converse", "converse_stream", "invoke_model"])
def test_a_guardrail_that_does_not_exist_is_refused_and_never_ignored(served, operation):
    named = {"guardrailIdentifier": "abcdefgh1234", "guardrailVersion": "1"}
    chat = {"messages": served.said("Hi"), "guardrailConfig": named}
    params = {"body": served.claude(), **named} if operation == "invoke_model" else chat
    call = getattr(served.client("bedrock-runtime"), operation)
    assert refused(call, modelId=SONNET, **params) == ("ValidationException", 400)


def test_a_reply_repeats_the_latency_that_was_asked_for(served):
    client, asked = served.client("bedrock-runtime"), {"performanceConfig": {"latency": "optimized"}}
    reply = client.converse(modelId=NOVA, messages=served.said("Hi"), **asked)
    assert reply["performanceConfig"] == asked["performanceConfig"]
    *_, last = client.converse_stream(modelId=NOVA, messages=served.said("Hi"), **asked)["stream"]
    assert last["metadata"]["performanceConfig"] == asked["performanceConfig"]
