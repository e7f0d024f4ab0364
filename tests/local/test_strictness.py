"""What AWS refuses and moto would let pass is refused."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


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
