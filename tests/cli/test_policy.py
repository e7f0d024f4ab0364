from __future__ import annotations

import json

import pytest

from bedrock_gateway.cli import main

WHERE = ["--region", "us-east-1", "--account", "111122223333"]
KB = ["--documents", "example-handbook/a/b", "--vector-index", "v-bucket/index", "--embedding-model"]


def run(capsys, *argv):
    code = main(["policy", *argv])
    return code, *capsys.readouterr()


def test_the_json_alone_is_on_stdout_and_assumptions_are_not(capsys, tmp_path):
    report = tmp_path / "report.json"
    rag = ("generate", "rag", "--model", "us.amazon.nova-lite-v1:0", "--kb", "KB12345678", *WHERE)
    code, out, err = run(capsys, *rag, "--report", str(report))
    assert code == 0
    assert set(json.loads(out)) == {"Version", "Statement"}
    assert "GetInferenceProfile" in err
    assert json.loads(report.read_text())["assumptions"][0]["confidence"] == "?"
    _, out, err = run(capsys, *rag, "--strict")
    assert "GetInferenceProfile" not in out + err


@pytest.mark.parametrize(
    "argv",
    [
        ("generate", "convers", *WHERE),
        ("generate", "converse", *WHERE),
        ("generate", "converse", "--model", "amazon.*", *WHERE),
        ("generate", "converse", "--model", "amazon.nova-lite-v1:0", "--account", "111122223333"),
        ("generate", "converse", "--model", "amazon.nova-lite-v1:0", "--region", "cn-north-1", "--account", "1" * 12),
        ("generate", "logging-admin", "kb-documents", "--bucket", "example-logs", *WHERE),
        ("role", "kb", *WHERE),
        ("role", "kb", "--vector-index", "x", *WHERE),
        ("--config", "/nonexistent/gateway.toml"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, argv):
    code, out, err = run(capsys, *argv)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_the_logging_role_has_its_documented_name_unless_told_otherwise(capsys):
    _, out, _ = run(capsys, "generate", "logging-admin", *WHERE)
    assert "role/AmazonBedrockGateway-logging" in out
    _, out, _ = run(capsys, "generate", "logging-admin", "--logging-role", "Other", *WHERE)
    assert "role/Other" in out


def test_bucket_and_prefix_are_those_of_the_documents_for_kb_documents(capsys):
    _, out, _ = run(capsys, "generate", "kb-documents", "--bucket", "example-docs", "--prefix", "a/", *WHERE)
    assert "arn:aws:s3:::example-docs/a/*" in out


@pytest.mark.parametrize("role", ["kb", "kb-trust", "logging", "logging-trust"])
def test_documents_of_service_roles(capsys, role):
    code, out, _ = run(capsys, "role", role, *KB, "amazon.titan-embed-text-v2:0", *WHERE)
    assert code == 0
    assert json.loads(out)["Statement"]


def test_a_principal_of_a_configuration(capsys, tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(
        'format = 1\napplication = "helpdesk"\n[env.prod]\naccount = "111122223333"\nregion = "us-east-1"\n'
        '[principals.app]\ncapabilities = ["converse"]\nmodels = ["amazon.nova-lite-v1:0"]\n'
    )
    code, out, _ = run(capsys, "--principal", "app", "--config", str(path))
    assert code == 0
    assert json.loads(out) == json.loads(run(capsys, "--config", str(path))[1])
    assert "amazon.nova-lite-v1:0" in out
