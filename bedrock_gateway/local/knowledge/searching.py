"""Find the passages of a knowledge base that a question is about, with the rights of the knowledge base's role."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault
from bedrock_gateway.local.knowledge import vectors
from bedrock_gateway.local.knowledge.backends import backend_for
from bedrock_gateway.local.knowledge.embedders import Embedding
from bedrock_gateway.local.knowledge.reranking import check_reranker, rated
from bedrock_gateway.local.knowledge.store import KnowledgeBase, invalid
from bedrock_gateway.local.knowledge.writing import PARENT_START, PARENT_TEXT
from bedrock_gateway.local.service_role import assumed, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.local.knowledge.backends import Backend
    from bedrock_gateway.local.principals import Principal

__all__ = ["Passage", "search"]

_DEFAULT_RESULTS = 5
_MAX_RESULTS = 100
_UNSERVED = ("implicitFilterConfiguration",)
_INTERNAL_KEYS = frozenset({"AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"})
_SOURCE_URI = "x-amz-bedrock-kb-source-uri"


@dataclass(frozen=True, slots=True)
class Passage:
    """One chunk that was found."""

    text: str
    uri: str
    """URI of an object of S3, or a document's own id."""
    kind: str
    """``S3`` or ``CUSTOM``."""
    metadata: dict[str, Any]
    score: float

    def reference(self) -> dict[str, Any]:
        """Return it as a ``RetrievedReference``."""
        return {
            "content": {"text": self.text, "type": "TEXT"},
            "location": self._location(),
            "metadata": self.metadata,
        }

    def _location(self) -> dict[str, Any]:
        if self.kind == "CUSTOM":
            return {"type": "CUSTOM", "customDocumentLocation": {"id": self.uri}}
        return {"type": "S3", "s3Location": {"uri": self.uri}}

    def result(self) -> dict[str, Any]:
        """Return it as a ``KnowledgeBaseRetrievalResult``."""
        return {**self.reference(), "score": self.score}


def search(call: Call, base: KnowledgeBase, question: str, configuration: Mapping[str, Any] | None) -> list[Passage]:
    """Return the passages for *question*, best first, as a ``retrievalConfiguration`` asks.

    Raises:
        Fault: ``ValidationException`` for a search that S3 Vectors or the local Bedrock does not serve, or where the
            role cannot embed; ``AccessDeniedException`` where it cannot search.
    """
    options, backend = _options(configuration or {}), backend_for(call, base.storage)
    wanted = options.get("numberOfResults", _DEFAULT_RESULTS)
    query_filter = backend.translate(options["filter"]) if "filter" in options else None
    search_type = backend.search_type(options.get("overrideSearchType"))
    role = _check_role(call, base, backend)
    reranking = _reranking(call, role, options.get("rerankingConfiguration"))
    if not backend.exists:
        raise Fault("ResourceNotFoundException", f"The vector index {base.index_arn} does not exist.", 404)
    (asked,) = call.state.of(Embedding).embedder.embed([question], base.dimensions)
    hits = backend.search(asked, question, top=wanted, query_filter=query_filter, search_type=search_type)
    found = list(_passages(hits))
    if reranking is None:
        return found
    order = rated(call, question, [one.text for one in found])
    ranked = [replace(found[at], score=round(score, 7)) for at, score in order]
    return ranked[: reranking.get("numberOfRerankedResults") or len(ranked)]


def _reranking(call: Call, role: Principal, asked: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return how to rerank, if *role* may: inside of Retrieve AWS calls the model as the knowledge base's role.

    Inside of RetrieveAndGenerate it is called as the caller, whose rights the judge has looked at.
    """
    if asked is None:
        return None
    found: Mapping[str, Any] | None = asked.get("bedrockRerankingConfiguration")
    if found is None:
        raise invalid("bedrockRerankingConfiguration is required.")
    if "metadataConfiguration" in found:
        raise invalid("The local Bedrock does not serve metadataConfiguration; leave it out.")
    arn = str(found["modelConfiguration"]["modelArn"])
    check_reranker(call, arn)
    if call.operation == "Retrieve":
        require(call, role, "bedrock:Rerank", "*")
        require(call, role, "bedrock:InvokeModel", arn)
    return found


def _passages(hits: list[tuple[Mapping[str, Any], str, float]]) -> Iterator[Passage]:
    """Yield a passage a chunk; children of one parent are the parent, once, with the score of the best of them.

    So there may be fewer than were asked for, as on AWS.
    """
    seen = set()
    for metadata, key, score in hits:
        origin = _origin(metadata)
        text = str(origin.get(PARENT_TEXT, metadata[vectors.TEXT_KEY]))
        shown = {name: value for name, value in metadata.items() if name not in _INTERNAL_KEYS}
        uri = str(shown.get(_SOURCE_URI, ""))
        parent = (uri, origin[PARENT_START]) if PARENT_START in origin else None
        if parent in seen:
            continue
        seen.add(parent or key)
        kind = "S3" if uri.startswith("s3://") else "CUSTOM"
        yield Passage(text, uri, kind, {**shown, "x-amz-bedrock-kb-chunk-id": key}, round(score, 7))


def _origin(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the knowledge base noted of a chunk; nothing where somebody else wrote the vector."""
    try:
        noted = json.loads(str(metadata.get("AMAZON_BEDROCK_METADATA")))
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) else {}


def _options(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    if "managedSearchConfiguration" in configuration:
        raise invalid(
            "managedSearchConfiguration is for managed knowledge bases, which the local Bedrock does not serve."
        )
    options: Mapping[str, Any] = configuration.get("vectorSearchConfiguration") or {}
    for member in _UNSERVED:
        if member in options:
            raise invalid(f"The local Bedrock does not serve {member}; leave it out.")
    if not 1 <= options.get("numberOfResults", _DEFAULT_RESULTS) <= _MAX_RESULTS:
        raise invalid(f"numberOfResults must be between 1 and {_MAX_RESULTS}.")
    return options


def _check_role(call: Call, base: KnowledgeBase, backend: Backend) -> Principal:
    try:
        role = assumed(call, base)
    except Fault as fault:
        raise Fault("AccessDeniedException", f"Bedrock Knowledge Base was unable to assume the given role {base.role_arn}: {fault.message}", 403) from fault  # fmt: skip
    try:
        require(call, role, "bedrock:InvokeModel", base.embedding_model_arn)
    except Fault as fault:
        raise invalid(
            f"Knowledge base role {base.role_arn} is not able to call specified embedding model "
            f"{base.embedding_model_arn}: {fault.message}"
        ) from fault
    backend.require(role, "search")
    return role
