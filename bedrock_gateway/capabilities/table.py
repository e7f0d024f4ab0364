"""The types of THE table.

A `Capability` is what a team asks for; its `Operation` rows say what is called on AWS, whether it may be sent again,
and in `Leg` rows what IAM must grant for it. The client, the policy generator, the preflight and the docs read these
rows; none of them has a table of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONDITIONS",
    "MARK",
    "Capability",
    "Condition",
    "Confidence",
    "Leg",
    "Operation",
    "Option",
    "Resend",
    "Resource",
]

Resend = Literal["free", "token", "billed"]
"""After an outcome that is not known: ``free`` reads or converges, ``token`` is deduplicated by AWS, ``billed`` would be
paid twice."""

Confidence = Literal["H", "M", "L", "?"]
"""H: AWS states it. M: one source, or sources disagree and the choice is argued. L: third-party evidence. ?: not
confirmed. L and ? are emitted as assumed."""

Resource = Literal[
    "*",
    "model",
    "reranker",
    "profile",
    "application-profile",
    "foundation-model",
    "marketplace-endpoint",
    "any-foundation-model",
    "any-profile",
    "batch-source",
    "batch-profile",
    "batch-role",
    "model-invocation-job",
    "guardrail",
    "guardrail-profile",
    "guardrail-profile-here",
    "guardrail-key",
    "enforced-guardrail",
    "managed-guardrail",
    "new-guardrail",
    "knowledge-base",
    "declared-knowledge-base",
    "new-knowledge-base",
    "knowledge-base-key",
    "knowledge-base-role",
    "provisioned-role",
    "logging-role",
    "principal-role",
    "principal-instance",
    "principal-instance-role",
    "principal-group",
    "principal-user",
    "principal-policy",
    "principal-boundary",
    "managed-policies",
    "any-role",
    "any-user",
    "any-group",
    "any-key",
    "any-alarm",
    "any-trail",
    "anywhere",
    "logging-group",
    "logging-bucket",
    "logging-key",
    "document-bucket",
    "document-object",
    "document-key",
    "answer-object",
    "answer-key",
    "vector-bucket",
    "vector-index",
    "collection",
    "search-linked-role",
]
"""What a leg is about; `iam.resources` turns it into the ARNs of a `Scope`. ``new-…``: AWS assigns the id when it makes
the thing, so no policy can name it before. ``any-…``: the declared ones, or all where none is declared. ``anywhere``: as
``*``, in every Region."""

MARK = "bedrock-gateway"
"""Key of the tag by which set-up knows again what it made."""

Condition = Literal[
    "passed-to-bedrock",
    "passed-to-ec2",
    "document-prefix",
    "bounded",
    "only-guarded",
    "called-via-bedrock",
    "subscribed-products",
    "bedrock-endpoint",
    "via-s3",
    "via-bedrock",
    "third-party-secret",
    "own-mark",
    "of-collection",
    "of-collection-if-known",
    "marked-for-us",
    "marked-as-ours",
    "marking-ours",
    "linked-to-search",
    "bounded-principal",
    "own-policy",
    "bounded-own-policy",
    "marked-user",
]
"""When a leg holds; `CONDITIONS` says it in words."""

CONDITIONS: Mapping[Condition, str] = MappingProxyType(
    {
        "passed-to-bedrock": "`iam:PassedToService` is Bedrock",
        "passed-to-ec2": "`iam:PassedToService` is EC2",
        "document-prefix": "`s3:prefix` is the declared one",
        "bounded": "`iam:PermissionsBoundary` is the scope's: the role has that boundary",
        "only-guarded": "`bedrock:GuardrailIdentifier` is the guardrail in its version, where the scope requires it",
        "called-via-bedrock": "`aws:CalledViaLast` is Bedrock: it asks in the caller's name",
        "subscribed-products": "`aws:CalledViaLast` is Bedrock, and `aws-marketplace:ProductId` one of the products, if any is named",
        "bedrock-endpoint": "`aws:CalledViaLast` is Bedrock, and the endpoint's tag `sagemaker-sdk:bedrock` is `compatible`",
        "via-s3": "`kms:ViaService` is S3 of the Region",
        "via-bedrock": "`kms:ViaService` is Bedrock of the Region",
        "own-mark": f"`aws:TagKeys` holds `{MARK}` and nothing else",
        "of-collection": "`aoss:collection` is the collection",
        "of-collection-if-known": "`aoss:collection` is the collection, or AWS names none as there is none",
        "marked-for-us": f"the tag `{MARK}` that is set is the collection's mark, and no other is set",
        "marked-as-ours": f"the collection carries its mark as the tag `{MARK}`",
        "marking-ours": f"both: the tag `{MARK}` that is set and the one that is there are the collection's mark",
        "linked-to-search": "`iam:AWSServiceName` is OpenSearch Serverless",
        "bounded-principal": "`iam:PermissionsBoundary` is one of the principals' boundaries: the role or user has it",
        "own-policy": "`iam:PolicyARN` is a policy of one of the principals",
        "bounded-own-policy": "both: the role is under its boundary, and the policy is one of the principals'",
        "marked-user": f"the user carries the tag `{MARK}`",
        "third-party-secret": "`bedrock:ThirdPartyKnowledgeBaseCredentialsSecretArn` is one of the secrets",
    }
)

Option = Literal[
    "guardrail",
    "guardrail_profile",
    "guardrail_key",
    "logging_key",
    "enforced_guardrails",
    "rerankers",
    "document_keys",
    "answer_documents",
    "answer_keys",
    "knowledge_base_key",
    "third_party_secrets",
    "tagging",
    "subscribe",
    "vector_indexes",
    "collections",
]
"""Fields of `Scope` that add legs where they are set."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One (action, resource) that IAM must allow for an operation."""

    action: str
    resource: Resource
    confidence: Confidence = "H"
    source: str = "service authorization reference"
    condition: Condition | None = None
    only_with: Option | None = None
    """Needed only where the scope has this option."""
    why: str = ""
    one_of: str = ""
    """AWS needs one of the legs of the operation with this mark and does not say which: all are emitted, as assumed, and
    not even ``--strict`` leaves them out, for without any of them the call cannot pass."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One AWS operation, by AWS's own name."""

    name: str
    service: str
    """botocore's service name: ``bedrock-runtime``."""
    resend: Resend
    legs: tuple[Leg, ...] = ()
    """Empty: AWS asks for no permission."""
    stream: str | None = None
    """Member of the output that is an event stream."""
    token: str | None = None
    """Member of the input that makes the call idempotent."""
    known_in: str | None = None
    """The oldest botocore of our CI that has the operation; None: every one that we take has it."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A thing a team asks for."""

    name: str
    summary: str
    kind: Literal["runtime", "administration", "read"]
    """``read`` goes with either of the others; those two never share a principal."""
    operations: tuple[Operation, ...]
    inseparable: str = ""
    """What the same policy also permits, because IAM cannot tell it apart."""
