"""Faults of the bucket that logs go to, its policy, and the key over it; all of them are made by calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.faults.hand import AccountFault, Hand, document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAULTS"]

_FOREIGN = "123456789012"
_ELSEWHERE = {"us-east-1": "us-west-2"}
_SERVICE = "bedrock.amazonaws.com"
_LEAST_DAYS = 7


def _other_account(hand: Hand) -> str:
    return _FOREIGN if hand.account != _FOREIGN else "111122223333"


def _other_region(hand: Hand) -> str:
    return _ELSEWHERE.get(hand.region, "us-east-1")


def _emptied(hand: Hand) -> str:
    """Delete the bucket with all that is in it, and return its name."""
    s3, bucket = hand.client("s3"), hand.bucket
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"], BypassGovernanceRetention=True)
    s3.delete_bucket(Bucket=bucket)
    return bucket


def _no_bucket(hand: Hand) -> None:
    _emptied(hand)


def _kept(hand: Hand, bucket: str) -> list[tuple[str, dict[str, Any]]]:
    """What has to be put again to have the same bucket: (operation, parameters)."""
    s3, name = hand.client("s3"), {"Bucket": bucket}
    life = s3.get_bucket_lifecycle_configuration(**name)["Rules"]
    encryption = s3.get_bucket_encryption(**name)["ServerSideEncryptionConfiguration"]
    lock = s3.get_object_lock_configuration(**name)["ObjectLockConfiguration"]
    return [
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("put_object_lock_configuration", {"ObjectLockConfiguration": lock}),
        ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": life}}),
        ("put_bucket_policy", {"Policy": s3.get_bucket_policy(**name)["Policy"]}),
        ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": encryption}),
    ]


def _elsewhere(hand: Hand) -> None:
    """The same bucket in another Region; one that keeps what its owner can make it keep."""
    kept = _kept(hand, hand.bucket)
    bucket = _emptied(hand)
    region = _other_region(hand)
    there = hand.client("s3", region)
    there.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, **_located(region))
    for operation, params in kept:
        getattr(there, operation)(Bucket=bucket, **params)


def _located(region: str) -> dict[str, Any]:
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _taken(hand: Hand) -> None:
    """Another account makes a bucket of that name as soon as ours is gone, and lets everybody look and write."""
    from bedrock_gateway.local.instance import LocalBedrock

    bucket = _emptied(hand)
    s3 = LocalBedrock(account=_other_account(hand)).session(region=hand.region).client("s3")
    s3.create_bucket(Bucket=bucket, **_located(hand.region))
    s3.delete_public_access_block(Bucket=bucket)
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    everybody = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:ListBucket", "s3:PutObject"],
        "Resource": resources,
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=document(everybody))


def _no_policy(hand: Hand) -> None:
    hand.client("s3").delete_bucket_policy(Bucket=hand.bucket)


def _of_bedrock(statement: Mapping[str, Any]) -> bool:
    return bool(statement["Effect"] == "Allow" and _SERVICE in str(statement.get("Principal")))


def _policy(change: Callable[[Hand, dict[str, Any]], dict[str, Any]]) -> Callable[[Hand], None]:
    """The bucket's policy with each statement that lets Bedrock write changed."""

    def make(hand: Hand) -> None:
        changed = [change(hand, one) if _of_bedrock(one) else one for one in hand.bucket_policy]
        hand.client("s3").put_bucket_policy(Bucket=hand.bucket, Policy=document(*changed))

    return make


def _besides(statement: Callable[[Hand], dict[str, Any]]) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        policy = document(*hand.bucket_policy, statement(hand))
        hand.client("s3").put_bucket_policy(Bucket=hand.bucket, Policy=policy)

    return make


def _other_region_alone(hand: Hand, one: dict[str, Any]) -> dict[str, Any]:
    source = f"arn:aws:bedrock:{_other_region(hand)}:{hand.account}:*"
    return {**one, "Condition": {"ArnLike": {"aws:SourceArn": source}}}


def _other_account_alone(hand: Hand, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "Condition": {"StringEquals": {"aws:SourceAccount": _other_account(hand)}}}


def _folder(hand: Hand) -> str:
    return f"AWSLogs/{hand.account}/BedrockModelInvocationLogs"


def _other_prefix(hand: Hand, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "Resource": f"arn:aws:s3:::{hand.bucket}/logs/{_folder(hand)}/*"}


def _no_large(hand: Hand, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "Resource": f"arn:aws:s3:::{hand.bucket}/{_folder(hand)}/{hand.region}/2026/??/??/??/x.json.gz"}


def _anybody(_: Hand, one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "Condition"}


def _other_service(_: Hand, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "Principal": {"Service": "bedrock-runtime.amazonaws.com"}}


def _deny(hand: Hand, **condition: Any) -> dict[str, Any]:
    resource = f"arn:aws:s3:::{hand.bucket}/*"
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": resource,
        "Condition": condition,
    }


def _unencrypted(hand: Hand) -> dict[str, Any]:
    return _deny(hand, StringNotEquals={"s3:x-amz-server-side-encryption": "aws:kms"})


def _insecure(hand: Hand) -> dict[str, Any]:
    return _deny(hand, Bool={"aws:SecureTransport": "false"})


def _writers_own(hand: Hand) -> None:
    controls = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    hand.client("s3").put_bucket_ownership_controls(Bucket=hand.bucket, OwnershipControls=controls)


def _no_controls(hand: Hand) -> None:
    hand.client("s3").delete_bucket_ownership_controls(Bucket=hand.bucket)


def _no_block(hand: Hand) -> None:
    hand.client("s3").delete_public_access_block(Bucket=hand.bucket)


def _encrypt(hand: Hand, algorithm: str, key: str | None = None) -> None:
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    hand.client("s3").put_bucket_encryption(Bucket=hand.bucket, ServerSideEncryptionConfiguration=rules)


def _own_keys(hand: Hand) -> None:
    _encrypt(hand, "AES256")


def _aws_key(hand: Hand) -> None:
    _encrypt(hand, "aws:kms")


def _key_elsewhere(hand: Hand) -> None:
    made = hand.client("kms", _other_region(hand)).create_key()["KeyMetadata"]["Arn"]
    _encrypt(hand, "aws:kms", made)


def _foreign_key(hand: Hand) -> None:
    _encrypt(hand, "aws:kms", hand.key.replace(hand.account, _other_account(hand)))


def _disabled(hand: Hand) -> None:
    hand.client("kms").disable_key(KeyId=hand.key)


def _deleted(hand: Hand) -> None:
    hand.client("kms").schedule_key_deletion(KeyId=hand.key, PendingWindowInDays=_LEAST_DAYS)


def _key_policy(change: Callable[[Hand, dict[str, Any]], dict[str, Any] | None]) -> Callable[[Hand], None]:
    """The key's policy with each statement for Bedrock changed, or without it."""

    def make(hand: Hand) -> None:
        kms, key = hand.client("kms"), hand.key
        listed = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])["Statement"]
        changed = [change(hand, one) if _of_bedrock(one) else one for one in listed]
        policy = document(*(one for one in changed if one is not None))
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)

    return make


_CALLS: Mapping[str, Callable[[Hand], None]] = {
    "no bucket": _no_bucket,
    "a bucket elsewhere": _elsewhere,
    "a bucket of somebody else": _taken,
    "no bucket policy": _no_policy,
    "a bucket policy for another Region": _policy(_other_region_alone),
    "a bucket policy for another account": _policy(_other_account_alone),
    "a bucket policy for another prefix": _policy(_other_prefix),
    "a bucket policy without large bodies": _policy(_no_large),
    "a bucket policy for anybody": _policy(_anybody),
    "a bucket policy of another service": _policy(_other_service),
    "a bucket that denies what is not encrypted": _besides(_unencrypted),
    "a bucket that denies plain http": _besides(_insecure),
    "writers own their objects": _writers_own,
    "no ownership controls": _no_controls,
    "no public access block": _no_block,
    "S3's own keys": _own_keys,
    "AWS's key for S3": _aws_key,
    "a key elsewhere": _key_elsewhere,
    "a key of another account": _foreign_key,
    "a disabled key": _disabled,
    "a key about to be deleted": _deleted,
    "a key policy without Bedrock": _key_policy(lambda _, __: None),
    "a key policy for another account": _key_policy(_other_account_alone),
    "a key policy for anybody": _key_policy(_anybody),
}

FAULTS: Mapping[str, AccountFault] = {name: AccountFault(make, by_calls=True) for name, make in _CALLS.items()}
