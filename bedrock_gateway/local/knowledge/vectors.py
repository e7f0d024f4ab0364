"""The vectors of S3 Vectors: moto holds buckets, indexes and vectors; how they are searched is here.

moto has no search and forgets an index's ``metadataConfiguration``, which decides whether a knowledge base may use the
index. Both are kept on moto's own objects, so that they live exactly as long as the index does. The requests are in
`vector_requests`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge import filters
from bedrock_gateway.local.knowledge.ranking import LEXICAL_SHARE
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.local.knowledge.searchable import Searchable

__all__ = [
    "TEXT_KEY",
    "Hit",
    "backend",
    "delete",
    "existing_index",
    "find_index",
    "get_index_arn",
    "metadata_keys",
    "put",
    "query",
    "search",
]

_ARN_PARTS = 6
_MOST_UNREAD = 512
"""So many new vectors are left for the next question to take up."""
TEXT_KEY = "AMAZON_BEDROCK_TEXT"
"""Where a knowledge base keeps the text that a vector stands for."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One vector that a query found."""

    key: str
    distance: float
    metadata: Mapping[str, Any]


def backend(account: str, partition: str) -> Any:
    """Return moto's s3vectors backend of an account in a partition."""
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
        bucket = backend(account, parts[1]).vector_buckets.get(bucket_arn)
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


@lru_cache(maxsize=1)
def _stored_class() -> type[Any]:
    """Return moto's Vector with its numbers in an array: a list of 1,024 Python floats is 32 KB, the array is 4."""
    import numpy as np
    from moto.s3vectors.models import Vector

    class Stored(Vector):
        def __init__(self, key: str, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
            self.key = key
            self.row = np.asarray(data["float32"], dtype=np.float32)
            self.metadata = metadata

        @property
        def data(self) -> Any:  # type: ignore[override]  # moto's is an attribute
            """What GetVectors and ListVectors show."""
            return {"float32": self.row.tolist()}

    return Stored


def put(index: Any, vectors: Sequence[Mapping[str, Any]]) -> None:
    """Write *vectors* (PutVectors' own shape, of the index's length) to moto's *index*."""
    made = {one["key"]: _stored_class()(one["key"], one["data"], one.get("metadata", {})) for one in vectors}
    with LOCK:
        index.vectors.update(made)
        index.unread = getattr(index, "unread", 0) + len(made)
        many = index.unread >= _MOST_UNREAD
    if many:
        # Here the words of these texts are still at hand, and nobody waits for an answer.
        with _searchable(index):
            pass


def delete(index: Any, keys: Sequence[str]) -> None:
    """Delete the vectors with *keys* from moto's *index*; absent keys are no error."""
    with LOCK:
        for key in keys:
            index.vectors.pop(key, None)


@contextmanager
def _searchable(index: Any) -> Iterator[Searchable]:
    """Give what is searched of *index*, up to date, to one thread at a time."""
    from bedrock_gateway.local.knowledge.searchable import Searchable

    with LOCK:
        kept = getattr(index, "searchable", None)
        if kept is None:
            kept = index.searchable = Searchable(index.dimension)
    with kept.lock:
        with LOCK:
            stored = list(index.vectors.values())
            index.unread = 0
        kept.refresh(stored)
        yield kept


def _check_query(index: Any, vector: Sequence[float], query_filter: Mapping[str, Any] | None) -> None:
    if len(vector) != index.dimension:
        raise Fault("ValidationException", f"Query vector contains invalid values or is invalid for this index: it must have length {index.dimension}, but has length {len(vector)}")  # fmt: skip
    if query_filter is not None:
        filters.check(query_filter, metadata_keys(index))


def query(
    index: Any, vector: Sequence[float], *, top: int | None = None, query_filter: Mapping[str, Any] | None = None
) -> list[Hit]:
    """Return the *top* nearest vectors of moto's *index* that satisfy the filter, nearest first; all where None.

    Raises:
        Fault: ``ValidationException`` where the vector's length or the filter is wrong.
    """
    import numpy as np

    from bedrock_gateway.local.knowledge.searchable import best

    _check_query(index, vector, query_filter)
    wanted = np.asarray(vector, dtype=np.float32)
    with _searchable(index) as kept:
        slots = kept.selected(query_filter)
        euclidean = index.distance_metric == "euclidean"
        distances = (kept.distances(wanted) if euclidean else 1.0 - kept.similarities(wanted))[slots]
        found = [(kept.vectors[slots[i]], float(distances[i])) for i in best(-distances, top)]
    return [Hit(one.key, distance, one.metadata or {}) for one, distance in found]


def search(
    index: Any,
    vector: Sequence[float],
    question: str,
    *,
    top: int,
    query_filter: Mapping[str, Any] | None = None,
) -> list[tuple[Mapping[str, Any], str, float]]:
    """Return metadata, key and relevance of the *top* texts for *question*, whose vector is *vector*, best first.

    Vectors without a text, which no knowledge base has written, are passed over.

    Raises:
        Fault: ``ValidationException`` where the vector's length or the filter is wrong.
    """
    import numpy as np

    from bedrock_gateway.local.knowledge.searchable import best

    _check_query(index, vector, query_filter)
    with _searchable(index) as kept:
        slots = kept.selected(query_filter)
        slots = slots[kept.texts[slots]]
        likeness = kept.similarities(np.asarray(vector, dtype=np.float32))[slots]
        scores = (1.0 - LEXICAL_SHARE) * np.maximum(0.0, likeness) + LEXICAL_SHARE * kept.lexical(question)[slots]
        found = [(kept.vectors[slots[i]], float(scores[i])) for i in best(scores, top)]
    return [(one.metadata, one.key, score) for one, score in found]
