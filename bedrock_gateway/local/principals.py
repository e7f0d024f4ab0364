"""Who is calling, and every policy that bears on them, read out of moto's IAM and STS state.

moto holds users, groups, roles, policies and sessions; what it says about rights is not used. Nothing is copied: a
policy changed a moment ago counts now.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.iam.evaluate import AccessRequest, Decision, Layers, PrincipalRef, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Credentials", "Directory", "Principal", "parsed"]

_ROLE_NAME = re.compile(r"arn:[^:]+:iam::\d{12}:role/(?:.*/)?([^/]+)$")


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller."""

    kind: str
    """``root``, ``user``, ``role`` (a session of one) or ``service``."""
    arn: str
    """As AWS shows it: for a session ``arn:…:sts::…:assumed-role/NAME/SESSION``."""
    account: str
    user_id: str = ""
    name: str = ""
    """User or role name."""
    role_arn: str | None = None
    session_policy: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def ref(self) -> PrincipalRef:
        """How policies can name this principal."""
        kind = "Service" if self.kind == "service" else "AWS"
        return PrincipalRef(self.arn, self.account, kind, self.role_arn)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a signature is checked against."""

    secret: str
    principal: Principal
    token: str | None = None
    expires: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether temporary credentials are over."""
        return self.expires is not None and now >= self.expires


@lru_cache(maxsize=2048)
def _parse(text: str) -> Policy | None:
    try:
        return Policy.parse(text)
    except PolicyError:
        return None


def parsed(document: Any) -> Policy | None:
    """Return a policy document of moto's state, parsed once per text; None where there is none, or IAM would refuse it."""
    if not document:
        return None
    return _parse(document.decode() if isinstance(document, bytes) else str(document))


def _compact(documents: list[Any]) -> tuple[Policy, ...]:
    return tuple(policy for policy in map(parsed, documents) if policy is not None)


class Directory:
    """IAM and STS of one account and partition."""

    def __init__(self, account: str, partition: str, root_key: str, root_secret: str) -> None:
        self.account = account
        self.partition = partition
        self._root_key = root_key
        root = Principal("root", f"arn:{partition}:iam::{account}:root", account, account)
        self._root = Credentials(root_secret, root)

    @property
    def root(self) -> Principal:
        """The account's root user."""
        return self._root.principal

    @property
    def _iam(self) -> Any:
        from moto.backends import get_backend

        return get_backend("iam")[self.account][self.partition]

    @property
    def _sts(self) -> Any:
        from moto.backends import get_backend

        return get_backend("sts")[self.account][self.partition]

    def credentials(self, key_id: str) -> Credentials | None:
        """Return what belongs to an access key id, or None where nobody has it."""
        if key_id == self._root_key:
            return self._root
        session = self._sts.get_assumed_role_from_access_key(key_id)
        if session is not None:
            return self._session(session)
        key = self._iam.access_keys.get(key_id)
        if key is None or key.status != "Active" or key.user_name not in self._iam.users:
            return None
        user = self._iam.users[key.user_name]
        principal = Principal("user", user.arn, self.account, user.id, user.name, tags=self._tags(user))
        return Credentials(key.secret_access_key, principal)

    def _session(self, session: Any) -> Credentials:
        role = self.role(session.role_arn)
        principal = Principal(
            "role",
            session.arn,
            self.account,
            session.user_id,
            role.name if role else session.role_arn.rpartition("/")[2],
            role.arn if role else session.role_arn,
            session.policy or None,
            self._tags(role) if role else {},
        )
        expires = session.expiration
        expires = expires if expires.tzinfo else expires.replace(tzinfo=timezone.utc)
        return Credentials(session.secret_access_key, principal, session.session_token, expires)

    @staticmethod
    def _tags(owner: Any) -> dict[str, str]:
        tags = getattr(owner, "tags", None) or {}
        return {key: value["Value"] if isinstance(value, dict) else value for key, value in dict(tags).items()}

    def role(self, arn_or_name: str) -> Any | None:
        """Return moto's role of that ARN or name, or None."""
        found = _ROLE_NAME.match(arn_or_name)
        name = found[1] if found else arn_or_name
        role = next((one for one in self._iam.roles.values() if one.name == name), None)
        return None if role is None or (found and role.arn != arn_or_name) else role

    def role_principal(self, arn: str, session: str) -> Principal | None:
        """Return a session of role *arn*, or None where there is no such role."""
        role = self.role(arn)
        if role is None:
            return None
        shown = f"arn:{self.partition}:sts::{self.account}:assumed-role/{role.name}/{session}"
        return Principal("role", shown, self.account, f"{role.id}:{session}", role.name, role.arn, tags=self._tags(role))

    def layers(self, principal: Principal, resource_policy: Policy | None = None) -> Layers:
        """Return every policy that bears on a request of *principal*."""
        session = (parsed(principal.session_policy),) if principal.session_policy else None
        kept = None if session is None else tuple(one for one in session if one)
        if principal.kind == "user":
            return Layers(self._of_user(principal.name), resource_policy, None, kept)
        if principal.kind == "role":
            role = self.role(principal.role_arn or principal.name)
            return Layers(self._of_role(role), resource_policy, self._boundary(role), kept)
        return Layers((), resource_policy)

    def _attached(self, owner: Any) -> list[Any]:
        return [policy.document for policy in owner.managed_policies.values()]

    @staticmethod
    def _inline(owner: Any) -> list[Any]:
        inline = owner.policies if hasattr(owner, "policies") else {}
        return [getattr(one, "policy_document", one) for one in dict(inline).values()]

    def _of_user(self, name: str) -> tuple[Policy, ...]:
        user = self._iam.users.get(name)
        if user is None:
            return ()
        owners = [user, *self._iam.get_groups_for_user(name)]
        return _compact([document for owner in owners for document in (*self._inline(owner), *self._attached(owner))])

    def _of_role(self, role: Any) -> tuple[Policy, ...]:
        return () if role is None else _compact([*self._inline(role), *self._attached(role)])

    def _boundary(self, role: Any) -> tuple[Policy, ...] | None:
        arn = getattr(role, "permissions_boundary_arn", None)
        if not arn:
            return None
        boundary = self._iam.managed_policies.get(arn)
        return _compact([boundary.document]) if boundary else ()

    def trusts(self, role: Any, who: PrincipalRef, context: Mapping[str, str], action: str = "sts:AssumeRole") -> Decision:
        """Decide by the trust policy of *role* alone whether *who* may assume it."""
        trust = parsed(role.assume_role_policy_document)
        request = AccessRequest(action, role.arn, context, who)
        return evaluate(request, Layers((), trust))

    def now(self) -> datetime:
        """The time against which expiry is judged."""
        return datetime.now(timezone.utc)
