"""The accounts that set-up meets: empty, another team's, half-finished, a role without trust, a wrong Region."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.cli import main
from bedrock_gateway.errors import ConfigError, NotOursError, SetupIncompleteError
from bedrock_gateway.iam import roles
from tests.setup.logging.conftest import (
    ACCOUNT,
    BUCKET,
    GROUP,
    LAMBDA,
    MARK,
    REGION,
    ROLE,
    WRITES,
    config_of,
    document,
)

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send
    from tests.setup.conftest import Watched
    from tests.setup.logging.conftest import Account


TOML = f"""
format = 1
application = "helpdesk"
[env.laptop]
account = "{ACCOUNT}"
region = "{REGION}"
local = true
[principals.operator]
capabilities = ["logging-admin", "preflight-standard"]
[logging]
log_group = "{GROUP}"
"""


def actions(plan: Any) -> dict[str, str]:
    return {one.resource.kind.rpartition("::")[2]: one.action for one in plan.changes}


def written(watched: Watched) -> list[str]:
    return [one for one in watched.sent if one.startswith(WRITES)]


ALL_CREATED = {
    "LogGroup": "create",
    "Role": "create",
    "Bucket": "create",
    "BucketPolicy": "create",
    "aws_bedrock_model_invocation_logging_configuration": "create",
}


def test_in_an_empty_account_a_plan_shows_everything_and_changes_nothing(account: Account) -> None:
    before = account.everything()
    view, watched = account.view()
    plan = account.plan(view)
    assert actions(plan) == ALL_CREATED
    assert all(one.diff.startswith("--- as it is\n+++ as it is to be") for one in plan.changes)
    assert written(watched) == []
    assert account.everything() == before
    assert not account.snapshots.exists()


def test_in_an_empty_account_everything_is_made_and_records_arrive(account: Account) -> None:
    applied = account.apply(checked=True)
    failed = [
        f"{one.id} {one.summary}" for one in applied.report.results if one.status not in {"pass", "not_applicable"}
    ]
    assert [one for one in failed if one.startswith(("LOG", "REG"))] == []
    role = account.role()
    assert role["Tags"] == MARK
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/bedrock-gateway/AmazonBedrockGateway-boundary")  # fmt: skip
    (record,) = account.delivered()
    assert record["modelId"].endswith("nova-lite-v1:0")
    s3 = account.root("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"] if one["Key"].endswith(".gz")]
    (line,) = gzip.decompress(s3.get_object(Bucket=BUCKET, Key=keys[0])["Body"].read()).decode().splitlines()
    assert json.loads(line)["requestId"] == record["requestId"]


def test_what_is_right_is_kept_and_nothing_is_sent_to_change_it(account: Account) -> None:
    account.apply()
    before = account.everything()
    view, watched = account.view()
    applied = account.apply(view, checked=True)
    assert set(actions(applied.plan).values()) == {"keep"}
    assert written(watched) == []
    assert account.everything() == before


def test_another_teams_configuration_is_not_replaced(account: Account) -> None:
    theirs, before = account.theirs(), account.everything()
    view, watched = account.view()
    plan = account.plan(view)
    (refused,) = plan.refused
    assert "/theirs" in refused.why
    assert "example-theirs" in refused.why
    assert "--replace" in refused.why
    assert theirs["cloudWatchConfig"]["roleArn"] in refused.diff
    with pytest.raises(NotOursError, match="nothing was changed"):
        account.apply(view)
    assert written(watched) == []
    assert account.everything() == before
    assert not account.snapshots.exists()


def test_another_teams_configuration_is_replaced_only_when_told_to_and_comes_back_whole(account: Account) -> None:
    theirs = account.theirs()
    before = account.everything()
    assert any(theirs["cloudWatchConfig"]["roleArn"] in one for one in account.plan(replace=True).notes)
    account.apply(replace=True)
    made = account.configured()
    assert made is not None
    assert made["cloudWatchConfig"]["logGroupName"] == GROUP
    assert made["s3Config"] == {"bucketName": BUCKET}
    assert made["imageDataDeliveryEnabled"] is False
    after = account.everything()
    assert {name: one for name, one in after.items() if "theirs" in name} == {
        name: one for name, one in before.items() if "theirs" in name
    }
    with pytest.raises(SetupIncompleteError, match=r"missing: iam:PassRole on \S+role/theirs"):
        account.undo()  # to pass another team's role is nothing that the operator may
    assert account.everything() == after
    account.undo(account.gateway(as_root=True))
    now = account.everything()
    # Logs are never removed, nor is what holds them.
    assert {name for name in now if name not in before} == {f"group {GROUP}", f"bucket {BUCKET}"}
    assert {name: one for name, one in now.items() if name in before} == before


def test_a_place_that_is_free_is_filled_and_theirs_goes_on_getting_its_records(account: Account) -> None:
    theirs = account.theirs()
    account.put({"s3Config": theirs["s3Config"], "textDataDeliveryEnabled": True, "imageDataDeliveryEnabled": True})
    config = config_of({"log_group": GROUP, "role": ROLE})
    plan = account.plan(account.gateway(config))
    assert plan.refused == ()
    assert any("imageDataDeliveryEnabled" in one for one in plan.notes)
    account.apply(account.gateway(config))
    made = account.configured()
    assert made is not None
    assert made["s3Config"] == theirs["s3Config"]
    assert made["cloudWatchConfig"]["logGroupName"] == GROUP
    assert made["imageDataDeliveryEnabled"] is True
    assert len(account.delivered()) == 1


def test_bodies_that_another_team_keeps_out_of_its_bucket_are_not_switched_on_for_it(account: Account) -> None:
    theirs = account.theirs()
    account.put({"s3Config": theirs["s3Config"], "textDataDeliveryEnabled": False})
    config = config_of({"log_group": GROUP, "role": ROLE})
    (refused,) = account.plan(account.gateway(config)).refused
    assert "textDataDeliveryEnabled is off" in refused.why
    assert "example-theirs" in refused.why


def test_a_role_without_trust_gets_ours_beside_its_own(account: Account) -> None:
    theirs = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::theirs/*"})
    account.make_role(LAMBDA, theirs=theirs)
    plan = account.plan()
    assert actions(plan)["Role"] == "update"
    account.apply()
    role = account.role()
    assert role["AssumeRolePolicyDocument"]["Statement"][0] == LAMBDA
    assert role["AssumeRolePolicyDocument"]["Statement"][1:] == roles.logging_role(config_of().scope("operator")).trust.dump()["Statement"]  # fmt: skip
    assert role["Policies"]["theirs"] == json.loads(theirs)
    assert len(account.delivered()) == 1
    account.undo()
    role = account.role()
    assert role["AssumeRolePolicyDocument"]["Statement"] == [LAMBDA]
    assert set(role["Policies"]) == {"theirs"}


def test_a_role_whose_trust_keeps_bedrock_out_is_refused(account: Account) -> None:
    deny = {"Sid": "NoBedrock", "Effect": "Deny", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "*"}
    account.make_role(LAMBDA, deny)
    before = account.everything()
    with pytest.raises(NotOursError, match="NoBedrock"):
        account.apply()
    assert account.everything() == before


def test_a_role_whose_policies_deny_delivery_is_refused(account: Account) -> None:
    deny = document({"Sid": "NoLogs", "Effect": "Deny", "Action": "logs:*", "Resource": "*"})
    account.make_role(LAMBDA, theirs=deny)
    with pytest.raises(NotOursError, match="NoLogs"):
        account.apply()


def test_a_role_that_anybody_may_assume_is_refused(account: Account) -> None:
    account.make_role({**LAMBDA, "Principal": "*"})
    with pytest.raises(NotOursError, match="anybody may try to assume"):
        account.apply()


def test_a_role_that_serves_another_region_goes_on_serving_it(account: Account) -> None:
    far = roles.logging_role(config_of(region="eu-west-1").scope("operator"))
    (other,) = far.trust.dump()["Statement"]
    policy = far.permissions.to_json()
    account.make_role(other, **{"bedrock-invocation-logs-eu-west-1": policy})
    account.apply()
    role = account.role()
    first, second = role["AssumeRolePolicyDocument"]["Statement"]
    assert first == other
    assert second["Condition"]["ArnLike"]["aws:SourceArn"] == f"arn:aws:bedrock:{REGION}:{ACCOUNT}:*"
    assert second["Sid"] != first["Sid"]
    assert role["Policies"]["bedrock-invocation-logs-eu-west-1"] == json.loads(policy)
    assert len(account.delivered()) == 1


def test_a_role_under_another_path_is_refused(account: Account) -> None:
    account.root("iam").create_role(RoleName=ROLE, Path="/theirs/", AssumeRolePolicyDocument=document(LAMBDA))
    account.gateway()
    everything = document({"Effect": "Allow", "Action": "iam:GetRole", "Resource": "*"})
    account.root("iam").put_user_policy(UserName="operator", PolicyName="looks", PolicyDocument=everything)
    try:
        (refused,) = account.plan().refused
    finally:
        account.root("iam").delete_user_policy(UserName="operator", PolicyName="looks")
    assert f"/theirs/{ROLE}" in refused.why


def test_a_bucket_of_another_region_is_refused(account: Account) -> None:
    account.make_bucket(region="eu-west-1")
    before = account.everything()
    with pytest.raises(NotOursError, match="the bucket is in eu-west-1"):
        account.apply()
    assert account.everything() == before


def test_a_bucket_to_which_s3_only_redirects_is_one_of_another_region(account: Account) -> None:
    """What S3 does for a bucket elsewhere, where botocore does not follow it."""

    def around(watched: Watched, send: Send) -> Any:
        if send.operation == "GetBucketLocation":
            headers = {"x-amz-bucket-region": "eu-west-1"}
            moved = {
                "Error": {"Code": "PermanentRedirect", "Message": "must be addressed using the specified endpoint"}
            }
            raise ClientError(
                moved | {"ResponseMetadata": {"HTTPStatusCode": 301, "HTTPHeaders": headers}}, send.operation
            )
        return watched.perform(send)

    (refused,) = account.plan(account.view(around)[0]).refused
    assert "the bucket is in eu-west-1" in refused.why


def test_another_region_than_the_declared_one_is_an_error_before_anything_is_sent(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.folder.joinpath("gateway.toml").write_text(TOML)
    code = main(["setup", "logging", "--apply", "--region", "us-west-2", "--config", f"{account.folder}/gateway.toml"])
    assert code == 2
    said = capsys.readouterr().err
    assert "us-west-2" in said
    assert REGION in said


def test_a_bucket_policy_keeps_every_statement_of_others(account: Account) -> None:
    read = {
        "Sid": "AmazonBedrockLogsWrite",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/${{aws:username}}/*",
    }
    account.make_bucket(policy=document(read))
    account.apply()
    made = account.bucket_policy()
    assert made is not None
    assert made["Statement"][0] == read
    assert made["Statement"][1]["Sid"] == "AmazonBedrockLogsWrite2"
    assert len(account.delivered()) == 1
    account.undo()
    assert account.bucket_policy() == json.loads(document(read))


def test_a_bucket_policy_that_keeps_bedrock_out_is_refused(account: Account) -> None:
    deny = {"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}  # fmt: skip
    account.make_bucket(policy=document(deny))
    with pytest.raises(NotOursError, match="Closed"):
        account.apply()


def test_a_bucket_policy_that_has_no_room_for_ours_is_refused_before_anything_is_made(account: Account) -> None:
    others = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "s3:GetObject"}
    keys = [f"arn:aws:s3:::{BUCKET}/{number:065}" for number in range(200)]  # 20,200 of 20,480 bytes
    full = {**others, "Resource": keys}
    account.make_bucket(BUCKET, document(full))
    view, watched = account.view()
    with pytest.raises(NotOursError, match="20,480 of a bucket policy"):
        account.apply(view)
    assert written(watched) == []


def test_a_bucket_with_acls_is_changed_only_when_told_to(account: Account) -> None:
    account.make_bucket()
    writer = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    account.root("s3").put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=writer)
    (refused,) = account.plan().refused
    assert "ACLs" in refused.why
    account.apply(replace=True)
    assert account.bucket()["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    account.undo()
    assert account.bucket()["OwnershipControls"] == writer


def test_a_bucket_that_is_open_on_purpose_stays_open_unless_told_otherwise(account: Account) -> None:
    account.make_bucket()
    opened = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), False)
    account.root("s3").put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=opened)
    plan = account.plan()
    assert actions(plan)["Bucket"] == "keep"
    assert any("public access" in one for one in plan.notes)
    account.apply()
    assert account.bucket()["PublicAccessBlockConfiguration"] == opened


def test_a_bucket_of_somebody_else_is_refused_before_anything_is_made(account: Account) -> None:
    """The local S3 knows one account: one that may not look at the bucket gets AWS's answer for both."""
    account.make_bucket()
    deny = {"Effect": "Deny", "Action": "s3:GetBucketLocation", "Resource": "*"}
    account.gateway()
    account.root("iam").put_user_policy(UserName="operator", PolicyName="blind", PolicyDocument=document(deny))
    before = account.everything()
    try:
        with pytest.raises(NotOursError, match="belongs to somebody else"):
            account.apply()
    finally:
        account.root("iam").delete_user_policy(UserName="operator", PolicyName="blind")
    assert account.everything() == before


def test_without_the_boundary_the_operator_is_told_who_makes_it(account: Account) -> None:
    for policy in account.root("iam").list_policies(Scope="Local")["Policies"]:
        account.root("iam").delete_policy(PolicyArn=policy["Arn"])
    with pytest.raises(SetupIncompleteError, match="an administrator makes it once") as stopped:
        account.apply()
    assert isinstance(stopped.value.__cause__, ConfigError)


def test_an_administrator_makes_the_boundary_too(account: Account) -> None:
    for policy in account.root("iam").list_policies(Scope="Local")["Policies"]:
        account.root("iam").delete_policy(PolicyArn=policy["Arn"])
    account.apply(account.gateway(as_root=True), create_boundary=True)
    assert len(account.delivered()) == 1
    kept = account.undo().kept
    assert [one.split(":")[0] for one in kept] == ["AWS", "AWS", "AWS"]
    assert len(account.root("iam").list_policies(Scope="Local")["Policies"]) == 1
