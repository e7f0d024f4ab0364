"""What the tables of a knowledge base are in AWS's words; pure. `Gateway` and set-up send the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.config import ChunkingConfig, GatewayConfig, KnowledgeBaseConfig, SourceConfig

__all__ = ["embedding_configuration", "ingestion_configuration", "source_configuration"]


def embedding_configuration(base: KnowledgeBaseConfig, model_arn: str) -> dict[str, Any]:
    """Return AWS's knowledgeBaseConfiguration."""
    vector: dict[str, Any] = {"embeddingModelArn": model_arn}
    if base.dimensions is not None:
        length = {"dimensions": base.dimensions, "embeddingDataType": "FLOAT32"}
        vector["embeddingModelConfiguration"] = {"bedrockEmbeddingModelConfiguration": length}
    return {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": vector}


def source_configuration(config: GatewayConfig, source: SourceConfig) -> dict[str, Any]:
    """Return AWS's dataSourceConfiguration."""
    s3: dict[str, Any] = {"bucketArn": f"arn:{config.partition}:s3:::{source.bucket}"}
    if source.prefix:
        s3["inclusionPrefixes"] = [source.prefix]
    if source.bucket_owner not in {None, config.account}:
        s3["bucketOwnerAccountId"] = source.bucket_owner
    return {"type": "S3", "s3Configuration": s3}


def ingestion_configuration(source: SourceConfig) -> dict[str, Any] | None:
    """Return AWS's vectorIngestionConfiguration; None: AWS's defaults."""
    if source.chunking is None:
        return None
    return {"chunkingConfiguration": _CHUNKING[source.chunking.strategy](source.chunking)}


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
