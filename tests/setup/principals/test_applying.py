"""`setup principal` plans without changing, applies once and for all, keeps what is others', and can be taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway._commands import Send
from bedrock_gateway.errors import ConfigError, NotOursError, SetupIncompleteError
from bedrock_gateway.setup import principals

from .conftest import ACCOUNT, BOUNDARY, MODEL, OTHER_MODEL, QUICK, document, trusting

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Account

pytestmark = pytest.mark.full  # `scripts/test` has five minutes; each subject keeps other tests there

APP, PEOPLE = (f"AmazonBedrockGateway-principal-{name}" for name in ("app", "people"))
PATH = "/bedrock-gateway/"
PERSON = trusting(f"arn:aws:iam::{ACCOUNT}:user/person")
EVERYTHING = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
WRITES = ("Create", "Update", "Attach", "Detach", "Tag", "Delete", "Add", "Remove", "Put")


class Killed(BaseException):
    """The process died."""


def watched(account: Account, who: str, around: Callable[[Send, Callable[[Any], Any]], Any]) -> Any:
    """A gateway of which every request goes through *around*."""
    view = account.gateway(who).with_options()
    perform = view._perform
    view.__dict__["_perform"] = lambda command: (
        around(command, perform) if isinstance(command, Send) else perform(command)
    )
    return view


def test_a_plan_shows_every_difference_and_changes_nothing(account: Account) -> None:
    before, sent = account.picture(), []
    gateway = watched(account, "maker", lambda send, perform: [sent.append(send.operation), perform(send)][1])
    plan = principals.plan(gateway, "app")
    assert [(one.action, one.resource.kind) for one in plan.changes] == [
        ("create", "AWS::IAM::ManagedPolicy"),
        ("create", "AWS::IAM::Role"),
    ]
    assert "bedrock:InvokeModel" in plan.changes[0].diff
    assert '"Key": "bedrock-gateway"' in plan.changes[1].diff
    assert sent == ["GetPolicy", "GetPolicyVersion", "GetPolicy", "GetRole"]
    assert account.picture() == before
    assert list(account.folder.iterdir()) == []


@pytest.mark.parametrize(("name", "who"), [("app", ("maker",)), ("people", ("maker", "members"))])
def test_once_applied_there_is_nothing_left_to_do(account: Account, name: str, who: tuple[str, ...]) -> None:
    for one in who:
        assert account.apply(name, one).made
    done = account.picture()
    for one in who:
        assert account.apply(name, one).made == ()
        assert not account.plan(name, one).pending
    assert account.picture() == done


def dying(account: Account, who: str, number: int, *, after: bool) -> Any:
    """A gateway whose process dies before, or right after, its write of that *number*."""
    left = [number]

    def around(send: Send, perform: Any) -> Any:
        if not send.operation.startswith(WRITES):
            return perform(send)
        left[0] -= 1
        if left[0] == -1 and not after:
            raise Killed
        reply = perform(send)
        if left[0] == -1:
            raise Killed
        return reply

    return watched(account, who, around)


@pytest.mark.parametrize(
    ("name", "who", "writes"),
    [
        ("app", ("maker",), 3),
        pytest.param("server", ("maker",), 5, marks=pytest.mark.full),
        pytest.param("robot", ("maker", "members"), 4, marks=pytest.mark.full),
    ],
)
def test_killed_before_or_after_any_step_the_next_run_ends_at_the_same(
    account: Account, name: str, who: tuple[str, ...], writes: int
) -> None:
    empty = account.picture()
    made = [account.apply(name, one).made for one in who]
    assert len(made[0]) == writes
    whole = account.picture()
    for one in reversed(who):
        account.undo(name, one)
    assert account.picture() == empty
    for number in range(writes):
        for after in (False, True):
            with pytest.raises(Killed):
                principals.apply(
                    dying(account, "maker", number, after=after), name, folder=account.folder, patience=QUICK
                )
            for one in who:
                account.apply(name, one)
            assert account.picture() == whole
            for one in reversed(who):
                account.undo(name, one)
            assert account.picture() == empty


def test_undo_that_was_killed_goes_on(account: Account) -> None:
    empty = account.picture()
    account.apply("app")
    for _ in range(3):
        with pytest.raises(Killed):
            principals.undo(dying(account, "maker", 0, after=True), "app", folder=account.folder, patience=QUICK)
    account.undo("app")
    assert account.picture() == empty


def attached(account: Account, role: str = APP) -> set[str]:
    found = account.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return {one["PolicyName"] for one in found}


def test_what_others_attached_stays_through_changes_and_undo(account: Account) -> None:
    account.apply("app")
    theirs = account.iam.create_policy(PolicyName="theirs", PolicyDocument=EVERYTHING)["Policy"]["Arn"]
    account.iam.attach_role_policy(RoleName=APP, PolicyArn=theirs)
    account.iam.put_role_policy(RoleName=APP, PolicyName="inline", PolicyDocument=EVERYTHING)
    changed = account.text.replace(MODEL, OTHER_MODEL)
    account.apply("app", text=changed)
    assert attached(account) == {"theirs", f"{APP}-1"}
    assert account.iam.list_role_policies(RoleName=APP)["PolicyNames"] == ["inline"]
    account.undo("app")
    assert attached(account) == {"theirs", f"{APP}-1"}
    assert MODEL in str(account.picture())
    # Before the first apply there was no role; somebody else has put something into it, so it cannot go.
    with pytest.raises(SetupIncompleteError, match="DeleteRole"):
        account.undo("app")
    assert attached(account) == {"theirs"}


def test_a_policy_that_is_no_longer_needed_grants_nothing_any_more(account: Account) -> None:
    """A second part of an earlier, longer policy."""
    account.apply("app")
    made = account.iam.create_policy(
        PolicyName=f"{APP}-2",
        Path=f"{PATH}{APP}/",
        Description="bedrock-gateway: helpdesk/app",
        PolicyDocument=EVERYTHING,
    )
    account.iam.attach_role_policy(RoleName=APP, PolicyArn=made["Policy"]["Arn"])
    assert account.apply("app").made == (f"DetachRolePolicy {APP}",)
    assert attached(account) == {f"{APP}-1"}


def test_a_changed_trust_and_a_drifted_policy_are_put_right(account: Account) -> None:
    account.apply("app")
    whole = account.picture()
    account.iam.update_assume_role_policy(RoleName=APP, PolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:root"))
    arn = f"arn:aws:iam::{ACCOUNT}:policy{PATH}{APP}/{APP}-1"
    account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=EVERYTHING, SetAsDefault=True)
    account.iam.detach_role_policy(RoleName=APP, PolicyArn=arn)
    assert [one.action for one in account.plan("app").changes] == ["update", "update"]
    account.apply("app")
    assert account.picture() == whole


def test_a_sixth_version_takes_the_place_of_the_oldest_that_is_not_in_force(account: Account) -> None:
    account.apply("app")
    arn = f"arn:aws:iam::{ACCOUNT}:policy{PATH}{APP}/{APP}-1"
    for _ in range(4):
        account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=EVERYTHING)
    account.iam.set_default_policy_version(PolicyArn=arn, VersionId="v3")
    done = account.apply("app").made
    assert done == (f"DeletePolicyVersion {APP}-1", f"CreatePolicyVersion {APP}-1")
    versions = account.iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert {one["VersionId"] for one in versions} == {"v2", "v3", "v4", "v5", "v6"}
    assert next(one["VersionId"] for one in versions if one["IsDefaultVersion"]) == "v6"


TAKEN: dict[str, Callable[[Any], Any]] = {
    "role without our tag": lambda iam: iam.create_role(
        RoleName=APP, Path=PATH, AssumeRolePolicyDocument=PERSON, PermissionsBoundary=BOUNDARY
    ),
    "role of another principal of ours": lambda iam: iam.create_role(
        RoleName=APP,
        Path=PATH,
        AssumeRolePolicyDocument=PERSON,
        PermissionsBoundary=BOUNDARY,
        Tags=[{"Key": "bedrock-gateway", "Value": "helpdesk/other"}],
    ),
    "policy without our description": lambda iam: iam.create_policy(
        PolicyName=f"{APP}-1", Path=f"{PATH}{APP}/", PolicyDocument=EVERYTHING
    ),
}


@pytest.mark.parametrize("taken", TAKEN)
def test_what_is_not_ours_is_refused_and_not_touched(account: Account, taken: str) -> None:
    TAKEN[taken](account.iam)
    before = account.picture()
    with pytest.raises(NotOursError, match="is not ours"):
        account.apply("app")
    assert account.picture() == before
    account.apply("app", adopt=True)
    assert not account.plan("app", adopt=True).pending


def test_a_role_of_the_name_outside_of_our_path_stops_it_before_it_is_touched(account: Account) -> None:
    account.iam.create_role(RoleName=APP, AssumeRolePolicyDocument=PERSON)
    with pytest.raises(SetupIncompleteError, match="choose another `name`"):
        account.apply("app")
    assert account.iam.list_role_tags(RoleName=APP)["Tags"] == []
    account.undo("app")


def test_an_instance_profile_of_the_name_outside_of_our_path_stops_it_before_it_is_touched(account: Account) -> None:
    server = APP.replace("app", "server")
    account.iam.create_instance_profile(InstanceProfileName=server)
    with pytest.raises(SetupIncompleteError, match="choose another `name`"):
        account.apply("server")
    assert account.iam.get_instance_profile(InstanceProfileName=server)["InstanceProfile"]["Roles"] == []


def test_an_adopted_role_lets_in_nobody_else_and_one_that_does_is_replaced_only_when_asked(account: Account) -> None:
    other = trusting(f"arn:aws:iam::{ACCOUNT}:root")
    account.iam.create_role(RoleName=APP, Path=PATH, AssumeRolePolicyDocument=other, PermissionsBoundary=BOUNDARY)
    with pytest.raises(NotOursError, match="--replace"):
        account.apply("app", adopt=True)
    account.apply("app", replace=True)
    trust = account.iam.get_role(RoleName=APP)["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:user/person"}
    account.undo("app")
    assert account.iam.get_role(RoleName=APP)["Role"]["AssumeRolePolicyDocument"] == json.loads(other)


def test_a_boundary_is_never_set_on_what_is_there(account: Account) -> None:
    tags = [{"Key": "bedrock-gateway", "Value": "helpdesk/app"}]
    account.iam.create_role(RoleName=APP, Path=PATH, AssumeRolePolicyDocument=PERSON, Tags=tags)
    with pytest.raises(NotOursError, match="aws iam put-role-permissions-boundary"):
        account.apply("app", replace=True)


def test_a_role_for_instances_has_a_profile_that_holds_it_alone(account: Account) -> None:
    server = APP.replace("app", "server")
    before = account.picture()
    done = account.apply("server").made
    assert done[-2:] == (f"CreateInstanceProfile {server}", f"AddRoleToInstanceProfile {server}")
    assert account.apply("server").made == ()
    account.undo("server")
    assert account.picture() == before
    account.iam.create_instance_profile(InstanceProfileName=server, Path=PATH)
    account.iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=PERSON)
    account.iam.add_role_to_instance_profile(InstanceProfileName=server, RoleName="theirs")
    with pytest.raises(NotOursError, match="it holds role theirs"):
        account.apply("server")


def test_without_the_boundary_it_says_who_makes_it_and_changes_nothing(account: Account) -> None:
    account.iam.delete_policy(PolicyArn=BOUNDARY)
    assert any("does not exist: an administrator makes it" in one for one in account.plan("app").notes)
    with pytest.raises(ConfigError, match="principals-boundary"):
        account.apply("app")
    assert account.picture() == {}


def test_a_boundary_that_the_configuration_has_outgrown_is_told(account: Account) -> None:
    """Else a policy would be put right, and what it grants denied all the same."""
    assert not account.plan("app").notes
    grown = account.text.replace(MODEL, OTHER_MODEL)
    assert any("is not what the configuration says now" in one for one in account.plan("app", text=grown).notes)


def test_another_principal_whose_policy_cannot_be_made_yet_stops_nobody(account: Account) -> None:
    text = account.text + (
        f'\n[principals.answers]\ncapabilities = ["rag"]\nmodels = ["{MODEL}"]\nknowledge_bases = ["handbook"]\n'
        'identity = { kind = "role", trust = [{ kind = "lambda" }] }\n'
        '[knowledge_base.handbook]\nembedding_model = "amazon.titan-embed-text-v2:0"\nstore = "s3-vectors"\n'
    )
    plan = account.plan("app", text=text)
    assert any("cannot be told: knowledge base 'handbook' has no id yet" in one for one in plan.notes)
    assert len(plan.pending) == 2


def test_users_that_nobody_declared_stay_in_the_group_and_are_told(account: Account) -> None:
    account.apply("people")
    account.iam.create_user(UserName="carol")
    account.iam.add_user_to_group(GroupName=PEOPLE, UserName="carol")
    plan = account.plan("people", "members")
    assert "note: carol is in the group too, and is left there" in plan.notes
    account.apply("people", "members")
    assert [one["UserName"] for one in account.iam.get_group(GroupName=PEOPLE)["Users"]] == ["carol", "alice", "bob"]


def test_members_are_put_into_a_group_only_where_both_are_there_and_ours(account: Account) -> None:
    with pytest.raises(NotOursError, match="is not there"):
        account.apply("people", "members")
    account.apply("people")
    account.iam.untag_user(UserName="alice", TagKeys=["bedrock-gateway"])
    with pytest.raises(NotOursError, match="User alice: it is not ours"):
        account.apply("people", "members")
    assert account.iam.get_group(GroupName=PEOPLE)["Users"] == []


def test_members_leave_before_their_group_goes(account: Account) -> None:
    account.apply("people")
    account.apply("people", "members")
    with pytest.raises(ConfigError, match=r"RemoveUserFromGroup .*: needs a principal with group-members first"):
        account.undo("people")
    account.undo("people", "members")
    account.undo("people")
    assert not [one for one in account.picture() if PEOPLE in one or "alice" in one]


def test_another_account_is_noticed_before_anything_is_changed(account: Account) -> None:
    text = account.text.replace(ACCOUNT, "111122223333")
    with pytest.raises(ConfigError, match="belong to account"):
        principals.apply(account.gateway("maker", text=text), "app", folder=account.folder)
    assert not [one for one in account.picture() if APP in one]


def test_a_principal_that_makes_none_is_told_what_it_lacks(account: Account) -> None:
    account.apply("app")
    session = account.become("bedrock-gateway/" + APP)
    gateway = account.gateway("app", session=session)
    with pytest.raises(ConfigError, match="lacks principal-provision"):
        principals.plan(gateway, "people")
    with pytest.raises(ConfigError, match="has no identity"):
        account.plan("maker")
    with pytest.raises(ClientError):
        account.client(session, "iam").create_user(UserName="eve")


def test_what_is_not_known_everywhere_yet_is_waited_for_on_iams_message_alone(account: Account) -> None:
    refusals = ["NoSuchEntity", "NoSuchEntity", "AccessDenied"]

    def around(send: Send, perform: Any) -> Any:
        if send.operation == "AttachRolePolicy" and refusals:
            code = refusals.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": "not yet"}}, send.operation)
        return perform(send)

    gateway = watched(account, "maker", around)
    with pytest.raises(SetupIncompleteError, match="AttachRolePolicy"):
        principals.apply(gateway, "app", folder=account.folder, patience=QUICK)
    assert refusals == []
    account.apply("app")
    assert attached(account) == {f"{APP}-1"}
