"""The work of an ingestion job: read the bucket as the knowledge base's role, chunk, embed, write to the vector index.

Only what changed since the last job is read again; what is gone from the bucket is deleted from the index. A document
that cannot be read counts as failed and the job goes on; a role that cannot list, embed or write fails the job.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault
from bedrock_gateway.local.knowledge import chunking, vectors
from bedrock_gateway.local.knowledge.documents import UnreadableDocumentError, extract
from bedrock_gateway.local.knowledge.embedding import embed
from bedrock_gateway.local.knowledge.store import DataSource, Document, Job, KnowledgeBase, now, store_of
from bedrock_gateway.local.service_role import assumed, require

if TYPE_CHECKING:
    from bedrock_gateway.local.principals import Principal

__all__ = ["no_statistics", "run"]

_SIDECAR = ".metadata.json"
_MAX_DOCUMENT_BYTES = 50 * 1024 * 1024
_MAX_FILTERABLE_BYTES = 2048
_MAX_METADATA_BYTES = 40 * 1024
_STATISTICS = (
    "numberOfDocumentsScanned",
    "numberOfMetadataDocumentsScanned",
    "numberOfNewDocumentsIndexed",
    "numberOfModifiedDocumentsIndexed",
    "numberOfMetadataDocumentsModified",
    "numberOfDocumentsDeleted",
    "numberOfDocumentsFailed",
)
_TYPED_VALUES = {
    "STRING": "stringValue",
    "NUMBER": "numberValue",
    "BOOLEAN": "booleanValue",
    "STRING_LIST": "stringListValue",
}


def no_statistics() -> dict[str, int]:
    """Return every statistic of a job, at zero."""
    return dict.fromkeys(_STATISTICS, 0)


@dataclass(frozen=True, slots=True)
class _Object:
    """One object of the bucket."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class _Work:
    """What every step of one job needs."""

    call: Call
    base: KnowledgeBase
    source: DataSource
    job: Job
    role: Principal
    bucket: str
    index: Any
    """moto's index object."""

    def s3(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call S3 as the knowledge base's role."""
        owner = self.source.configuration["s3Configuration"].get("bucketOwnerAccountId")
        expected = {"ExpectedBucketOwner": owner} if owner else {}
        return self.call.aws.call(
            "s3",
            operation,
            {"Bucket": self.bucket, **params, **expected},
            region=self.call.region,
            principal=self.role,
        )

    def read(self, key: str) -> bytes:
        """Return an object's content."""
        body = self.s3("GetObject", Key=key)["Body"]
        return bytes(body.read()) if hasattr(body, "read") else bytes(body)

    def uri(self, key: str) -> str:
        """Return the ``s3://`` URI of *key*."""
        return f"s3://{self.bucket}/{key}"


def run(call: Call, base: KnowledgeBase, source: DataSource, job: Job) -> None:
    """Do *job* from beginning to end; its outcome is on the job."""
    try:
        _set_status(call, job, "IN_PROGRESS")
        _run(call, base, source, job)
    except Fault as fault:
        job.failure_reasons.append(f"Encountered error: {fault.message}")
        _set_status(call, job, "FAILED", final=True)
    finally:
        if not job.ended.is_set():
            job.failure_reasons.append("Encountered error: the local Bedrock failed inside this job.")
            _set_status(call, job, "FAILED", final=True)


def _set_status(call: Call, job: Job, status: str, *, final: bool = False) -> None:
    with store_of(call).lock:
        if not final and job.stop_requested.is_set():
            return
        job.status, job.updated_at = status, now()
        if final:
            job.ended.set()


def _run(call: Call, base: KnowledgeBase, source: DataSource, job: Job) -> None:
    bucket = source.configuration["s3Configuration"]["bucketArn"].rpartition(":::")[2]
    index = vectors.find_index(call.account, call.region, base.index_arn)
    if index is None:
        raise Fault("NotFoundException", f"The specified index could not be found: {base.index_arn}", 404)
    work = _Work(call, base, source, job, assumed(call, base), bucket, index)
    objects = {each.key: each for each in _listed(work)}
    require(call, work.role, "bedrock:InvokeModel", base.embedding_model_arn)
    require(call, work.role, "s3vectors:PutVectors", base.index_arn)
    documents = [each for each in objects.values() if not each.key.endswith(_SIDECAR)]
    for each in documents:
        if job.stop_requested.is_set():
            _set_status(call, job, "STOPPED", final=True)
            return
        _take(work, each, objects.get(each.key + _SIDECAR))
    _delete_absent(work, {each.key for each in documents})
    _set_status(call, job, "COMPLETE", final=True)


def _listed(work: _Work) -> Iterator[_Object]:
    for prefix in work.source.configuration["s3Configuration"].get("inclusionPrefixes") or ("",):
        params: dict[str, Any] = {"Prefix": prefix} if prefix else {}
        while True:
            listing = work.s3("ListObjectsV2", **params)
            for row in listing.get("Contents") or ():
                if not (row["Key"].endswith("/") and row["Size"] == 0):
                    yield _Object(row["Key"], row["ETag"], row["Size"])
            if not listing.get("IsTruncated"):
                break
            params["ContinuationToken"] = listing["NextContinuationToken"]


def _take(work: _Work, document: _Object, sidecar: _Object | None) -> None:
    """Bring one document's part of the index up to date, and count what happened."""
    count = work.job.statistics
    count["numberOfDocumentsScanned"] += 1
    count["numberOfMetadataDocumentsScanned"] += sidecar is not None
    before = work.source.documents.get(document.key)
    after = _fingerprint(work, document, sidecar)
    if before == after(before.vector_keys if before else ()):
        return
    try:
        keys = _index(work, document, sidecar)
    except (Fault, UnreadableDocumentError) as error:
        count["numberOfDocumentsFailed"] += 1
        work.job.failure_reasons.append(f"Encountered error: {error} [Files: {work.uri(document.key)}]. Call to Amazon S3 Source did not succeed.")  # fmt: skip
        return
    work.source.documents[document.key] = after(keys)
    if before is None:
        count["numberOfNewDocumentsIndexed"] += 1
    elif before.etag != document.etag or before.metadata_etag == after(()).metadata_etag:
        count["numberOfModifiedDocumentsIndexed"] += 1
    else:
        count["numberOfMetadataDocumentsModified"] += 1


def _fingerprint(work: _Work, document: _Object, sidecar: _Object | None) -> Any:
    rule = json.dumps((work.source.ingestion or {}).get("chunkingConfiguration"), sort_keys=True)
    return lambda keys: Document(document.etag, sidecar.etag if sidecar else None, rule, tuple(keys))


def _index(work: _Work, document: _Object, sidecar: _Object | None) -> tuple[str, ...]:
    """Write a document's chunks to the index and take its former ones away; return the vectors' keys."""
    if document.size > _MAX_DOCUMENT_BYTES:
        raise UnreadableDocumentError("Ignored 1 files as their size exceeded 50 MB.")
    attributes = _attributes(work.read(sidecar.key)) if sidecar else {}
    text = extract(document.key, work.read(document.key))
    rows = [_vector(work, document.key, n, chunk, attributes) for n, chunk in enumerate(_chunks(work.source, text))]
    vectors.put(work.index, rows)
    keys = tuple(row["key"] for row in rows)
    known = work.source.documents.get(document.key)
    _forget(work, [key for key in known.vector_keys if key not in keys] if known else [])
    return keys


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


def _attributes(content: bytes) -> dict[str, Any]:
    """Return the attributes of a metadata file, in either of the two forms that AWS documents."""
    try:
        attributes = json.loads(content.decode("utf-8-sig"))["metadataAttributes"]
        return {name: _attribute_value(value) for name, value in attributes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDocumentError("Ignored 1 files as their metadata file was not valid.") from error


def _attribute_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        typed = value["value"]
        return typed[_TYPED_VALUES[typed["type"]]]
    return value


def _vector(work: _Work, key: str, number: int, chunk: chunking.Chunk, attributes: Mapping[str, Any]) -> dict[str, Any]:
    uri = work.uri(key)
    filterable = {
        **attributes,
        "x-amz-bedrock-kb-source-uri": uri,
        "x-amz-bedrock-kb-data-source-id": work.source.data_source_id,
    }
    origin = json.dumps({"source": {"sourceType": "S3", "sourceLocation": uri}})
    metadata = {"AMAZON_BEDROCK_TEXT": chunk.text, "AMAZON_BEDROCK_METADATA": origin, **filterable}
    if len(json.dumps(filterable, ensure_ascii=False).encode()) > _MAX_FILTERABLE_BYTES:
        raise UnreadableDocumentError(f"Invalid record for key: Filterable metadata must have at most {_MAX_FILTERABLE_BYTES} bytes.")  # fmt: skip
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > _MAX_METADATA_BYTES:
        raise UnreadableDocumentError(
            f"Invalid record for key: Metadata must have at most {_MAX_METADATA_BYTES} bytes."
        )
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{work.source.data_source_id}/{uri}#{number}")
    data = {"float32": embed(chunk.text, work.base.dimensions)}
    return {"key": str(identity), "data": data, "metadata": metadata}


def _forget(work: _Work, keys: list[str]) -> None:
    if keys:
        require(work.call, work.role, "s3vectors:DeleteVectors", work.base.index_arn)
        vectors.delete(work.index, keys)


def _delete_absent(work: _Work, present_keys: set[str]) -> None:
    for key in [key for key in work.source.documents if key not in present_keys]:
        try:
            _forget(work, list(work.source.documents[key].vector_keys))
        except Fault as fault:
            work.job.statistics["numberOfDocumentsFailed"] += 1
            work.job.failure_reasons.append(f"Encountered error: {fault.message} [Files: {work.uri(key)}].")
            continue
        del work.source.documents[key]
        work.job.statistics["numberOfDocumentsDeleted"] += 1
