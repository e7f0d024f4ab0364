"""The scope that capabilities are applied to: every name that a policy may hold, checked once, here.

What is in a `Scope` can stand in an ARN or a condition: no value holds a wildcard or a policy variable, and none is
longer than AWS lets it be. Options that change what IAM must grant are fields like the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bedrock_gateway.capabilities.models import is_region, parse_model_id
from bedrock_gateway.errors import ConfigError

__all__ = ["Scope", "checked"]

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
