"""`bedrock-gateway setup principal`: plan, apply, export and undo printed, with the exit codes of every command."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway import cli

if TYPE_CHECKING:
    from .conftest import Account


@pytest.fixture
def shell(account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a form as *who*, in a folder with gateway.toml; returns exit code, stdout and stderr."""
    (account.folder / "gateway.toml").write_text(account.text)
    monkeypatch.chdir(account.folder)

    def run(*words: str, who: str = "maker") -> tuple[int, str, str]:
        frozen = account.become(who).get_credentials().get_frozen_credentials()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", frozen.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", frozen.secret_key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", frozen.token)
        code = cli.main(["setup", "principal", *words, "--principal", who])
        done = capsys.readouterr()
        return code, done.out, done.err

    return run


def test_from_plan_to_a_group_with_its_users_and_back_to_nothing(account: Account, shell: Any) -> None:
    before = account.picture()
    code, out, _ = shell("people")
    assert code == 0
    assert "create  AWS::IAM::Group AmazonBedrockGateway-principal-people" in out
    assert "nothing was changed: --apply does it" in out
    assert account.picture() == before

    code, out, _ = shell("people", "--apply")
    assert code == 1
    assert "left: AddUserToGroup alice: needs a principal with group-members" in out
    assert shell("people", "--apply", who="members")[0] == 0

    code, out, _ = shell("people", "--undo", who="members")
    assert (code, "RemoveUserFromGroup alice" in out) == (0, True)
    assert shell("people", "--undo", "--apply", who="members")[0] == 0
    code, out, _ = shell("people", "--undo", who="members")
    assert "left: DeleteGroup AmazonBedrockGateway-principal-people: needs a principal with principal-provision" in out
    assert shell("people", "--undo", "--apply")[0] == 0
    assert account.picture() == before


def test_what_is_refused_is_a_finding(account: Account, shell: Any) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    name, bound = "AmazonBedrockGateway-principal-app", "policy/bedrock-gateway/AmazonBedrockGateway-principals"
    account.iam.create_role(
        RoleName=name,
        Path="/bedrock-gateway/",
        AssumeRolePolicyDocument=trust.replace(
            "[]", '[{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},"Action":"sts:AssumeRole"}]'
        ),
        PermissionsBoundary=f"arn:aws:iam::123456789012:{bound}",
    )
    code, out, _ = shell("app", "--output", "json")
    assert code == 1
    assert [one["action"] for one in json.loads(out)["changes"]] == ["create", "refuse"]
    code, _, err = shell("app", "--apply")
    assert code == 1
    assert "is not ours" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("form", ["terraform", "cloudformation"])
def test_the_export_asks_nobody(shell: Any, account: Account, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", None)
    code = cli.main(["setup", "principal", "app", "--export", form])
    assert code == 0


def test_a_key_is_asked_for_twice_and_kept_from_everybody_else(account: Account, shell: Any) -> None:
    account.apply("people")
    code, out, err = shell("people", "--access-key", "alice", "--apply", who="keys")
    assert (code, out) == (2, "")
    assert "--long-lived-key-after-all" in err
    twice = ("people", "--access-key", "alice", "--apply", "--long-lived-key-after-all")
    code, out, err = shell(*twice, who="keys")
    assert (code, out) == (2, "")
    assert "--key-file" in err
    assert account.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"] == []

    path = account.folder / "alice.key"
    code, out, err = shell(*twice, "--key-file", str(path), who="keys")
    assert (code, out) == (0, "")
    (known,) = account.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert known["AccessKeyId"] in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text().rpartition(" = ")[2].strip()
    assert secret
    assert secret not in err

    code, _, err = shell(*twice, "--key-file", str(path), who="keys")
    assert (code, "File exists; no key was made" in err) == (2, True)
    other = account.folder / "second.key"
    code, _, err = shell(*twice, "--key-file", str(other), who="keys")
    assert (code, "has an access key already" in err) == (1, True)
    assert not other.exists()
    path.unlink()


def test_a_key_for_nobody_is_refused_and_not_taken_for_an_apply(account: Account, shell: Any) -> None:
    before = account.picture()
    words = ("people", "--access-key", "", "--apply", "--long-lived-key-after-all", "--key-file", "nobody.key")
    code, out, err = shell(*words, who="keys")
    assert (code, out, "is no user of principal 'people'" in err) == (2, "", True)
    assert account.picture() == before
    assert not (account.folder / "nobody.key").exists()


def test_a_key_that_cannot_be_written_is_named_so_that_it_can_be_deleted(
    account: Account, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.apply("people")
    path = account.folder / "full.key"

    def full(target: int, *_: Any, **__: Any) -> Any:
        os.close(target)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("bedrock_gateway.cli.setup.principal.os.fdopen", full)
        words = ("--access-key", "alice", "--apply", "--long-lived-key-after-all", "--key-file", str(path))
        code, out, err = shell("people", *words, who="keys")
    (known,) = account.iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert (code != 0, out) == (True, "")
    assert f"--user-name alice --access-key-id {known['AccessKeyId']}" in err
    assert len(err.strip().splitlines()) == 1
    assert not path.exists()


def test_on_a_terminal_the_key_is_shown_once(account: Account, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account.apply("people")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, _ = shell(
        "people", "--access-key", "bob", "--apply", "--long-lived-key-after-all", "--output", "json", who="keys"
    )
    assert code == 0
    (known,) = account.iam.list_access_keys(UserName="bob")["AccessKeyMetadata"]
    assert json.loads(out)["AccessKeyId"] == known["AccessKeyId"]


def test_the_boundary_of_the_principals_is_printed_for_an_administrator(
    account: Account, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell is not None
    assert cli.main(["policy", "principals-boundary"]) == 0
    out, err = capsys.readouterr()
    arn = "arn:aws:iam::123456789012:policy/bedrock-gateway/AmazonBedrockGateway-principals"
    assert json.loads(out) == account.picture()[arn]
    assert "an administrator makes it" in err
    assert cli.main(["policy", "principals-boundary", "--boundary", "bedrock-gateway/other"]) == 2
    assert "no principal has an identity with the boundary" in capsys.readouterr().err
