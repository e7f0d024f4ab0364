"""`[principals.NAME.identity]` of `gateway.toml`: as what a principal stands in IAM, and who may become it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bedrock_gateway._config.values import Role, Table, by
from bedrock_gateway.errors import ConfigError

__all__ = ["IDENTITY_PATH", "MAKES_PRINCIPALS", "PRINCIPALS_BOUNDARY", "IdentityConfig", "TrustConfig"]

IDENTITY_PATH = "bedrock-gateway"
"""IAM path of every principal that set-up makes."""
PRINCIPALS_BOUNDARY = "bedrock-gateway/AmazonBedrockGateway-principals"
MAKES_PRINCIPALS = frozenset({"principal-provision", "group-members", "access-keys"})
"""Capabilities of whoever makes principals: such a principal is an administrator's to make, not another one's."""


_ENTITY = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")


def _is_entity(name: str) -> None:
    """Source: IAM User Guide, reference_iam-quotas (names)."""
    if not _ENTITY.fullmatch(name):
        raise ConfigError("a name in IAM has letters, digits and any of +=,.@_-, 64 at most")


EntityName = Annotated[str, by(_is_entity), Field(json_schema_extra={"pattern": f"^{_ENTITY.pattern}$"})]
Values = Annotated[tuple[str, ...], Field(strict=False)]


class TrustConfig(Table):
    """Who may assume a role: the values of one trust document, as `bedrock-gateway policy trust KIND` takes them."""

    kind: Literal[
        "saml",
        "oidc",
        "irsa",
        "cognito",
        "directory-service",
        "ecs-task",
        "lambda",
        "ec2",
        "eks-pod-identity",
        "account",
    ]
    provider: str | None = None
    """Name of the SAML provider in IAM, or host of the OpenID Connect provider."""
    audience: Values = ()
    subject: Values = ()
    subject_like: Values = ()
    issuer: str | None = None
    pool: str | None = None
    """Id of the Cognito identity pool."""
    cluster: str | None = None
    """EKS cluster: the id of its OIDC issuer (``irsa``), or its name (``eks-pod-identity``)."""
    namespace: str | None = None
    service_account: Values = ()
    principal: Values = ()
    """ARNs of roles, users or accounts."""
    external_id: str | None = None
    organisation: str | None = None
    mfa: bool = False
    """Whether only sessions with multi-factor authentication may assume the role."""
    mfa_age: Annotated[int, Field(gt=0)] | None = None
    """How old the multi-factor authentication may be, in seconds."""
    tag: Values = ()
    """Session tags that may be passed: KEY, or KEY=VALUE that must be."""

    def given(self) -> dict[str, str | tuple[str, ...]]:
        """Return the values that are set, by the names of the trust documents' fields."""
        found: dict[str, str | tuple[str, ...]] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name == "kind" or value is None or value is False or value == ():
                continue
            text = "true" if value is True else str(value) if isinstance(value, int) else value
            found[name.replace("_", "-")] = text
        return found


class IdentityConfig(Table):
    """What `bedrock-gateway setup principal` makes of a principal."""

    kind: Literal["role", "group", "user"]
    """``user``: a group of that name with one user of that name in it, as policies are never attached to a user."""
    name: EntityName | None = None
    """Of the role or group, and of the one user; None: ``AmazonBedrockGateway-principal-NAME``."""
    trust: Annotated[tuple[TrustConfig, ...], Field(strict=False)] = ()
    """Who may assume the role; each entry is one more way."""
    users: Annotated[tuple[EntityName, ...], Field(strict=False)] = ()
    """Users of the group, which are made where they do not exist."""
    boundary: Role | Literal[False] = PRINCIPALS_BOUNDARY
    """Managed policy, with its path, that caps the role and the users; false: none, which takes an administrator."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> IdentityConfig:
        if self.kind == "role" and not self.trust:
            raise ValueError("a role needs `trust`: who may assume it")
        if self.kind != "role" and self.trust:
            raise ValueError(f"a {self.kind} is not assumed: `trust` belongs to a role")
        if self.kind != "group" and self.users:
            raise ValueError(f"`users` are those of a group, and this is a {self.kind}")
        if len({one.lower() for one in self.users}) != len(self.users):  # IAM compares names without regard to case
            raise ValueError("`users` names a user twice")
        return self

    @property
    def runs_on_instances(self) -> bool:
        """Whether EC2 may assume the role, which takes an instance profile."""
        return any(one.kind == "ec2" for one in self.trust)

    def named(self, principal: str) -> str:
        """Return its name in IAM, without path."""
        return self.name or f"AmazonBedrockGateway-principal-{principal}"

    def members(self, principal: str) -> tuple[str, ...]:
        """Return the names of the users in its group."""
        return (self.named(principal),) if self.kind == "user" else self.users
