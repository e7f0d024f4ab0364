"""Citations: AWS's spans in either form and in any unit, and replies that hold what AWS's model permits."""

from __future__ import annotations

import json

import pytest
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway._commands import Send
from bedrock_gateway._fold.answer import AnswerFold
from bedrock_gateway._responses import BODY
from bedrock_gateway._retrieved import answer, retrieved
from bedrock_gateway._spans import span_of

SEND = Send("bedrock-agent-runtime", "RetrieveAndGenerate", {}, "billed", knowledge_base="handbook")
MODEL = Session().get_service_model("bedrock-agent-runtime")
UNITS = {"code points": None, "UTF-16": "utf-16-le", "UTF-8": "utf-8"}
texts = st.text(st.sampled_from("ab \n\té😀\U0001f1e9漢\ud83d"), min_size=1, max_size=12)


def length(text: str, encoding: str | None) -> int:
    if encoding is None:
        return len(text)
    return len(text.encode(encoding, "surrogatepass")) // (2 if encoding == "utf-16-le" else 1)


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("unit", UNITS)
@given(before=texts, quoted=texts, after=texts)
@settings(max_examples=100, deadline=None)
def test_a_span_in_any_unit_and_with_either_end_is_found(unit, inclusive, before, quoted, after):
    text = before + quoted + after
    start = length(before, UNITS[unit])
    end = start + length(quoted, UNITS[unit]) - inclusive
    found = span_of(text, quoted, start, end)
    assert found is not None
    assert text[slice(*found)] == quoted
    if unit == "code points":
        assert found == (len(before), len(before) + len(quoted))


@given(texts, texts, st.integers(-3, 40), st.integers(-3, 40))
@settings(max_examples=300, deadline=None)
def test_a_span_is_never_one_that_holds_something_else(text, quoted, start, end):
    found = span_of(text, quoted, start, end)
    if found is None:
        assert quoted not in text or text.count(quoted) > 1 or text.find(quoted) != text.rfind(quoted)
    else:
        assert text[slice(*found)] == quoted


def test_without_a_span_the_only_place_is_taken_and_none_of_several():
    assert span_of("one two", "two", None, None) == (4, 7)
    assert span_of("one one", "one", None, None) is None
    assert span_of("one one", "one", 4, 6) == (4, 7)
    assert span_of("one", "", 0, 0) is None


def reply(text, *citations):
    document = {"output": {"text": text}, "sessionId": "s-1", "citations": list(citations)}
    return {BODY: json.dumps(document).encode()}


def cited(text, start, end, *references):
    part = {"text": text, "span": {"start": start, "end": end}}
    return {"generatedResponsePart": {"textResponsePart": part}, "retrievedReferences": list(references)}


SOURCE = {"content": {"text": "x"}, "location": {"type": "S3", "s3Location": {"uri": "s3://b/k"}}}


def test_an_answer_is_grounded_where_all_of_it_is_within_citations_with_a_passage():
    text = "Yes. No.\n"
    whole = answer(reply(text, cited("Yes.", 0, 3, SOURCE), cited("No.", 5, 7, SOURCE)), SEND)
    assert (whole.grounded, whole.grounded_share, whole.empty) == (True, 1.0, False)
    half = answer(reply(text, cited("Yes.", 0, 3, SOURCE), cited("No.", 5, 7)), SEND)
    assert (half.grounded, half.grounded_share, half.empty) == (False, 4 / 7, False)
    twice = answer(reply(text, cited("Yes.", 0, 3, SOURCE), cited("Yes.", 0, 3, SOURCE)), SEND)
    assert twice.grounded_share == 4 / 7
    nothing = answer(reply("Sorry.", cited("Sorry.", 0, 5)), SEND)
    assert (nothing.grounded, nothing.grounded_share, nothing.empty) == (False, 0.0, True)
    assert answer(reply(""), SEND).grounded is False
    assert answer(reply("Sorry."), SEND).empty


LOCATIONS = {
    "s3Location": ({"uri": "s3://b/k"}, "s3://b/k"),
    "webLocation": ({"url": "https://example.com"}, "https://example.com"),
    "googleDriveLocation": ({"url": "https://example.com/g"}, "https://example.com/g"),
    "oneDriveLocation": ({"url": "https://example.com/o"}, "https://example.com/o"),
    "kendraDocumentLocation": ({"uri": "kendra-1"}, "kendra-1"),
    "customDocumentLocation": ({"id": "leave"}, "leave"),
    "sqlLocation": ({"query": "select 1"}, None),
    "someNewLocation": ({"url": "https://example.com/n"}, "https://example.com/n"),
    "someOtherLocation": ({"planet": "Mars"}, None),
}


@pytest.mark.parametrize("kind", LOCATIONS)
def test_a_location_of_any_type_is_read_for_its_address(kind):
    place, uri = LOCATIONS[kind]
    row = {"content": {"text": "x"}, "location": {"type": "NEW", kind: place}, "metadata": {"n": 1}}
    found = retrieved({BODY: json.dumps({"retrievalResults": [row]}).encode()}, SEND)
    assert (found.passages[0].uri, found.passages[0].metadata) == (uri, {"n": 1})
    assert found.passages[0].raw == row


def test_what_was_said_in_a_recording_is_the_text_of_its_passage():
    rows = [
        {"content": {"type": "AUDIO", "audio": {"s3Uri": "s3://b/a.mp3", "transcription": "spoken"}}},
        {"content": {"type": "VIDEO", "video": {"s3Uri": "s3://b/a.mp4", "summary": "shown"}}},
        {"content": {"type": "ROW", "row": [{"columnName": "n", "columnValue": "1", "type": "LONG"}]}},
    ]
    found = retrieved({BODY: json.dumps({"retrievalResults": rows}).encode()}, SEND)
    assert [one.text for one in found.passages] == ["spoken", "shown", ""]
    assert found.raw["retrievalResults"] == rows


def values(shape, depth=0):
    """Replies as AWS's model has them, with members left out, null, or of another type."""
    kinds = {
        "string": st.one_of(texts, st.sampled_from(shape.enum) if getattr(shape, "enum", None) else texts),
        "integer": st.integers(-2, 30),
        "long": st.integers(-2, 30),
        "float": st.floats(allow_nan=False),
        "double": st.floats(allow_nan=False),
        "boolean": st.booleans(),
    }
    if shape.type_name in kinds:
        made = kinds[shape.type_name]
    elif shape.type_name == "list":
        made = st.lists(values(shape.member, depth + 1), max_size=3)
    elif shape.type_name == "map":
        made = st.dictionaries(texts, values(shape.value, depth + 1), max_size=2)
    elif getattr(shape, "is_document_type", False) or not shape.members:
        made = st.one_of(texts, st.integers(), st.lists(texts, max_size=2))
    else:
        made = st.fixed_dictionaries({}, optional={name: values(one, depth + 1) for name, one in shape.members.items()})
    return st.one_of(made, made, made, st.none()) if depth else made


REPLIES = values(MODEL.operation_model("RetrieveAndGenerate").output_shape)
PASSAGES = values(MODEL.operation_model("Retrieve").output_shape)


@given(REPLIES)
@settings(max_examples=150, deadline=None)
def test_whatever_awss_model_permits_becomes_an_answer_without_loss(found):
    found = {"output": {"text": "ab"}} | found
    read = answer({BODY: json.dumps(found).encode()}, SEND)
    assert read.raw == json.loads(json.dumps(found))
    assert read.session_id == (found.get("sessionId") or None)
    assert len(read.citations) == len(found.get("citations") or ())
    assert 0.0 <= read.grounded_share <= 1.0
    for one in read.citations:
        assert one.span is None or read.text[slice(*one.span)] == one.text


@given(PASSAGES)
@settings(max_examples=100, deadline=None)
def test_whatever_awss_model_permits_becomes_passages_without_loss(found):
    found = {"retrievalResults": []} | found
    read = retrieved({BODY: json.dumps(found).encode()}, SEND)
    assert read.raw == json.loads(json.dumps(found))
    assert len(read.passages) == len(found["retrievalResults"] or ())


parts = st.lists(st.tuples(texts, st.booleans()), min_size=1, max_size=4)


@given(parts, st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_a_stream_ends_as_the_same_answer_in_one_piece(told, size):
    """Spans as AWS writes them: inclusive in one piece, exclusive in a stream, where each part was just said."""
    text, citations, frames = "", [], []
    for part, has_source in told:
        references = [SOURCE] if has_source else []
        at, text = len(text), text + part
        citations.append(cited(part, at, len(text) - 1, *references))
        frames += [{"output": {"text": part[cut : cut + size]}} for cut in range(0, len(part), size)]
        one = cited(part, at, len(text), *references)
        frames.append({"citation": {"citation": one, **one}})
    whole = answer(reply(text, *citations), SEND)
    fold = AnswerFold(SEND)
    fold.began({"sessionId": "s-1"})
    events = fold.feed(frames)
    streamed = fold.result(None)
    assert (streamed.text, streamed.citations, streamed.session) == (whole.text, whole.citations, whole.session)
    assert (streamed.grounded_share, streamed.empty) == (whole.grounded_share, whole.empty)
    arrived = [one.citation for one in events if type(one).__name__ == "CitationReceived"]
    assert arrived == list(whole.citations)
