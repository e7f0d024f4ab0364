"""A policy that the evaluator cannot read is refused where it comes in, in the service's own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from .conftest import Served

TWICE = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)


def deny(**condition: Any) -> str:
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (TWICE, "Effect stands twice in one object"),
        (deny(NullIfExists={"aws:username": "true"}), "IAM has no condition operator 'NullIfExists'"),
        (deny(StringEquals={"aws:username": []}), "aws:username has no value"),
    ],
)
def test_what_moto_lets_pass_and_iam_refuses_is_refused(served: Served, document: str, says: str) -> None:
    calls = [
        ("iam", "create_policy", {"PolicyName": "bad", "PolicyDocument": document}, "MalformedPolicyDocument"),
        ("sts", "assume_role", {"Policy": document}, "MalformedPolicyDocument"),
        ("s3", "put_bucket_policy", {"Bucket": "for-bad-policies", "Policy": document}, "MalformedPolicy"),
        ("kms", "create_key", {"Policy": document}, "MalformedPolicyDocumentException"),
    ]
    name = f"bad-{says.split(maxsplit=1)[0].lower().replace(':', '-')}"
    user, role = served.user(name, served.allow("*")), served.role(name)
    assumable = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    served.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=served.policy(assumable))
    served.client("s3").create_bucket(Bucket="for-bad-policies")
    for service, method, arguments, code in calls:
        more = {"RoleArn": role, "RoleSessionName": "one"} if service == "sts" else {}
        with pytest.raises(ClientError) as caught:
            getattr(served.client(service, user), method)(**arguments, **more)
        assert caught.value.response["Error"]["Code"] == code
        assert says in caught.value.response["Error"]["Message"]


def test_what_cannot_be_judged_is_denied_and_nothing_else_is(served: Served) -> None:
    unclear = {
        "Effect": "Deny",
        "Action": "bedrock:List*",
        "Resource": "*",
        "Condition": {"NumericGreaterThan": {"aws:EpochTime": "soon"}},
    }
    client = served.client("bedrock", served.user("unclear", served.allow("bedrock:*"), unclear))
    with pytest.raises(ClientError) as caught:
        client.list_foundation_models()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert client.get_foundation_model(modelIdentifier="amazon.nova-lite-v1:0")["modelDetails"]
