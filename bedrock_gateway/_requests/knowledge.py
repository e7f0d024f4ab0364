"""Calls of knowledge bases → `Send`; pure. Idempotency tokens are filled here, once a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.base import members_of, model_arn, model_of, send_of, token
from bedrock_gateway._requests.sources import embedding_configuration, ingestion_configuration, source_configuration
from bedrock_gateway.capabilities.scope import checked
from bedrock_gateway.capabilities.stores import STORES, check_filter
from bedrock_gateway.errors import ConfigError, GovernanceError
from bedrock_gateway.results import IngestionJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig, KnowledgeBaseConfig

__all__ = [
    "create_data_source",
    "create_knowledge_base",
    "get_ingestion",
    "rerank",
    "retrieve",
    "retrieve_and_generate",
    "start_ingestion",
]


def retrieve(
    config: GatewayConfig,
    query: Any,
    *,
    knowledge_base: Any,
    results: Any = None,
    metadata_filter: Any = None,
    next_token: Any = None,
    **members: Any,
) -> Send:
    """Build Retrieve."""
    name = "Retrieve"
    params: dict[str, Any] = {
        "knowledgeBaseId": _id_of(config, name, knowledge_base),
        "retrievalQuery": {"text": arguments.text(name, "query", query)},
        **members_of(name, members),
    }
    if search := _search(
        config, name, knowledge_base, params.pop("retrievalConfiguration", {}), results, metadata_filter
    ):
        params["retrievalConfiguration"] = search
    if next_token is not None:
        params["nextToken"] = arguments.text(name, "next_token", next_token)
    return send_of(config, name, params, knowledge_base=knowledge_base)


def retrieve_and_generate(
    config: GatewayConfig,
    question: Any,
    *,
    knowledge_base: Any,
    model: Any,
    session_id: Any = None,
    results: Any = None,
    metadata_filter: Any = None,
    streamed: bool = False,
    **members: Any,
) -> Send:
    """Build RetrieveAndGenerate or its streaming form."""
    name = "RetrieveAndGenerateStream" if streamed else "RetrieveAndGenerate"
    base: dict[str, Any] = {
        "knowledgeBaseId": _id_of(config, name, knowledge_base),
        "modelArn": model_arn(config, model_of(name, model)),
    }
    if search := _search(config, name, knowledge_base, {}, results, metadata_filter):
        base["retrievalConfiguration"] = search
    params: dict[str, Any] = {
        "input": {"text": arguments.text(name, "question", question)},
        "retrieveAndGenerateConfiguration": {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base},
        **members_of(name, members),
    }
    if session_id is not None:
        params["sessionId"] = arguments.identifier(name, "session_id", session_id)
    return send_of(config, name, params, model_id=model, knowledge_base=knowledge_base)


def rerank(config: GatewayConfig, query: Any, documents: Any, *, model: Any, results: Any = None) -> Send:
    """Build Rerank over texts."""
    name = "Rerank"
    texts = arguments.texts(name, "documents", documents)
    if not texts:
        arguments.refuse(name, "documents holds no text")
    bedrock: dict[str, Any] = {"modelConfiguration": {"modelArn": model_arn(config, model_of(name, model))}}
    if results is not None:
        bedrock["numberOfResults"] = arguments.integer(name, "results", results, most=len(texts))
    inline = [{"type": "TEXT", "textDocument": {"text": one}} for one in texts]
    params = {
        "queries": [{"type": "TEXT", "textQuery": {"text": arguments.text(name, "query", query)}}],
        "sources": [{"type": "INLINE", "inlineDocumentSource": one} for one in inline],
        "rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": bedrock},
    }
    return send_of(config, name, params, model_id=model)


def create_knowledge_base(
    config: GatewayConfig, base: Any, *, role_arn: Any, index_arn: Any, description: Any = None
) -> Send:
    """Build CreateKnowledgeBase on an S3 Vectors index."""
    name = "CreateKnowledgeBase"
    found = _base(config, name, base)
    if not STORES[found.store].made_by_us:
        raise ConfigError(
            f"knowledge base {base!r} is on {found.store}, which takes no index ARN: `bedrock-gateway kb create` makes it"
        )
    params: dict[str, Any] = {
        "clientToken": token(),
        "name": base,
        "roleArn": arguments.identifier(name, "role_arn", role_arn),
        "knowledgeBaseConfiguration": embedding_configuration(found, model_arn(config, found.embedding_model)),
        "storageConfiguration": {
            "type": "S3_VECTORS",
            "s3VectorsConfiguration": {"indexArn": arguments.identifier(name, "index_arn", index_arn)},
        },
    }
    if description is not None:
        params["description"] = arguments.text(name, "description", description)
    return send_of(config, name, params, knowledge_base=base)


def create_data_source(config: GatewayConfig, base: Any, *, knowledge_base_id: Any = None, source: Any = 0) -> Send:
    """Build CreateDataSource of the configured source with that index."""
    name = "CreateDataSource"
    sources = _base(config, name, base).sources
    at = arguments.integer(name, "source", source, least=0)
    if at >= len(sources):
        raise ConfigError(f"knowledge base {base!r} has no source number {at} in the configuration")
    params = {
        "clientToken": token(),
        "knowledgeBaseId": _id_of(config, name, base, knowledge_base_id),
        "name": f"{base}-{at}",
        "dataSourceConfiguration": source_configuration(config, sources[at]),
    }
    if (cut := ingestion_configuration(sources[at])) is not None:
        params["vectorIngestionConfiguration"] = cut
    return send_of(config, name, params, knowledge_base=base)


def start_ingestion(config: GatewayConfig, base: Any, *, data_source_id: Any, knowledge_base_id: Any = None) -> Send:
    """Build StartIngestionJob."""
    name = "StartIngestionJob"
    params = {
        "clientToken": token(),
        "knowledgeBaseId": _id_of(config, name, base, knowledge_base_id),
        "dataSourceId": arguments.identifier(name, "data_source_id", data_source_id),
    }
    return send_of(config, name, params, knowledge_base=base)


def get_ingestion(config: GatewayConfig, job: Any) -> Send:
    """Build GetIngestionJob."""
    name = "GetIngestionJob"
    if not isinstance(job, IngestionJob):
        arguments.refuse(name, f"job is an IngestionJob, as start_ingestion returns it, not {type(job).__name__}")
    params = {
        "knowledgeBaseId": _id_of(config, name, job.knowledge_base, job.knowledge_base_id),
        "dataSourceId": arguments.identifier(name, "job.data_source_id", job.data_source_id),
        "ingestionJobId": arguments.identifier(name, "job.id", job.id),
    }
    return send_of(config, name, params, knowledge_base=job.knowledge_base)


def _base(config: GatewayConfig, name: str, base: Any) -> KnowledgeBaseConfig:
    """Return a configured knowledge base.

    Raises:
        GovernanceError: there is none of that name.
    """
    arguments.identifier(name, "knowledge_base", base)
    found = config.knowledge_bases.get(base)
    if found is None:
        known = ", ".join(config.knowledge_bases) or "none"
        raise GovernanceError(
            f"knowledge base {base[:80]!r} is not declared; declared: {known}", rule="declared-knowledge-bases"
        )
    return found


def _id_of(config: GatewayConfig, name: str, base: Any, given: Any = None) -> str:
    """Return the id of knowledge base *base*: *given*, which may not be in the configuration yet, or the configured one."""
    found = _base(config, name, base)
    if given is not None:
        checked("knowledge_base", arguments.identifier(name, "knowledge_base_id", given), name="knowledge base id")
        if found.id not in {None, given}:
            raise GovernanceError(
                f"knowledge base {base!r} is declared as {found.id}, not {given}", rule="declared-knowledge-bases"
            )
        return str(given)
    if found.id is None:
        where = f"[env.{config.environment or 'NAME'}.knowledge_base.{base}]"
        raise ConfigError(f'knowledge base {base!r} has no id yet; add to gateway.toml: {where} id = "…"')
    return found.id


def _search(
    config: GatewayConfig, name: str, base: Any, given: Mapping[str, Any], results: Any, metadata_filter: Any
) -> dict[str, Any]:
    """Return retrievalConfiguration, or nothing where the caller said nothing of it."""
    given = arguments.mapping(name, "retrievalConfiguration", given)
    search = arguments.mapping(name, "vectorSearchConfiguration", given.get("vectorSearchConfiguration", {}))
    if results is not None:
        search["numberOfResults"] = arguments.integer(name, "results", results, most=100)
    if metadata_filter is not None:
        search["filter"] = arguments.mapping(name, "metadata_filter", metadata_filter)
    _check_search(name, _base(config, name, base), search)
    return {**given, "vectorSearchConfiguration": search} if search else dict(given)


def _check_search(name: str, base: KnowledgeBaseConfig, search: Mapping[str, Any]) -> None:
    """Refuse what the store of the knowledge base cannot do: AWS says so only after the query was embedded."""
    wanted, store = search.get("overrideSearchType"), STORES[base.store]
    if wanted is not None and wanted not in store.search_types:
        arguments.refuse(
            name, f"{store.name} has no search of type {wanted!s:.40}, but {', '.join(store.search_types)}"
        )
    if search.get("filter") is not None:
        try:
            check_filter(base.store, arguments.mapping(name, "filter", search["filter"]))
        except ConfigError as error:
            arguments.refuse(name, error.message)
