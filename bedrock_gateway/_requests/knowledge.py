"""Calls of knowledge bases → `Send`; pure. Idempotency tokens are filled here, once a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.base import members_of, model_arn, model_of, send_of, token
from bedrock_gateway._requests.search import OPTIONS, Search, base_of, retrieval_configuration
from bedrock_gateway._requests.sources import (
    deletion_member,
    embedding_configuration,
    ingestion_configuration,
    source_configuration,
)
from bedrock_gateway.capabilities.scope import checked
from bedrock_gateway.capabilities.stores import STORES
from bedrock_gateway.errors import ConfigError, GovernanceError
from bedrock_gateway.results import IngestionJob

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = [
    "create_data_source",
    "create_knowledge_base",
    "get_ingestion",
    "id_of",
    "rerank",
    "retrieve",
    "start_ingestion",
]


def retrieve(config: GatewayConfig, query: Any, *, knowledge_base: Any, next_token: Any = None, **options: Any) -> Send:
    """Build Retrieve."""
    name = "Retrieve"
    search = Search(**{one: options.pop(one) for one in OPTIONS & options.keys()})
    members = members_of(name, options)
    params: dict[str, Any] = {
        "knowledgeBaseId": id_of(config, name, knowledge_base),
        "retrievalQuery": {"text": arguments.text(name, "query", query)},
    }
    found = retrieval_configuration(config, name, knowledge_base, members.pop("retrievalConfiguration", None), search)
    if found:
        params["retrievalConfiguration"] = found
    params |= members
    if next_token is not None:
        params["nextToken"] = arguments.text(name, "next_token", next_token)
    return send_of(config, name, params, knowledge_base=knowledge_base, tenant=search.tenant)


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
    found = base_of(config, name, base)
    if STORES[found.store].type != "S3_VECTORS":
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
    sources = base_of(config, name, base).sources
    at = arguments.integer(name, "source", source, least=0)
    if at >= len(sources):
        raise ConfigError(f"knowledge base {base!r} has no source number {at} in the configuration")
    params = {
        "clientToken": token(),
        "knowledgeBaseId": id_of(config, name, base, knowledge_base_id),
        "name": sources[at].name or f"{base}-{at}",
        "dataSourceConfiguration": source_configuration(config, sources[at]),
        **deletion_member(sources[at]),
    }
    if (cut := ingestion_configuration(config, sources[at])) is not None:
        params["vectorIngestionConfiguration"] = cut
    return send_of(config, name, params, knowledge_base=base)


def start_ingestion(config: GatewayConfig, base: Any, *, data_source_id: Any, knowledge_base_id: Any = None) -> Send:
    """Build StartIngestionJob."""
    name = "StartIngestionJob"
    params = {
        "clientToken": token(),
        "knowledgeBaseId": id_of(config, name, base, knowledge_base_id),
        "dataSourceId": arguments.identifier(name, "data_source_id", data_source_id),
    }
    return send_of(config, name, params, knowledge_base=base)


def get_ingestion(config: GatewayConfig, job: Any) -> Send:
    """Build GetIngestionJob."""
    name = "GetIngestionJob"
    if not isinstance(job, IngestionJob):
        arguments.refuse(name, f"job is an IngestionJob, as start_ingestion returns it, not {type(job).__name__}")
    params = {
        "knowledgeBaseId": id_of(config, name, job.knowledge_base, job.knowledge_base_id),
        "dataSourceId": arguments.identifier(name, "job.data_source_id", job.data_source_id),
        "ingestionJobId": arguments.identifier(name, "job.id", job.id),
    }
    return send_of(config, name, params, knowledge_base=job.knowledge_base)


def id_of(config: GatewayConfig, name: str, base: Any, given: Any = None) -> str:
    """Return the id of knowledge base *base*: *given*, which may not be in the configuration yet, or the configured one."""
    found = base_of(config, name, base)
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
