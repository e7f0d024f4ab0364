"""Header compression: read what a client compresses, write without compressing.

Source: RFC 7541. The static table is its appendix A.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from bedrock_gateway.local.http2.huffman import HuffmanError, decoded

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Decoder", "HpackError", "encoded"]

_STATIC_TEXT = (
    ":authority :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204 "
    ":status=206 :status=304 :status=400 :status=404 :status=500 accept-charset accept-encoding=gzip,_deflate "
    "accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control "
    "content-disposition content-encoding content-language content-length content-location content-range content-type "
    "cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since "
    "last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after "
    "server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"
)
Header = tuple[bytes, bytes]
_STATIC: tuple[Header, ...] = tuple(
    (name.encode(), value.replace("_", " ").encode())
    for name, _, value in (one.partition("=") for one in _STATIC_TEXT.split())
)
_TABLE_BYTES = 4096
_ENTRY_OVERHEAD = 32
_MOST_BYTES = 256 * 1024
"""Of all headers of one request, as they are once decompressed: a small block can say a lot."""
_INDEXED, _INCREMENTAL, _RESIZE, _HUFFMAN = 0x80, 0x40, 0x20, 0x80
_SEVEN_BITS = 0x7F
_LONGEST_INTEGER_BITS = 28


class HpackError(ValueError):
    """A block of headers cannot be read; the connection's state is lost with it."""


class Decoder:
    """One connection's memory of headers that were sent before."""

    def __init__(self) -> None:
        self._entries: deque[Header] = deque()
        self._bytes = 0
        self._most = _TABLE_BYTES

    def decode(self, block: bytes) -> list[tuple[str, str]]:
        """Return the headers of *block*.

        Raises:
            HpackError: it is malformed, or says too much.
        """
        headers, at, total = [], 0, 0
        try:
            while at < len(block):
                header, at = self._field(block, at)
                if header is not None:
                    total += _size(header)
                    headers.append((header[0].decode("latin-1"), header[1].decode("latin-1")))
                if total > _MOST_BYTES:
                    raise HpackError("the headers are too long")
        except (IndexError, HuffmanError) as error:
            raise HpackError(str(error)) from None
        return headers

    def _field(self, block: bytes, at: int) -> tuple[Header | None, int]:
        first = block[at]
        if first & _INDEXED:
            index, at = _integer(block, at, 7)
            return self._entry(index), at
        if first & _INCREMENTAL:
            header, at = self._literal(block, at, 6)
            self._remember(header)
            return header, at
        if first & _RESIZE:
            self._most, at = _integer(block, at, 5)
            if self._most > _TABLE_BYTES:
                raise HpackError("the table is larger than was agreed")
            self._evict()
            return None, at
        return self._literal(block, at, 4)

    def _literal(self, block: bytes, at: int, bits: int) -> tuple[Header, int]:
        index, at = _integer(block, at, bits)
        name, at = (self._entry(index)[0], at) if index else _string(block, at)
        value, at = _string(block, at)
        return (name, value), at

    def _entry(self, index: int) -> Header:
        if index == 0:
            raise HpackError("there is no header 0")
        return _STATIC[index - 1] if index <= len(_STATIC) else self._entries[index - len(_STATIC) - 1]

    def _remember(self, header: Header) -> None:
        self._entries.appendleft(header)
        self._bytes += _size(header)
        self._evict()

    def _evict(self) -> None:
        while self._bytes > self._most:
            self._bytes -= _size(self._entries.pop())


def _size(header: Header) -> int:
    return len(header[0]) + len(header[1]) + _ENTRY_OVERHEAD


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    most = (1 << bits) - 1
    value, at, shift = block[at] & most, at + 1, 0
    if value < most:
        return value, at
    while True:
        byte, at = block[at], at + 1
        value += (byte & _SEVEN_BITS) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
        if shift > _LONGEST_INTEGER_BITS:
            raise HpackError("a number is too large")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    huffman = block[at] & _HUFFMAN
    length, at = _integer(block, at, 7)
    data = block[at : at + length]
    if len(data) != length:
        raise HpackError("a header is cut off")
    return decoded(data) if huffman else data, at + length


def encoded(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return *headers* as literals that nobody has to remember."""
    return b"".join(b"\x00" + _text(name.encode("latin-1")) + _text(value.encode("latin-1")) for name, value in headers)


def _text(data: bytes) -> bytes:
    return _length(len(data)) + data


def _length(size: int) -> bytes:
    if size < _SEVEN_BITS:
        return bytes((size,))
    size, written = size - _SEVEN_BITS, bytearray((_SEVEN_BITS,))
    while size > _SEVEN_BITS:
        written.append(size & _SEVEN_BITS | 0x80)
        size >>= 7
    return bytes((*written, size))
