"""What one document becomes: its text cut into chunks, each a vector with its metadata, written as the role may.

An ingestion job and documents given with a request meet here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge import chunking, vectors
from bedrock_gateway.local.knowledge.backends import existing_backend
from bedrock_gateway.local.knowledge.documents import UnreadableDocumentError
from bedrock_gateway.local.knowledge.embedders import Embedding
from bedrock_gateway.local.knowledge.vector_requests import check_metadata
from bedrock_gateway.local.service_role import assumed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrock_gateway.local.call import Call
    from bedrock_gateway.local.knowledge.backends import Backend
    from bedrock_gateway.local.knowledge.store import DataSource, KnowledgeBase
    from bedrock_gateway.local.principals import Principal

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "PARENT_START",
    "PARENT_TEXT",
    "Place",
    "RefusedRecordError",
    "Writer",
    "attributes_of",
    "typed_value",
    "writer",
]

MAX_DOCUMENT_BYTES = 50 * 1024 * 1024
PARENT_TEXT, PARENT_START = "parentText", "parentStart"
"""Where a child chunk notes the chunk that is returned in its stead, and where in the document that begins. The names
are ours: AWS documents none."""
_MAX_METADATA_FILE_BYTES = 10 * 1024
_MAX_ATTRIBUTE_BYTES = 1024
_MAX_ATTRIBUTES = 35
"""What a knowledge base takes of a document's own attributes on S3 Vectors: less than S3 Vectors itself. Source: S3 User
Guide, s3-vectors-bedrock-kb; the words with which it refuses are ours."""
_TYPED_VALUES = {
    "STRING": "stringValue",
    "NUMBER": "numberValue",
    "BOOLEAN": "booleanValue",
    "STRING_LIST": "stringListValue",
}


class RefusedRecordError(UnreadableDocumentError):
    """The vector store does not take what a document would become."""

    service = "Amazon S3 Vectors"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document is: an object of S3 by its URI, or a document of the caller's own by its id."""

    kind: str
    """``S3`` or ``CUSTOM``."""
    name: str

    @property
    def identifier(self) -> dict[str, Any]:
        """It as a ``DocumentIdentifier``."""
        member = {"s3": {"uri": self.name}} if self.kind == "S3" else {"custom": {"id": self.name}}
        return {"dataSourceType": self.kind, **member}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes to one knowledge base's index for one data source, in the name of the role."""

    call: Call
    base: KnowledgeBase
    source: DataSource
    role: Principal
    backend: Backend

    def s3(self, operation: str, *, owner: str | None = None, **params: Any) -> dict[str, Any]:
        """Call S3 as the role."""
        expected = {"ExpectedBucketOwner": owner} if owner else {}
        region = self.call.region
        return self.call.aws.call("s3", operation, {**params, **expected}, region=region, principal=self.role)

    def read(self, bucket: str, key: str, *, owner: str | None = None) -> bytes:
        """Return an object's content."""
        body = self.s3("GetObject", owner=owner, Bucket=bucket, Key=key)["Body"]
        return bytes(body.read()) if hasattr(body, "read") else bytes(body)

    def write(
        self, place: Place, text: str, attributes: Mapping[str, Any], *, former: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Write a document's chunks and take its *former* ones away; return the vectors' keys.

        Raises:
            RefusedRecordError: its metadata is too large.
            Fault: the role may not take the former ones away.
        """
        if self.backend.bounded:
            _check_attributes(attributes)
        rows = [self._row(place, number, *cut, attributes) for number, cut in enumerate(self._chunks(text))]
        embedder = self.call.state.of(Embedding).embedder
        texts = [row["metadata"][vectors.TEXT_KEY] for row in rows]
        for row, numbers in zip(rows, embedder.embed(texts, self.base.dimensions), strict=True):
            row["data"] = {"float32": numbers}
        self.backend.put(rows)
        keys = tuple(row["key"] for row in rows)
        self.forget([key for key in former if key not in keys])
        return keys

    def forget(self, keys: Sequence[str]) -> None:
        """Take vectors away.

        Raises:
            Fault: the role may not.
        """
        if keys:
            self.backend.require(self.role, "delete")
            self.backend.delete(keys)

    def _chunks(self, text: str) -> list[tuple[chunking.Chunk, chunking.Chunk | None]]:
        """Return each chunk with its parent; None where there is but one layer."""
        rule = (self.source.ingestion or {}).get("chunkingConfiguration") or {"chunkingStrategy": "DEFAULT"}
        if rule["chunkingStrategy"] == "HIERARCHICAL":
            layers = rule["hierarchicalChunkingConfiguration"]
            parent, child = (level["maxTokens"] for level in layers["levelConfigurations"])
            cut = chunking.hierarchical(
                text, parent_tokens=parent, child_tokens=child, overlap_tokens=layers["overlapTokens"]
            )
            return list(cut)
        return [(chunk, None) for chunk in self._flat_chunks(text, rule)]

    def _flat_chunks(self, text: str, rule: Mapping[str, Any]) -> list[chunking.Chunk]:
        match rule["chunkingStrategy"]:
            case "NONE":
                return chunking.whole(text)
            case "FIXED_SIZE":
                fixed = rule["fixedSizeChunkingConfiguration"]
                return chunking.fixed_size(
                    text, max_tokens=fixed["maxTokens"], overlap_percentage=fixed["overlapPercentage"]
                )
            case "SEMANTIC":
                semantic = rule["semanticChunkingConfiguration"]
                return chunking.semantic(
                    text,
                    max_tokens=semantic["maxTokens"],
                    breakpoint_percentile=semantic["breakpointPercentileThreshold"],
                    buffer_size=semantic["bufferSize"],
                    embedder=self.call.state.of(Embedding).embedder,
                )
            case _:
                return chunking.fixed_size(text)

    def _row(
        self,
        place: Place,
        number: int,
        chunk: chunking.Chunk,
        parent: chunking.Chunk | None,
        attributes: Mapping[str, Any],
    ) -> dict[str, Any]:
        origin: dict[str, Any] = {"source": {"sourceType": place.kind, "sourceLocation": place.name}}
        if parent is not None:
            origin |= {PARENT_TEXT: parent.text, PARENT_START: parent.start}
        metadata = {
            vectors.TEXT_KEY: chunk.text,
            "AMAZON_BEDROCK_METADATA": json.dumps(origin, ensure_ascii=False),
            **attributes,
            "x-amz-bedrock-kb-source-uri": place.name,
            "x-amz-bedrock-kb-data-source-id": self.source.data_source_id,
        }
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.source.data_source_id}/{place.name}#{number}"))
        try:
            if self.backend.bounded:
                check_metadata(key, metadata, self.backend.non_filterable)
        except Fault as fault:
            raise RefusedRecordError(f"{fault.message} (Service: S3Vectors, Status Code: 400, Request ID: {self.call.request_id})") from fault  # fmt: skip
        return {"key": key, "metadata": metadata}


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    size = len(json.dumps(attributes, ensure_ascii=False).encode())
    if size > _MAX_ATTRIBUTE_BYTES:
        raise RefusedRecordError(f"The document's metadata has {size} bytes; a knowledge base on S3 Vectors takes {_MAX_ATTRIBUTE_BYTES}")  # fmt: skip
    if len(attributes) > _MAX_ATTRIBUTES:
        raise RefusedRecordError(f"The document's metadata has {len(attributes)} keys; a knowledge base on S3 Vectors takes {_MAX_ATTRIBUTES}")  # fmt: skip


def writer(call: Call, base: KnowledgeBase, source: DataSource) -> Writer:
    """Return the writer for *source*; what its role may is asked when it is needed.

    Raises:
        Fault: the index is gone, or the role no longer trusts Bedrock.
    """
    return Writer(call, base, source, assumed(call, base), existing_backend(call, base))


def attributes_of(content: bytes) -> dict[str, Any]:
    """Return the attributes of a metadata file, in either of the two forms that AWS documents.

    Raises:
        UnreadableDocumentError: it is neither, or larger than 10 KB.
    """
    if len(content) > _MAX_METADATA_FILE_BYTES:
        raise UnreadableDocumentError("Ignored 1 files as their metadata file size exceeded 10 KB.")
    try:
        attributes = json.loads(content.decode("utf-8-sig"))["metadataAttributes"]
        found = {name: _attribute_value(value) for name, value in attributes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDocumentError("Ignored 1 files as their metadata file was not valid.") from error
    if not all(map(_is_attribute, found.values())):
        raise UnreadableDocumentError("Ignored 1 files as a metadata attribute was no string, number, boolean or list of strings.")  # fmt: skip
    return found


def _is_attribute(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(element, str) for element in value)
    return isinstance(value, (str, bool, int, float))


def _attribute_value(value: Any) -> Any:
    return typed_value(value["value"]) if isinstance(value, Mapping) else value


def typed_value(value: Mapping[str, Any]) -> Any:
    """Return the value of one that says its type beside it."""
    return value[_TYPED_VALUES[value["type"]]]
