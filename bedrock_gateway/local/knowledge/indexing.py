"""The work of an ingestion job: read the bucket as the knowledge base's role, chunk, embed, write to the vector index.

Only what changed since the last job is read again; what is gone from the bucket is deleted from the index. A document
that cannot be read counts as failed and the job goes on; a role that cannot list, embed or write fails the job.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault
from bedrock_gateway.local.knowledge.documents import UnreadableDocumentError, extract
from bedrock_gateway.local.knowledge.store import DataSource, Document, Job, KnowledgeBase, now, store_of
from bedrock_gateway.local.knowledge.writing import MAX_DOCUMENT_BYTES, Place, Writer, attributes_of, writer
from bedrock_gateway.local.service_role import require

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["no_statistics", "run"]

_SIDECAR = ".metadata.json"
_STATISTICS = (
    "numberOfDocumentsScanned",
    "numberOfMetadataDocumentsScanned",
    "numberOfNewDocumentsIndexed",
    "numberOfModifiedDocumentsIndexed",
    "numberOfMetadataDocumentsModified",
    "numberOfDocumentsDeleted",
    "numberOfDocumentsFailed",
)


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

    writer: Writer
    job: Job
    bucket: str

    @property
    def source(self) -> DataSource:
        """The data source."""
        return self.writer.source

    def s3(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call S3 for the source's bucket."""
        owner = self.source.configuration["s3Configuration"].get("bucketOwnerAccountId")
        return self.writer.s3(operation, owner=owner, Bucket=self.bucket, **params)

    def read(self, key: str) -> bytes:
        """Return an object's content."""
        owner = self.source.configuration["s3Configuration"].get("bucketOwnerAccountId")
        return self.writer.read(self.bucket, key, owner=owner)

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
    work = _Work(writer(call, base, source), job, bucket)
    objects = {each.key: each for each in _listed(work)}
    require(call, work.writer.role, "bedrock:InvokeModel", base.embedding_model_arn)
    work.writer.backend.require(work.writer.role, "write")
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
        work.source.set_state(_place(work, document.key), "FAILED", str(error))
        service = getattr(error, "service", UnreadableDocumentError.service)
        work.job.failure_reasons.append(f"Encountered error: {error} [Files: {work.uri(document.key)}]. Call to {service} did not succeed.")  # fmt: skip
        return
    now_known = after(keys)
    work.source.documents[document.key] = now_known
    work.source.set_state(_place(work, document.key), "INDEXED")
    if before is None:
        count["numberOfNewDocumentsIndexed"] += 1
        return
    other_metadata = before.metadata_etag != now_known.metadata_etag
    count["numberOfMetadataDocumentsModified"] += other_metadata
    # What was cut by another rule, or given directly, is indexed again without a change of either.
    count["numberOfModifiedDocumentsIndexed"] += before.etag != document.etag or not other_metadata


def _fingerprint(work: _Work, document: _Object, sidecar: _Object | None) -> Any:
    rule = json.dumps((work.source.ingestion or {}).get("chunkingConfiguration"), sort_keys=True)
    return lambda keys: Document(document.etag, sidecar.etag if sidecar else None, rule, tuple(keys))


def _place(work: _Work, key: str) -> Place:
    return Place("S3", work.uri(key))


def _index(work: _Work, document: _Object, sidecar: _Object | None) -> tuple[str, ...]:
    """Write a document's chunks to the index; return the vectors' keys."""
    if document.size > MAX_DOCUMENT_BYTES:
        raise UnreadableDocumentError("Ignored 1 files as their size exceeded 50 MB.")
    attributes = attributes_of(work.read(sidecar.key)) if sidecar else {}
    text = extract(document.key, work.read(document.key))
    known = work.source.documents.get(document.key)
    former = known.vector_keys if known else ()
    return work.writer.write(_place(work, document.key), text, attributes, former=former)


def _delete_absent(work: _Work, present_keys: set[str]) -> None:
    for key in [key for key in work.source.documents if key not in present_keys]:
        try:
            work.writer.forget(work.source.documents[key].vector_keys)
        except Fault as fault:
            work.job.statistics["numberOfDocumentsFailed"] += 1
            work.job.failure_reasons.append(f"Encountered error: {fault.message} [Files: {work.uri(key)}].")
            continue
        del work.source.documents[key]
        work.source.states.pop(_place(work, key), None)
        work.job.statistics["numberOfDocumentsDeleted"] += 1
