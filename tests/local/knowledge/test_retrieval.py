from __future__ import annotations

import base64
import gzip
import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge import retrieval
from bedrock_gateway.local.knowledge.ranking import lexical_scores
from bedrock_gateway.local.models.model import Pacing

CHAT = "amazon.nova-lite-v1:0"
REFUSAL = "Sorry, I am unable to assist you with this request."
DOCUMENTS = {
    "leave__md": "# Leave\n\nFull-time employees receive 25 days of annual leave 🙂 per year. Unused days of leave expire in March.",
    "office__md": "# Office\n\nThe office opens at 8. Visitors of the office sign in at the desk.",
    "travel__txt": "Train journeys are booked in second class. Receipts go to the finance team.",
}  # fmt: skip


@pytest.fixture
def base(world):
    world.state.of(Pacing).seconds = 0.0
    teams = {"leave": ("hr", 2025), "office": ("it", 2024), "travel": ("hr", 2023)}
    sidecars = {
        f"{name}__metadata__json": json.dumps({"metadataAttributes": dict(zip(("team", "year"), teams[name.partition("__")[0]], strict=True))})
        for name in DOCUMENTS
    }  # fmt: skip
    return world.filled(**DOCUMENTS, **sidecars)


def find(world, base, text, **search):
    extra = {"retrievalConfiguration": {"vectorSearchConfiguration": search}} if search else {}
    return world.runtime("Retrieve", knowledgeBaseId=base, retrievalQuery={"text": text}, **extra)["retrievalResults"]


def ask(world, base, text, *, operation="RetrieveAndGenerate", model=CHAT, configuration=None, **params):
    inner = {"knowledgeBaseId": base, "modelArn": model, **(configuration or {})}
    config = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": inner}
    return world.call(
        "bedrock-agent-runtime", operation, input={"text": text}, retrieveAndGenerateConfiguration=config, **params
    )


def refused(call, *args, **params):
    with pytest.raises(Fault) as caught:
        call(*args, **params)
    return caught.value


def test_a_result_has_the_shape_that_was_recorded(world, base):
    best = find(world, base, "How many days of leave?")[0]
    uri = f"s3://{world.bucket}/leave.md"
    assert set(best) == {"content", "location", "metadata", "score"}
    assert (best["content"]["type"], best["location"]) == ("TEXT", {"type": "S3", "s3Location": {"uri": uri}})
    assert "25 days" in best["content"]["text"]
    assert set(best["metadata"]) == {"team", "year", "x-amz-bedrock-kb-source-uri", "x-amz-bedrock-kb-chunk-id", "x-amz-bedrock-kb-data-source-id"}  # fmt: skip
    assert best["metadata"]["x-amz-bedrock-kb-source-uri"] == uri


def test_results_come_best_first_and_no_more_than_asked_for(world, base):
    results = find(world, base, "days of leave")
    assert len(results) == 3
    assert [row["score"] for row in results] == sorted((row["score"] for row in results), reverse=True)
    assert all(0 <= row["score"] <= 1 for row in results)
    assert find(world, base, "days of leave", numberOfResults=1) == results[:1]


@pytest.mark.parametrize(
    ("search_filter", "names"),
    [
        ({"equals": {"key": "team", "value": "hr"}}, {"leave.md", "travel.txt"}),
        ({"andAll": [{"equals": {"key": "team", "value": "hr"}}, {"greaterThan": {"key": "year", "value": 2024}}]}, {"leave.md"}),
        ({"in": {"key": "year", "value": [2023, 2024]}}, {"office.md", "travel.txt"}),
        ({"equals": {"key": "team", "value": "none"}}, set()),
    ],
)  # fmt: skip
def test_a_metadata_filter_limits_the_results(world, base, search_filter, names):
    results = find(world, base, "leave", filter=search_filter)
    assert {row["location"]["s3Location"]["uri"].rpartition("/")[2] for row in results} == names


@pytest.mark.parametrize(
    "search",
    [
        {"overrideSearchType": "HYBRID"},
        {"filter": {"startsWith": {"key": "team", "value": "h"}}},
        {"filter": {"equals": {"key": "AMAZON_BEDROCK_TEXT", "value": "h"}}},
        {"numberOfResults": 101},
        {"rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL"}},
        {"implicitFilterConfiguration": {}},
    ],
)
def test_a_search_that_is_not_served_is_a_validation_error(world, base, search):
    assert refused(find, world, base, "leave", **search).code == "ValidationException"


def test_semantic_search_may_be_asked_for_by_name(world, base):
    assert find(world, base, "days of leave", overrideSearchType="SEMANTIC")


@pytest.mark.parametrize("query", [{"text": ""}, {"type": "IMAGE", "image": {}}])
def test_a_query_without_text_is_a_validation_error(world, base, query):
    assert refused(world.runtime, "Retrieve", knowledgeBaseId=base, retrievalQuery=query).code == "ValidationException"


def test_a_knowledge_base_may_be_named_by_its_arn(world, base):
    arn = f"arn:aws:bedrock:us-east-1:123456789012:knowledge-base/{base}"
    assert find(world, arn, "leave") == find(world, base, "leave")


def test_an_absent_knowledge_base_is_not_found(world, base):
    assert refused(find, world, "ABCDEFGHIJ", "leave").status == 404
    assert refused(ask, world, "ABCDEFGHIJ", "leave").status == 404


@pytest.mark.parametrize(
    ("action", "code"),
    [("bedrock:InvokeModel", "ValidationException"), ("s3vectors:QueryVectors", "AccessDeniedException"), ("s3vectors:GetVectors", "AccessDeniedException")],
)  # fmt: skip
def test_a_search_needs_the_rights_of_the_role(world, base, action, code):
    world.aws.forbid(action)
    for attempt in (find, ask):
        fault = refused(attempt, world, base, "leave")
        assert fault.code == code
        assert action in fault.message


def test_a_role_that_is_no_longer_trusted_cannot_search(world, base):
    world.aws.trusted = False
    assert refused(find, world, base, "leave").code == "AccessDeniedException"


def test_results_that_do_not_fit_one_response_are_paged(world, base, monkeypatch):
    monkeypatch.setattr(retrieval, "_PAGE_CHARACTERS", 100)
    everything, token = [], {}
    while True:
        reply = world.runtime("Retrieve", knowledgeBaseId=base, retrievalQuery={"text": "leave"}, **token)
        everything += reply["retrievalResults"]
        if "nextToken" not in reply:
            break
        token = {"nextToken": reply["nextToken"]}
    monkeypatch.undo()
    assert everything == find(world, base, "leave")
    for bad in (token["nextToken"], "invented", base64.urlsafe_b64encode(b"x:1").decode()):
        fault = refused(
            world.runtime, "Retrieve", knowledgeBaseId=base, retrievalQuery={"text": "office"}, nextToken=bad
        )
        assert fault.code == "ValidationException"


def test_an_answer_quotes_and_cites_its_source_with_inclusive_spans(world, base):
    reply = ask(world, base, "How many days of leave do I get per year?").output
    text = reply["output"]["text"]
    assert text.startswith("Full-time employees receive 25 days of annual leave 🙂 per year.")
    assert uuid.UUID(reply["sessionId"])
    for citation in reply["citations"]:
        part = citation["generatedResponsePart"]["textResponsePart"]
        assert part["text"] == text[part["span"]["start"] : part["span"]["end"] + 1]
        assert citation["retrievedReferences"]
        for reference in citation["retrievedReferences"]:
            assert set(reference) == {"content", "location", "metadata"}
            assert part["text"] in reference["content"]["text"]
    assert reply["citations"][0]["retrievedReferences"][0]["location"]["s3Location"]["uri"].endswith("/leave.md")


def test_a_question_the_documents_do_not_answer_is_refused_in_bedrock_words(world, base):
    reply = ask(world, base, "What is the capital of France?").output
    assert reply["output"]["text"] == REFUSAL
    (citation,) = reply["citations"]
    assert citation["retrievedReferences"] == []
    assert citation["generatedResponsePart"]["textResponsePart"] == {
        "text": REFUSAL,
        "span": {"start": 0, "end": len(REFUSAL) - 1},
    }


def test_a_filter_holds_for_answers_too(world, base):
    limited = {
        "retrievalConfiguration": {"vectorSearchConfiguration": {"filter": {"equals": {"key": "team", "value": "it"}}}}
    }
    assert ask(world, base, "How many days of annual leave?", configuration=limited).output["output"]["text"] == REFUSAL


def test_a_stream_says_the_same_with_exclusive_spans(world, base):
    question = "How many days of leave do I get per year?"
    unary = ask(world, base, question).output
    reply = ask(world, base, question, operation="RetrieveAndGenerateStream")
    events = list(reply.events)
    text = "".join(event["output"]["text"] for event in events if "output" in event)
    assert uuid.UUID(reply.output["sessionId"])
    assert text == unary["output"]["text"]
    assert "output" in events[0]
    assert "citation" in events[-1]
    citations = [event["citation"] for event in events if "citation" in event]
    assert len(citations) == len(unary["citations"])
    for citation, other in zip(citations, unary["citations"], strict=True):
        part = citation["generatedResponsePart"]["textResponsePart"]
        assert part["text"] == text[part["span"]["start"] : part["span"]["end"]]
        assert citation["retrievedReferences"] == other["retrievedReferences"]
        assert citation["citation"] == {
            name: citation[name] for name in ("generatedResponsePart", "retrievedReferences")
        }


def test_a_streamed_refusal_is_one_citation_without_references(world, base):
    events = list(ask(world, base, "Capital of France?", operation="RetrieveAndGenerateStream").events)
    assert "".join(event["output"]["text"] for event in events[:-1]) == REFUSAL
    assert events[-1]["citation"]["retrievedReferences"] == []


def test_what_can_be_refused_is_refused_before_a_stream_begins(world, base):
    world.aws.forbid("s3vectors:QueryVectors")
    fault = refused(ask, world, base, "leave", operation="RetrieveAndGenerateStream")
    assert fault.code == "AccessDeniedException"


def test_a_session_is_continued_and_lends_its_subject_to_a_short_question(world, base):
    first = ask(world, base, "When does the office open?").output
    again = ask(world, base, "And for visitors?", sessionId=first["sessionId"]).output
    assert again["sessionId"] == first["sessionId"]
    assert "office" in again["output"]["text"]


def test_each_question_without_a_session_begins_one(world, base):
    assert ask(world, base, "leave days").output["sessionId"] != ask(world, base, "leave days").output["sessionId"]


@pytest.mark.parametrize("operation", ["RetrieveAndGenerate", "RetrieveAndGenerateStream"])
def test_an_invented_session_is_refused(world, base, operation):
    fault = refused(ask, world, base, "leave", operation=operation, sessionId=str(uuid.uuid4()))
    assert fault.code == "ValidationException"
    assert "Session with Id" in fault.message


def test_a_session_keeps_its_knowledge_base(world, base):
    session = ask(world, base, "leave days").output["sessionId"]
    fault = refused(ask, world, world.knowledge_base(), "leave days", sessionId=session)
    assert fault.code == "ValidationException"
    assert "ongoing session" in fault.message


def test_a_failed_call_leaves_no_session(world, base):
    session = ask(world, base, "leave days").output["sessionId"]
    world.aws.forbid("s3vectors:QueryVectors")
    refused(ask, world, base, "leave days", sessionId=session)
    world.aws.forbidden.clear()
    ask(world, base, "leave days", sessionId=session)


@pytest.mark.parametrize(
    "model",
    [
        CHAT,
        f"us.{CHAT}",
        f"arn:aws:bedrock:us-east-1::foundation-model/{CHAT}",
        f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{CHAT}",
    ],
)
def test_the_model_may_be_an_id_an_arn_or_a_profile(world, base, model):
    assert "25 days" in ask(world, base, "How many days of leave?", model=model).output["output"]["text"]


@pytest.mark.parametrize(
    "model",
    [
        "not a model",
        "amazon.nova-unknown-v1:0",
        "amazon.titan-embed-text-v2:0",
        "",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghij12",
    ],
)
def test_a_model_that_cannot_answer_is_a_validation_error(world, base, model):
    assert refused(ask, world, base, "leave", model=model).code == "ValidationException"


def test_what_is_not_served_is_said(world, base):
    guarded = {"guardrailConfiguration": {"guardrailId": "abc", "guardrailVersion": "1"}}
    asked = {"knowledgeBaseId": base, "retrievalQuery": {"text": "x"}}
    assert refused(world.runtime, "Retrieve", **asked, **guarded).status == 501
    split = {"orchestrationConfiguration": {"queryTransformationConfiguration": {"type": "QUERY_DECOMPOSITION"}}}
    assert refused(ask, world, base, "x", configuration=split).code == "ValidationException"
    assert refused(ask, world, base, "  ").code == "ValidationException"


def about(source, question):
    configuration = {"modelArn": CHAT, "sources": [source] if source else []}
    whole = {"type": "EXTERNAL_SOURCES", "externalSourcesConfiguration": configuration}
    return {"input": {"text": question}, "retrieveAndGenerateConfiguration": whole}


def given_bytes(text, content_type="text/plain"):
    content = {"identifier": "pets.txt", "contentType": content_type, "data": text.encode()}
    return {"sourceType": "BYTE_CONTENT", "byteContent": content}


def test_a_document_that_came_with_the_question_is_answered_from_and_cited(world):
    text = "Dogs are welcome in the office on Fridays.\n\nBicycles are kept in the cellar."
    reply = world.runtime("RetrieveAndGenerate", **about(given_bytes(text), "Are dogs welcome?"))
    assert reply["output"]["text"] == "Dogs are welcome in the office on Fridays."
    [reference] = reply["citations"][0]["retrievedReferences"]
    assert reference["location"] == {"type": "CUSTOM", "customDocumentLocation": {"id": "pets.txt"}}
    session = {"sessionId": reply["sessionId"]}
    again = world.runtime("RetrieveAndGenerate", **session, **about(given_bytes(text), "And bicycles?"))
    assert again["sessionId"] == reply["sessionId"]


@pytest.mark.parametrize(
    "source", [None, given_bytes("x", "video/mp4"), given_bytes(""), {"sourceType": "BYTE_CONTENT"}]
)
def test_a_document_that_cannot_be_read_is_refused(world, source):
    assert refused(world.runtime, "RetrieveAndGenerate", **about(source, "x")).code == "ValidationException"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.lists(st.text(max_size=60), max_size=6))
def test_lexical_scores_are_shares(question, texts):
    scores = lexical_scores(question, texts)
    assert len(scores) == len(texts)
    assert all(0 <= score <= 1 for score in scores)


def test_the_text_with_the_rarer_word_scores_higher():
    first, second, third = lexical_scores("parental leave", ["leave leave", "parental leave", "parking"])
    assert second > first > third == 0


def exchanges(recordings, operation):
    with gzip.open(recordings / "exchanges.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row["operation"] == operation and row["status"] < 300:
                yield json.loads(base64.b64decode(row["response_body_b64"]))


def names(value):
    """Return the member names of a reply, at every depth."""
    if isinstance(value, dict):
        return {name: names(inner) for name, inner in value.items() if name not in {"metadata", "location"}}
    return [names(value[0])] if isinstance(value, list) and value else None


def test_replies_have_the_members_of_recorded_ones(world, base, recordings):
    ours = names(ask(world, base, "How many days of leave?").output)
    recorded = [names(body) for body in exchanges(recordings, "RetrieveAndGenerate")]
    assert recorded
    for shape in recorded:
        reference = shape["citations"][0]["retrievedReferences"][0]
        reference.pop("score", None)  # not in AWS's model, and not in every recording
        assert ours == shape
    (result,) = names({"r": find(world, base, "leave", numberOfResults=1)})["r"]
    for body in exchanges(recordings, "Retrieve"):
        recorded_result = names(body["retrievalResults"])[0]
        assert set(result) - {"score"} == set(recorded_result) - {"score"}


def test_recorded_spans_count_code_points_and_end_inclusively(recordings):
    for body in exchanges(recordings, "RetrieveAndGenerate"):
        for citation in body["citations"]:
            part = citation["generatedResponsePart"]["textResponsePart"]
            assert part["text"] == body["output"]["text"][part["span"]["start"] : part["span"]["end"] + 1]


RERANKER = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"


def reranked(arn=RERANKER, **more):
    asked = {"modelConfiguration": {"modelArn": arn}, **more}
    return {"rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": asked}}


def test_a_reranker_puts_passages_in_order_with_the_rights_of_the_role(world, base):
    found = find(world, base, "visitors of the office", **reranked())
    assert found[0]["location"]["s3Location"]["uri"].endswith("office.md")
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
    assert len(find(world, base, "visitors of the office", **reranked(numberOfRerankedResults=1))) == 1
    for action in ("bedrock:Rerank", "bedrock:InvokeModel"):
        world.aws.forbidden.clear()
        world.aws.forbid(action, "*" if action == "bedrock:Rerank" else RERANKER)
        assert "bedrock:" in refused(find, world, base, "office", **reranked()).message
        # Inside of an answer the caller's rights count, which were looked at before.
        search = {"retrievalConfiguration": {"vectorSearchConfiguration": reranked()}}
        assert ask(world, base, "When does the office open?", configuration=search).output["output"]["text"]


@pytest.mark.parametrize(
    "search",
    [
        reranked("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"),
        reranked(metadataConfiguration={"selectionMode": "ALL"}),
    ],
)
def test_a_reranking_that_cannot_be_is_refused(world, base, search):
    assert refused(find, world, base, "office", **search).code in {"ValidationException", "ResourceNotFoundException"}
