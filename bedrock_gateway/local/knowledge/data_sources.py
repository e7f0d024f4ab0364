"""Data sources of a knowledge base: made, shown, changed and deleted, with the chunking that their documents are cut by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge.backends import backend_for
from bedrock_gateway.local.knowledge.connectors import check_configuration, check_parsing
from bedrock_gateway.local.knowledge.store import (
    DataSource,
    KnowledgeBase,
    data_source,
    invalid,
    knowledge_base,
    missing,
    new_id,
    now,
    once,
    page,
    present,
    store_of,
)
from bedrock_gateway.local.service_role import assumed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HANDLERS", "remove"]

_NAME = re.compile(r"([0-9a-zA-Z][_-]?){1,100}")
_CHUNKING_MEMBERS: dict[str, str | None] = {
    "NONE": None,
    "FIXED_SIZE": "fixedSizeChunkingConfiguration",
    "SEMANTIC": "semanticChunkingConfiguration",
    "HIERARCHICAL": "hierarchicalChunkingConfiguration",
}
_LAYERS = 2
_UNSERVED = {
    "customTransformationConfiguration": "Custom transformations are",
    "contextEnrichmentConfiguration": "Context enrichment is",
}


def _shown(source: DataSource) -> dict[str, Any]:
    return present(
        {
            "knowledgeBaseId": source.knowledge_base_id,
            "dataSourceId": source.data_source_id,
            "name": source.name,
            "status": source.status,
            "description": source.description,
            "dataSourceConfiguration": source.configuration,
            "serverSideEncryptionConfiguration": source.encryption,
            "vectorIngestionConfiguration": source.ingestion,
            "dataDeletionPolicy": source.deletion_policy,
            "createdAt": source.created_at,
            "updatedAt": source.updated_at,
            "failureReasons": source.failure_reasons or None,
        }
    )


def _check_ingestion(ingestion: Mapping[str, Any]) -> None:
    for member, subject in _UNSERVED.items():
        if member in ingestion:
            raise invalid(f"{subject} not served by the local Bedrock; leave {member} out.")
    chunking = ingestion.get("chunkingConfiguration")
    if chunking is None:
        return
    strategy = chunking["chunkingStrategy"]
    if strategy not in _CHUNKING_MEMBERS:
        raise invalid(f"The chunking strategy {strategy} is not served by the local Bedrock; use {', '.join(_CHUNKING_MEMBERS)}.")  # fmt: skip
    if (needed := _CHUNKING_MEMBERS[strategy]) is not None and needed not in chunking:
        raise invalid(f"{needed} is required for the chunking strategy {strategy}.")
    if strategy == "HIERARCHICAL":
        _check_layers(chunking[needed])


def _check_layers(layers: Mapping[str, Any]) -> None:
    """Refuse layers that cannot be cut; the words are ours."""
    sizes = [level["maxTokens"] for level in layers["levelConfigurations"]]
    if len(sizes) != _LAYERS:
        raise invalid(f"levelConfigurations must have {_LAYERS} levels, parents and children, not {len(sizes)}.")
    parent, child = sizes
    if child > parent:
        raise invalid(f"maxTokens of the child chunks, {child}, must not exceed that of the parent chunks, {parent}.")
    if layers["overlapTokens"] >= child:
        raise invalid(f"overlapTokens, {layers['overlapTokens']}, must be less than maxTokens of the child chunks, {child}.")  # fmt: skip


def _check(call: Call, base: KnowledgeBase, *, own_id: str | None = None) -> None:
    name = call.params["name"]
    if not _NAME.fullmatch(name):
        raise invalid(f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: {_NAME.pattern}")  # fmt: skip
    if any(other.name == name for other in base.sources.values() if other.data_source_id != own_id):
        raise Fault("ConflictException", f"DataSource with name {name} already exists.", 409)
    configuration, ingestion = (
        call.params["dataSourceConfiguration"],
        call.params.get("vectorIngestionConfiguration") or {},
    )
    check_configuration(configuration, base)
    _check_ingestion(ingestion)
    if "parsingConfiguration" in ingestion:
        check_parsing(ingestion["parsingConfiguration"], base, configuration["type"])


def _make(call: Call, base: KnowledgeBase) -> str:
    _check(call, base)
    params = call.params
    source = DataSource(
        knowledge_base_id=base.knowledge_base_id,
        data_source_id=new_id(),
        name=params["name"],
        description=params.get("description"),
        configuration=params["dataSourceConfiguration"],
        ingestion=params.get("vectorIngestionConfiguration"),
        deletion_policy=params.get("dataDeletionPolicy", "DELETE"),
        encryption=params.get("serverSideEncryptionConfiguration"),
    )
    base.sources[source.data_source_id] = source
    return source.data_source_id


def create_data_source(call: Call) -> Reply:
    """Serve CreateDataSource."""
    base = knowledge_base(call)
    made = once(call, (base.knowledge_base_id,), lambda: _make(call, base))
    if made not in base.sources:
        raise missing("DataSource", made)
    return Reply({"dataSource": _shown(base.sources[made])})


def get_data_source(call: Call) -> Reply:
    """Serve GetDataSource."""
    return Reply({"dataSource": _shown(data_source(call)[1])})


def list_data_sources(call: Call) -> Reply:
    """Serve ListDataSources."""
    rows, following = page(call, list(knowledge_base(call).sources.values()))
    members = ("knowledgeBaseId", "dataSourceId", "name", "status", "description", "updatedAt")
    summaries = [{name: value for name, value in _shown(row).items() if name in members} for row in rows]
    return Reply({"dataSourceSummaries": summaries, **following})


def _chunking(ingestion: Mapping[str, Any] | None) -> Any:
    return (ingestion or {}).get("chunkingConfiguration")


def _parser(ingestion: Mapping[str, Any] | None) -> Any:
    return ((ingestion or {}).get("parsingConfiguration") or {}).get("parsingStrategy")


def update_data_source(call: Call) -> Reply:
    """Serve UpdateDataSource; type, chunking and parsing strategy of a data source are fixed for life, as on AWS."""
    base, source = data_source(call)
    params = call.params
    with store_of(call).lock:
        _check(call, base, own_id=source.data_source_id)
        if _chunking(params.get("vectorIngestionConfiguration")) != _chunking(source.ingestion):
            raise invalid("The chunkingConfiguration of a data source cannot be changed.")
        if _parser(params.get("vectorIngestionConfiguration")) != _parser(source.ingestion):
            raise invalid("The parsingStrategy of a data source cannot be changed.")
        if params["dataSourceConfiguration"]["type"] != source.configuration["type"]:
            raise invalid("The type of a data source cannot be changed.")
        source.name, source.description = params["name"], params.get("description")
        source.configuration = params["dataSourceConfiguration"]
        source.ingestion = params.get("vectorIngestionConfiguration")
        source.deletion_policy = params.get("dataDeletionPolicy", source.deletion_policy)
        source.encryption = params.get("serverSideEncryptionConfiguration")
        source.updated_at = now()
    return Reply({"dataSource": _shown(source)})


def remove(call: Call, base: KnowledgeBase, source: DataSource) -> None:
    """Delete *source*, and its vectors where its policy says so; where the role may not, say so on the source."""
    keys = [key for document in source.documents.values() for key in document.vector_keys]
    backend = backend_for(call, base.storage)
    if source.deletion_policy == "DELETE" and keys:
        try:
            backend.require(assumed(call, base), "delete")
        except Fault as fault:
            source.status = "DELETE_UNSUCCESSFUL"
            source.failure_reasons = [f"Unable to delete data from vector store for data source with ID {source.data_source_id}: {fault.message}"]  # fmt: skip
            source.updated_at = now()
            return
        if backend.exists:
            backend.delete(keys)
    del base.sources[source.data_source_id]


def delete_data_source(call: Call) -> Reply:
    """Serve DeleteDataSource."""
    base, source = data_source(call)
    with store_of(call).lock:
        job = base.running_job()
        if job and job.data_source_id == source.data_source_id:
            raise Fault("ConflictException", f"Data source {source.data_source_id} has an ongoing ingestion job. Stop it, or wait until it ends, and retry your request.", 409)  # fmt: skip
        remove(call, base, source)
    return Reply(
        {"knowledgeBaseId": base.knowledge_base_id, "dataSourceId": source.data_source_id, "status": "DELETING"}
    )


HANDLERS: Handlers = {
    ("bedrock-agent", "CreateDataSource"): create_data_source,
    ("bedrock-agent", "GetDataSource"): get_data_source,
    ("bedrock-agent", "ListDataSources"): list_data_sources,
    ("bedrock-agent", "UpdateDataSource"): update_data_source,
    ("bedrock-agent", "DeleteDataSource"): delete_data_source,
}
