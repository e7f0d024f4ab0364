"""What the first bytes of a file say: its format, and the pixels of an image. Pure, and nothing is decoded.

Of each format no more is read than its header. What cannot be told is None: AWS then decides.
Sources: PNG (W3C) 11.2.1; GIF89a 18; JPEG (ITU T.81) B.2.2; WebP (RFC 9649) 2.5-2.7; Matroska (RFC 9559); ISO 14496-12 4.3.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SNIFFED", "pixels", "sniffed"]

# Format as AWS names it → what `sniffed` may find in a file of it; text has no mark of its own.
SNIFFED: dict[str, frozenset[str]] = {
    **{one: frozenset({one}) for one in ("png", "jpeg", "gif", "webp", "pdf", "flv")},
    **dict.fromkeys(("docx", "xlsx"), frozenset({"zip"})),
    **dict.fromkeys(("doc", "xls"), frozenset({"ole"})),
    **dict.fromkeys(("csv", "html", "txt", "md"), frozenset()),
    **dict.fromkeys(("mp4", "mov", "three_gp"), frozenset({"iso"})),
    **dict.fromkeys(("mkv", "webm"), frozenset({"ebml"})),
    **dict.fromkeys(("mpeg", "mpg"), frozenset({"mpeg"})),
    "wmv": frozenset({"asf"}),
}

# Offset, bytes there → kind.
_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"%PDF-", "pdf"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (4, b"ftyp", "iso"),
    (0, b"\x1a\x45\xdf\xa3", "ebml"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
)
_SEGMENTS_LIMIT = 10_000


def sniffed(data: bytes) -> str | None:
    """Return what the first bytes of *data* say that it is; None: they say nothing that is known here."""
    return next((kind for at, mark, kind in _MARKS if data.startswith(mark, at)), None)


def pixels(data: bytes) -> tuple[int, int] | None:
    """Return width and height of an image; None where the header does not tell."""
    reader = _READERS.get(sniffed(data) or "")
    try:
        return reader(data) if reader else None
    except (struct.error, IndexError):  # cut within its header
        return None


def _png(data: bytes) -> tuple[int, int] | None:
    return struct.unpack_from(">II", data, 16) if data[12:16] == b"IHDR" else None


def _gif(data: bytes) -> tuple[int, int] | None:
    return struct.unpack_from("<HH", data, 6)


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        low, width, low_too, height = struct.unpack_from("<BHBH", data, 24)
        return 1 + (width << 8 | low), 1 + (height << 8 | low_too)
    if kind == b"VP8L" and data[20] == 0x2F:  # noqa: PLR2004 - its signature
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""
_SCAN = frozenset({0xD9, 0xDA})


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Go from segment to segment up to the frame's; metadata, and thumbnails within it, are jumped over."""
    at = 2
    for _ in range(_SEGMENTS_LIMIT):
        if data[at] != 0xFF:  # noqa: PLR2004
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte
            at += 1
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in _SCAN:
            return None
        else:
            at += 2 if marker in _ALONE else 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


_READERS: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "jpeg": _jpeg,
}
