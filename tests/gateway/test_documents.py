"""Documents given to a knowledge base one by one: what goes out, in which batches, waited for how, and what failed."""

from __future__ import annotations

import base64
import json

import pytest

from bedrock_gateway import GovernanceError, InvalidRequestError, ServiceError, TransportError
from bedrock_gateway._requests import ingest_documents
from bedrock_gateway.documents import Document

from .conftest import server
from .test_searching import config

SOURCE = {"data_source_id": "DS12345678"}
DIRECT = {"operator": {"capabilities": ["kb-documents-direct"]}, "reader": {"capabilities": ["kb-read"]}}


def sent(*documents, **base):
    return ingest_documents(config(**base), "handbook", documents, **SOURCE).params["documents"]


def test_a_document_goes_out_in_awss_words():
    metadata = {"team": "red", "year": 2026, "draft": False, "tags": ("a", "b")}
    text, data, there, listed = sent(
        Document("leave", text="25 days", metadata=metadata),
        Document("form", data=b"%PDF", media_type="application/pdf"),
        Document("rules", uri="s3://bkt/rules.txt", bucket_owner="111122223333", metadata_uri="s3://bkt/rules.json"),
        Document(uri="s3://example-handbook/a.txt"),
    )
    assert text == {
        "content": {
            "dataSourceType": "CUSTOM",
            "custom": {
                "customDocumentIdentifier": {"id": "leave"},
                "sourceType": "IN_LINE",
                "inlineContent": {"type": "TEXT", "textContent": {"data": "25 days"}},
            },
        },
        "metadata": {
            "type": "IN_LINE_ATTRIBUTE",
            "inlineAttributes": [
                {"key": "team", "value": {"type": "STRING", "stringValue": "red"}},
                {"key": "year", "value": {"type": "NUMBER", "numberValue": 2026}},
                {"key": "draft", "value": {"type": "BOOLEAN", "booleanValue": False}},
                {"key": "tags", "value": {"type": "STRING_LIST", "stringListValue": ["a", "b"]}},
            ],
        },
    }
    inline = {"type": "BYTE", "byteContent": {"mimeType": "application/pdf", "data": b"%PDF"}}
    assert data["content"]["custom"]["inlineContent"] == inline
    assert there["content"]["custom"]["s3Location"] == {
        "uri": "s3://bkt/rules.txt",
        "bucketOwnerAccountId": "111122223333",
    }
    assert there["metadata"] == {"type": "S3_LOCATION", "s3Location": {"uri": "s3://bkt/rules.json"}}
    assert listed == {"content": {"dataSourceType": "S3", "s3": {"s3Location": {"uri": "s3://example-handbook/a.txt"}}}}


UNSENDABLE = {
    "nothing": (Document(), "an id, or the uri"),
    "no content": (Document("a"), "one of text, data and uri, not none"),
    "two contents": (Document("a", text="x", uri="s3://bkt/k"), "not text and uri"),
    "empty text": (Document("a", text=""), "is empty"),
    "empty data": (Document("a", data=b"", media_type="text/plain"), "bytes, and not empty"),
    "large text": (Document("a", text="x" * 5_242_881), "larger than 5242880 bytes"),
    "data of no type": (Document("a", data=b"x"), "media_type goes with data"),
    "type without data": (Document("a", text="x", media_type="text/plain"), "media_type goes with data"),
    "no type": (Document("a", data=b"x", media_type="pdf"), "is a MIME type"),
    "no object": (Document("a", uri="https://example.com"), "no object of S3"),
    "no bucket": (Document(uri="s3://b"), "no object of S3"),
    "owner of a text": (Document("a", text="x", bucket_owner="111122223333"), "bucket_owner goes with uri"),
    "owner of a source": (Document(uri="s3://bkt/k", bucket_owner="111122223333"), "has its own"),
    "no owner": (Document("a", uri="s3://bkt/k", bucket_owner="me"), "twelve digits"),
    "two metadata": (Document("a", text="x", metadata={"k": 1}, metadata_uri="s3://bkt/k"), "not both"),
    "no value": (Document("a", text="x", metadata={"k": {}}), "attribute 'k' is a boolean"),
    "empty value": (Document("a", text="x", metadata={"k": ""}), "attribute 'k' is a boolean"),
    "list of eleven": (Document("a", text="x", metadata={"k": ["a"] * 11}), "attribute 'k' is a boolean"),
    "36 attributes": (Document("a", text="x", metadata={f"k{at}": 1 for at in range(36)}), "more than 35 attributes"),
    "long id": (Document("a" * 2049, text="x"), "longer than 2048"),
    "a text": ("leave", "is a Document, not str"),
}


@pytest.mark.parametrize("what", UNSENDABLE)
def test_a_document_that_aws_does_not_take_is_refused(what):
    document, why = UNSENDABLE[what]
    with pytest.raises(InvalidRequestError, match=f"{why}.*nothing was sent"):
        sent(document)


def test_a_document_shows_no_content():
    shown = repr(Document("a", text="secret", metadata={"k": "secret"}))
    assert "secret" not in shown


def details(*rows):
    made = [
        {
            "knowledgeBaseId": "KB12345678",
            "dataSourceId": "DS12345678",
            "status": status,
            "identifier": {"dataSourceType": "CUSTOM", "custom": {"id": one}},
            **({"statusReason": "why"} if status == "FAILED" else {}),
        }
        for one, status in rows
    ]
    return server.reply({"documentDetails": made})


def ids(request):
    found = request.json
    named = found.get("documentIdentifiers") or [one["content"] for one in found["documents"]]
    return [(one["custom"].get("id") or one["custom"]["customDocumentIdentifier"]["id"]) for one in named]


def test_ten_go_at_once_and_only_what_is_not_settled_is_looked_at_again(both, against, faults):
    names = [f"d{at}" for at in range(12)]
    documents = [Document(one, text="x") for one in names]

    async def body():
        faults.answer(
            details(*((one, "STARTING") for one in names[:10])),
            details(*((one, "STARTING") for one in names[10:])),
            details(*((one, "INDEXED") for one in names[:10])),
            details((names[10], "NOT_FOUND"), (names[11], "FAILED")),
            details((names[10], "INDEXED"), (names[11], "FAILED")),
        )
        seen = []
        async with against("operator", changed={"principals": DIRECT}) as (gateway, events):
            done = await gateway.ingest_documents(
                "handbook", documents, interval_seconds=0.001, on_progress=seen.append, **SOURCE
            )
        assert [ids(one) for one in faults.requests] == [
            names[:10], names[10:], names[:10], names[10:], names[10:],
        ]  # fmt: skip
        tokens = [one.json.get("clientToken") for one in faults.requests]
        assert tokens[0] != tokens[1]
        assert tokens[2:] == [None] * 3
        assert [one.id for one in done.documents] == names
        assert [(one.id, one.status, one.reason) for one in done.failed] == [(names[11], "FAILED", "why")]
        assert (len(done.indexed), done.pending) == (11, ())
        assert [len(one.pending) for one in seen] == [12, 0, 0]
        assert [one.capability for one in events] == ["kb-documents-direct"] * 5

    both.run(body)


def test_a_batch_that_fails_says_what_went_before(both, against, faults):
    documents = [Document(f"d{at}", text="x") for at in range(12)]

    async def body():
        refused = server.reply({"message": "no"}, status=400, headers={"x-amzn-errortype": "ValidationException"})
        faults.answer(details(*((f"d{at}", "STARTING") for at in range(10))), refused)
        async with against("operator", changed={"principals": DIRECT}) as (gateway, _):
            with pytest.raises(ServiceError) as raised:
                await gateway.ingest_documents("handbook", documents, **SOURCE)
        assert raised.value.__notes__ == ["10 of 12 documents had been accepted before this request"]

    both.run(body)


def test_the_wait_is_bounded(both, against, faults):
    async def body():
        faults.answer(details(("a", "IN_PROGRESS")))
        async with against("operator", changed={"principals": DIRECT}) as (gateway, _):
            with pytest.raises(TransportError, match="1 of 1 documents are still being worked on"):
                await gateway.ingest_documents(
                    "handbook", [Document("a", text="x")], interval_seconds=0.001, timeout_seconds=0.005, **SOURCE
                )
            unwaited = await gateway.ingest_documents("handbook", [Document("a", text="x")], wait=False, **SOURCE)
            assert [one.id for one in unwaited.pending] == ["a"]

    both.run(body)


REFUSED = {
    "none": [],
    "a text": "leave",
    "one twice": [Document("a", text="x"), Document("a", text="y")],
    "no document": [1],
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_list_of_documents_is_a_call_that_ended(both, against, faults, what):
    async def body():
        async with against("operator", changed={"principals": DIRECT}) as (gateway, events):
            with pytest.raises(InvalidRequestError, match="nothing was sent"):
                await gateway.ingest_documents("handbook", REFUSED[what], **SOURCE)
            assert [(one.operation, one.outcome, one.attempts) for one in events] == [
                ("IngestKnowledgeBaseDocuments", "failed", 0)
            ]
            assert not faults.requests

    both.run(body)


def test_who_may_only_read_looks_and_changes_nothing(both, against, faults):
    async def body():
        faults.answer(details(("a", "INDEXED")))
        async with against("reader", changed={"principals": DIRECT}) as (gateway, events):
            found = await gateway.get_documents("handbook", ["a"], **SOURCE)
            assert [one.status for one in found.documents] == ["INDEXED"]
            assert (await gateway.list_documents("handbook", results=5, next_token="t", **SOURCE)).documents
            assert json.loads(faults.requests[-1].body) == {"maxResults": 5, "nextToken": "t"}
            assert {one.capability for one in events} == {"kb-read"}
            with pytest.raises(GovernanceError, match="needs the capability 'kb-documents-direct'"):
                await gateway.delete_documents("handbook", ["a"], **SOURCE)

    both.run(body)


def test_data_goes_out_as_base64(both, against, faults):
    async def body():
        faults.answer(details(("a", "INDEXED")))
        async with against("operator", changed={"principals": DIRECT}) as (gateway, _):
            await gateway.ingest_documents("handbook", [Document("a", data=b"\xff", media_type="text/plain")], **SOURCE)
        [document] = faults.requests[0].json["documents"]
        inline = document["content"]["custom"]["inlineContent"]["byteContent"]
        assert base64.b64decode(inline["data"]) == b"\xff"

    both.run(body)
