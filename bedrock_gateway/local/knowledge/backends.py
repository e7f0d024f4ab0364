"""The vector stores that a knowledge base can stand on here: S3 Vectors, and OpenSearch Serverless.

Each checks what CreateKnowledgeBase checks, asks for the role's rights in its own way, and keeps and finds chunks. What is
the same for both is not here: embedding, chunking, paging.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bedrock_gateway.local.call import Call, Fault
from bedrock_gateway.local.knowledge import filters, vectors
from bedrock_gateway.local.knowledge.store import invalid
from bedrock_gateway.local.opensearch.backend import CollectionStore
from bedrock_gateway.local.service_role import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bedrock_gateway.local.knowledge.store import KnowledgeBase
    from bedrock_gateway.local.principals import Principal

__all__ = ["BAD_STORAGE", "Backend", "VectorStore", "backend_for", "check_backend", "existing_backend"]

BAD_STORAGE = "The knowledge base storage configuration provided is invalid... "
_METADATA_KEYS = ("AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA")


class Backend(Protocol):
    """One store of one knowledge base."""

    @property
    def seen_by_role(self) -> bool:
        """Whether the index is looked at with the role's rights: then these are asked for first."""
        ...

    @property
    def arn(self) -> str:
        """ARN that the role's rights are about."""
        ...

    @property
    def exists(self) -> bool:
        """Whether the index is there."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether S3 Vectors' limits of metadata hold."""
        ...

    @property
    def non_filterable(self) -> tuple[str, ...]:
        """Metadata that no filter can name."""
        ...

    def check_index(self, dimensions: int) -> None:
        """Refuse an index that does not fit; ``ValidationException``."""
        ...

    def require(self, role: Principal, purpose: str) -> None:
        """Refuse a role that may not ``create``, ``search``, ``write`` or ``delete``."""
        ...

    def put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, each with ``key``, ``data`` and ``metadata`` as PutVectors has them."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete what those keys name."""
        ...

    def translate(self, retrieval_filter: Mapping[str, Any]) -> dict[str, Any]:
        """Return a RetrievalFilter as filters are evaluated here; ``ValidationException`` for what it cannot do."""
        ...

    def search_type(self, wanted: str | None) -> str:
        """Return the kind of search that *wanted* means here; ``ValidationException`` for one that it has not."""
        ...

    def search(
        self,
        vector: Sequence[float],
        question: str,
        *,
        top: int,
        query_filter: Mapping[str, Any] | None = None,
        search_type: str | None = None,
    ) -> list[tuple[Mapping[str, Any], str, float]]:
        """Return (metadata, key, score) of what was found, best first."""
        ...


_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "create": ("s3vectors:GetIndex", "s3vectors:QueryVectors"),
    # S3 Vectors asks for GetVectors too as soon as a query filters or returns metadata.
    "search": ("s3vectors:QueryVectors", "s3vectors:GetVectors"),
    "write": ("s3vectors:PutVectors",),
    "delete": ("s3vectors:DeleteVectors",),
}


@dataclass(frozen=True, slots=True)
class VectorStore:
    """An index of S3 Vectors."""

    call: Call
    arn: str
    seen_by_role: bool = False
    bounded: bool = True

    @property
    def non_filterable(self) -> tuple[str, ...]:
        """Metadata that no filter can name."""
        return vectors.metadata_keys(self.index)

    @property
    def index(self) -> Any:
        """The index, as moto keeps it.

        Raises:
            Fault: there is none.
        """
        return vectors.existing_index(self.call.account, self.call.region, self.arn)

    @property
    def exists(self) -> bool:
        """Whether the index is there."""
        return vectors.find_index(self.call.account, self.call.region, self.arn) is not None

    def check_index(self, dimensions: int) -> None:
        """Refuse an index of another length, or without the keys that must be non-filterable.

        Raises:
            Fault: ``ValidationException``.
        """
        if not self.exists:
            raise invalid(f"The specified index could not be found: {self.arn}")
        index = self.index
        if index.dimension != dimensions:
            raise invalid(f"Query vector has invalid dimension: {dimensions}. Dimension should be: {index.dimension}")
        lacking = [key for key in _METADATA_KEYS if key not in vectors.metadata_keys(index)]
        if lacking:
            raise invalid(f"The index must list {' and '.join(lacking)} as non-filterable metadata keys.")

    def require(self, role: Principal, purpose: str) -> None:
        """Refuse a role without the actions that *purpose* needs.

        Raises:
            Fault: ``AccessDeniedException``.
        """
        for action in _ACTIONS[purpose]:
            require(self.call, role, action, self.arn)

    def put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write vectors."""
        vectors.put(self.index, rows)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete vectors."""
        vectors.delete(self.index, keys)

    def translate(self, retrieval_filter: Mapping[str, Any]) -> dict[str, Any]:
        """Return a RetrievalFilter as S3 Vectors has it."""
        return filters.translate(retrieval_filter)

    def search_type(self, wanted: str | None) -> str:
        """Return ``SEMANTIC``: S3 Vectors has no other.

        Raises:
            Fault: ``ValidationException``.
        """
        if wanted == "HYBRID":
            raise invalid("HYBRID search type is not supported for search operation on index S3_VECTORS. Retry your request with a different search type.")  # fmt: skip
        return "SEMANTIC"

    def search(
        self,
        vector: Sequence[float],
        question: str,
        *,
        top: int,
        query_filter: Mapping[str, Any] | None = None,
        search_type: str | None = None,
    ) -> list[tuple[Mapping[str, Any], str, float]]:
        """Return (metadata, key, score) of what was found, best first."""
        self.search_type(search_type)
        return vectors.search(self.index, vector, question, top=top, query_filter=query_filter)


def backend_for(call: Call, storage: Mapping[str, Any]) -> Backend:
    """Return the store that a storageConfiguration names; whether it is there is asked when it is used.

    Raises:
        Fault: ``ValidationException`` where it names none that is served.
    """
    if storage["type"] == "OPENSEARCH_SERVERLESS":
        configuration = storage.get("opensearchServerlessConfiguration")
        if not configuration:
            raise invalid(BAD_STORAGE + "opensearchServerlessConfiguration is required.")
        return CollectionStore(call, configuration)
    if storage["type"] != "S3_VECTORS":
        raise invalid(
            f"The local Bedrock serves S3 Vectors and OpenSearch Serverless; the vector store {storage['type']} is not "
            "available."
        )
    arn = vectors.get_index_arn(storage.get("s3VectorsConfiguration", {}))
    if arn is None:
        raise invalid(BAD_STORAGE + "Specify indexArn, or vectorBucketArn with indexName.")
    return VectorStore(call, arn)


def existing_backend(call: Call, base: KnowledgeBase) -> Backend:
    """Return the store of a knowledge base.

    Raises:
        Fault: its index is gone.
    """
    backend = backend_for(call, base.storage)
    if not backend.exists:
        raise Fault("NotFoundException", f"The specified index could not be found: {backend.arn}", 404)
    return backend


def check_backend(backend: Backend, dimensions: int) -> None:
    """Refuse an index that is not there or does not fit, in AWS's words for CreateKnowledgeBase.

    Raises:
        Fault: ``ValidationException``.
    """
    try:
        backend.check_index(dimensions)
    except Fault as fault:
        raise invalid(BAD_STORAGE + fault.message) from fault
