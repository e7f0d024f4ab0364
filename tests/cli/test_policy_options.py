"""The options of `policy generate` that change what is granted, and what is said about size."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields

import pytest

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.capabilities.models import _data, profiles_for
from bedrock_gateway.cli import main
from bedrock_gateway.cli.policy.scope import add_scope, scope_of
from bedrock_gateway.iam.document import Policy

WHERE = ["--region", "us-east-1", "--account", "111122223333"]
AIP = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abcdefghij12"
NOVA = "amazon.nova-lite-v1:0"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def run(capsys, *argv):
    code = main(["policy", *argv])
    return code, *capsys.readouterr()


def scope(*argv):
    parser = argparse.ArgumentParser()
    add_scope(parser)
    return scope_of(parser.parse_args([*WHERE, *argv]))


@pytest.mark.parametrize(
    ("argv", "field", "value"),
    [
        (["--wraps", NOVA, "--wraps", "us." + NOVA], "wraps", (("", (NOVA, "us." + NOVA)),)),
        (["--wraps", f"{AIP}={NOVA}"], "wraps", ((AIP, (NOVA,)),)),
        (["--reranker", "cohere.rerank-v3-5:0"], "rerankers", ("cohere.rerank-v3-5:0",)),
        (["--guardrail", "abc:2", "--require-guardrail"], "require_guardrail", True),
        (["--guardrail", "abc:2", "--guardrail-profile", "us"], "guardrail_profile", "us"),
        (["--guardrail-key", KEY], "guardrail_key", KEY),
        (["--logging-key", KEY], "logging_key", KEY),
        (["--enforced-guardrail", "abc"], "enforced_guardrails", ("abc",)),
        (["--batch-role", "x/y"], "batch_role", "x/y"),
        (["--document-key", KEY, "--document-key", KEY], "document_keys", (KEY,)),
        (["--answer-key", KEY, "--answer-key", KEY], "answer_keys", (KEY,)),
        (["--kb-key", KEY], "knowledge_base_key", KEY),
        (["--tagging"], "tagging", True),
        (["--subscribe"], "subscribe", True),
        (["--product", "prod-a"], "products", ("prod-a",)),
    ],
)
def test_an_option_fills_its_field(argv, field, value):
    assert getattr(scope(*argv), field) == value


def test_without_options_the_command_line_says_what_the_scope_says_by_itself():
    plain, given = Scope("us-east-1", "111122223333"), scope()
    # On the command line a knowledge base's role has a default name, in a configuration it comes from the base's.
    assert {one.name for one in fields(Scope) if getattr(plain, one.name) != getattr(given, one.name)} == {
        "knowledge_base_roles"
    }


def test_what_is_behind_a_profile_is_asked_for_by_the_name_of_the_option(capsys):
    code, out, err = run(capsys, "generate", "converse", "--model", AIP, *WHERE)
    assert (code, out) == (2, "")
    assert "--wraps" in err
    code, out, _ = run(capsys, "generate", "converse", "--model", AIP, "--wraps", NOVA, *WHERE)
    assert code == 0
    assert "bedrock:InferenceProfileArn" in out


def test_assumptions_of_one_reason_are_one_line(capsys):
    argv = ("generate", "rag-stream", "--model", "us." + NOVA, "--kb", "KB12345678", *WHERE)
    _, _, err = run(capsys, *argv)
    lines = [line for line in err.splitlines() if line.startswith("assumed (L)")]
    assert len(lines) == 2
    assert all(" and 3 more: " in line for line in lines)


@pytest.fixture(scope="module")
def many():
    """So many models that no managed policy holds them."""
    names = [one for name in _data()["models"] for one in profiles_for(name, "us-east-1") if one.startswith("us.")]
    return [text for name in names for text in ("--model", name)]


def test_over_a_quota_the_quota_and_the_smallest_split_are_named(capsys, many, tmp_path):
    report = tmp_path / "report.json"
    code, out, err = run(capsys, "generate", "converse", *many, *WHERE, "--report", str(report))
    assert code == 0
    assert "over the 10,240 of all inline policies of a role" in err
    assert "over the 6,144 of a managed policy" in err
    assert "the fewest managed policies that hold it are" in err
    assert len(json.loads(report.read_text())["quotas"]) == 3
    assert Policy.parse(out).size > 6_144


def test_the_parts_are_printed_one_by_one_and_are_the_whole(capsys, many):
    _, whole, _ = run(capsys, "generate", "converse", *many, *WHERE)
    found, number = [], 0
    while True:
        number += 1
        code, out, err = run(capsys, "generate", "converse", *many, *WHERE, "--part", str(number))
        if code:
            break
        part = Policy.parse(out)
        assert part.size <= 6_144
        found += part.statements
    assert f"there are {number - 1} parts" in err
    arns = {(one.actions, arn, one.conditions) for one in found for arn in one.resources}
    assert arns == {
        (one.actions, arn, one.conditions) for one in Policy.parse(whole).statements for arn in one.resources
    }
