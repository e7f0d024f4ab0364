"""What a knowledge base's tables say goes into its requests, and what its store cannot do is refused before it is sent."""

from __future__ import annotations

import pytest

from bedrock_gateway import ConfigError, GatewayConfig, InvalidRequestError
from bedrock_gateway._requests import knowledge as requests
from bedrock_gateway._requests import retrieve_and_generate

CONFIG = """\
format = 1
application = "helpdesk"
[env.prod]
account = "111122223333"
region = "us-east-2"
[principals.app]
capabilities = ["retrieve", "rag"]
models = ["us.amazon.nova-lite-v1:0"]
knowledge_bases = ["handbook"]
[knowledge_base.handbook]
embedding_model = "amazon.titan-embed-text-v2:0"
id = "KB12345678"
"""
VECTORS = 'store = "s3-vectors"\n'
SERVERLESS = """\
store = "opensearch-serverless"
[knowledge_base.handbook.storage]
collectionArn = "arn:aws:aoss:us-east-2:111122223333:collection/abcdefghij1234567890"
vectorIndexName = "v"
fieldMapping = {textField = "t", metadataField = "m", vectorField = "v"}
"""
PARTS = {"startsWith": {"key": "team", "value": "re"}}
HYBRID = {"retrievalConfiguration": {"vectorSearchConfiguration": {"overrideSearchType": "HYBRID"}}}


def config(lines):
    return GatewayConfig.from_toml(CONFIG + lines)


def test_a_filter_that_the_store_does_not_have_is_refused():
    for given in (
        {"metadata_filter": PARTS},
        {"retrievalConfiguration": {"vectorSearchConfiguration": {"filter": {"orAll": [PARTS, PARTS]}}}},
    ):
        with pytest.raises(InvalidRequestError, match=r"s3-vectors has no operator startsWith.*nothing was sent"):
            requests.retrieve(config(VECTORS), "Leave?", knowledge_base="handbook", **given)
        requests.retrieve(config(SERVERLESS), "Leave?", knowledge_base="handbook", **given)
    for streamed in (False, True):
        with pytest.raises(InvalidRequestError, match="s3-vectors has no operator startsWith"):
            retrieve_and_generate(
                config(VECTORS),
                "Leave?",
                knowledge_base="handbook",
                model="us.amazon.nova-lite-v1:0",
                metadata_filter=PARTS,
                streamed=streamed,
            )


def test_a_search_that_the_store_does_not_have_is_refused():
    with pytest.raises(InvalidRequestError, match="s3-vectors has no search of type HYBRID, but SEMANTIC"):
        requests.retrieve(config(VECTORS), "Leave?", knowledge_base="handbook", **HYBRID)
    sent = requests.retrieve(config(SERVERLESS), "Leave?", knowledge_base="handbook", **HYBRID)
    assert sent.params["retrievalConfiguration"] == HYBRID["retrievalConfiguration"]


def test_what_the_tables_say_of_a_source_is_sent():
    source = (
        '[[knowledge_base.handbook.source]]\ntype = "s3"\nbucket = "example-handbook"\nprefix = "hr/"\n'
        'bucket_owner = "123456789012"\nchunking = {strategy = "none"}\n'
    )
    params = requests.create_data_source(config(VECTORS + source), "handbook").params
    assert params["dataSourceConfiguration"] == {
        "type": "S3",
        "s3Configuration": {
            "bucketArn": "arn:aws:s3:::example-handbook",
            "inclusionPrefixes": ["hr/"],
            "bucketOwnerAccountId": "123456789012",
        },
    }
    assert params["vectorIngestionConfiguration"] == {"chunkingConfiguration": {"chunkingStrategy": "NONE"}}


def test_the_length_that_the_table_says_is_sent_and_a_store_without_an_index_is_refused():
    role, index = "arn:aws:iam::111122223333:role/x", "arn:aws:s3vectors:us-east-2:111122223333:bucket/b/index/i"
    made = requests.create_knowledge_base(
        config("dimensions = 256\n" + VECTORS), "handbook", role_arn=role, index_arn=index
    )
    vector = made.params["knowledgeBaseConfiguration"]["vectorKnowledgeBaseConfiguration"]
    assert vector["embeddingModelConfiguration"]["bedrockEmbeddingModelConfiguration"]["dimensions"] == 256
    with pytest.raises(ConfigError, match="is on opensearch-serverless, which takes no index ARN"):
        requests.create_knowledge_base(config(SERVERLESS), "handbook", role_arn=role, index_arn=index)
