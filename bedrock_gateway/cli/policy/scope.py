"""The options that say what a policy applies to, as data, and the `Scope` they make.

One row an option: how argparse takes it, and which field of the scope it fills. A new field is a new row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities import Scope, capability
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["DEFAULT_KB_ROLE", "DEFAULT_LOGGING_ROLE", "add_scope", "partition_of", "scope_of"]

DEFAULT_KB_ROLE = "bedrock-gateway/AmazonBedrockGateway-kb"
DEFAULT_BATCH_ROLE = "bedrock-gateway/AmazonBedrockGateway-batch"
DEFAULT_LOGGING_ROLE = "AmazonBedrockGateway-logging"


@dataclass(frozen=True, slots=True)
class _Option:
    """One option of the command line."""

    flag: str
    argument: Mapping[str, Any]
    """What argparse's ``add_argument`` takes."""
    field: str | None = None
    """The field of the scope; None: `_buckets` reads it."""
    read: Callable[[Any], Any] = lambda value: value
    """From argparse's value to the field's."""


def _repeated(flag: str, metavar: str, about: str) -> tuple[str, Mapping[str, Any]]:
    return flag, {"action": "append", "default": [], "metavar": metavar, "help": f"{about} (repeatable)"}


def _flag(flag: str, about: str) -> _Option:
    return _Option(flag, {"action": "store_true", "help": about}, flag.strip("-").replace("-", "_"))


def _once_each(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _pair(text: str, option: str, *, needs_both: bool = False) -> tuple[str, str]:
    first, _, second = text.partition("/")
    if not first or (needs_both and not second):
        raise ConfigError(f"{text[:200]!r}: {option} takes BUCKET/{'INDEX' if needs_both else 'PREFIX'}")
    return first, second


def _collections(values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The mark is the value of our tag: what application and which knowledge base of it the collection belongs to."""
    pairs = (text.partition("=") for text in values)
    return tuple(dict.fromkeys((name, mark) for name, _, mark in pairs))


def _indexes(values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(_pair(text, "--vector-index", needs_both=True) for text in values)


def _guardrail(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    name, _, version = text.partition(":")
    return name, version or "DRAFT"


def _wrapped(values: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """``ID=MODEL`` says what is behind one id, ``MODEL`` what is behind every other; model ids hold no ``=``."""
    found: dict[str, list[str]] = {}
    for text in values:
        wrapper, _, model = text.rpartition("=")
        found.setdefault(wrapper, []).append(model)
    return tuple((wrapper, _once_each(models)) for wrapper, models in found.items())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


_OPTIONS: Sequence[_Option] = (
    _Option("--region", {"required": True, "metavar": "R", "help": "Region from which the calls are made"}, "region"),
    _Option("--account", {"required": True, "metavar": "A", "help": "account id, 12 digits"}, "account"),
    _Option(*_repeated("--model", "ID", "model or profile id"), "models", _once_each),
    _Option(
        "--destinations",
        {"default": "", "metavar": "R,R", "help": "where a profile runs that our data lacks"},
        "extra_destinations",
        _listed,
    ),
    _Option(*_repeated("--kb", "ID", "knowledge base id"), "knowledge_bases", _once_each),
    _Option(
        "--kb-role",
        {"action": "append", "metavar": "ROLE", "help": f"its service role (default: {DEFAULT_KB_ROLE})"},
        "knowledge_base_roles",
        lambda values: tuple(values or (DEFAULT_KB_ROLE,)),
    ),
    _Option(
        "--logging-role",
        {"default": DEFAULT_LOGGING_ROLE, "metavar": "ROLE", "help": "default: %(default)s"},
        "logging_role",
    ),
    _Option(
        "--log-group",
        {"default": "/bedrock/invocations", "metavar": "G", "help": "default: %(default)s"},
        "log_group",
    ),
    _Option(
        "--bucket",
        {"metavar": "B", "help": "bucket of the invocation logs or, for kb-documents alone, of the documents"},
    ),
    _Option("--prefix", {"default": "", "metavar": "P", "help": "prefix in that bucket"}),
    _Option(*_repeated("--documents", "B[/P]", "bucket and prefix of documents")),
    _Option(
        *_repeated("--answer-documents", "B[/P]", "bucket and prefix of what rag-document answers from"),
        "answer_documents",
        lambda values: tuple(_pair(text, "--answer-documents") for text in values),
    ),
    _Option(*_repeated("--vector-index", "B/I", "S3 Vectors bucket and index"), "vector_indexes", _indexes),
    _Option(
        *_repeated(
            "--collection", "NAME=APP/KB", "OpenSearch Serverless collection of an application's knowledge base"
        ),
        "collections",
        _collections,
    ),
    _Option(*_repeated("--embedding-model", "ID", "embedding model of a kb role"), "embedding_models", _once_each),
    _Option("--guardrail", {"metavar": "ID[:V]", "help": "guardrail that the calls carry"}, "guardrail", _guardrail),
    _flag("--require-guardrail", "permit no model call without exactly that guardrail"),
    _Option(
        "--guardrail-profile",
        {"metavar": "GEO", "help": "its guardrail profile, if it is cross-Region: us, eu, …"},
        "guardrail_profile",
    ),
    _Option("--logging-key", {"metavar": "ARN", "help": "KMS key of the logging buckets"}, "logging_key"),
    _Option("--guardrail-key", {"metavar": "ARN", "help": "KMS key that it is encrypted with"}, "guardrail_key"),
    _Option(
        *_repeated("--enforced-guardrail", "ID", "guardrail, or its ARN, that the account enforces on every call"),
        "enforced_guardrails",
        _once_each,
    ),
    _Option(
        *_repeated("--wraps", "[ID=]MODEL", "model or profile behind an application profile or a router"),
        "wraps",
        _wrapped,
    ),
    _Option(
        *_repeated("--reranker", "ID", "model that puts passages in order, for rerank and inside rag"),
        "rerankers",
        _once_each,
    ),
    _Option(
        "--batch-role", {"default": DEFAULT_BATCH_ROLE, "metavar": "ROLE", "help": "default: %(default)s"}, "batch_role"
    ),
    _Option(*_repeated("--answer-key", "ARN", "KMS key of what rag-document answers from"), "answer_keys", _once_each),
    _Option(*_repeated("--document-key", "ARN", "KMS key of a documents' bucket"), "document_keys", _once_each),
    _Option("--kb-key", {"metavar": "ARN", "help": "KMS key of a managed knowledge base"}, "knowledge_base_key"),
    _Option(
        *_repeated("--third-party-secret", "ARN", "secret that opens a third-party vector store"),
        "third_party_secrets",
        _once_each,
    ),
    _Option(
        *_repeated("--principal-role", "ROLE", "role of a principal that may be made"), "principal_roles", _once_each
    ),
    _Option(
        *_repeated("--principal-instance", "PROFILE", "instance profile of such a role"),
        "principal_instances",
        _once_each,
    ),
    _Option(*_repeated("--principal-group", "GROUP", "group of such a principal"), "principal_groups", _once_each),
    _Option(*_repeated("--principal-user", "USER", "user of such a group"), "principal_users", _once_each),
    _flag("--tagging", "what is created is also tagged"),
    _flag("--subscribe", "the first call of a third-party model may subscribe the account to it"),
    _Option(*_repeated("--product", "ID", "only to this AWS Marketplace product"), "products", _once_each),
)


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Add every option of the scope to *parser*."""
    for option in _OPTIONS:
        parser.add_argument(option.flag, **option.argument)


def scope_of(args: argparse.Namespace, names: Sequence[str] = ()) -> Scope:
    """Return the scope that *args* describe, for the capabilities of those *names*.

    Raises:
        ConfigError: a capability is unknown, or a value is malformed or ambiguous.
    """
    for name in names:
        capability(name)
    fields = {
        option.field: option.read(getattr(args, option.flag.strip("-").replace("-", "_")))
        for option in _OPTIONS
        if option.field
    }
    return Scope(partition=partition_of(args.region), **fields, **_buckets(args, names))


def partition_of(region: str) -> str:
    """Return the partition of a Region, by its name alone."""
    return {"us-gov": "aws-us-gov", "cn": "aws-cn"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")


def _buckets(args: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """One ``--bucket`` cannot say which of two it means; alone, the capability tells."""
    documents = [_pair(text, "--documents") for text in args.documents]
    bucket, prefix = args.bucket, args.prefix
    if bucket and "kb-documents" in names and not documents:
        if "logging-admin" in names:
            raise ConfigError("--bucket names the bucket of the logs here; name that of the documents with --documents")
        documents, bucket, prefix = [(bucket, prefix)], None, ""
    return {"logging_bucket": bucket, "logging_prefix": prefix, "documents": tuple(documents)}
