"""The frame decoder of ``application/vnd.amazon.eventstream``: bytes in any pieces → frames, both checksums verified.

Bounded: a frame over `FRAME_LIMIT` is refused from its prelude, before anything is kept for it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FRAME_LIMIT", "CorruptFrameError", "Decoder", "Frame"]

FRAME_LIMIT = 24 * 1024 * 1024
_HEADERS_LIMIT = 128 * 1024
_PRELUDE = struct.Struct(">III")
_OVERHEAD = 16
_CACHE_LIMIT = 256


class CorruptFrameError(Exception):
    """The bytes are not event-stream frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    headers: Mapping[str, Any]
    payload: bytes = field(repr=False)


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


class Decoder:
    """Takes bytes as they come; one a stream."""

    __slots__ = ("_buffer", "_known", "corrupt")

    def __init__(self) -> None:
        self._buffer = b""
        self._known: dict[bytes, dict[str, Any]] = {}
        self.corrupt: CorruptFrameError | None = None
        """Set once a checksum or a length is wrong: what came before it is good, and nothing after it can be read."""

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that *data* completes.

        Raises:
            CorruptFrameError: a checksum or a length is wrong, and no frame before it is left to return.
        """
        if self.corrupt is not None:
            raise self.corrupt
        buffer = self._buffer + data if self._buffer else bytes(data)
        frames: list[Frame] = []
        at, size = 0, len(buffer)
        try:
            while size - at >= _PRELUDE.size:
                total = self._checked_length(buffer, at)
                if size - at < total:
                    break
                frames.append(self._frame(buffer, at, total))
                at += total
        except CorruptFrameError as error:
            self.corrupt, self._buffer = error, b""
            if not frames:
                raise
            return frames
        self._buffer = buffer[at:]
        return frames

    @staticmethod
    def _checked_length(buffer: bytes, at: int) -> int:
        total, headers, checksum = _PRELUDE.unpack_from(buffer, at)
        if crc32(buffer[at : at + 8]) != checksum:
            raise CorruptFrameError("prelude checksum mismatch")
        if total > FRAME_LIMIT or headers > _HEADERS_LIMIT or headers + _OVERHEAD > total:
            raise CorruptFrameError("a length is out of bounds")
        return int(total)

    def _frame(self, buffer: bytes, at: int, total: int) -> Frame:
        end = at + total - 4
        if crc32(buffer[at:end]) != int.from_bytes(buffer[end : end + 4], "big"):
            raise CorruptFrameError("message checksum mismatch")
        start = at + _PRELUDE.size + int.from_bytes(buffer[at + 4 : at + 8], "big")
        block = buffer[at + _PRELUDE.size : start]
        headers = self._known.get(block)
        if headers is None:
            headers = _parse_headers(block)
            if len(self._known) < _CACHE_LIMIT:
                self._known[block] = headers
        return Frame(headers, buffer[start:end])
