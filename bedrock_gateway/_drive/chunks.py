"""What of a chunked body has come already, beyond the chunk that was asked for.

AWS sends an event a chunk, and http.client gives a chunk a read: of a burst, each event would cost a walk through urllib3,
the driver and the flow. What lies in the buffer, or in the kernel, is taken along here, chunk after chunk. http.client
is left between two chunks, where it was: one that is begun here is read to its end here. The end of the body, and what it
does not expect, it reads itself. Where its insides are not as known, nothing is taken, and each event costs its own read.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

from bedrock_gateway._drive.clients import DeadlineError

__all__ = ["Chunks"]

_READ_SIZE = 65_536
_MOST_BYTES = 65_536
"""What one read takes along: some hundred events, which the caller sees when all of them are decoded."""
# The end of the chunk before, and the head of this one; what has extensions is left to http.client.
_HEAD = re.compile(rb"\r\n([0-9a-fA-F]{1,8})\r\n")


class Chunks:
    """The data of one response, by reads; not for several threads."""

    def __init__(self, response: Any, sock: Any) -> None:
        self._response = response
        self._inner: Any = getattr(response, "_fp", None)
        self._socket = sock
        self._usable = sock is not None and getattr(response, "chunked", False) is True
        self._left = 0
        """How much is still to come of a chunk that was begun here."""

    def read(self) -> bytes:
        """Return what one read gives, which waits, and what more is at hand; nothing at the end of the body.

        The socket's timeout is the caller's to set before each.
        """
        first: bytes = self._rest() if self._left else self._response.read1(_READ_SIZE)
        buffered = self._buffered() if first else None
        if buffered is None:
            return first
        found = [first]
        self._at_hand(buffered, found)
        return b"".join(found)

    def _rest(self) -> bytes:
        """Read on, once, in the chunk that was begun."""
        try:
            data: bytes = self._inner.fp.read1(min(self._left, _READ_SIZE))
        except TimeoutError:
            raise DeadlineError("idle") from None
        if not data:
            raise ConnectionResetError(f"the body ended {self._left} bytes before the end of a chunk")
        self._left -= len(data)
        return data

    def _buffered(self) -> Any:
        """Where http.client reads from, if it is there between two chunks, or within one that was begun here."""
        if not self._usable or getattr(self._inner, "chunk_left", None) != 0:
            return None
        found = getattr(self._inner, "fp", None)
        return found if hasattr(found, "peek") else None

    def _at_hand(self, buffered: Any, found: list[bytes]) -> None:
        taken = 0
        self._socket.settimeout(0)
        while taken < _MOST_BYTES:
            size = self._take(_peeked(buffered), found)
            if not size:
                return
            buffered.read(size)
            taken += size

    def _take(self, data: bytes, found: list[bytes]) -> int:
        """Put what *data* has of chunks into *found*; return how much of it that takes."""
        total, at = len(data), min(self._left, len(data))
        if at:
            found.append(data[:at])
            self._left -= at
        while head := _HEAD.match(data, at):
            start = head.end()
            end = start + int(head[1], 16)
            if start == end:
                break
            found.append(data[start:end])
            at = min(end, total)
            self._left = end - at
        return at


def _peeked(buffered: Any) -> bytes:
    """What is in the buffer or, if nothing is, what one read that does not wait puts there.

    A connection that is lost here gives nothing: the next read meets its end, and what came before it is not lost.
    """
    with contextlib.suppress(OSError):  # of TLS, where nothing has come, an SSLWantReadError
        data: bytes = buffered.peek(1)
        return data
    return b""
