"""The table of a knowledge base in `gateway.toml`; its data sources are beside it, its stores are `capabilities.stores`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from bedrock_gateway._config.sources import SourceConfig  # noqa: TC001 - pydantic reads the annotations
from bedrock_gateway._config.values import Bucket, Key, KnowledgeBaseId, ModelName, Role, Table, named
from bedrock_gateway.capabilities.stores import check_storage
from bedrock_gateway.errors import ConfigError

__all__ = ["KnowledgeBaseConfig", "StoreName", "collection_name"]

StoreName = Literal[
    "s3-vectors",
    "opensearch-serverless",
    "opensearch-managed",
    "aurora",
    "neptune-analytics",
    "pinecone",
    "redis",
    "mongodb-atlas",
]


_COLLECTION_LETTERS = 32


def collection_name(application: str, name: str) -> str:
    """Return the name of a collection for a knowledge base of *application*; what AWS cannot take is cut, and told apart."""
    wanted = f"{application}-{name}"
    text = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")
    if text == wanted and len(text) <= _COLLECTION_LETTERS:
        return text
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:6]
    return f"{text[: _COLLECTION_LETTERS - 7].rstrip('-')}-{digest}"


class KnowledgeBaseConfig(Table):
    """One knowledge base; what AWS assigns belongs to an environment."""

    embedding_model: ModelName
    """A change is a new knowledge base."""
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """Length of the vectors; None: the embedding model's default."""
    store: StoreName
    storage: Mapping[str, Any] = Field(default_factory=dict)
    """Members of a store that exists, as CreateKnowledgeBase takes them; none where set-up makes the store."""
    storage_key: Key | None = None
    """KMS key that the secret of a store that exists is encrypted with; None: none of your own."""
    id: KnowledgeBaseId | None = None
    """None until AWS has assigned it."""
    role: Role | None = None
    """Service role with its path; None: ``bedrock-gateway/AmazonBedrockGateway-kb-NAME``."""
    tenant_key: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    """Attribute of the documents that tells whose they are: every search then names one tenant. None: no tenants."""
    vector_bucket: Annotated[str, named("vector_bucket")] | None = None
    """None: ``bedrock-gateway-ACCOUNT-REGION``."""
    vector_index: Annotated[str, named("vector_index")] | None = None
    """None: the knowledge base's name."""
    collection: Annotated[str, named("collection")] | None = None
    """OpenSearch Serverless collection that set-up makes; None: one named after application and knowledge base."""
    multimodal_bucket: Bucket | None = None
    """Bucket, not that of a source, for images, tables and charts that a parser cuts out; a change is a new knowledge
    base. None: none are kept."""
    source: Annotated[tuple[SourceConfig, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _storage_fits(self) -> KnowledgeBaseConfig:
        try:
            check_storage(self.store, self.storage)
        except ConfigError as error:
            raise ValueError(error.message) from None
        if self.storage_key is not None and "credentialsSecretArn" not in self.storage:
            raise ValueError("`storage_key` is the key of a store's secret, and `storage` has no credentialsSecretArn")
        return self

    @model_validator(mode="after")
    def _sources_fit(self) -> KnowledgeBaseConfig:
        kept = any(one.parsing and one.parsing.multimodal for one in self.source)
        if kept and self.multimodal_bucket is None:
            raise ValueError("a parser with `multimodal` keeps what it cuts out: add `multimodal_bucket`")
        if self.multimodal_bucket is not None and any(one.bucket == self.multimodal_bucket for one in self.source):
            raise ValueError("`multimodal_bucket` is that of a source: what is cut out would be read as a document")
        names = [one.name for one in self.source if one.name]
        if len(set(names)) != len(names):
            raise ValueError("two sources have the same `name`")
        return self

    @property
    def sources(self) -> tuple[SourceConfig, ...]:
        """The data sources (``[[knowledge_base.NAME.source]]`` in the file)."""
        return self.source
