"""What is to be of one principal: its managed policies, and the role, or the group with its users. Pure.

Everything lies under the path ``/bedrock-gateway/``, and the policies of each principal below a path of its own, so that a
policy for whoever makes principals can name exactly them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway._config.identity import IDENTITY_PATH
from bedrock_gateway.capabilities.table import MARK
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.boundary import numbered, principals_boundary
from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.quotas import MANAGED_POLICIES_PER_ROLE, QUOTAS, exceeded, size_of, split
from bedrock_gateway.iam.trust import trust
from bedrock_gateway.setup.resource import Resource

if TYPE_CHECKING:
    from bedrock_gateway._config.identity import IdentityConfig
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.iam.document import Statement

__all__ = ["GROUP", "INSTANCE", "POLICY", "ROLE", "USER", "Wanted", "boundary_of", "wanted"]

POLICY, ROLE, GROUP, USER, INSTANCE = (
    f"AWS::IAM::{one}" for one in ("ManagedPolicy", "Role", "Group", "User", "InstanceProfile")
)
PATH = f"/{IDENTITY_PATH}/"
POLICIES_PER_GROUP = 10
"""Source: IAM User Guide, reference_iam-quotas; it cannot be raised."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One principal as it is to be."""

    principal: str
    mark: str
    """Value of our tag on its role, and in the description of its policies."""
    users_mark: str
    """Value of our tag on its users, who may be in several groups of the application."""
    entity: str
    """Name of its role or group."""
    policies: tuple[Resource, ...]
    holder: Resource
    """The role or the group."""
    users: tuple[Resource, ...]
    notes: tuple[str, ...]
    account: str
    partition: str
    boundary: str | None = None
    """ARN of the policy that caps it; None: nothing does."""
    instance: Resource | None = None
    """The instance profile of a role that EC2 may assume."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All of it, in the order in which it can be made."""
        instances = (self.instance,) if self.instance else ()
        return (*self.policies, self.holder, *instances, *self.users)

    @property
    def policy_prefix(self) -> str:
        """Beginning of the ARN of every policy of this principal."""
        return f"arn:{self.partition}:iam::{self.account}:policy{PATH}{self.entity}/"


def _identity(config: GatewayConfig, name: str) -> IdentityConfig:
    found = config.principals[config.principal_name(name)].identity
    if found is None:
        raise ConfigError(
            f"principal {name!r} has no identity: add [principals.{name}.identity] with `kind` (role, group or user)",
            key_path=f"principals.{name}",
        )
    return found


def wanted(config: GatewayConfig, name: str, *, strict: bool = False) -> Wanted:
    """Return what is to be of principal *name*; *strict* leaves out of its policies what is only assumed to be needed.

    Raises:
        ConfigError: it has no identity, its policy or trust cannot be made, or is beyond what IAM takes.
    """
    name = config.principal_name(name)
    identity, scope = _identity(config, name), config.scope(name)
    entity, mark = identity.named(name), f"{config.application}/{name}"
    made = generate(config.principals[name].capabilities, scope, strict=strict)
    parts = _parts(made.policy, MANAGED_POLICIES_PER_ROLE if identity.kind == "role" else POLICIES_PER_GROUP)
    policies = tuple(
        Resource(
            POLICY,
            f"{entity}-{number}",
            {
                "ManagedPolicyName": f"{entity}-{number}",
                "Path": f"{PATH}{entity}/",
                "Description": description(mark),
                "PolicyDocument": part.dump(),
            },
        )
        for number, part in enumerate(parts, 1)
    )
    prefix = f"arn:{config.partition}:iam::{config.account}:policy"
    arns = [f"{prefix}{PATH}{entity}/{one.name}" for one in policies]
    bound = {"PermissionsBoundary": f"{prefix}/{identity.boundary}"} if identity.boundary is not False else {}
    tags = {what: [{"Key": MARK, "Value": what}] for what in (mark, config.application)}
    notes = [f"warning: {one}" for one in made.warnings]
    if made.assumptions:
        notes.append(
            f"assumed: {len(made.assumptions)} grants rest on what AWS does not state: `bedrock-gateway policy`"
        )
    if identity.kind == "role":
        document, said = _trust(config, name, identity)
        role = {"RoleName": entity, "Path": PATH, "AssumeRolePolicyDocument": document.dump()}
        holder = Resource(ROLE, entity, {**role, "ManagedPolicyArns": arns, **bound, "Tags": tags[mark]})
        users: tuple[Resource, ...] = ()
        notes += said
    else:
        holder = Resource(GROUP, entity, {"GroupName": entity, "Path": PATH, "ManagedPolicyArns": arns})
        users = tuple(
            Resource(
                USER,
                one,
                {"UserName": one, "Path": PATH, "Groups": [entity], **bound, "Tags": tags[config.application]},
            )
            for one in identity.members(name)
        )
    if not bound:
        notes.append("warning: no permissions boundary: making it takes an administrator, not principal-provision")
    profile = {"InstanceProfileName": entity, "Path": PATH, "Roles": [entity]}
    instance = Resource(INSTANCE, entity, profile) if identity.runs_on_instances else None
    place = config.account, config.partition, bound.get("PermissionsBoundary"), instance
    return Wanted(name, mark, config.application, entity, policies, holder, users, tuple(notes), *place)


def description(mark: str) -> str:
    """Return by what a policy of ours is known again; IAM never changes it. CloudFormation cannot tag a policy."""
    return f"{MARK}: {mark}"


def _parts(policy: Policy, most: int) -> tuple[Policy, ...]:
    try:
        parts = split(policy)
    except PolicyError as error:
        raise ConfigError(str(error)) from None
    if len(parts) > most:
        raise ConfigError(f"{len(parts)} managed policies are more than the {most} that IAM attaches: declare less")
    return parts


def _trust(config: GatewayConfig, name: str, identity: IdentityConfig) -> tuple[Policy, list[str]]:
    """Every way into the role as one document, and what to know about it."""
    scope = config.scope(name)
    statements: list[Statement] = []
    notes: list[str] = []
    for number, one in enumerate(identity.trust):
        try:
            made = trust(one.kind, one.given(), scope)
        except ConfigError as error:
            path = f"principals.{name}.identity.trust.{number}"
            raise ConfigError(f"{path}: {error.message}", key_path=path) from None
        statements += made.policy.statements
        notes += [f"note: {text}" for text in made.notes]
    merged = dict.fromkeys(replace(one, sid=None) for one in statements)
    named = {replace(one, sid=None): one for one in reversed(statements)}
    document = Policy(tuple(numbered(named[one] for one in merged)))
    quota = QUOTAS["trust"]
    over = exceeded(document, quota)
    if over and size_of(document, quota) > (quota.ceiling or quota.limit):
        raise ConfigError(f"the trust of principal {name!r}: {over}", key_path=f"principals.{name}.identity.trust")
    return document, [*dict.fromkeys(notes), *([f"warning: {over}"] if over else [])]


def boundary_of(config: GatewayConfig, place: str) -> Policy:
    """Return the boundary *place* (path and name): what the principals that name it may do, all together.

    Raises:
        ConfigError: no principal names it, or it is larger than a managed policy may be.
    """
    named: dict[str, Any] = {
        name: one
        for name, one in config.principals.items()
        if one.identity is not None and one.identity.boundary == place
    }
    if not named:
        raise ConfigError(f"no principal has an identity with the boundary {place}")
    return principals_boundary([generate(one.capabilities, config.scope(name)).policy for name, one in named.items()])
