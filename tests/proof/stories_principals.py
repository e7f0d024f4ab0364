"""The calls of the capabilities that make principals: policies, a role, a group, a user in it, a key of that user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .setting import Call, Setting, Story

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STORIES"]

GONE = frozenset({"NoSuchEntity"})
MARK = [{"Key": "bedrock-gateway", "Value": "helpdesk/app"}]


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


CALL_MODELS = _document({"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"})


def _trust(s: Setting) -> str:
    return _document(
        {"Effect": "Allow", "Principal": {"AWS": s.arn("iam", "root", region="")}, "Action": "sts:AssumeRole"}
    )


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _policy(s: Setting, owner: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What makes the policy of a role or group, and what names it."""
    made = {"PolicyName": f"{_name(owner)}-1", "Path": f"/{owner}/", "PolicyDocument": CALL_MODELS}
    return made, {"PolicyArn": s.arn("iam", f"policy/{owner}/{_name(owner)}-1", region="")}


def _written(made: dict[str, Any], policy: dict[str, Any]) -> Story:
    """A managed policy, changed once."""
    yield Call("iam", "CreatePolicy", made)
    yield Call("iam", "GetPolicy", policy)
    yield Call("iam", "CreatePolicyVersion", {**policy, "PolicyDocument": CALL_MODELS, "SetAsDefault": True})
    yield Call("iam", "ListPolicyVersions", policy)
    yield Call("iam", "GetPolicyVersion", {**policy, "VersionId": "v1"})
    yield Call("iam", "DeletePolicyVersion", {**policy, "VersionId": "v1"})


def _principal_provision(s: Setting) -> Story:
    bound = {"PermissionsBoundary": s.arn("iam", f"policy/{s.principal_boundary}", region="")}
    role, group, user = (_name(one) for one in (s.principal_role, s.principal_group, s.principal_user))
    made, policy = _policy(s, s.principal_role)
    boundary = {"PolicyArn": bound["PermissionsBoundary"]}
    yield Call("iam", "GetPolicy", boundary)
    yield Call("iam", "GetPolicyVersion", {**boundary, "VersionId": "v1"})
    yield from _written(made, policy)
    path = {"Path": f"/{s.principal_role.rpartition('/')[0]}/"}
    named = {"RoleName": role}
    yield Call("iam", "CreateRole", {**named, **path, **bound, "AssumeRolePolicyDocument": _trust(s), "Tags": MARK})
    yield Call("iam", "GetRole", named)
    yield Call("iam", "TagRole", {**named, "Tags": MARK})
    yield Call("iam", "AttachRolePolicy", {**named, **policy})
    yield Call("iam", "ListAttachedRolePolicies", named)
    yield Call("iam", "UpdateAssumeRolePolicy", {**named, "PolicyDocument": _trust(s)})
    instance = {"InstanceProfileName": _name(s.principal_instance)}
    role_in_it = {**instance, "RoleName": _name(s.principal_instance)}
    yield Call("iam", "CreateInstanceProfile", {**instance, **path})
    yield Call("iam", "GetInstanceProfile", instance)
    yield Call("iam", "AddRoleToInstanceProfile", role_in_it)
    yield Call("iam", "RemoveRoleFromInstanceProfile", role_in_it)
    yield Call("iam", "DeleteInstanceProfile", instance)
    yield Call("iam", "DetachRolePolicy", {**named, **policy})
    yield Call("iam", "DeleteRole", named)
    yield Call("iam", "DeletePolicy", policy)
    group_made, group_policy = _policy(s, s.principal_group)
    named, path = {"GroupName": group}, {"Path": f"/{s.principal_group.rpartition('/')[0]}/"}
    yield from _written(group_made, group_policy)
    yield Call("iam", "CreateGroup", {**named, **path})
    yield Call("iam", "GetGroup", named)
    yield Call("iam", "AttachGroupPolicy", {**named, **group_policy})
    yield Call("iam", "ListAttachedGroupPolicies", named)
    yield Call("iam", "DetachGroupPolicy", {**named, **group_policy})
    yield Call("iam", "DeleteGroup", named)
    yield Call("iam", "DeletePolicy", group_policy)
    named, path = {"UserName": user}, {"Path": f"/{s.principal_user.rpartition('/')[0]}/"}
    yield Call("iam", "CreateUser", {**named, **path, **bound, "Tags": MARK})
    yield Call("iam", "GetUser", named)
    yield Call("iam", "TagUser", {**named, "Tags": MARK})
    yield Call("iam", "DeleteUser", named)


def _group_members(s: Setting) -> Story:
    group = {"GroupName": _name(s.principal_group)}
    both = {**group, "UserName": _name(s.principal_user)}
    yield Call("iam", "GetGroup", group)
    yield Call("iam", "GetUser", {"UserName": _name(s.principal_user)})
    yield Call("iam", "AddUserToGroup", both)
    yield Call("iam", "RemoveUserFromGroup", both)


def _access_keys(s: Setting) -> Story:
    user = {"UserName": _name(s.principal_user)}
    yield Call("iam", "GetUser", user)
    yield Call("iam", "ListAccessKeys", user)
    made = yield Call("iam", "CreateAccessKey", user)
    key = str(made["AccessKey"]["AccessKeyId"])
    yield Call("iam", "DeleteAccessKey", {**user, "AccessKeyId": key if len(key) > 16 else "AKIAIOSFODNN7EXAMPLE"})


STORIES: Mapping[str, Callable[[Setting], Story]] = {
    "principal-provision": _principal_provision,
    "group-members": _group_members,
    "access-keys": _access_keys,
}
