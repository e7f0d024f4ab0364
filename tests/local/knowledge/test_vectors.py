from __future__ import annotations

import math

import pytest

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge.vectors import find_index, metadata_keys


def put(world, index_arn, **vectors):
    world.vectors.put_vectors(
        indexArn=index_arn,
        vectors=[
            {"key": key, "data": {"float32": data}, "metadata": {"name": key, "rank": n}}
            for n, (key, data) in enumerate(vectors.items())
        ],
    )


def query(world, index_arn, vector, **params):
    return world.call(
        "s3vectors", "QueryVectors", indexArn=index_arn, queryVector={"float32": vector}, **{"topK": 10, **params}
    ).output


def test_the_nearest_vectors_come_first_by_cosine(world):
    arn = world.index(dimension=2)
    put(world, arn, east=[1.0, 0.0], north=[0.0, 1.0], northeast=[5.0, 5.0])
    found = query(world, arn, [1.0, 0.1], returnDistance=True)
    assert [row["key"] for row in found["vectors"]] == ["east", "northeast", "north"]
    assert found["distanceMetric"] == "cosine"
    assert math.isclose(found["vectors"][1]["distance"], 1 - 1.1 / math.sqrt(2 * 1.01), rel_tol=1e-5)


def test_the_nearest_vectors_come_first_by_euclidean_distance(world):
    arn = world.index(dimension=2, metric="euclidean")
    put(world, arn, far=[10.0, 0.0], near=[1.0, 1.0])
    found = query(world, arn, [1.0, 0.0], returnDistance=True)
    assert [(row["key"], row["distance"]) for row in found["vectors"]] == [("near", 1.0), ("far", 9.0)]


def test_top_k_metadata_and_filter_are_obeyed(world):
    arn = world.index(dimension=2)
    put(world, arn, a=[1.0, 0.0], b=[1.0, 0.1], c=[1.0, 0.2])
    found = query(world, arn, [1.0, 0.0], topK=1, filter={"rank": {"$gte": 1}}, returnMetadata=True)
    assert found["vectors"] == [{"key": "b", "metadata": {"name": "b", "rank": 1}}]


def test_a_vector_that_is_replaced_is_found_where_it_now_is(world):
    arn = world.index(dimension=2)
    put(world, arn, a=[1.0, 0.0], b=[0.0, 1.0])
    query(world, arn, [1.0, 0.0])
    put(world, arn, a=[0.0, 1.0], b=[1.0, 0.0])
    assert query(world, arn, [1.0, 0.0], topK=1)["vectors"] == [{"key": "b"}]


def test_an_empty_index_answers_with_nothing(world):
    assert query(world, world.index(dimension=2), [1.0, 0.0])["vectors"] == []


def test_a_query_of_the_wrong_length_is_refused(world):
    arn = world.index(dimension=2)
    with pytest.raises(Fault) as caught:
        query(world, arn, [1.0])
    assert caught.value.code == "ValidationException"


def test_a_filter_on_a_non_filterable_key_is_refused(world):
    arn = world.index(dimension=2)
    with pytest.raises(Fault, match="non-filterable"):
        query(world, arn, [1.0, 0.0], filter={"AMAZON_BEDROCK_TEXT": "x"})


def test_a_query_of_an_absent_index_is_not_found(world):
    with pytest.raises(Fault) as caught:
        query(world, "arn:aws:s3vectors:us-east-1:123456789012:bucket/none/index/none", [1.0])
    assert (caught.value.code, caught.value.status) == ("NotFoundException", 404)


def test_an_index_is_found_by_names_too(world):
    arn = world.index("named", dimension=2)
    put(world, arn, a=[1.0, 0.0])
    reply = world.call(
        "s3vectors", "QueryVectors", vectorBucketName=world.vector_bucket, indexName="named",
        topK=1, queryVector={"float32": [1.0, 0.0]},
    )  # fmt: skip
    assert [row["key"] for row in reply.output["vectors"]] == ["a"]


def test_an_index_remembers_its_metadata_configuration(world):
    arn = world.index("kept", dimension=8, keys=("AMAZON_BEDROCK_TEXT",))
    shown = world.call("s3vectors", "GetIndex", indexArn=arn).output["index"]
    assert shown["metadataConfiguration"] == {"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT"]}
    assert (shown["dimension"], shown["indexName"], shown["vectorBucketName"]) == (8, "kept", world.vector_bucket)
    assert metadata_keys(find_index("123456789012", "us-east-1", arn)) == ("AMAZON_BEDROCK_TEXT",)


def test_an_index_that_moto_made_has_no_metadata_configuration(world):
    world.vectors.create_index(
        vectorBucketName=world.vector_bucket,
        indexName="plain",
        dataType="float32",
        dimension=2,
        distanceMetric="cosine",
    )
    shown = world.call("s3vectors", "GetIndex", vectorBucketName=world.vector_bucket, indexName="plain").output["index"]
    assert "metadataConfiguration" not in shown


def test_an_index_is_not_made_twice_nor_in_an_absent_bucket(world):
    world.index("twice")
    with pytest.raises(Fault) as caught:
        world.index("twice")
    assert caught.value.code == "ConflictException"
    world.vector_bucket = "absent"
    with pytest.raises(Fault) as caught:
        world.index("other")
    assert caught.value.code == "NotFoundException"


def row(key="a", data=(1.0, 0.0), **metadata):
    return {"key": key, "data": {"float32": list(data)}, "metadata": metadata}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(data=[1.0]), "vector must have length 2, but has length 1"),
        (row(data=[1.0, math.nan]), "finite"),
        (row(data=[math.inf, 1.0]), "finite"),
        (row(data=[0.0, 0.0]), "zeros"),
        (row(note="x" * 2048), "Filterable metadata must have at most 2048 bytes"),
        (row(AMAZON_BEDROCK_TEXT="x" * 41_000), "Metadata must have at most 40960 bytes"),
    ],
)
def test_what_s3_vectors_does_not_take_is_refused_with_all_that_came_with_it(world, bad, reason):
    arn = world.index(dimension=2)
    with pytest.raises(Fault, match=reason) as caught:
        world.call("s3vectors", "PutVectors", indexArn=arn, vectors=[row("good"), bad])
    assert caught.value.code == "ValidationException"
    assert query(world, arn, [1.0, 0.0])["vectors"] == []


def test_large_texts_are_taken_where_their_key_is_non_filterable(world):
    arn = world.index(dimension=2)
    world.call("s3vectors", "PutVectors", indexArn=arn, vectors=[row(AMAZON_BEDROCK_TEXT="x" * 40_000)])
    assert query(world, arn, [1.0, 0.0])["vectors"] == [{"key": "a"}]


def test_a_vector_of_zeros_has_a_euclidean_distance(world):
    arn = world.index(dimension=2, metric="euclidean")
    world.call("s3vectors", "PutVectors", indexArn=arn, vectors=[row(data=[0.0, 0.0])])
    assert query(world, arn, [3.0, 4.0], returnDistance=True)["vectors"] == [{"key": "a", "distance": 5.0}]


def test_vectors_are_shown_as_they_were_written_to_single_precision(world):
    arn = world.index(dimension=2)
    world.call("s3vectors", "PutVectors", indexArn=arn, vectors=[row(data=[0.1, 0.2], team="hr")])
    (shown,) = world.vectors.list_vectors(indexArn=arn, returnData=True, returnMetadata=True)["vectors"]
    assert shown["data"]["float32"] == pytest.approx([0.1, 0.2])
    assert shown["metadata"] == {"team": "hr"}
    (shown,) = world.vectors.get_vectors(indexArn=arn, keys=["a"], returnData=True)["vectors"]
    assert shown["data"]["float32"] == pytest.approx([0.1, 0.2])


def test_vectors_of_no_knowledge_base_are_in_no_retrieval(world):
    base = world.filled(leave__txt="Leave is 25 days.")
    storage = world.agent("GetKnowledgeBase", knowledgeBaseId=base)["knowledgeBase"]["storageConfiguration"]
    foreign = [
        {"key": "plain", "data": {"float32": [1.0] * 1024}},
        {"key": "noted", "data": {"float32": [1.0] * 1024}, "metadata": {"AMAZON_BEDROCK_TEXT": "Leave.", "AMAZON_BEDROCK_METADATA": "no JSON"}},
    ]  # fmt: skip
    world.call("s3vectors", "PutVectors", indexArn=storage["s3VectorsConfiguration"]["indexArn"], vectors=foreign)
    found = world.runtime("Retrieve", knowledgeBaseId=base, retrievalQuery={"text": "leave"})["retrievalResults"]
    assert sorted(one["content"]["text"] for one in found) == ["Leave is 25 days.", "Leave."]


def test_many_vectors_are_taken_up_before_anybody_asks(world):
    arn = world.index(dimension=2)
    rows = [row(str(number), [500.0 - number, number + 1.0], rank=number) for number in range(500)]
    for _ in range(2):
        world.call("s3vectors", "PutVectors", indexArn=arn, vectors=rows)
    index = find_index("123456789012", "us-east-1", arn)
    assert len(index.searchable.matching(None)) == 500
    assert query(world, arn, [1.0, 500.0], topK=1)["vectors"] == [{"key": "499"}]
    assert len(query(world, arn, [1.0, 0.0], topK=100, filter={"rank": {"$lt": 3}})["vectors"]) == 3
