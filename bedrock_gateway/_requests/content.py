"""Content blocks of messages: what AWS's limits forbid is refused here, and blobs that came as Base64 become bytes again.

Sources, none of them verified against AWS:

- API reference, Message: a message has up to 20 images of 3.75 MB and 8,000 pixels a side each, up to five documents of 4.5 MB
  each, and a text beside a document. AWS's refusals ("more than 5 documents in a request", "duplicate document names") are
  for the request as a whole, and so is the user guide, "API restrictions".
- The same page: for Claude 4 and later the 4.5 MB are not for PDF, for Nova neither for PDF nor for DOCX.
- Anthropic, Vision: more than 20 images in a request, and each may have 2,000 pixels a side. Claude 4 takes them on Bedrock,
  Claude 3 refuses the 21st.
- API reference, DocumentBlock: characters and length of a name; VideoBlock and VideoSource: formats, 25 MB of bytes; ImageBlock,
  AudioBlock and GuardrailConverseImageBlock: formats.

3.75 MB are 3.75 · 2²⁰ bytes: 5 · 2²⁰ of Base64, which is what is limited.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.media import SNIFFED, pixels, sniffed
from bedrock_gateway.capabilities.models import parse_model_id

__all__ = ["check_request", "ready"]

_MIB = 1 << 20
_MOST_PIXELS = 8000
_MOST_DOCUMENTS = 5
_MOST_VIDEOS = 1
_CROWD = 20
_PIXELS_IN_A_CROWD = 2000

# Kind of block → (formats, most bytes; None: only as large as a request).
_LIMITS: dict[str, tuple[frozenset[str], int | None]] = {
    "image": (frozenset({"png", "jpeg", "gif", "webp"}), int(3.75 * _MIB)),
    "document": (frozenset({"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"}), int(4.5 * _MIB)),
    "video": (frozenset({"mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"}), 25 * _MIB),
    "audio": (
        frozenset(
            "mp3 opus wav aac flac mp4 ogg mkv mka x-aac m4a mpeg mpga pcm webm".split()  # noqa: SIM905 - AWS's order
        ),
        None,
    ),
}
_GUARDED_IMAGES = frozenset({"png", "jpeg"})
_DOCUMENT_NAME = re.compile(r"[A-Za-z0-9()\[\]-]+(?: [A-Za-z0-9()\[\]-]+)*")
_NAME_LIMIT = 200
_CACHE_TTLS = frozenset({"5m", "1h"})


@dataclass(frozen=True, slots=True)
class _Model:
    """What one kind of model takes otherwise."""

    named: re.Pattern[str]
    large: frozenset[str] = frozenset()
    """Formats of documents without a limit of their own."""
    crowds: bool = False
    """Whether it takes more than 20 images, which then must be smaller."""


_MODELS = (
    _Model(re.compile(r"anthropic\.claude-[a-z]+-[4-9]"), frozenset({"pdf"}), crowds=True),
    _Model(re.compile(r"amazon\.nova-"), frozenset({"pdf", "docx"})),
)
_USUAL = _Model(re.compile(""))
_UNKNOWN = _Model(re.compile(""), frozenset({"pdf", "docx"}), crowds=True)
"""The id does not say what is behind it: what any model takes is sent."""


@lru_cache(maxsize=64)
def _limits_of(model: str) -> _Model:
    known = parse_model_id(model).model
    if known is None:
        return _UNKNOWN
    return next((row for row in _MODELS if row.named.match(known)), _USUAL)


def ready(operation: str, where: str, block: dict[str, Any], model: str) -> dict[str, Any]:
    """Return *block* as it can be sent to *model*."""
    for kind, (formats, size) in _LIMITS.items():
        if kind in block:
            block = {**block, kind: _media(operation, f"{where}.{kind}", block[kind], formats, size, model)}
    if isinstance(document := block.get("document"), dict):
        _document(operation, where, document)
    if isinstance(reasoning := block.get("reasoningContent"), dict) and "redactedContent" in reasoning:
        content = _bytes(operation, f"{where}.redactedContent", reasoning["redactedContent"])
        block = {**block, "reasoningContent": {**reasoning, "redactedContent": content}}
    if isinstance(guarded := block.get("guardContent"), dict) and "image" in guarded:
        image = _media(
            operation, f"{where}.guardContent.image", guarded["image"], _GUARDED_IMAGES, _LIMITS["image"][1], model
        )
        block = {**block, "guardContent": {**guarded, "image": image}}
    if isinstance(result := block.get("toolResult"), dict) and isinstance(
        inner := result.get("content"), (list, tuple)
    ):
        made = [
            ready(operation, f"{where}.toolResult.content[{at}]", dict(one), model) if isinstance(one, dict) else one
            for at, one in enumerate(inner)
        ]
        block = {**block, "toolResult": {**result, "content": made}}
    if isinstance(point := block.get("cachePoint"), dict) and point.get("ttl", "5m") not in _CACHE_TTLS:
        arguments.refuse(operation, f"{where}.cachePoint.ttl is one of {', '.join(sorted(_CACHE_TTLS))}")
    return block


def _media(operation: str, where: str, media: Any, formats: frozenset[str], size: int | None, model: str) -> Any:
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
    if size is not None and len(data) > size and kind not in _limits_of(model).large:
        arguments.refuse(
            operation, f"{where}.source.bytes is larger than AWS takes: {size} bytes at most; use an s3Location"
        )
    if isinstance(kind, str):
        _check_header(operation, where, kind, data)
    return {**media, "source": {**source, "bytes": data}}


def _check_header(operation: str, where: str, kind: str, data: bytes) -> None:
    """Refuse what says of itself that it is something else, and an image with more pixels than any model takes."""
    found, expected = sniffed(data), SNIFFED.get(kind)
    if expected is None:
        return
    if found is not None and found not in expected:
        arguments.refuse(
            operation, f"{where}.format says {kind}, but its bytes are those of {_SPOKEN.get(found, found)}"
        )
    if found is None and kind in _ALWAYS_MARKED:
        arguments.refuse(operation, f"{where}.format says {kind}, but its bytes do not begin as one does")
    size = pixels(data)
    if size is not None and max(size) > _MOST_PIXELS:
        arguments.refuse(
            operation,
            f"{where} has {size[0]} x {size[1]} pixels: AWS takes {_MOST_PIXELS} a side at most; scale it down",
        )


_ALWAYS_MARKED = frozenset({"png", "jpeg", "gif", "webp"})
_SPOKEN = {
    "zip": "a ZIP file, as docx and xlsx are",
    "ole": "an older Office file, as doc and xls are",
    "iso": "an MP4 or MOV file",
    "ebml": "a Matroska or WebM file",
    "asf": "a Windows Media file",
}


def _document(operation: str, where: str, document: dict[str, Any]) -> None:
    name = document.get("name")
    if not isinstance(name, str):
        return  # botocore names what is wrong
    if len(name) > _NAME_LIMIT:
        arguments.refuse(operation, f"{where}.document.name is longer than {_NAME_LIMIT} characters")
    if not _DOCUMENT_NAME.fullmatch(name):
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


def check_request(operation: str, where: str, contents: list[list[Any]], model: str) -> None:
    """Refuse more images, documents or videos than a request can hold; *contents*: the blocks of each message."""
    limits = _limits_of(model)
    for at, blocks in enumerate(contents):
        here = where if len(contents) == 1 else f"{where}[{at}]"
        images, videos = _held(blocks, "image"), _held(blocks, "video")
        if len(images) > _CROWD and not limits.crowds:
            arguments.refuse(operation, f"{here} holds more than {_CROWD} images, which is AWS's limit for this model")
        if len(videos) > _MOST_VIDEOS:
            arguments.refuse(operation, f"{here} holds more than one video, which is AWS's limit")
        if _held(blocks, "document") and not _held(blocks, "text"):
            arguments.refuse(operation, f"{here} holds a document and no text beside it, which AWS wants")
    together = [block for blocks in contents for block in blocks]
    _check_documents(operation, where, _held(together, "document"))
    images = _held(together, "image")
    if len(images) > _CROWD and limits is not _UNKNOWN:
        for at, image in enumerate(images):
            size = _pixels_of(image)
            if size is not None and max(size) > _PIXELS_IN_A_CROWD:
                arguments.refuse(
                    operation,
                    f"{where}: of more than {_CROWD} images each has at most {_PIXELS_IN_A_CROWD} pixels a side;"
                    f" image {at + 1} of {len(images)} has {size[0]} x {size[1]}",
                )


def _held(blocks: list[Any], kind: str) -> list[Any]:
    return [one[kind] for one in blocks if isinstance(one, dict) and kind in one]


def _check_documents(operation: str, where: str, documents: list[Any]) -> None:
    if len(documents) > _MOST_DOCUMENTS:
        arguments.refuse(
            operation,
            f"{where}: {len(documents)} documents; AWS takes {_MOST_DOCUMENTS} in a request, earlier turns included",
        )
    names = [one["name"] for one in documents if isinstance(one, dict) and isinstance(one.get("name"), str)]
    if len(set(names)) != len(names):
        arguments.refuse(operation, f"{where}: two documents have one name, which AWS refuses, earlier turns included")


def _pixels_of(image: Any) -> tuple[int, int] | None:
    source = image.get("source") if isinstance(image, dict) else None
    data = source.get("bytes") if isinstance(source, dict) else None
    return pixels(data) if isinstance(data, bytes) else None
