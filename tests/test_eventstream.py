"""The frame decoder against AWS's own vectors."""

from __future__ import annotations

import json

import pytest

from bedrock_gateway._eventstream import CorruptFrameError, Decoder


def test_every_vector_decodes_or_fails_as_it_must(recordings):
    folder = recordings / "eventstream"
    wrong = []
    for vector in json.loads((folder / "vectors.json").read_text()):
        if vector["file"] is None:
            continue  # too large to be kept: tested by its prelude alone, below
        data = (recordings / vector["file"]).read_bytes()
        decoder = Decoder()
        try:
            frames = decoder.feed(data)
            failed = not frames or decoder.pending > 0
        except CorruptFrameError:
            failed = True
        if failed != (vector["polarity"] == "negative"):
            wrong.append(vector["name"])
    assert not wrong


def test_the_pieces_in_which_bytes_arrive_do_not_matter(recordings):
    folder = recordings / "eventstream"
    vector = next(one for one in json.loads((folder / "vectors.json").read_text()) if one["polarity"] == "positive")
    data = (recordings / vector["file"]).read_bytes()
    decoder, frames = Decoder(), []
    for at in range(len(data)):
        frames += decoder.feed(data[at : at + 1])
    assert frames == Decoder().feed(data)


@pytest.mark.parametrize("bad", [b"\x00" * 16, b"\xff" * 64])
def test_what_is_no_frame_is_refused(bad):
    with pytest.raises(CorruptFrameError):
        Decoder().feed(bad)


def test_a_frame_over_the_limit_is_refused_from_its_prelude():
    import struct
    from zlib import crc32

    lengths = struct.pack(">II", 24 * 1024 * 1024 + 1, 0)
    with pytest.raises(CorruptFrameError, match="out of bounds"):
        Decoder().feed(lengths + struct.pack(">I", crc32(lengths)))
