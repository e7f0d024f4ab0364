"""Frames of AWS's event stream, with headers of every type in any order, cut into reads anywhere."""

from __future__ import annotations

import itertools
import json
import struct
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

_NAME = st.text("abcdefghijklmnop-:x", min_size=1, max_size=12).filter(lambda name: not name.startswith(":"))
_OTHERS = st.one_of(
    st.sampled_from([b"\x00", b"\x01"]),  # true, false
    st.binary(min_size=1, max_size=1).map(lambda data: b"\x02" + data),  # byte
    st.binary(min_size=2, max_size=2).map(lambda data: b"\x03" + data),  # short
    st.binary(min_size=4, max_size=4).map(lambda data: b"\x04" + data),  # integer
    st.binary(min_size=8, max_size=8).map(lambda data: b"\x05" + data),  # long
    st.binary(max_size=9).map(lambda data: b"\x06" + struct.pack(">H", len(data)) + data),  # bytes
    st.text(max_size=9).map(lambda text: _string(text)),
    st.binary(min_size=8, max_size=8).map(lambda data: b"\x08" + data),  # timestamp
    st.binary(min_size=16, max_size=16).map(lambda data: b"\x09" + data),  # uuid
)
OTHER_HEADERS = st.dictionaries(_NAME, _OTHERS, max_size=3)
"""Headers nobody reads: name → value as it is on the wire."""


def _string(text: str) -> bytes:
    data = text.encode()
    return b"\x07" + struct.pack(">H", len(data)) + data


def framed(headers: dict[str, str | bytes], payload: bytes) -> bytes:
    """One frame; a header that is a str is of the type string."""
    block = b"".join(
        bytes([len(name.encode())]) + name.encode() + (_string(value) if isinstance(value, str) else value)
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    data = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return data + struct.pack(">I", crc32(data))


def event(name: str, payload: Any) -> bytes:
    """A frame of an event, as AWS sends it."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return framed(headers, json.dumps(payload).encode())


@st.composite
def unusual(draw: st.DrawFn, kind: dict[str, str], payload: bytes) -> bytes:
    """A frame with its headers in any order, among others of every type; *kind* are those that say what it is."""
    given: dict[str, str | bytes] = {**kind, **draw(OTHER_HEADERS)}
    if draw(st.booleans()):
        given[":content-type"] = "application/json"
    order = draw(st.permutations(list(given)))
    return framed({name: given[name] for name in order}, payload)


@st.composite
def reads(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """*data* in pieces, as reads of a socket can bring it."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]
