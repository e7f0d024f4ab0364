"""What is there, resource by resource, as properties that can be compared with what is to be. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway._commands import Record
from bedrock_gateway._responses import BODY
from bedrock_gateway.errors import AccessDeniedError, NotOursError, ServiceError
from bedrock_gateway.setup.logging.merging import parsed
from bedrock_gateway.setup.resource import KEY_POLICY, LOGGING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.asking import Asking
    from bedrock_gateway.setup.logging.declared import Declared

__all__ = ["READ", "Found", "known_flags", "look", "read_logging", "sendable", "unknown_members"]

Properties = dict[str, Any]


@dataclass
class Found:
    """What is there of everything that is declared; an empty account where nothing was looked at."""

    before: dict[tuple[str, str], Mapping[str, Any] | None] = field(default_factory=dict)
    """Kind and name → properties; None: it does not exist."""
    regions: dict[str, str] = field(default_factory=dict)
    """Bucket → its Region, where AWS says."""
    made: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of what set-up made itself, by its snapshots."""
    unfinished: frozenset[tuple[str, str]] = frozenset()
    """What of it was made by a run that stopped half-way."""
    role_elsewhere: str | None = None
    """ARN of a role of the declared name under another path."""

    @property
    def looked(self) -> bool:
        """Whether anything was looked at."""
        return bool(self.before)

    def of(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """The properties of one resource; None: it does not exist."""
        return self.before.get((kind, name))


# -- one resource ----------------------------------------------------------------------------------------------------------


def read_boundary(asking: Asking, declared: Declared) -> Flow[Properties | None]:
    """The managed policy, by its name: what it allows is an administrator's to say."""
    found = yield from asking.look("iam", "GetPolicy", PolicyArn=declared.boundary)
    if found is None:
        return None
    return {"ManagedPolicyName": found["Policy"]["PolicyName"], "Path": found["Policy"]["Path"]}


def read_group(asking: Asking, _: Declared, name: str) -> Flow[Properties | None]:
    """The log group of exactly that name: AWS searches by prefix, page by page."""
    params: dict[str, Any] = {"logGroupNamePrefix": name}
    while True:
        reply = yield from asking.ask("logs", "DescribeLogGroups", **params)
        for group in reply.get("logGroups") or ():
            if group.get("logGroupName") == name:
                days = group.get("retentionInDays")
                return {"LogGroupName": name} | ({"RetentionInDays": int(days)} if days else {})
        if not reply.get("nextToken"):
            return None
        params["nextToken"] = reply["nextToken"]


def read_role(asking: Asking, declared: Declared) -> Flow[Properties | None]:
    """The role of that name with its inline policies, under whatever path it is.

    A policy that is limited to a path does not permit to ask for a role that is not there: IAM knows no path of it. So a
    denial that does not name the role with its path says that there is no such role. Not verified against AWS.
    """
    named = {"RoleName": declared.role}
    try:
        found = yield from asking.look("iam", "GetRole", **named)
    except AccessDeniedError as error:
        if error.resource == declared.role_arn or declared.role_path == "/":
            raise
        return None
    if found is None:
        return None
    role = found["Role"]
    made: Properties = {
        "RoleName": role["RoleName"],
        "Path": role["Path"],
        "AssumeRolePolicyDocument": parsed(role["AssumeRolePolicyDocument"]),
    }
    limit = (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    made |= {"PermissionsBoundary": limit} if limit else {}
    made |= {"Tags": [{"Key": one["Key"], "Value": one["Value"]} for one in role["Tags"]]} if role.get("Tags") else {}
    if made["Path"] == declared.role_path:
        made |= yield from _inline(asking, named)
    return made


def _inline(asking: Asking, named: Mapping[str, str]) -> Flow[Properties]:
    """Every inline policy of the role."""
    params: dict[str, Any] = dict(named)
    policies: list[dict[str, Any]] = []
    while True:
        listed = yield from asking.ask("iam", "ListRolePolicies", **params)
        for name in listed.get("PolicyNames") or ():
            policy = yield from asking.ask("iam", "GetRolePolicy", **named, PolicyName=name)
            policies.append({"PolicyName": name, "PolicyDocument": parsed(policy["PolicyDocument"])})
        if not listed.get("IsTruncated"):
            return {"Policies": policies} if policies else {}
        params["Marker"] = listed["Marker"]


def _owned(asking: Asking, bucket: str) -> dict[str, str]:
    """The bucket, and whose it has to be: AWS refuses one of that name in another account."""
    return {"Bucket": bucket, "ExpectedBucketOwner": asking.config.account}


_REGIONS = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
"""What S3 says of a bucket's place, where it is no Region. Source: S3 API Reference, GetBucketLocation."""


def read_bucket_region(asking: Asking, bucket: str) -> Flow[str | None]:
    """The Region of a bucket of this account; None: there is no such bucket.

    Raises:
        NotOursError: somebody else has it, or the caller may not look at it: AWS does not say which.
    """
    try:
        reply = yield from asking.look("s3", "GetBucketLocation", **_owned(asking, bucket))
    except AccessDeniedError as error:
        raise NotOursError(
            f"bucket {bucket} cannot be looked at as one of account {asking.config.account}: either it belongs to"
            f" somebody else, who would get the logs, or the caller lacks s3:GetBucketLocation on it ({error.code}); nothing was"
            " changed",
            kind="bucket",
            name=bucket,
        ) from error
    except ServiceError as error:
        # A bucket of another Region may be a redirection that nobody followed; its Region is in a header.
        response = getattr(error.__cause__, "response", None) or {}
        region = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if region in {None, asking.config.region}:
            raise
        return str(region)
    return None if reply is None else _REGIONS.get(reply.get("LocationConstraint"), reply.get("LocationConstraint"))


def read_bucket(asking: Asking, declared: Declared, bucket: str) -> Flow[Properties | None]:
    """The bucket with what decides whether logs can be delivered to it, and who sees them."""
    owned = _owned(asking, bucket)
    if (yield from read_bucket_region(asking, bucket)) is None:
        return None
    made: Properties = {"BucketName": bucket}
    found = yield from asking.look("s3", "GetBucketOwnershipControls", **owned)
    rules = ((found or {}).get("OwnershipControls") or {}).get("Rules")
    made |= {"OwnershipControls": {"Rules": [{"ObjectOwnership": rules[0]["ObjectOwnership"]}]}} if rules else {}
    found = yield from asking.look("s3", "GetPublicAccessBlock", **owned)
    block = (found or {}).get("PublicAccessBlockConfiguration")
    made |= {"PublicAccessBlockConfiguration": dict(block)} if block else {}
    if declared.key:
        found = yield from asking.look("s3", "GetBucketEncryption", **owned)
        made |= _encryption((found or {}).get("ServerSideEncryptionConfiguration") or {})
    return made


def _encryption(found: Mapping[str, Any]) -> Properties:
    """S3's answer under CloudFormation's names."""
    rules = []
    for one in found.get("Rules") or ():
        default = one.get("ApplyServerSideEncryptionByDefault") or {}
        rule: Properties = {"ServerSideEncryptionByDefault": dict(default)}
        rules.append(rule | ({"BucketKeyEnabled": True} if one.get("BucketKeyEnabled") else {}))
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": rules}} if rules else {}


def read_key_policy(asking: Asking, _: Declared, key: str) -> Flow[Properties | None]:
    """The policy of the key; None: there is no such key."""
    found = yield from asking.look("kms", "GetKeyPolicy", KeyId=key, PolicyName="default")
    return None if found is None else {"KeyId": key, "PolicyDocument": parsed(found["Policy"])}


def read_bucket_policy(asking: Asking, _: Declared, bucket: str) -> Flow[Properties | None]:
    """The policy of the bucket."""
    found = yield from asking.look("s3", "GetBucketPolicy", **_owned(asking, bucket))
    document = (found or {}).get("Policy")
    return {"Bucket": bucket, "PolicyDocument": parsed(document)} if document else None


def read_logging(asking: Asking) -> Flow[Properties | None]:
    """The logging configuration as AWS sent it, members included that botocore does not know; None: logging is off."""
    reply = yield from asking.ask("bedrock", "GetModelInvocationLoggingConfiguration")
    sent = orjson.loads(reply.get(BODY) or b"{}")
    return (sent.get("loggingConfig") if isinstance(sent, dict) else None) or None


READ: Mapping[str, Callable[[Asking, Declared, str], Flow[Properties | None]]] = {
    "AWS::IAM::ManagedPolicy": lambda asking, declared, _: read_boundary(asking, declared),
    "AWS::Logs::LogGroup": read_group,
    "AWS::IAM::Role": lambda asking, declared, _: read_role(asking, declared),
    "AWS::S3::Bucket": read_bucket,
    "AWS::S3::BucketPolicy": read_bucket_policy,
    KEY_POLICY: read_key_policy,
    LOGGING: lambda asking, _, __: read_logging(asking),
}
"""Kind → how its one resource of a name is read."""


# -- everything that is declared -------------------------------------------------------------------------------------------


def look(asking: Asking, declared: Declared, *, boundary: bool) -> Flow[Found]:
    """Look at everything that is declared; *boundary*: at the permissions boundary too, which an administrator may."""
    yield from asking.caller()
    found = Found()
    found.before[LOGGING, declared.config.region] = yield from read_logging(asking)
    if declared.log_group:
        group = ("AWS::Logs::LogGroup", declared.log_group)
        found.before[group] = yield from read_group(asking, declared, declared.log_group)
        if boundary:
            limit = ("AWS::IAM::ManagedPolicy", declared.boundary_name)
            found.before[limit] = yield from read_boundary(asking, declared)
        role = yield from read_role(asking, declared)
        if role is not None and role["Path"] != declared.role_path:
            found.role_elsewhere = f"{role['Path']}{role['RoleName']}"
        found.before["AWS::IAM::Role", declared.role] = role
    if declared.key and declared.key_is_ours:
        found.before[KEY_POLICY, declared.key] = yield from read_key_policy(asking, declared, declared.key)
    for bucket in declared.buckets:
        yield from _look_at_bucket(asking, declared, bucket, found)
    return found


def _look_at_bucket(asking: Asking, declared: Declared, bucket: str, found: Found) -> Flow[None]:
    region = yield from read_bucket_region(asking, bucket)
    for kind in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"):
        found.before[kind, bucket] = None
    if region is not None:
        found.regions[bucket] = region
    if region == declared.config.region:  # of another one nothing more is asked: it cannot be used
        for kind in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"):
            found.before[kind, bucket] = yield from READ[kind](asking, declared, bucket)


# -- what botocore can say -------------------------------------------------------------------------------------------------


@cache
def sendable() -> Any:
    """The shape of ``loggingConfig`` in the installed botocore; read from its files, so it may block."""
    from botocore.loaders import create_loader
    from botocore.model import ServiceModel

    model = ServiceModel(create_loader().load_service_model("bedrock", "service-2"), "bedrock")
    return model.operation_model("PutModelInvocationLoggingConfiguration").input_shape.members["loggingConfig"]


def known_flags() -> Flow[frozenset[str]]:
    """The members of ``loggingConfig`` that the installed botocore can send."""
    shape: Any = yield Record(sendable)
    return frozenset(shape.members)


def unknown_members(config: Mapping[str, Any]) -> Flow[tuple[str, ...]]:
    """The members of *config* that the installed botocore would leave out when it is put, as dotted paths."""
    shape: Any = yield Record(sendable)
    return tuple(_unknown(config, shape, "loggingConfig"))


def _unknown(value: Any, shape: Any, path: str) -> list[str]:
    if shape.type_name != "structure" or not isinstance(value, dict):
        return []
    found: list[str] = []
    for name, one in value.items():
        if name not in shape.members:
            found += [f"{path}.{name}"] if one is not None else []
        else:
            found += _unknown(one, shape.members[name], f"{path}.{name}")
    return found
