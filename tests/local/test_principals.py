"""Who a key belongs to, and which policies bear on them: read from moto's state as it is now."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.iam.evaluate import AccessRequest, PrincipalRef, evaluate
from bedrock_gateway.local.principals import Credentials, Directory, Principal, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "us-east-1"
ROOT_KEY, ROOT_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BEDROCK = PrincipalRef("bedrock.amazonaws.com", "", "Service")
TRUST = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}


def written(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*"}


class Account:
    def __init__(self) -> None:
        import boto3

        self.iam = boto3.client("iam", region_name=REGION)
        self.sts = boto3.client("sts", region_name=REGION)
        self.directory = Directory(ACCOUNT, "aws", ROOT_KEY, ROOT_SECRET)

    def user(self, name: str = "alice", **more: Any) -> tuple[str, str]:
        self.iam.create_user(UserName=name, **more)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def role(self, name: str = "app", *statements: dict[str, Any], **more: Any) -> str:
        document = written(*(statements or (TRUST,)))
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)
        return str(made["Role"]["Arn"])

    def assume(self, arn: str, session: str = "run-1", **more: Any) -> Credentials:
        given = self.sts.assume_role(RoleArn=arn, RoleSessionName=session, **more)["Credentials"]
        self.directory.note("AssumeRole", {"RoleArn": arn, "RoleSessionName": session, **more})
        return self.known(given["AccessKeyId"])

    def known(self, key_id: str) -> Credentials:
        found = self.directory.credentials(key_id)
        assert found is not None
        return found

    def may(self, who: Principal, action: str) -> bool:
        return evaluate(AccessRequest(action, "*", {}, who.ref), self.directory.layers(who)).allowed


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT_SECRET)
    with mock_aws():
        yield Account()


def test_the_root_key_is_the_root_user(account: Account) -> None:
    found = account.known(ROOT_KEY)
    assert found.secret == ROOT_SECRET
    assert found.principal == account.directory.root
    assert (found.principal.kind, found.principal.arn) == ("root", f"arn:aws:iam::{ACCOUNT}:root")


def test_a_key_that_nobody_has_is_nobody(account: Account) -> None:
    assert account.directory.credentials("AKIAI44QH8DHBEXAMPLE") is None


def test_a_users_key_is_the_user_with_path_and_tags(account: Account) -> None:
    key, secret = account.user(Path="/team/", Tags=[{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "7"}])
    found = account.known(key)
    assert (found.secret, found.token, found.expires) == (secret, None, None)
    assert found.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/team/alice"
    assert (found.principal.kind, found.principal.name, found.principal.mfa) == ("user", "alice", None)
    assert found.principal.tags == {"team": "red", "cost": "7"}


def test_a_key_that_is_switched_off_or_deleted_is_nobodys(account: Account) -> None:
    key, _ = account.user()
    account.iam.update_access_key(UserName="alice", AccessKeyId=key, Status="Inactive")
    assert account.directory.credentials(key) is None
    account.iam.delete_access_key(UserName="alice", AccessKeyId=key)
    assert account.directory.credentials(key) is None


def test_secrets_are_not_in_the_repr(account: Account) -> None:
    key, secret = account.user()
    assert secret not in repr(account.known(key))


def test_a_session_is_its_role_with_secret_token_and_end(account: Account) -> None:
    arn = account.role(Path="/x/", Tags=[{"Key": "team", "Value": "red"}])
    found = account.assume(arn, DurationSeconds=900)
    assert found.principal.kind == "role"
    assert found.principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/app/run-1"
    assert found.principal.role_arn == arn == f"arn:aws:iam::{ACCOUNT}:role/x/app"
    assert found.principal.user_id.endswith(":run-1")
    assert found.principal.tags == {"team": "red"}
    assert found.token
    assert found.expires is not None
    assert not found.expired(datetime.now(UTC) + timedelta(seconds=850))
    assert found.expired(datetime.now(UTC) + timedelta(seconds=950))


def test_what_moto_forgets_of_a_session_is_kept(account: Account) -> None:
    arn = account.role(Tags=[{"Key": "team", "Value": "red"}, {"Key": "env", "Value": "test"}])
    policy = account.iam.create_policy(PolicyName="p", PolicyDocument=written(allow("s3:*")))["Policy"]["Arn"]
    tagged = account.assume(arn, "one", Tags=[{"Key": "team", "Value": "blue"}], PolicyArns=[{"arn": policy}])
    assert tagged.principal.tags == {"team": "blue", "env": "test"}
    assert tagged.principal.session_policy_arns == (policy,)
    assert tagged.principal.mfa is False
    plain = account.assume(arn, "two")
    assert (plain.principal.tags["team"], plain.principal.session_policy_arns) == ("red", ())
    with_mfa = account.assume(arn, "three", SerialNumber=f"arn:aws:iam::{ACCOUNT}:mfa/alice", TokenCode="123456")
    assert with_mfa.principal.mfa is True


def test_a_users_rights_are_inline_managed_and_those_of_its_groups(account: Account) -> None:
    key, _ = account.user()
    who = account.known(key).principal
    assert not account.may(who, "s3:GetObject")
    account.iam.put_user_policy(UserName="alice", PolicyName="i", PolicyDocument=written(allow("s3:GetObject")))
    made = account.iam.create_policy(PolicyName="m", PolicyDocument=written(allow("s3:PutObject")))["Policy"]
    account.iam.attach_user_policy(UserName="alice", PolicyArn=made["Arn"])
    shared = account.iam.create_policy(PolicyName="shared", PolicyDocument=written(allow("bedrock:List*")))["Policy"]
    account.iam.create_group(GroupName="g")
    account.iam.put_group_policy(GroupName="g", PolicyName="i", PolicyDocument=written(allow("logs:PutLogEvents")))
    account.iam.attach_group_policy(GroupName="g", PolicyArn=shared["Arn"])
    assert not account.may(who, "logs:PutLogEvents")
    account.iam.add_user_to_group(GroupName="g", UserName="alice")
    for action in ("s3:GetObject", "s3:PutObject", "logs:PutLogEvents", "bedrock:ListFoundationModels"):
        assert account.may(who, action)
    assert not account.may(who, "iam:CreateUser")


def test_a_managed_policy_counts_in_its_default_version(account: Account) -> None:
    key, _ = account.user()
    who = account.known(key).principal
    arn = account.iam.create_policy(PolicyName="m", PolicyDocument=written(allow("s3:PutObject")))["Policy"]["Arn"]
    account.iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=written(allow("s3:GetObject")), SetAsDefault=False)
    assert (account.may(who, "s3:PutObject"), account.may(who, "s3:GetObject")) == (True, False)
    account.iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert (account.may(who, "s3:PutObject"), account.may(who, "s3:GetObject")) == (False, True)


def test_a_roles_rights_are_inline_and_managed_within_its_boundary(account: Account) -> None:
    limit = account.iam.create_policy(PolicyName="limit", PolicyDocument=written(allow("s3:*")))["Policy"]["Arn"]
    arn = account.role(PermissionsBoundary=limit)
    account.iam.put_role_policy(RoleName="app", PolicyName="i", PolicyDocument=written(allow("*")))
    who = account.assume(arn).principal
    assert account.may(who, "s3:GetObject")
    assert not account.may(who, "bedrock:InvokeModel")
    account.iam.delete_role_permissions_boundary(RoleName="app")
    assert account.may(who, "bedrock:InvokeModel")


def test_a_boundary_that_cannot_be_read_allows_nothing(account: Account) -> None:
    arn = account.role(PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/none")
    account.iam.put_role_policy(RoleName="app", PolicyName="i", PolicyDocument=written(allow("*")))
    assert not account.may(account.assume(arn).principal, "s3:GetObject")


def test_the_boundary_of_a_new_user_counts_though_moto_drops_it(account: Account) -> None:
    limit = account.iam.create_policy(PolicyName="limit", PolicyDocument=written(allow("s3:*")))["Policy"]["Arn"]
    key, _ = account.user(PermissionsBoundary=limit)
    account.directory.note("CreateUser", {"UserName": "alice", "PermissionsBoundary": limit})
    account.iam.put_user_policy(UserName="alice", PolicyName="i", PolicyDocument=written(allow("*")))
    who = account.known(key).principal
    assert (account.may(who, "s3:GetObject"), account.may(who, "bedrock:InvokeModel")) == (True, False)
    entity = account.directory.entity("user", "alice")
    assert entity is not None
    assert entity.boundary == limit
    account.directory.note("DeleteUser", {"UserName": "alice"})
    assert account.may(who, "bedrock:InvokeModel")


def test_a_session_policy_narrows_and_never_widens(account: Account) -> None:
    arn = account.role()
    account.iam.put_role_policy(RoleName="app", PolicyName="i", PolicyDocument=written(allow("s3:*")))
    narrowed = account.assume(arn, "narrow", Policy=written(allow("s3:GetObject"), allow("iam:*"))).principal
    assert account.may(narrowed, "s3:GetObject")
    assert not account.may(narrowed, "s3:PutObject")
    assert not account.may(narrowed, "iam:CreateUser")
    assert account.may(account.assume(arn, "whole").principal, "s3:PutObject")


def test_a_managed_session_policy_narrows_too(account: Account) -> None:
    arn = account.role()
    account.iam.put_role_policy(RoleName="app", PolicyName="i", PolicyDocument=written(allow("*")))
    policy = account.iam.create_policy(PolicyName="p", PolicyDocument=written(allow("s3:*")))["Policy"]["Arn"]
    who = account.assume(arn, PolicyArns=[{"arn": policy}]).principal
    assert (account.may(who, "s3:GetObject"), account.may(who, "bedrock:InvokeModel")) == (True, False)


def test_a_change_of_a_policy_counts_at_once(account: Account) -> None:
    arn = account.role()
    who = account.assume(arn).principal
    for action in ("s3:GetObject", "s3:PutObject"):
        account.iam.put_role_policy(RoleName="app", PolicyName="i", PolicyDocument=written(allow(action)))
        assert account.may(who, action)
    assert not account.may(who, "s3:GetObject")


def test_a_session_of_a_role_that_is_gone_may_do_nothing(account: Account) -> None:
    arn = account.role()
    account.iam.put_role_policy(RoleName="app", PolicyName="i", PolicyDocument=written(allow("*")))
    who = account.assume(arn).principal
    assert account.may(who, "s3:GetObject")
    account.iam.delete_role_policy(RoleName="app", PolicyName="i")
    account.iam.delete_role(RoleName="app")
    assert not account.may(who, "s3:GetObject")


def test_a_role_is_found_by_name_and_by_its_whole_arn_only(account: Account) -> None:
    arn = account.role("kb", Path="/bedrock-gateway/")
    assert account.directory.role("kb").arn == arn
    assert account.directory.role(arn).arn == arn
    assert account.directory.role(f"arn:aws:iam::{ACCOUNT}:role/kb") is None
    assert account.directory.role("arn:aws:iam::111122223333:role/bedrock-gateway/kb") is None


def test_a_service_session_is_named_as_aws_names_it(account: Account) -> None:
    arn = account.role("kb", Path="/bedrock-gateway/")
    made = account.directory.role_principal(arn, "bedrock")
    assert made is not None
    assert made.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/kb/bedrock"
    assert made.role_arn == arn
    assert account.directory.role_principal(f"{arn}-none", "bedrock") is None


@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": "111122223333"}}, False),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/*"}}, True),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:us-west-2:{ACCOUNT}:knowledge-base/*"}}, False),
        ({"StringEquals": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/*"}}, False),
    ],
)
def test_a_role_trusts_a_service_for_its_sources(account: Account, condition: dict[str, Any], trusted: bool) -> None:
    arn = account.role("kb", {**TRUST, "Condition": condition} if condition else TRUST)
    context = {
        "aws:SourceAccount": ACCOUNT,
        "aws:SourceArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:knowledge-base/KB12345678",
    }
    decision = account.directory.trusts(account.directory.role(arn), BEDROCK, context)
    assert decision.allowed is trusted


def test_a_role_trusts_no_other_service(account: Account) -> None:
    arn = account.role("kb", {**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}})
    assert not account.directory.trusts(account.directory.role(arn), BEDROCK, {}).allowed


def test_a_document_is_parsed_once_and_a_bad_one_is_none() -> None:
    text = written(allow("s3:*"))
    assert parsed(text) is parsed(text)
    assert parsed(text.encode()) == parsed(text)
    assert parsed("{") is None
    assert parsed(None) is None
    assert parsed("") is None


def test_the_root_user_and_services_have_no_identity_policies(account: Account) -> None:
    assert account.directory.layers(account.directory.root).identity == ()
    assert account.directory.layers(Principal("service", "bedrock.amazonaws.com", ACCOUNT)).identity == ()
