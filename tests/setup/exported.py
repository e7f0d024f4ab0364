"""Reading templates back into resources: what CloudFormation and Terraform would make, told without our exporter."""

from __future__ import annotations

import json
import re
from typing import Any

from bedrock_gateway.setup.resource import Resource

_NAMES = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::S3::BucketPolicy": "Bucket",
}


def from_cloudformation(text: str) -> list[Resource]:
    """The resources of a template, and those that it says it cannot hold."""
    template = json.loads(text)
    made = [
        Resource(one["Type"], one["Properties"][_NAMES[one["Type"]]], one["Properties"])
        for one in template["Resources"].values()
    ]
    outside = template.get("Metadata", {}).get("BedrockGateway", {}).get("NotInThisTemplate", [])
    return made + [Resource(one["kind"], one["name"], one["properties"]) for one in outside]


_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "aws_cloudwatch_log_group": (
        "AWS::Logs::LogGroup",
        {"name": "LogGroupName", "retention_in_days": "RetentionInDays", "kms_key_id": "KmsKeyId", "tags": "Tags"},
    ),
    "aws_iam_role": (
        "AWS::IAM::Role",
        {
            "name": "RoleName",
            "path": "Path",
            "assume_role_policy": "AssumeRolePolicyDocument",
            "permissions_boundary": "PermissionsBoundary",
            "description": "Description",
            "max_session_duration": "MaxSessionDuration",
            "tags": "Tags",
        },
    ),
    "aws_iam_group": ("AWS::IAM::Group", {"name": "GroupName", "path": "Path"}),
    "aws_iam_user": (
        "AWS::IAM::User",
        {"name": "UserName", "path": "Path", "permissions_boundary": "PermissionsBoundary", "tags": "Tags"},
    ),
    "aws_iam_policy": (
        "AWS::IAM::ManagedPolicy",
        {"name": "ManagedPolicyName", "path": "Path", "policy": "PolicyDocument", "description": "Description"},
    ),
    "aws_iam_instance_profile": (
        "AWS::IAM::InstanceProfile",
        {"name": "InstanceProfileName", "path": "Path", "role": "Roles"},
    ),
    "aws_s3_bucket": ("AWS::S3::Bucket", {"bucket": "BucketName", "tags": "Tags"}),
    "aws_s3_bucket_policy": ("AWS::S3::BucketPolicy", {"bucket": "Bucket", "policy": "PolicyDocument"}),
    "aws_kms_key_policy": ("aws_kms_key_policy", {"key_id": "KeyId", "policy": "PolicyDocument"}),
}
_DOCUMENTS = {"AssumeRolePolicyDocument", "PolicyDocument"}
_PARTS = {"role", "group", "user", "bucket"}


def from_terraform(text: str) -> list[Resource]:
    """The resources of a ``.tf.json`` file, those that only add to another one put back into it."""
    types = json.loads(text)["resource"]
    made: dict[str, tuple[str, dict[str, Any]]] = {}
    for type_, (kind, names) in _KINDS.items():
        for label, body in types.pop(type_, {}).items():
            made[f"{type_}.{label}"] = (
                kind,
                {names[key]: _value(names[key], one) for key, one in body.items() if key in names},
            )
            left = set(body) - set(names) - {"depends_on", "lifecycle"}
            assert not left, f"{type_} has {left}"
    logging = types.pop("aws_bedrock_model_invocation_logging_configuration", {})
    for type_, bodies in types.items():
        for body in bodies.values():
            _add(type_, body, made)
    found = [
        Resource(kind, properties[_NAMES[kind]] if kind in _NAMES else properties["KeyId"], properties)
        for kind, properties in made.values()
    ]
    return found + [_logging(body["logging_config"]) for body in logging.values()]


def _value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", value), "an interpolation where a literal was meant"
        value = value.replace("$${", "${").replace("%%{", "%{")
    if name == "Roles":
        return [value]
    if name in _DOCUMENTS:
        return json.loads(value)
    return [{"Key": key, "Value": one} for key, one in value.items()] if name == "Tags" else value


def _add(type_: str, body: dict[str, Any], made: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """Put what belongs to another resource into that one."""
    if type_.endswith("_policy_attachment") and "arn}" in body["policy_arn"]:
        owner = made[_owner(body["policy_arn"])][1]
        (kind,) = _PARTS & set(body)
        owner.setdefault(f"{kind.capitalize()}s", []).append(body[kind])
        return
    (kind,) = _PARTS & set(body)
    owner = made[_owner(body[kind])][1]
    if type_.endswith("_policy_attachment"):
        owner.setdefault("ManagedPolicyArns", []).append(body["policy_arn"])
    elif type_.startswith("aws_iam") and type_.endswith("_policy"):
        document = _value("PolicyDocument", body["policy"])
        owner.setdefault("Policies", []).append({"PolicyName": body["name"], "PolicyDocument": document})
    elif type_ == "aws_iam_user_group_membership":
        owner["Groups"] = body["groups"]
    elif type_ == "aws_s3_bucket_ownership_controls":
        owner["OwnershipControls"] = {"Rules": [{"ObjectOwnership": body["rule"]["object_ownership"]}]}
    elif type_ == "aws_s3_bucket_public_access_block":
        words = {key: "".join(word.capitalize() for word in key.split("_")) for key in body}
        owner["PublicAccessBlockConfiguration"] = {
            words[key]: one for key, one in body.items() if key not in {"bucket", "depends_on"}
        }
    elif type_ == "aws_s3_bucket_server_side_encryption_configuration":
        rule = body["rule"]["apply_server_side_encryption_by_default"]
        default = {"SSEAlgorithm": rule["sse_algorithm"], "KMSMasterKeyID": rule["kms_master_key_id"]}
        inner = {"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": body["rule"]["bucket_key_enabled"]}
        owner["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [inner]}
    else:
        raise AssertionError(type_)


def _owner(reference: str) -> str:
    """``${aws_iam_role.x.name}`` → ``aws_iam_role.x``."""
    found = re.fullmatch(r"\$\{([a-z0-9_]+\.[A-Za-z0-9_-]+)\.[a-z]+\}", reference)
    assert found, reference
    return found[1]


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _logging(body: dict[str, Any]) -> Resource:
    names = {"cloudwatch_config": "cloudWatchConfig", "large_data_delivery_s3_config": "largeDataDeliveryS3Config"}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {names.get(key, _camel(key).replace("S3config", "S3Config")): read(one) for key, one in value.items()}

    return Resource("aws_bedrock_model_invocation_logging_configuration", "default", read(body))
