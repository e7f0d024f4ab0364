"""Taking the last `apply` back, as it was planned: one resource after the other, each looked at again first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.errors import GatewayError, NotOursError, SetupIncompleteError
from bedrock_gateway.governance.versions import lacking
from bedrock_gateway.setup.logging.applying import (
    owned,
    put_encryption,
    put_key_policy,
    put_logging,
    put_on_bucket,
    text,
)
from bedrock_gateway.setup.logging.merging import same
from bedrock_gateway.setup.logging.reading import READ, unknown_members
from bedrock_gateway.setup.logging.undo_plan import concerned
from bedrock_gateway.setup.resource import KEY_POLICY, LOGGING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.asking import Asking
    from bedrock_gateway.setup.logging.declared import Declared
    from bedrock_gateway.setup.logging.snapshot import Snapshots
    from bedrock_gateway.setup.logging.undo_plan import UndoPlan
    from bedrock_gateway.setup.resource import Change

__all__ = ["take_back"]


def take_back(asking: Asking, declared: Declared, plan: UndoPlan, snapshots: Snapshots) -> Flow[None]:
    """Do what *plan* says, and forget the snapshot.

    Raises:
        UnsupportedByBotocoreError: botocore would leave out a part of the old logging configuration; nothing was changed.
        SetupIncompleteError: it stopped; the cause says why, undoing again goes on.
    """
    for change in plan.pending:
        if change.resource.kind == LOGGING and change.action == "update":
            for one in (yield from unknown_members(change.resource.properties)):
                raise lacking("PutModelInvocationLoggingConfiguration", one)
    done: list[str] = []
    for change in plan.pending:
        kind, name = change.resource.key
        try:
            yield from _taken_back(asking, declared, change)
        except GatewayError as error:
            raise SetupIncompleteError(
                f"{kind} {name}: {error.message} | what was taken back: {'; '.join(done) or 'nothing'} |"
                " `bedrock-gateway setup undo --apply` goes on",
                step=f"{kind} {name}",
                exists=tuple(f"{one.resource.kind} {one.resource.name}" for one in plan.pending[len(done) :]),
                manifest=str(snapshots.path),
            ) from error
        done.append(f"{kind} {name}")


def _taken_back(asking: Asking, declared: Declared, change: Change) -> Flow[None]:
    started, (kind, name) = asking.context.now(), change.resource.key
    about = concerned(declared, kind, name, change.before, change.resource.properties)
    now = yield from READ[kind](asking, about, name)
    if not same(now, change.before):
        raise NotOursError(f"{kind} {name} changed while it was looked at: undo again", kind=kind, name=name)
    yield from _UNMAKE[kind](asking, about, change)
    asking.tell(kind, "deleted" if change.action == "delete" else "restored", name, since=started)


def _put_logging_back(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    if change.action == "delete":
        yield from asking.ask("bedrock", "DeleteModelInvocationLoggingConfiguration")
    else:
        yield from put_logging(asking, change.resource.properties)


def _put_role_back(asking: Asking, declared: Declared, change: Change) -> Flow[None]:
    named, now = {"RoleName": declared.role}, change.before or {}
    if change.action == "delete":
        yield from asking.look("iam", "DeleteRolePolicy", **named, PolicyName=declared.role_policy)
        # AWS refuses it while policies are attached, or the role is in an instance profile: then it is somebody's.
        yield from asking.ask("iam", "DeleteRole", **named)
        return
    wanted = change.resource.properties
    if not same(now["AssumeRolePolicyDocument"], wanted["AssumeRolePolicyDocument"]):
        document = text(wanted["AssumeRolePolicyDocument"])
        yield from asking.ask("iam", "UpdateAssumeRolePolicy", **named, PolicyDocument=document)
    old = {one["PolicyName"]: one["PolicyDocument"] for one in wanted["Policies"]}
    for one in now.get("Policies") or ():
        name = one["PolicyName"]
        if name not in old:
            yield from asking.look("iam", "DeleteRolePolicy", **named, PolicyName=name)
        elif not same(old[name], one["PolicyDocument"]):
            yield from asking.ask("iam", "PutRolePolicy", **named, PolicyName=name, PolicyDocument=text(old[name]))


def _put_bucket_policy_back(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    named = owned(asking, change.resource.name)
    if change.action == "delete":
        yield from asking.ask("s3", "DeleteBucketPolicy", **named)
    else:
        document = text(change.resource.properties["PolicyDocument"])
        yield from put_on_bucket(asking, "PutBucketPolicy", **named, Policy=document)


def _put_bucket_back(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    named, now, wanted = owned(asking, change.resource.name), change.before or {}, change.resource.properties
    for member, operation in (
        ("PublicAccessBlockConfiguration", "PutPublicAccessBlock"),
        ("OwnershipControls", "PutBucketOwnershipControls"),
    ):
        if not same(now.get(member), wanted.get(member)):
            yield from put_on_bucket(asking, operation, **named, **{member: wanted[member]})
    yield from put_encryption(asking, named, now, wanted)


def _put_group_back(asking: Asking, _: Declared, change: Change) -> Flow[None]:
    named, days = {"logGroupName": change.resource.name}, change.resource.properties.get("RetentionInDays")
    if days is None:
        yield from asking.ask("logs", "DeleteRetentionPolicy", **named)
    else:
        yield from asking.ask("logs", "PutRetentionPolicy", **named, retentionInDays=days)


_UNMAKE: Mapping[str, Callable[[Asking, Declared, Change], Flow[None]]] = {
    LOGGING: _put_logging_back,
    "AWS::IAM::Role": _put_role_back,
    "AWS::S3::BucketPolicy": _put_bucket_policy_back,
    KEY_POLICY: put_key_policy,
    "AWS::S3::Bucket": _put_bucket_back,
    "AWS::Logs::LogGroup": _put_group_back,
}
