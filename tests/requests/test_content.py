"""Images, documents and videos against AWS's limits: what cannot go out is refused while the request is built."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import botocore.session
import pytest

from bedrock_gateway import GatewayConfig, InvalidRequestError
from bedrock_gateway._requests import content as limits
from bedrock_gateway._requests import converse, count_tokens

NOVA = "us.amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_3 = "anthropic.claude-3-haiku-20240307-v1:0"
LLAMA = "us.meta.llama4-scout-17b-instruct-v1:0"
OPAQUE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghij12"
CONFIG = GatewayConfig(
    application="x",
    account="123456789012",
    region="us-east-1",
    principals={"app": {"capabilities": ["converse"], "models": [NOVA]}},
)
IMAGES = json.loads((Path(__file__).parents[1] / "cases" / "images.json").read_text())
MIB = 1 << 20


def png(width=10, height=10, size=0):
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", width, height)
    return head + bytes(max(0, size - len(head)))


def image(data=None, kind="png"):
    return {"image": {"format": kind, "source": {"bytes": png() if data is None else data}}}


def document(name="handbook", kind="txt", data=b"25 days"):
    return {"document": {"format": kind, "name": name, "source": {"bytes": data}}}


def video(data=b"\x00\x00\x00\x18ftypmp42", kind="mp4"):
    return {"video": {"format": kind, "source": {"bytes": data}}}


def said(*blocks, text="Look"):
    return {"role": "user", "content": [*([{"text": text}] if text else []), *blocks]}


def sent(*messages, model=NOVA):
    return converse(CONFIG, list(messages), model=model).params["messages"]


def refused(*messages, model=NOVA):
    with pytest.raises(InvalidRequestError) as raised:
        sent(*messages, model=model)
    assert raised.value.attempts == 0
    assert len(str(raised.value)) < 400
    return str(raised.value)


@pytest.mark.parametrize(
    ("member", "kind"),
    [("image", "ImageFormat"), ("document", "DocumentFormat"), ("video", "VideoFormat"), ("audio", "AudioFormat")],
)
def test_the_formats_are_those_of_botocores_model(member, kind):
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    if kind not in model.shape_names:
        pytest.skip(f"this botocore does not know {kind}")
    assert limits._LIMITS[member][0] == set(model.shape_for(kind).enum)


@pytest.mark.parametrize("one", IMAGES, ids=lambda one: one["name"])
def test_a_real_image_goes_out_unless_it_is_too_wide(one):
    data, kind = base64.b64decode(one["data"]), one["format"]
    if max(one["width"], one["height"]) > 8000:
        assert f"{one['width']} x {one['height']} pixels" in refused(said(image(data, kind)))
    else:
        [message] = sent(said(image(data, kind)))
        assert message["content"][1]["image"]["source"]["bytes"] == data


@pytest.mark.parametrize(("size", "taken"), [((8000, 8000), True), ((8001, 1), False), ((1, 8001), False)])
def test_an_image_has_at_most_8000_pixels_a_side(size, taken):
    (sent if taken else refused)(said(image(png(*size))))


def test_an_image_has_at_most_three_and_three_quarters_mebibytes():
    sent(said(image(png(size=int(3.75 * MIB)))))
    assert "3932160 bytes at most" in refused(said(image(png(size=int(3.75 * MIB) + 1))))


MISMATCHED = {
    "a JPEG said to be a PNG": (
        image(b"\xff\xd8\xff\xe0" + bytes(20), "png"),
        "says png, but its bytes are those of jpeg",
    ),
    "a PNG said to be a WebP": (image(png(), "webp"), "says webp, but its bytes are those of png"),
    "text said to be an image": (image(b"hello, world", "gif"), "do not begin as one does"),
    "an SVG said to be a PNG": (image(b"<svg xmlns='x'/>", "png"), "do not begin as one does"),
    "a docx said to be a PDF": (
        document(kind="pdf", data=b"PK\x03\x04" + bytes(9)),
        "a ZIP file, as docx and xlsx are",
    ),
    "a PDF said to be text": (document(kind="md", data=b"%PDF-1.7"), "says md, but its bytes are those of pdf"),
    "a doc said to be a docx": (
        document(kind="docx", data=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        "an older Office file",
    ),
    "a WebM said to be an MP4": (video(b"\x1a\x45\xdf\xa3", "mp4"), "a Matroska or WebM file"),
}


@pytest.mark.parametrize("what", MISMATCHED)
def test_a_file_that_is_something_else_is_refused_and_named(what):
    block, told = MISMATCHED[what]
    assert told in refused(said(block))


@pytest.mark.parametrize(
    "block",
    [
        document(kind="pdf", data=b"\n\n%PDF-1.4"),
        document(kind="doc", data=b"{\\rtf1"),
        document(kind="csv", data=b"\xff\xfea\x00"),
        video(b"moov", "mov"),
    ],
    ids=["a PDF behind blank lines", "RTF as doc", "UTF-16", "a movie without its type"],
)
def test_what_cannot_be_told_from_its_first_bytes_goes_out(block):
    sent(said(block))


LARGE = b"%PDF-" + bytes(int(4.5 * MIB))
LARGE_ZIP = b"PK\x03\x04" + bytes(int(4.5 * MIB))


@pytest.mark.parametrize("model", [NOVA, CLAUDE, OPAQUE])
def test_a_pdf_may_be_larger_for_claude_4_and_for_nova(model):
    sent(said(document(kind="pdf", data=LARGE)), model=model)


def test_a_large_document_is_refused_otherwise():
    for model in (CLAUDE_3, LLAMA):
        assert "4718592 bytes at most" in refused(said(document(kind="pdf", data=LARGE)), model=model)
    assert "bytes at most" in refused(said(document(kind="docx", data=LARGE_ZIP)), model=CLAUDE)
    sent(said(document(kind="docx", data=LARGE_ZIP)), model=NOVA)
    assert "bytes at most" in refused(said(document(data=bytes(int(4.5 * MIB) + 1))))


def test_documents_are_counted_over_all_turns_of_a_request():
    answer = {"role": "assistant", "content": "I see."}
    turns = [said(document("a"), document("b"), document("c")), answer, said(document("d"), document("e"))]
    sent(*turns)
    told = refused(*turns[:2], said(document("d"), document("e"), document("f")))
    assert "6 documents; AWS takes 5 in a request, earlier turns included" in told


def test_two_documents_of_one_name_are_refused_over_all_turns():
    assert "one name" in refused(said(document("a"), document("a")))
    assert "one name" in refused(said(document("a")), {"role": "assistant", "content": "x"}, said(document("a", "md")))


def test_a_document_needs_a_text_beside_it():
    assert "no text beside it" in refused(said(document(), text=None))


NAMES = {"a": True, "Handbook 2026 (final) [v2]-x": True, "n" * 200: True, "n" * 201: False, "handbook.pdf": False, "a  b": False,
         " a": False, "a\nb": False, "Überblick": False, "../x": False, "a_b": False, "": False}  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20] or "empty")
def test_a_name_has_the_characters_that_aws_takes(name):
    (sent if NAMES[name] else refused)(said(document(name)))


def test_more_than_twenty_images_are_for_claude_4_and_smaller():
    crowd = [image()] * 21
    assert "more than 20 images" in refused(said(*crowd))
    assert "more than 20 images" in refused(said(*crowd), model=CLAUDE_3)
    sent(said(*crowd), model=CLAUDE)
    sent(said(*[image(png(2000, 2000))] * 21), model=CLAUDE)
    told = refused(said(*[image()] * 20, image(png(2001, 10))), model=CLAUDE)
    assert "image 21 of 21 has 2001 x 10" in told
    sent(said(*[image(png(4000, 4000))] * 20), model=CLAUDE)
    sent(said(*crowd, image(png(3000, 3000))), model=OPAQUE)


def test_images_of_earlier_turns_make_a_crowd_too():
    turns = [said(*[image()] * 11), {"role": "assistant", "content": "x"}, said(*[image(png(3000, 10))] * 10)]
    assert "at most 2000 pixels a side" in refused(*turns, model=CLAUDE)


def test_what_a_tool_answers_is_held_to_the_same():
    def result(block):
        return {"toolResult": {"toolUseId": "t", "content": [block]}}

    assert "toolResult.content[0].image has 9000 x 1 pixels" in refused(said(result(image(png(9000, 1)))))
    assert "toolResult.content[0].document.name" in refused(said(result(document("a.pdf"))))
    encoded = image(base64.b64encode(png()).decode())
    [message] = sent(said(result(encoded)))
    assert message["content"][1]["toolResult"]["content"][0]["image"]["source"]["bytes"] == png()


def test_what_a_guardrail_looks_at_is_held_to_the_same():
    def guarded(data, kind):
        return {"guardContent": {"image": {"format": kind, "source": {"bytes": data}}}}

    sent(said(guarded(png(), "png")))
    assert "one of jpeg, png" in refused(said(guarded(b"GIF89a" + bytes(9), "gif")))
    assert "8001 x 1" in refused(said(guarded(png(8001, 1), "png")))


def test_counting_tokens_holds_them_to_the_same():
    with pytest.raises(InvalidRequestError, match="9000 x 1 pixels"):
        count_tokens(CONFIG, [said(image(png(9000, 1)))], model=NOVA)


def test_two_videos_or_one_that_is_too_large_are_refused():
    assert "more than one video" in refused(said(video(), video()))
    assert "25000000 bytes" in refused(said(video(b"\x00\x00\x00\x18ftyp" + bytes(25 * MIB))))


def test_a_file_in_s3_is_not_looked_into():
    located = {"format": "pdf", "name": "a", "source": {"s3Location": {"uri": "s3://example-handbook/a.pdf"}}}
    [message] = sent(said({"document": located}))
    assert message["content"][1]["document"] == located
