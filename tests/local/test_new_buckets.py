"""A new bucket has what AWS gives it; what was set on one that is there stays as it is."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock


@pytest.fixture
def s3():
    with LocalBedrock(region="us-east-1") as local:
        yield local.session().client("s3")


def ownership(s3, bucket):
    return s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]


def test_a_new_bucket_owns_what_is_written_and_is_not_public(s3):
    s3.create_bucket(Bucket="example-new")
    assert ownership(s3, "example-new") == "BucketOwnerEnforced"
    assert set(s3.get_public_access_block(Bucket="example-new")["PublicAccessBlockConfiguration"].values()) == {True}


def test_an_ownership_that_was_asked_for_stays(s3):
    s3.create_bucket(Bucket="example-asked", ObjectOwnership="ObjectWriter")
    assert ownership(s3, "example-asked") == "ObjectWriter"


def test_making_a_bucket_that_is_there_changes_nothing_of_it(s3):
    s3.create_bucket(Bucket="example-there")
    s3.delete_public_access_block(Bucket="example-there")
    s3.create_bucket(Bucket="example-there")
    with pytest.raises(ClientError, match="NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket="example-there")
