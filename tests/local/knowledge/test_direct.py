"""Documents given with a request: what becomes of each, and in whose name."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.local.call import Fault

LEAVE = "Annual leave is 25 days a year."


def inline(identifier: str, text: str = LEAVE, **more: Any) -> dict[str, Any]:
    content = {"type": "TEXT", "textContent": {"data": text}}
    return document(identifier, sourceType="IN_LINE", inlineContent=content) | more


def document(identifier: str, **custom: Any) -> dict[str, Any]:
    named = {"customDocumentIdentifier": {"id": identifier}, **custom}
    return {"content": {"dataSourceType": "CUSTOM", "custom": named}}


class Documents:
    """A data source that takes documents with requests."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.base = world.knowledge_base()
        source = world.data_source(self.base, dataSourceConfiguration={"type": "CUSTOM"})
        self.where = {"knowledgeBaseId": self.base, "dataSourceId": source}

    def call(self, operation: str, **params: Any) -> list[dict[str, Any]]:
        """Call an operation and wait for the work that it starts."""
        before = set(threading.enumerate())
        reply = self.world.agent(operation, **self.where, **params)
        for thread in set(threading.enumerate()) - before:
            thread.join(10)
        return list(reply["documentDetails"])

    def ingest(self, *documents: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        return self.call("IngestKnowledgeBaseDocuments", documents=list(documents), **more)

    def states(self) -> dict[str, tuple[str, str | None]]:
        return {
            row["identifier"]["custom"]["id"]: (row["status"], row.get("statusReason"))
            for row in self.call("ListKnowledgeBaseDocuments")
        }

    def found(self, question: str = "How many days of annual leave?", **options: Any) -> list[dict[str, Any]]:
        configuration = {"retrievalConfiguration": {"vectorSearchConfiguration": options}} if options else {}
        asked = {"knowledgeBaseId": self.base, "retrievalQuery": {"text": question}}
        return list(self.world.runtime("Retrieve", **asked, **configuration)["retrievalResults"])


@pytest.fixture
def documents(world):
    return Documents(world)


def test_a_document_is_starting_then_indexed_then_found_by_its_own_id(documents):
    (row,) = documents.ingest(inline("leave-1"))
    assert (row["status"], row["identifier"]) == ("STARTING", {"dataSourceType": "CUSTOM", "custom": {"id": "leave-1"}})
    assert documents.states() == {"leave-1": ("INDEXED", None)}
    (result,) = documents.found()
    assert result["content"]["text"] == LEAVE
    assert result["location"] == {"type": "CUSTOM", "customDocumentLocation": {"id": "leave-1"}}


def test_the_same_id_again_replaces_the_document(documents):
    documents.ingest(inline("leave-1", LEAVE + "\n\n" + "More of the same. " * 200))
    assert len(documents.found()) > 1
    documents.ingest(inline("leave-1", "Annual leave is 30 days a year."))
    assert [row["content"]["text"] for row in documents.found()] == ["Annual leave is 30 days a year."]


def test_attributes_given_with_a_document_are_filtered_by(documents):
    def with_attributes(identifier: str, year: int) -> dict[str, Any]:
        values = [
            {"key": "year", "value": {"type": "NUMBER", "numberValue": year}},
            {"key": "tags", "value": {"type": "STRING_LIST", "stringListValue": ["hr", "uk"]}},
        ]
        return inline(identifier, metadata={"type": "IN_LINE_ATTRIBUTE", "inlineAttributes": values})

    documents.ingest(with_attributes("old", 2020), with_attributes("new", 2026))
    (result,) = documents.found(filter={"equals": {"key": "year", "value": 2026}})
    assert result["location"]["customDocumentLocation"] == {"id": "new"}
    assert result["metadata"]["tags"] == ["hr", "uk"]


def test_bytes_are_read_by_their_type_and_objects_as_the_role(documents, world):
    markdown = {"type": "BYTE", "byteContent": {"mimeType": "text/markdown; charset=utf-8", "data": b"**Bold** words."}}
    picture = {"type": "BYTE", "byteContent": {"mimeType": "image/png", "data": b"x"}}
    world.put(policy__txt=LEAVE, policy__txt__metadata__json='{"metadataAttributes": {"year": 2026}}')
    uri = f"s3://{world.bucket}/policy.txt"
    from_s3 = document("object", sourceType="S3_LOCATION", s3Location={"uri": uri})
    from_s3["metadata"] = {"type": "S3_LOCATION", "s3Location": {"uri": f"{uri}.metadata.json"}}
    documents.ingest(
        document("markdown", sourceType="IN_LINE", inlineContent=markdown),
        document("picture", sourceType="IN_LINE", inlineContent=picture),
        document("nowhere", sourceType="S3_LOCATION", s3Location={"uri": f"s3://{world.bucket}/none.txt"}),
        from_s3,
    )
    states = documents.states()
    assert {name: status for name, (status, _) in states.items()} == {
        "markdown": "INDEXED",
        "picture": "FAILED",
        "nowhere": "FAILED",
        "object": "INDEXED",
    }
    assert "image/png" in (states["picture"][1] or "")
    assert documents.found("bold words")[0]["content"]["text"] == "Bold words."
    assert documents.found()[0]["metadata"]["year"] == 2026
    world.aws.forbid("s3:GetObject")
    documents.ingest(from_s3)
    assert "s3:GetObject" in (documents.states()["object"][1] or "")


@pytest.mark.parametrize("action", ["bedrock:InvokeModel", "s3vectors:PutVectors"])
def test_a_right_that_the_role_lacks_fails_every_document_and_says_which(documents, world, action):
    world.aws.forbid(action)
    documents.ingest(inline("one"), inline("two"))
    assert [(status, action in (reason or "")) for status, reason in documents.states().values()] == [
        ("FAILED", True)
    ] * 2


def test_a_deleted_document_is_gone_and_an_unknown_one_is_not_found(documents):
    documents.ingest(inline("one"), inline("two", "The canteen opens at noon."))
    asked = [{"dataSourceType": "CUSTOM", "custom": {"id": name}} for name in ("one", "three")]
    rows = documents.call("DeleteKnowledgeBaseDocuments", documentIdentifiers=asked)
    assert [row["status"] for row in rows] == ["DELETING", "NOT_FOUND"]
    rows = documents.call("GetKnowledgeBaseDocuments", documentIdentifiers=asked)
    assert [row["status"] for row in rows] == ["NOT_FOUND", "NOT_FOUND"]
    assert documents.states().keys() == {"two"}
    assert [row["location"]["customDocumentLocation"]["id"] for row in documents.found()] == ["two"]


def test_a_client_token_starts_the_work_once(documents):
    token = "t" * 33
    documents.ingest(inline("one"), clientToken=token)
    (row,) = documents.ingest(inline("one"), clientToken=token)
    assert row["status"] == "INDEXED"
    with pytest.raises(Fault, match="client token"):
        documents.ingest(inline("two"), clientToken=token)


def test_listing_pages_and_a_job_shows_its_documents_too(world):
    base = world.knowledge_base()
    source = world.data_source(base)
    world.put(a__txt=LEAVE, b__txt="Other.", c__png="x")
    world.ingest(base, source)
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    first = world.agent("ListKnowledgeBaseDocuments", **where, maxResults=2)
    second = world.agent("ListKnowledgeBaseDocuments", **where, maxResults=2, nextToken=first["nextToken"])
    rows = first["documentDetails"] + second["documentDetails"]
    assert {row["identifier"]["s3"]["uri"].rpartition("/")[2]: row["status"] for row in rows} == {
        "a.txt": "INDEXED",
        "b.txt": "INDEXED",
        "c.png": "FAILED",
    }


@pytest.mark.parametrize(
    ("documents_given", "words"),
    [
        ([], "from 1 to 10"),
        ([inline(str(n)) for n in range(11)], "from 1 to 10"),
        ([{"content": {"dataSourceType": "S3", "s3": {"s3Location": {"uri": "s3://b/k"}}}}], "dataSourceType"),
        ([{"content": {"dataSourceType": "CUSTOM"}}], "needs the member custom"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_whole(documents, documents_given, words):
    with pytest.raises(Fault, match=words):
        documents.ingest(*documents_given)
    assert documents.states() == {}


def test_a_custom_source_is_not_synced(documents):
    with pytest.raises(Fault, match="IngestKnowledgeBaseDocuments"):
        documents.world.agent("StartIngestionJob", **documents.where)
