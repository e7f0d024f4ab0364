"""What a session carries: who is behind it, tags that pass on, when it was made, and how long it may be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock

NOVA = "amazon.nova-lite-v1:0"
ACCOUNT_ROOT = {"AWS": "arn:aws:iam::123456789012:root"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, **conditions: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*", **({"Condition": conditions} if conditions else {})}


class Account:
    def __init__(self, local: LocalBedrock) -> None:
        self.local, self.iam = local, local.session(region="us-east-1").client("iam")
        self.iam.create_user(UserName="person")
        self.iam.put_user_policy(UserName="person", PolicyName="all", PolicyDocument=document(allow("*")))
        self.person = self.iam.create_access_key(UserName="person")["AccessKey"]

    def client(self, service: str, given: dict[str, Any]) -> Any:
        session = boto3.Session(
            given["AccessKeyId"], given["SecretAccessKey"], given.get("SessionToken"), region_name="us-east-1"
        )
        self.local.attach(session)
        return session.client(service)

    def role(self, name: str, policy: dict[str, Any], *trusted: str, principal: Any = None, **conditions: Any) -> str:
        actions = ["sts:AssumeRole", *trusted]
        trust = {"Effect": "Allow", "Principal": principal or ACCOUNT_ROOT, "Action": actions}
        trust |= {"Condition": conditions} if conditions else {}
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        self.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document(policy))
        return str(made["Role"]["Arn"])

    def assume(self, who: dict[str, Any], arn: str, **more: Any) -> dict[str, Any]:
        made = self.client("sts", who).assume_role(RoleArn=arn, RoleSessionName="session", **more)
        return dict(made["Credentials"])

    def converse(self, who: dict[str, Any]) -> str:
        said = [{"role": "user", "content": [{"text": "Hello"}]}]
        reply = self.client("bedrock-runtime", who).converse(modelId=NOVA, messages=said)
        return str(reply["stopReason"])


@pytest.fixture(scope="module")
def account():
    with LocalBedrock() as local:
        yield Account(local)


def refused(call, *arguments, **params):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **params)
    return caught.value.response["Error"]["Message"]


def test_a_source_identity_must_be_trusted_and_stays_with_the_session_and_those_after_it(account):
    named = {"aws:SourceIdentity": "alice"}
    last = account.role("last", allow("bedrock:*", StringEquals=named))
    first = account.role(
        "first", allow("*", StringEquals=named), "sts:SetSourceIdentity", StringLike={"sts:SourceIdentity": "al*"}
    )
    account.iam.update_assume_role_policy(
        RoleName="last",
        PolicyDocument=document({"Effect": "Allow", "Principal": {"AWS": first}, "Action": "sts:AssumeRole"}),
    )
    alice = account.assume(account.person, first, SourceIdentity="alice")
    assert account.converse(alice) == "end_turn"
    assert account.converse(account.assume(alice, last)) == "end_turn"
    assert "sts:AssumeRole" in refused(account.assume, account.person, first, SourceIdentity="bob")
    plain = account.role("plain", allow("bedrock:*"))
    assert "sts:SetSourceIdentity" in refused(account.assume, account.person, plain, SourceIdentity="alice")


def test_transitive_tags_pass_on_and_others_do_not(account):
    tagged = allow("*", StringEquals={"aws:PrincipalTag/team": "red"})
    middle = account.role("middle", allow("*"), "sts:TagSession")
    end = account.role("end", tagged, principal={"AWS": middle})
    tags = [{"Key": "team", "Value": "red"}]
    kept = account.assume(account.person, middle, Tags=tags, TransitiveTagKeys=["team"])
    lost = account.assume(account.person, middle, Tags=tags)
    assert account.converse(account.assume(kept, end)) == "end_turn"
    assert "bedrock:InvokeModel" in refused(account.converse, account.assume(lost, end))


def test_sessions_can_be_revoked_by_when_they_were_made(account):
    arn = account.role("revoked", allow("bedrock:*"))
    session = account.assume(account.person, arn)
    assert account.converse(session) == "end_turn"
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    deny = {**allow("*", DateLessThan={"aws:TokenIssueTime": soon}), "Effect": "Deny"}
    account.iam.put_role_policy(RoleName="revoked", PolicyName="revoke", PolicyDocument=document(deny))
    assert "explicit deny" in refused(account.converse, session)


def test_a_session_is_no_longer_than_its_role_and_an_hour_where_a_session_assumes(account):
    arn = account.role("short", allow("*"))
    assert "MaxSessionDuration" in refused(account.assume, account.person, arn, DurationSeconds=3601)
    account.iam.update_role(RoleName="short", MaxSessionDuration=7200)
    session = account.assume(account.person, arn, DurationSeconds=7200)
    assert "role chaining" in refused(account.assume, session, arn, DurationSeconds=3601)


def test_the_policy_of_a_vector_bucket_grants_and_denies(account):
    account.iam.create_user(UserName="reader")
    reader = account.iam.create_access_key(UserName="reader")["AccessKey"]
    root = account.local.session(region="us-east-1").client("s3vectors")
    root.create_vector_bucket(vectorBucketName="example-vectors")
    mine = account.client("s3vectors", reader)
    assert "s3vectors:ListIndexes" in refused(mine.list_indexes, vectorBucketName="example-vectors")
    grant = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/reader"}}
    grant |= {"Action": "s3vectors:ListIndexes", "Resource": "*"}
    root.put_vector_bucket_policy(vectorBucketName="example-vectors", policy=document(grant))
    assert mine.list_indexes(vectorBucketName="example-vectors")["indexes"] == []
    deny = {**grant, "Effect": "Deny", "Principal": "*"}
    root.put_vector_bucket_policy(vectorBucketName="example-vectors", policy=document(deny))
    person = account.client("s3vectors", account.person)
    assert "resource-based policy" in refused(person.list_indexes, vectorBucketName="example-vectors")
