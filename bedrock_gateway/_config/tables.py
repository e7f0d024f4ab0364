"""The tables of `gateway.toml` as frozen models, and what is wrong with one in words of ours."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from bedrock_gateway._config.file import nearest
from bedrock_gateway._config.identity import MAKES_PRINCIPALS, IdentityConfig, TrustConfig
from bedrock_gateway._config.knowledge import KnowledgeBaseConfig
from bedrock_gateway._config.reliability import BreakerConfig, DeadlineConfig, ReliabilityConfig, RetryConfig
from bedrock_gateway._config.sources import ChunkingConfig, FilterConfig, ParsingConfig, SourceConfig
from bedrock_gateway._config.startup import LoadConfig, PreflightConfig
from bedrock_gateway._config.values import (
    Bucket,
    CapabilityName,
    DocumentPlace,
    Key,
    Models,
    Name,
    Prefix,
    Role,
    Table,
    named,
    number,
    quoted,
)
from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = [
    "BatchConfig",
    "GuardrailConfig",
    "LoggingConfig",
    "PrincipalConfig",
    "translated",
]

NEEDS_MODELS = frozenset({"model", "foundation-model", "batch-source", "reranker"})
"""Resources of the table that are a principal's models."""

_CHAT = frozenset({"invoke", "invoke-stream", "converse", "converse-stream", "rag", "rag-stream", "rag-document"})


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
    documents: Annotated[tuple[DocumentPlace, ...], Field(strict=False)] = ()
    """``s3://bucket/prefix`` of the objects that ``rag-document`` may answer from."""
    document_keys: Annotated[tuple[Key, ...], Field(strict=False)] = ()
    """ARNs of the KMS keys that those objects are encrypted with; empty: none of your own."""
    require_guardrail: bool = False
    """Whether its policy permits no model call without exactly the configured guardrail."""
    tagging: bool = False
    """Whether what it creates is also tagged."""
    subscribe: bool = False
    """Whether its first call of a third-party model may subscribe the account to the model."""
    products: Annotated[tuple[Annotated[str, named("product")], ...], Field(strict=False)] = ()
    """AWS Marketplace product ids that it may subscribe to; empty: any, through Bedrock only."""
    identity: IdentityConfig | None = None
    """As what it stands in IAM; None: somebody else sees to that."""

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
    def _apart(self) -> PrincipalConfig:
        if {"principal-provision", "group-members"} <= set(self.capabilities):
            raise ValueError(
                "'principal-provision' and 'group-members' in one principal: whoever writes what a group may do and also "
                "puts users into it can give anybody any right; make two principals"
            )
        if {"principal-provision", "access-keys"} <= set(self.capabilities):
            raise ValueError(
                "'principal-provision' and 'access-keys' in one principal: whoever puts our tag on users and makes keys of "
                "those that carry it can become one that no boundary caps; make two principals"
            )
        makes = sorted(MAKES_PRINCIPALS & set(self.capabilities))
        if makes and self.identity and self.identity.boundary is not False:
            raise ValueError(
                f"{makes[0]!r} in a principal that others may make: add `boundary = false` to its `identity`, and let an "
                "administrator make it"
            )
        return self

    @model_validator(mode="after")
    def _answers_from(self) -> PrincipalConfig:
        if self.documents and "rag-document" not in self.capabilities:
            raise ValueError("`documents` are what 'rag-document' answers from: add that to `capabilities`")
        if self.document_keys and not self.documents:
            raise ValueError("`document_keys` are those of `documents`: name these too")
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


RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip
"""What CloudWatch Logs takes. Source: its API reference, PutRetentionPolicy."""


class LoggingConfig(Table):
    """Where invocation logs must go; the preflight looks for exactly this."""

    log_group: Annotated[str, named("log_group")] | None = None
    role: Role = "AmazonBedrockGateway-logging"
    bucket: Bucket | None = None
    prefix: Prefix = ""
    large_data_bucket: Bucket | None = None
    key: Key | None = None
    """KMS key that the buckets are encrypted with; None: S3's own."""
    modalities: Annotated[tuple[Literal["text", "image", "embedding", "video", "audio"], ...], Field(strict=False)] = (
        "text",
    )
    retention_days: Annotated[RetentionDays, BeforeValidator(number)] | None = None
    """What `setup logging` gives the log group; None: a year to a new one, and an old one keeps its own."""


class GuardrailConfig(Table):
    """The guardrail every call carries."""

    id: Annotated[str, named("guardrail")]
    version: Annotated[str, BeforeValidator(quoted), named("version")]
    profile: Literal["us", "us-gov", "eu", "uk", "au", "ca", "apac"] | None = None
    """Its guardrail profile, where it is a cross-Region guardrail."""
    key: Key | None = None
    """KMS key that it is encrypted with; None: AWS's own."""


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
    # Of a value of several types pydantic names its own function.
    path = [part for part in map(str, fault["loc"]) if part != "[key]" and not part.startswith("function-")]
    dotted = ".".join(path).replace("knowledge_bases", "knowledge_base", 1)
    if fault["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown key {dotted!r}{nearest(path[-1], dict.fromkeys(_siblings(path, top)))}", key_path=dotted
        )
    what = _MESSAGES.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return ConfigError(f"{dotted}: {what}" if dotted else what, key_path=dotted or None)


_MODELS: Mapping[str, type[BaseModel]] = {
    "principals": PrincipalConfig,
    "identity": IdentityConfig,
    "trust": TrustConfig,
    "logging": LoggingConfig,
    "guardrail": GuardrailConfig,
    "batch": BatchConfig,
    "reliability": ReliabilityConfig,
    "preflight": PreflightConfig,
    "expected_load": LoadConfig,
    "deadlines": DeadlineConfig,
    "retries": RetryConfig,
    "breaker": BreakerConfig,
    "knowledge_bases": KnowledgeBaseConfig,
    "source": SourceConfig,
    "chunking": ChunkingConfig,
    "parsing": ParsingConfig,
    "filters": FilterConfig,
}


def _siblings(path: list[str], top: type[BaseModel]) -> list[str]:
    """Keys that would have been valid where *path* ends."""
    table = next((part for part in reversed(path[:-1]) if part in _MODELS), None)
    model = _MODELS[table] if table else top
    return list(model.model_fields)
