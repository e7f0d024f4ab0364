"""What is found in an index of a collection: by vector alone, or by vector and words together.

Semantic search goes by the space of the vector field, hybrid search adds how much of the question a text talks about.
Scores are this local Bedrock's, not OpenSearch's. A document has the same shape as a vector of S3 Vectors, so that both
are searched by the same matrix and word lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.knowledge import filters
from bedrock_gateway.local.knowledge.ranking import LEXICAL_SHARE
from bedrock_gateway.local.opensearch.mapping import space_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from bedrock_gateway.local.opensearch.state import Index

__all__ = ["Document", "document", "search"]


@dataclass(eq=False, slots=True)
class Document:
    """One chunk in an index."""

    key: str
    row: np.ndarray
    metadata: Mapping[str, Any]
    """Text, origin and attributes, under the names that S3 Vectors has for them."""

    @property
    def data(self) -> dict[str, list[float]]:
        """The vector, as numbers."""
        return {"float32": self.row.tolist()}


def document(row: Mapping[str, Any]) -> Document:
    """Return what PutVectors' shape of a vector becomes."""
    import numpy as np

    return Document(row["key"], np.asarray(row["data"]["float32"], dtype=np.float32), row["metadata"])


def search(
    index: Index,
    vector: Sequence[float],
    question: str,
    *,
    vector_field: str,
    top: int,
    hybrid: bool,
    query_filter: Mapping[str, Any] | None,
) -> list[tuple[Mapping[str, Any], str, float]]:
    """Return (metadata, key, score from 0 to 1) of the *top* documents that satisfy the filter, best first."""
    import numpy as np

    from bedrock_gateway.local.knowledge.searchable import Searchable

    field = index.properties[vector_field]
    if index.searchable is None:
        index.searchable = Searchable(field["dimension"])
    with index.searchable.lock:
        index.searchable.refresh(list(index.documents.values()))
        slots = index.searchable.matching(filters.compiled(query_filter) if query_filter else None)
        scores = _similarities(index.searchable, space_of(field), np.asarray(vector, dtype=np.float32))
        if hybrid:
            scores = (1.0 - LEXICAL_SHARE) * scores + LEXICAL_SHARE * index.searchable.lexical(question)
        order = slots[np.argsort(-scores[slots], kind="stable")][:top]
        found = [(index.searchable.vectors[slot], float(scores[slot])) for slot in order]
    return [(one.metadata, one.key, score) for one, score in found]


def _similarities(searchable: Any, space: str, wanted: np.ndarray) -> np.ndarray:
    """From 0 to 1, as the k-NN plug-in turns the distances of each space into scores.

    Source: OpenSearch documentation, approximate k-NN search, table of spaces. Vectors of the embedders here have length
    1, so the inner product is the cosine.
    """
    import numpy as np

    if space in {"cosinesimil", "innerproduct"}:
        return np.asarray((1.0 + searchable.similarities(wanted)) / 2.0)
    return np.asarray(1.0 / (1.0 + np.square(searchable.distances(wanted))))
