"""What AWS refuses and moto would let pass is refused."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock

TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"]


def test_a_bucket_is_not_anothers(served):
    s3 = served.client("s3")
    s3.create_bucket(Bucket="example-strict")
    assert s3.list_objects_v2(Bucket="example-strict", ExpectedBucketOwner="123456789012")["KeyCount"] == 0
    for operation in ("list_objects_v2", "head_bucket"):
        with pytest.raises(ClientError) as caught:
            getattr(s3, operation)(Bucket="example-strict", ExpectedBucketOwner="111122223333")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_boundary_has_to_be_there(served):
    iam = served.client("iam")
    role = {"RoleName": "strict", "AssumeRolePolicyDocument": TRUST}
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="does not exist or is not attachable"):
        iam.create_role(**role, PermissionsBoundary="arn:aws:iam::123456789012:policy/none")
    iam.create_role(**role, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")


def test_what_is_in_use_is_not_deleted(served):
    iam = served.client("iam")
    user, group = {"UserName": "held"}, {"GroupName": "holders"}
    document = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetAccessKeyInfo","Resource":"*"}]}'
    )
    iam.create_user(**user)
    iam.create_group(**group)
    policy = {"PolicyArn": iam.create_policy(PolicyName="held", PolicyDocument=document)["Policy"]["Arn"]}
    iam.add_user_to_group(**group, **user)
    iam.attach_group_policy(**group, **policy)
    key = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    iam.create_policy_version(**policy, PolicyDocument=document)
    refusals = [(iam.delete_user, user), (iam.delete_group, group), (iam.delete_policy, policy)]
    for release in (
        lambda: iam.delete_access_key(**user, AccessKeyId=key),
        lambda: iam.delete_policy_version(**policy, VersionId="v2"),
        lambda: iam.remove_user_from_group(**group, **user),
    ):
        assert [refused(call, **params) for call, params in refusals] == ["DeleteConflict"] * 3
        release()
    iam.delete_user(**user)
    assert [refused(call, **params) for call, params in refusals[1:]] == ["DeleteConflict"] * 2
    iam.detach_group_policy(**group, **policy)
    iam.delete_group(**group)
    iam.delete_policy(**policy)


def test_a_bucket_of_another_account_is_open_to_whom_its_own_policy_and_their_rights_let_in():
    with LocalBedrock(account="111122223333", region="us-east-1") as ours, LocalBedrock(region="us-east-1") as theirs:
        ours.reset()
        other = theirs.session().client("s3")
        other.create_bucket(Bucket="taken")
        other.delete_public_access_block(Bucket="taken")
        s3 = ours.session().client("s3")
        assert refused(s3.head_bucket, Bucket="taken") == "403"
        assert refused(s3.put_object, Bucket="taken", Key="x", Body=b"") == "AccessDenied"
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "s3:ListBucket",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": "arn:aws:s3:::taken"}]}
        other.put_bucket_policy(Bucket="taken", Policy=json.dumps(policy))
        assert s3.head_bucket(Bucket="taken")["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert refused(s3.head_bucket, Bucket="taken", ExpectedBucketOwner="111122223333") == "403"
        assert refused(s3.get_bucket_policy, Bucket="taken") == "AccessDenied"
        ours.reset()
