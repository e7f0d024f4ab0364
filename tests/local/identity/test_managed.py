"""AWS's own managed policies can be attached, read, listed, set as a boundary and given to a session."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock

READ_ONLY = "arn:aws:iam::aws:policy/AmazonBedrockReadOnly"
LIMITED = "arn:aws:iam::aws:policy/AmazonBedrockLimitedAccess"
SAID = {"modelId": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}


@pytest.fixture(scope="module")
def local():
    with LocalBedrock() as made:
        yield made


@pytest.fixture(scope="module")
def root(local):
    return local.session(region="us-east-1")


def session_of(local, made):
    import boto3

    session = boto3.Session(
        made["AccessKeyId"], made["SecretAccessKey"], made.get("SessionToken"), region_name="us-east-1"
    )
    local.attach(session)
    return session


@pytest.fixture(scope="module")
def user(local, root):
    iam = root.client("iam")
    iam.create_user(UserName="reader")
    iam.attach_user_policy(UserName="reader", PolicyArn=READ_ONLY)
    return session_of(local, iam.create_access_key(UserName="reader")["AccessKey"])


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Message"]


def test_an_attached_one_grants_what_it_says_and_no_more(user):
    assert user.client("bedrock").list_foundation_models()["modelSummaries"]
    assert "bedrock:InvokeModel" in refused(user.client("bedrock-runtime").converse, **SAID)


def test_one_can_be_read(root):
    iam = root.client("iam")
    version = iam.get_policy(PolicyArn=LIMITED)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=LIMITED, VersionId=version)["PolicyVersion"]["Document"]
    assert "bedrock:InvokeModel" in json.dumps(document)
    assert iam.list_policies(Scope="AWS", MaxItems=5)["Policies"]


def test_one_limits_as_a_boundary_and_as_a_session_policy(local, root):
    iam = root.client("iam")
    everything = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    )
    iam.create_user(UserName="bounded", PermissionsBoundary=READ_ONLY)
    iam.put_user_policy(UserName="bounded", PolicyName="all", PolicyDocument=everything)
    bounded = session_of(local, iam.create_access_key(UserName="bounded")["AccessKey"])
    assert "permissions boundary" in refused(bounded.client("bedrock-runtime").converse, **SAID)
    assert bounded.client("bedrock").list_foundation_models()["modelSummaries"]

    iam.create_user(UserName="free")
    iam.put_user_policy(UserName="free", PolicyName="all", PolicyDocument=everything)
    free = session_of(local, iam.create_access_key(UserName="free")["AccessKey"])
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="all", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    iam.put_role_policy(RoleName="all", PolicyName="all", PolicyDocument=everything)
    given = free.client("sts").assume_role(
        RoleArn=role["Role"]["Arn"], RoleSessionName="one", PolicyArns=[{"arn": READ_ONLY}]
    )["Credentials"]
    assert "session policy" in refused(session_of(local, given).client("bedrock-runtime").converse, **SAID)


def test_what_aws_does_not_have_is_refused(root):
    iam = root.client("iam")
    iam.create_user(UserName="nobody")
    text = refused(iam.attach_user_policy, UserName="nobody", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
    assert "does not exist" in text
