"""What is exported is what was planned, in both formats, whatever its names hold; and nothing is left out in silence."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.setup.export import FORMATS, export, left_out
from bedrock_gateway.setup.resource import KEY_POLICY, LOGGING, Change, Resource
from tests.iam.test_export import cfn_lint
from tests.setup.exported import from_cloudformation, from_terraform

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "111122223333"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/bedrock-gateway/limit"
TAGS = [{"Key": "bedrock-gateway", "Value": "helpdesk/logging"}]
KEY = f"arn:aws:kms:us-east-2:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"


def document(resource: str = "*", **more: Any) -> dict[str, Any]:
    statement = {"Sid": "One", "Effect": "Allow", "Action": "s3:GetObject", "Resource": resource} | more
    return {"Version": "2012-10-17", "Statement": [statement]}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
RESOURCES = [
    Resource("AWS::Logs::LogGroup", "/bedrock/invocations", {"LogGroupName": "/bedrock/invocations", "RetentionInDays": 365, "Tags": TAGS}),
    Resource("AWS::IAM::ManagedPolicy", "limit", {"ManagedPolicyName": "limit", "Path": "/bedrock-gateway/", "PolicyDocument": document("arn:aws:s3:::x/${aws:username}/*")}),
    Resource(
        "AWS::IAM::Role",
        "logs",
        {
            "RoleName": "logs",
            "Path": "/bedrock-gateway/",
            "AssumeRolePolicyDocument": TRUST,
            "PermissionsBoundary": BOUNDARY,
            "Tags": TAGS,
            "Policies": [{"PolicyName": "one", "PolicyDocument": document()}, {"PolicyName": "two", "PolicyDocument": document("arn:aws:s3:::b")}],
            "ManagedPolicyArns": [BOUNDARY],
        },
    ),
    Resource("AWS::IAM::Group", "staff", {"GroupName": "staff", "Path": "/", "ManagedPolicyArns": [BOUNDARY]}),
    Resource("AWS::IAM::User", "ana", {"UserName": "ana", "Path": "/", "Groups": ["staff"], "Tags": TAGS}),
    Resource("AWS::IAM::ManagedPolicy", "given", {"ManagedPolicyName": "given", "PolicyDocument": document(), "Groups": ["staff"], "Users": ["ana"], "Roles": ["logs"]}),
    Resource(
        "AWS::S3::Bucket",
        "example-logs",
        {
            "BucketName": "example-logs",
            "Tags": TAGS,
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, "BucketKeyEnabled": True}]},
        },
    ),
    Resource("AWS::S3::BucketPolicy", "example-logs", {"Bucket": "example-logs", "PolicyDocument": document("arn:aws:s3:::example-logs/*", Principal={"Service": "bedrock.amazonaws.com"})}),
    Resource(KEY_POLICY, KEY, {"KeyId": KEY, "PolicyDocument": document(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Action="kms:*")}),
    Resource(
        LOGGING,
        "default",
        {
            "cloudWatchConfig": {
                "logGroupName": "/bedrock/invocations",
                "roleArn": f"arn:aws:iam::{ACCOUNT}:role/bedrock-gateway/logs",
                "largeDataDeliveryS3Config": {"bucketName": "example-logs", "keyPrefix": "large"},
            },
            "s3Config": {"bucketName": "example-logs"},
            "textDataDeliveryEnabled": True,
            "imageDataDeliveryEnabled": False,
            "embeddingDataDeliveryEnabled": False,
            "videoDataDeliveryEnabled": False,
        },
    ),
]  # fmt: skip


def by_key(resources: list[Resource]) -> dict[tuple[str, str], dict[str, Any]]:
    return {one.key: dict(one.properties) for one in resources}


def test_a_template_of_cloudformation_holds_every_resource_as_it_was_planned() -> None:
    assert by_key(from_cloudformation(export(RESOURCES, "cloudformation"))) == by_key(RESOURCES)


def test_a_file_of_terraform_holds_every_resource_as_it_was_planned() -> None:
    assert by_key(from_terraform(export(RESOURCES, "terraform"))) == by_key(RESOURCES)


@pytest.mark.skipif(find_spec("cfnlint") is None, reason="cfn-lint is not installed (dependency group dev)")
def test_cfn_lint_finds_nothing_in_the_template(tmp_path: Path) -> None:
    assert cfn_lint(tmp_path, {"setup": json.loads(export(RESOURCES, "cloudformation"))}) == ""


def test_everything_is_made_after_what_it_needs() -> None:
    resources = json.loads(export(RESOURCES, "cloudformation"))["Resources"]
    kinds = {one["Type"] + one["Properties"].get("ManagedPolicyName", ""): set(one.get("DependsOn", ())) for one in resources.values()}  # fmt: skip
    ids = {one["Type"] + one["Properties"].get("ManagedPolicyName", ""): name for name, one in resources.items()}
    assert kinds["AWS::S3::BucketPolicy"] == {ids["AWS::S3::Bucket"]}
    assert kinds["AWS::IAM::Role"] == {ids["AWS::IAM::ManagedPolicylimit"]}
    assert kinds["AWS::IAM::User"] == {ids["AWS::IAM::Group"]}
    given_to = {ids["AWS::IAM::Group"], ids["AWS::IAM::User"], ids["AWS::IAM::Role"]}
    assert kinds["AWS::IAM::ManagedPolicygiven"] == given_to
    terraform = json.loads(export(RESOURCES, "terraform"))["resource"]
    (logging,) = terraform[LOGGING].values()
    everything = {f"{type_}.{label}" for type_, bodies in terraform.items() for label in bodies if type_ != LOGGING}
    assert set(logging["depends_on"]) == everything
    (policy,) = terraform["aws_s3_bucket_policy"].values()
    assert "aws_s3_bucket.example-logs" in policy["depends_on"]


def test_neither_format_removes_logs_by_itself() -> None:
    resources = json.loads(export(RESOURCES, "cloudformation"))["Resources"].values()
    stores = [one for one in resources if one["Type"] in {"AWS::S3::Bucket", "AWS::Logs::LogGroup"}]
    assert [(one["DeletionPolicy"], one["UpdateReplacePolicy"]) for one in stores] == [("Retain", "Retain")] * 2
    terraform = json.loads(export(RESOURCES, "terraform"))["resource"]
    for type_ in ("aws_s3_bucket", "aws_cloudwatch_log_group"):
        assert [one["lifecycle"] for one in terraform[type_].values()] == [{"prevent_destroy": True}]


def test_what_a_format_cannot_hold_is_said_and_is_in_the_file() -> None:
    template = export(RESOURCES, "cloudformation")
    said = left_out(RESOURCES, "cloudformation")
    assert [one.split()[0] for one in said] == [KEY_POLICY, LOGGING]
    outside = json.loads(template)["Metadata"]["BedrockGateway"]["NotInThisTemplate"]
    assert [one["Why"] for one in outside] == list(said)
    assert left_out(RESOURCES, "terraform") == ()
    audio = Resource(LOGGING, "default", {"textDataDeliveryEnabled": True, "audioDataDeliveryEnabled": True})
    (gap,) = left_out([audio], "terraform")
    assert "audioDataDeliveryEnabled" in gap
    assert gap in json.loads(export([audio], "terraform"))["//"]


@pytest.mark.parametrize(
    "one",
    [
        Resource("AWS::IAM::Role", "r", {"RoleName": "r", "Unheard": 1}),
        Resource("AWS::Lambda::Function", "f", {"FunctionName": "f"}),
        Resource(LOGGING, "default", {"hologramDataDeliveryEnabled": True}),
        Resource(LOGGING, "default", {"s3Config": {"bucketName": "b", "storageClass": "x"}}),
    ],
    ids=lambda one: one.kind,
)
def test_a_property_without_an_attribute_is_refused_rather_than_dropped(one: Resource) -> None:
    with pytest.raises(ConfigError, match=r"attribute|cannot be exported"):
        export([one], "terraform")


def test_a_dynamic_reference_never_reaches_cloudformation() -> None:
    hostile = Resource("AWS::IAM::User", "u", {"UserName": "u", "Tags": [{"Key": "a", "Value": "{{resolve:ssm:x}}"}]})
    with pytest.raises(ConfigError, match="resolve"):
        export([hostile], "cloudformation")


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.text("a.-_/$%{}é1", min_size=1, max_size=6), min_size=1, max_size=6, unique=True))
def test_names_stay_apart_and_keep_their_characters(names: list[str]) -> None:
    planned = [Resource("AWS::Logs::LogGroup", one, {"LogGroupName": one}) for one in names]
    for form in FORMATS:
        try:
            text = export(planned, form)
        except ConfigError:
            assert form == "terraform"
            assert any("$${" in one or "%%{" in one for one in names)
            continue
        read = from_terraform(text) if form == "terraform" else from_cloudformation(text)
        assert sorted(one.name for one in read) == sorted(names)


def test_the_diff_of_a_change_shows_both_sides_and_steers_no_terminal() -> None:
    change = Change(
        Resource("AWS::IAM::Role", "r", {"Path": "/new/", "Text": "\x1b[2J\u202eé"}), "update", {"Path": "/old/"}
    )
    assert '-  "Path": "/old/"' in change.diff
    assert '+  "Path": "/new/",' in change.diff
    assert change.diff.isascii()
    assert "\x1b" not in change.diff
    same = Change(Resource("AWS::IAM::Role", "r", {"Path": "/"}), "keep", {"Path": "/"})
    assert same.diff == ""
    new = Change(Resource("AWS::IAM::Role", "r", {"Path": "/"}), "create")
    assert new.diff.splitlines()[3:] == ["+{", '+  "Path": "/"', "+}"]


def test_a_resource_does_not_change_with_what_it_was_made_from() -> None:
    given_tags = [{"Key": "a", "Value": "b"}]
    one = Resource("AWS::IAM::Role", "r", {"Tags": given_tags})
    given_tags[0]["Value"] = "c"
    assert one.properties["Tags"] == [{"Key": "a", "Value": "b"}]
