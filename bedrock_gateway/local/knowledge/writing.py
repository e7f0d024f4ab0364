"""What one document becomes: its text cut into chunks, each a vector with its metadata, written as the role may.

An ingestion job and documents given with a request meet here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.knowledge import chunking, vectors
from bedrock_gateway.local.knowledge.documents import UnreadableDocumentError
from bedrock_gateway.local.knowledge.embedding import embed
from bedrock_gateway.local.service_role import assumed, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedrock_gateway.local.call import Call
    from bedrock_gateway.local.knowledge.store import DataSource, KnowledgeBase
    from bedrock_gateway.local.principals import Principal

__all__ = ["MAX_DOCUMENT_BYTES", "Place", "Writer", "attributes_of", "typed_value", "writer"]

MAX_DOCUMENT_BYTES = 50 * 1024 * 1024
_MAX_FILTERABLE_BYTES = 2048
_MAX_METADATA_BYTES = 40 * 1024
_TYPED_VALUES = {
    "STRING": "stringValue",
    "NUMBER": "numberValue",
    "BOOLEAN": "booleanValue",
    "STRING_LIST": "stringListValue",
}


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
    index: Any
    """moto's index object."""

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
            UnreadableDocumentError: its metadata is too large.
            Fault: the role may not take the former ones away.
        """
        rows = [self._row(place, number, chunk, attributes) for number, chunk in enumerate(_chunks(self.source, text))]
        vectors.put(self.index, rows)
        keys = tuple(row["key"] for row in rows)
        self.forget([key for key in former if key not in keys])
        return keys

    def forget(self, keys: Sequence[str]) -> None:
        """Take vectors away.

        Raises:
            Fault: the role may not.
        """
        if keys:
            require(self.call, self.role, "s3vectors:DeleteVectors", self.base.index_arn)
            vectors.delete(self.index, keys)

    def _row(self, place: Place, number: int, chunk: chunking.Chunk, attributes: Mapping[str, Any]) -> dict[str, Any]:
        filterable = {
            **attributes,
            "x-amz-bedrock-kb-source-uri": place.name,
            "x-amz-bedrock-kb-data-source-id": self.source.data_source_id,
        }
        origin = json.dumps({"source": {"sourceType": place.kind, "sourceLocation": place.name}})
        metadata = {"AMAZON_BEDROCK_TEXT": chunk.text, "AMAZON_BEDROCK_METADATA": origin, **filterable}
        for what, found, most in (
            ("Filterable metadata", filterable, _MAX_FILTERABLE_BYTES),
            ("Metadata", metadata, _MAX_METADATA_BYTES),
        ):
            if len(json.dumps(found, ensure_ascii=False).encode()) > most:
                raise UnreadableDocumentError(f"Invalid record for key: {what} must have at most {most} bytes.")
        identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.source.data_source_id}/{place.name}#{number}")
        data = {"float32": embed(chunk.text, self.base.dimensions)}
        return {"key": str(identity), "data": data, "metadata": metadata}


def writer(call: Call, base: KnowledgeBase, source: DataSource) -> Writer:
    """Return the writer for *source*; what its role may is asked when it is needed.

    Raises:
        Fault: the index is gone, or the role no longer trusts Bedrock.
    """
    index = vectors.existing_index(call.account, call.region, base.index_arn)
    return Writer(call, base, source, assumed(call, base), index)


def _chunks(source: DataSource, text: str) -> list[chunking.Chunk]:
    configuration = (source.ingestion or {}).get("chunkingConfiguration") or {"chunkingStrategy": "DEFAULT"}
    match configuration["chunkingStrategy"]:
        case "NONE":
            return chunking.whole(text)
        case "FIXED_SIZE":
            fixed = configuration["fixedSizeChunkingConfiguration"]
            return chunking.fixed_size(
                text, max_tokens=fixed["maxTokens"], overlap_percentage=fixed["overlapPercentage"]
            )
        case "SEMANTIC":
            rule = configuration["semanticChunkingConfiguration"]
            return chunking.semantic(
                text, max_tokens=rule["maxTokens"], breakpoint_percentile=rule["breakpointPercentileThreshold"]
            )
        case _:
            return chunking.fixed_size(text)


def attributes_of(content: bytes) -> dict[str, Any]:
    """Return the attributes of a metadata file, in either of the two forms that AWS documents.

    Raises:
        UnreadableDocumentError: it is neither.
    """
    try:
        attributes = json.loads(content.decode("utf-8-sig"))["metadataAttributes"]
        return {name: _attribute_value(value) for name, value in attributes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDocumentError("Ignored 1 files as their metadata file was not valid.") from error


def _attribute_value(value: Any) -> Any:
    return typed_value(value["value"]) if isinstance(value, Mapping) else value


def typed_value(value: Mapping[str, Any]) -> Any:
    """Return the value of one that says its type beside it."""
    return value[_TYPED_VALUES[value["type"]]]
