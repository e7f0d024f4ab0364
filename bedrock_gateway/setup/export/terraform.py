"""A Terraform file in its JSON syntax: a table says which native resource and attribute each property becomes. Pure.

A property that the table does not know is an error: nothing is left out in silence.

Source: the Terraform AWS provider's pages of the resources named here. Nothing was applied against AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.export import embedded, terraform_label
from bedrock_gateway.setup.export.order import KEPT, needs
from bedrock_gateway.setup.resource import AGREEMENT, KEY_POLICY, LOGGING, USE_CASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bedrock_gateway.setup.resource import Resource

__all__ = ["gaps", "terraform"]

Made = tuple[str, str, dict[str, Any]]
"""Terraform's type, the label, and the body."""


def _text(value: object) -> Any:
    """A plain value; Terraform would read ``${`` in a string as a template."""
    if not isinstance(value, str):
        return value
    if re.search(r"\$\$\{|%%\{", value):
        raise ConfigError("a value holds $${ or %%{, of which Terraform does not document what it means")
    return value.replace("${", "$${").replace("%{", "%%{")


def _tags(value: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {_text(one["Key"]): _text(one["Value"]) for one in value}


def _first(value: Sequence[str]) -> Any:
    return _text(value[0])


def _list(value: Sequence[object]) -> list[Any]:
    return [_text(one) for one in value]


@dataclass(frozen=True, slots=True)
class _Native:
    """The Terraform resource that a kind becomes."""

    type: str
    attributes: Mapping[str, tuple[str, Callable[[Any], Any]]]
    """Property → attribute and how its value is written."""
    parts: Mapping[str, Callable[[str, str, Any], Iterator[Made]]] = field(default_factory=dict)
    """Property → resources of its own, from the label, the name and the value."""


def _inline(kind: str) -> Callable[[str, str, Any], Iterator[Made]]:
    """Inline policies of a role, a group or a user."""

    def parts(label: str, _: str, value: Sequence[Mapping[str, Any]]) -> Iterator[Made]:
        for one in value:
            body = {
                "name": one["PolicyName"],
                kind: f"${{aws_iam_{kind}.{label}.name}}",
                "policy": embedded(one["PolicyDocument"]),
            }
            yield f"aws_iam_{kind}_policy", f"{label}_{terraform_label(one['PolicyName'])}", body

    return parts


def _attached(kind: str) -> Callable[[str, str, Any], Iterator[Made]]:
    """Managed policies of a role, a group or a user."""

    def parts(label: str, _: str, value: Sequence[str]) -> Iterator[Made]:
        for arn in value:
            body = {kind: f"${{aws_iam_{kind}.{label}.name}}", "policy_arn": _text(arn)}
            yield f"aws_iam_{kind}_policy_attachment", f"{label}_{terraform_label(arn.rpartition('/')[2])}", body

    return parts


def _attached_to(kind: str) -> Callable[[str, str, Any], Iterator[Made]]:
    """Who has a managed policy."""

    def parts(label: str, _: str, value: Sequence[str]) -> Iterator[Made]:
        for name in value:
            body = {kind: _text(name), "policy_arn": f"${{aws_iam_policy.{label}.arn}}"}
            yield f"aws_iam_{kind}_policy_attachment", f"{label}_{terraform_label(name)}", body

    return parts


def _memberships(label: str, _: str, value: Sequence[str]) -> Iterator[Made]:
    body = {"user": f"${{aws_iam_user.{label}.name}}", "groups": _list(value)}
    yield "aws_iam_user_group_membership", label, body


def _public_access(label: str, _: str, value: Mapping[str, bool]) -> Iterator[Made]:
    names = {
        "BlockPublicAcls": "block_public_acls",
        "BlockPublicPolicy": "block_public_policy",
        "IgnorePublicAcls": "ignore_public_acls",
        "RestrictPublicBuckets": "restrict_public_buckets",
    }
    body = {"bucket": f"${{aws_s3_bucket.{label}.bucket}}"} | {names[key]: one for key, one in value.items()}
    yield "aws_s3_bucket_public_access_block", label, body


def _ownership(label: str, _: str, value: Mapping[str, Any]) -> Iterator[Made]:
    (rule,) = value["Rules"]
    body = {"bucket": f"${{aws_s3_bucket.{label}.bucket}}", "rule": {"object_ownership": rule["ObjectOwnership"]}}
    yield "aws_s3_bucket_ownership_controls", label, body


def _encryption(label: str, _: str, value: Mapping[str, Any]) -> Iterator[Made]:
    (rule,) = value["ServerSideEncryptionConfiguration"]
    default = rule["ServerSideEncryptionByDefault"]
    inner = {"sse_algorithm": default["SSEAlgorithm"]}
    inner |= {"kms_master_key_id": default["KMSMasterKeyID"]} if "KMSMasterKeyID" in default else {}
    made: dict[str, Any] = {"apply_server_side_encryption_by_default": inner}
    made |= {"bucket_key_enabled": rule["BucketKeyEnabled"]} if "BucketKeyEnabled" in rule else {}
    yield (
        "aws_s3_bucket_server_side_encryption_configuration",
        label,
        {"bucket": f"${{aws_s3_bucket.{label}.bucket}}", "rule": made},
    )


_PLACE: Mapping[str, str] = {"bucketName": "bucket_name", "keyPrefix": "key_prefix"}
_CLOUDWATCH: Mapping[str, str] = {"logGroupName": "log_group_name", "roleArn": "role_arn"}
_FLAGS: Mapping[str, str] = {
    f"{name}DataDeliveryEnabled": f"{name}_data_delivery_enabled" for name in ("text", "image", "embedding", "video")
}
_NO_ATTRIBUTE = "audioDataDeliveryEnabled"
"""The provider's page lists no attribute for it."""


def _named(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(set(value) - set(names))
    if unknown:
        raise ConfigError(f"Terraform's resource has no attribute for {', '.join(unknown)}")
    return {names[key]: _text(one) for key, one in value.items()}


def _logging(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The body of ``logging_config``."""
    left = {key: one for key, one in properties.items() if key != _NO_ATTRIBUTE}
    made: dict[str, Any] = {}
    if watch := dict(left.pop("cloudWatchConfig", None) or {}):
        large = watch.pop("largeDataDeliveryS3Config", None)
        made["cloudwatch_config"] = _named(watch, _CLOUDWATCH)
        if large:
            made["cloudwatch_config"]["large_data_delivery_s3_config"] = _named(large, _PLACE)
    if bucket := left.pop("s3Config", None):
        made["s3_config"] = _named(bucket, _PLACE)
    return made | _named(left, _FLAGS)


def gaps(resources: Sequence[Resource]) -> tuple[str, ...]:
    """Return a sentence for each value that no attribute of the provider holds."""
    return tuple(
        f"{one.kind} {one.name}: the Terraform provider documents no attribute for {_NO_ATTRIBUTE}, which is to be "
        f"{str(one.properties[_NO_ATTRIBUTE]).lower()}; `bedrock-gateway setup logging --apply` sets it"
        for one in resources
        if one.kind == LOGGING and _NO_ATTRIBUTE in one.properties
    )


_NATIVE: Mapping[str, _Native] = MappingProxyType(
    {
        "AWS::Logs::LogGroup": _Native(
            "aws_cloudwatch_log_group",
            {
                "LogGroupName": ("name", _text),
                "RetentionInDays": ("retention_in_days", _text),
                "KmsKeyId": ("kms_key_id", _text),
                "Tags": ("tags", _tags),
            },
        ),
        "AWS::IAM::Role": _Native(
            "aws_iam_role",
            {
                "RoleName": ("name", _text),
                "Path": ("path", _text),
                "AssumeRolePolicyDocument": ("assume_role_policy", embedded),
                "PermissionsBoundary": ("permissions_boundary", _text),
                "Description": ("description", _text),
                "MaxSessionDuration": ("max_session_duration", _text),
                "Tags": ("tags", _tags),
            },
            {"Policies": _inline("role"), "ManagedPolicyArns": _attached("role")},
        ),
        "AWS::IAM::Group": _Native(
            "aws_iam_group",
            {"GroupName": ("name", _text), "Path": ("path", _text)},
            {"Policies": _inline("group"), "ManagedPolicyArns": _attached("group")},
        ),
        "AWS::IAM::User": _Native(
            "aws_iam_user",
            {
                "UserName": ("name", _text),
                "Path": ("path", _text),
                "PermissionsBoundary": ("permissions_boundary", _text),
                "Tags": ("tags", _tags),
            },
            {"Policies": _inline("user"), "ManagedPolicyArns": _attached("user"), "Groups": _memberships},
        ),
        "AWS::IAM::ManagedPolicy": _Native(
            "aws_iam_policy",
            {
                "ManagedPolicyName": ("name", _text),
                "Path": ("path", _text),
                "Description": ("description", _text),
                "PolicyDocument": ("policy", embedded),
            },
            {"Groups": _attached_to("group"), "Roles": _attached_to("role"), "Users": _attached_to("user")},
        ),
        "AWS::IAM::InstanceProfile": _Native(
            "aws_iam_instance_profile",
            {"InstanceProfileName": ("name", _text), "Path": ("path", _text), "Roles": ("role", _first)},
        ),
        "AWS::IAM::OIDCProvider": _Native(
            "aws_iam_openid_connect_provider",
            {
                "Url": ("url", _text),
                "ClientIdList": ("client_id_list", _list),
                "ThumbprintList": ("thumbprint_list", _list),
                "Tags": ("tags", _tags),
            },
        ),
        "AWS::IAM::SAMLProvider": _Native(
            "aws_iam_saml_provider",
            {
                "Name": ("name", _text),
                "SamlMetadataDocument": ("saml_metadata_document", _text),
                "Tags": ("tags", _tags),
            },
        ),
        "AWS::S3::Bucket": _Native(
            "aws_s3_bucket",
            {"BucketName": ("bucket", _text), "Tags": ("tags", _tags)},
            {
                "OwnershipControls": _ownership,
                "PublicAccessBlockConfiguration": _public_access,
                "BucketEncryption": _encryption,
            },
        ),
        "AWS::S3::BucketPolicy": _Native(
            "aws_s3_bucket_policy", {"Bucket": ("bucket", _text), "PolicyDocument": ("policy", embedded)}
        ),
        "AWS::KMS::Key": _Native(
            "aws_kms_key",
            {
                "Description": ("description", _text),
                "EnableKeyRotation": ("enable_key_rotation", _text),
                "KeyPolicy": ("policy", embedded),
                "Tags": ("tags", _tags),
            },
        ),
        USE_CASE: _Native(USE_CASE, {"formData": ("form_data", embedded)}),
        KEY_POLICY: _Native(KEY_POLICY, {"KeyId": ("key_id", _text), "PolicyDocument": ("policy", embedded)}),
    }
)


OFFERS = "aws_bedrock_foundation_model_agreement_offers"
"""Data source of the offers: AWS makes the token of an offer anew with each listing, so none can be written out."""


def _agreement(one: Resource, label: str) -> Made:
    """The one public offer is accepted; that its token is another one at the next look changes nothing."""
    token = f"${{data.{OFFERS}.{label}.offers[0].offer_token}}"
    body = {"model_id": _text(one.properties["modelId"]), "offer_token": token}
    return AGREEMENT, label, {**body, "lifecycle": {"ignore_changes": ["offer_token"]}}


def _native(one: Resource, label: str) -> Iterator[Made]:
    """The Terraform resources that *one* becomes, itself first."""
    if one.kind == AGREEMENT:
        yield _agreement(one, label)
        return
    if one.kind == LOGGING:
        yield LOGGING, label, {"logging_config": _logging(one.properties)}
        return
    if one.kind not in _NATIVE:
        raise ConfigError(f"{one.kind} cannot be exported to Terraform")
    row = _NATIVE[one.kind]
    body: dict[str, Any] = {}
    rest: list[Made] = []
    for name, value in one.properties.items():
        if name in row.attributes:
            attribute, written = row.attributes[name]
            body[attribute] = written(value)
        elif name in row.parts:
            rest += row.parts[name](label, one.name, value)
        else:
            raise ConfigError(f"{name} of {one.kind} cannot be exported to Terraform")
    yield row.type, label, body
    yield from rest


def terraform(resources: Sequence[Resource]) -> dict[str, Any]:
    """Return the content of a ``.tf.json`` file; ``//`` is Terraform's comment.

    Raises:
        ConfigError: a value or a property cannot be said in Terraform.
    """
    labels: dict[tuple[str, str], str] = {}
    for one in resources:
        taken = {label for (kind, _), label in labels.items() if kind == one.kind}
        wanted = terraform_label(one.name)
        labels[one.key] = next(
            name for name in (wanted, *(f"{wanted}_{number}" for number in range(2, 10_000))) if name not in taken
        )
    made: dict[str, dict[str, Any]] = {}
    addresses: dict[tuple[str, str], list[str]] = {}
    for one in resources:
        for type_, label, body in _native(one, labels[one.key]):
            free = _free(label, made.setdefault(type_, {}))
            made[type_][free] = body
            addresses.setdefault(one.key, []).append(f"{type_}.{free}")
    for one in resources:
        own = addresses[one.key]
        needed = sorted({address for other in needs(one, resources) for address in addresses[other.key]})
        for address in own if needed else ():
            type_, _, label = address.partition(".")
            made[type_][label]["depends_on"] = needed
        if one.kind in KEPT:
            type_, _, label = own[0].partition(".")
            made[type_][label]["lifecycle"] = {"prevent_destroy": True}
    comment = ["Written by bedrock-gateway setup", *(_text(one) for one in gaps(resources))]
    offers = {
        labels[one.key]: {"model_id": _text(one.properties["modelId"]), "offer_type": one.properties["offerType"]}
        for one in resources
        if one.kind == AGREEMENT
    }
    data = {"data": {OFFERS: offers}} if offers else {}
    return {"//": " | ".join(comment), **data, "resource": made}


def _free(label: str, taken: Mapping[str, object]) -> str:
    return next(name for name in (label, *(f"{label}_{number}" for number in range(2, 10_000))) if name not in taken)
