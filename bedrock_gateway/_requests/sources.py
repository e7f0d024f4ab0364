"""What the tables of a knowledge base are in AWS's words; pure. `Gateway` and set-up send the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._requests.base import model_arn
from bedrock_gateway.capabilities.sources import PARSERS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.capabilities.sources import Key
    from bedrock_gateway.config import (
        ChunkingConfig,
        GatewayConfig,
        KnowledgeBaseConfig,
        ParsingConfig,
        SourceConfig,
    )

__all__ = ["deletion_member", "embedding_configuration", "ingestion_configuration", "source_configuration"]


def embedding_configuration(base: KnowledgeBaseConfig, embedding_model_arn: str) -> dict[str, Any]:
    """Return AWS's knowledgeBaseConfiguration."""
    vector: dict[str, Any] = {"embeddingModelArn": embedding_model_arn}
    if base.dimensions is not None:
        length = {"dimensions": base.dimensions, "embeddingDataType": "FLOAT32"}
        vector["embeddingModelConfiguration"] = {"bedrockEmbeddingModelConfiguration": length}
    if base.multimodal_bucket is not None:
        # A bucket and no prefix: Bedrock lays out what it keeps there.
        kept = {"type": "S3", "s3Location": {"uri": f"s3://{base.multimodal_bucket}"}}
        vector["supplementalDataStorageConfiguration"] = {"storageLocations": [kept]}
    return {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vector}


def source_configuration(config: GatewayConfig, source: SourceConfig) -> dict[str, Any]:
    """Return AWS's dataSourceConfiguration, as the table of sources says where each key stands."""
    row = SOURCES[source.type]
    if not row.member:
        return {"type": row.type}
    member: dict[str, Any] = {}
    for path, constant in row.fixed.items():
        _put(member, path, constant)
    for key in row.keys:
        value = _value(config, source, key)
        if key.path and value is not None:
            _put(member, key.path, value)
            for path, constant in key.fixed.items():
                _put(member, path, constant)
    return {"type": row.type, row.member: member}


def _value(config: GatewayConfig, source: SourceConfig, key: Key) -> Any:
    """AWS's value of a key; None: nothing is sent."""
    given = getattr(source, key.name)
    if given is None or given == "":
        return None
    if key.name == "bucket":
        return f"arn:{config.partition}:s3:::{given}"
    if key.name == "bucket_owner" and given == config.account:
        return None
    if key.members:
        return [
            {name: _plain(getattr(one, ours)) for ours, name in key.members.items() if getattr(one, ours) is not None}
            for one in given
        ]
    return key.values.get(given, given) if key.values else _plain(given)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _put(member: dict[str, Any], path: str, value: Any) -> None:
    """Put *value* where *path* says; ``[]`` makes a list of it, each in the member that follows."""
    whole, _, each = path.partition("[]")
    *above, last = whole.split(".")
    for name in above:
        member = member.setdefault(name, {})
    if "[]" in path:
        listed = value if isinstance(value, list) else [value]
        value = [{each.lstrip("."): one} for one in listed] if each else listed
    member[last] = value


def deletion_member(source: SourceConfig) -> dict[str, str]:
    """Return the member of a request that says what becomes of the vectors; empty: nothing is said."""
    return {} if source.deletion_policy is None else {"dataDeletionPolicy": source.deletion_policy.upper()}


def ingestion_configuration(config: GatewayConfig, source: SourceConfig) -> dict[str, Any] | None:
    """Return AWS's vectorIngestionConfiguration; None: AWS's defaults."""
    made: dict[str, Any] = {}
    if source.chunking is not None:
        made["chunkingConfiguration"] = _CHUNKING[source.chunking.strategy](source.chunking)
    if source.parsing is not None:
        made["parsingConfiguration"] = _parsing(config, source.parsing)
    return made or None


def _parsing(config: GatewayConfig, parsing: ParsingConfig) -> dict[str, Any]:
    row = PARSERS[parsing.strategy]
    member: dict[str, Any] = {}
    if parsing.model is not None:
        member["modelArn"] = model_arn(config, parsing.model)
    if parsing.prompt is not None:
        member["parsingPrompt"] = {"parsingPromptText": parsing.prompt}
    if parsing.multimodal:
        member["parsingModality"] = "MULTIMODAL"
    return {"parsingStrategy": row.strategy, **({row.member: member} if member else {})}


_CHUNKING: Mapping[str, Callable[[ChunkingConfig], dict[str, Any]]] = {
    "none": lambda _: {"chunkingStrategy": "NONE"},
    "fixed": lambda one: {
        "chunkingStrategy": "FIXED_SIZE",
        "fixedSizeChunkingConfiguration": {
            "maxTokens": one.max_tokens,
            "overlapPercentage": one.overlap_percentage,
        },
    },
    "hierarchical": lambda one: {
        "chunkingStrategy": "HIERARCHICAL",
        "hierarchicalChunkingConfiguration": {
            "levelConfigurations": [{"maxTokens": one.max_tokens}, {"maxTokens": one.child_max_tokens}],
            "overlapTokens": one.overlap_tokens,
        },
    },
    "semantic": lambda one: {
        "chunkingStrategy": "SEMANTIC",
        "semanticChunkingConfiguration": {
            "maxTokens": one.max_tokens,
            "bufferSize": one.buffer_size,
            "breakpointPercentileThreshold": one.breakpoint_percentile,
        },
    },
}
