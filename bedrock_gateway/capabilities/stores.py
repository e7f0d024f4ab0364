"""Vector stores and embedding models: what knowledge bases can do with each, as data with its source.

The configuration checks its tables by these rows, set-up plans by them, and a request is refused by them before it is
sent. A limit that AWS does not state is None, never a guess. Prices are list prices in us-east-1, written down on the
date below and not fetched: they tell a store that costs money while nobody uses it from one that does not.
Not verified against AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bedrock_gateway.errors import ConfigError

__all__ = [
    "EMBEDDING_DIMENSIONS",
    "FIELDS",
    "NON_FILTERABLE",
    "OPERATORS",
    "PRICES_OF",
    "STORES",
    "Store",
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

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "vectorField": "bedrock-knowledge-base-default-vector",
        "textField": "AMAZON_BEDROCK_TEXT_CHUNK",
        "metadataField": "AMAZON_BEDROCK_METADATA",
    }
)
"""Fields of an index of OpenSearch Serverless that set-up makes: the names that Bedrock's console gives."""

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
_QUERIES = "https://docs.aws.amazon.com/bedrock/latest/userguide/kb-test-config.html"
_SEMANTIC = ("SEMANTIC",)
_HYBRID = ("HYBRID", "SEMANTIC")
"""The User Guide names Amazon RDS, OpenSearch Serverless and MongoDB; botocore's words are older and name one of them."""


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
    """Members that ``fieldMapping`` has to have."""
    optional_fields: tuple[str, ...] = ()
    patterns: Mapping[str, str] = field(default_factory=dict)
    """Member → what AWS takes; what is not named is printable text. ``*`` stands for every member of fieldMapping."""
    role: tuple[tuple[str, str, str], ...] = ()
    """(field of the template in `bedrock_gateway.iam.documents.stores`, member, what in it comes before the value; empty:
    the whole)."""
    made_by_us: bool = False
    """Whether set-up can make and remove it; one that exists is used and never touched."""
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
    sources: tuple[str, ...] = (_SETUP, _FILTERS, _SEARCH, _QUERIES)

    def is_made(self, storage: Mapping[str, Any]) -> bool:
        """Whether set-up makes it: where no members of one that exists are given in *storage*."""
        return self.made_by_us and not storage

    def role_values(self, storage: Mapping[str, Any]) -> dict[str, str]:
        """Return what the service role's template takes of a store that exists."""
        return {name: _behind(str(storage[member]), before) for name, member, before in self.role if member in storage}


def _behind(value: str, before: str) -> str:
    return value.rpartition(before)[2] if before else value


_ARN = r"arn:aws(?:-us-gov)?"
_TEXT = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,2048}"
_SHORT_TEXT = _TEXT.replace("2048", "63")
_COLUMN = r"[a-zA-Z0-9_-]{1,63}"
_BY_SECRET = ("secret", "credentialsSecretArn", "")
_SECRET_ARN = rf"{_ARN}:secretsmanager:[a-z0-9-]{{1,20}}:[0-9]{{12}}:secret:[a-zA-Z0-9/_+=.@-]{{1,512}}"

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
        made_by_us=True,
        # AWS's own pattern knows no other partition.
        patterns={"collectionArn": r"arn:aws:aoss:[a-z0-9-]{1,20}:[0-9]{12}:collection/[a-z0-9-]{3,32}"},
        role=(("collection", "collectionArn", "/"),),
        search_types=_HYBRID,
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
        patterns={
            "domainArn": rf"{_ARN}:es:[a-z0-9-]{{1,20}}:[0-9]{{12}}:domain/[a-z][a-z0-9-]{{3,28}}",
            "domainEndpoint": r"https://[A-Za-z0-9][^\s@]{0,2000}",
            "vectorIndexName": r"[a-z0-9][a-z0-9_.-]{0,127}",
        },
        role=(("domain", "domainArn", "/"), ("index", "vectorIndexName", "")),
        floor="what the domain's instances cost",
        arn_member="domainArn",
    ),
    Store(
        "aurora",
        "RDS",
        "rdsConfiguration",
        required=("resourceArn", "credentialsSecretArn", "databaseName", "tableName", "fieldMapping"),
        fields=("primaryKeyField", "textField", "metadataField", "vectorField"),
        optional_fields=("customMetadataField",),
        patterns={
            "resourceArn": rf"{_ARN}:rds:[a-z0-9-]{{1,20}}:[0-9]{{12}}:cluster:[a-zA-Z0-9-]{{1,63}}",
            "credentialsSecretArn": _SECRET_ARN,
            "databaseName": _COLUMN,
            "tableName": r"[a-zA-Z0-9_.-]{1,63}",
            "*": _COLUMN,
        },
        role=(("cluster", "resourceArn", ":"), _BY_SECRET),
        search_types=_HYBRID,
        hybrid_needs="a text field that can be searched",
        floor="what the cluster's capacity costs",
        arn_member="resourceArn",
    ),
    Store(
        "neptune-analytics",
        "NEPTUNE_ANALYTICS",
        "neptuneAnalyticsConfiguration",
        required=("graphArn", "fieldMapping"),
        patterns={"graphArn": rf"{_ARN}:neptune-graph:[a-z0-9-]{{1,20}}:[0-9]{{12}}:graph/g-[a-zA-Z0-9]{{10}}"},
        role=(("graph", "graphArn", "/"),),
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
        patterns={"credentialsSecretArn": _SECRET_ARN},
        role=(_BY_SECRET,),
        fields=("textField", "metadataField"),
        third_party=True,
        floor="another company's price",
    ),
    Store(
        "redis",
        "REDIS_ENTERPRISE_CLOUD",
        "redisEnterpriseCloudConfiguration",
        required=("endpoint", "vectorIndexName", "credentialsSecretArn", "fieldMapping"),
        patterns={"credentialsSecretArn": _SECRET_ARN},
        role=(_BY_SECRET,),
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
        patterns={
            "credentialsSecretArn": _SECRET_ARN,
            "databaseName": _SHORT_TEXT,
            "collectionName": _SHORT_TEXT,
            "endpointServiceName": r"[a-zA-Z0-9*][a-zA-Z0-9*._:/-]{0,254}",
        },
        role=(_BY_SECRET,),
        search_types=_HYBRID,
        hybrid_needs="textIndexName, its text search index",
        third_party=True,
        floor="another company's price",
    ),
)

STORES: Mapping[str, Store] = MappingProxyType({row.name: row for row in _ROWS})
"""Every store that CreateKnowledgeBase takes, by its name in gateway.toml."""


def check_storage(store: str, given: Mapping[str, Any]) -> None:
    """Refuse members that the store does not take, or that it lacks.

    Raises:
        ConfigError: one is missing, unknown, or nothing that AWS takes.
    """
    row = STORES[store]
    if row.is_made(given):
        return
    if not row.required:
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
        else:
            _check_value(row, name, value, row.patterns.get(name, _TEXT))


def _check_fields(row: Store, given: object) -> None:
    taken = (*row.fields, *row.optional_fields)
    if not isinstance(given, Mapping):
        raise ConfigError(f"fieldMapping of {row.name} is a table with {', '.join(taken)}")
    for name, value in given.items():
        if name not in taken or not isinstance(value, str):
            raise ConfigError(f"fieldMapping of {row.name} takes {', '.join(taken)}, each a string")
        _check_value(row, f"fieldMapping.{name}", value, row.patterns.get("*", _TEXT))
    for name in row.fields:
        if name not in given:
            raise ConfigError(f"fieldMapping of {row.name} needs {name}")


def _check_value(row: Store, name: str, value: str, pattern: str) -> None:
    if not re.fullmatch(pattern, value):
        raise ConfigError(f"{name} of {row.name}: {value[:200]!r} is nothing that AWS takes there")


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
