"""What of a chunked body has come already, beyond the chunk that was asked for.

AWS sends an event a chunk, and http.client gives a chunk a read: of a burst, each event would cost a walk through urllib3,
the driver and the flow. Whole chunks that lie in the buffer, or in the kernel, are taken along here; http.client is left
between two chunks, where it was, and reads the end of the body itself. Where its insides are not as known, nothing is
taken, and each event costs its own read.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

__all__ = ["Chunks"]

_MOST_BYTES = 262_144
# The end of the chunk before, and the head of this one; what has extensions is left to http.client.
_HEAD = re.compile(rb"\r\n([0-9a-fA-F]{1,8})\r\n")


class Chunks:
    """The whole chunks at hand of one response; not for several threads."""

    def __init__(self, response: Any, sock: Any) -> None:
        self._inner = getattr(response, "_fp", None)
        self._socket = sock
        self._usable = sock is not None and getattr(response, "chunked", False) is True

    def at_hand(self) -> list[bytes]:
        """Return the data of each, without waiting; the socket's timeout is the caller's to set before its next read."""
        if not self._usable or getattr(self._inner, "chunk_left", None) != 0:
            return []
        buffered: Any = getattr(self._inner, "fp", None)
        if not hasattr(buffered, "peek"):
            return []
        found: list[bytes] = []
        taken = 0
        self._socket.settimeout(0)
        while taken < _MOST_BYTES:
            size = _take(_peeked(buffered), found)
            if not size:
                break
            buffered.read(size)
            taken += size
        return found


def _peeked(buffered: Any) -> bytes:
    """What is in the buffer or, if nothing is, what one read that does not wait puts there.

    A connection that is lost here gives nothing: the next read meets its end, and what came before it is not lost.
    """
    with contextlib.suppress(OSError):  # of TLS, where nothing has come, an SSLWantReadError
        data: bytes = buffered.peek(1)
        return data
    return b""


def _take(data: bytes, found: list[bytes]) -> int:
    """Put the data of the whole chunks at the beginning of *data* into *found*; return how much of it they take."""
    at = 0
    while head := _HEAD.match(data, at):
        size = int(head[1], 16)
        end = head.end() + size
        if not size or end > len(data):
            break
        found.append(data[head.end() : end])
        at = end
    return at
