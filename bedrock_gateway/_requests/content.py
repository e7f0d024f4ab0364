"""Content blocks of a message: what AWS's limits forbid is refused here, and blobs that came as Base64 become bytes again.

Source: API reference, Message ("up to 20 images … 3.75 MB"; "up to five documents … 4.5 MB"), ImageBlock, DocumentBlock,
VideoBlock ("25 MB" for bytes). Pixels are not looked at.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from bedrock_gateway import _arguments as arguments

__all__ = ["check_message", "ready"]

_MIB = 1 << 20
# Kind of block → (formats, most bytes, most of them in a message).
_LIMITS: dict[str, tuple[frozenset[str], int, int]] = {
    "image": (frozenset({"png", "jpeg", "gif", "webp"}), int(3.75 * _MIB), 20),
    "document": (
        frozenset({"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"}),
        int(4.5 * _MIB),
        5,
    ),
    "video": (frozenset({"mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"}), 25 * _MIB, 1),
}
_DOCUMENT_NAME = re.compile(r"[A-Za-z0-9()\[\]-]+(?: [A-Za-z0-9()\[\]-]+)*")
_CACHE_TTLS = frozenset({"5m", "1h"})


def ready(operation: str, where: str, block: dict[str, Any]) -> dict[str, Any]:
    """Return *block* as it can be sent."""
    for kind, (formats, size, _) in _LIMITS.items():
        if kind in block:
            block = {**block, kind: _media(operation, f"{where}.{kind}", block[kind], formats, size)}
    if isinstance(document := block.get("document"), dict):
        _document(operation, where, document)
    if isinstance(audio := block.get("audio"), dict):
        block = {**block, "audio": _sound(operation, f"{where}.audio", audio)}
    if isinstance(held := block.get("toolResult"), dict) and isinstance(held.get("content"), (list, tuple)):
        inner = [_within(operation, f"{where}.toolResult.content[{at}]", one) for at, one in enumerate(held["content"])]
        block = {**block, "toolResult": {**held, "content": inner}}
    if isinstance(guarded := block.get("guardContent"), dict):
        block = {**block, "guardContent": _within(operation, f"{where}.guardContent", guarded)}
    if isinstance(reasoning := block.get("reasoningContent"), dict) and "redactedContent" in reasoning:
        content = _bytes(operation, f"{where}.redactedContent", reasoning["redactedContent"])
        block = {**block, "reasoningContent": {**reasoning, "redactedContent": content}}
    if isinstance(point := block.get("cachePoint"), dict) and point.get("ttl", "5m") not in _CACHE_TTLS:
        arguments.refuse(operation, f"{where}.cachePoint.ttl is one of {', '.join(sorted(_CACHE_TTLS))}")
    return block


def _within(operation: str, where: str, block: Any) -> Any:
    """A block within another one; botocore names what is none."""
    return ready(operation, where, block) if isinstance(block, dict) else block


def _sound(operation: str, where: str, audio: dict[str, Any]) -> dict[str, Any]:
    source = audio.get("source")
    if not isinstance(source, dict) or "bytes" not in source:
        return audio
    return {**audio, "source": {**source, "bytes": _bytes(operation, f"{where}.source.bytes", source["bytes"])}}


def _media(operation: str, where: str, media: Any, formats: frozenset[str], size: int) -> Any:
    if not isinstance(media, dict):
        return media  # botocore names what is wrong
    kind, source = media.get("format"), media.get("source")
    if kind is not None and (not isinstance(kind, str) or kind not in formats):
        arguments.refuse(operation, f"{where}.format is one of {', '.join(sorted(formats))}")
    if not isinstance(source, dict) or "bytes" not in source:
        return media
    data = _bytes(operation, f"{where}.source.bytes", source["bytes"])
    if not data:
        arguments.refuse(operation, f"{where}.source.bytes is empty")
    if len(data) > size:
        arguments.refuse(
            operation, f"{where}.source.bytes is larger than AWS takes: {size} bytes at most; use an s3Location"
        )
    return {**media, "source": {**source, "bytes": data}}


def _document(operation: str, where: str, document: dict[str, Any]) -> None:
    name = document.get("name")
    if isinstance(name, str) and not _DOCUMENT_NAME.fullmatch(name):
        arguments.refuse(
            operation,
            f"{where}.document.name has letters, digits, hyphens, brackets, parentheses and single spaces only",
        )


def _bytes(operation: str, where: str, value: Any) -> bytes:
    """A blob as bytes: the messages of answers hold them as Base64, and boto3 would encode that once more."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    return arguments.refuse(operation, f"{where} is bytes, or Base64")


def check_message(operation: str, where: str, blocks: list[Any]) -> None:
    """Refuse more images, documents or videos than a message can hold."""
    for kind, (_, _, most) in _LIMITS.items():
        if sum(kind in one for one in blocks) > most:
            arguments.refuse(operation, f"{where} holds more than {most} {kind}s, which is AWS's limit")
