"""Access keys: one a user, only for users that are declared and ours, and their secret is nowhere but in what is returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bedrock_gateway.errors import AccessDeniedError, ConfigError, NotOursError
from bedrock_gateway.setup import principals

if TYPE_CHECKING:
    from .conftest import Account


def test_a_key_is_made_once_and_its_secret_is_in_no_repr_event_or_file(
    account: Account, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    account.apply("people")
    caplog.set_level("DEBUG")
    made = principals.access_key(account.gateway("keys"), "people", "alice")
    assert made.secret not in repr(made)
    assert made.secret not in caplog.text
    out, err = capfd.readouterr()
    assert made.secret not in out + err
    assert all(made.secret not in one.read_text() for one in account.folder.rglob("*") if one.is_file())
    (known,) = account.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert known["AccessKeyId"] == made.id
    with pytest.raises(NotOursError, match=f"delete-access-key --user-name alice --access-key-id {made.id}"):
        principals.access_key(account.gateway("keys"), "people", "alice")
    assert len(account.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]) == 1


def test_a_key_is_made_for_nobody_else(account: Account) -> None:
    gateway = account.gateway("keys")
    account.apply("people")
    account.apply("app")
    for name, user, says in (("people", "person", "no user of"), ("app", "alice", "roles have no access keys")):
        with pytest.raises(ConfigError, match=says):
            principals.access_key(gateway, name, user)
    with pytest.raises(ConfigError, match="lacks access-keys"):
        principals.access_key(account.gateway("maker"), "people", "alice")
    account.iam.untag_user(UserName="bob", TagKeys=["bedrock-gateway"])
    with pytest.raises(NotOursError, match="does not carry our tag"):
        principals.access_key(gateway, "people", "bob")
    assert account.iam.list_access_keys(UserName="bob")["AccessKeyMetadata"] == []


def test_a_user_that_nothing_caps_gets_no_key(account: Account) -> None:
    tags = [{"Key": "bedrock-gateway", "Value": "helpdesk"}]
    account.iam.create_user(UserName="alice", Path="/bedrock-gateway/", Tags=tags)
    with pytest.raises(NotOursError, match="user alice is not under the boundary"):
        principals.access_key(account.gateway("keys"), "people", "alice")
    assert account.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"] == []


def test_a_user_of_the_name_outside_of_our_path_gets_no_key(account: Account) -> None:
    account.iam.create_user(UserName="alice", Tags=[{"Key": "bedrock-gateway", "Value": "helpdesk"}])
    with pytest.raises(AccessDeniedError):
        principals.access_key(account.gateway("keys"), "people", "alice")
