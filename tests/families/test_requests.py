"""A text request in each family's own words, as the Bedrock User Guide has them."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

from bedrock_gateway.families import FAMILIES, TextRequest, family_named, family_of
from bedrock_gateway.families.embedding import EMBEDDERS, embedder_of
from bedrock_gateway.families.requests import UnsupportedOptionError

NO_TEXT = re.compile("embed|rerank|canvas|reel|sonic|image")
ASK = TextRequest("Hi", system="Be brief.", max_tokens=9, temperature=0.5, top_p=0.9, stop_sequences=("END",))
PLAIN = TextRequest("Hi", max_tokens=9, temperature=0.5, top_p=0.9, stop_sequences=("END",))
CHAT = {
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["END"],
}
WRITTEN = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": (
        ASK,
        {
            "anthropic_version": "bedrock-2023-05-31",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            "system": "Be brief.",
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop_sequences": ["END"],
        },
    ),
    "amazon.nova-lite-v1:0": (
        ASK,
        {
            "schemaVersion": "messages-v1",
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        },
    ),
    "amazon.titan-text-express-v1": (
        PLAIN,
        {
            "inputText": "Hi",
            "textGenerationConfig": {"maxTokenCount": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        },
    ),
    "meta.llama3-8b-instruct-v1:0": (
        TextRequest("Hi", system="Be brief.", max_tokens=9),
        {
            "prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            "max_gen_len": 9,
        },
    ),
    "mistral.mistral-7b-instruct-v0:2": (
        PLAIN,
        {"prompt": "<s>[INST] Hi [/INST]", "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]},
    ),
    "mistral.mistral-large-2407-v1:0": (ASK, CHAT | {"max_tokens": 9}),
    "cohere.command-r-v1:0": (
        ASK,
        {
            "message": "Hi",
            "preamble": "Be brief.",
            "max_tokens": 9,
            "temperature": 0.5,
            "p": 0.9,
            "stop_sequences": ["END"],
        },
    ),
    "cohere.command-text-v14": (
        PLAIN,
        {"prompt": "Hi", "max_tokens": 9, "temperature": 0.5, "p": 0.9, "stop_sequences": ["END"]},
    ),
    "ai21.jamba-1-5-mini-v1:0": (ASK, CHAT | {"max_tokens": 9}),
    "ai21.j2-mid-v1": (
        PLAIN,
        {"prompt": "Hi", "maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
    ),
    "deepseek.v3-v1:0": (ASK, CHAT | {"max_tokens": 9}),
    "qwen.qwen3-32b-v1:0": (ASK, CHAT | {"max_tokens": 9}),
    "openai.gpt-oss-20b-1:0": (ASK, CHAT | {"max_completion_tokens": 9}),
    "writer.palmyra-x5-v1:0": (ASK, CHAT | {"max_tokens": 9}),
    "google.gemma-3-12b-it": (ASK, CHAT | {"max_tokens": 9}),
    "zai.glm-4.7": (ASK, CHAT | {"max_tokens": 9}),
    "xai.grok-4.3": (ASK, CHAT | {"max_tokens": 9}),
    "moonshotai.kimi-k2.5": (ASK, CHAT | {"max_tokens": 9}),
    "minimax.minimax-m2": (ASK, CHAT | {"max_tokens": 9}),
    "nvidia.nemotron-nano-9b-v2": (ASK, CHAT | {"max_tokens": 9}),
}


@pytest.mark.parametrize("model", WRITTEN)
def test_a_request_is_written_in_the_familys_words(model):
    request, expected = WRITTEN[model]
    assert family_of(model).write(request, model) == expected


def test_every_family_is_written_somewhere():
    assert {family_of(model).name for model in WRITTEN} | {"deepseek"} == {row.name for row in FAMILIES}


@pytest.mark.parametrize(
    ("model", "request_", "told"),
    [
        ("anthropic.claude-v2:1", TextRequest("Hi"), "max_tokens"),
        ("amazon.titan-text-express-v1", ASK, "system"),
        ("cohere.command-text-v14", ASK, "system"),
        ("meta.llama3-8b-instruct-v1:0", PLAIN, "stop_sequences"),
    ],
)
def test_what_a_family_has_no_word_for_is_refused_rather_than_dropped(model, request_, told):
    with pytest.raises(UnsupportedOptionError, match=told):
        family_of(model).write(request_, model)


@pytest.mark.parametrize(
    "model",
    ["amazon.titan-embed-text-v2:0", "amazon.nova-canvas-v1:0", "cohere.rerank-v3-5:0", "luma.ray-v2:0", ""],
)
def test_what_makes_no_text_or_is_not_known_has_no_family(model):
    assert family_of(model) is None


VIDEO_AND_IMAGES = ("stability.", "luma.", "twelvelabs.")


def test_every_model_that_bedrock_has_today_is_of_a_family_or_makes_no_text():
    data = json.loads(files("bedrock_gateway.capabilities").joinpath("_models.json").read_text())
    found = {model: family_of(model) for model in data["models"]}
    assert len(found) > 100
    without = [one for one, family in found.items() if family is None]
    assert [one for one in without if not one.startswith(VIDEO_AND_IMAGES) and not NO_TEXT.search(one)] == []


def test_a_family_is_found_by_name():
    assert family_named("llama").name == "llama"
    assert family_named("lama") is None


@pytest.mark.parametrize(
    ("model", "dimensions", "purpose", "expected"),
    [
        ("amazon.titan-embed-text-v2:0", 256, "query", {"inputText": "a", "dimensions": 256}),
        ("amazon.titan-embed-text-v1", None, "query", {"inputText": "a"}),
        ("cohere.embed-english-v3", None, "query", {"texts": ["a"], "input_type": "search_query"}),
        (
            "cohere.embed-v4:0",
            512,
            "document",
            {"texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 512},
        ),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            384,
            "document",
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {
                    "embeddingPurpose": "GENERIC_INDEX",
                    "embeddingDimension": 384,
                    "text": {"truncationMode": "NONE", "value": "a"},
                },
            },
        ),
    ],
)
def test_texts_are_embedded_in_the_familys_words(model, dimensions, purpose, expected):
    assert embedder_of(model).ask(["a"], dimensions, purpose) == expected


def test_the_narrower_row_of_embedding_models_comes_first():
    starts = list(EMBEDDERS)
    assert not [(a, b) for at, a in enumerate(starts) for b in starts[at + 1 :] if b.startswith(a)]
    assert embedder_of("us.cohere.embed-v4:0") is EMBEDDERS["cohere.embed-v4"]
    assert embedder_of("*") is None
