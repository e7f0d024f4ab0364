"""STS and IAM operations that moto answers with invented identities, or not at all.

moto says ``user/moto`` for a key that it did not make, hands out one canned session, and has no boundaries of users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.strictness import refuse_unfounded

if TYPE_CHECKING:
    from bedrock_gateway.local.principals import Directory

__all__ = ["HANDLERS"]

_REGION = "us-east-1"
_DEFAULT_SECONDS, _LEAST_SECONDS, _MOST_SECONDS = 43_200, 900, 129_600
_MOST_SECONDS_OF_ROOT = 3600


def _caller_identity(call: Call) -> Reply:
    caller = call.caller
    return Reply({"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn})


def _session_token(call: Call) -> Reply:
    """Serve GetSessionToken: the caller's own rights for a while, with MFA where a device was named."""
    caller, seconds = call.caller, call.params.get("DurationSeconds")
    if caller.kind == "role":
        raise Fault("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    if seconds is not None and not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        text = f"DurationSeconds is from {_LEAST_SECONDS} to {_MOST_SECONDS}, not {seconds}."
        raise Fault("ValidationError", text, 400)
    most = _MOST_SECONDS_OF_ROOT if caller.kind == "root" else _MOST_SECONDS
    mfa = bool(call.params.get("SerialNumber") and call.params.get("TokenCode"))
    directory: Directory = call.aws.directory
    issued = directory.issue(caller, seconds=min(seconds or _DEFAULT_SECONDS, most), mfa=mfa)
    return Reply({"Credentials": issued})


def _federation_token(_: Call) -> Reply:
    raise Fault("NotImplemented", "The local Bedrock does not serve GetFederationToken; use AssumeRole.", 501)


def _create_user(call: Call) -> Reply:
    """Make a user under its boundary, which moto neither looks for nor keeps."""
    directory: Directory = call.aws.directory
    refuse_unfounded("iam", call.params, directory)
    made = call.aws.call("iam", "CreateUser", call.params, region=_REGION)
    directory.note("CreateUser", call.params)
    return Reply({"User": _with_boundary(directory, made["User"])})


def _get_user(call: Call) -> Reply:
    """Show a user with its boundary; without a name, the caller."""
    directory: Directory = call.aws.directory
    name = call.params.get("UserName") or (call.caller.name if call.caller.kind == "user" else None)
    if name is None:
        raise Fault("ValidationError", "Must specify userName when calling with non-User credentials", 400)
    found = call.aws.call("iam", "GetUser", {"UserName": name}, region=_REGION)
    return Reply({"User": _with_boundary(directory, found["User"])})


def _with_boundary(directory: Directory, user: dict[str, Any]) -> dict[str, Any]:
    known = directory.entity("user", user["UserName"])
    if known is None or known.boundary is None:
        return user
    bound = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": known.boundary}
    return user | {"PermissionsBoundary": bound}


def _put_user_boundary(call: Call) -> Reply:
    directory: Directory = call.aws.directory
    name, arn = call.params["UserName"], call.params["PermissionsBoundary"]
    _require_user(directory, name)
    if not directory.has_policy(arn):
        raise Fault("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.", 404)
    directory.set_user_boundary(name, arn)
    return Reply()


def _delete_user_boundary(call: Call) -> Reply:
    directory: Directory = call.aws.directory
    _require_user(directory, call.params["UserName"])
    directory.set_user_boundary(call.params["UserName"], None)
    return Reply()


def _require_user(directory: Directory, name: str) -> None:
    if directory.entity("user", name) is None:
        raise Fault("NoSuchEntity", f"The user with name {name} cannot be found.", 404)


HANDLERS: Handlers = {
    ("sts", "GetCallerIdentity"): _caller_identity,
    ("sts", "GetSessionToken"): _session_token,
    ("sts", "GetFederationToken"): _federation_token,
    ("iam", "CreateUser"): _create_user,
    ("iam", "GetUser"): _get_user,
    ("iam", "PutUserPermissionsBoundary"): _put_user_boundary,
    ("iam", "DeleteUserPermissionsBoundary"): _delete_user_boundary,
}
