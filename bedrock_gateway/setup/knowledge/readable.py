"""What a data source reads, by its ending and size, and what the metadata file beside a document may hold; pure.

Sources: User Guide, knowledge-base-ds, kb-advanced-parsing and s3-data-source-connector; what a store takes is in its row.
Not verified against AWS.
"""

from __future__ import annotations

import json
import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.sources import METADATA_FILE_BYTES, METADATA_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.capabilities.stores import Store
    from bedrock_gateway.setup.knowledge.blueprint import SourceBlueprint

__all__ = ["IMAGES", "LIMIT_BYTES", "TEXTS", "endings", "is_metadata", "metadata_fault", "unreadable"]

TEXTS = frozenset({".txt", ".md", ".html", ".doc", ".docx", ".csv", ".xls", ".xlsx", ".pdf"})
"""Endings of the documents that AWS's own parser reads."""

IMAGES = frozenset({".jpeg", ".jpg", ".png"})
"""Endings of what only another parser, or a model that embeds images, reads."""

LIMIT_BYTES = 50 * 1024 * 1024
"""Most of one document."""

IMAGE_LIMIT_BYTES = int(3.75 * 1024 * 1024)
"""Most of one image."""


def endings(source: SourceBlueprint) -> frozenset[str]:
    """Return the endings of the documents that *source* reads."""
    return TEXTS | IMAGES if source.reads_images else TEXTS


def is_metadata(key: str) -> bool:
    """Whether a file of that name holds the metadata of the one beside it."""
    return key.endswith(METADATA_SUFFIX)


def unreadable(key: str, size: int, source: SourceBlueprint) -> str:
    """Return why *source* does not read a document of that name and size; empty: it does."""
    ending = PurePosixPath(key).suffix.lower()
    image = ending in IMAGES
    tests = (
        (image and not source.reads_images, "AWS's own parser reads no images: add `parsing` to the source"),
        (ending not in TEXTS | IMAGES, "a data source does not read files with this ending"),
        (size == 0, "it is empty"),
        (image and size > IMAGE_LIMIT_BYTES, "it is an image larger than 3.75 MB"),
        (size > LIMIT_BYTES, "it is larger than 50 MB"),
    )
    return next((why for found, why in tests if found), "")


def metadata_fault(data: bytes, store: Store) -> str:
    """Return what is wrong with a metadata file; empty: nothing."""
    if len(data) > METADATA_FILE_BYTES:
        return f"its metadata file is larger than {METADATA_FILE_BYTES // 1024} KB"
    try:
        found = json.loads(data)
        attributes = found["metadataAttributes"] if isinstance(found, dict) else None
    except (ValueError, KeyError, RecursionError):
        attributes = None
    if not isinstance(attributes, dict):
        return 'its metadata file is not JSON with "metadataAttributes"'
    for name, value in attributes.items():
        if not name or not _is_attribute(value):
            return f"its metadata {name[:80]!r} is no string, number, boolean or list of strings"
    return _too_much(attributes, store)


def _too_much(attributes: Mapping[str, Any], store: Store) -> str:
    if store.metadata_keys is not None and len(attributes) > store.metadata_keys:
        return f"it has {len(attributes)} metadata attributes, {store.name} takes {store.metadata_keys}"
    size = len(json.dumps(attributes, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"))
    if store.metadata_bytes is not None and size > store.metadata_bytes:
        return f"its metadata has {size} bytes, {store.name} takes {store.metadata_bytes}"
    return ""


def _is_attribute(value: Any) -> bool:
    if isinstance(value, dict):
        inner = value.get("value")
        member, is_one = _TYPES.get(str(inner.get("type")), ("", _never)) if isinstance(inner, dict) else ("", _never)
        embedded = value.get("includeForEmbedding", False)
        return isinstance(inner, dict) and is_one(inner.get(member)) and isinstance(embedded, bool)
    return any(is_one(value) for _, is_one in _TYPES.values())


def _never(_: Any) -> bool:
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "STRING": ("stringValue", lambda value: isinstance(value, str)),
    "NUMBER": ("numberValue", _is_number),
    "BOOLEAN": ("booleanValue", lambda value: isinstance(value, bool)),
    "STRING_LIST": ("stringListValue", _is_list),
}
"""Type of a metadata attribute → its member, and whether a value is one. Source: API_agent_MetadataAttributeValue."""
