"""Documents from the command line: the document alone on stdout, what to know about it on stderr."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bedrock_gateway.cli import main

WHERE = ("--region", "us-east-1", "--account", "111122223333")
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:example-AbCdEf"
ROLE = "arn:aws:iam::111122223333:role/bedrock-gateway/kb"
KB = ("--embedding-model", "amazon.titan-embed-text-v2:0")
NOVA = ("--model", "us.amazon.nova-lite-v1:0")


def run(capsys: Any, *argv: str) -> tuple[int, str, str]:
    code = main(["policy", *argv])
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("argv", "holds"),
    [
        (("trust", "knowledge-base", "kb=KB12345678"), "knowledge-base/KB12345678"),
        (("trust", "oidc", "provider=idp.example.com", "audience=a", "subject=s"), "idp.example.com:sub"),
        (("trust", "account", f"principal={ROLE}", "mfa=true", "tag=team=red", "tag=cost"), "aws:RequestTag/team"),
        (("bucket", "source", "bucket=example-docs", f"role={ROLE}"), "arn:aws:s3:::example-docs/*"),
        (("key", "source", f"role={ROLE}"), "s3.us-east-1.amazonaws.com"),
        (("collection", "collection=handbook", f"role={ROLE}"), "index/handbook/*"),
        (("role", "batch", "input=example-in", "output=example-out"), "arn:aws:s3:::example-out/*"),
        (("role", "batch-trust", "input=example-in", "output=example-out"), "model-invocation-job/*"),
        (("role", "kb", "--source", "web", "--store", f"pinecone:secret={SECRET}", *KB), SECRET),
        (("boundary", "--source", "web", "--store", f"redis:secret={SECRET}", *KB), SECRET),
        (("boundary",), "log-group:/bedrock/invocations"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)
def test_a_document_is_json_alone_on_stdout(capsys: Any, argv: tuple[str, ...], holds: str) -> None:
    code, out, _ = run(capsys, *argv, *WHERE)
    assert code == 0
    assert json.loads(out)
    assert holds in out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("trust", "oidc", "provider=idp.example.com", "audience=a"), "oidc needs subject="),
        (("trust", "oidc", "provider"), "is not KEY=VALUE"),
        (("key", "source"), "source needs role="),
        (("bucket", "source", "bucket=*", f"role={ROLE}"), "'*' is not a valid bucket"),
        (("collection", "collection=handbook", "role=*"), "is not a role ARN"),
        (("role", "kb", "--source", "wbe", *KB), "did you mean 'web'"),
        (("role", "kb", "x=y", *KB), "takes options, not 'x=y'"),
        (("role", "batch", "input=example-in"), "batch needs output="),
        (("generate", "converse", *NOVA, "--deny", "regions=us-east-1"), "also runs in us-east-2, us-west-2"),
        (("generate", "converse", *NOVA, "--deny", "sidedoors"), "did you mean 'side-doors'"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(capsys: Any, argv: tuple[str, ...], says: str) -> None:
    code, out, err = run(capsys, *argv, *WHERE)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_notes_and_assumptions_go_to_stderr_and_into_the_report(capsys: Any, tmp_path: Any) -> None:
    report = tmp_path / "report.json"
    _, out, err = run(capsys, "key", "session", "--report", str(report), *WHERE)
    assert "assumed (?): kms:Decrypt" in err
    assert set(json.loads(out)) == {"Version", "Statement"}
    (assumption,) = json.loads(report.read_text())["assumptions"]
    assert assumption["confidence"] == "?"
    _, _, err = run(capsys, "trust", "lambda", *WHERE)
    assert "note: AWS documents no source condition" in err


def test_what_is_assumed_is_left_out_when_strict(capsys: Any) -> None:
    bases = (
        "--source",
        "web",
        "--store",
        f"redis:secret={SECRET}",
        "--with",
        "context-model:model=us.amazon.nova-lite-v1:0",
    )
    _, loose, err = run(capsys, "role", "kb", *bases, *KB, *WHERE)
    assert "GetInferenceProfile" in loose
    assert "assumed" in err
    _, strict, err = run(capsys, "role", "kb", *bases, *KB, "--strict", *WHERE)
    assert "GetInferenceProfile" not in strict + err


def test_deny_blocks_come_after_what_is_allowed(capsys: Any) -> None:
    asked = ("generate", "converse", *NOVA, *WHERE)
    plain = json.loads(run(capsys, *asked)[1])["Statement"]
    text = "side-doors,regions=us-east-1,us-east-2,us-west-2,tiers=default"
    whole = json.loads(run(capsys, *asked, "--deny", text)[1])["Statement"]
    assert whole[: len(plain)] == plain
    assert {one["Effect"] for one in whole[len(plain) :]} == {"Deny"}
    assert len(whole) == len(plain) + 4


def test_deny_blocks_work_for_a_principal_of_a_configuration(capsys: Any, tmp_path: Any) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        'format = 1\napplication = "helpdesk"\n[env.prod]\naccount = "111122223333"\nregion = "us-east-1"\n'
        '[principals.app]\ncapabilities = ["converse"]\nmodels = ["amazon.nova-lite-v1:0"]\n'
    )
    _, out, _ = run(capsys, "--principal", "app", "--config", str(path), "--deny", "side-doors")
    assert [one["Sid"] for one in json.loads(out)["Statement"]][-1] == "DenySideDoors"


@pytest.mark.parametrize("form", ["role", "boundary", "bucket", "key", "trust", "collection"])
def test_help_lists_what_a_document_takes(capsys: Any, form: str) -> None:
    code, out, _ = run(capsys, form, "--help")
    assert code == 0
    assert "may be left out" in out
