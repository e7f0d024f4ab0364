"""`setup logging` and `setup undo` from the command line: what they print, and how they end."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway.cli import main
from bedrock_gateway.cli.kb.common import gateway_of
from bedrock_gateway.cli.setup.showing import plan_lines
from tests.setup.exported import from_terraform
from tests.setup.logging.conftest import ACCOUNT, BUCKET, GROUP, REGION, ROLE

if TYPE_CHECKING:
    from collections.abc import Callable

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
role = "{ROLE}"
bucket = "{BUCKET}"
"""


@pytest.fixture
def run(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a form with the operator's gateway, which is answered in this process."""
    from contextlib import contextmanager

    from bedrock_gateway.cli.setup import logging as forms

    path = account.folder / "gateway.toml"
    path.write_text(TOML)

    @contextmanager
    def gateway_of(_: Any) -> Any:
        yield account.gateway()

    monkeypatch.setattr(forms, "gateway_of", gateway_of)

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["setup", *words, "--config", str(path)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_plan_is_printed_and_says_what_comes_next(run: Any, account: Account) -> None:
    code, out, err = run("logging")
    assert (code, err) == (0, "")
    assert f"create  AWS::IAM::Role {ROLE}" in out
    assert '    +  "RetentionInDays": 365' in out
    assert out.rstrip().endswith("nothing was changed: --apply does it")
    assert account.configured() is None


def test_applied_it_says_what_was_made_and_shows_the_preflight(run: Any, account: Account) -> None:
    code, out, _ = run("logging", "--apply")
    assert code == 0, out
    assert f"created AWS::Logs::LogGroup {GROUP}" in out
    assert "LOG-01  invocation logging is on" in out
    code, out, _ = run("logging", "--apply")
    assert code == 0
    assert out.startswith("nothing to do")
    code, out, _ = run("undo")
    assert code == 0
    assert f"delete  AWS::IAM::Role {ROLE}" in out
    assert account.configured() is not None
    code, out, _ = run("undo", "--apply")
    assert code == 0
    assert f"removed AWS::IAM::Role {ROLE}" in out
    assert f"kept AWS::Logs::LogGroup {GROUP}: it holds logs" in out
    assert account.configured() is None
    code, out, err = run("undo", "--apply")
    assert (code, out) == (2, "")
    assert "nothing is known here" in err


def test_what_is_refused_is_a_finding(run: Any, account: Account) -> None:
    account.theirs()
    code, out, _ = run("logging")
    assert code == 1
    assert f"refuse  aws_bedrock_model_invocation_logging_configuration {REGION}  (logs go elsewhere" in out
    code, out, err = run("logging", "--apply")
    assert (code, out) == (1, "")
    assert "nothing was changed" in err


def test_as_json(run: Any) -> None:
    code, out, _ = run("logging", "--output", "json")
    assert code == 0
    assert {one["action"] for one in json.loads(out)["changes"]} == {"create"}
    _, out, _ = run("logging", "--apply", "--output", "json")
    made = json.loads(out)
    assert made["preflight"]["results"]
    assert made["plan"]["region"] == REGION
    _, out, _ = run("undo", "--output", "json")
    assert json.loads(out)["kept"]
    _, out, _ = run("undo", "--apply", "--output", "json")
    assert [one["action"] for one in json.loads(out)["changes"]].count("delete") == 3


def test_exported_it_is_a_template_alone_on_stdout_and_nothing_is_sent(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bedrock_gateway.cli.setup import logging as forms

    monkeypatch.setattr(forms, "gateway_of", None)
    code, out, err = run("logging", "--export", "terraform", "--create-boundary")
    assert code == 0
    assert {one.kind for one in from_terraform(out)} >= {"AWS::IAM::ManagedPolicy", "AWS::IAM::Role"}
    assert "audioDataDeliveryEnabled" in err or "audio" not in out
    code, out, err = run("logging", "--export", "cloudformation")
    assert json.loads(out)["AWSTemplateFormatVersion"]
    assert "CloudFormation has no type for it" in err
    assert "permissions boundary" in err


@pytest.mark.parametrize("form", [("logging",), ("principal", "operator"), ("model-access",)])
def test_a_template_and_a_change_at_once_are_refused(run: Any, form: tuple[str, ...]) -> None:
    code, out, err = run(*form, "--export", "terraform", "--apply")
    assert (code, out) == (2, "")
    assert "leave out --apply" in err


def test_a_warning_of_a_plan_is_not_called_a_note_too() -> None:
    assert list(plan_lines("Plan", (), ("warning: no boundary", "a role")))[2:4] == [
        "warning: no boundary",
        "note: a role",
    ]


def test_the_preflight_after_set_up_looks_at_the_folder_of_gateway_toml(account: Account) -> None:
    path = account.folder / "gateway.toml"
    path.write_text(TOML)
    args = argparse.Namespace(config=str(path), env=None, region=None, profile=None, principal="operator")
    with gateway_of(args) as gateway:
        assert gateway.folder == account.folder


def test_without_a_destination_it_cannot_start(run: Any, account: Account) -> None:
    (account.folder / "gateway.toml").write_text(TOML.split("[logging]", maxsplit=1)[0])
    code, out, err = run("logging", "--export", "terraform")
    assert (code, out) == (2, "")
    assert "add log_group or bucket to [logging]" in err


def test_a_principal_that_may_not_is_told_so(run: Any, account: Account) -> None:
    (account.folder / "gateway.toml").write_text(TOML.replace('"logging-admin", ', ""))
    code, _, err = run("logging", "--export", "terraform")
    assert code == 2
    assert "logging-admin" in err
