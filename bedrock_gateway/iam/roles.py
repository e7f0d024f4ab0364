"""Service roles: what Bedrock may do by itself for logging, batch jobs and knowledge bases, and who may assume them.

Source: Bedrock User Guide, model-invocation-logging, batch-iam-sr and kb-permissions. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.documents.buckets import BUCKETS
from bedrock_gateway.iam.documents.sources import SOURCES, STRUCTURED
from bedrock_gateway.iam.documents.stores import OPTIONS, STORES
from bedrock_gateway.iam.documents.template import Document, Field, Given, Part, Row, Template, assemble, fill, find
from bedrock_gateway.iam.resources import model_targets
from bedrock_gateway.iam.trust import service_trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.generate import Assumption

__all__ = [
    "LOG_STREAM",
    "MODEL_OPTIONS",
    "KnowledgeBaseParts",
    "RoleDocuments",
    "batch_role",
    "kb_role",
    "logging_bucket",
    "logging_role",
]

LOG_STREAM = "aws/bedrock/modelinvocations"
"""The one stream AWS writes invocation logs to."""

Chosen = tuple[str, Given]
"""A kind of source, store or option by name, with its values."""


@dataclass(frozen=True, slots=True)
class RoleDocuments:
    """The two documents of a service role, and what to know about them."""

    trust: Policy
    permissions: Policy
    assumptions: tuple[Assumption, ...] = ()
    notes: tuple[str, ...] = ()


def _chosen(scope: Scope, part: str) -> tuple[Chosen, ...]:
    return tuple((name, dict(values)) for kind, name, values in scope.role_parts if kind == part)


@dataclass(frozen=True, slots=True)
class KnowledgeBaseParts:
    """What one knowledge base reads, where it keeps its vectors, and what it may do besides."""

    sources: Sequence[Chosen] = ()
    stores: Sequence[Chosen] = ()
    options: Sequence[Chosen] = ()
    """Names of `OPTIONS` or `MODEL_OPTIONS`."""
    embedding_models: Sequence[str] = ()
    strict: bool = False
    """Leave out what is only assumed to be needed."""

    @classmethod
    def of(cls, scope: Scope) -> KnowledgeBaseParts:
        """Return what *scope* names: its parts, or else S3 sources and the stores that set-up makes; and embedding models."""
        if scope.role_parts:
            sources, stores, options = (_chosen(scope, part) for part in ("source", "store", "option"))
            return cls(sources, stores, options, scope.embedding_models)
        return cls(
            tuple(("s3", {"bucket": bucket, "prefix": prefix}) for bucket, prefix in scope.documents),
            (
                *(("s3-vectors", {"bucket": bucket, "index": index}) for bucket, index in scope.vector_indexes),
                *(("opensearch-serverless-by-name", {"collection": name}) for name, _ in scope.collections),
            ),
            embedding_models=scope.embedding_models,
        )

    @property
    def structured(self) -> bool:
        """Whether every source is queried in place, so that nothing is embedded or stored."""
        return bool(self.sources) and all(name in STRUCTURED for name, _ in self.sources)


@dataclass(frozen=True, slots=True)
class _ModelOption:
    """Something a knowledge base does with a model: a Sid for it, and actions without a resource type."""

    summary: str
    sid: str
    also: str | None = None
    source: str = "Bedrock User Guide, kb-permissions"


MODEL_OPTIONS: Mapping[str, _ModelOption] = {
    "parse-model": _ModelOption("Parse documents with a foundation model.", "Parse"),
    "context-model": _ModelOption("Enrich chunks for a graph with a foundation model.", "Enrich"),
    "rerank": _ModelOption("Rerank within Retrieve.", "Rerank", "bedrock:Rerank", "Bedrock User Guide, rerank-prereq"),
}
"""Options that take ``model=ID``."""

_LOGS = Template(
    "logging",
    "Deliver invocation logs to CloudWatch Logs.",
    {"group": Field("log group", "log group, which must exist")},
    (
        Row(
            "WriteInvocationLogs",
            "logs:CreateLogStream logs:PutLogEvents",
            (f"arn:{{P}}:logs:{{R}}:{{A}}:log-group:{{group}}:log-stream:{LOG_STREAM}",),
            source="Bedrock User Guide, model-invocation-logging",
        ),
    ),
)


def logging_role(scope: Scope) -> RoleDocuments:
    """Return the documents of the role that delivers invocation logs to CloudWatch Logs.

    The log group must exist: the role cannot create it.
    """
    made = assemble(fill(_LOGS, {"group": scope.log_group}, scope))
    return RoleDocuments(service_trust(scope), made.policy)


def logging_bucket(scope: Scope) -> Policy:
    """Return the bucket policy under which Bedrock delivers invocation logs to S3; no role takes part in that.

    Raises:
        ConfigError: the scope names no logging bucket.
    """
    if not scope.logging_bucket:
        raise ConfigError("no logging bucket is named: add `bucket` to [logging], or --bucket")
    folder = scope.logging_prefix.strip("/")
    given = {"bucket": scope.logging_bucket, "prefix": f"{folder}/" if folder else ""}
    return assemble(fill(BUCKETS["logging"], given, scope)).policy


def kb_role(scope: Scope, parts: KnowledgeBaseParts | None = None) -> RoleDocuments:
    """Return the documents of the role of a knowledge base made of *parts*; None: what the scope names.

    The role trusts Bedrock for the scope's one knowledge base, or for any of this account and Region while AWS has
    assigned no id.

    Raises:
        ConfigError: a source, a store or the embedding model is missing, unknown or malformed.
    """
    parts = KnowledgeBaseParts.of(scope) if parts is None else parts
    notes = [note for template, _ in _templates(parts) for note in template.notes]
    _complete(parts)
    made = assemble(_kb_parts(scope, parts), notes=notes, strict=parts.strict)
    base = scope.knowledge_bases[0] if len(scope.knowledge_bases) == 1 else "*"
    return RoleDocuments(service_trust(scope, f"knowledge-base/{base}"), made.policy, made.assumptions, made.notes)


def _complete(parts: KnowledgeBaseParts) -> None:
    needed: dict[str, Sequence[object]] = {"documents": parts.sources}
    if not parts.structured and not any(name == "kendra" for name, _ in parts.stores):
        needed |= {"vector indexes": parts.stores, "embedding models": parts.embedding_models}
    for what, given in needed.items():
        if not given:
            raise ConfigError(f"the role of a knowledge base needs {what}", key_path=what.replace(" ", "_"))


def _templates(parts: KnowledgeBaseParts) -> Iterator[tuple[Template, Given]]:
    for chosen, templates, what in (
        (parts.sources, SOURCES, "data source"),
        (parts.stores, STORES, "vector store"),
    ):
        for name, given in chosen:
            yield find(templates, name, what), given
    for name, given in parts.options:
        if name not in MODEL_OPTIONS:
            yield find(OPTIONS, name, "option", besides=MODEL_OPTIONS), given


def _kb_parts(scope: Scope, parts: KnowledgeBaseParts) -> Iterator[Part]:
    for model in parts.embedding_models:
        yield from _model_parts(scope, model, "Embed")
    for template, given in _templates(parts):
        yield from fill(template, given, scope)
    for name, given in parts.options:
        if name in MODEL_OPTIONS:
            yield from _option_parts(scope, name, given)


def _option_parts(scope: Scope, name: str, given: Given) -> Iterator[Part]:
    option, given_model = MODEL_OPTIONS[name], given.get("model", ())
    models = (given_model,) if isinstance(given_model, str) else tuple(given_model)
    if set(given) != {"model"} or len(models) != 1:
        raise ConfigError(f"{name} takes model=ID, once, and nothing else", key_path="model")
    if option.also:
        yield Part(Statement("Allow", option.sid, (option.also,), resources=("*",)), source=option.source)
    yield from _model_parts(scope, models[0], f"{option.sid}Model", source=option.source)


def _model_parts(
    scope: Scope, model: str, sid: str, *, source: str = "Bedrock User Guide, kb-permissions"
) -> Iterator[Part]:
    """Invoke *model*; through a profile, the profile and the model in each of its Regions, bound to it."""
    by_condition: dict[Any, list[str]] = {}
    for target in model_targets(scope, model):
        by_condition.setdefault(target.conditions, []).append(target.arn)
    for number, (conditions, arns) in enumerate(by_condition.items()):
        name = f"{sid}{'Models' if number else ''}"
        actions = ("bedrock:InvokeModel",)
        yield Part(Statement("Allow", name, actions, resources=tuple(arns), conditions=conditions), source=source)
    if parse_model_id(model).kind == "profile":
        profile = tuple(by_condition[()])
        yield Part(
            Statement("Allow", f"{sid}Profile", ("bedrock:GetInferenceProfile",), resources=profile),
            "?",
            "Bedrock User Guide, inference-prereq, which does not name knowledge bases",
            "AWS lists it as needed to run inference through a profile; public samples omit it.",
        )


_BATCH = Template(
    "batch",
    "Read the input of batch jobs and write their output.",
    {
        "input": Field("bucket", "bucket of the input"),
        "input-prefix": Field("prefix", "prefix of the input", ""),
        "output": Field("bucket", "bucket of the output"),
        "output-prefix": Field("prefix", "prefix of the output", ""),
        "owner": Field("account", "account that owns both buckets", "{A}"),
        "input-key": Field("key ARN", "KMS key of the input", ""),
        "output-key": Field("key ARN", "KMS key of the output", ""),
    },
    (
        Row(
            "ListBuckets",
            "s3:ListBucket",
            ("arn:{P}:s3:::{input}", "arn:{P}:s3:::{output}"),
            (("StringEquals", "aws:ResourceAccount", "{owner}"),),
            source="Bedrock User Guide, batch-iam-sr",
        ),
        Row(
            "ReadInput",
            "s3:GetObject",
            ("arn:{P}:s3:::{input}/{input-prefix}*",),
            (("StringEquals", "aws:ResourceAccount", "{owner}"),),
            source="Bedrock User Guide, batch-iam-sr",
        ),
        Row(
            "WriteOutput",
            "s3:PutObject",
            ("arn:{P}:s3:::{output}/{output-prefix}*",),
            (("StringEquals", "aws:ResourceAccount", "{owner}"),),
            source="Bedrock User Guide, batch-iam-sr",
        ),
        Row(
            "DecryptInput",
            "kms:Decrypt",
            ("{input-key}",),
            (("StringEquals", "kms:ViaService", "s3.{R}.amazonaws.com"),),
            needs=("input-key",),
            confidence="L",
            source="Bedrock User Guide, batch-iam-sr, which does not spell it out",
            why="S3 decrypts with the rights of whoever reads.",
        ),
        Row(
            "EncryptOutput",
            "kms:Decrypt kms:GenerateDataKey",
            ("{output-key}",),
            (("StringEquals", "kms:ViaService", "s3.{R}.amazonaws.com"),),
            needs=("output-key",),
            confidence="L",
            source="Bedrock User Guide, batch-iam-sr, which does not spell it out",
            why="S3 encrypts with the rights of whoever writes; several parts need Decrypt too.",
        ),
    ),
)


def batch_role(scope: Scope, given: Given, *, strict: bool = False) -> RoleDocuments:
    """Return the documents of the role of batch jobs: *given* names ``input`` and ``output`` (buckets), and options.

    A model of the scope that is called through a profile is added; a plain foundation model needs no right of the role.

    Raises:
        ConfigError: a value is missing, unknown or malformed.
    """
    parts = list(fill(_BATCH, given, scope))
    for model in scope.models:
        if parse_model_id(model).kind != "on-demand":
            parts += _model_parts(scope, model, "Invoke", source="Bedrock User Guide, batch-iam-sr")
    made = assemble(parts, strict=strict)
    return RoleDocuments(service_trust(scope, "model-invocation-job/*"), made.policy, made.assumptions, made.notes)


def document_of(made: RoleDocuments) -> Document:
    """Return the permissions of *made* as a document."""
    return Document(made.permissions, made.assumptions, made.notes)
