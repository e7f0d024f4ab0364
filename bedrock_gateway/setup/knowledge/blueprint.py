"""What a knowledge base of the configuration is made of: every name, ARN and request of it; pure.

Everything that can be wrong with a name or a number is found here, before anything is sent.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway._requests.sources import (
    deletion_member,
    embedding_configuration,
    ingestion_configuration,
    source_configuration,
)
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.capabilities.sources import SOURCES
from bedrock_gateway.capabilities.stores import FIELDS, NON_FILTERABLE, STORES, dimensions_for, storage_configuration
from bedrock_gateway.capabilities.table import MARK
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.capabilities.sources import Source
    from bedrock_gateway.capabilities.stores import Store
    from bedrock_gateway.config import GatewayConfig, KnowledgeBaseConfig, SourceConfig

__all__ = ["MARK", "Blueprint", "SourceBlueprint", "blueprint_of"]

_AWS_NAME = re.compile(r"([0-9a-zA-Z][_-]?){1,100}", re.ASCII)
_ARN_PARTS = 6


@dataclass(frozen=True, slots=True)
class SourceBlueprint:
    """One data source."""

    name: str
    kind: Source
    """Its row in the table of sources."""
    location: str
    """What is read, for people."""
    configuration: Mapping[str, Any] = field(repr=False)
    """AWS's dataSourceConfiguration."""
    ingestion: Mapping[str, Any] | None = field(default=None, repr=False)
    """AWS's vectorIngestionConfiguration; None: AWS's defaults."""
    bucket: str = ""
    """Of its documents; empty: they are in none."""
    prefix: str = ""
    owner: str = ""
    """Account that owns the bucket."""
    key: str = ""
    """KMS key of the bucket or the secret; empty: none of the customer's."""
    reads_images: bool = False
    """Whether something looks at images: another parser than AWS's own, or the embedding model."""
    deletion: Mapping[str, str] = field(default_factory=dict)
    """AWS's dataDeletionPolicy as a member of requests; empty: as it is."""

    @property
    def uri(self) -> str:
        """Where the documents are, if they are in a bucket."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def looked_at(self) -> bool:
        """Whether what it reads can be looked at before it is made."""
        return bool(self.bucket) and self.kind.synced

    @property
    def chunking(self) -> Mapping[str, Any] | None:
        """AWS's chunkingConfiguration; None: its default."""
        return (self.ingestion or {}).get("chunkingConfiguration")

    @property
    def parsing(self) -> Mapping[str, Any] | None:
        """AWS's parsingConfiguration; None: its default."""
        return (self.ingestion or {}).get("parsingConfiguration")

    @property
    def digest(self) -> str:
        """Of everything that UpdateDataSource can change; it tells whether the configuration has changed since."""
        told = json.dumps([self.configuration, self.ingestion, *self.deletion.values()], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One knowledge base, down to the requests."""

    name: str
    application: str
    account: str
    region: str
    partition: str
    store: Store
    role: str
    """Service role with its path."""
    embedding_model: str
    embedding_model_arn: str
    dimensions: int
    knowledge_base_configuration: Mapping[str, Any] = field(repr=False)
    """AWS's member of CreateKnowledgeBase."""
    vector_bucket: str
    vector_index: str
    collection: str
    """OpenSearch Serverless collection that set-up makes."""
    storage: Mapping[str, Any] = field(repr=False)
    """Members of a store that exists."""
    sources: tuple[SourceBlueprint, ...] = ()
    multimodal_bucket: str = ""
    """Where what a parser cuts out is kept; empty: nowhere."""

    @property
    def makes_store(self) -> bool:
        """Whether set-up makes the store, and removes it."""
        return self.store.is_made(self.storage)

    @property
    def synced(self) -> tuple[SourceBlueprint, ...]:
        """The sources that ingestion jobs read."""
        return tuple(one for one in self.sources if one.kind.synced)

    @property
    def role_arn(self) -> str:
        """ARN of the service role."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.role}"

    @property
    def bucket_arn(self) -> str:
        """ARN of the vector bucket."""
        return f"arn:{self.partition}:s3vectors:{self.region}:{self.account}:bucket/{self.vector_bucket}"

    @property
    def index_arn(self) -> str:
        """ARN of the vector index."""
        return f"{self.bucket_arn}/index/{self.vector_index}"

    @property
    def mark(self) -> str:
        """Value of our tag on what belongs to this knowledge base alone."""
        return f"{self.application}/{self.name}"

    @property
    def shared_mark(self) -> str:
        """Value of our tag on the vector bucket, which knowledge bases of one application share."""
        return self.application

    @property
    def index(self) -> dict[str, Any]:
        """What CreateIndex takes besides names and tags."""
        return {
            "dataType": "float32",
            "dimension": self.dimensions,
            "distanceMetric": "cosine",
            "metadataConfiguration": {"nonFilterableMetadataKeys": list(NON_FILTERABLE)},
        }

    def storage_with(self, collection_arn: str | None) -> dict[str, Any]:
        """Return AWS's member of CreateKnowledgeBase; *collection_arn*: of the collection that was made, if one was."""
        made = self.storage
        if self.makes_store and self.store.name == "s3-vectors":
            made = {"indexArn": self.index_arn}
        elif self.makes_store:
            made = {"collectionArn": collection_arn, "vectorIndexName": self.vector_index, "fieldMapping": FIELDS}
        return storage_configuration(self.store.name, made)

    @property
    def storage_configuration(self) -> dict[str, Any]:
        """AWS's member of CreateKnowledgeBase; of a collection that set-up makes, its name stands for the ARN."""
        return self.storage_with(f"collection/{self.collection}")

    @property
    def immutable(self) -> dict[str, Any]:
        """What AWS never changes once it is made; a change in the configuration is a replacement.

        Sources: API_agent_UpdateKnowledgeBase, API_agent_UpdateDataSource; User Guide, kb-data-source-customize-ingestion.
        """
        whole: dict[str, Any] = {
            "embedding_model": self.embedding_model_arn,
            "dimensions": self.dimensions,
            "store": self.storage_configuration,
            "multimodal_bucket": self.multimodal_bucket or None,
        }
        for one in self.sources:
            whole |= {
                f"type of {one.name}": one.kind.name,
                f"chunking of {one.name}": {"chunkingConfiguration": dict(one.chunking)} if one.chunking else None,
                f"parsing of {one.name}": one.parsing["parsingStrategy"] if one.parsing else None,
            }
        return whole


def blueprint_of(config: GatewayConfig, name: str) -> Blueprint:
    """Return what knowledge base *name* of *config* is made of.

    Raises:
        ConfigError: it is not configured, or AWS cannot take a name, a length or an ARN of it.
    """
    base = config.knowledge_base(name)
    _check_name(name, name)
    store = STORES[base.store]
    path = f"knowledge_base.{name}"
    try:
        dimensions = dimensions_for(base.store, base.embedding_model, base.dimensions)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", key_path=f"{path}.dimensions") from None
    if base.store == "opensearch-serverless" and config.partition != "aws":
        raise ConfigError(
            f"{path}: CreateKnowledgeBase takes no collection of partition {config.partition}", key_path=f"{path}.store"
        )
    _check_arns(config, base, store, path)
    model_arn = _model_arn(config, base.embedding_model)
    sources = tuple(_source(config, name, number, one) for number, one in enumerate(base.sources))
    _check_sources(config, base, sources, path)
    return Blueprint(
        name=name,
        application=config.application,
        account=config.account,
        region=config.region,
        partition=config.partition,
        store=store,
        role=str(base.role),
        embedding_model=base.embedding_model,
        embedding_model_arn=model_arn,
        dimensions=dimensions,
        knowledge_base_configuration=embedding_configuration(base, model_arn),
        vector_bucket=str(base.vector_bucket),
        vector_index=str(base.vector_index),
        collection=str(base.collection),
        storage=base.storage,
        sources=sources,
        multimodal_bucket=base.multimodal_bucket or "",
    )


def _check_name(name: str, shown: str) -> None:
    if not _AWS_NAME.fullmatch(name):
        raise ConfigError(
            f"AWS takes no knowledge base or data source named {name!r}: two of - and _ cannot follow each other",
            key_path=f"knowledge_base.{shown}",
        )


def _check_arns(config: GatewayConfig, base: KnowledgeBaseConfig, store: Store, path: str) -> None:
    here = [config.partition, config.region, config.account]
    for member in (store.arn_member, "credentialsSecretArn"):
        value = base.storage.get(member) if member else None
        if value is None:
            continue
        parts = str(value).split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS or [parts[1], *parts[3:5]] != here:
            raise ConfigError(
                f"{path}.storage.{member}: {str(value)[:200]} is not an ARN in account {config.account} and"
                f" {config.region}: a knowledge base reaches no other",
                key_path=f"{path}.storage.{member}",
            )


def _model_arn(config: GatewayConfig, model: str) -> str:
    if model.startswith("arn:"):
        return model
    if parse_model_id(model).kind != "on-demand":
        raise ConfigError(f"{model} embeds nothing: name a foundation model by its id, or anything else by its ARN")
    return f"arn:{config.partition}:bedrock:{config.region}::foundation-model/{model}"


def _check_sources(
    config: GatewayConfig, base: KnowledgeBaseConfig, sources: tuple[SourceBlueprint, ...], path: str
) -> None:
    """Refuse what AWS offers not together, or would look for elsewhere."""
    taken: set[str] = set()
    for number, (one, declared) in enumerate(zip(sources, base.sources, strict=True)):
        where = f"{path}.source.{number}"
        if one.name in taken:
            raise ConfigError(f"{where}: another source is named {one.name!r} too: give one a `name`", key_path=where)
        taken.add(one.name)
        if one.kind.stores and base.store not in one.kind.stores:
            raise ConfigError(
                f"{where}: AWS offers sources of type {one.kind.name!r} with the store {' or '.join(one.kind.stores)} "
                f"alone, not with {base.store} ({one.kind.source})",
                key_path=f"{where}.type",
            )
        for member in ("secret", "key"):
            value = getattr(declared, member)
            if value is not None and value.split(":")[1:4:2] != [config.partition, config.region]:
                raise ConfigError(
                    f"{where}.{member}: {value[:200]} is not in {config.region}: a knowledge base reaches no other Region",
                    key_path=f"{where}.{member}",
                )


def _source(config: GatewayConfig, base: str, number: int, source: SourceConfig) -> SourceBlueprint:
    name = source.name or f"{base}-{number}"
    _check_name(name, base)
    row = SOURCES[source.type]
    given = {key.name: getattr(source, key.name) for key in row.keys if f"{{{key.name}}}" in row.location}
    shown = {key: ", ".join(value) if isinstance(value, tuple) else value or "" for key, value in given.items()}
    return SourceBlueprint(
        name,
        row,
        row.location.format_map(shown),
        source_configuration(config, source),
        ingestion_configuration(config, source),
        source.bucket or "",
        source.prefix,
        (source.bucket_owner or config.account) if source.bucket else "",
        source.key or "",
        source.parsing is not None or config.knowledge_base(base).embedding_model.rpartition("/")[2].startswith(_SEE),
        deletion_member(source),
    )


_SEE = ("amazon.nova-2-multimodal", "amazon.titan-embed-image")
"""How models that embed images begin. Source: User Guide, kb-multimodal."""
