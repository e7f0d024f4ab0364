"""A [logging] that changed between one run and the next: what the older run made is still told from what others have."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.errors import NotOursError
from bedrock_gateway.iam import roles
from tests.setup.conftest import Killed
from tests.setup.logging.conftest import BUCKET, DECLARED, GROUP, LAMBDA, ROLE, config_of, document
from tests.setup.logging.test_interrupted import PUT, killing
from tests.setup.logging.test_undo import OWN

if TYPE_CHECKING:
    from tests.setup.logging.conftest import Account

WATCHED = {"log_group": GROUP, "role": ROLE, "modalities": ["text"]}
OTHER = {**DECLARED, "role": "example-other-role"}


def bucket_of_theirs(account: Account) -> dict[str, Any]:
    scope = replace(config_of().scope("operator"), logging_bucket="example-theirs")
    account.make_bucket("example-theirs", roles.logging_bucket(scope).to_json())
    theirs = {
        "s3Config": {"bucketName": "example-theirs"},
        "textDataDeliveryEnabled": True,
        "imageDataDeliveryEnabled": False,
    }
    account.put(theirs)
    return theirs


def test_a_place_of_another_team_beside_ours_is_still_theirs_at_the_next_run(account: Account) -> None:
    theirs = bucket_of_theirs(account)
    account.apply(account.gateway(config_of(WATCHED)))
    assert (account.configured() or {})["s3Config"] == theirs["s3Config"]
    with pytest.raises(NotOursError, match="example-theirs"):
        account.apply(account.gateway(config_of(DECLARED)))
    assert (account.configured() or {})["s3Config"] == theirs["s3Config"]


def test_bodies_are_not_switched_on_for_the_bucket_of_another_team_at_the_next_run_either(account: Account) -> None:
    bucket_of_theirs(account)
    account.apply(account.gateway(config_of(WATCHED)))
    with pytest.raises(NotOursError, match="somebody else's"):
        account.apply(account.gateway(config_of({**WATCHED, "modalities": ["text", "image"]})))


def test_a_place_that_set_up_filled_may_lead_elsewhere_also_after_a_run_that_did_not_touch_the_configuration(
    account: Account,
) -> None:
    account.apply()
    account.apply(account.gateway(config_of({**DECLARED, "retention_days": 400})))
    account.apply(account.gateway(config_of({**OTHER, "retention_days": 400})))
    assert (account.configured() or {})["cloudWatchConfig"]["roleArn"].endswith("/example-other-role")


def test_a_run_that_was_killed_before_it_moved_the_configuration_goes_on(account: Account) -> None:
    account.apply()
    with pytest.raises(Killed):
        account.apply(account.view(killing(PUT, done=False), config=config_of(OTHER))[0])
    account.apply(account.gateway(config_of(OTHER)))
    assert (account.configured() or {})["cloudWatchConfig"]["roleArn"].endswith("/example-other-role")


def test_a_retention_that_somebody_lifted_from_a_group_of_ours_is_not_put_back_by_itself(account: Account) -> None:
    account.apply()
    account.root("logs").delete_retention_policy(logGroupName=GROUP)
    plan = account.plan()
    assert not plan.pending, [one.to_dict() for one in plan.pending]
    plan = account.plan(account.gateway(config_of({**DECLARED, "retention_days": 365})))
    assert [one.resource.kind for one in plan.refused] == ["AWS::Logs::LogGroup"]


READ = {"Sid": "Theirs", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::theirs/*"}


def test_statements_that_others_put_into_a_policy_under_our_name_stay(account: Account) -> None:
    account.make_role(LAMBDA, **{OWN: document(READ)})
    account.apply()
    (theirs, ours) = account.role()["Policies"][OWN]["Statement"]
    assert theirs == READ
    assert GROUP in ours["Resource"]
    account.undo()
    assert account.role()["Policies"][OWN]["Statement"] == [READ]


def test_a_role_of_ours_into_whose_policy_others_wrote_is_not_removed(account: Account) -> None:
    account.apply()
    grown = account.role()["Policies"][OWN]
    grown["Statement"].append(READ)
    account.root("iam").put_role_policy(RoleName=ROLE, PolicyName=OWN, PolicyDocument=json.dumps(grown))
    assert any(f"policies of others ({OWN})" in one for one in account.undo().kept)
    assert READ in account.role()["Policies"][OWN]["Statement"]


def test_a_bucket_of_ours_that_somebody_opened_since_is_not_closed_by_itself(account: Account) -> None:
    account.apply()
    account.root("s3").delete_public_access_block(Bucket=BUCKET)
    plan = account.plan()
    assert plan.pending == ()
    assert any("does not block all public access" in one for one in plan.notes)
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    account.root("s3").put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=rules)
    assert [one.resource.kind for one in account.plan().refused] == ["AWS::S3::Bucket"]


def test_undo_takes_back_the_role_that_was_made_and_not_the_one_that_is_declared_now(account: Account) -> None:
    account.apply()
    account.apply(account.gateway(config_of(OTHER)))
    account.undo(account.gateway(config_of(DECLARED), as_root=True))  # gateway.toml was put back first
    assert ROLE in str(account.configured())
    names = {one["RoleName"] for one in account.root("iam").list_roles()["Roles"]}
    assert names == {ROLE}


def test_undo_works_where_cloudwatch_is_declared_no_more(account: Account) -> None:
    before = account.everything()
    account.apply()
    account.undo(account.gateway(config_of({"bucket": BUCKET, "modalities": ["text"]}), as_root=True))
    after = account.everything()
    assert {name for name in after if name.startswith("role")} == {name for name in before if name.startswith("role")}
    assert after["logging"] is None


def test_undo_judges_the_retention_of_the_group_that_was_changed(account: Account) -> None:
    logs = account.root("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=400)
    account.apply(account.gateway(config_of({**DECLARED, "retention_days": 365})), replace=True)
    logs.delete_retention_policy(logGroupName=GROUP)
    logs.create_log_group(logGroupName="/other")
    logs.put_retention_policy(logGroupName="/other", retentionInDays=365)
    account.undo(account.gateway(config_of({**DECLARED, "log_group": "/other"}), as_root=True))
    (group,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert "retentionInDays" not in group
