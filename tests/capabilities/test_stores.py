"""The table of stores holds against botocore's model, and refuses before anything is sent."""

from __future__ import annotations

from typing import get_args

import pytest
from botocore.session import Session

from bedrock_gateway import ConfigError, GatewayConfig
from bedrock_gateway._config.knowledge import StoreName
from bedrock_gateway.capabilities.metadata_filters import check_filter
from bedrock_gateway.capabilities.stores import (
    EMBEDDING_DIMENSIONS,
    OPERATORS,
    STORES,
    check_storage,
    dimensions_for,
    storage_configuration,
)

from .shapes import faults

CONFIG = """\
format = 1
application = "helpdesk"
[env.prod]
account = "111122223333"
region = "us-east-2"
[principals.operator]
capabilities = ["kb-create"]
[knowledge_base.handbook]
embedding_model = "amazon.titan-embed-text-v2:0"
"""
PINECONE = """\
store = "pinecone"
[knowledge_base.handbook.storage]
connectionString = "https://example.pinecone.io"
credentialsSecretArn = "arn:aws:secretsmanager:us-east-2:111122223333:secret:pinecone-AbCdEf"
fieldMapping = {textField = "text", metadataField = "metadata"}
"""
HERE = "us-east-2:111122223333"
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:store-AbCdEf"
THREE = {"textField": "text", "metadataField": "metadata", "vectorField": "vector"}
TWO = {"textField": "text", "metadataField": "metadata"}
WHOLE = {
    "opensearch-serverless": {
        "collectionArn": f"arn:aws:aoss:{HERE}:collection/abcdefghij1234567890",
        "vectorIndexName": "pages",
        "fieldMapping": THREE,
    },
    "opensearch-managed": {
        "domainArn": f"arn:aws:es:{HERE}:domain/example",
        "domainEndpoint": "https://search-example.us-east-2.es.amazonaws.com",
        "vectorIndexName": "pages",
        "fieldMapping": THREE,
    },
    "aurora": {
        "resourceArn": f"arn:aws:rds:{HERE}:cluster:example",
        "credentialsSecretArn": SECRET,
        "databaseName": "bedrock",
        "tableName": "bedrock_integration.bedrock_kb",
        "fieldMapping": {**THREE, "primaryKeyField": "id", "customMetadataField": "custom"},
    },
    "neptune-analytics": {"graphArn": f"arn:aws:neptune-graph:{HERE}:graph/g-abcdefghij", "fieldMapping": TWO},
    "pinecone": {
        "connectionString": "https://example-1234567.svc.example.pinecone.io",
        "credentialsSecretArn": SECRET,
        "namespace": "handbook",
        "fieldMapping": TWO,
    },
    "redis": {
        "endpoint": "redis-12345.example.redislabs.com:12345",
        "vectorIndexName": "pages",
        "credentialsSecretArn": SECRET,
        "fieldMapping": THREE,
    },
    "mongodb-atlas": {
        "endpoint": "example.abcde.mongodb.net",
        "endpointServiceName": "com.amazonaws.vpce.us-east-2.vpce-svc-0123456789abcdef0",
        "databaseName": "bedrock",
        "collectionName": "pages",
        "vectorIndexName": "vectors",
        "textIndexName": "texts",
        "credentialsSecretArn": SECRET,
        "fieldMapping": THREE,
    },
}


@pytest.fixture(scope="module")
def storage_shape():
    return Session().get_service_model("bedrock-agent").shape_for("StorageConfiguration")


@pytest.mark.parametrize("row", STORES.values(), ids=lambda row: row.name)
def test_a_store_takes_what_create_knowledge_base_takes(storage_shape, row):
    assert row.type in storage_shape.members["type"].enum
    member = storage_shape.members[row.member]
    assert set(member.required_members) == set(row.required)
    if not row.made_by_us:
        assert set(member.members) == {*row.required, *row.optional}
        mapping = member.members["fieldMapping"]
        assert set(mapping.required_members) == set(row.fields)
        assert set(mapping.members) == {*row.fields, *row.optional_fields}


@pytest.mark.parametrize("store", WHOLE)
def test_a_store_with_every_member_is_what_aws_takes(storage_shape, store):
    check_storage(store, WHOLE[store])
    assert {*STORES[store].required, *STORES[store].optional} == set(WHOLE[store])
    assert faults(storage_shape, storage_configuration(store, WHOLE[store])) == []


@pytest.mark.parametrize("store", WHOLE)
def test_a_member_that_is_missing_or_hostile_is_refused(store):
    """Nothing of the store is asked: what AWS would say after the role was made is said before."""
    row, whole = STORES[store], WHOLE[store]
    for name in row.required:
        with pytest.raises(ConfigError, match=f"{store} needs {name}"):
            check_storage(store, {**whole, name: ""})
    for name in row.fields:
        left = {field: value for field, value in whole["fieldMapping"].items() if field != name}
        with pytest.raises(ConfigError, match=f"fieldMapping of {store} needs {name}"):
            check_storage(store, {**whole, "fieldMapping": left})
    for name in (one for one in whole if one != "fieldMapping"):
        for hostile in ("x\n", "\x1b[2J", "\x00", "a" * 2049):
            with pytest.raises(ConfigError, match=f"{name} of {store}: .* is nothing that AWS takes"):
                check_storage(store, {**whole, name: hostile})
    with pytest.raises(ConfigError, match=r"fieldMapping\.textField"):
        check_storage(store, {**whole, "fieldMapping": {**whole["fieldMapping"], "textField": "a\nb"}})


@pytest.mark.parametrize("member", ["*", "arn:aws:rds:us-east-2:*:cluster:example", "arn:aws:iam::111122223333:role/x"])
def test_an_arn_that_is_none_of_the_store_is_refused(member):
    for store, name in (
        ("aurora", "resourceArn"),
        ("neptune-analytics", "graphArn"),
        ("pinecone", "credentialsSecretArn"),
    ):
        with pytest.raises(ConfigError, match="nothing that AWS takes"):
            check_storage(store, {**WHOLE[store], name: member})


def test_every_store_of_aws_has_a_row_and_a_name_in_the_configuration(storage_shape):
    assert {row.type for row in STORES.values()} == set(storage_shape.members["type"].enum)
    assert set(get_args(StoreName)) == set(STORES)


def test_the_operators_are_those_of_aws():
    shape = Session().get_service_model("bedrock-agent-runtime").shape_for("RetrievalFilter")
    assert set(shape.members) == OPERATORS


@pytest.mark.parametrize("operator", ["startsWith", "stringContains"])
def test_s3_vectors_has_no_operator_for_parts_of_strings_however_deep_it_stands(operator):
    leaf = {operator: {"key": "team", "value": "re"}}
    for given in (leaf, {"andAll": [{"equals": {"key": "year", "value": 2026}}, {"orAll": [leaf, leaf]}]}):
        with pytest.raises(ConfigError, match=f"s3-vectors has no operator {operator}"):
            check_filter("s3-vectors", given)
        check_filter("opensearch-serverless", given)


def test_an_operator_that_nobody_has_is_named():
    with pytest.raises(ConfigError, match="'like' is no operator"):
        check_filter("s3-vectors", {"like": {"key": "team", "value": "red"}})


@pytest.mark.parametrize("model", EMBEDDING_DIMENSIONS)
def test_a_length_is_one_that_the_model_offers(model):
    assert dimensions_for("s3-vectors", model) == EMBEDDING_DIMENSIONS[model][0]
    with pytest.raises(ConfigError, match="makes vectors of length"):
        dimensions_for("s3-vectors", model, 999)


def test_a_model_that_the_table_lacks_needs_its_length_said():
    with pytest.raises(ConfigError, match="add `dimensions`"):
        dimensions_for("s3-vectors", "example.embed-v9:0")
    assert dimensions_for("s3-vectors", "example.embed-v9:0", 768) == 768
    with pytest.raises(ConfigError, match="takes vectors of length 1 to 4096"):
        dimensions_for("s3-vectors", "example.embed-v9:0", 5000)


def test_a_store_that_exists_is_passed_through_member_by_member():
    base = GatewayConfig.from_toml(CONFIG + PINECONE).knowledge_bases["handbook"]
    assert storage_configuration(base.store, base.storage) == {
        "type": "PINECONE",
        "pineconeConfiguration": {
            "connectionString": "https://example.pinecone.io",
            "credentialsSecretArn": "arn:aws:secretsmanager:us-east-2:111122223333:secret:pinecone-AbCdEf",
            "fieldMapping": {"textField": "text", "metadataField": "metadata"},
        },
    }


def test_the_secret_of_a_store_outside_aws_is_in_the_scope_and_no_index_of_ours():
    scope = GatewayConfig.from_toml(CONFIG + PINECONE).scope("operator")
    assert scope.third_party_secrets == ("arn:aws:secretsmanager:us-east-2:111122223333:secret:pinecone-AbCdEf",)
    assert scope.vector_indexes == ()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('store = "pinecone"\n', "pinecone needs connectionString"),
        (PINECONE.replace("connectionString", "connectionstring"), "no member 'connectionstring'"),
        (PINECONE.replace("textField", "vectorField"), "fieldMapping of pinecone takes textField"),
        (PINECONE.replace('"https://example.pinecone.io"', "7"), "connectionString of pinecone is a string"),
        ('store = "s3-vectors"\nstorage = {indexArn = "x"}\n', "is made by set-up"),
        (
            (
                'store = "s3-vectors"\n[[knowledge_base.handbook.source]]\ntype = "s3"\nbucket = "example-documents"\n'
                'chunking = {strategy = "fixed", max_tokens = 300}\n'
            ),
            "'fixed' takes max_tokens, overlap_percentage",
        ),
    ],
)
def test_a_faulty_table_is_refused_with_what_is_wrong(lines, message):
    with pytest.raises(ConfigError, match=message):
        GatewayConfig.from_toml(CONFIG + lines)
