"""Keys by ARN, the key of a log group, and its data protection policy: what moto lacks of KMS and CloudWatch Logs."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

GROUP = "/keys"
MASK = json.dumps({"Name": "mask", "Version": "2021-06-01", "Statement": []})


def state(kms, arn):
    return kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]


def test_a_key_is_switched_and_deleted_by_its_arn(served):
    kms = served.client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=arn)
    assert state(kms, arn) == "Disabled"
    kms.enable_key(KeyId=arn)
    assert state(kms, arn) == "Enabled"
    assert kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)["KeyId"] == arn
    assert state(kms, arn) == "PendingDeletion"
    kms.cancel_key_deletion(KeyId=arn)
    assert state(kms, arn) == "Disabled"


def test_the_key_of_a_log_group_can_be_exchanged(served):
    logs = served.client("logs")
    arn = served.client("kms").create_key()["KeyMetadata"]["Arn"]
    logs.create_log_group(logGroupName=GROUP)

    def key():
        return logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0].get("kmsKeyId")

    assert key() is None
    logs.associate_kms_key(logGroupName=GROUP, kmsKeyId=arn)
    assert key() == arn
    logs.disassociate_kms_key(logGroupName=GROUP)
    assert key() is None
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.disassociate_kms_key(logGroupName="/not-there")


def test_a_data_protection_policy_goes_with_its_log_group(served):
    logs, group = served.client("logs"), "/protected"
    logs.create_log_group(logGroupName=group)
    assert "policyDocument" not in logs.get_data_protection_policy(logGroupIdentifier=group)
    logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument=MASK)
    assert logs.get_data_protection_policy(logGroupIdentifier=group)["policyDocument"] == MASK
    logs.delete_data_protection_policy(logGroupIdentifier=group)
    assert "policyDocument" not in logs.get_data_protection_policy(logGroupIdentifier=group)
    with pytest.raises(ClientError, match="not valid JSON"):
        logs.put_data_protection_policy(logGroupIdentifier=group, policyDocument="{")
    logs.delete_log_group(logGroupName=group)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.get_data_protection_policy(logGroupIdentifier=group)
