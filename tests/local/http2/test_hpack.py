"""Header compression against the examples of RFC 7541, appendix C, and against what must not be accepted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.local.http2.hpack import Decoder, HpackError, encoded
from bedrock_gateway.local.http2.huffman import HuffmanError, decoded

FIRST = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")]
SECOND = [*FIRST, ("cache-control", "no-cache")]
THIRD = [
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
]
PLAIN = [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
]
HUFFMAN = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
]


@pytest.mark.parametrize("blocks", [PLAIN, HUFFMAN], ids=["C.3", "C.4"])
def test_requests_of_the_standard_are_read_one_after_the_other(blocks):
    decoder = Decoder()
    assert [decoder.decode(bytes.fromhex(block)) for block in blocks] == [FIRST, SECOND, THIRD]


def test_an_evicted_header_is_gone():
    decoder = Decoder()
    decoder.decode(bytes.fromhex(PLAIN[0]))
    with pytest.raises(HpackError):
        decoder.decode(b"\x20\xbe")


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xff\xff\xff\xff\xff\xff\x0f",
        b"\xc0",
        b"\x40",
        b"\x00\x05ab",
        b"\x3f\xe2\x1f",
        b"\x00\x81\x00\x00",
        b"\x00\x84\xff\xff\xff\xff\x00",
    ],
)
def test_a_malformed_block_is_refused(block):
    with pytest.raises(HpackError):
        Decoder().decode(block)


def test_a_small_block_cannot_say_a_lot():
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000)
    with pytest.raises(HpackError, match="too long"):
        decoder.decode(b"\xbe" * 100)


def test_the_end_symbol_is_no_text():
    with pytest.raises(HuffmanError):
        decoded(b"\xff" * 4)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text("abc-:", min_size=1), st.text(st.characters(max_codepoint=255), max_size=300))))
def test_what_is_written_is_read_back(headers):
    assert Decoder().decode(encoded(headers)) == headers
