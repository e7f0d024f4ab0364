"""Making what was planned, one resource after the other. Each is read again first: what changed since is not overwritten."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import (
    ConfigError,
    ConflictError,
    GatewayError,
    NotFoundError,
    NotOursError,
    ServiceError,
    SetupIncompleteError,
)
from bedrock_gateway.setup.logging.merging import is_as_put, same
from bedrock_gateway.setup.logging.reading import READ, read_logging
from bedrock_gateway.setup.resource import KEY_POLICY, LOGGING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.asking import Asking
    from bedrock_gateway.setup.logging.declared import Declared
    from bedrock_gateway.setup.logging.plan import LoggingPlan
    from bedrock_gateway.setup.logging.snapshot import Snapshots
    from bedrock_gateway.setup.resource import Change

__all__ = [
    "apply_plan",
    "is_new_role",
    "owned",
    "put_encryption",
    "put_key_policy",
    "put_logging",
    "put_on_bucket",
    "text",
    "written",
]

_PUT = "PutModelInvocationLoggingConfiguration"
_SPREADS = re.compile(r"Failed to validate permissions for log group")


def is_new_role(error: ServiceError) -> bool:
    """Whether AWS says what it also says while a role is not yet known everywhere.

    It says the same of a role that is wrong, so the wait is bounded. Source: hashicorp/terraform-provider-aws,
    bedrock_model_invocation_logging_configuration, which waits a minute for it. Not verified against AWS.
    """
    return error.code == "ValidationException" and bool(_SPREADS.search(error.message))


def _no_such_role(error: ServiceError) -> bool:
    return error.code == "NoSuchEntity"


def _is_busy(error: ServiceError) -> bool:
    """S3 does one change of a bucket at a time. Source: S3 API Reference, ErrorResponses, OperationAborted."""
    return error.code == "OperationAborted"


def put_on_bucket(asking: Asking, operation: str, **params: Any) -> Flow[None]:
    """Change a bucket, when S3 has done with what it was told before."""
    yield from asking.insist(
        "AWS::S3::Bucket", params["Bucket"], _is_busy, partial(asking.ask, "s3", operation, **params)
    )


def text(document: Any) -> str:
    """Return a policy document as AWS takes it."""
    return json.dumps(document, separators=(",", ":"))


def owned(asking: Asking, bucket: str) -> dict[str, str]:
    """Return the bucket, and whose it has to be."""
    return {"Bucket": bucket, "ExpectedBucketOwner": str(asking.config.account)}


def apply_plan(asking: Asking, declared: Declared, plan: LoggingPlan, snapshots: Snapshots) -> Flow[None]:
    """Make every change of *plan*, in order.

    Raises:
        SetupIncompleteError: it stopped; the cause says why, `apply` again goes on, and `undo` takes back.
    """
    made: list[str] = []
    for change in plan.pending:
        kind, name = change.resource.key
        try:
            yield from written(asking, declared, change)
        except GatewayError as error:
            done = "; ".join(made) or "nothing"
            raise SetupIncompleteError(
                f"{kind} {name}: {error.message} | what was changed: {done} | `bedrock-gateway setup logging --apply` goes"
                " on, `bedrock-gateway setup undo --apply` takes it back",
                step=f"{kind} {name}",
                exists=tuple(made),
                manifest=str(snapshots.path),
            ) from error
        made.append(f"{kind} {name}")


def written(asking: Asking, declared: Declared, change: Change) -> Flow[None]:
    """Make one change, if what it is about is still as it was.

    Raises:
        NotOursError: somebody changed it since; it was not touched.
    """
    started, (kind, name) = asking.context.now(), change.resource.key
    now = yield from READ[kind](asking, declared, name)
    if not same(now, change.before):
        if not same(now, change.resource.properties):
            raise NotOursError(
                f"{kind} {name} is not as it was when the plan was made: somebody else is changing it; it was not"
                " touched, plan again",
                kind=kind,
                name=name,
            )
        return
    yield from _MAKE[kind](asking, declared, change)
    asking.tell(kind, "created" if change.action == "create" else "updated", name, since=started)


# -- one resource ----------------------------------------------------------------------------------------------------------


def _boundary(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    wanted = change.resource.properties
    document = text(wanted["PolicyDocument"])
    names = {"PolicyName": wanted["ManagedPolicyName"], "Path": wanted["Path"]}
    yield from asking.ask("iam", "CreatePolicy", **names, PolicyDocument=document)


def _group(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    wanted = change.resource.properties
    named = {"logGroupName": wanted["LogGroupName"]}
    if change.action == "create":
        yield from _made("CreateLogGroup", asking.ask("logs", "CreateLogGroup", **named))
    if "RetentionInDays" in wanted:
        yield from asking.ask("logs", "PutRetentionPolicy", **named, retentionInDays=wanted["RetentionInDays"])


def _made(operation: str, call: Flow[dict[str, Any]]) -> Flow[None]:
    """Make something; that it is there after a lost answer is what was wanted.

    Raises:
        NotOursError: somebody else made it since it was looked for.
    """
    try:
        yield from call
    except ConflictError as error:
        if error.attempts == 1:
            raise NotOursError(
                f"{operation}: it was made by somebody else since the plan: {error.message}", kind=operation, name=""
            ) from error


def _role(asking: Asking, declared: Declared, change: Change) -> Flow[None]:
    before, wanted, named = change.before or {}, change.resource.properties, {"RoleName": declared.role}
    trust = text(wanted["AssumeRolePolicyDocument"])
    if change.action == "create":
        made = asking.ask(
            "iam",
            "CreateRole",
            **named,
            Path=wanted["Path"],
            AssumeRolePolicyDocument=trust,
            PermissionsBoundary=wanted["PermissionsBoundary"],
            Tags=wanted["Tags"],
        )
        try:
            yield from _made("CreateRole", made)
        except NotFoundError:
            raise ConfigError(
                f"the permissions boundary {wanted['PermissionsBoundary']} does not exist: an administrator makes it once,"
                " with `bedrock-gateway setup logging --create-boundary --apply`, or from `bedrock-gateway policy boundary`"
            ) from None
    elif not same(before["AssumeRolePolicyDocument"], wanted["AssumeRolePolicyDocument"]):
        yield from asking.ask("iam", "UpdateAssumeRolePolicy", **named, PolicyDocument=trust)
    old = {one["PolicyName"]: one["PolicyDocument"] for one in before.get("Policies") or ()}
    for one in wanted.get("Policies") or ():
        if not same(old.get(one["PolicyName"]), one["PolicyDocument"]):
            policy = {"PolicyName": one["PolicyName"], "PolicyDocument": text(one["PolicyDocument"])}
            call = partial(asking.ask, "iam", "PutRolePolicy", **named, **policy)
            yield from asking.insist("AWS::IAM::Role", declared.role, _no_such_role, call)


def _bucket(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    before, wanted = change.before or {}, change.resource.properties
    named, region = owned(asking, wanted["BucketName"]), asking.config.region
    if change.action == "create":
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        yield from _made("CreateBucket", asking.ask("s3", "CreateBucket", Bucket=wanted["BucketName"], **where))
    for member, operation in (
        ("OwnershipControls", "PutBucketOwnershipControls"),
        ("PublicAccessBlockConfiguration", "PutPublicAccessBlock"),
    ):
        if member in wanted and not same(before.get(member), wanted[member]):
            yield from put_on_bucket(asking, operation, **named, **{member: wanted[member]})
    yield from put_encryption(asking, named, before, wanted)


def put_encryption(
    asking: Asking, named: Mapping[str, str], before: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Flow[None]:
    """Encrypt a bucket as *wanted* says, where it says anything else than is there."""
    if "BucketEncryption" not in wanted or same(before.get("BucketEncryption"), wanted["BucketEncryption"]):
        return
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": one["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": one.get("BucketKeyEnabled", False),
        }
        for one in wanted["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    encryption = {"ServerSideEncryptionConfiguration": {"Rules": rules}}
    yield from put_on_bucket(asking, "PutBucketEncryption", **named, **encryption)


def _bucket_policy(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    wanted = change.resource.properties
    document = text(wanted["PolicyDocument"])
    yield from put_on_bucket(asking, "PutBucketPolicy", **owned(asking, wanted["Bucket"]), Policy=document)


def put_key_policy(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    """Replace the policy of the key by one that holds everything of the old one."""
    document = text(change.resource.properties["PolicyDocument"])
    yield from asking.ask("kms", "PutKeyPolicy", KeyId=change.resource.name, PolicyName="default", Policy=document)


def _logging(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    yield from put_logging(asking, change.resource.properties)


def put_logging(asking: Asking, config: Mapping[str, Any]) -> Flow[None]:
    """Put the logging configuration, and see that AWS has it.

    AWS has no condition for a Put: between the last look and this, somebody else's Put can still be lost.

    Raises:
        ServiceError: AWS refuses it, or still does after the time in which a new role becomes known.
        NotOursError: AWS has another one afterwards.
    """
    put = partial(asking.ask, "bedrock", _PUT, loggingConfig=dict(config))
    yield from asking.insist(LOGGING, asking.config.region, is_new_role, put)
    now = yield from read_logging(asking)
    if not is_as_put(now, config):
        raise NotOursError(
            "AWS has another logging configuration than the one that was put: somebody else put one at the same time",
            kind=LOGGING,
            name=asking.config.region,
        )


_MAKE: Mapping[str, Callable[[Asking, Declared, Change], Flow[None]]] = {
    "AWS::IAM::ManagedPolicy": _boundary,
    "AWS::Logs::LogGroup": _group,
    "AWS::IAM::Role": _role,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    KEY_POLICY: put_key_policy,
    LOGGING: _logging,
}
