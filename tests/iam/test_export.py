"""Documents come out of Terraform and CloudFormation as they went in, whatever they hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.export import (
    BucketPolicy,
    CollectionAccess,
    Item,
    ManagedPolicy,
    Role,
    cloudformation,
    terraform,
)

POLICIES = sorted((Path(__file__).resolve().parents[2] / "policies").rglob("*.json"))
OWN = "arn:aws:s3:::example-docs/${aws:PrincipalTag/team, 'none'}/${*}/*"


def policy(resource: str, sid: str = "One") -> Policy:
    return Policy((Statement("Allow", sid, ("s3:GetObject",), resources=(resource,)),))


def read_by_terraform(text: str) -> str:
    """What a template of the Terraform language means: it may hold escapes, and no interpolation."""
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", text)
    return text.replace("$${", "${").replace("%%{", "%{")


@settings(max_examples=200, deadline=None)
@given(resource=st.text("$%{}\\\"'aé*:", max_size=12))
def test_terraform_gives_back_every_document(resource: str) -> None:
    one = policy(f"arn:aws:s3:::{resource}")
    made = json.loads(json.dumps(terraform([ManagedPolicy("p", one)])))
    text = made["resource"]["aws_iam_policy"]["p"]["policy"]
    # Three in a row are not documented, so there must be none.
    assert not re.search(r"\${3}\{|%{3}\{", text)
    assert json.loads(read_by_terraform(text)) == one.dump()


def test_a_policy_variable_is_escaped_for_terraform_and_left_alone_for_cloudformation() -> None:
    one = policy(OWN)
    assert (
        "$${aws:PrincipalTag/team, 'none'}/$${*}"
        in terraform([ManagedPolicy("p", one)])["resource"]["aws_iam_policy"]["p"]["policy"]
    )
    template = cloudformation([ManagedPolicy("p", one)])
    assert template["Resources"]["PManagedPolicy"]["Properties"]["PolicyDocument"] == one.dump()
    assert "Fn::Sub" not in json.dumps(template)


def test_a_role_is_one_resource_with_its_trust_its_policy_and_its_boundary() -> None:
    role = Role(
        "app-role",
        policy("a", "Trust"),
        policy("b", "Rights"),
        "/bedrock-gateway/",
        "arn:aws:iam::111122223333:policy/b",
    )
    made = terraform([role])["resource"]
    assert json.loads(made["aws_iam_role"]["app-role"]["assume_role_policy"]) == role.trust.dump()
    assert made["aws_iam_role"]["app-role"]["permissions_boundary"] == role.boundary
    assert made["aws_iam_role_policy"]["app-role"]["role"] == "${aws_iam_role.app-role.name}"
    (resource,) = cloudformation([role])["Resources"].values()
    assert resource["Properties"]["Policies"][0]["PolicyDocument"] == policy("b", "Rights").dump()
    assert resource["Properties"]["Path"] == "/bedrock-gateway/"
    alone = Role("r", policy("a"))
    assert set(terraform([alone])["resource"]) == {"aws_iam_role"}


def test_names_that_the_languages_do_not_take_are_changed_and_stay_apart() -> None:
    items: list[Item] = [ManagedPolicy("1a.b", policy("a")), ManagedPolicy("1a-b", policy("b"))]
    assert set(terraform(items)["resource"]["aws_iam_policy"]) == {"_1a_b", "_1a-b"}
    assert set(cloudformation(items)["Resources"]) == {"1aBManagedPolicy", "1aBManagedPolicy2"}


EVERY_KIND: list[Item] = [
    ManagedPolicy("example", policy(OWN), "/bedrock-gateway/"),
    Role(
        "example",
        Policy((Statement("Allow", "T", ("sts:AssumeRole",), principals=(("Service", "bedrock.amazonaws.com"),)),)),
        policy(OWN),
        "/bedrock-gateway/",
        "arn:aws:iam::111122223333:policy/boundary",
    ),
    BucketPolicy(
        "example-docs",
        Policy((Statement("Allow", "B", ("s3:GetObject",), (), (OWN,), principals=(("AWS", "arn:aws:iam::111122223333:role/app"),)),)),
    ),
    CollectionAccess("example", [{"Rules": [{"ResourceType": "index", "Resource": ["index/c/*"], "Permission": ["aoss:ReadDocument"]}], "Principal": ["arn:aws:iam::111122223333:role/app"]}]),
]  # fmt: skip


def cfn_lint(folder: Path, templates: dict[str, Any]) -> str:
    for name, template in templates.items():
        (folder / f"{name}.json").write_text(json.dumps(template))
    run = "import sys; from cfnlint.runner import main; sys.exit(main())"
    files = [str(path) for path in sorted(folder.glob("*.json"))]
    command = [sys.executable, "-c", run, "--regions", "us-east-1", "--", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.skipif(find_spec("cfnlint") is None, reason="cfn-lint is not installed (dependency group dev)")
def test_cfn_lint_finds_nothing_in_our_templates(tmp_path: Path) -> None:
    identity = {
        path.stem: Policy.parse(path.read_bytes()) for path in POLICIES if path.parent.name in {"policies", "models"}
    }
    named = {
        name: one for name, one in identity.items() if not any(statement.principals for statement in one.statements)
    }
    assert len(named) > 20
    templates = {name: cloudformation([ManagedPolicy(name, one)]) for name, one in named.items()}
    assert not cfn_lint(tmp_path, templates | {"every-kind": cloudformation(EVERY_KIND)})
    broken = {"Resources": {"A": {"Type": "AWS::IAM::Role", "Properties": {}}}}
    assert "AssumeRolePolicyDocument" in cfn_lint(tmp_path, {"broken": broken})
