"""The scope that capabilities are applied to: every name that a policy may hold, checked once, here.

What is in a `Scope` can stand in an ARN or a condition: no value holds a wildcard or a policy variable, and none is
longer than AWS lets it be. Options that change what IAM must grant are fields like the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bedrock_gateway.capabilities.guardrails import guardrail_destinations
from bedrock_gateway.capabilities.models import ModelId, is_region, parse_model_id
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WRAPPERS", "Scope", "check_wraps", "checked", "object_place"]

RolePart = Literal["source", "store", "option"]
"""What a service role of a knowledge base is made of; `iam.roles.KnowledgeBaseParts` has a member for each."""

WRAPPERS = frozenset({"application-profile", "prompt-router"})
"""Kinds of model id that do not tell what runs behind them."""

_NAMES = {
    "account": re.compile(r"[0-9]{12}"),
    "partition": re.compile(r"aws|aws-us-gov"),
    "role": re.compile(r"(?=.{1,576}\Z)(?:[A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}"),
    "bucket": re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "prefix": re.compile(r"[^*?${}\x00-\x1f\x7f-\U0010ffff]{0,900}"),
    "log_group": re.compile(r"[A-Za-z0-9._/#-]{1,512}"),
    "knowledge_base": re.compile(r"[0-9A-Z]{10}"),
    "guardrail": re.compile(r"[a-z0-9]{1,64}"),
    "enforced_guardrail": re.compile(r"[a-z0-9]{1,64}"),
    "version": re.compile(r"DRAFT|[1-9][0-9]{0,7}"),
    "guardrail_arn": re.compile(r"arn:aws(?:-us-gov)?:bedrock:[a-z0-9-]{1,40}:[0-9]{12}:guardrail/[a-z0-9]{1,64}"),
    "key": re.compile(r"arn:aws(?:-us-gov)?:kms:[a-z0-9-]{1,40}:[0-9]{12}:key/(?:mrk-)?[0-9a-f-]{32,36}"),
    "secret": re.compile(
        r"arn:aws(?:-us-gov)?:secretsmanager:[a-z0-9-]{1,40}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}"
    ),
    "product": re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}"),
    "vector_bucket": re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    "vector_index": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "collection": re.compile(r"[a-z][a-z0-9-]{2,31}"),
    "mark": re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}/[A-Za-z][A-Za-z0-9_-]{0,62}"),
}

_EXAMPLES = {
    "account": "111122223333",
    "partition": "aws",
    "role": "bedrock-gateway/AmazonBedrockGateway-kb, its path and name without ARN",
    "bucket": "example-handbook",
    "prefix": "handbook/, without wildcards",
    "log_group": "/bedrock/invocations",
    "knowledge_base": "KB12345678, the id that AWS assigned",
    "guardrail": "abcdefghij12",
    "enforced_guardrail": "abcdefghij12",
    "version": "3, or DRAFT",
    "guardrail_arn": "arn:aws:bedrock:us-east-1:111122223333:guardrail/abcdefghij12",
    "key": "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012",
    "secret": "arn:aws:secretsmanager:us-east-1:111122223333:secret:example-Ab1Cd2",
    "product": "prod-example123",
    "vector_bucket": "example-vectors",
    "vector_index": "handbook",
    "collection": "helpdesk-handbook",
    "mark": "helpdesk/handbook",
}


def checked(kind: str, value: str, *, name: str | None = None) -> str:
    """Return *value* if it is a well-formed *kind*; it can then stand in an ARN without widening it.

    Raises:
        ConfigError: it is not. Wildcards and policy variables never are.
    """
    if not _NAMES[kind].fullmatch(value):
        what = name or kind.replace("_", " ")
        raise ConfigError(f"{value[:200]!r} is not a valid {what}; one looks like {_EXAMPLES[kind]}", key_path=name)
    return value


def object_place(uri: str) -> tuple[str, str]:
    """Return the bucket and the prefix of ``s3://bucket/prefix``, checked.

    Raises:
        ConfigError: it is none.
    """
    scheme, _, place = uri.partition("://")
    bucket, _, prefix = place.partition("/")
    if scheme != "s3":
        raise ConfigError(f"{uri[:200]!r} is no place in S3: s3://bucket/prefix")
    return checked("bucket", bucket), checked("prefix", prefix)


def check_wraps(wraps: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse what cannot be behind an application profile or a router, or in front of it; ``""`` stands for any.

    Raises:
        ConfigError: something in *wraps* is malformed or of the wrong kind.
    """
    for wrapper, inner in wraps.items():
        if wrapper and (kind := parse_model_id(wrapper).kind) not in WRAPPERS:
            raise ConfigError(
                f"{wrapper} is of kind {kind}: its id tells what it is, nothing is behind it", key_path="wraps"
            )
        if not inner:
            raise ConfigError(f"{wrapper}: name at least one model or profile behind it", key_path="wraps")
        for model in inner:
            if parse_model_id(model).model is None:
                raise ConfigError(
                    f"{model} is behind {wrapper}, but no model or cross-Region profile", key_path="wraps"
                )


@dataclass(frozen=True, slots=True)
class Scope:
    """What the capabilities of one principal apply to: the input of `iam.generate`."""

    region: str
    account: str
    partition: str = "aws"
    models: tuple[str, ...] = ()
    wraps: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(application profile or prompt router, the models or profiles behind it): its id does not tell. An empty first
    part stands for every one that is not named otherwise."""
    rerankers: tuple[str, ...] = ()
    """Models that `rerank` calls, and that order passages inside RetrieveAndGenerate. Empty: `rerank` calls `models`."""
    knowledge_bases: tuple[str, ...] = ()
    """Ids; empty means "any of this account and Region", as it must be before AWS has assigned one."""
    knowledge_base_roles: tuple[str, ...] = ()
    """Names with their path, without leading slash: ``bedrock-gateway/AmazonBedrockGateway-kb-handbook``."""
    logging_role: str = "AmazonBedrockGateway-logging"
    boundary: str = "bedrock-gateway/AmazonBedrockGateway-boundary"
    """Managed policy that bounds every service role made by a principal of ours; with its path, as a role's."""
    log_group: str = "/bedrock/invocations"
    logging_bucket: str | None = None
    logging_prefix: str = ""
    large_data_bucket: str | None = None
    """Bucket that large bodies of calls logged to CloudWatch Logs go to; None: none, or the logging bucket."""
    logging_key: str | None = None
    """ARN of the KMS key that the logging buckets are encrypted with; None: S3's own keys."""
    documents: tuple[tuple[str, str], ...] = ()
    """(bucket, prefix) of the knowledge bases' sources."""
    answer_documents: tuple[tuple[str, str], ...] = ()
    """(bucket, prefix) of the objects that `rag-document` may answer from."""
    vector_indexes: tuple[tuple[str, str], ...] = ()
    """(vector bucket, index) of the knowledge bases' stores."""
    collections: tuple[tuple[str, str], ...] = ()
    """(OpenSearch Serverless collection, its mark) of the knowledge bases' stores that set-up makes. The mark is the value of
    our tag on it, APPLICATION/KNOWLEDGE-BASE."""
    embedding_models: tuple[str, ...] = ()
    role_parts: tuple[tuple[RolePart, str, tuple[tuple[str, str], ...]], ...] = ()
    """(part, its name, its values): what the service role of the knowledge bases is for, where a configuration says it;
    empty: what ``documents`` and ``vector_indexes`` name. Values are checked where a statement is filled with them."""
    guardrail: tuple[str, str] | None = None
    """(id, version)."""
    require_guardrail: bool = False
    """Whether a model call without exactly this guardrail is not permitted at all."""
    guardrail_profile: str | None = None
    """Prefix of the guardrail's profile, such as ``us``, where the guardrail is a cross-Region one."""
    guardrail_key: str | None = None
    """ARN of the KMS key that the guardrail is encrypted with; None: AWS's own."""
    enforced_guardrails: tuple[str, ...] = ()
    """Ids or ARNs of guardrails that the account or the organisation enforces on every call."""
    batch_role: str = "bedrock-gateway/AmazonBedrockGateway-batch"
    """Service role of batch inference, with its path."""
    document_keys: tuple[str, ...] = ()
    """ARNs of the KMS keys that the documents' buckets are encrypted with."""
    answer_keys: tuple[str, ...] = ()
    """ARNs of the KMS keys that the objects `rag-document` answers from are encrypted with."""
    knowledge_base_key: str | None = None
    """ARN of the customer managed key of a knowledge base of type MANAGED."""
    third_party_secrets: tuple[str, ...] = ()
    """ARNs of the secrets that open a third-party vector store (Pinecone, Redis, MongoDB Atlas)."""
    tagging: bool = False
    """Whether what is created is also tagged."""
    subscribe: bool = False
    """Whether the first call of a third-party model may subscribe the account to it."""
    products: tuple[str, ...] = ()
    """AWS Marketplace product ids that may be subscribed to; empty: any, through Bedrock only."""
    principal_roles: tuple[str, ...] = ()
    """Roles of the principals that a principal may make, with their path, under ``bedrock-gateway/``."""
    principal_instances: tuple[str, ...] = ()
    """Instance profiles of those roles that EC2 may assume, with their path."""
    principal_groups: tuple[str, ...] = ()
    """Groups of such principals, with their path."""
    principal_users: tuple[str, ...] = ()
    """Users of those groups, with their path."""
    principal_boundaries: tuple[str, ...] = ("bedrock-gateway/AmazonBedrockGateway-principals",)
    """Managed policies, with their path, one of which caps every role and user among them."""
    extra_destinations: tuple[str, ...] = ()
    """Destination Regions given by hand for profiles that the data file lacks."""

    def __post_init__(self) -> None:
        """Refuse any value that is not what it should be: from here on values are trusted in ARNs."""
        checked("account", self.account)
        if self.partition == "aws-cn":
            raise ConfigError("aws-cn has no Amazon Bedrock endpoint, so no policy for it can be right")
        checked("partition", self.partition)
        for region in (self.region, *self.extra_destinations):
            if not is_region(region):
                raise ConfigError(f"{region[:200]!r} is not a Region; one looks like us-east-1")
        if self.region.startswith("us-gov-") != (self.partition == "aws-us-gov"):
            raise ConfigError(f"Region {self.region} is not in partition {self.partition}")
        for model in (*self.models, *self.embedding_models, *self.rerankers):
            parse_model_id(model)
        for kind, values in self._named().items():
            for value in values:
                checked(kind, value)
        check_wraps(dict(self.wraps))
        self._check_boundaries()
        self._check_guardrail()
        for arn in (
            self.guardrail_key,
            self.logging_key,
            self.knowledge_base_key,
            *self.document_keys,
            *self.answer_keys,
            *self.third_party_secrets,
        ):
            if arn is not None and arn.split(":")[1:4:2] != [self.partition, self.region]:
                raise ConfigError(f"{arn} is not in {self.region} of partition {self.partition}")

    def _check_boundaries(self) -> None:
        """Whoever may write the policies of principals must not be able to write what caps them."""
        own = tuple(f"{name}/" for name in (*self.principal_roles, *self.principal_groups))
        for boundary in (*self.principal_boundaries, self.boundary):
            if boundary.startswith(own):
                raise ConfigError(
                    f"boundary {boundary[:200]!r} is below a principal's own policies: give it another path"
                )

    def _check_guardrail(self) -> None:
        for field in ("require_guardrail", "guardrail_profile"):
            if getattr(self, field) and self.guardrail is None:
                raise ConfigError(f"{field.replace('_', ' ')}: name the guardrail too", key_path="guardrail")
        if self.guardrail_profile is not None:
            guardrail_destinations(self.guardrail_profile, self.region)

    def behind(self, wrapper: ModelId) -> tuple[str, ...]:
        """Return the models or profiles behind an application profile or a prompt router; empty: nobody said."""
        named = {text: inner for text, inner in self.wraps if text}
        by_name = {parse_model_id(text).name: inner for text, inner in named.items()}
        unnamed = next((inner for text, inner in self.wraps if not text), ())
        return named.get(wrapper.text) or by_name.get(wrapper.name) or unnamed

    def _named(self) -> dict[str, tuple[str, ...]]:
        return {
            "knowledge_base": self.knowledge_bases,
            "role": (
                *(*self.knowledge_base_roles, self.logging_role, self.batch_role, self.boundary),
                *(*self.principal_roles, *self.principal_instances, *self.principal_groups, *self.principal_users),
                *self.principal_boundaries,
            ),
            "log_group": (self.log_group,),
            "bucket": (
                *(one for one in (self.logging_bucket, self.large_data_bucket) if one is not None),
                *(one for one, _ in (*self.documents, *self.answer_documents)),
            ),
            "prefix": (self.logging_prefix, *(prefix for _, prefix in (*self.documents, *self.answer_documents))),
            "vector_bucket": tuple(bucket for bucket, _ in self.vector_indexes),
            "vector_index": tuple(index for _, index in self.vector_indexes),
            "collection": tuple(name for name, _ in self.collections),
            "mark": tuple(mark for _, mark in self.collections),
            "guardrail": (self.guardrail[0],) if self.guardrail else (),
            "version": (self.guardrail[1],) if self.guardrail else (),
            "guardrail_arn": tuple(one for one in self.enforced_guardrails if one.startswith("arn:")),
            "enforced_guardrail": tuple(one for one in self.enforced_guardrails if not one.startswith("arn:")),
            "key": (
                *self.document_keys,
                *self.answer_keys,
                *(key for key in (self.guardrail_key, self.logging_key, self.knowledge_base_key) if key),
            ),
            "secret": self.third_party_secrets,
            "product": self.products,
        }
