"""An exported template makes what `apply` makes; both facades do the same; and what is sent is what the operator may."""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway import AsyncGateway
from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.errors import AccessDeniedError, SetupIncompleteError
from bedrock_gateway.setup import logging
from bedrock_gateway.setup.export import FORMATS, export, left_out
from bedrock_gateway.setup.resource import LOGGING, Resource
from tests.iam.test_export import cfn_lint
from tests.setup.exported import from_cloudformation, from_terraform
from tests.setup.logging.conftest import BUCKET, DECLARED, GROUP, LAMBDA, REGION, ROLE, config_of, document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.setup.logging.conftest import Account

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

LARGE = {**DECLARED, "large_data_bucket": "example-large", "prefix": "logs/", "retention_days": 90}


def there(account: Account, buckets: tuple[str, ...]) -> dict[tuple[str, str], Any]:
    """What is in the account, by bare boto3, as a template would have it."""
    iam, s3, logs = (account.root(name) for name in ("iam", "s3", "logs"))
    found = []
    for one in logs.describe_log_groups()["logGroups"]:
        found.append(
            Resource(
                "AWS::Logs::LogGroup",
                one["logGroupName"],
                {"LogGroupName": one["logGroupName"], "RetentionInDays": one["retentionInDays"]},
            )
        )
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        body = {
            "ManagedPolicyName": policy["PolicyName"],
            "Path": policy["Path"],
            "PolicyDocument": version["PolicyVersion"]["Document"],
        }
        found.append(Resource("AWS::IAM::ManagedPolicy", policy["PolicyName"], body))
    for listed in iam.list_roles()["Roles"]:
        role = account.role(listed["RoleName"])
        body = {name: role[name] for name in ("RoleName", "Path", "AssumeRolePolicyDocument", "Tags")}
        body["PermissionsBoundary"] = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
        body["Policies"] = [
            {"PolicyName": name, "PolicyDocument": document} for name, document in role["Policies"].items()
        ]
        found.append(Resource("AWS::IAM::Role", role["RoleName"], body))
    assert {one["Name"] for one in s3.list_buckets()["Buckets"]} == set(buckets)
    for name in buckets:
        found.append(Resource("AWS::S3::Bucket", name, {"BucketName": name} | account.bucket(name)))
        found.append(
            Resource("AWS::S3::BucketPolicy", name, {"Bucket": name, "PolicyDocument": account.bucket_policy(name)})
        )
    found.append(Resource(LOGGING, "the only one", account.configured() or {}))
    return keyed(found)


def keyed(resources: list[Resource]) -> dict[tuple[str, str], Any]:
    """Of the logging configuration there is one, whatever it is called."""
    return {(one.kind, "the only one" if one.kind == LOGGING else one.name): dict(one.properties) for one in resources}


@pytest.mark.parametrize("form", FORMATS)
def test_a_template_makes_what_apply_makes_in_an_empty_account(account: Account, form: Any) -> None:
    for policy in account.root("iam").list_policies(Scope="Local")["Policies"]:
        account.root("iam").delete_policy(PolicyArn=policy["Arn"])
    config = config_of(LARGE)
    planned = list(logging.desired(config, create_boundary=True).resources)
    account.apply(account.gateway(config, as_root=True), create_boundary=True)
    made = there(account, (BUCKET, "example-large"))
    text = export(planned, form)
    read = keyed(from_terraform(text) if form == "terraform" else from_cloudformation(text))
    if form == "terraform":  # the provider has no attribute for audio: it is said, and not sent
        audio = made[LOGGING, "the only one"].pop("audioDataDeliveryEnabled", None)
        assert (audio is None) == (left_out(planned, form) == ())
    assert read == made


@pytest.mark.skipif(find_spec("cfnlint") is None, reason="cfn-lint is not installed (dependency group dev)")
def test_cfn_lint_finds_nothing_in_the_template(tmp_path: Path) -> None:
    key = f"arn:aws:kms:{REGION}:123456789012:key/12345678-1234-1234-1234-123456789012"
    plans = {
        "all": logging.desired(config_of(LARGE), create_boundary=True),
        "bucket": logging.desired(config_of({"bucket": BUCKET, "key": key})),
        "group": logging.desired(config_of({"log_group": GROUP})),
    }
    made = {name: json.loads(export(plan.resources, "cloudformation")) for name, plan in plans.items()}
    assert cfn_lint(tmp_path, made) == ""


def test_the_policy_of_a_key_is_never_in_a_template() -> None:
    """It would replace what the key has: the statement to add is said instead."""
    key = f"arn:aws:kms:{REGION}:123456789012:key/12345678-1234-1234-1234-123456789012"
    plan = logging.desired(config_of({**DECLARED, "key": key}))
    assert not [one for one in plan.resources if "kms" in one.kind.lower()]
    assert any("BedrockDeliversLogs" in one for one in plan.notes)
    for form in FORMATS:
        assert "BedrockDeliversLogs" not in export(plan.resources, form)
        assert key in export(plan.resources, form)


def test_a_bucket_for_large_bodies_that_nothing_leads_to_is_said_to_be_unused() -> None:
    plan = logging.desired(config_of({"bucket": BUCKET, "large_data_bucket": "example-large", "modalities": ["text"]}))
    assert any("example-large is not used" in one for one in plan.notes)
    assert not any("example-large" in one.name for one in plan.resources)


def test_the_async_gateway_does_the_same(account: Account) -> None:
    account.apply()
    made = account.everything()
    account.undo()
    undone = account.everything()
    account.wipe()
    account.bound(config_of())
    account.grant(config_of())

    async def both() -> tuple[Any, Any]:
        config = config_of()
        async with AsyncGateway(config, principal="operator", session=session, observers=[]) as gateway:
            assert (await logging.plan(gateway, folder=account.folder)).refused == ()
            await logging.apply(gateway, folder=account.folder)
            applied = account.everything()
            assert len((await logging.plan_undo(gateway, folder=account.folder)).pending) == 3
            await logging.undo(gateway, folder=account.folder)
            return applied, account.everything()

    aiobotocore = pytest.importorskip("aiobotocore.session")
    session = aiobotocore.get_session()
    credentials = account.operator_session.get_credentials()
    session.set_credentials(credentials.access_key, credentials.secret_key)
    account.local.attach(session)
    assert asyncio.run(both()) == (made, undone)


def test_every_call_is_one_that_the_capability_names(account: Account) -> None:
    key = account.root("kms").create_key()["KeyMetadata"]["Arn"]
    config = config_of({**DECLARED, "key": key})
    account.make_role(LAMBDA)
    view, watched = account.view(config=config)
    account.apply(view, checked=True)
    account.undo(view)
    named = {one.name for name in ("logging-admin", "preflight-standard") for one in CAPABILITIES[name].operations}
    assert set(watched.sent) <= named | {"GetCallerIdentity"}
    by_setup = {one for one in watched.sent if one in {row.name for row in CAPABILITIES["logging-admin"].operations}}
    assert len(by_setup) > 20


def test_a_right_that_was_never_granted_is_granted_by_the_policy_of_the_configuration(account: Account) -> None:
    gateway = account.gateway()
    account.root("iam").delete_user_policy(UserName="operator", PolicyName="generated")
    with pytest.raises(AccessDeniedError, match=r"grant it: bedrock-gateway policy --principal operator$"):
        account.apply(gateway)
    account.grant(config_of())
    account.apply(gateway)


RIGHTS = ("iam:PassRole", "s3:PutBucketPolicy", "iam:PutRolePolicy", "logs:CreateLogGroup", "iam:TagRole")


@pytest.mark.parametrize("missing", [RIGHTS[0], *(pytest.param(one, marks=pytest.mark.full) for one in RIGHTS[1:])])
def test_a_right_that_is_missing_is_named_and_doing_it_again_goes_on(account: Account, missing: str) -> None:
    account.gateway()
    deny = document({"Effect": "Deny", "Action": missing, "Resource": "*"})
    account.root("iam").put_user_policy(UserName="operator", PolicyName="less", PolicyDocument=deny)
    try:
        with pytest.raises(SetupIncompleteError, match=missing):
            account.apply()
    finally:
        account.root("iam").delete_user_policy(UserName="operator", PolicyName="less")
    account.apply()
    assert account.plan().pending == ()
    assert len(account.delivered()) == 1


HOSTILE = "x\u202e\u001b[2Jé"


def test_hostile_names_reach_no_terminal_and_lose_nothing(account: Account) -> None:
    theirs = {"Sid": "A1", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::b/${{aws:username}}/{HOSTILE}"}  # fmt: skip
    account.make_role(
        {**LAMBDA, "Condition": {"StringEquals": {"aws:PrincipalTag/x": HOSTILE}}}, theirs=document(theirs)
    )
    plan = account.plan()
    assert all(one.diff.isascii() and "\x1b" not in one.diff for one in plan.changes)
    account.apply()
    made = account.role(ROLE)
    assert made["Policies"]["theirs"]["Statement"] == [theirs]
    assert (
        made["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalTag/x"] == HOSTILE
    )


def operations(account: Account, config: Any, *, replace: bool = False) -> set[str]:
    """What set-up itself sends to apply and to take back."""
    view, watched = account.view(config=config)
    account.apply(view, replace=replace)
    account.undo(view, replace=True)
    return set(watched.sent)


def test_what_the_capability_names_is_exactly_what_set_up_sends(account: Account) -> None:
    key = account.root("kms").create_key()["KeyMetadata"]["Arn"]
    config = config_of({**DECLARED, "key": key, "retention_days": 30})
    sent = operations(account, config)
    account.wipe()
    account.bound(config_of())
    account.make_role(LAMBDA)
    account.root("logs").create_log_group(logGroupName=GROUP)
    sent |= operations(account, config, replace=True)
    named = {one.name for one in CAPABILITIES["logging-admin"].operations}
    assert sent - {"GetCallerIdentity"} == named


def test_a_role_under_a_path_is_made_and_taken_back_by_the_operator(account: Account) -> None:
    """IAM knows no path of a role that is not there, so asking for it is denied under a policy that names the path."""
    config = config_of({**DECLARED, "role": f"bedrock-gateway/{ROLE}"})
    gateway = account.gateway(config)
    account.apply(gateway)
    assert account.role()["Path"] == "/bedrock-gateway/"
    assert account.plan(gateway).pending == ()
    assert len(account.delivered()) == 1
    account.undo(gateway)
    assert f"role {ROLE}" not in account.everything()


def test_flags_that_aws_shows_besides_are_not_somebody_elses_change(account: Account) -> None:
    from bedrock_gateway._responses import BODY

    def around(watched: Any, send: Any) -> Any:
        reply = watched.perform(send)
        if send.operation == "GetModelInvocationLoggingConfiguration":
            shown = json.loads(reply[BODY])
            if shown.get("loggingConfig"):
                shown["loggingConfig"]["hologramDataDeliveryEnabled"] = True
                reply[BODY] = json.dumps(shown).encode()
        return reply

    account.apply(account.view(around)[0])
    account.undo(account.view(around)[0])
    assert account.configured() is None


def test_a_bucket_that_is_busy_is_waited_for(account: Account) -> None:
    left = ["PutPublicAccessBlock", "PutPublicAccessBlock", "PutBucketPolicy"]
    said = {"Error": {"Code": "OperationAborted", "Message": "A conflicting conditional operation is in progress"}}

    def around(watched: Any, send: Any) -> Any:
        if send.operation in left:
            left.remove(send.operation)
            raise ClientError(said | {"ResponseMetadata": {"HTTPStatusCode": 409}}, send.operation)
        return watched.perform(send)

    view, watched = account.view(around)
    account.apply(view)
    assert watched.slept == [1.0, 2.0, 1.0]
    assert account.plan().pending == ()
