"""What the judge makes of policies in moto's state."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.iam.document import Statement
from bedrock_gateway.iam.evaluate import Decision
from bedrock_gateway.local.authorization import (
    AccountLookup,
    ApiRequest,
    Demand,
    authorize_api,
    denial_code,
    denial_message,
)
from bedrock_gateway.local.call import State
from bedrock_gateway.local.models import catalogue
from bedrock_gateway.local.principals import Directory, Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "us-east-1"
NOVA, TITAN = "amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"
KB = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/KB12345678"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/bedrock/AmazonBedrockKb"
GUARDRAIL = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/abcdefghij12"


def model(name: str = NOVA, region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{name}"


def profile(name: str, kind: str = "inference-profile", region: str = REGION) -> str:
    return f"arn:aws:bedrock:{region}:{ACCOUNT}:{kind}/{name}"


RAG = {"knowledgeBaseConfiguration": {"knowledgeBaseId": "KB12345678", "modelArn": model()}}


class Account:
    """One account in moto, and callers in it."""

    def __init__(self) -> None:
        import boto3

        self.iam = boto3.client("iam", region_name=REGION)
        self.s3 = boto3.client("s3", region_name=REGION)
        self.kms = boto3.client("kms", region_name=REGION)
        self.directory = Directory(ACCOUNT, "aws", "AKIAIOSFODNN7EXAMPLE", "secret")
        self.lookup = AccountLookup(self.directory, State())

    def user(self, *statements: dict[str, Any], name: str = "alice") -> Principal:
        self.iam.create_user(UserName=name, Path="/team/")
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=written(*statements))
        return self.key(name)

    def key(self, name: str) -> Principal:
        key = self.iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
        found = self.directory.credentials(key)
        assert found is not None
        return found.principal

    def role(self, *statements: dict[str, Any], trust: Any, name: str = "app", **more: Any) -> str:
        document = written({"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"})
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=written(*statements))
        return str(made["Role"]["Arn"])

    def may(self, who: Principal, service: str, operation: str, **params: Any) -> bool:
        return self.verdict(who, service, operation, **params).allowed

    def verdict(self, who: Principal, service: str, operation: str, **params: Any) -> Any:
        one = ApiRequest(service, operation, params, REGION, ACCOUNT, "aws", self.lookup)
        return authorize_api(who, one, self.directory)


def written(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


def deny(action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return {**allow(action, resource, **condition), "Effect": "Deny"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    with mock_aws():
        yield Account()


def test_a_model_that_is_allowed_passes_and_the_next_does_not(account: Account) -> None:
    alice = account.user(allow("bedrock:InvokeModel", model()))
    assert account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA)
    assert account.may(alice, "bedrock-runtime", "InvokeModel", modelId=model())
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId="amazon.nova-micro-v1:0")
    assert not account.may(alice, "bedrock-runtime", "ConverseStream", modelId=NOVA)
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId=f"us.{NOVA}")


def test_every_destination_of_a_profile_has_to_be_allowed(account: Account) -> None:
    arn, reach = profile(f"us.{NOVA}"), {REGION, *catalogue.destinations(f"us.{NOVA}", REGION)}
    bound = {"ArnEquals": {"bedrock:InferenceProfileArn": arn}}
    whole = [model(region=region) for region in sorted(reach)]
    for index, missing in enumerate([None, arn, *whole]):
        statements = [
            allow("bedrock:InvokeModel", arn if missing != arn else "arn:aws:s3:::nothing"),
            allow("bedrock:InvokeModel", [one for one in whole if one != missing], **bound),
        ]
        who = account.user(*statements, name=f"user-{index}")
        verdict = account.verdict(who, "bedrock-runtime", "Converse", modelId=f"us.{NOVA}")
        assert verdict.allowed is (missing is None)
        assert [one.demand.resource for one in verdict.denials] == ([missing] if missing else [])
        assert not account.may(who, "bedrock-runtime", "Converse", modelId=NOVA), "the models are bound to the profile"


def test_a_denial_names_caller_action_resource_and_kind_of_policy(account: Account) -> None:
    verdict = account.verdict(account.user(), "bedrock-runtime", "Converse", modelId=NOVA)
    assert verdict.code == "AccessDeniedException"
    assert verdict.message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/team/alice is not authorized to perform: bedrock:InvokeModel on resource: "
        f"{model()} because no identity-based policy allows the bedrock:InvokeModel action"
    )


@pytest.mark.parametrize(
    ("layer", "explicit", "ending"),
    [
        ("identity", False, "because no identity-based policy allows the s3:GetObject action"),
        ("boundary", False, "because no permissions boundary allows the s3:GetObject action"),
        ("session", False, "because no session policy allows the s3:GetObject action"),
        ("scp", False, "because no service control policy allows the s3:GetObject action"),
        ("resource", False, "because no resource-based policy allows the s3:GetObject action"),
        ("identity", True, "with an explicit deny in an identity-based policy"),
        ("boundary", True, "with an explicit deny in a permissions boundary"),
        ("session", True, "with an explicit deny in a session policy"),
        ("scp", True, "with an explicit deny in a service control policy"),
        ("resource", True, "with an explicit deny in a resource-based policy"),
    ],
)
def test_a_denial_speaks_awss_words(layer: str, explicit: bool, ending: str) -> None:
    statement = Statement("Deny", actions=("*",)) if explicit else None
    text = denial_message(
        Principal("user", "arn:u", ACCOUNT), Decision(False, "", layer, statement), Demand("s3:GetObject", "arn:r")
    )
    assert text == f"User: arn:u is not authorized to perform: s3:GetObject on resource: arn:r {ending}"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("s3", "AccessDenied"),
        ("iam", "AccessDenied"),
        ("sts", "AccessDenied"),
        ("bedrock", "AccessDeniedException"),
        ("bedrock-agent-runtime", "AccessDeniedException"),
        ("logs", "AccessDeniedException"),
    ],
)
def test_each_service_has_its_own_code_for_a_denial(service: str, code: str) -> None:
    assert denial_code(service) == code


def test_root_may_do_what_nobody_grants_even_what_the_judge_does_not_know(account: Account) -> None:
    root = account.directory.root
    assert account.may(root, "bedrock-runtime", "Converse", modelId=NOVA)
    assert account.may(root, "dynamodb", "ListTables")


def test_what_the_judge_does_not_know_is_denied_to_everybody_else(account: Account) -> None:
    verdict = account.verdict(account.user(allow("*")), "dynamodb", "ListTables")
    assert not verdict.allowed
    assert (
        "the local Bedrock does not know what AWS demands for dynamodb:ListTables, so only root may" in verdict.message
    )


def test_nobody_can_be_kept_from_asking_who_they_are(account: Account) -> None:
    assert account.may(account.user(deny("*")), "sts", "GetCallerIdentity")


def test_root_assumes_no_role(account: Account) -> None:
    arn = account.role(trust={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    verdict = account.verdict(account.directory.root, "sts", "AssumeRole", RoleArn=arn)
    assert (verdict.allowed, verdict.code) == (False, "AccessDenied")
    assert verdict.message == "Roles may not be assumed by root accounts."


def test_assuming_a_role_needs_its_trust(account: Account) -> None:
    alice, bob = account.user(), account.user(allow("*"), name="bob")
    named = account.role(trust={"AWS": alice.arn}, name="named")
    through_account = account.role(trust={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, name="through-account")
    service = account.role(trust={"Service": "bedrock.amazonaws.com"}, name="service")
    assert account.may(alice, "sts", "AssumeRole", RoleArn=named)
    assert not account.may(bob, "sts", "AssumeRole", RoleArn=named)
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=through_account)
    assert account.may(bob, "sts", "AssumeRole", RoleArn=through_account)
    assert not account.may(bob, "sts", "AssumeRole", RoleArn=service)
    assert not account.may(bob, "sts", "AssumeRole", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/none")


def test_a_tagged_session_needs_the_right_to_tag(account: Account) -> None:
    alice = account.user()
    arn = account.role(trust={"AWS": alice.arn})
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=arn, Tags=[{"Key": "a", "Value": "b"}])


def test_an_external_id_is_compared(account: Account) -> None:
    alice = account.user()
    arn = account.role(trust={"AWS": alice.arn})
    document = {"Effect": "Allow", "Principal": {"AWS": alice.arn}, "Action": "sts:AssumeRole"}
    document["Condition"] = {"StringEquals": {"sts:ExternalId": "partner"}}
    account.iam.update_assume_role_policy(RoleName="app", PolicyDocument=written(document))
    assert account.may(alice, "sts", "AssumeRole", RoleArn=arn, ExternalId="partner")
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=arn, ExternalId="other")
    assert not account.may(alice, "sts", "AssumeRole", RoleArn=arn)


def test_passing_a_role_is_part_of_making_a_knowledge_base(account: Account) -> None:
    make = allow("bedrock:CreateKnowledgeBase")
    bedrock = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    other = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    whole, without, elsewhere = (
        account.user(make, allow("iam:PassRole", ROLE, **bedrock), name="a"),
        account.user(make, name="b"),
        account.user(make, allow("iam:PassRole", ROLE, **other), name="c"),
    )
    params = {"roleArn": ROLE, "name": "x"}
    assert account.may(whole, "bedrock-agent", "CreateKnowledgeBase", **params)
    assert not account.may(without, "bedrock-agent", "CreateKnowledgeBase", **params)
    assert not account.may(elsewhere, "bedrock-agent", "CreateKnowledgeBase", **params)
    assert not account.may(whole, "bedrock-agent", "CreateKnowledgeBase", roleArn=f"{ROLE}-2", name="x")


def test_an_answer_needs_the_knowledge_base_and_the_model(account: Account) -> None:
    legs = [
        allow("bedrock:RetrieveAndGenerate"),
        allow("bedrock:Retrieve", KB),
        allow("bedrock:InvokeModel", model()),
    ]
    params = {"retrieveAndGenerateConfiguration": RAG}
    assert account.may(account.user(*legs, name="all"), "bedrock-agent-runtime", "RetrieveAndGenerate", **params)
    for index in range(3):
        who = account.user(*(leg for at, leg in enumerate(legs) if at != index), name=f"without-{index}")
        assert not account.may(who, "bedrock-agent-runtime", "RetrieveAndGenerate", **params)
    on_base = account.user(allow("bedrock:RetrieveAndGenerate", KB), *legs[1:], name="on-the-base")
    assert not account.may(on_base, "bedrock-agent-runtime", "RetrieveAndGenerate", **params)


def test_a_condition_on_the_owner_never_holds_for_a_foundation_model(account: Account) -> None:
    own = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    alice = account.user(allow(["bedrock:InvokeModel", "bedrock:Retrieve"], "*", **own))
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA)
    assert account.may(alice, "bedrock-agent-runtime", "Retrieve", knowledgeBaseId="KB12345678")


def test_a_demanded_guardrail_is_enforced(account: Account) -> None:
    without = {"StringNotEquals": {"bedrock:GuardrailIdentifier": f"{GUARDRAIL}:3"}}
    alice = account.user(allow("bedrock:*"), deny("bedrock:InvokeModel*", "*", **without))
    right = {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"}
    assert account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA, guardrailConfig=right)
    assert not account.may(
        alice, "bedrock-runtime", "Converse", modelId=NOVA, guardrailConfig={**right, "guardrailVersion": "4"}
    )
    assert not account.may(alice, "bedrock-runtime", "Converse", modelId=NOVA)


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:RequestedRegion": REGION}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, True),
        ({"NumericGreaterThan": {"aws:EpochTime": "1700000000"}}, True),
        ({"StringEquals": {"aws:username": "alice"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/team/*"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, False),
        ({"StringEquals": {"aws:ResourceAccount": ACCOUNT}}, True),
        ({"Null": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({"Bool": {"aws:ViaAWSService": "false"}}, True),
        ({"Null": {"aws:userid": "false"}}, True),
    ],
)
def test_every_request_has_its_context(account: Account, condition: dict[str, Any], allowed: bool) -> None:
    account.user(allow("bedrock:ListKnowledgeBases", "*", **condition))
    account.iam.tag_user(UserName="alice", Tags=[{"Key": "team", "Value": "red"}])
    assert account.may(account.key("alice"), "bedrock-agent", "ListKnowledgeBases") is allowed


def test_a_session_is_its_role_to_a_condition_and_says_whether_mfa_was_used(account: Account) -> None:
    arn = account.role(trust={"AWS": ACCOUNT}, Path="/x/")
    conditions = {"ArnEquals": {"aws:PrincipalArn": arn}, "Bool": {"aws:MultiFactorAuthPresent": "false"}}
    document = written(allow("bedrock:ListKnowledgeBases", "*", **conditions))
    account.iam.put_role_policy(RoleName="app", PolicyName="inline", PolicyDocument=document)
    session = account.directory.role_principal(arn, "run-1")
    assert session is not None
    assert account.may(session, "bedrock-agent", "ListKnowledgeBases")
    assert not account.may(replace(session, mfa=True), "bedrock-agent", "ListKnowledgeBases")


def bucket_policy(*statements: dict[str, Any]) -> str:
    return written(*({"Resource": ["arn:aws:s3:::docs", "arn:aws:s3:::docs/*"], **one} for one in statements))


def test_a_bucket_policy_grants_and_denies(account: Account) -> None:
    account.s3.create_bucket(Bucket="docs")
    alice, bob = account.user(), account.user(allow("s3:*"), name="bob")
    assert not account.may(alice, "s3", "GetObject", Bucket="docs", Key="k")
    document = bucket_policy(
        {"Effect": "Allow", "Principal": {"AWS": alice.arn}, "Action": "s3:GetObject"},
        {"Effect": "Deny", "Principal": {"AWS": bob.arn}, "Action": "s3:DeleteObject"},
    )
    account.s3.put_bucket_policy(Bucket="docs", Policy=document)
    assert account.may(alice, "s3", "GetObject", Bucket="docs", Key="k")
    assert not account.may(alice, "s3", "PutObject", Bucket="docs", Key="k")
    assert account.may(bob, "s3", "PutObject", Bucket="docs", Key="k")
    verdict = account.verdict(bob, "s3", "DeleteObject", Bucket="docs", Key="k")
    assert verdict.code == "AccessDenied"
    assert verdict.message.endswith("with an explicit deny in a resource-based policy")


def test_a_bucket_policy_denies_root_too(account: Account) -> None:
    account.s3.create_bucket(Bucket="docs")
    document = bucket_policy({"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"})
    account.s3.put_bucket_policy(Bucket="docs", Policy=document)
    assert not account.may(account.directory.root, "s3", "GetObject", Bucket="docs", Key="k")
    assert account.may(account.directory.root, "s3", "PutObject", Bucket="docs", Key="k")


def test_a_bucket_is_open_to_a_service_by_its_policy_alone(account: Account) -> None:
    account.s3.create_bucket(Bucket="docs")
    bedrock = Principal("service", "bedrock.amazonaws.com", ACCOUNT)
    assert not account.may(bedrock, "s3", "PutObject", Bucket="docs", Key="k")
    document = bucket_policy(
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "s3:PutObject"}
    )
    account.s3.put_bucket_policy(Bucket="docs", Policy=document)
    assert account.may(bedrock, "s3", "PutObject", Bucket="docs", Key="k")
    assert not account.may(bedrock, "s3", "GetObject", Bucket="docs", Key="k")


def test_a_key_needs_its_own_policy_and_an_alias_stands_for_its_key(account: Account) -> None:
    key = account.kms.create_key()["KeyMetadata"]
    account.kms.create_alias(AliasName="alias/logs", TargetKeyId=key["KeyId"])
    alice = account.user(allow("kms:*", key["Arn"]))
    assert account.may(alice, "kms", "DescribeKey", KeyId=key["KeyId"])
    assert account.may(alice, "kms", "DescribeKey", KeyId="alias/logs")
    assert not account.may(alice, "kms", "DescribeKey", KeyId="alias/none")
    closed = written(
        {"Effect": "Allow", "Principal": {"AWS": f"{alice.arn}-other"}, "Action": "kms:*", "Resource": "*"}
    )
    account.kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=closed)
    assert not account.may(alice, "kms", "DescribeKey", KeyId=key["KeyId"])


def test_a_role_is_asked_about_with_its_path(account: Account) -> None:
    account.role(trust={"Service": "bedrock.amazonaws.com"}, name="kb", Path="/bedrock-gateway/")
    right = account.user(allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/bedrock-gateway/*"), name="a")
    wrong = account.user(allow("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/kb"), name="b")
    assert account.may(right, "iam", "GetRole", RoleName="kb")
    assert not account.may(wrong, "iam", "GetRole", RoleName="kb")


def test_a_user_asks_about_itself_by_default(account: Account) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/team/${{aws:username}}"
    alice = account.user(allow(["iam:GetUser", "iam:ListMFADevices"], own))
    account.user(name="bob")
    assert account.may(alice, "iam", "GetUser")
    assert account.may(alice, "iam", "ListMFADevices", UserName="alice")
    assert not account.may(alice, "iam", "GetUser", UserName="bob")


def test_every_decision_is_reported_with_its_statement(account: Account) -> None:
    alice = account.user(allow("bedrock:InvokeModel", model()))
    verdict = account.verdict(alice, "bedrock-runtime", "Converse", modelId=NOVA)
    ((demand, decision),) = verdict.decisions
    assert (demand.action, demand.resource, demand.confidence) == ("bedrock:InvokeModel", model(), "H")
    assert decision.reason == "allowed by statement 1 of identity-based policy 1"


def test_a_log_group_needs_the_form_of_arn_that_goes_on(account: Account) -> None:
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g"
    right = account.user(allow("logs:PutRetentionPolicy", f"{group}:*"), name="a")
    wrong = account.user(allow("logs:PutRetentionPolicy", group), name="b")
    assert account.may(right, "logs", "PutRetentionPolicy", logGroupName="/g")
    assert not account.may(right, "logs", "PutRetentionPolicy", logGroupName="/g2")
    assert not account.may(wrong, "logs", "PutRetentionPolicy", logGroupName="/g")


def test_a_listing_can_be_held_to_a_prefix(account: Account) -> None:
    alice = account.user(allow("s3:ListBucket", "arn:aws:s3:::b", StringLike={"s3:prefix": "docs/*"}))
    assert account.may(alice, "s3", "ListObjectsV2", Bucket="b", Prefix="docs/a")
    assert not account.may(alice, "s3", "ListObjectsV2", Bucket="b", Prefix="other/")
    assert not account.may(alice, "s3", "ListObjectsV2", Bucket="b")
    assert not account.may(alice, "s3", "HeadBucket", Bucket="b")
