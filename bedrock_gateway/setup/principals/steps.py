"""The calls that a change takes, each needed by itself, so that going on after any of them ends at the same. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.setup.logging.merging import same
from bedrock_gateway.setup.principals.desired import GROUP, INSTANCE, POLICY, ROLE, USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bedrock_gateway.setup.principals.desired import Wanted
    from bedrock_gateway.setup.principals.live import Live, Version
    from bedrock_gateway.setup.resource import Change

__all__ = ["MEMBERS", "PROVISION", "VERSIONS", "Step", "steps", "steps_back"]

PROVISION, MEMBERS = "principal-provision", "group-members"
VERSIONS = 5
"""How many versions a managed policy may have. Source: IAM User Guide, reference_iam-quotas."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of IAM."""

    operation: str
    resource: str
    """Name of what it is about."""
    params: Mapping[str, Any] = field(default_factory=dict)
    capability: str = PROVISION


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _oldest(versions: Sequence[Version]) -> Version:
    return min((one for one in versions if not one.default), key=lambda one: one.number)


def _write(arn: str, name: str, document: Mapping[str, Any], versions: Sequence[Version]) -> Iterator[Step]:
    """A new default version; where there are as many as IAM keeps, the oldest that is not in force goes first."""
    if len(versions) >= VERSIONS:
        yield Step("DeletePolicyVersion", name, {"PolicyArn": arn, "VersionId": _oldest(versions).id})
    new = {"PolicyArn": arn, "PolicyDocument": _text(document), "SetAsDefault": True}
    yield Step("CreatePolicyVersion", name, new)


def _policy(change: Change, wanted: Wanted, live: Live) -> Iterator[Step]:
    one = change.resource
    if change.before is None:
        made = {"PolicyName": one.name, **{name: one.properties[name] for name in ("Path", "Description")}}
        yield Step("CreatePolicy", one.name, {**made, "PolicyDocument": _text(one.properties["PolicyDocument"])})
    else:
        arn = f"{wanted.policy_prefix}{one.name}"
        yield from _write(arn, one.name, one.properties["PolicyDocument"], live.versions.get(one.name, ()))


def _attached(kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Step]:
    """First what is to be there, then away with the rest: in between nothing is missing."""
    named = {f"{kind}Name": name}
    was, is_to_be = before.get("ManagedPolicyArns", ()), after.get("ManagedPolicyArns", ())
    for arn in (one for one in is_to_be if one not in was):
        yield Step(f"Attach{kind}Policy", name, {**named, "PolicyArn": arn})
    for arn in (one for one in was if one not in is_to_be):
        yield Step(f"Detach{kind}Policy", name, {**named, "PolicyArn": arn})


def _given(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: properties[name] for name in names if name in properties}


def _role(change: Change, _: Wanted, __: Live) -> Iterator[Step]:
    one, before = change.resource, change.before
    after = one.properties
    trust = after["AssumeRolePolicyDocument"]
    if before is None:
        made = _given(after, "RoleName", "Path", "PermissionsBoundary", "Tags")
        yield Step("CreateRole", one.name, {**made, "AssumeRolePolicyDocument": _text(trust)})
    else:
        if not same(before["AssumeRolePolicyDocument"], trust):
            new = {"RoleName": one.name, "PolicyDocument": _text(trust)}
            yield Step("UpdateAssumeRolePolicy", one.name, new)
        yield from _tagged("Role", one.name, before, after)
    yield from _attached("Role", one.name, before or {}, after)


def _tagged(kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Step]:
    new = [one for one in after["Tags"] if one not in before["Tags"]]
    if new:
        yield Step(f"Tag{kind}", name, {f"{kind}Name": name, "Tags": new})


def _group(change: Change, _: Wanted, __: Live) -> Iterator[Step]:
    one = change.resource
    if change.before is None:
        yield Step("CreateGroup", one.name, _given(one.properties, "GroupName", "Path"))
    yield from _attached("Group", one.name, change.before or {}, one.properties)


def _instance(change: Change, _: Wanted, __: Live) -> Iterator[Step]:
    one = change.resource
    if change.before is None:
        made = _given(one.properties, "InstanceProfileName", "Path")
        yield Step("CreateInstanceProfile", one.name, made)
    for role in one.properties["Roles"]:
        if role not in (change.before or {}).get("Roles", ()):
            yield Step("AddRoleToInstanceProfile", one.name, {"InstanceProfileName": one.name, "RoleName": role})


def _user(change: Change, _: Wanted, __: Live) -> Iterator[Step]:
    one, before = change.resource, change.before
    if before is None:
        made = _given(one.properties, "UserName", "Path", "PermissionsBoundary", "Tags")
        yield Step("CreateUser", one.name, made)
    else:
        yield from _tagged("User", one.name, before, one.properties)
    for group in one.properties["Groups"]:
        if group not in (before or {}).get("Groups", ()):
            yield Step("AddUserToGroup", one.name, {"GroupName": group, "UserName": one.name}, MEMBERS)


_STEPS: Mapping[str, Callable[[Change, Wanted, Live], Iterator[Step]]] = {
    POLICY: _policy,
    ROLE: _role,
    GROUP: _group,
    INSTANCE: _instance,
    USER: _user,
}


def steps(change: Change, wanted: Wanted, live: Live) -> tuple[Step, ...]:
    """Return the calls that make *change*; none where there is nothing to do."""
    return tuple(_STEPS[change.resource.kind](change, wanted, live)) if change.action in {"create", "update"} else ()


# -- the way back ----------------------------------------------------------------------------------------------------------


def _policy_back(change: Change, wanted: Wanted, live: Live) -> Iterator[Step]:
    one, arn = change.resource, f"{wanted.policy_prefix}{change.resource.name}"
    if change.before is not None:
        there = live.of(one)
        if there and not same(there["PolicyDocument"], change.before["PolicyDocument"]):
            yield from _write(arn, one.name, change.before["PolicyDocument"], live.versions.get(one.name, ()))
        return
    for version in live.versions.get(one.name, ()):
        if not version.default:
            yield Step("DeletePolicyVersion", one.name, {"PolicyArn": arn, "VersionId": version.id})
    yield Step("DeletePolicy", one.name, {"PolicyArn": arn})


def _holder_back(kind: str) -> Callable[[Change, Wanted, Live], Iterator[Step]]:
    def back(change: Change, wanted: Wanted, live: Live) -> Iterator[Step]:
        one, there = change.resource, live.of(change.resource) or {}
        before: Mapping[str, Any] = change.before or {}
        trust = before.get("AssumeRolePolicyDocument")
        if trust and not same(there["AssumeRolePolicyDocument"], trust):
            yield Step("UpdateAssumeRolePolicy", one.name, {"RoleName": one.name, "PolicyDocument": _text(trust)})
        # What others have attached since stays attached.
        others = [arn for arn in there["ManagedPolicyArns"] if not arn.startswith(wanted.policy_prefix)]
        ours = [arn for arn in before.get("ManagedPolicyArns", ()) if arn.startswith(wanted.policy_prefix)]
        yield from _attached(kind, one.name, there, {"ManagedPolicyArns": [*others, *ours]})
        if change.before is None:
            yield Step(f"Delete{kind}", one.name, {f"{kind}Name": one.name})

    return back


def _instance_back(change: Change, _: Wanted, live: Live) -> Iterator[Step]:
    one, there = change.resource, live.of(change.resource) or {}
    named = {"InstanceProfileName": one.name}
    for role in there["Roles"]:
        if role in one.properties["Roles"] and role not in (change.before or {}).get("Roles", ()):
            yield Step("RemoveRoleFromInstanceProfile", one.name, {**named, "RoleName": role})
    if change.before is None:
        yield Step("DeleteInstanceProfile", one.name, named)


def _user_back(change: Change, wanted: Wanted, live: Live) -> Iterator[Step]:
    one, there = change.resource, live.of(change.resource) or {}
    if wanted.entity in there["Groups"] and wanted.entity not in (change.before or {}).get("Groups", ()):
        yield Step("RemoveUserFromGroup", one.name, {"GroupName": wanted.entity, "UserName": one.name}, MEMBERS)
    if change.before is None:
        yield Step("DeleteUser", one.name, {"UserName": one.name})


_BACK: Mapping[str, Callable[[Change, Wanted, Live], Iterator[Step]]] = {
    POLICY: _policy_back,
    ROLE: _holder_back("Role"),
    GROUP: _holder_back("Group"),
    INSTANCE: _instance_back,
    USER: _user_back,
}


def steps_back(change: Change, wanted: Wanted, live: Live) -> tuple[Step, ...]:
    """Return the calls that undo *change*, whose ``before`` is to be again; none where that is gone already."""
    return tuple(_BACK[change.resource.kind](change, wanted, live)) if live.of(change.resource) is not None else ()
