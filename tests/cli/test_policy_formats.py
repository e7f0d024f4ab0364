"""`--format terraform | cloudformation`: the same documents as in JSON, in the resources that hold them."""

from __future__ import annotations

import json

import pytest

from bedrock_gateway.cli import main
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.quotas import QUOTAS, size_of

WHERE = ("--region", "us-east-1", "--account", "111122223333")
KB = (
    "--documents",
    "example-docs/a",
    "--vector-index",
    "vectors/index",
    "--embedding-model",
    "amazon.titan-embed-text-v2:0",
)


def run(capsys, *argv):
    code = main(["policy", *argv])
    return code, *capsys.readouterr()


def printed(capsys, *argv):
    code, out, _ = run(capsys, *argv)
    assert code == 0
    return json.loads(out)


def documents(made):
    """Every policy document inside a Terraform file or a template."""
    if isinstance(made, dict):
        if "Statement" in made:
            yield made
        for one in made.values():
            yield from documents(one)
    elif isinstance(made, list):
        for one in made:
            yield from documents(one)
    elif isinstance(made, str) and made.startswith('{"Version"'):
        yield json.loads(made.replace("$${", "${"))


@pytest.mark.parametrize("form", ["terraform", "cloudformation"])
@pytest.mark.parametrize(
    ("argv", "kinds"),
    [
        (
            ("generate", "converse", "--model", "us.amazon.nova-lite-v1:0", *WHERE),
            ("aws_iam_policy", "AWS::IAM::ManagedPolicy"),
        ),
        (("role", "kb-trust", *KB, *WHERE), ("aws_iam_role", "AWS::IAM::Role")),
        (
            ("role", "logging-bucket", "--bucket", "example-logs", *WHERE),
            ("aws_s3_bucket_policy", "AWS::S3::BucketPolicy"),
        ),
        (("trust", "lambda", *WHERE), ("aws_iam_role", "AWS::IAM::Role")),
        (("boundary", *WHERE), ("aws_iam_policy", "AWS::IAM::ManagedPolicy")),
        (("bucket", "logging", "bucket=example-logs", *WHERE), ("aws_s3_bucket_policy", "AWS::S3::BucketPolicy")),
    ],
)
def test_the_document_is_the_one_of_json(capsys, argv, kinds, form):
    wanted = printed(capsys, *argv)
    made = printed(capsys, *argv, "--format", form)
    assert list(documents(made)) == [wanted]
    found = list(made["resource"]) if form == "terraform" else [one["Type"] for one in made["Resources"].values()]
    assert found == [kinds[form == "cloudformation"]]


def test_a_service_role_is_whole_and_bounded(capsys):
    trust, rights = (printed(capsys, "role", name, *KB, *WHERE) for name in ("kb-trust", "kb"))
    made = printed(capsys, "role", "kb", *KB, *WHERE, "--format", "cloudformation")
    assert list(documents(made)) == [trust, rights]
    (role,) = made["Resources"].values()
    assert role["Properties"]["Path"] == "/bedrock-gateway/"
    assert role["Properties"]["PermissionsBoundary"].endswith("policy/bedrock-gateway/AmazonBedrockGateway-boundary")


def test_a_policy_over_the_quota_becomes_several_that_say_the_same(capsys):
    amazon = ("nova-2-lite-v1:0", "nova-lite-v1:0", "nova-micro-v1:0", "nova-pro-v1:0")
    anthropic = (
        "haiku-4-5-20251001-v1:0",
        "opus-4-1-20250805-v1:0",
        "opus-4-5-20251101-v1:0",
        "opus-4-6-v1",
        "opus-4-7",
        "opus-4-8",
    )
    ids = [*(f"us.amazon.{one}" for one in amazon), *(f"us.anthropic.claude-{one}" for one in anthropic)]
    models = [word for one in ids for word in ("--model", one)]
    argv = ("generate", "converse", "converse-stream", "rag", "--kb", "KB12345678", *models, *WHERE)
    whole = printed(capsys, *argv)
    made = printed(capsys, *argv, "--format", "terraform")["resource"]["aws_iam_policy"]
    parts = [Policy.parse(one["policy"]) for one in made.values()]
    assert len(parts) > 1
    assert all(size_of(one, QUOTAS["managed"]) <= QUOTAS["managed"].limit for one in parts)
    assert {one for part in parts for one in part.statements} == set(Policy.parse(whole).statements)
    assert [one["name"][-2:] for one in made.values()] == [f"-{n}" for n in range(1, len(parts) + 1)]


def test_statements_for_a_key_are_not_made_a_resource(capsys):
    code, out, err = run(capsys, "key", "logging", *WHERE, "--format", "terraform")
    assert (code, out) == (2, "")
    assert "add to a policy that exists" in err


def test_the_name_is_that_of_the_principal_unless_told(capsys, tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(
        'format = 1\napplication = "helpdesk"\n[env.prod]\naccount = "111122223333"\nregion = "us-east-1"\n'
        '[principals.app]\ncapabilities = ["converse"]\nmodels = ["amazon.nova-lite-v1:0"]\n'
    )
    made = printed(capsys, "--config", str(path), "--format", "terraform")
    assert list(made["resource"]["aws_iam_policy"]) == ["bedrock-gateway-app"]
    made = printed(capsys, "--config", str(path), "--format", "terraform", "--resource-name", "mine")
    assert list(made["resource"]["aws_iam_policy"]) == ["mine"]


@pytest.mark.parametrize("form", ["terraform", "cloudformation"])
def test_a_collection_has_its_data_access_policy(capsys, form):
    role = "role=arn:aws:iam::111122223333:role/bedrock-gateway/AmazonBedrockGateway-kb"
    argv = ("collection", "collection=handbook", role, *WHERE)
    rules = printed(capsys, *argv)
    made = printed(capsys, *argv, "--format", form, "--resource-name", "handbook")
    body = (
        made["resource"]["aws_opensearchserverless_access_policy"]["handbook"]["policy"]
        if form == "terraform"
        else next(iter(made["Resources"].values()))["Properties"]["Policy"]
    )
    assert json.loads(body) == rules
