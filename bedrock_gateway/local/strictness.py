"""What AWS refuses for what there is, or is not, and moto lets pass: tests that rely on the refusal would not see it.

Sources: S3 User Guide, bucket-owner-condition; IAM API Reference, CreateRole, PutRolePermissionsBoundary, DeleteUser,
DeleteGroup and DeletePolicy; STS API Reference, AssumeRole. The texts are not AWS's in every word. Not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.local.identity.facts import Principal
    from bedrock_gateway.local.principals import Directory

__all__ = ["refuse_in_use", "refuse_overlong", "refuse_unfounded"]

_CHAINED_SECONDS = 3600


def refuse_unfounded(service: str, params: Mapping[str, Any], directory: Directory) -> None:
    """Pass a request that names nothing which it only believes to be so.

    Raises:
        Fault: the bucket belongs to another account than it expects, or the boundary that it sets does not exist.
    """
    expected = params.get("ExpectedBucketOwner") if service == "s3" else None
    owner = directory.bucket_owner(str(params.get("Bucket"))) or directory.account
    if expected not in {None, owner}:
        raise Fault("AccessDenied", "Access Denied", 403)
    boundary = params.get("PermissionsBoundary") if service == "iam" else None
    if boundary is not None and not directory.has_policy(str(boundary)):
        text = f"Scope ARN: {boundary} does not exist or is not attachable."
        raise Fault("NoSuchEntity", text, 404)


def refuse_overlong(operation: str, params: Mapping[str, Any], caller: Principal, directory: Directory) -> None:
    """Pass a request that asks for no longer session than the role has, or a role assumed by a session may have.

    Raises:
        Fault: it asks for more.
    """
    seconds = params.get("DurationSeconds") if operation == "AssumeRole" else None
    if not seconds:
        return
    if caller.kind == "role" and seconds > _CHAINED_SECONDS:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        raise Fault("ValidationError", text, 400)
    role = directory.role(str(params.get("RoleArn")))
    if role is not None and seconds > (role.max_session_duration or _CHAINED_SECONDS):
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise Fault("ValidationError", text, 400)


def refuse_in_use(service: str, operation: str, params: Mapping[str, Any], directory: Directory) -> None:
    """Pass a request that deletes no user, group or policy of which something is left.

    Raises:
        Fault: something is; AWS wants it removed first.
    """
    held = _HELD.get(operation) if service == "iam" else None
    for what in held(params, directory.iam) if held else ():
        raise Fault("DeleteConflict", f"Cannot delete entity, must {what} first.", 409)


def _held_by_user(params: Mapping[str, Any], iam: Any) -> Iterator[str]:
    user = iam.users.get(params.get("UserName"))
    if user is None:
        return
    if user.access_keys:
        yield "delete access keys"
    if user.password is not None:
        yield "delete login profile"
    if user.mfa_devices:
        yield "deactivate MFA devices"
    if any(user in group.users for group in iam.groups.values()):
        yield "remove users from group"


def _held_by_group(params: Mapping[str, Any], iam: Any) -> Iterator[str]:
    group = iam.groups.get(params.get("GroupName"))
    if group is None:
        return
    if group.users:
        yield "remove users from group"
    if group.managed_policies:
        yield "detach all policies"
    if group.policies:
        yield "delete policies"


def _held_by_policy(params: Mapping[str, Any], iam: Any) -> Iterator[str]:
    arn = params.get("PolicyArn")
    policy = iam.managed_policies.get(arn)
    if policy is None:
        return
    holders = (*iam.roles.values(), *iam.groups.values(), *iam.users.values())
    if any(arn in one.managed_policies for one in holders):
        yield "detach all entities"
    if len(policy.versions) > 1:
        yield "delete the policy's other versions"


_HELD: Mapping[str, Callable[[Mapping[str, Any], Any], Iterator[str]]] = {
    "DeleteUser": _held_by_user,
    "DeleteGroup": _held_by_group,
    "DeletePolicy": _held_by_policy,
}
