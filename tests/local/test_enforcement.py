"""The judge behind the front: bare boto3, answered in process, with keys that moto's IAM knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "us-east-1"
NOVA = "amazon.nova-lite-v1:0"
MODEL = f"arn:aws:bedrock:{REGION}::foundation-model/{NOVA}"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
ONCE = Config(retries={"total_max_attempts": 1})


def client(session: Any, service: str) -> Any:
    return session.client(service, config=ONCE)


def person(local: LocalBedrock, *statements: dict[str, Any]) -> Any:
    """A session of a user with these rights."""
    iam = client(local.session(), "iam")
    iam.create_user(UserName="alice")
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=document)
    return local.session(credentials=iam.create_access_key(UserName="alice")["AccessKey"])


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def denial(call: Any, **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


@pytest.fixture
def local() -> Iterator[LocalBedrock]:
    with LocalBedrock(region=REGION, pace_seconds=0) as made:
        yield made
        made.reset()


def test_what_is_allowed_is_served_and_the_rest_is_denied(local: LocalBedrock) -> None:
    runtime = client(person(local, allow("bedrock:InvokeModel", MODEL)), "bedrock-runtime")
    assert runtime.converse(modelId=NOVA, messages=HELLO)["output"]
    code, status, message = denial(runtime.converse, modelId="amazon.nova-micro-v1:0", messages=HELLO)
    assert (code, status) == ("AccessDeniedException", 403)
    assert message.startswith(
        f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: bedrock:InvokeModel"
    )
    assert message.endswith("because no identity-based policy allows the bedrock:InvokeModel action")


@pytest.mark.parametrize(
    ("service", "operation", "params", "code"),
    [
        ("s3", "list_buckets", {}, "AccessDenied"),
        ("iam", "list_roles", {}, "AccessDenied"),
        ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "RoleSessionName": "run"}, "AccessDenied"),
        ("logs", "describe_log_groups", {}, "AccessDeniedException"),
        ("kms", "list_keys", {}, "AccessDeniedException"),
        ("s3vectors", "list_vector_buckets", {}, "AccessDeniedException"),
        ("bedrock-agent", "list_knowledge_bases", {}, "AccessDeniedException"),
        ("dynamodb", "list_tables", {}, "AccessDeniedException"),
    ],
)
def test_every_service_denies_in_its_own_form(
    local: LocalBedrock, service: str, operation: str, params: dict[str, Any], code: str
) -> None:
    found, status, _ = denial(getattr(client(person(local), service), operation), **params)
    assert (found, status) == (code, 403)


def test_everybody_may_ask_who_they_are(local: LocalBedrock) -> None:
    assert client(person(local), "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"


def test_what_a_session_was_given_counts(local: LocalBedrock) -> None:
    alice = person(local, allow("sts:AssumeRole"), allow("sts:TagSession"))
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    iam = client(local.session(), "iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="app", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    red = {**allow("bedrock:InvokeModel"), "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [red]})
    iam.put_role_policy(RoleName="app", PolicyName="inline", PolicyDocument=document)

    def session(name: str, **more: Any) -> Any:
        given = client(alice, "sts").assume_role(RoleArn=arn, RoleSessionName=name, **more)["Credentials"]
        return client(local.session(credentials=given), "bedrock-runtime")

    assert session("one", Tags=[{"Key": "team", "Value": "red"}]).converse(modelId=NOVA, messages=HELLO)["output"]
    assert denial(session("two").converse, modelId=NOVA, messages=HELLO)[1] == 403
    narrow = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*")]})
    narrowed = session("three", Tags=[{"Key": "team", "Value": "red"}], Policy=narrow)
    message = denial(narrowed.converse, modelId=NOVA, messages=HELLO)[2]
    assert message.endswith("because no session policy allows the bedrock:InvokeModel action")


def test_report_serves_and_records_what_would_have_been_denied() -> None:
    with LocalBedrock(region=REGION, iam="report", pace_seconds=0) as local:
        alice = person(local)
        assert client(alice, "bedrock-runtime").converse(modelId=NOVA, messages=HELLO)["output"]
        client(alice, "dynamodb").list_tables()
        model, table = (one for one in local.decisions if one.principal.endswith("/alice"))
        local.reset()
    assert (model.action, model.resource, model.allowed) == ("bedrock:InvokeModel", MODEL, False)
    assert (table.action, table.allowed) == ("dynamodb:ListTables", False)
    assert "does not know what AWS demands" in table.reason
