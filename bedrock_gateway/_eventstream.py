"""The frame decoder of ``application/vnd.amazon.eventstream``: bytes in any pieces → frames, both checksums verified.

Bounded: a frame over `FRAME_LIMIT` is refused from its prelude, before anything is kept for it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FRAME_LIMIT", "CorruptFrameError", "Decoder", "Frame"]

FRAME_LIMIT = 24 * 1024 * 1024
_HEADERS_LIMIT = 128 * 1024
_PRELUDE = struct.Struct(">III")
_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_OVERHEAD = 16

Frame = tuple["Mapping[str, Any]", bytes]
"""Headers, which are shared and not to be changed, and payload. A bare tuple: to make an object costs a third of decoding."""


class CorruptFrameError(Exception):
    """The bytes are not event-stream frames."""


def _sized(data: bytes, at: int, width: int = 2) -> tuple[bytes, int]:
    end = at + width + int.from_bytes(data[at : at + width], "big")
    if at + width > len(data) or end > len(data):
        raise CorruptFrameError("a header value runs over the end of the headers")
    return data[at + width : end], end


def _fixed(width: int, *, signed: bool = True) -> Callable[[bytes, int], tuple[Any, int]]:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        if at + width > len(data):
            raise CorruptFrameError("a header value runs over the end of the headers")
        return int.from_bytes(data[at : at + width], "big", signed=signed), at + width

    return read


def _text(data: bytes, at: int) -> tuple[str, int]:
    value, end = _sized(data, at)
    return value.decode(), end


def _uuid(data: bytes, at: int) -> tuple[bytes, int]:
    if at + 16 > len(data):
        raise CorruptFrameError("a header value runs over the end of the headers")
    return data[at : at + 16], at + 16


# header value type → reader
_VALUES: dict[int, Callable[[bytes, int], tuple[Any, int]]] = {
    0: lambda _data, at: (True, at),
    1: lambda _data, at: (False, at),
    2: _fixed(1),
    3: _fixed(2),
    4: _fixed(4),
    5: _fixed(8),
    6: _sized,
    7: _text,
    8: _fixed(8),
    9: _uuid,
}


def _parse_headers(data: bytes) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    at = 0
    try:
        while at < len(data):
            name, at = _sized(data, at, 1)
            if at >= len(data) or data[at] not in _VALUES:
                raise CorruptFrameError("a header has no value of a known type")
            key = name.decode()
            if key in headers:
                raise CorruptFrameError("a header is there twice")
            headers[key], at = _VALUES[data[at]](data, at + 1)
    except UnicodeDecodeError as error:
        raise CorruptFrameError("a header is not UTF-8") from error
    return headers


_Head = tuple[dict[str, Any], int]
"""Headers, and the checksum of prelude and headers, which that of the message goes on from."""

_KNOWN_LIMIT, _KNOWN_SIZE = 512, 512
_KNOWN: dict[bytes, _Head] = {}
"""Prelude and headers, as bytes → what they say: most events begin like one before, in this stream or another. Bounded in
count and size."""


def _checked_prelude(data: bytes, at: int) -> int:
    """Return how long the headers are.

    Raises:
        CorruptFrameError: the checksum or a length is wrong.
    """
    total, length, checksum = _PRELUDE.unpack_from(data, at)
    if crc32(data[at : at + 8]) != checksum:
        raise CorruptFrameError("prelude checksum mismatch")
    if total > FRAME_LIMIT or length > _HEADERS_LIMIT or length + _OVERHEAD > total:
        raise CorruptFrameError("a length is out of bounds")
    return int(length)


def _read_head(head: bytes) -> _Head:
    """Check and read what stands before a payload, and keep it for the frames that begin with the same bytes."""
    _checked_prelude(head, 0)
    made = (_parse_headers(head[_PRELUDE.size :]), crc32(head))
    if len(head) <= _KNOWN_SIZE:
        if len(_KNOWN) >= _KNOWN_LIMIT:
            _KNOWN.clear()
        _KNOWN[head] = made
    return made


class Decoder:
    """Takes bytes as they come; one a stream."""

    __slots__ = ("_kept", "_needed", "corrupt", "pending")

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        """Pieces of a frame that is not complete: joined once it is, so that a large one is not copied with each piece."""
        self._needed = 0
        self.pending = 0
        """Bytes of a frame that is not complete."""
        self.corrupt: CorruptFrameError | None = None
        """Set once a checksum or a length is wrong: what came before it is good, and nothing after it can be read."""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that *data* completes.

        Raises:
            CorruptFrameError: a checksum or a length is wrong, and no frame before it is left to return.
        """
        if self.corrupt is not None:
            raise self.corrupt
        if self._kept:
            self._kept.append(data)
            self.pending += len(data)
            if self.pending < self._needed:
                return []
            data = b"".join(self._kept)
            self._kept = []
        frames: list[Frame] = []
        try:
            at = self._take(data, frames)
        except CorruptFrameError as error:
            self.corrupt, self.pending = error, 0
            if not frames:
                raise
            return frames
        self.pending = len(data) - at
        if self.pending:
            self._kept.append(bytes(data[at:]))
        return frames

    def _take(self, data: bytes, frames: list[Frame]) -> int:
        """Put the whole frames in *data* into *frames*; return where they end. One loop: this is the hot path."""
        at, size, known = 0, len(data), _KNOWN
        while size - at >= _PRELUDE.size:
            total, length = _LENGTHS.unpack_from(data, at)
            after = at + total
            if after > size:
                _checked_prelude(data, at)
                self._needed = total
                return at
            start, end = at + _PRELUDE.size + length, after - _CHECKSUM.size
            head = data[at:start]
            headers, checksum = known.get(head) or _read_head(head)
            payload = data[start:end]
            if crc32(payload, checksum) != _CHECKSUM.unpack_from(data, end)[0]:
                raise CorruptFrameError("message checksum mismatch")
            frames.append((headers, payload))
            at = after
        self._needed = _PRELUDE.size
        return at
