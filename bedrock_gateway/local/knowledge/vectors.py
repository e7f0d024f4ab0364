"""S3 Vectors as the local Bedrock needs it: moto holds buckets, indexes and vectors; what moto lacks is here.

moto has no QueryVectors and forgets an index's ``metadataConfiguration``, which decides whether a knowledge base may
use the index. Both are kept on moto's own objects, so that they live exactly as long as the index does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge import filters
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

__all__ = [
    "HANDLERS",
    "Hit",
    "delete",
    "existing_index",
    "find_index",
    "get_index_arn",
    "metadata_keys",
    "put",
    "query",
]

_ARN_PARTS = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """One vector that a query found."""

    key: str
    distance: float
    similarity: float
    """Cosine similarity, whatever the index's metric."""
    metadata: Mapping[str, Any]


def _backend(account: str, partition: str) -> Any:
    from moto.backends import get_backend

    # moto keeps every Region of a partition in one s3vectors backend, which confuses buckets of one name: the ARN decides.
    return get_backend("s3vectors")[account][partition]


def get_index_arn(configuration: Mapping[str, str]) -> str | None:
    """Return the index ARN that an ``s3VectorsConfiguration`` names; None where it names none."""
    if "indexArn" in configuration:
        return configuration["indexArn"]
    if "vectorBucketArn" in configuration and "indexName" in configuration:
        return f"{configuration['vectorBucketArn']}/index/{configuration['indexName']}"
    return None


def find_index(account: str, region: str, index_arn: str) -> Any | None:
    """Return moto's index object with *index_arn*, or None where there is none in *region*."""
    parts = index_arn.split(":")
    if len(parts) != _ARN_PARTS or parts[3] != region:
        return None
    bucket_arn = index_arn.partition("/index/")[0]
    with LOCK:
        bucket = _backend(account, parts[1]).vector_buckets.get(bucket_arn)
        return bucket.indexes.get(index_arn) if bucket else None


def existing_index(account: str, region: str, index_arn: str) -> Any:
    """Return moto's index object with *index_arn*.

    Raises:
        Fault: there is none in *region*.
    """
    index = find_index(account, region, index_arn)
    if index is None:
        raise Fault("NotFoundException", f"The specified index could not be found: {index_arn}", 404)
    return index


def metadata_keys(index: Any) -> tuple[str, ...]:
    """Return the index's non-filterable metadata keys."""
    return tuple(getattr(index, "metadata_configuration", {}).get("nonFilterableMetadataKeys", ()))


def put(index: Any, vectors: Sequence[Mapping[str, Any]]) -> None:
    """Write *vectors* (PutVectors' own shape, of the index's length) to moto's *index*."""
    from moto.s3vectors.models import Vector

    made = {vector["key"]: Vector(vector["key"], vector["data"], vector.get("metadata", {})) for vector in vectors}
    with LOCK:
        index.vectors.update(made)


def delete(index: Any, keys: Sequence[str]) -> None:
    """Delete the vectors with *keys* from moto's *index*; absent keys are no error."""
    with LOCK:
        for key in keys:
            index.vectors.pop(key, None)


def _row(vector: Any) -> np.ndarray:
    """Return the vector as an array, kept on moto's object: converting it anew costs more than the search."""
    import numpy as np

    row = getattr(vector, "row", None)
    if row is None:
        row = vector.row = np.asarray(vector.data["float32"], dtype=np.float32)
    return row


def query(
    index: Any, vector: Sequence[float], *, top: int | None = None, query_filter: Mapping[str, Any] | None = None
) -> list[Hit]:
    """Return the *top* nearest vectors of moto's *index* that satisfy the filter, nearest first; all where None.

    Raises:
        Fault: ``ValidationException`` where the vector's length or the filter is wrong.
    """
    import numpy as np

    if len(vector) != index.dimension:
        raise Fault("ValidationException", f"Query vector contains invalid values or is invalid for this index: it must have length {index.dimension}, but has length {len(vector)}")  # fmt: skip
    if query_filter is not None:
        filters.check(query_filter, metadata_keys(index))
    with LOCK:
        stored = list(index.vectors.values())
    found = [v for v in stored if query_filter is None or filters.matches(query_filter, v.metadata or {})]
    if not found:
        return []
    rows, wanted = np.stack([_row(v) for v in found]), np.asarray(vector, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted)
    similarities = rows @ wanted / np.where(lengths == 0.0, 1.0, lengths)
    euclidean = index.distance_metric == "euclidean"
    distances = np.linalg.norm(rows - wanted, axis=1) if euclidean else 1.0 - similarities
    order = np.argsort(distances, kind="stable")[:top]
    return [Hit(found[i].key, float(distances[i]), float(similarities[i]), found[i].metadata or {}) for i in order]


def _bucket_arn(call: Call) -> str:
    named = f"arn:{call.partition}:s3vectors:{call.region}:{call.account}:bucket/{call.params.get('vectorBucketName')}"
    return str(call.params.get("vectorBucketArn") or named)


def _index_of(call: Call) -> Any:
    arn = call.params.get("indexArn") or f"{_bucket_arn(call)}/index/{call.params.get('indexName')}"
    index = find_index(call.account, call.region, arn)
    if index is None:
        raise Fault("NotFoundException", "The specified index could not be found", 404)
    return index


def query_vectors(call: Call) -> Reply:
    """Serve QueryVectors."""
    index = _index_of(call)
    hits = query(
        index,
        call.params["queryVector"]["float32"],
        top=call.params["topK"],
        query_filter=call.params.get("filter"),
    )
    return Reply({"vectors": [_shown(hit, call.params) for hit in hits], "distanceMetric": index.distance_metric})


def _shown(hit: Hit, params: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"key": hit.key}
    if params.get("returnMetadata"):
        shown["metadata"] = dict(hit.metadata)
    if params.get("returnDistance"):
        shown["distance"] = hit.distance
    return shown


def create_index(call: Call) -> Reply:
    """Serve CreateIndex: moto makes the index, its metadata configuration is remembered."""
    params, bucket_arn = call.params, _bucket_arn(call)
    arn = f"{bucket_arn}/index/{params['indexName']}"
    with LOCK:
        backend = _backend(call.account, call.partition)
        bucket = backend.vector_buckets.get(bucket_arn)
        if bucket is None:
            raise Fault("NotFoundException", "The specified vector bucket could not be found", 404)
        if arn in bucket.indexes:
            raise Fault("ConflictException", "An index with the specified name already exists", 409)
        index = _new_index(bucket, params)
        bucket.indexes[arn] = index
        if params.get("tags"):
            backend.tag_resource(arn, params["tags"])
    return Reply({"indexArn": arn})


def _new_index(bucket: Any, params: Mapping[str, Any]) -> Any:
    from moto.s3vectors.models import Index

    index: Any = Index(bucket, params["indexName"], params["dimension"], params["dataType"], params["distanceMetric"])
    index.metadata_configuration = params.get("metadataConfiguration", {})
    index.creation_time = datetime.now(UTC)
    return index


def get_index(call: Call) -> Reply:
    """Serve GetIndex, metadata configuration included."""
    index = _index_of(call)
    configuration = getattr(index, "metadata_configuration", {})
    shown = {
        "vectorBucketName": index.vectorBucketName,
        "indexName": index.index_name,
        "indexArn": index.index_arn,
        "creationTime": getattr(index, "creation_time", datetime.now(UTC)),
        "dataType": index.data_type,
        "dimension": index.dimension,
        "distanceMetric": index.distance_metric,
    }
    return Reply({"index": shown | ({"metadataConfiguration": configuration} if configuration else {})})


HANDLERS: Handlers = {
    ("s3vectors", "CreateIndex"): create_index,
    ("s3vectors", "GetIndex"): get_index,
    ("s3vectors", "QueryVectors"): query_vectors,
}
