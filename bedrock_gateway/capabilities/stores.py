"""Vector stores and embedding models: what knowledge bases can do with each, as data with its source.

The configuration checks its tables by these rows, set-up plans by them, and a request is refused by them before it is
sent. A limit that AWS does not state is None, never a guess. Prices are list prices in us-east-1, written down on the
date below and not fetched: they tell a store that costs money while nobody uses it from one that does not.
Not verified against AWS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bedrock_gateway.errors import ConfigError

__all__ = [
    "EMBEDDING_DIMENSIONS",
    "NON_FILTERABLE",
    "OPERATORS",
    "PRICES_OF",
    "STORES",
    "Store",
    "check_filter",
    "check_storage",
    "dimensions_for",
    "storage_configuration",
]

PRICES_OF = "2026-11"
"""Year and month in which the floor costs were written down."""

OPERATORS = frozenset(
    {
        "andAll",
        "equals",
        "greaterThan",
        "greaterThanOrEquals",
        "in",
        "lessThan",
        "lessThanOrEquals",
        "listContains",
        "notEquals",
        "notIn",
        "orAll",
        "startsWith",
        "stringContains",
    }
)
"""Members of AWS's RetrievalFilter. Source: API_agent-runtime_RetrievalFilter."""

NON_FILTERABLE = ("AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA")
"""Metadata keys of an S3 Vectors index that must be non-filterable from the start: the text of a chunk is larger than
filterable metadata may be. Source: User Guide, knowledge-base-setup."""

EMBEDDING_DIMENSIONS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "amazon.titan-embed-text-v2:0": (1024, 512, 256),
        "amazon.titan-embed-text-v1": (1536,),
        "amazon.titan-embed-image-v1": (1024, 384, 256),
        "amazon.nova-2-multimodal-embeddings-v1:0": (3072, 1024, 384, 256),
        "cohere.embed-english-v3": (1024,),
        "cohere.embed-multilingual-v3": (1024,),
        "cohere.embed-v4:0": (1536, 1024, 512, 256),
    }
)
"""Embedding model → the vector lengths it offers, its default first. Source: User Guide, model-parameters-titan-embed-text,
titan-multiemb-models, nova-embed, model-parameters-embed-v3 and -v4."""

_SETUP = "https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-setup.html"
_FILTERS = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrievalFilter.html"
_SEARCH = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_KnowledgeBaseVectorSearchConfiguration.html"
_SEMANTIC = ("SEMANTIC",)


@dataclass(frozen=True, slots=True)
class Store:
    """One kind of vector store."""

    name: str
    """As gateway.toml has it."""
    type: str
    """AWS's ``storageConfiguration.type``."""
    member: str
    """AWS's member of storageConfiguration."""
    required: tuple[str, ...] = ()
    """Members that must be given; none where set-up makes the store."""
    optional: tuple[str, ...] = ()
    fields: tuple[str, ...] = ("textField", "metadataField", "vectorField")
    """Members of ``fieldMapping``."""
    made_by_us: bool = False
    """Whether set-up makes and removes it; else one that exists is used and never touched."""
    third_party: bool = False
    """Whether it is outside AWS and opened by a secret."""
    search_types: tuple[str, ...] = _SEMANTIC
    """Values of ``overrideSearchType`` that it has."""
    hybrid_needs: str = ""
    refused_operators: frozenset[str] = frozenset({"startsWith"})
    dimensions: tuple[int, int] | None = None
    """Least and most length of a vector; None: AWS does not state it."""
    metadata_bytes: int | None = None
    """Most bytes of a document's own metadata; None: AWS does not state it."""
    metadata_keys: int | None = None
    filterable_bytes: int | None = None
    """Most bytes of filterable metadata of a vector."""
    floor_usd_a_month: float | None = None
    """What it costs when nobody uses it; None: not known, or another company's price."""
    floor: str = ""
    """Where that number comes from, or why there is none."""
    arn_member: str | None = None
    """The member with an ARN that must be of the configuration's Region and account."""
    sources: tuple[str, ...] = (_SETUP, _FILTERS, _SEARCH)


_ROWS = (
    Store(
        "s3-vectors",
        "S3_VECTORS",
        "s3VectorsConfiguration",
        fields=(),
        made_by_us=True,
        refused_operators=frozenset({"startsWith", "stringContains"}),
        dimensions=(1, 4096),
        metadata_bytes=1024,
        metadata_keys=35,
        filterable_bytes=2048,
        floor_usd_a_month=0.0,
        floor="paid by what is stored, written and queried: https://aws.amazon.com/s3/pricing/",
        sources=(_SETUP, "https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html"),
    ),
    Store(
        "opensearch-serverless",
        "OPENSEARCH_SERVERLESS",
        "opensearchServerlessConfiguration",
        required=("collectionArn", "vectorIndexName", "fieldMapping"),
        search_types=("HYBRID", "SEMANTIC"),
        hybrid_needs="a filterable text field in the index",
        refused_operators=frozenset(),
        floor_usd_a_month=350.4,
        floor="2 OCU at 0.24 USD an hour, the least of a redundant collection: https://aws.amazon.com/opensearch-service/pricing/",
        arn_member="collectionArn",
    ),
    Store(
        "opensearch-managed",
        "OPENSEARCH_MANAGED_CLUSTER",
        "opensearchManagedClusterConfiguration",
        required=("domainArn", "domainEndpoint", "vectorIndexName", "fieldMapping"),
        floor="what the domain's instances cost",
        arn_member="domainArn",
    ),
    Store(
        "aurora",
        "RDS",
        "rdsConfiguration",
        required=("resourceArn", "credentialsSecretArn", "databaseName", "tableName", "fieldMapping"),
        fields=("primaryKeyField", "textField", "metadataField", "vectorField", "customMetadataField"),
        floor="what the cluster's capacity costs",
        arn_member="resourceArn",
    ),
    Store(
        "neptune-analytics",
        "NEPTUNE_ANALYTICS",
        "neptuneAnalyticsConfiguration",
        required=("graphArn", "fieldMapping"),
        fields=("textField", "metadataField"),
        floor="what the graph's memory costs",
        arn_member="graphArn",
    ),
    Store(
        "pinecone",
        "PINECONE",
        "pineconeConfiguration",
        required=("connectionString", "credentialsSecretArn", "fieldMapping"),
        optional=("namespace",),
        fields=("textField", "metadataField"),
        third_party=True,
        floor="another company's price",
    ),
    Store(
        "redis",
        "REDIS_ENTERPRISE_CLOUD",
        "redisEnterpriseCloudConfiguration",
        required=("endpoint", "vectorIndexName", "credentialsSecretArn", "fieldMapping"),
        third_party=True,
        floor="another company's price",
    ),
    Store(
        "mongodb-atlas",
        "MONGO_DB_ATLAS",
        "mongoDbAtlasConfiguration",
        required=(
            "endpoint",
            "databaseName",
            "collectionName",
            "vectorIndexName",
            "credentialsSecretArn",
            "fieldMapping",
        ),
        optional=("endpointServiceName", "textIndexName"),
        third_party=True,
        floor="another company's price",
    ),
)

STORES: Mapping[str, Store] = MappingProxyType({row.name: row for row in _ROWS})
"""Every store that CreateKnowledgeBase takes, by its name in gateway.toml."""


def check_storage(store: str, given: Mapping[str, Any]) -> None:
    """Refuse members that the store does not take, or that it lacks.

    Raises:
        ConfigError: one is missing, unknown or of a wrong type.
    """
    row = STORES[store]
    if row.made_by_us and given:
        raise ConfigError(
            f"{store} is made by set-up and takes no `storage`; name it with vector_bucket and vector_index"
        )
    known = (*row.required, *row.optional)
    for name in given:
        if name not in known:
            raise ConfigError(f"{store} has no member {name[:80]!r}; AWS's are {', '.join(known)}")
    for name in row.required:
        if not given.get(name):
            raise ConfigError(f"{store} needs {name}: add it to `storage`, as CreateKnowledgeBase takes it")
    for name, value in given.items():
        if name == "fieldMapping":
            _check_fields(row, value)
        elif not isinstance(value, str):
            raise ConfigError(f"{name} of {store} is a string")


def _check_fields(row: Store, given: object) -> None:
    if not isinstance(given, Mapping):
        raise ConfigError(f"fieldMapping of {row.name} is a table with {', '.join(row.fields)}")
    for name, value in given.items():
        if name not in row.fields or not isinstance(value, str):
            raise ConfigError(f"fieldMapping of {row.name} takes {', '.join(row.fields)}, each a string")


def storage_configuration(store: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return AWS's storageConfiguration of a store with its members."""
    row = STORES[store]
    return {"type": row.type, row.member: {name: _plain(value) for name, value in given.items()}}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def dimensions_for(store: str, model: str, wanted: int | None = None) -> int:
    """Return the length of the vectors that *model* makes; *wanted*, or the model's default.

    Raises:
        ConfigError: the model is not in our table and *wanted* is None; the model does not offer *wanted*; or the store
            does not take it.
    """
    name = model.rpartition("/")[2]
    offered = EMBEDDING_DIMENSIONS.get(name)
    if offered is None and wanted is None:
        raise ConfigError(
            f"{model} is not in our table of embedding models: add `dimensions`, the length of its vectors"
        )
    if offered is not None and wanted is not None and wanted not in offered:
        shown = ", ".join(str(one) for one in offered)
        raise ConfigError(f"{model} makes vectors of length {shown}, not {wanted}: change `dimensions`, or the model")
    length = wanted if wanted is not None else (offered or (0,))[0]
    limits = STORES[store].dimensions
    if limits is not None and not limits[0] <= length <= limits[1]:
        raise ConfigError(f"{store} takes vectors of length {limits[0]} to {limits[1]}, not {length}")
    return length


def check_filter(store: str, metadata_filter: Mapping[str, Any]) -> None:
    """Refuse a RetrievalFilter with an operator that the store does not have.

    Raises:
        ConfigError: there is one; the message names it, and what can be used instead.
    """
    for operator in _operators(metadata_filter):
        if operator not in OPERATORS:
            raise ConfigError(
                f"{operator[:80]!r} is no operator of a metadata filter; AWS's are {', '.join(sorted(OPERATORS))}"
            )
        if operator in STORES[store].refused_operators:
            able = sorted(OPERATORS - STORES[store].refused_operators)
            raise ConfigError(f"{store} has no operator {operator}; it has {', '.join(able)}")


def _operators(given: Mapping[str, Any]) -> Iterator[str]:
    stack: list[Any] = [given]
    while stack:
        one = stack.pop()
        if not isinstance(one, Mapping):
            raise ConfigError("a metadata filter is a table of operators, as AWS's RetrievalFilter")
        for operator, value in one.items():
            yield str(operator)
            if operator in {"andAll", "orAll"} and isinstance(value, Sequence) and not isinstance(value, str):
                stack.extend(value)
