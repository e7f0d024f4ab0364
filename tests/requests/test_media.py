"""Formats and pixels from the first bytes: images of a real encoder (tests/cases/images.json), damaged and made-up ones."""

from __future__ import annotations

import base64
import json
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway._requests.media import SNIFFED, pixels, sniffed

# Written by Pillow 12: every kind that the formats have, with metadata in front of the frame.
IMAGES = json.loads((Path(__file__).parents[1] / "cases" / "images.json").read_text())


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image["name"])
def test_format_and_pixels_of_a_real_image_are_read(image):
    data = base64.b64decode(image["data"])
    assert sniffed(data) == image["format"]
    assert pixels(data) == (image["width"], image["height"])


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image["name"])
def test_an_image_that_is_cut_anywhere_is_told_or_not_and_never_wrong(image):
    data, size = base64.b64decode(image["data"]), (image["width"], image["height"])
    assert {pixels(data[:at]) for at in range(min(len(data), 1200))} <= {None, size}
    assert sniffed(data[:4]) in {None, image["format"]}


MARKED = {
    "pdf": b"%PDF-1.7\n", "docx": b"PK\x03\x04\x14\x00", "xlsx": b"PK\x03\x04\x14\x00", "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "mp4": b"\x00\x00\x00\x18ftypmp42", "mov": b"\x00\x00\x00\x14ftypqt  ",
    "three_gp": b"\x00\x00\x00\x18ftyp3gp4", "mkv": b"\x1a\x45\xdf\xa3", "webm": b"\x1a\x45\xdf\xa3", "flv": b"FLV\x01\x05",
    "wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "mpeg": b"\x00\x00\x01\xba", "mpg": b"\x00\x00\x01\xb3",
}  # fmt: skip


@pytest.mark.parametrize("kind", MARKED)
def test_each_format_with_a_mark_is_known_by_it(kind):
    assert sniffed(MARKED[kind] + bytes(64)) in SNIFFED[kind]


@pytest.mark.parametrize(
    "data", [b"", b"a,b\n1,2\n", b"# Leave\n", b"<html>", "Ä\n".encode(), b"RIFF\x00\x00\x00\x00WAVEfmt "]
)
def test_text_and_what_is_unknown_say_nothing(data):
    assert sniffed(data) is None
    assert pixels(data) is None


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(IMAGES), st.data())
def test_damaged_headers_are_sizes_or_nothing(image, chance):
    data = bytearray(base64.b64decode(image["data"])[:400])
    for _ in range(chance.draw(st.integers(1, 6))):
        data[chance.draw(st.integers(0, len(data) - 1))] = chance.draw(st.integers(0, 255))
    size = pixels(bytes(data))
    assert size is None or (len(size) == 2 and all(0 <= one < 1 << 32 for one in size))


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(0, 65535), height=st.integers(0, 65535), padding=st.integers(0, 5), exif=st.binary(max_size=200)
)
def test_the_frame_of_a_jpeg_is_found_behind_anything(width, height, padding, exif):
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    table = b"\xff\xc4" + struct.pack(">H", 4) + b"\x00\x00"
    frame = b"\xff" * padding + b"\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width)
    assert pixels(b"\xff\xd8" + segment + table + frame) == (width, height)


def test_a_jpeg_of_fill_bytes_alone_takes_no_time():
    began = time.perf_counter()
    assert pixels(b"\xff\xd8" + b"\xff" * 3_900_000) is None
    assert time.perf_counter() - began < 1.0
