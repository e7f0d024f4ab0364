"""Killed at any step, refused, raced or too early: nothing is lost, and doing it again goes on."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.errors import (
    ConfigError,
    InvalidRequestError,
    NotOursError,
    SetupIncompleteError,
    UnsupportedByBotocoreError,
)
from bedrock_gateway.setup.logging import Patience, reading
from bedrock_gateway.setup.logging.reading import sendable
from tests.setup.conftest import Killed, Watched
from tests.setup.logging.conftest import BUCKET, DECLARED, GROUP, LAMBDA, REGION, ROLE, WRITES, config_of, document

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Send
    from tests.setup.logging.conftest import Account

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

PUT = "PutModelInvocationLoggingConfiguration"
GET = "GetModelInvocationLoggingConfiguration"
STEPS = [
    "CreateRole",
    "PutRolePolicy",
    "CreateLogGroup",
    "PutRetentionPolicy",
    "CreateBucket",
    "PutBucketOwnershipControls",
    "PutPublicAccessBlock",
    "PutBucketPolicy",
    PUT,
]
BACK = ["DeleteModelInvocationLoggingConfiguration", "DeleteBucketPolicy", "DeleteRolePolicy", "DeleteRole"]


def killing(operation: str, *, done: bool) -> Callable[[Watched, Send], Any]:
    """Die at *operation*: *done*, after AWS did it, so that its answer is lost with the process."""

    def around(watched: Watched, send: Send) -> Any:
        if send.operation == operation and done:
            watched.perform(send)
        if send.operation == operation:
            raise Killed
        return watched.perform(send)

    return around


def test_these_are_the_steps(account: Account) -> None:
    view, watched = account.view()
    account.apply(view)
    assert [one for one in watched.sent if one.startswith(WRITES)] == STEPS
    view, watched = account.view()
    account.undo(view)
    assert [one for one in watched.sent if one.startswith(WRITES)] == BACK


SHORT = ("CreateRole", "CreateBucket", PUT)


@pytest.mark.parametrize("step", [one if one in SHORT else pytest.param(one, marks=pytest.mark.full) for one in STEPS])
def test_killed_after_any_step_doing_it_again_comes_to_the_same_and_undo_takes_all_of_it_back(
    account: Account, step: str
) -> None:
    account.make_bucket("example-others")
    before = account.everything()
    with pytest.raises(Killed):
        account.apply(account.view(killing(step, done=True))[0])
    account.apply()
    assert account.plan().pending == ()
    made = account.everything()
    assert made["logging"]["cloudWatchConfig"]["logGroupName"] == GROUP
    assert made[f"group {GROUP}"] == 365
    assert set(made[f"role {ROLE}"]["Policies"]) == {f"bedrock-invocation-logs-{REGION}"}
    account.undo()
    left = account.everything()
    assert {name: one for name, one in left.items() if name in before} == before
    assert set(left) - set(before) == {f"group {GROUP}", f"bucket {BUCKET}"}
    assert left[f"bucket {BUCKET}"]["policy"] is None
    assert not account.snapshots.exists()


@pytest.mark.parametrize("step", ["CreateLogGroup", pytest.param(PUT, marks=pytest.mark.full)])
def test_a_run_that_stopped_can_be_taken_back_at_once(account: Account, step: str) -> None:
    before = account.everything()
    with pytest.raises(Killed):
        account.apply(account.view(killing(step, done=False))[0])
    account.undo()
    left = account.everything()
    assert {name: one for name, one in left.items() if name in before} == before
    assert f"role {ROLE}" not in left


@pytest.mark.parametrize("step", [BACK[0], *(pytest.param(one, marks=pytest.mark.full) for one in BACK[1:])])
def test_an_undo_that_was_killed_goes_on(account: Account, step: str) -> None:
    account.apply()
    with pytest.raises(Killed):
        account.undo(account.view(killing(step, done=True))[0])
    account.undo()
    left = account.everything()
    assert left["logging"] is None
    assert f"role {ROLE}" not in left
    assert left[f"bucket {BUCKET}"]["policy"] is None


def test_what_was_there_is_written_down_before_anything_is_changed(account: Account) -> None:
    theirs = account.theirs()
    with pytest.raises(Killed):
        account.apply(account.view(killing(STEPS[0], done=False))[0], replace=True)
    assert account.configured() == theirs | {}
    kept = json.loads(account.snapshots.read_text())["entries"][0]
    assert kept["complete"] is False
    before = {one["kind"]: one["before"] for one in kept["resources"]}
    assert before["aws_bedrock_model_invocation_logging_configuration"] == theirs
    assert account.snapshots.stat().st_mode & 0o777 == 0o600


# -- somebody else at the same time ------------------------------------------------------------------------------------------


def racing(account: Account, at: str, change: Callable[[], None], *, count: int = 1) -> Callable[[Watched, Send], Any]:
    """Let somebody else *change* something just before the *count*-th *at*."""
    seen = 0

    def around(watched: Watched, send: Send) -> Any:
        nonlocal seen
        if send.operation == at:
            seen += 1
            if seen == count:
                change()
        return watched.perform(send)

    return around


def test_a_configuration_that_was_put_since_the_plan_is_not_overwritten(account: Account) -> None:
    theirs: dict[str, Any] = {}
    view, watched = account.view(racing(account, GET, lambda: theirs.update(account.theirs()), count=2))
    with pytest.raises(SetupIncompleteError, match="is not as it was when the plan was made") as stopped:
        account.apply(view)
    assert isinstance(stopped.value.__cause__, NotOursError)
    assert stopped.value.exists[-1] == f"AWS::S3::BucketPolicy {BUCKET}"
    assert PUT not in watched.sent
    assert account.configured() == theirs
    with pytest.raises(NotOursError, match="/theirs"):
        account.apply()
    account.undo()
    assert account.configured() == theirs


def test_a_configuration_that_was_put_over_ours_is_seen_afterwards(account: Account) -> None:
    """AWS has no condition for a Put: what comes between the last look and it can be lost, what comes after is noticed."""
    view, _ = account.view(racing(account, GET, account.theirs, count=3))
    with pytest.raises(SetupIncompleteError, match="somebody else put one at the same time"):
        account.apply(view)


@pytest.mark.parametrize(
    ("reads", "kind"), [("GetBucketPolicy", "AWS::S3::BucketPolicy"), ("GetRole", "AWS::IAM::Role")]
)
def test_a_policy_that_changed_since_the_plan_is_not_overwritten(account: Account, reads: str, kind: str) -> None:
    account.make_role(LAMBDA)
    account.make_bucket()
    other = {**LAMBDA, "Principal": {"Service": "ec2.amazonaws.com"}}
    mine = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/x"}  # fmt: skip

    def change() -> None:
        if reads == "GetRole":
            account.root("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=document(LAMBDA, other))
        else:
            opened = dict.fromkeys(("BlockPublicPolicy", "RestrictPublicBuckets"), False)
            account.root("s3").put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=opened)
            account.root("s3").put_bucket_policy(Bucket=BUCKET, Policy=document(mine))

    view, _ = account.view(racing(account, reads, change, count=2))
    with pytest.raises(SetupIncompleteError, match="is not as it was") as stopped:
        account.apply(view)
    assert stopped.value.step.startswith(kind)
    account.apply()
    if reads == "GetRole":
        assert account.role()["AssumeRolePolicyDocument"]["Statement"][:2] == [LAMBDA, other]
    else:
        policy = account.bucket_policy()
        assert policy is not None
        assert policy["Statement"][0] == mine


# -- a role that is not known everywhere yet -----------------------------------------------------------------------------------


def slow_role(account: Account, refusals: int) -> Callable[[Watched, Send], Any]:
    """The local Bedrock refuses, in AWS's words, a role whose policy it cannot see: it cannot for *refusals* Puts."""
    left = refusals
    name = f"bedrock-invocation-logs-{REGION}"

    def around(watched: Watched, send: Send) -> Any:
        nonlocal left
        if send.operation != PUT or not left:
            return watched.perform(send)
        left -= 1
        iam = account.root("iam")
        policy = iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"]
        iam.delete_role_policy(RoleName=ROLE, PolicyName=name)
        try:
            return watched.perform(send)
        finally:
            iam.put_role_policy(RoleName=ROLE, PolicyName=name, PolicyDocument=json.dumps(policy))

    return around


def test_a_new_role_is_waited_for_on_the_message_that_aws_has_for_it(account: Account) -> None:
    view, watched = account.view(slow_role(account, 3))
    account.apply(view)
    assert watched.slept == [1.0, 2.0, 4.0]
    assert watched.sent.count(PUT) == 4
    assert len(account.delivered()) == 1


def test_a_role_that_stays_wrong_is_not_waited_for_for_ever(account: Account) -> None:
    view, watched = account.view(slow_role(account, 1000))
    with pytest.raises(SetupIncompleteError, match="Failed to validate permissions for log group") as stopped:
        account.apply(view, patience=Patience(propagation=60))
    assert isinstance(stopped.value.__cause__, InvalidRequestError)
    assert 40 < sum(watched.slept) <= 60


def test_no_other_refusal_is_waited_for(account: Account) -> None:
    """Somebody closes the bucket just before the Put: the local Bedrock says so, and it will not pass."""
    close = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    change = lambda: account.root("s3").put_bucket_policy(Bucket=BUCKET, Policy=document(close))
    view, watched = account.view(racing(account, PUT, change))
    with pytest.raises(SetupIncompleteError, match="S3 bucket"):
        account.apply(view)
    assert watched.slept == []
    assert watched.sent.count(PUT) == 1


# -- a botocore that does not know everything ----------------------------------------------------------------------------------


def with_member(name: str) -> Callable[[Watched, Send], Any]:
    """AWS's reply with one more member than botocore may know, as it comes over the wire."""
    from bedrock_gateway._responses import BODY

    def around(watched: Watched, send: Send) -> Any:
        reply = watched.perform(send)
        if send.operation == GET and (sent := json.loads(reply[BODY])).get("loggingConfig"):
            sent["loggingConfig"][name] = True
            reply[BODY] = json.dumps(sent).encode()
        return reply

    return around


@pytest.fixture
def old_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of 1.40.61: without the flag of audio."""
    shape = sendable()
    known = {name: one for name, one in shape.members.items() if name != "audioDataDeliveryEnabled"}

    class Old:
        type_name, members = "structure", known

    monkeypatch.setattr(reading, "sendable", lambda: Old)


@pytest.mark.usefixtures("old_botocore")
def test_a_member_that_botocore_would_leave_out_stops_it_before_anything_is_changed(account: Account) -> None:
    theirs = account.theirs()
    account.put({"s3Config": theirs["s3Config"], "textDataDeliveryEnabled": True})
    before = account.everything()
    beside = config_of({"log_group": GROUP, "role": ROLE})
    view, watched = account.view(with_member("audioDataDeliveryEnabled"), config=beside)
    plan = account.plan(view)
    (refused,) = plan.refused
    assert "install botocore>=1.43.117" in refused.why
    assert '   "audioDataDeliveryEnabled": true' in refused.diff
    assert plan.unsupported == ("loggingConfig.audioDataDeliveryEnabled",)
    with pytest.raises(UnsupportedByBotocoreError, match=r"botocore>=1\.43\.117") as stopped:
        account.apply(view)
    assert stopped.value.member.endswith("loggingConfig.audioDataDeliveryEnabled")
    assert [one for one in watched.sent if one.startswith(WRITES)] == []
    assert account.everything() == before
    assert not account.snapshots.exists()


@pytest.mark.usefixtures("old_botocore")
def test_audio_cannot_be_declared_to_a_botocore_that_does_not_know_it(account: Account) -> None:
    config = config_of({**DECLARED, "modalities": ["text", "audio"]})
    with pytest.raises(UnsupportedByBotocoreError, match=r"1\.43\.117"):
        account.apply(account.gateway(config))
    assert account.configured() is None


def test_a_member_that_nobody_knows_yet_is_not_lost_either(account: Account) -> None:
    account.apply()
    config = config_of({**DECLARED, "modalities": ["text", "image"]})
    view, _ = account.view(with_member("hologramDataDeliveryEnabled"), config=config)
    with pytest.raises(UnsupportedByBotocoreError, match="hologramDataDeliveryEnabled"):
        account.apply(view)
    view, _ = account.view(with_member("hologramDataDeliveryEnabled"))
    assert account.apply(view).plan.pending == ()  # nothing is put, so nothing can be lost


# -- the snapshots -----------------------------------------------------------------------------------------------------------


def test_without_a_snapshot_there_is_nothing_to_take_back(account: Account) -> None:
    with pytest.raises(ConfigError, match="nothing is known here"):
        account.undo()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"format": 2}', "format 2"),
        ('{"format": 1, "account": "111122223333", "region": "us-east-2", "application": "helpdesk", "entries": []}', "account '111122223333'"),
        ('{"format": 1, "account": "123456789012", "region": "us-east-2", "application": "x\\u001b[2J", "entries": []}', "application"),
    ],
)  # fmt: skip
def test_a_snapshot_that_is_not_ours_stops_everything(account: Account, text: str, said: str) -> None:
    account.snapshots.parent.mkdir(parents=True, exist_ok=True)
    account.snapshots.write_text(text)
    account.snapshots.chmod(0o600)
    for call in (account.plan, account.apply, account.undo):
        with pytest.raises(ConfigError, match=said):
            call()
    assert account.configured() is None


def test_a_snapshot_of_another_kind_of_thing_is_said_to_be_that(account: Account) -> None:
    account.apply()
    account.snapshots.write_text(account.snapshots.read_text().replace("AWS::Logs::LogGroup", "AWS::Logs::Other"))
    with pytest.raises(ConfigError, match="AWS::Logs::Other"):
        account.undo()


def test_a_snapshot_that_is_a_link_or_open_to_others_is_not_believed(account: Account) -> None:
    account.apply()
    account.snapshots.chmod(0o666)
    with pytest.raises(ConfigError, match="written by others"):
        account.undo()
    elsewhere = account.folder / "elsewhere.json"
    account.snapshots.rename(elsewhere)
    account.snapshots.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is a link"):
        account.undo()


@pytest.mark.skipif(os.name == "nt", reason="locks of another kind")
def test_two_at_a_time_are_one_too_many(account: Account) -> None:
    def around(watched: Watched, send: Send) -> Any:
        if send.operation == "CreateLogGroup":
            with pytest.raises(ConfigError, match="another process"):
                account.apply()
        return watched.perform(send)

    account.apply(account.view(around)[0])
    assert account.plan().pending == ()
