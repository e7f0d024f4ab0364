"""The types of THE table, and the scope it is applied to.

A `Capability` is what a team asks for; its `Operation` rows say what is called on AWS, whether it may be sent again,
and in `Leg` rows what IAM must grant for it. The client, the policy generator, the preflight and the docs read these
rows; none of them has a table of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bedrock_gateway.capabilities.models import is_region, parse_model_id
from bedrock_gateway.errors import ConfigError

__all__ = ["Capability", "Condition", "Confidence", "Leg", "Operation", "Resend", "Resource", "Scope", "checked"]

Resend = Literal["free", "token", "billed"]
"""After an outcome that is not known: ``free`` reads or converges, ``token`` is deduplicated by AWS, ``billed`` would be
paid twice."""

Confidence = Literal["H", "M", "L", "?"]
"""H: AWS states it. M: one source, or sources disagree and the choice is argued. L: third-party evidence. ?: not
confirmed. L and ? are emitted as assumed."""

Resource = Literal[
    "*",
    "model",
    "profile",
    "foundation-model",
    "guardrail",
    "knowledge-base",
    "knowledge-base-role",
    "provisioned-role",
    "logging-role",
    "managed-policies",
    "logging-group",
    "logging-bucket",
    "document-bucket",
    "document-object",
    "vector-bucket",
    "vector-index",
]
"""What a leg is about; `iam.generate` turns it into the ARNs of a `Scope`."""

Condition = Literal["passed-to-bedrock", "document-prefix", "bounded"]
"""``bounded``: the role must have the permissions boundary of the scope."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One (action, resource) that IAM must allow for an operation."""

    action: str
    resource: Resource
    confidence: Confidence = "H"
    source: str = "service authorization reference"
    condition: Condition | None = None
    only_with: Literal["guardrail"] | None = None
    """Needed only where the scope has this option."""
    why: str = ""


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


@dataclass(frozen=True, slots=True)
class Capability:
    """A thing a team asks for."""

    name: str
    summary: str
    kind: Literal["runtime", "administration", "preflight"]
    operations: tuple[Operation, ...]
    inseparable: str = ""
    """What the same policy also permits, because IAM cannot tell it apart."""


_NAMES = {
    "account": re.compile(r"[0-9]{12}"),
    "partition": re.compile(r"aws|aws-us-gov"),
    "role": re.compile(r"(?:[A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}"),
    "bucket": re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "prefix": re.compile(r"[^*?${}\x00-\x1f\x7f-\U0010ffff]{0,900}"),
    "log_group": re.compile(r"[A-Za-z0-9._/#-]{1,512}"),
    "knowledge_base": re.compile(r"[0-9A-Z]{10}"),
    "guardrail": re.compile(r"[a-z0-9]{1,64}"),
    "version": re.compile(r"DRAFT|[1-9][0-9]{0,7}"),
    "vector_bucket": re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    "vector_index": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
}


def checked(kind: str, value: str, *, name: str | None = None) -> str:
    """Return *value* if it is a well-formed *kind*; it can then stand in an ARN without widening it.

    Raises:
        ConfigError: it is not. Wildcards and policy variables never are.
    """
    if not _NAMES[kind].fullmatch(value):
        raise ConfigError(f"{value[:200]!r} is not a valid {name or kind.replace('_', ' ')}", key_path=name)
    return value


@dataclass(frozen=True, slots=True)
class Scope:
    """What the capabilities of one principal apply to: the input of `iam.generate`."""

    region: str
    account: str
    partition: str = "aws"
    models: tuple[str, ...] = ()
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
    documents: tuple[tuple[str, str], ...] = ()
    """(bucket, prefix) of the knowledge bases' sources."""
    vector_indexes: tuple[tuple[str, str], ...] = ()
    """(vector bucket, index) of the knowledge bases' stores."""
    embedding_models: tuple[str, ...] = ()
    guardrail: tuple[str, str] | None = None
    """(id, version)."""
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
        for model in (*self.models, *self.embedding_models):
            parse_model_id(model)
        for kind, values in self._named().items():
            for value in values:
                checked(kind, value)

    def _named(self) -> dict[str, tuple[str, ...]]:
        return {
            "knowledge_base": self.knowledge_bases,
            "role": (*self.knowledge_base_roles, self.logging_role, self.boundary),
            "log_group": (self.log_group,),
            "bucket": (*((self.logging_bucket,) if self.logging_bucket else ()), *(one for one, _ in self.documents)),
            "prefix": (self.logging_prefix, *(prefix for _, prefix in self.documents)),
            "vector_bucket": tuple(bucket for bucket, _ in self.vector_indexes),
            "vector_index": tuple(index for _, index in self.vector_indexes),
            "guardrail": (self.guardrail[0],) if self.guardrail else (),
            "version": (self.guardrail[1],) if self.guardrail else (),
        }
