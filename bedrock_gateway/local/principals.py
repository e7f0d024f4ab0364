"""Who is calling, and every policy that bears on them, read out of moto's IAM and STS state.

moto holds users, groups, roles, policies and sessions; what it says about rights is not used. Nothing is copied, so a
policy changed a moment ago counts now; only what moto forgets (session tags, managed session policies, MFA, boundaries
of users) is noted here when it passes by.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.evaluate import AccessRequest, Decision, Layers, PrincipalRef, enforce
from bedrock_gateway.local.holdings import Holdings, parsed
from bedrock_gateway.local.identity.facts import Credentials, Entity, Principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bedrock_gateway.iam.document import Policy

__all__ = ["Credentials", "Directory", "Entity", "Principal", "parsed"]

_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ROLE_NAME = re.compile(r"arn:[^:]+:iam::\d{12}:role/(?:.*/)?([^/]+)$")


@dataclass(frozen=True, slots=True)
class _SessionNote:
    """What moto drops of an AssumeRole request."""

    tags: Mapping[str, str]
    policy_arns: tuple[str, ...]
    mfa: bool
    source_identity: str | None = None
    transitive_tags: Mapping[str, str] = field(default_factory=dict)
    issued: datetime | None = None


def _compact(documents: Iterable[str | None]) -> tuple[Policy, ...]:
    return tuple(policy for policy in map(parsed, documents) if policy is not None)


def _tags(owner: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in getattr(owner, "tags", None) or ()}


def _default_version(policy: Any) -> str | None:
    return next((one.document for one in policy.versions if one.version_id == policy.default_version_id), None)


class Directory(Holdings):
    """IAM and STS of one account and partition."""

    def __init__(self, account: str, partition: str, root_key: str, root_secret: str) -> None:
        super().__init__(account, partition)
        self._root_key = root_key
        root = Principal("root", f"arn:{partition}:iam::{account}:root", account, account)
        self._root = Credentials(root_secret, root)
        self._sessions: dict[str, _SessionNote] = {}
        self._user_boundaries: dict[str, str] = {}
        self._issued: dict[str, Credentials] = {}
        self.ahead = timedelta()
        """What the account's clock is ahead of this machine's."""

    @property
    def root(self) -> Principal:
        """The account's root user."""
        return self._root.principal

    @property
    def iam(self) -> Any:
        """The account's IAM, as moto keeps it."""
        return self._backend("iam")[self.partition]

    @property
    def _sts(self) -> Any:
        return self._backend("sts")[self.partition]

    def forget(self) -> None:
        """Forget what was noted beside moto's state, and every session issued here."""
        for noted in (self._sessions, self._user_boundaries, self._issued):
            noted.clear()
        self.ahead = timedelta()

    def now(self) -> datetime:
        """The time by the account's clock: signatures and expiry are judged by it, and it is in every reply."""
        return datetime.now(UTC) + self.ahead

    def credentials(self, key_id: str) -> Credentials | None:
        """Return what belongs to an access key id, or None where nobody has it."""
        if key_id == self._root_key:
            return self._root
        if key_id in self._issued:
            return self._issued_to(key_id)
        session = self._sts.get_assumed_role_from_access_key(key_id)
        if session is not None:
            return self._session(session)
        key = self.iam.access_keys.get(key_id)
        if key is None or key.status != "Active":
            return None
        principal = self.user_principal(key.user_name)
        return Credentials(key.secret_access_key, principal) if principal else None

    def _issued_to(self, key_id: str) -> Credentials | None:
        """Return credentials that `issue` made; None where their user is gone."""
        made = self._issued[key_id]
        gone = made.principal.kind == "user" and made.principal.name not in self.iam.users
        return None if gone else made

    def user_principal(self, name: str) -> Principal | None:
        """Return the user of that name as a caller, or None."""
        user = self.iam.users.get(name)
        return Principal("user", user.arn, self.account, user.id, user.name, tags=_tags(user)) if user else None

    def issue(self, principal: Principal, *, seconds: int, mfa: bool) -> dict[str, Any]:
        """Return temporary credentials with all rights of *principal*, a user or root, as STS shows them."""
        key = "ASIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))
        made = Credentials(
            secrets.token_urlsafe(30),
            replace(principal, mfa=mfa, issued=self.now()),
            secrets.token_urlsafe(96),
            self.now() + timedelta(seconds=seconds),
        )
        self._issued[key] = made
        return {
            "AccessKeyId": key,
            "SecretAccessKey": made.secret,
            "SessionToken": made.token,
            "Expiration": made.expires,
        }

    def has_policy(self, arn: str) -> bool:
        """Whether there is a managed policy of that ARN."""
        return arn in self.iam.managed_policies

    def set_user_boundary(self, name: str, arn: str | None) -> None:
        """Set the permissions boundary of a user; None takes it away."""
        if arn is None:
            self._user_boundaries.pop(name, None)
        else:
            self._user_boundaries[name] = arn

    def _session(self, session: Any) -> Credentials:
        role = self.role(session.role_arn)
        note = self._sessions.get(session.access_key_id, _SessionNote({}, (), False))
        principal = Principal(
            "role",
            session.arn,
            self.account,
            session.user_id,
            role.name if role else session.role_arn.rpartition("/")[2],
            role.arn if role else session.role_arn,
            session.policy or None,
            {**_tags(role), **note.transitive_tags, **note.tags},
            note.policy_arns,
            note.mfa,
            note.source_identity,
            note.transitive_tags,
            note.issued,
        )
        expires = session.expiration
        expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
        return Credentials(session.secret_access_key, principal, session.session_token, expires)

    def note(self, operation: str, params: Mapping[str, Any], caller: Principal | None = None) -> None:
        """Keep what moto forgets of an IAM or STS request of *caller* that it has just served."""
        if operation == "AssumeRole":
            self._note_session(params, caller or self.root)
        elif operation == "CreateUser" and params.get("PermissionsBoundary"):
            self._user_boundaries[params["UserName"]] = params["PermissionsBoundary"]
        elif operation in {"DeleteUser", "CreateUser"}:
            self._user_boundaries.pop(params["UserName"], None)

    def _note_session(self, params: Mapping[str, Any], caller: Principal) -> None:
        wanted = params.get("RoleArn"), params.get("RoleSessionName")
        made = [one for one in self._sts.assumed_roles if (one.role_arn, one.session_name) == wanted]
        if made:
            tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
            passed_on = {key: tags[key] for key in params.get("TransitiveTagKeys") or () if key in tags}
            self._sessions[made[-1].access_key_id] = _SessionNote(
                tags,
                tuple(one["arn"] for one in params.get("PolicyArns") or ()),
                bool(params.get("SerialNumber") and params.get("TokenCode")),
                caller.source_identity or params.get("SourceIdentity"),
                {**caller.transitive_tags, **passed_on},
                self.now(),
            )

    def role(self, arn_or_name: str) -> Any | None:
        """Return moto's role of that ARN or name, or None."""
        found = _ROLE_NAME.match(arn_or_name)
        name = found[1] if found else arn_or_name
        role = next((one for one in self.iam.roles.values() if one.name == name), None)
        return None if role is None or (found and role.arn != arn_or_name) else role

    def role_principal(self, arn: str, session: str) -> Principal | None:
        """Return a session of role *arn*, or None where there is no such role."""
        role = self.role(arn)
        if role is None:
            return None
        shown = f"arn:{self.partition}:sts::{self.account}:assumed-role/{role.name}/{session}"
        name, own, user_id = role.name, role.arn, f"{role.id}:{session}"
        return Principal("role", shown, self.account, user_id, name, own, tags=_tags(role), mfa=False)

    def entity(self, kind: str, name: str) -> Entity | None:
        """Return the ``role``, ``user``, ``group`` or ``instance-profile`` of that name, or None."""
        held = {
            "role": self.iam.roles,
            "user": self.iam.users,
            "group": self.iam.groups,
            "instance-profile": self.iam.instance_profiles,
        }[kind]
        found = next((one for one in held.values() if one.name == name), None)
        if found is None:
            return None
        boundary = self._user_boundaries.get(name) if kind == "user" else None
        return Entity(found.arn, getattr(found, "permissions_boundary_arn", None) or boundary, _tags(found))

    def trust_policy(self, role_arn: str) -> Policy | None:
        """Return the trust policy of a role, or None where there is no such role."""
        role = self.role(role_arn)
        return parsed(role.assume_role_policy_document) if role is not None else None

    def layers(self, principal: Principal, resource_policy: Policy | None = None) -> Layers:
        """Return every policy that bears on a request of *principal*."""
        if principal.kind == "user":
            boundary = self._boundary(self._user_boundaries.get(principal.name))
            return Layers(self._of_user(principal.name), resource_policy, boundary)
        if principal.kind == "role":
            role = self.role(principal.role_arn or principal.name)
            boundary = self._boundary(getattr(role, "permissions_boundary_arn", None))
            return Layers(self._attached_to(role), resource_policy, boundary, self._session_policies(principal))
        return Layers((), resource_policy)

    def _session_policies(self, principal: Principal) -> tuple[Policy, ...] | None:
        """None where the session was made without: then only the role's own policies count."""
        if not principal.session_policy and not principal.session_policy_arns:
            return None
        return _compact([principal.session_policy, *map(self._managed, principal.session_policy_arns)])

    def _managed(self, arn: str) -> str | None:
        policy = self.iam.managed_policies.get(arn)
        return _default_version(policy) if policy else None

    def _attached_to(self, *owners: Any) -> tuple[Policy, ...]:
        """Return the inline and managed policies of roles, users and groups."""
        return _compact(
            document
            for owner in owners
            if owner is not None
            for document in (*owner.policies.values(), *map(_default_version, owner.managed_policies.values()))
        )

    def _of_user(self, name: str) -> tuple[Policy, ...]:
        user = self.iam.users.get(name)
        return () if user is None else self._attached_to(user, *self.iam.get_groups_for_user(name))

    def _boundary(self, arn: str | None) -> tuple[Policy, ...] | None:
        """A boundary that is set but cannot be read allows nothing."""
        return _compact([self._managed(arn)]) if arn else None

    def trusts(
        self, role: Any, who: PrincipalRef, context: Mapping[str, str], action: str = "sts:AssumeRole"
    ) -> Decision:
        """Decide by the trust policy of *role* alone whether *who*, a service, may assume it."""
        request = AccessRequest(action, role.arn, context, who, resource_must_allow=True)
        return enforce(request, Layers((), parsed(role.assume_role_policy_document)))
