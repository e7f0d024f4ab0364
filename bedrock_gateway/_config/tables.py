"""The tables of `gateway.toml` as frozen models, and what is wrong with one in words of ours."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from bedrock_gateway._config.file import nearest
from bedrock_gateway.capabilities import CAPABILITIES, capability
from bedrock_gateway.capabilities.models import is_region, parse_model_id
from bedrock_gateway.capabilities.scope import checked
from bedrock_gateway.capabilities.stores import check_storage
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Account",
    "BatchConfig",
    "ChunkingConfig",
    "EnforcedGuardrail",
    "GuardrailConfig",
    "KnowledgeBaseConfig",
    "LoggingConfig",
    "ModelName",
    "Models",
    "Name",
    "PrincipalConfig",
    "Region",
    "ReliabilityConfig",
    "SourceConfig",
    "Table",
    "translated",
]


def _quoted(value: object) -> object:
    """TOML numbers lose leading zeros: an account number without quotes is refused, not repaired."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("write it in quotes, as a string")  # noqa: TRY004 - pydantic wants ValueError
    return value


def _by(check: Callable[[str], object]) -> AfterValidator:
    """A validator that keeps the value and turns our error into one that pydantic gives a path."""

    def validate(value: str) -> str:
        try:
            check(value)
        except ConfigError as error:
            raise ValueError(error.message) from None
        return value

    return AfterValidator(validate)


def _named(kind: str, shown: str | None = None) -> AfterValidator:
    return _by(lambda value: checked(kind, value, name=shown))


def _region(value: str) -> None:
    if not is_region(value):
        raise ConfigError(f"{value[:80]!r} is not a Region; one looks like us-east-1")


Account = Annotated[str, BeforeValidator(_quoted), _named("account", "account: twelve digits")]
Region = Annotated[str, _by(_region)]
ModelName = Annotated[str, _by(parse_model_id)]
Models = Annotated[tuple[ModelName, ...], Field(strict=False)]
Bucket = Annotated[str, _named("bucket")]
Prefix = Annotated[str, _named("prefix")]
Role = Annotated[str, _named("role")]
Key = Annotated[str, _named("key", "KMS key: write the key's ARN in full")]
KnowledgeBaseId = Annotated[str, _named("knowledge_base", "knowledge base id: ten of 0-9 and A-Z")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
CapabilityName = Annotated[str, _by(capability)]
EnforcedGuardrail = Annotated[
    str, _by(lambda value: checked("guardrail_arn" if value.startswith("arn:") else "guardrail", value))
]

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

NEEDS_MODELS = frozenset({"model", "foundation-model", "batch-source", "reranker"})
"""Resources of the table that are a principal's models."""


class Table(BaseModel):
    """Strict, frozen, and without any input in its errors: a configuration may sit beside secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


_CHAT = frozenset({"invoke", "invoke-stream", "converse", "converse-stream", "rag", "rag-stream"})


class PrincipalConfig(Table):
    """What one principal may do."""

    capabilities: Annotated[tuple[CapabilityName, ...], Field(min_length=1, strict=False)]
    models: Models = ()
    rerankers: Models = ()
    """Models that put passages in order, for ``rerank`` and inside ``rag``."""
    fallback: Models = ()
    """Which of ``models`` stand in, in this order, where the model of a call cannot answer."""
    knowledge_bases: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Configured names, not ids."""
    require_guardrail: bool = False
    """Whether its policy permits no model call without exactly the configured guardrail."""
    tagging: bool = False
    """Whether what it creates is also tagged."""
    subscribe: bool = False
    """Whether its first call of a third-party model may subscribe the account to the model."""
    products: Annotated[tuple[Annotated[str, _named("product")], ...], Field(strict=False)] = ()
    """AWS Marketplace product ids that it may subscribe to; empty: any, through Bedrock only."""

    @model_validator(mode="after")
    def _separate(self) -> PrincipalConfig:
        kinds = {CAPABILITIES[name].kind: name for name in self.capabilities}
        if {"runtime", "administration"} <= set(kinds):
            raise ValueError(
                f"{kinds['runtime']!r} and {kinds['administration']!r} in one principal: an application that can "
                "administer can switch off its own audit; make two principals"
            )
        return self

    @model_validator(mode="after")
    def _stands_in(self) -> PrincipalConfig:
        for model in self.fallback:
            if model not in self.models:
                raise ValueError(f"`fallback` names {model}: declare it in `models` too, so that the policy permits it")
            if any(word in model for word in ("embed", "rerank")):
                raise ValueError(
                    f"`fallback` names {model}: no model stands in for another one's embeddings or ranking"
                )
        if len(set(self.fallback)) != len(self.fallback):
            raise ValueError("`fallback` names a model twice")
        if self.fallback and not _CHAT & set(self.capabilities):
            raise ValueError(f"`fallback` is for {', '.join(sorted(_CHAT))}, and none of them is declared")
        return self

    @model_validator(mode="after")
    def _enough(self) -> PrincipalConfig:
        for name in self.capabilities:
            row = CAPABILITIES[name]
            legs = (
                [] if row.kind == "read" else [leg for one in row.operations for leg in one.legs if not leg.only_with]
            )
            wanted = {leg.resource for leg in legs}
            if wanted & NEEDS_MODELS and not self.models and not (self.rerankers and "reranker" in wanted):
                raise ValueError(f"{name!r} needs a model: add `models`")
            if "knowledge-base" in wanted and row.kind == "runtime" and not self.knowledge_bases:
                raise ValueError(f"{name!r} needs a knowledge base: add `knowledge_bases`")
        return self


class BatchConfig(Table):
    """How batch jobs run."""

    role: Role = "bedrock-gateway/AmazonBedrockGateway-batch"


class ReliabilityConfig(Table):
    """What calls do when something is not as it should be; every key has a default."""

    output_retries: Annotated[int, Field(ge=0, le=3)] = 0
    """How often an answer that does not fit ``output`` is shown to the model again; each is a billed call."""


class LoggingConfig(Table):
    """Where invocation logs must go; the preflight looks for exactly this."""

    log_group: Annotated[str, _named("log_group")] | None = None
    role: Role = "AmazonBedrockGateway-logging"
    bucket: Bucket | None = None
    prefix: Prefix = ""
    large_data_bucket: Bucket | None = None
    modalities: Annotated[tuple[Literal["text", "image", "embedding", "video", "audio"], ...], Field(strict=False)] = (
        "text",
    )


class GuardrailConfig(Table):
    """The guardrail every call carries."""

    id: Annotated[str, _named("guardrail")]
    version: Annotated[str, BeforeValidator(_quoted), _named("version")]
    profile: Literal["us", "us-gov", "eu", "uk", "au", "ca", "apac"] | None = None
    """Its guardrail profile, where it is a cross-Region guardrail."""
    key: Key | None = None
    """KMS key that it is encrypted with; None: AWS's own."""


class ChunkingConfig(Table):
    """How a source's documents are cut; it cannot be changed once the data source is there."""

    strategy: Literal["fixed", "hierarchical", "semantic", "none"]
    max_tokens: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Of a chunk; with ``hierarchical``, of a parent. Every strategy but ``none`` needs it."""
    overlap_percentage: Annotated[int, Field(ge=1, le=99)] | None = None
    """``fixed``: how much of a chunk the next one repeats."""
    child_max_tokens: Annotated[int, Field(ge=1, le=8192)] | None = None
    """``hierarchical``: of a child, which is what is searched."""
    overlap_tokens: Annotated[int, Field(ge=1)] | None = None
    """``hierarchical``: how many tokens a child repeats."""
    buffer_size: Annotated[int, Field(ge=0, le=1)] | None = None
    """``semantic``: sentences around each that are compared with it."""
    breakpoint_percentile: Annotated[int, Field(ge=50, le=99)] | None = None
    """``semantic``: how unlike two sentences must be for a cut."""

    @model_validator(mode="after")
    def _fits(self) -> ChunkingConfig:
        needed = _CHUNKING[self.strategy]
        given = {name for name in type(self).model_fields if name != "strategy" and getattr(self, name) is not None}
        if given != needed:
            wanted = ", ".join(sorted(needed)) or "nothing besides"
            raise ValueError(f"the strategy {self.strategy!r} takes {wanted}")
        return self


# Source: API_agent_ChunkingConfiguration.
_CHUNKING: Mapping[str, frozenset[str]] = {
    "fixed": frozenset({"max_tokens", "overlap_percentage"}),
    "hierarchical": frozenset({"max_tokens", "child_max_tokens", "overlap_tokens"}),
    "semantic": frozenset({"max_tokens", "buffer_size", "breakpoint_percentile"}),
    "none": frozenset(),
}


class SourceConfig(Table):
    """One data source of a knowledge base."""

    type: Literal["s3"]
    bucket: Bucket
    prefix: Prefix = ""
    bucket_owner: Account | None = None
    """Account that owns the bucket; None: the environment's own."""
    key: Key | None = None
    """KMS key that the bucket is encrypted with; None: none of your own."""
    chunking: ChunkingConfig | None = None
    """None: AWS's default, about 300 tokens. A change is a new data source."""


class KnowledgeBaseConfig(Table):
    """One knowledge base; what AWS assigns belongs to an environment."""

    embedding_model: ModelName
    """A change is a new knowledge base."""
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """Length of the vectors; None: the embedding model's default."""
    store: StoreName
    storage: Mapping[str, Any] = Field(default_factory=dict)
    """Members of a store that exists, as CreateKnowledgeBase takes them; none where set-up makes the store."""
    id: KnowledgeBaseId | None = None
    """None until AWS has assigned it."""
    role: Role | None = None
    """Service role with its path; None: ``bedrock-gateway/AmazonBedrockGateway-kb-NAME``."""
    vector_bucket: Annotated[str, _named("vector_bucket")] | None = None
    """None: ``bedrock-gateway-ACCOUNT-REGION``."""
    vector_index: Annotated[str, _named("vector_index")] | None = None
    """None: the knowledge base's name."""
    source: Annotated[tuple[SourceConfig, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _storage_fits(self) -> KnowledgeBaseConfig:
        try:
            check_storage(self.store, self.storage)
        except ConfigError as error:
            raise ValueError(error.message) from None
        return self

    @property
    def sources(self) -> tuple[SourceConfig, ...]:
        """The data sources (``[[knowledge_base.NAME.source]]`` in the file)."""
        return self.source


_MESSAGES = {
    "missing": "is missing",
    "string_type": "is a string: write it in quotes",
    "bool_type": "is true or false",
    "tuple_type": "is an array: write it in brackets",
    "model_type": "is a table",
    "dict_type": "is a table",
    "mapping_type": "is a table",
    "too_short": "is empty: name at least one",
    "string_pattern_mismatch": "a name begins with a letter; letters, digits, - and _ follow, 63 at most",
}


def translated(error: ValidationError, top: type[BaseModel]) -> ConfigError:
    """Return the first fault, in words of ours: pydantic's own would quote the input. *top*: what was validated."""
    faults = error.errors(include_url=False, include_input=False)
    # A misspelt key is also a missing one: the misspelling is the news.
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    path = [str(part) for part in fault["loc"] if part != "[key]"]
    dotted = ".".join(path).replace("knowledge_bases", "knowledge_base", 1)
    if fault["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown key {dotted!r}{nearest(path[-1], dict.fromkeys(_siblings(path, top)))}", key_path=dotted
        )
    what = _MESSAGES.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return ConfigError(f"{dotted}: {what}" if dotted else what, key_path=dotted or None)


_MODELS: Mapping[str, type[BaseModel]] = {
    "principals": PrincipalConfig,
    "logging": LoggingConfig,
    "guardrail": GuardrailConfig,
    "batch": BatchConfig,
    "reliability": ReliabilityConfig,
    "knowledge_bases": KnowledgeBaseConfig,
    "source": SourceConfig,
    "chunking": ChunkingConfig,
}


def _siblings(path: list[str], top: type[BaseModel]) -> list[str]:
    """Keys that would have been valid where *path* ends."""
    table = next((part for part in reversed(path[:-1]) if part in _MODELS), None)
    model = _MODELS[table] if table else top
    return list(model.model_fields)
