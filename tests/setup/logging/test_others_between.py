"""Another team's changes between a run that was killed and the next: they stay when all of it is taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.errors import NotOursError
from tests.setup.conftest import Killed
from tests.setup.logging.conftest import BUCKET, DECLARED, LAMBDA, ROLE, config_of
from tests.setup.logging.test_interrupted import PUT, killing
from tests.setup.logging.test_redeclared import OTHER, WATCHED, bucket_of_theirs

if TYPE_CHECKING:
    from tests.setup.logging.conftest import Account

ELSEWHERE = {**DECLARED, "prefix": "helpdesk"}
READ = {
    "Sid": "Theirs",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
}


def kill(account: Account, declared: dict[str, Any], step: str, *, done: bool) -> None:
    with pytest.raises(Killed):
        account.apply(account.view(killing(step, done=done), config=config_of(declared))[0])


def take_all_back(account: Account, declared: dict[str, Any]) -> None:
    while account.snapshots.exists():
        account.undo(account.gateway(config_of(declared)))


def test_a_configuration_that_others_put_after_a_killed_run_is_there_again_after_undo(account: Account) -> None:
    kill(account, WATCHED, PUT, done=False)
    theirs = bucket_of_theirs(account)
    account.apply(account.gateway(config_of(WATCHED)))
    account.undo(account.gateway(config_of(WATCHED)))
    assert account.configured() == theirs


def test_a_statement_that_others_put_on_the_bucket_after_a_killed_run_stays(account: Account) -> None:
    kill(account, DECLARED, "PutBucketPolicy", done=True)
    grown = account.bucket_policy() or {}
    grown["Statement"].insert(0, READ)
    # By now ours lets Bedrock write below another prefix only, so that the next run adds one to this very policy.
    grown["Statement"][1]["Resource"] = f"arn:aws:s3:::{BUCKET}/old/*"
    account.root("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(grown))
    account.apply(account.gateway(config_of(ELSEWHERE)))
    take_all_back(account, ELSEWHERE)
    assert READ in (account.bucket_policy() or {})["Statement"]


def test_a_role_that_others_came_to_use_after_a_killed_run_is_not_removed(account: Account) -> None:
    kill(account, DECLARED, "CreateRole", done=True)
    trust = account.role()["AssumeRolePolicyDocument"]
    trust["Statement"].append(LAMBDA)
    account.root("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
    account.apply()
    take_all_back(account, DECLARED)
    assert LAMBDA in account.role()["AssumeRolePolicyDocument"]["Statement"]


def test_a_run_killed_twice_with_other_declarations_knows_what_the_first_of_them_put(account: Account) -> None:
    before = account.configured()
    kill(account, WATCHED, PUT, done=True)
    kill(account, OTHER, PUT, done=False)
    account.apply(account.gateway(config_of(OTHER)))
    assert (account.configured() or {})["cloudWatchConfig"]["roleArn"].endswith("/example-other-role")
    gateway = account.gateway(config_of(OTHER), as_root=True)
    while account.snapshots.exists():
        account.undo(gateway)
    assert account.configured() == before
    assert account.root("iam").list_roles()["Roles"] == []


def test_a_bucket_that_others_made_with_acls_after_a_killed_run_is_theirs(account: Account) -> None:
    kill(account, DECLARED, "CreateBucket", done=False)
    account.make_bucket()
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    account.root("s3").put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=rules)
    account.root("s3").delete_public_access_block(Bucket=BUCKET)
    with pytest.raises(NotOursError, match="its ACLs are on"):
        account.apply()
    assert account.root("s3").get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"] == rules
