"""What a configuration declares of invocation logging, and the resources that it takes in an empty account. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.table import MARK
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.iam.documents.keys import KEYS
from bedrock_gateway.iam.documents.template import assemble, fill
from bedrock_gateway.iam.resources import boundary_arn
from bedrock_gateway.preflight.fixes import MODALITIES, declared_destination

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.iam.document import Policy

__all__ = ["CAPABILITY", "DEFAULT_RETENTION_DAYS", "OWNED", "PUBLIC_ACCESS", "Declared", "Place", "flag"]

CAPABILITY = "logging-admin"
DEFAULT_RETENTION_DAYS = 365
"""Of a log group that is made, where the configuration names no ``retention_days``."""
OWNED = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
"""ACLs are off: AWS needs that for the policy to work (Bedrock User Guide, model-invocation-logging)."""
PUBLIC_ACCESS = dict.fromkeys(
    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
)


_ACCOUNT = 4
"""Which part of an ARN is the account."""


def flag(modality: str) -> str:
    """Return the member of ``loggingConfig`` that has bodies of *modality* delivered."""
    return f"{modality}DataDeliveryEnabled"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in S3 logs go."""

    bucket: str
    prefix: str = ""


@dataclass(frozen=True)
class Declared:
    """See the module."""

    config: GatewayConfig
    scope: Scope

    @classmethod
    def of(cls, config: GatewayConfig, principal: str | None = None) -> Declared:
        """Return what *config* declares, for *principal* to make.

        Raises:
            ConfigError: it declares no destination, or the principal has no ``logging-admin``.
        """
        name = config.principal_name(principal)
        if CAPABILITY not in config.principals[name].capabilities:
            raise ConfigError(
                f"principal {name!r} has not the capability {CAPABILITY!r}: setting up logging needs it",
                key_path=f"principals.{name}.capabilities",
            )
        if not declared_destination(config):
            raise ConfigError(
                "no destination is declared: add log_group or bucket to [logging]",
                key_path="logging",
            )
        return cls(config, config.scope(name))

    @property
    def mark(self) -> str:
        """The value of our tag on what set-up makes."""
        return f"{self.config.application}/logging"

    @property
    def tags(self) -> list[dict[str, str]]:
        """Our tag, as AWS has it."""
        return [{"Key": MARK, "Value": self.mark}]

    @cached_property
    def destinations(self) -> dict[str, Any]:
        """AWS's ``loggingConfig`` as far as it says where logs go."""
        return declared_destination(self.config)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose bodies are to be delivered."""
        return self.config.logging.modalities if self.config.logging else ("text",)

    @property
    def retention_days(self) -> int | None:
        """None: the configuration does not say."""
        return self.config.logging.retention_days if self.config.logging else None

    @property
    def log_group(self) -> str | None:
        """None: logs do not go to CloudWatch Logs."""
        found = self.destinations.get("cloudWatchConfig", {}).get("logGroupName")
        return None if found is None else str(found)

    @property
    def role_arn(self) -> str:
        """ARN of the role that delivers to CloudWatch Logs."""
        return f"arn:{self.scope.partition}:iam::{self.scope.account}:role/{self.scope.logging_role}"

    def about_role(self, name: str, *known: Mapping[str, Any] | None) -> Declared:
        """Return this of the role that set-up changed, by what is *known* of it: by now another one may be declared."""
        path = next((str(one["Path"]) for one in known if one and "Path" in one), self.role_path)
        return replace(self, scope=replace(self.scope, logging_role=f"{path}{name}".lstrip("/")))

    @property
    def role(self) -> str:
        """Its bare name."""
        return self.scope.logging_role.rpartition("/")[2]

    @property
    def role_path(self) -> str:
        """Its path, with both slashes."""
        return _path(self.scope.logging_role)

    @property
    def role_policy(self) -> str:
        """Name of the inline policy that is ours. A role may serve several Regions: each has a policy of its own."""
        return f"bedrock-invocation-logs-{self.config.region}"

    @cached_property
    def documents(self) -> roles.RoleDocuments:
        """Trust and permissions of the role."""
        return roles.logging_role(self.scope)

    @property
    def boundary(self) -> str:
        """ARN of the permissions boundary that a role made by us has."""
        return boundary_arn(self.scope)

    @property
    def boundary_name(self) -> str:
        """Its bare name."""
        return self.scope.boundary.rpartition("/")[2]

    @property
    def boundary_path(self) -> str:
        """Its path, with both slashes."""
        return _path(self.scope.boundary)

    @cached_property
    def boundary_document(self) -> Policy:
        """The document of the boundary."""
        return boundary(self.scope)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where in S3 logs and large bodies go."""
        large = self.destinations.get("cloudWatchConfig", {}).get("largeDataDeliveryS3Config")
        given = [one for one in (self.destinations.get("s3Config"), large) if one]
        return tuple(dict.fromkeys(Place(one["bucketName"], one.get("keyPrefix") or "") for one in given))

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets of `places`, each once."""
        return tuple(dict.fromkeys(one.bucket for one in self.places))

    @property
    def key(self) -> str | None:
        """ARN of the KMS key that the buckets are encrypted with; None: S3's own keys."""
        return self.scope.logging_key if self.buckets else None

    @property
    def key_is_ours(self) -> bool:
        """Whether the key is of this account: in another one nobody of ours can change its policy."""
        return self.key is not None and self.key.split(":")[_ACCOUNT] == self.config.account

    @cached_property
    def key_statements(self) -> Policy:
        """The policy that lets Bedrock write under the key."""
        return assemble(fill(KEYS["logging"], {}, self.scope)).policy

    @property
    def encryption(self) -> dict[str, Any]:
        """The encryption of a bucket under the key, as CloudFormation has it."""
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key}
        rule = {"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
        return {"ServerSideEncryptionConfiguration": [rule]}

    def bucket_statements(self, place: Place) -> Policy:
        """Return the policy that lets Bedrock write to *place*."""
        return roles.logging_bucket(replace(self.scope, logging_bucket=place.bucket, logging_prefix=place.prefix))

    def flags(self, known: frozenset[str]) -> dict[str, bool]:
        """Return which bodies are delivered, of a configuration that is new; *known*: the members botocore can send."""
        every = {flag(one): one in self.modalities for one in MODALITIES}
        return {name: on for name, on in every.items() if on or name in known}


def _path(name: str) -> str:
    folder = name.rpartition("/")[0]
    return f"/{folder}/" if folder else "/"
