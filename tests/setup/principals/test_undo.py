"""`setup principal --undo` takes back what set-up did, and nothing that is somebody else's by now, or another account's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bedrock_gateway.errors import ConfigError, NotOursError, SetupIncompleteError
from bedrock_gateway.setup import principals

from .conftest import ACCOUNT, BOUNDARY, MODEL, OTHER_MODEL, QUICK, trusting

if TYPE_CHECKING:
    from .conftest import Account

APP, PEOPLE, SERVER = (f"AmazonBedrockGateway-principal-{name}" for name in ("app", "people", "server"))
PATH = "/bedrock-gateway/"
OTHER_ACCOUNT = "111122223333"


def test_undo_notices_another_account_before_it_deletes_what_is_there_by_that_name(account: Account) -> None:
    account.apply("app")
    (kept,) = (account.folder / ".bedrock-gateway" / "principals").glob("*.json")
    theirs = kept.with_name(kept.name.replace(ACCOUNT, OTHER_ACCOUNT))
    theirs.write_text(kept.read_text().replace(f'"account": "{ACCOUNT}"', f'"account": "{OTHER_ACCOUNT}"'))
    theirs.chmod(0o600)
    before = account.picture()
    gateway = account.gateway(text=account.text.replace(ACCOUNT, OTHER_ACCOUNT))
    with pytest.raises(ConfigError, match="belong to account"):
        principals.undo(gateway, "app", folder=account.folder, patience=QUICK)
    assert account.picture() == before


def test_undo_leaves_what_somebody_else_made_under_the_name_since(account: Account) -> None:
    account.apply("app")
    policy = f"arn:aws:iam::{ACCOUNT}:policy{PATH}{APP}/{APP}-1"
    account.iam.detach_role_policy(RoleName=APP, PolicyArn=policy)
    account.iam.delete_role(RoleName=APP)
    trust = trusting(f"arn:aws:iam::{ACCOUNT}:root")
    account.iam.create_role(RoleName=APP, Path=PATH, AssumeRolePolicyDocument=trust, PermissionsBoundary=BOUNDARY)
    before = account.picture()
    with pytest.raises(NotOursError, match=f"Role {APP}: it is not ours any more"):
        account.undo("app")
    assert account.picture() == before


def test_undo_of_what_has_another_name_by_now_says_so_and_forgets_nothing(account: Account) -> None:
    account.apply("app")
    before = account.picture()
    text = account.text.replace('kind = "role"\ntrust', 'kind = "role"\nname = "renamed"\ntrust')
    with pytest.raises(ConfigError, match=f"{APP} is not what principal 'app' is called now"):
        principals.undo(account.gateway(text=text), "app", folder=account.folder, patience=QUICK)
    assert account.picture() == before
    account.undo("app")
    assert not [one for one in account.picture() if APP in one]


def test_undo_stops_at_a_user_with_a_key_and_goes_on_without_it(account: Account) -> None:
    account.apply("people")
    key = principals.access_key(account.gateway("keys"), "people", "alice")
    with pytest.raises(SetupIncompleteError, match=r"DeleteUser alice: .*must delete access keys first"):
        account.undo("people")
    account.iam.delete_access_key(UserName="alice", AccessKeyId=key.id)
    account.undo("people")
    assert list(account.picture()) == [BOUNDARY]


def test_undo_takes_an_instance_profile_away_that_is_no_longer_declared(account: Account) -> None:
    before = account.picture()
    account.apply("server")
    text = account.text.replace('kind = "ec2"', 'kind = "lambda"')
    principals.undo(account.gateway(text=text), "server", folder=account.folder, patience=QUICK)
    assert account.picture() == before


def test_who_reads_groups_alone_does_not_forget_what_was_changed_of_policies(account: Account) -> None:
    account.apply("people")
    account.apply("people", "members")
    first = account.picture()
    account.apply("people", text=account.text.replace(MODEL, OTHER_MODEL))
    _, done = account.undo("people", "members")
    assert done.made == ()
    assert any("principal-provision" in one for one in done.left)
    account.undo("people")
    assert account.picture() == first
