"""A collection as the store of a knowledge base: what is checked when it is made, then written and searched.

Whatever it does is done in the name of the knowledge base's role, which needs ``aoss:APIAccessAll`` in IAM and a data
access policy of the collection, both; and a network policy has to let Bedrock in. Sources: Bedrock User Guide,
kb-permissions and kb-create-security. Texts: those that public issues quote, as far as they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault
from bedrock_gateway.local.knowledge import filters
from bedrock_gateway.local.opensearch import access, mapping, search
from bedrock_gateway.local.opensearch.collections import find
from bedrock_gateway.local.opensearch.state import Collection, Index, Timing, invalid, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bedrock_gateway.local.principals import Principal

__all__ = ["CollectionStore"]

_PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "create": ("aoss:DescribeIndex", "aoss:ReadDocument"),
    "search": ("aoss:DescribeIndex", "aoss:ReadDocument"),
    "write": ("aoss:DescribeIndex", "aoss:WriteDocument"),
    "delete": ("aoss:WriteDocument",),
}
_FORBIDDEN = "Request failed: [security_exception] 403 Forbidden"
_UNREACHED = "Request failed: [http_exception] server returned 401"


@dataclass(frozen=True, slots=True)
class CollectionStore:
    """See the module."""

    call: Call
    configuration: Mapping[str, Any]
    """AWS's opensearchServerlessConfiguration."""
    seen_by_role: bool = True
    bounded: bool = False
    non_filterable: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        """ARN of the collection: what the role is asked for in IAM."""
        return str(self.configuration["collectionArn"])

    @property
    def fields(self) -> Mapping[str, str]:
        """AWS's fieldMapping."""
        found: Mapping[str, str] = self.configuration["fieldMapping"]
        return found

    @property
    def _name(self) -> str:
        return str(self.configuration["vectorIndexName"])

    def _collection(self) -> Collection:
        found = find(self.call, self.arn) if self.arn.split(":")[3] == self.call.region else None
        if found is None or found.status(self.call.state.of(Timing).clock()) != "ACTIVE":
            raise invalid(f"The collection {self.arn} does not exist, or is not active.")
        return found

    def _index(self) -> Index:
        found = self._collection().indexes.get(self._name)
        if found is None or found.seen_since > self.call.state.of(Timing).clock():
            raise invalid(f"Dependency error document status code: 404, error message: no such index [{self._name}]")
        return found

    def require(self, role: Principal, purpose: str) -> None:
        """Refuse a role that may not *purpose*: ``create``, ``search``, ``write`` or ``delete``.

        Raises:
            Fault: as IAM, the network policy or the data access policy says.
        """
        collection = self._collection()
        context: dict[str, str | list[str]] = {"aoss:collection": collection.name, "aoss:CollectionId": collection.id}
        decision = self.call.aws.authorize(role, "aoss:APIAccessAll", self.arn, context)
        reached = access.reachable(self.call, collection, access.BEDROCK)
        allowed = all(access.may(self.call, role, one, collection, self._name) for one in _PERMISSIONS[purpose])
        if not reached:
            raise Fault("AccessDeniedException", _UNREACHED, 403)
        if not decision.allowed or not allowed:
            raise Fault("AccessDeniedException", _FORBIDDEN, 403)

    def check_index(self, dimensions: int) -> None:
        """Refuse an index that a knowledge base with vectors of that length cannot use.

        Raises:
            Fault: ``ValidationException``.
        """
        mapping.check_usable(self._index(), self.fields, dimensions)

    @property
    def exists(self) -> bool:
        """Whether the index is there."""
        try:
            self._index()
        except Fault:
            return False
        return True

    def put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, each with ``key``, ``data`` and ``metadata`` as PutVectors has them."""
        made = {str(row["key"]): search.document(row) for row in rows}
        with state_of(self.call).lock:
            self._index().documents.update(made)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete what those *keys* name; absent ones are no error."""
        with state_of(self.call).lock:
            held = self._index().documents
            for key in keys:
                held.pop(key, None)

    def search_type(self, wanted: str | None) -> str:
        """Return the kind of search: *wanted*, or hybrid wherever the words can be searched.

        Raises:
            Fault: ``ValidationException`` where hybrid search is wanted and the words cannot be.
        """
        field = self._index().properties.get(self.fields["textField"], {"type": "text"})
        words = field.get("type") == "text" and field.get("index", True) is not False
        if wanted == "HYBRID" and not words:
            raise invalid(f"HYBRID search type is not supported for search operation on index {self._name}. Retry your request with a different search type.")  # fmt: skip
        return wanted or ("HYBRID" if words else "SEMANTIC")

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
        with state_of(self.call).lock:
            return search.search(
                self._index(),
                vector,
                question,
                vector_field=self.fields["vectorField"],
                top=top,
                hybrid=self.search_type(search_type) == "HYBRID",
                query_filter=query_filter,
            )

    def translate(self, retrieval_filter: Mapping[str, Any]) -> dict[str, Any]:
        """Return a RetrievalFilter as filters are evaluated here.

        Raises:
            Fault: ``ValidationException`` where it is malformed.
        """
        return filters.translate(retrieval_filter, text_operators=True)
