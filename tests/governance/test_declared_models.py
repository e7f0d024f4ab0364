"""Which models a principal may send a call to: those it declares, its rerankers among them."""

from __future__ import annotations

import pytest

from bedrock_gateway import GatewayConfig, GovernanceError
from bedrock_gateway._commands import Send
from bedrock_gateway._requests import retrieve_and_generate
from bedrock_gateway.governance.rules import rules_of

OWN = "arn:aws:bedrock:us-east-1:111122223333"
CONFIG = GatewayConfig(
    application="helpdesk",
    account="111122223333",
    region="us-east-1",
    principals={
        "app": {
            "capabilities": ("converse", "rag"),
            "models": ("abcdefghij12",),
            "rerankers": ("cohere.rerank-v3-5:0",),
            "knowledge_bases": ("handbook",),
        }
    },
    knowledge_bases={
        "handbook": {"embedding_model": "amazon.titan-embed-text-v2:0", "store": "s3-vectors", "id": "KB12345678"}
    },
)


def judged(send):
    for rule in rules_of(CONFIG, "app"):
        send = rule(send)
    return send


def reranked(model):
    generate = retrieve_and_generate(CONFIG, "Hello?", knowledge_base="handbook", model="abcdefghij12")
    inner = generate.params["retrieveAndGenerateConfiguration"]["knowledgeBaseConfiguration"]
    inner["retrievalConfiguration"] = {
        "vectorSearchConfiguration": {
            "rerankingConfiguration": {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": model}},
            }
        }
    }
    return generate


def test_the_bare_id_of_an_application_profile_becomes_its_arn():
    generate = retrieve_and_generate(CONFIG, "Hello?", knowledge_base="handbook", model="abcdefghij12")
    inner = generate.params["retrieveAndGenerateConfiguration"]["knowledgeBaseConfiguration"]
    assert inner["modelArn"] == f"{OWN}:application-inference-profile/abcdefghij12"


def test_a_declared_reranker_may_put_passages_in_order():
    model = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
    assert isinstance(judged(reranked(model)), Send)


def test_an_application_profile_that_ends_in_the_id_of_a_model_is_not_that_model():
    generate = retrieve_and_generate(
        CONFIG,
        "Hello?",
        knowledge_base="handbook",
        model=f"{OWN}:application-inference-profile/cohere.rerank-v3-5:0",
    )
    with pytest.raises(GovernanceError, match="not declared"):
        judged(generate)


def test_another_reranker_may_not():
    with pytest.raises(GovernanceError, match="not declared"):
        judged(reranked("arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0"))
