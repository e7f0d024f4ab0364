"""What has come of a stream, kept as it came, and read again when somebody asks what AWS sent.

A long stream is one block of bytes so, and not some objects an event.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway._eventstream import CorruptFrameError, Decoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bedrock_gateway._eventstream import Frame

__all__ = ["Arrived", "event_of", "loader", "parsed", "raw_events"]


def parsed(data: str | bytes) -> Any:
    """Return the JSON in *data*; the standard library takes what orjson is too strict for (NaN, half a surrogate pair).

    Integers of any size are kept as they are.

    Raises:
        ValueError: it is not JSON.
    """
    if not _has_long_number(data):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


_DIGITS, _LONG = bytes.maketrans(b"123456789", b"000000000"), b"0" * 19


def _has_long_number(data: str | bytes) -> bool:
    """Whether an integer in it can have more than 64 bits: orjson would make a float of it, and lose digits."""
    if isinstance(data, str):
        data = data.encode(errors="surrogatepass")
    return _LONG in data.translate(_DIGITS)


def loader(frames: list[Frame]) -> Callable[[bytes], Any]:
    """Return what reads the payloads of *frames*: orjson, if that is exact for all of them."""
    return parsed if _has_long_number(b"".join([payload for _, payload in frames])) else orjson.loads


def event_of(payload: bytes) -> Any:
    """Return the event in a payload that orjson does not take.

    Raises:
        CorruptFrameError: it is not JSON.
    """
    try:
        return parsed(payload) if payload else {}
    except ValueError:
        raise CorruptFrameError("an event is not JSON") from None


class Arrived:
    """Bytes of frames, or the event dicts of botocore's parser."""

    __slots__ = ("_bytes", "_dicts")

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._dicts: list[dict[str, Any]] = []

    def keep(self, piece: bytes | list[dict[str, Any]]) -> None:
        """Add what came."""
        if isinstance(piece, bytes):
            self._bytes.write(piece)
        else:
            self._dicts += piece

    def events(self, count: int) -> Iterator[tuple[str, Any]]:
        """Name and payload of the first *count* events: so many were good when they came."""
        for one in self._dicts[:count]:
            yield next(iter(one.items()), ("", {}))
        frames = Decoder().feed(self._bytes.getvalue())[:count] if count and not self._dicts else []
        load = loader(frames)
        for headers, payload in frames:
            try:
                yield str(headers.get(":event-type", "")), load(payload)
            except ValueError:
                yield str(headers.get(":event-type", "")), event_of(payload)


def raw_events(arrived: Arrived, count: int) -> list[dict[str, Any]]:
    """The first *count* events as AWS sent them."""
    return [{name: payload} for name, payload in arrived.events(count)]
