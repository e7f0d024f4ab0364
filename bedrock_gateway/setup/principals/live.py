"""What is there of one principal, as properties that can be compared with what is to be. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import AccessDeniedError
from bedrock_gateway.setup.logging.merging import parsed
from bedrock_gateway.setup.principals.desired import ROLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.asking import Asking
    from bedrock_gateway.setup.principals.desired import Wanted
    from bedrock_gateway.setup.resource import Resource

__all__ = ["Live", "Version", "read", "read_members"]

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a managed policy."""

    id: str
    default: bool

    @property
    def number(self) -> int:
        """IAM counts them up: ``v7`` is newer than ``v6``."""
        return int(self.id.removeprefix("v"))


@dataclass
class Live:
    """What is there; nothing where nothing was looked at."""

    before: dict[tuple[str, str], Properties | None] = field(default_factory=dict)
    versions: dict[str, tuple[Version, ...]] = field(default_factory=dict)
    """Name of a policy → its versions."""
    members: tuple[str, ...] = ()
    """Names of all users in the group."""
    boundary: Mapping[str, Any] | None = None
    """What caps the principal; None: there is no such policy, or it was not looked at."""

    def of(self, one: Resource) -> Properties | None:
        """The properties of *one* as they are; None: it does not exist."""
        return self.before.get(one.key)


def _found(asking: Asking, operation: str, place: str, **params: Any) -> Flow[dict[str, Any] | None]:
    """What IAM has under our path; None: there is none.

    A policy that is limited to our path does not permit to ask for what is not there, or what is elsewhere: IAM names
    either without our path. So a denial that names it with our path is one. Not verified against AWS.
    """
    try:
        return (yield from asking.look("iam", operation, **params))
    except AccessDeniedError as error:
        if error.resource is not None and error.resource.endswith(f":{place}"):
            raise
        return None


def _all(asking: Asking, operation: str, member: str, **params: Any) -> Flow[list[Any]]:
    """Every page of a listing; IAM truncates at 100."""
    found: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        page = yield from asking.ask("iam", operation, **params, **more)
        found += page.get(member) or ()
        if not page.get("IsTruncated"):
            return found
        more = {"Marker": page["Marker"]}


def _tags(entity: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Key": one["Key"], "Value": one["Value"]} for one in entity.get("Tags") or ()]


def _bound(entity: Mapping[str, Any]) -> Properties:
    bound = (entity.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    return {"PermissionsBoundary": bound} if bound else {}


def _read_policy(asking: Asking, wanted: Wanted, name: str, live: Live) -> Flow[Properties | None]:
    arn = f"{wanted.policy_prefix}{name}"
    found = yield from asking.look("iam", "GetPolicy", PolicyArn=arn)
    if found is None:
        return None
    policy = found["Policy"]
    version = yield from asking.ask("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=policy["DefaultVersionId"])
    listed = yield from _all(asking, "ListPolicyVersions", "Versions", PolicyArn=arn)
    live.versions[name] = tuple(Version(one["VersionId"], bool(one["IsDefaultVersion"])) for one in listed)
    return {
        "ManagedPolicyName": policy["PolicyName"],
        "Path": policy["Path"],
        "Description": policy.get("Description") or "",
        "PolicyDocument": parsed(version["PolicyVersion"]["Document"]),
    }


def _read_boundary(asking: Asking, arn: str) -> Flow[Mapping[str, Any] | None]:
    found = yield from asking.look("iam", "GetPolicy", PolicyArn=arn)
    if found is None:
        return None
    version = found["Policy"]["DefaultVersionId"]
    shown = yield from asking.ask("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)
    return parsed(shown["PolicyVersion"]["Document"])


def _read_role(asking: Asking, name: str) -> Flow[Properties | None]:
    found = yield from _found(asking, "GetRole", f"role/bedrock-gateway/{name}", RoleName=name)
    if found is None:
        return None
    role = found["Role"]
    attached = yield from _all(asking, "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    return {
        "RoleName": role["RoleName"],
        "Path": role["Path"],
        "AssumeRolePolicyDocument": parsed(role["AssumeRolePolicyDocument"]),
        "ManagedPolicyArns": [one["PolicyArn"] for one in attached],
        **_bound(role),
        "Tags": _tags(role),
    }


def _read_instance(asking: Asking, name: str) -> Flow[Properties | None]:
    place = f"instance-profile/bedrock-gateway/{name}"
    found = yield from _found(asking, "GetInstanceProfile", place, InstanceProfileName=name)
    if found is None:
        return None
    profile = found["InstanceProfile"]
    roles = [one["RoleName"] for one in profile.get("Roles") or ()]
    return {"InstanceProfileName": profile["InstanceProfileName"], "Path": profile["Path"], "Roles": roles}


def _read_group(asking: Asking, name: str, live: Live, *, policies: bool) -> Flow[Properties | None]:
    place = f"group/bedrock-gateway/{name}"
    found = yield from _found(asking, "GetGroup", place, GroupName=name)
    if found is None:
        return None
    more = (
        (yield from _all(asking, "GetGroup", "Users", GroupName=name)) if found.get("IsTruncated") else found["Users"]
    )
    live.members = tuple(one["UserName"] for one in more)
    listing = "ListAttachedGroupPolicies"
    attached = (yield from _all(asking, listing, "AttachedPolicies", GroupName=name)) if policies else []
    return {
        "GroupName": found["Group"]["GroupName"],
        "Path": found["Group"]["Path"],
        "ManagedPolicyArns": [one["PolicyArn"] for one in attached],
    }


def _read_user(asking: Asking, name: str, wanted: Wanted, live: Live) -> Flow[Properties | None]:
    found = yield from _found(asking, "GetUser", f"user/bedrock-gateway/{name}", UserName=name)
    if found is None:
        return None
    user = found["User"]
    groups = [wanted.entity] if name in live.members else []
    return {
        "UserName": user["UserName"],
        "Path": user["Path"],
        "Groups": groups,
        **_bound(user),
        "Tags": _tags(user),
    }


def read(asking: Asking, wanted: Wanted) -> Flow[Live]:
    """Look at everything that *wanted* names."""
    live = Live()
    if wanted.boundary is not None:
        live.boundary = yield from _read_boundary(asking, wanted.boundary)
    for one in wanted.policies:
        live.before[one.key] = yield from _read_policy(asking, wanted, one.name, live)
    holder = wanted.holder
    if holder.kind == ROLE:
        live.before[holder.key] = yield from _read_role(asking, holder.name)
    else:
        live.before[holder.key] = yield from _read_group(asking, holder.name, live, policies=True)
    if wanted.instance is not None:
        live.before[wanted.instance.key] = yield from _read_instance(asking, wanted.instance.name)
    for one in wanted.users:
        live.before[one.key] = yield from _read_user(asking, one.name, wanted, live)
    return live


def read_members(asking: Asking, wanted: Wanted) -> Flow[Live]:
    """Look at the group and its users alone, as whoever may only put users into groups can."""
    live = Live()
    live.before[wanted.holder.key] = yield from _read_group(asking, wanted.holder.name, live, policies=False)
    for one in wanted.users:
        live.before[one.key] = yield from _read_user(asking, one.name, wanted, live)
    return live
