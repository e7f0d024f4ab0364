"""Hierarchical chunking from the bucket to the answer: children are found, parents are returned."""

from __future__ import annotations

import json

import pytest

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.models.model import Pacing

PARAGRAPHS = [
    "Annual leave is 25 days. It is asked for in the portal. A manager answers within a week.",
    "Parental leave is 16 weeks. It begins with the birth. Both parents may take it.",
    "Trains are booked in second class. Receipts go to the finance team. Taxis need a reason.",
    "Laptops are lent for four years. Lost ones are reported at once. Disks are encrypted.",
]


def rule(parent=25, child=8, overlap=1):
    levels = {"levelConfigurations": [{"maxTokens": parent}, {"maxTokens": child}], "overlapTokens": overlap}
    return {"chunkingConfiguration": {"chunkingStrategy": "HIERARCHICAL", "hierarchicalChunkingConfiguration": levels}}


@pytest.fixture
def base(world):
    world.state.of(Pacing).seconds = 0.0
    base = world.knowledge_base()
    source = world.data_source(base, vectorIngestionConfiguration=rule())
    world.put(
        handbook__md="\n\n".join(PARAGRAPHS), handbook__md__metadata__json='{"metadataAttributes": {"team": "hr"}}'
    )
    job = world.ingest(base, source)
    assert job["statistics"]["numberOfNewDocumentsIndexed"] == 1, job
    return base


def retrieved(world, base, question, **search):
    configuration = {"vectorSearchConfiguration": {"numberOfResults": 3, **search}}
    return world.runtime(
        "Retrieve", knowledgeBaseId=base, retrievalQuery={"text": question}, retrievalConfiguration=configuration
    )["retrievalResults"]


def children(world, base):
    shown = world.agent("GetKnowledgeBase", knowledgeBaseId=base)["knowledgeBase"]["storageConfiguration"]
    rows = world.vectors.list_vectors(indexArn=shown["s3VectorsConfiguration"]["indexArn"], returnMetadata=True)
    return {row["key"]: row["metadata"] for row in rows["vectors"]}


def test_children_are_what_is_indexed_and_each_notes_its_parent(world, base):
    stored = children(world, base).values()
    assert len(stored) > len(PARAGRAPHS) * 2
    for metadata in stored:
        noted = json.loads(metadata["AMAZON_BEDROCK_METADATA"])
        assert len(metadata["AMAZON_BEDROCK_TEXT"]) <= 8 * 4
        assert metadata["AMAZON_BEDROCK_TEXT"] in noted["parentText"]
        assert "\n\n".join(PARAGRAPHS)[noted["parentStart"] :].startswith(noted["parentText"])


def test_a_result_is_the_parent_of_the_child_that_was_found(world, base):
    best = retrieved(world, base, "When does parental leave begin?")[0]
    assert "16 weeks" in best["content"]["text"]
    assert "begins with the birth" in best["content"]["text"]
    found = children(world, base)[best["metadata"]["x-amz-bedrock-kb-chunk-id"]]
    assert found["AMAZON_BEDROCK_TEXT"] in best["content"]["text"]
    assert len(found["AMAZON_BEDROCK_TEXT"]) < len(best["content"]["text"])
    assert best["location"]["s3Location"]["uri"] == f"s3://{world.bucket}/handbook.md"
    assert best["metadata"]["team"] == "hr"
    assert not {"AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA", "parentText"} & set(best["metadata"])


def test_children_of_one_parent_are_one_result_so_there_may_be_fewer(world, base):
    results = retrieved(world, base, "annual leave days portal manager week", numberOfResults=3)
    texts = [row["content"]["text"] for row in results]
    assert len(texts) == len(set(texts)) < 3
    assert [row["score"] for row in results] == sorted((row["score"] for row in results), reverse=True)


def test_a_filter_holds_for_children(world, base):
    assert retrieved(world, base, "leave", filter={"equals": {"key": "team", "value": "it"}}) == []


def test_an_answer_quotes_the_parent_and_cites_it(world, base):
    configuration = {
        "type": "KNOWLEDGE_BASE",
        "knowledgeBaseConfiguration": {"knowledgeBaseId": base, "modelArn": "amazon.nova-lite-v1:0"},
    }
    reply = world.runtime(
        "RetrieveAndGenerate",
        input={"text": "How long is parental leave?"},
        retrieveAndGenerateConfiguration=configuration,
    )
    assert "16 weeks" in reply["output"]["text"]
    for citation in reply["citations"]:
        part = citation["generatedResponsePart"]["textResponsePart"]
        assert reply["output"]["text"][part["span"]["start"] : part["span"]["end"] + 1] == part["text"]
        assert all(part["text"] in one["content"]["text"] for one in citation["retrievedReferences"])


def test_what_shrinks_leaves_no_child_behind(world, base):
    (source,) = world.agent("ListDataSources", knowledgeBaseId=base)["dataSourceSummaries"]
    world.put(handbook__md="Leave is paid.")
    world.ingest(base, source["dataSourceId"])
    assert [one["AMAZON_BEDROCK_TEXT"] for one in children(world, base).values()] == ["Leave is paid."]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (rule(parent=10, child=20), "must not exceed"),
        (rule(child=8, overlap=8), "must be less than"),
        (
            {
                "chunkingConfiguration": {
                    "chunkingStrategy": "HIERARCHICAL",
                    "hierarchicalChunkingConfiguration": {
                        "levelConfigurations": [{"maxTokens": 9}],
                        "overlapTokens": 1,
                    },
                }
            },
            "2 levels",
        ),
    ],
)
def test_layers_that_cannot_be_cut_are_refused(world, changed, reason):
    with pytest.raises(Fault, match=reason) as caught:
        world.data_source(world.knowledge_base(), vectorIngestionConfiguration=changed)
    assert caught.value.code == "ValidationException"
