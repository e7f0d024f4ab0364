"""What is known of a caller, of its credentials, and of an IAM entity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bedrock_gateway.iam.evaluate import PrincipalRef

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Credentials", "Entity", "Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller."""

    kind: str
    """``root``, ``user``, ``role`` (a session of one) or ``service``."""
    arn: str
    """As AWS shows it: for a session ``arn:…:sts::…:assumed-role/NAME/SESSION``; for a service its name."""
    account: str
    user_id: str = ""
    name: str = ""
    """User or role name."""
    role_arn: str | None = None
    session_policy: str | None = None
    """The inline session policy, as given to AssumeRole."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The principal's own tags, with those of the session over them."""
    session_policy_arns: tuple[str, ...] = ()
    mfa: bool | None = None
    """Whether the session was made with MFA; None for long-term keys, which carry no such fact."""
    source_identity: str | None = None
    """Who is behind a session; it stays, and cannot change, when the session assumes a further role."""
    transitive_tags: Mapping[str, str] = field(default_factory=dict)
    """Session tags that pass on to the sessions of further roles."""
    issued: datetime | None = None
    """When temporary credentials were made; None for long-term keys."""

    @property
    def ref(self) -> PrincipalRef:
        """How policies can name this principal."""
        kind = "Service" if self.kind == "service" else "AWS"
        return PrincipalRef(self.arn, self.account, kind, self.role_arn)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a signature is checked against."""

    secret: str = field(repr=False)
    principal: Principal
    token: str | None = field(default=None, repr=False)
    expires: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether temporary credentials are over."""
        return self.expires is not None and now >= self.expires


@dataclass(frozen=True, slots=True)
class Entity:
    """A role, user, group or instance profile, as far as a demand depends on it."""

    arn: str
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
