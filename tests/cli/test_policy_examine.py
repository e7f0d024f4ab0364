"""`policy lint | explain | diff | check` from the command line: exit codes, one line of error, what is printed where."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bedrock_gateway.cli import main

POLICIES = Path(__file__).resolve().parents[2] / "policies"
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
CALL = {
    "Effect": "Allow",
    "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
    "Resource": MODEL,
}
CONFIG = """\
format = 1
application = "helpdesk"
[env.prod]
account = "111122223333"
region = "us-east-1"
[principals.app]
capabilities = ["converse", "converse-stream"]
models = ["amazon.nova-lite-v1:0"]
"""


def run(capsys, *argv):
    code = main(["policy", *map(str, argv)])
    return code, *capsys.readouterr()


@pytest.fixture
def write(tmp_path):
    def written(name, *statements, text=None):
        path = tmp_path / name
        path.write_text(text or json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        return path

    return written


def test_lint_exits_1_on_findings_and_0_without(capsys, write):
    bad = write("bad.json", {"Effect": "Allow", "Action": "bedrock:Converse", "Resource": MODEL})
    code, out, err = run(capsys, "lint", bad)
    assert (code, err) == (1, "")
    assert f"{bad}:1:" in out
    assert "bedrock:InvokeModel" in out
    code, out, err = run(capsys, "lint", write("good.json", CALL))
    assert (code, out, err) == (0, "nothing found\n", "")


def test_lint_reads_many_files_and_standard_input(capsys, write, monkeypatch):
    monkeypatch.setattr(
        "sys.stdin",
        io.TextIOWrapper(
            io.BytesIO(json.dumps({"Version": "2012-10-17", "Statement": CALL | {"Action": "*"}}).encode())
        ),
    )
    code, out, _ = run(capsys, "lint", write("good.json", CALL), "-")
    assert code == 1
    assert "<stdin>:1:" in out
    assert "good.json" not in out


def test_lint_fails_on_what_it_is_told_to(capsys, write):
    twice = write("twice.json", CALL | {"Action": ["bedrock:InvokeModel", *CALL["Action"]]})
    assert run(capsys, "lint", twice)[0] == 1
    assert run(capsys, "lint", "--fail-on", "warning", twice)[0] == 0


def test_lint_knows_managed_policies_by_name(capsys):
    code, out, _ = run(
        capsys, "lint", "--managed", "AmazonS3FullAccess", "--managed", "arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    assert code == 1
    assert "kb-documents" in out
    assert run(capsys, "lint", "--managed", "AmazonBedrockReadOnly")[:2] == (0, "nothing found\n")


def test_lint_prints_json_and_sarif_alone(capsys, write):
    bad = write("bad.json", {"Effect": "Allow", "Action": "bedrock:Converse", "Resource": MODEL})
    assert json.loads(run(capsys, "lint", "--output", "json", bad)[1])["findings"][0]["rule"] == "BG002"
    log = json.loads(run(capsys, "lint", "--output", "sarif", bad)[1])
    assert log["runs"][0]["results"][0]["ruleId"] == "BG002"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"Version": "2012-10-17",\n "Statement": [}', "line 2, column 16: not JSON"),
        ('{"Version": "2012-10-17", "Statement": {"Effect": "Allow",\n "Effect": "Deny", "Action": "*"}}', "line 2, column 2: Effect stands twice"),
        ('{"Statement": [{"Effect": "Allow", "Resource": "*"}]}', "statement 1, line 1, column 16: a statement needs Action or NotAction"),
        (" " * (1024 * 1024 + 1), "1 MiB"),
        ("[1]", "a list of attached policies holds ARNs"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "form", ["lint {}", "diff {} {}", "explain {} --action a:B --resource *", "check {} --config {config}"]
)
def test_what_is_no_policy_is_one_line_with_its_position_and_exit_code_2(capsys, write, form, text, says):
    bad, config = write("bad.json", text=text), write("gateway.toml", text=CONFIG)
    code, out, err = run(capsys, *(word.format(bad, config=config) for word in form.split()))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{bad}: " in err
    assert says in err


@pytest.mark.parametrize(
    "argv",
    [
        ("lint",),
        ("lint", "/nonexistent.json"),
        ("explain", "--action", "a:B", "--resource", "*"),
        ("explain", "{}", "--action", "a:B", "--resource", "*", "--context", "x"),
        ("explain", "{}", "--action", "a:B", "--resource", "*", "--principal-arn", "me"),
        ("diff", "{}", "/nonexistent.json"),
        ("check", "{}", "--config", "/nonexistent.toml"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(capsys, write, argv):
    path = write("good.json", CALL)
    code, out, err = run(capsys, *(word.format(path) for word in argv))
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_explain_exits_0_where_allowed_and_1_where_denied(capsys, write):
    path = write("p.json", CALL)
    code, out, _ = run(capsys, "explain", path, "--action", "bedrock:InvokeModel", "--resource", MODEL)
    assert (code, out.startswith("allowed:")) == (0, True)
    code, out, _ = run(
        capsys, "explain", path, "--action", "bedrock:GetFoundationModel", "--resource", MODEL, "--output", "json"
    )
    assert (code, json.loads(out)["allowed"]) == (1, False)


def test_explain_takes_context_and_every_layer(capsys, write):
    mfa = write("mfa.json", CALL | {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}})
    everything = write("all.json", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    nothing = write("none.json", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    asked = ("explain", mfa, "--action", "bedrock:InvokeModel", "--resource", MODEL)
    with_mfa = (*asked, "--context", "aws:MultiFactorAuthPresent=true")
    assert run(capsys, *asked)[0] == 1
    assert (
        run(
            capsys,
            *with_mfa,
            "--boundary",
            everything,
            "--session",
            everything,
            "--scp",
            everything,
            "--scp",
            everything,
        )[0]
        == 0
    )
    for layer in ("--boundary", "--session", "--scp"):
        code, out, _ = run(capsys, *with_mfa, layer, nothing)
        assert code == 1
        assert "none.json" in out


def test_explain_judges_a_trust_by_who_comes(capsys):
    trust = ("explain", "--resource-policy", POLICIES / "kb-role.trust.json", "--action", "sts:AssumeRole")
    asked = (*trust, "--resource", "arn:aws:iam::111122223333:role/kb", "--principal-arn", "bedrock.amazonaws.com")
    mine = ("--context", "aws:SourceAccount=111122223333")
    source = ("--context", "aws:SourceArn=arn:aws:bedrock:us-east-1:111122223333:knowledge-base/KB12345678")
    assert run(capsys, *asked, *mine, *source)[0] == 0
    assert run(capsys, *asked, "--context", "aws:SourceAccount=123456789012", *source)[0] == 1


def test_explain_reads_the_role_behind_a_session(capsys, write):
    tagged = write(
        "p.json", CALL | {"Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/app"}}}
    )
    asked = ("explain", tagged, "--action", "bedrock:InvokeModel", "--resource", MODEL)
    assert run(capsys, *asked, "--principal-arn", "arn:aws:sts::111122223333:assumed-role/app/session")[0] == 0
    assert run(capsys, *asked, "--principal-arn", "arn:aws:sts::111122223333:assumed-role/other/session")[0] == 1


def test_diff_exits_0_where_the_calls_are_the_same_and_1_where_not(capsys, write):
    one = write("one.json", CALL)
    same = write("same.json", *({**CALL, "Action": action} for action in reversed(CALL["Action"])))
    assert run(capsys, "diff", one, same)[0] == 0
    less = write("less.json", CALL | {"Action": "bedrock:InvokeModel"})
    code, out, _ = run(capsys, "diff", one, less)
    assert code == 1
    assert f"denied now: bedrock:InvokeModelWithResponseStream on {MODEL}" in out
    found = json.loads(run(capsys, "diff", less, one, "--output", "json")[1])
    assert (found["same"], found["allowed"][0]["actions"]) == (False, ["bedrock:InvokeModelWithResponseStream"])


def test_check_finds_the_generated_policy_right_in_one_file_or_in_two(capsys, write):
    config = write("gateway.toml", text=CONFIG)
    made = write("made.json", text=run(capsys, "--config", config)[1])
    assert run(capsys, "check", made, "--config", config)[0] == 0
    halves = [write(f"{n}.json", CALL | {"Action": action}) for n, action in enumerate(CALL["Action"])]
    assert run(capsys, "check", *halves, "--config", config, "--principal", "app")[0] == 0


def test_check_names_what_is_missing_and_what_is_in_excess(capsys, write):
    config = write("gateway.toml", text=CONFIG)
    less = write("less.json", CALL | {"Action": "bedrock:InvokeModel"})
    code, out, _ = run(capsys, "check", less, "--config", config)
    assert code == 1
    assert "missing: bedrock:InvokeModelWithResponseStream" in out
    assert "needed by converse-stream: bedrock-runtime ConverseStream" in out
    assert "in excess" not in out
    more = write(
        "more.json",
        CALL | {"Resource": MODEL.replace("us-east-1", "*")},
        {"Effect": "Allow", "Action": "bedrock:Delete*", "Resource": "*"},
    )
    code, out, _ = run(capsys, "check", more, "--config", config, "--output", "json")
    found = json.loads(out)
    assert (code, found["missing"]) == (1, [])
    assert any("bedrock:DeleteGuardrail" in one["actions"] for one in found["excess"])
    assert any(one["resource"] == MODEL.replace("us-east-1", "eu-west-3") for one in found["excess"])


def test_an_unknown_capability_names_the_nearest(capsys):
    code, out, err = run(capsys, "generate", "convers", "--region", "us-east-1", "--account", "111122223333")
    assert (code, out) == (2, "")
    assert "did you mean 'converse'" in err
