"""HTTP/2's frames: nine bytes that say what follows, and what follows.

Source: RFC 9113, sections 4 and 6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedIOBase

__all__ = [
    "ACK",
    "END_HEADERS",
    "END_STREAM",
    "LARGEST",
    "PREFACE",
    "ErrorCode",
    "Frame",
    "FrameError",
    "Kind",
    "Setting",
    "read_frame",
    "settings",
    "write_frame",
]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client begins with that knows the server speaks HTTP/2."""
LARGEST = 16384
"""Bytes that a frame may hold where nothing else was agreed."""
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
_PADDED, _PRIORITY = 0x8, 0x20
_HEAD, _PRIORITY_BYTES = 9, 5


class Kind(IntEnum):
    """What a frame is."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    """What the two sides agree on."""

    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4


class ErrorCode(IntEnum):
    """Why a stream or a connection ends."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    FLOW_CONTROL_ERROR = 3
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class FrameError(Exception):
    """The client broke the protocol; the connection ends with this code."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def content(self) -> bytes:
        """The payload of DATA or HEADERS without its padding and its priority."""
        start, end = 0, len(self.payload)
        if self.flags & _PADDED:
            if not self.payload or self.payload[0] >= len(self.payload):
                raise FrameError(ErrorCode.PROTOCOL_ERROR, "the padding is longer than the frame")
            start, end = 1, end - self.payload[0]
        if self.kind == Kind.HEADERS and self.flags & _PRIORITY:
            start += _PRIORITY_BYTES
        return self.payload[start:end]

    @property
    def number(self) -> int:
        """The one number of 31 bits that the payload is."""
        if len(self.payload) != struct.calcsize(">I"):
            raise FrameError(ErrorCode.FRAME_SIZE_ERROR, "a frame has the wrong size")
        return int.from_bytes(self.payload, "big") & 0x7FFFFFFF


def read_frame(stream: BufferedIOBase) -> Frame | None:
    """Return the next frame, or None where the client has gone.

    Raises:
        FrameError: it is larger than agreed.
    """
    head = stream.read(_HEAD)
    if len(head) < _HEAD:
        return None
    size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
    if size > LARGEST:
        raise FrameError(ErrorCode.FRAME_SIZE_ERROR, "a frame is larger than agreed")
    payload = stream.read(size)
    if len(payload) < size:
        return None
    return Frame(kind, flags, int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload)


def write_frame(kind: Kind, stream: int = 0, payload: bytes = b"", *, flags: int = 0) -> bytes:
    """Return a frame's bytes."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def settings(payload: bytes) -> dict[int, int]:
    """Return what a SETTINGS frame says.

    Raises:
        FrameError: it has the wrong size.
    """
    if len(payload) % struct.calcsize(">HI"):
        raise FrameError(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS has the wrong size")
    return dict(struct.iter_unpack(">HI", payload))
