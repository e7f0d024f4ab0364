"""Taking back: what was there is there again, what others changed since stays, and logs are never removed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.errors import NotOursError, SetupIncompleteError
from bedrock_gateway.setup.logging.declared import Declared
from bedrock_gateway.setup.logging.plan import make_plan
from bedrock_gateway.setup.logging.reading import Found
from bedrock_gateway.setup.resource import KEY_POLICY
from tests.setup.logging.conftest import (
    ACCOUNT,
    BUCKET,
    DECLARED,
    GROUP,
    LAMBDA,
    REGION,
    ROLE,
    config_of,
    document,
)

if TYPE_CHECKING:
    from tests.setup.logging.conftest import Account

OWN = f"bedrock-invocation-logs-{REGION}"


def lasting(days: int) -> Any:
    return config_of({**DECLARED, "retention_days": days})


def test_policies_of_others_that_came_since_stay(account: Account) -> None:
    account.make_role(LAMBDA)
    account.make_bucket()
    account.apply()
    trust = account.role()["AssumeRolePolicyDocument"]
    other = {**LAMBDA, "Sid": "Ec2", "Principal": {"Service": "ec2.amazonaws.com"}}
    trust["Statement"].insert(0, other)
    account.root("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
    policy = account.bucket_policy() or {}
    read = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    policy["Statement"].append(read)
    account.root("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    account.undo()
    assert account.role()["AssumeRolePolicyDocument"]["Statement"] == [other, LAMBDA]
    assert account.role()["Policies"] == {}
    left = account.bucket_policy()
    assert left is not None
    assert left["Statement"] == [read]


def test_a_role_of_ours_that_others_use_by_now_is_left(account: Account) -> None:
    account.apply()
    theirs = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::theirs/*"})
    account.root("iam").put_role_policy(RoleName=ROLE, PolicyName="theirs", PolicyDocument=theirs)
    undone = account.undo()
    assert any("policies of others (theirs)" in one for one in undone.kept)
    assert set(account.role()["Policies"]) == {OWN, "theirs"}


@pytest.mark.full
def test_a_role_of_that_name_that_somebody_else_made_since_is_left(account: Account) -> None:
    account.apply()
    iam = account.root("iam")
    iam.delete_role_policy(RoleName=ROLE, PolicyName=OWN)
    iam.delete_role(RoleName=ROLE)
    account.make_role(LAMBDA)
    undone = account.undo()
    assert any("does not carry our tag" in one for one in undone.kept)
    assert account.role()["AssumeRolePolicyDocument"]["Statement"] == [LAMBDA]


def test_a_role_with_an_attached_policy_is_not_removed_by_force(account: Account) -> None:
    """Which policies are attached the operator may not ask; AWS refuses to remove such a role."""
    account.apply()
    made = account.root("iam").create_policy(
        PolicyName="attached", PolicyDocument=document({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
    )["Policy"]["Arn"]
    account.root("iam").attach_role_policy(RoleName=ROLE, PolicyArn=made)
    with pytest.raises(SetupIncompleteError, match="DeleteConflict"):
        account.undo()
    assert account.role()["RoleName"] == ROLE


def test_a_logging_configuration_that_was_changed_since_is_not_overwritten_unless_told_to(account: Account) -> None:
    account.apply()
    changed = {**(account.configured() or {}), "imageDataDeliveryEnabled": True}
    account.put(changed)
    before = account.everything()
    with pytest.raises(NotOursError, match="somebody else changed the logging configuration since"):
        account.undo()
    assert account.everything() == before
    account.undo(replace=True)
    assert account.configured() is None


def test_one_that_leads_elsewhere_by_now_stays_and_the_rest_is_taken_back(account: Account) -> None:
    account.apply()
    theirs = account.theirs()
    undone = account.undo()
    assert any("it stays" in one for one in undone.kept)
    assert account.configured() == theirs
    assert f"role {ROLE}" not in account.everything()


def test_each_apply_is_taken_back_by_itself_the_last_one_first(account: Account) -> None:
    account.make_bucket("example-second")
    account.apply()
    first = account.everything()
    config = config_of({**DECLARED, "bucket": "example-second"})
    account.apply(account.gateway(config))  # the place is ours, so it may lead elsewhere
    made = account.configured()
    assert made is not None
    assert made["s3Config"] == {"bucketName": "example-second"}
    account.undo(account.gateway(config))
    assert account.everything() == first
    account.undo()
    assert account.configured() is None


@pytest.mark.full
def test_a_second_apply_that_changes_nothing_leaves_no_snapshot(account: Account) -> None:
    account.apply()
    kept = account.snapshots.read_text()
    account.apply()
    assert account.snapshots.read_text() == kept


def test_a_retention_that_would_delete_logs_needs_to_be_asked_for(account: Account) -> None:
    account.root("logs").create_log_group(logGroupName=GROUP)
    (refused,) = account.plan(account.gateway(lasting(30))).refused
    assert "30 days would delete" in refused.why
    account.apply()  # without a declared retention it stays as it is
    assert account.everything()[f"group {GROUP}"] is None
    account.apply(account.gateway(lasting(30)), replace=True)
    assert account.everything()[f"group {GROUP}"] == 30
    account.apply(account.gateway(lasting(731)))  # longer deletes nothing
    assert account.everything()[f"group {GROUP}"] == 731
    undone = account.undo(account.gateway(lasting(731)))
    assert any("30 days would delete logs" in one for one in undone.kept)
    assert account.everything()[f"group {GROUP}"] == 731
    account.undo()
    assert account.everything()[f"group {GROUP}"] == 731


@pytest.mark.full
def test_a_shortened_retention_is_lengthened_again(account: Account) -> None:
    account.root("logs").create_log_group(logGroupName=GROUP)
    account.apply(account.gateway(lasting(30)), replace=True)
    account.undo()
    assert account.everything()[f"group {GROUP}"] is None


def test_buckets_under_a_key_and_the_policy_of_the_key(account: Account) -> None:
    kms = account.root("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    before = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    gateway = account.gateway(config_of({**DECLARED, "key": key}))
    applied = account.apply(gateway, checked=True)
    found = {one.id: one.status for one in applied.report.results}
    assert found["LOG-12"] == "pass"
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert policy["Statement"][:-1] == before["Statement"]
    assert policy["Statement"][-1]["Action"] == "kms:GenerateDataKey"
    (rule,) = account.root("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert account.plan(gateway).pending == ()
    account.undo(gateway)
    assert json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]) == before


@pytest.mark.full
def test_a_bucket_that_was_there_keeps_its_encryption_unless_told_otherwise(account: Account) -> None:
    account.make_bucket()
    key = account.root("kms").create_key()["KeyMetadata"]["Arn"]
    gateway = account.gateway(config_of({**DECLARED, "key": key}))
    s3 = account.root("s3")
    plain = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration=plain)  # as AWS makes every bucket
    before = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
    assert any("not encrypted with the declared key" in one for one in account.plan(gateway).notes)
    account.apply(gateway)
    assert s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"] == before
    account.apply(gateway, replace=True)
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    account.undo(gateway)
    assert s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"] == before


def test_of_a_bucket_what_was_not_set_before_is_left_and_said(account: Account) -> None:
    account.make_bucket()
    account.root("s3").delete_bucket_ownership_controls(Bucket=BUCKET)
    account.root("s3").delete_public_access_block(Bucket=BUCKET)
    account.apply(replace=True)
    (said,) = [one for one in account.undo().kept if one.startswith("AWS::S3::Bucket ")]
    assert "delete-bucket-ownership-controls" in said
    assert "delete-public-access-block" in said
    assert "encryption" not in said


def test_a_key_of_another_account_is_left_to_its_owner(account: Account) -> None:
    key = f"arn:aws:kms:{REGION}:999999999999:key/12345678-1234-1234-1234-123456789012"
    plan = account.plan(account.gateway(config_of({**DECLARED, "key": key})))
    assert any("BedrockDeliversLogs" in one for one in plan.notes)
    assert plan.refused == ()
    assert not [one for one in plan.changes if one.resource.kind == KEY_POLICY]


def test_a_key_that_is_not_there_is_refused() -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
    declared = Declared.of(config_of({**DECLARED, "key": key}))
    plan = make_plan(declared, Found({(KEY_POLICY, key): None}), frozenset())
    assert [one.why for one in plan.refused] == ["there is no such key; correct `key` in [logging]"]


def test_a_retention_is_shortened_only_when_told_to_also_where_set_up_made_the_group(account: Account) -> None:
    account.apply()
    (refused,) = account.plan(account.gateway(lasting(30))).refused
    assert "kept 365 days: 30 days would delete" in refused.why
