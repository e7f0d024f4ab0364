"""Write event streams frame by frame: prelude, headers, payload, and the CRC of each.

Source: Amazon Transcribe Developer Guide, "Event stream encoding"; Smithy, "Amazon Event Stream Specification". rest-json
streams carry no initial-response frame.
"""

from __future__ import annotations

import logging
import struct
from binascii import crc32
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

__all__ = ["frame", "frames"]

_log = logging.getLogger(__name__)
_STRING = 7
_INTERNAL = Fault("InternalServerException", "The local Bedrock failed while it streamed; its log says why.", 500)


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one frame with string *headers*."""
    head = b"".join(
        bytes((len(name),)) + name.encode() + struct.pack(">BH", _STRING, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return message + struct.pack(">I", crc32(message))


def frames(events: Iterator[dict[str, Any]], stream: Any) -> Generator[bytes, None, None]:
    """Yield the frame of each event of *stream*, the union shape, as it comes.

    A raised `Fault` becomes the modelled exception's frame and ends the stream, as any other failure does.
    """
    try:
        for event in events:
            for name, payload in event.items():
                yield _event(stream, name, payload)
    except Fault as fault:
        yield _exception(stream, fault)
    except Exception:  # noqa: BLE001 - the head is sent: what is left is to say so in the stream, and to log it
        _log.exception("an event stream of the local Bedrock failed")
        yield _exception(stream, _INTERNAL)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def _event(stream: Any, name: str, value: Any) -> bytes:
    from bedrock_gateway.local.wire.replies import to_wire

    shape = stream.members[name]
    headers = {":event-type": name}
    blob = next((key for key, member in shape.members.items() if member.serialization.get("eventpayload")), None)
    if blob is not None and shape.members[blob].type_name == "blob":
        headers |= {":content-type": "application/octet-stream", ":message-type": "event"}
        return frame(headers, value[blob])
    body = to_wire(shape.members[blob], value[blob]) if blob else to_wire(shape, value)
    return frame(headers | {":content-type": "application/json", ":message-type": "event"}, orjson.dumps(body))


def _exception(stream: Any, fault: Fault) -> bytes:
    for name, shape in stream.members.items():
        if shape.metadata.get("exception") and fault.code in {shape.name, name}:
            headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
            return frame(headers, orjson.dumps({"message": fault.message, **fault.members}))
    return frame({":message-type": "error", ":error-code": fault.code, ":error-message": fault.message}, b"")
