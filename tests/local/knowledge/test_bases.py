from __future__ import annotations

import re

import pytest

from bedrock_gateway.local.call import Fault

TOKEN = "a" * 36


def refused(call, *args, **params):
    with pytest.raises(Fault) as caught:
        call(*args, **params)
    return caught.value


def test_a_knowledge_base_is_creating_when_made_and_active_when_looked_at(world):
    params = world.knowledge_base_params(world.index(), description="The handbook")
    made = world.agent("CreateKnowledgeBase", **params)["knowledgeBase"]
    assert made["status"] == "CREATING"
    assert re.fullmatch(r"[0-9A-Z]{10}", made["knowledgeBaseId"])
    assert (
        made["knowledgeBaseArn"] == f"arn:aws:bedrock:us-east-1:123456789012:knowledge-base/{made['knowledgeBaseId']}"
    )
    shown = world.agent("GetKnowledgeBase", knowledgeBaseId=made["knowledgeBaseId"])["knowledgeBase"]
    assert shown == {**made, "status": "ACTIVE"}
    assert set(shown) == {"knowledgeBaseId", "name", "knowledgeBaseArn", "description", "roleArn", "knowledgeBaseConfiguration", "storageConfiguration", "status", "createdAt", "updatedAt"}  # fmt: skip


def test_the_role_is_assumed_in_the_name_of_this_knowledge_base(world):
    base = world.knowledge_base()
    assert world.aws.assumed == [f"arn:aws:bedrock:us-east-1:123456789012:knowledge-base/{base}"]


def test_an_index_may_be_named_by_bucket_and_name(world):
    world.index("byname")
    bucket = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{world.vector_bucket}"
    storage = {"type": "S3_VECTORS", "s3VectorsConfiguration": {"vectorBucketArn": bucket, "indexName": "byname"}}
    world.agent("CreateKnowledgeBase", **world.knowledge_base_params("", storageConfiguration=storage))


def test_the_same_client_token_makes_one_knowledge_base(world):
    params = world.knowledge_base_params(world.index(), clientToken=TOKEN)
    first = world.agent("CreateKnowledgeBase", **params)["knowledgeBase"]
    again = world.agent("CreateKnowledgeBase", **params)["knowledgeBase"]
    assert first["knowledgeBaseId"] == again["knowledgeBaseId"]
    assert len(world.agent("ListKnowledgeBases")["knowledgeBaseSummaries"]) == 1
    fault = refused(world.agent, "CreateKnowledgeBase", **{**params, "name": "other"})
    assert (fault.code, fault.status) == ("ConflictException", 409)


def test_a_name_is_taken_once(world):
    params = world.knowledge_base_params(world.index(), name="handbook")
    world.agent("CreateKnowledgeBase", **params)
    fault = refused(world.agent, "CreateKnowledgeBase", **params)
    assert (fault.code, fault.status) == ("ConflictException", 409)
    assert "handbook already exists" in fault.message


def test_a_role_that_does_not_trust_bedrock_is_refused(world):
    world.aws.trusted = False
    fault = refused(world.agent, "CreateKnowledgeBase", **world.knowledge_base_params(world.index()))
    assert fault.code == "ValidationException"
    assert "unable to assume the given role" in fault.message


def test_a_role_that_cannot_embed_is_refused_in_aws_words(world):
    world.aws.forbid("bedrock:InvokeModel")
    fault = refused(world.agent, "CreateKnowledgeBase", **world.knowledge_base_params(world.index()))
    assert fault.code == "ValidationException"
    assert re.search(r"Knowledge base role \S+ is not able to call specified embedding model arn:\S+: User: \S+assumed-role\S+ is not authorized to perform: bedrock:InvokeModel on resource: \S+titan-embed-text-v2:0 because no identity-based policy allows", fault.message)  # fmt: skip


@pytest.mark.parametrize("action", ["s3vectors:GetIndex", "s3vectors:QueryVectors"])
def test_a_role_that_cannot_use_the_index_is_refused(world, action):
    world.aws.forbid(action)
    fault = refused(world.agent, "CreateKnowledgeBase", **world.knowledge_base_params(world.index()))
    assert fault.code == "ValidationException"
    assert "storage configuration provided is invalid" in fault.message
    assert action in fault.message


def test_nothing_is_left_of_a_refused_knowledge_base(world):
    world.aws.forbid("bedrock:InvokeModel")
    refused(world.agent, "CreateKnowledgeBase", **world.knowledge_base_params(world.index(), clientToken=TOKEN))
    assert world.agent("ListKnowledgeBases") == {"knowledgeBaseSummaries": []}
    world.aws.forbidden.clear()
    world.agent("CreateKnowledgeBase", **world.knowledge_base_params(world.index("other"), clientToken=TOKEN))


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        ({"dimension": 512}, "dimension"),
        ({"keys": ()}, "AMAZON_BEDROCK_TEXT and AMAZON_BEDROCK_METADATA"),
        ({"keys": ("AMAZON_BEDROCK_TEXT",)}, "AMAZON_BEDROCK_METADATA"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(world, index, reason):
    fault = refused(world.agent, "CreateKnowledgeBase", **world.knowledge_base_params(world.index(**index)))
    assert fault.code == "ValidationException"
    assert "storage configuration provided is invalid" in fault.message
    assert reason in fault.message


def test_an_absent_index_is_refused(world):
    arn = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{world.vector_bucket}/index/none"
    assert (
        "could not be found" in refused(world.agent, "CreateKnowledgeBase", **world.knowledge_base_params(arn)).message
    )


def model(arn, **embedding):
    vector = {"embeddingModelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{arn}"}
    if embedding:
        vector["embeddingModelConfiguration"] = {"bedrockEmbeddingModelConfiguration": embedding}
    return {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vector}


@pytest.mark.parametrize(
    ("configuration", "dimension"),
    [
        (model("amazon.titan-embed-text-v1"), 1536),
        (model("cohere.embed-english-v3"), 1024),
        (model("amazon.titan-embed-text-v2:0", dimensions=256), 256),
    ],
)
def test_each_embedding_model_has_its_dimension(world, configuration, dimension):
    params = world.knowledge_base_params(world.index(dimension=dimension), knowledgeBaseConfiguration=configuration)
    world.agent("CreateKnowledgeBase", **params)
    wrong = world.knowledge_base_params(world.index("wrong", dimension=8), knowledgeBaseConfiguration=configuration)
    assert f"dimension: {dimension}" in refused(world.agent, "CreateKnowledgeBase", **wrong).message


@pytest.mark.parametrize(
    "configuration",
    [
        model("amazon.titan-embed-text-v2:0", dimensions=300),
        model("amazon.titan-embed-text-v2:0", embeddingDataType="BINARY"),
        model("anthropic.claude-3-haiku-20240307-v1:0"),
        {"type": "KENDRA"},
        {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": "arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan-embed-text-v2:0"}},
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_embedded_is_refused(world, configuration):
    params = world.knowledge_base_params(world.index(), knowledgeBaseConfiguration=configuration)
    assert refused(world.agent, "CreateKnowledgeBase", **params).code == "ValidationException"


def test_another_vector_store_is_refused_honestly(world):
    params = world.knowledge_base_params("", storageConfiguration={"type": "PINECONE"})
    assert "S3 Vectors and OpenSearch Serverless" in refused(world.agent, "CreateKnowledgeBase", **params).message


@pytest.mark.parametrize("operation", ["GetKnowledgeBase", "DeleteKnowledgeBase", "ListDataSources"])
def test_an_absent_knowledge_base_is_not_found(world, operation):
    fault = refused(world.agent, operation, knowledgeBaseId="ABCDEFGHIJ")
    assert (fault.code, fault.status) == ("ResourceNotFoundException", 404)


def test_lists_are_paged_without_loss(world):
    made = {world.knowledge_base() for _ in range(5)}
    seen, token = [], {}
    while True:
        reply = world.agent("ListKnowledgeBases", maxResults=2, **token)
        seen += [row["knowledgeBaseId"] for row in reply["knowledgeBaseSummaries"]]
        assert len(reply["knowledgeBaseSummaries"]) <= 2
        if "nextToken" not in reply:
            break
        token = {"nextToken": reply["nextToken"]}
    assert len(seen) == 5
    assert set(seen) == made
    assert refused(world.agent, "ListKnowledgeBases", nextToken="invented").code == "ValidationException"


def test_an_update_changes_name_description_and_role_only(world):
    params = world.knowledge_base_params(world.index())
    base = world.agent("CreateKnowledgeBase", **params)["knowledgeBase"]["knowledgeBaseId"]
    role = params["roleArn"] + "-2"
    changed = {**params, "name": "renamed", "roleArn": role, "description": "new"}
    assert world.agent("UpdateKnowledgeBase", knowledgeBaseId=base, **changed)["knowledgeBase"]["status"] == "UPDATING"
    shown = world.agent("GetKnowledgeBase", knowledgeBaseId=base)["knowledgeBase"]
    assert (shown["name"], shown["roleArn"], shown["description"], shown["status"]) == (
        "renamed",
        role,
        "new",
        "ACTIVE",
    )
    other = {**changed, "knowledgeBaseConfiguration": model("cohere.embed-english-v3")}
    assert "cannot be changed" in refused(world.agent, "UpdateKnowledgeBase", knowledgeBaseId=base, **other).message
    world.aws.trusted = False
    assert "unable to assume" in refused(world.agent, "UpdateKnowledgeBase", knowledgeBaseId=base, **changed).message


def test_tags_are_kept_changed_and_removed(world):
    base = world.knowledge_base(tags={"team": "hr", "stage": "dev"})
    arn = {"resourceArn": f"arn:aws:bedrock:us-east-1:123456789012:knowledge-base/{base}"}
    world.agent("TagResource", **arn, tags={"stage": "prod"})
    world.agent("UntagResource", **arn, tagKeys=["team", "absent"])
    assert world.agent("ListTagsForResource", **arn) == {"tags": {"stage": "prod"}}
    assert refused(world.agent, "ListTagsForResource", resourceArn="arn:x").code == "ResourceNotFoundException"


def test_a_data_source_has_the_shape_that_was_recorded(world):
    base = world.knowledge_base()
    chunking = {"chunkingConfiguration": {"chunkingStrategy": "FIXED_SIZE", "fixedSizeChunkingConfiguration": {"maxTokens": 512, "overlapPercentage": 20}}}  # fmt: skip
    source = world.data_source(base, name="handbook", description="d", vectorIngestionConfiguration=chunking)
    shown = world.agent("GetDataSource", knowledgeBaseId=base, dataSourceId=source)["dataSource"]
    assert set(shown) == {"createdAt", "dataDeletionPolicy", "dataSourceConfiguration", "dataSourceId", "description", "knowledgeBaseId", "name", "status", "updatedAt", "vectorIngestionConfiguration"}  # fmt: skip
    assert (shown["status"], shown["dataDeletionPolicy"], shown["vectorIngestionConfiguration"]) == (
        "AVAILABLE",
        "DELETE",
        chunking,
    )
    (row,) = world.agent("ListDataSources", knowledgeBaseId=base)["dataSourceSummaries"]
    assert row == {
        name: shown[name] for name in ("knowledgeBaseId", "dataSourceId", "name", "status", "description", "updatedAt")
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"dataSourceConfiguration": {"type": "WEB"}},
        {"dataSourceConfiguration": {"type": "S3"}},
        {"vectorIngestionConfiguration": {"chunkingConfiguration": {"chunkingStrategy": "HIERARCHICAL"}}},
        {"vectorIngestionConfiguration": {"chunkingConfiguration": {"chunkingStrategy": "FIXED_SIZE"}}},
        {"vectorIngestionConfiguration": {"parsingConfiguration": {"parsingStrategy": "BEDROCK_FOUNDATION_MODEL"}}},
        {"vectorIngestionConfiguration": {"parsingConfiguration": {"parsingStrategy": "SMART_PARSING"}}},
        {"name": "not a name"},
    ],
)
def test_a_data_source_that_is_not_served_is_refused(world, changed):
    base = world.knowledge_base()
    assert refused(world.data_source, base, **changed).code == "ValidationException"
    assert world.agent("ListDataSources", knowledgeBaseId=base) == {"dataSourceSummaries": []}


def test_a_data_source_name_and_client_token_are_taken_once(world):
    base = world.knowledge_base()
    first = world.data_source(base, name="handbook", clientToken=TOKEN)
    assert world.data_source(base, name="handbook", clientToken=TOKEN) == first
    assert refused(world.data_source, base, name="handbook").code == "ConflictException"


def test_an_update_of_a_data_source_keeps_its_chunking(world):
    base = world.knowledge_base()
    source = world.data_source(base)
    params = {
        "knowledgeBaseId": base,
        "dataSourceId": source,
        "name": "renamed",
        "dataSourceConfiguration": {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::other"}},
    }
    assert world.agent("UpdateDataSource", **params)["dataSource"]["name"] == "renamed"
    chunking = {"chunkingConfiguration": {"chunkingStrategy": "NONE"}}
    fault = refused(world.agent, "UpdateDataSource", **params, vectorIngestionConfiguration=chunking)
    assert "cannot be changed" in fault.message


def stored(world, base):
    arn = world.agent("GetKnowledgeBase", knowledgeBaseId=base)["knowledgeBase"]["storageConfiguration"]
    return world.vectors.list_vectors(indexArn=arn["s3VectorsConfiguration"]["indexArn"])["vectors"]


@pytest.mark.parametrize(("policy", "left"), [("DELETE", 0), ("RETAIN", 1)])
def test_deleting_a_data_source_treats_vectors_as_its_policy_says(world, policy, left):
    base = world.knowledge_base()
    source = world.data_source(base, dataDeletionPolicy=policy)
    world.put(leave__txt="Leave is 25 days.")
    world.ingest(base, source)
    assert len(stored(world, base)) == 1
    gone = world.agent("DeleteDataSource", knowledgeBaseId=base, dataSourceId=source)
    assert gone == {"knowledgeBaseId": base, "dataSourceId": source, "status": "DELETING"}
    assert len(stored(world, base)) == left
    assert refused(world.agent, "GetDataSource", knowledgeBaseId=base, dataSourceId=source).status == 404


def test_a_data_source_whose_vectors_may_not_be_deleted_says_so(world):
    base = world.filled(leave__txt="Leave is 25 days.")
    (row,) = world.agent("ListDataSources", knowledgeBaseId=base)["dataSourceSummaries"]
    world.aws.forbid("s3vectors:DeleteVectors")
    assert world.agent("DeleteKnowledgeBase", knowledgeBaseId=base)["status"] == "DELETING"
    source = world.agent("GetDataSource", knowledgeBaseId=base, dataSourceId=row["dataSourceId"])["dataSource"]
    assert source["status"] == "DELETE_UNSUCCESSFUL"
    assert "s3vectors:DeleteVectors" in source["failureReasons"][0]
    assert world.agent("GetKnowledgeBase", knowledgeBaseId=base)["knowledgeBase"]["status"] == "DELETE_UNSUCCESSFUL"


def test_a_deleted_knowledge_base_is_gone_with_its_vectors(world):
    base = world.filled(leave__txt="Leave is 25 days.")
    index = world.agent("GetKnowledgeBase", knowledgeBaseId=base)["knowledgeBase"]["storageConfiguration"]
    assert world.agent("DeleteKnowledgeBase", knowledgeBaseId=base) == {"knowledgeBaseId": base, "status": "DELETING"}
    assert refused(world.agent, "GetKnowledgeBase", knowledgeBaseId=base).status == 404
    assert world.vectors.list_vectors(indexArn=index["s3VectorsConfiguration"]["indexArn"])["vectors"] == []
