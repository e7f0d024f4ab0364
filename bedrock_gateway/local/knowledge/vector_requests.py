"""S3 Vectors' own requests, as far as moto lacks them or lets pass what AWS refuses; the others are moto's.

Limits: S3 User Guide, s3-vectors-limitations; lengths and numbers of members are botocore's own shapes'.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge import vectors
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["HANDLERS", "check_metadata"]

_MOST_FILTERABLE_BYTES = 2048
_MOST_METADATA_BYTES = 40 * 1024


def check_metadata(key: str, metadata: Mapping[str, Any], non_filterable: Sequence[str]) -> None:
    """Pass a vector's metadata that S3 Vectors takes.

    Raises:
        Fault: ``ValidationException`` where it is too large.
    """
    filterable = {name: value for name, value in metadata.items() if name not in non_filterable}
    for what, found, most in (
        ("Filterable metadata", filterable, _MOST_FILTERABLE_BYTES),
        ("Metadata", metadata, _MOST_METADATA_BYTES),
    ):
        if len(json.dumps(found, ensure_ascii=False).encode()) > most:
            raise Fault("ValidationException", f"Invalid record for key '{key}': {what} must have at most {most} bytes")


def _check_vector(index: Any, vector: Mapping[str, Any]) -> None:
    key, numbers = vector["key"], vector["data"]["float32"]
    if len(numbers) != index.dimension:
        raise Fault("ValidationException", f"Invalid record for key '{key}': vector must have length {index.dimension}, but has length {len(numbers)}")  # fmt: skip
    if not all(map(math.isfinite, numbers)):
        raise Fault("ValidationException", f"Invalid record for key '{key}': vector must contain finite numbers only")
    if index.distance_metric == "cosine" and not any(numbers):
        raise Fault("ValidationException", f"Invalid record for key '{key}': a vector of zeros has no cosine distance")
    check_metadata(key, vector.get("metadata") or {}, vectors.metadata_keys(index))


def put_vectors(call: Call) -> Reply:
    """Serve PutVectors: all of a request, or nothing."""
    index = _index_of(call)
    for vector in call.params["vectors"]:
        _check_vector(index, vector)
    vectors.put(index, call.params["vectors"])
    return Reply()


def _bucket_arn(call: Call) -> str:
    named = f"arn:{call.partition}:s3vectors:{call.region}:{call.account}:bucket/{call.params.get('vectorBucketName')}"
    return str(call.params.get("vectorBucketArn") or named)


def _index_of(call: Call) -> Any:
    arn = call.params.get("indexArn") or f"{_bucket_arn(call)}/index/{call.params.get('indexName')}"
    index = vectors.find_index(call.account, call.region, arn)
    if index is None:
        raise Fault("NotFoundException", "The specified index could not be found", 404)
    return index


def query_vectors(call: Call) -> Reply:
    """Serve QueryVectors."""
    index = _index_of(call)
    hits = vectors.query(
        index,
        call.params["queryVector"]["float32"],
        top=call.params["topK"],
        query_filter=call.params.get("filter"),
    )
    return Reply({"vectors": [_shown(hit, call.params) for hit in hits], "distanceMetric": index.distance_metric})


def _shown(hit: vectors.Hit, params: Mapping[str, Any]) -> dict[str, Any]:
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
        backend = vectors.backend(call.account, call.partition)
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
    ("s3vectors", "PutVectors"): put_vectors,
    ("s3vectors", "QueryVectors"): query_vectors,
}
