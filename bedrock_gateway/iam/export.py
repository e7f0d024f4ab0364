"""IAM documents inside Terraform and CloudFormation: the documents as they are, embedded in the resources that hold them.

Terraform is written in its JSON syntax (a ``.tf.json`` file), in which every string is a template: ``${`` and ``%{`` are
escaped, or Terraform would read a policy variable as one of its own. In CloudFormation ``${`` means something inside of
``Fn::Sub`` only, which is never written here, so documents stand there as JSON objects, word for word.

Sources: Terraform language, syntax/json and expressions/strings; CloudFormation template reference, AWS::IAM::Role,
AWS::IAM::ManagedPolicy, AWS::S3::BucketPolicy, AWS::OpenSearchServerless::AccessPolicy. Nothing was applied against AWS.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bedrock_gateway.iam.document import Policy

__all__ = [
    "FORMATS",
    "BucketPolicy",
    "CollectionAccess",
    "Item",
    "ManagedPolicy",
    "Role",
    "cloudformation",
    "terraform",
]

_TEMPLATE = re.compile(r"([$%]+)\{")


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A customer managed policy."""

    name: str
    document: Policy
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Role:
    """A role: who may assume it, and its one inline policy."""

    name: str
    trust: Policy
    permissions: Policy | None = None
    path: str = "/"
    boundary: str | None = None
    """ARN of its permissions boundary."""


@dataclass(frozen=True, slots=True)
class BucketPolicy:
    """The policy of a bucket; a bucket has one, so this replaces what it had."""

    bucket: str
    document: Policy


@dataclass(frozen=True, slots=True)
class CollectionAccess:
    """The data access policy of an OpenSearch Serverless collection."""

    name: str
    rules: Sequence[Mapping[str, Any]]


Item = ManagedPolicy | Role | BucketPolicy | CollectionAccess

# -- Terraform ---------------------------------------------------------------------------------------------------------


def embedded(document: object) -> str:
    """*document* as JSON text in a Terraform string.

    ``$${`` stands for ``${``. What a dollar before that means is not documented, so such a dollar is written as JSON's
    own escape, which Terraform passes on and IAM reads.
    """
    text = json.dumps(document, separators=(",", ":"))
    return _TEMPLATE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    marks = found[1]
    before = "".join(f"\\u{ord(mark):04x}" for mark in marks[:-1])
    return f"{before}{marks[-1] * 2}{{"


def terraform_label(text: str) -> str:
    """A name within Terraform: letters, digits, ``_`` and ``-``, not beginning with a digit."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def _tf_policy(item: ManagedPolicy) -> dict[str, Any]:
    body = {"name": item.name, "path": item.path, "policy": embedded(item.document.dump())}
    return {"aws_iam_policy": {terraform_label(item.name): body}}


def _tf_role(item: Role) -> dict[str, Any]:
    label = terraform_label(item.name)
    role = {"name": item.name, "path": item.path, "assume_role_policy": embedded(item.trust.dump())}
    role |= {"permissions_boundary": item.boundary} if item.boundary else {}
    made: dict[str, Any] = {"aws_iam_role": {label: role}}
    if item.permissions:
        name = f"${{aws_iam_role.{label}.name}}"
        made["aws_iam_role_policy"] = {
            label: {"name": item.name, "role": name, "policy": embedded(item.permissions.dump())}
        }
    return made


def _tf_bucket(item: BucketPolicy) -> dict[str, Any]:
    return {
        "aws_s3_bucket_policy": {
            terraform_label(item.bucket): {"bucket": item.bucket, "policy": embedded(item.document.dump())}
        }
    }


def _tf_collection(item: CollectionAccess) -> dict[str, Any]:
    body = {"name": item.name, "type": "data", "policy": embedded(item.rules)}
    return {"aws_opensearchserverless_access_policy": {terraform_label(item.name): body}}


def terraform(items: Sequence[Item]) -> dict[str, Any]:
    """Return *items* as the content of a ``.tf.json`` file."""
    resources: dict[str, dict[str, Any]] = {}
    for item in items:
        for kind, named in _KINDS[type(item)][0](item).items():
            resources.setdefault(kind, {}).update(named)
    return {"resource": resources}


# -- CloudFormation ----------------------------------------------------------------------------------------------------


def _cf_policy(item: ManagedPolicy) -> dict[str, Any]:
    named = {"ManagedPolicyName": item.name, "Path": item.path, "PolicyDocument": item.document.dump()}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": named}


def _cf_role(item: Role) -> dict[str, Any]:
    body: dict[str, Any] = {
        "RoleName": item.name,
        "Path": item.path,
        "AssumeRolePolicyDocument": item.trust.dump(),
    }
    body |= {"PermissionsBoundary": item.boundary} if item.boundary else {}
    if item.permissions:
        body["Policies"] = [{"PolicyName": item.name, "PolicyDocument": item.permissions.dump()}]
    return {"Type": "AWS::IAM::Role", "Properties": body}


def _cf_bucket(item: BucketPolicy) -> dict[str, Any]:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": item.bucket, "PolicyDocument": item.document.dump()},
    }


def _cf_collection(item: CollectionAccess) -> dict[str, Any]:
    text = json.dumps(item.rules, separators=(",", ":"))
    return {
        "Type": "AWS::OpenSearchServerless::AccessPolicy",
        "Properties": {"Name": item.name, "Type": "data", "Policy": text},
    }


def _logical(item: Item, taken: Mapping[str, object]) -> str:
    """A logical id: letters and digits, unique in the template."""
    name = item.bucket if isinstance(item, BucketPolicy) else item.name
    words = re.findall(r"[A-Za-z0-9]+", name)
    made = "".join(word[:1].upper() + word[1:] for word in words) + type(item).__name__
    return next(one for one in (made, *(f"{made}{number}" for number in range(2, 1000))) if one not in taken)


def cloudformation(items: Sequence[Item]) -> dict[str, Any]:
    """Return *items* as a CloudFormation template; what is named needs the capability CAPABILITY_NAMED_IAM."""
    resources: dict[str, Any] = {}
    for item in items:
        resources[_logical(item, resources)] = _KINDS[type(item)][1](item)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Written by bedrock-gateway policy",
        "Resources": resources,
    }


_KINDS: Mapping[type[Item], tuple[Callable[[Any], dict[str, Any]], Callable[[Any], dict[str, Any]]]] = {
    ManagedPolicy: (_tf_policy, _cf_policy),
    Role: (_tf_role, _cf_role),
    BucketPolicy: (_tf_bucket, _cf_bucket),
    CollectionAccess: (_tf_collection, _cf_collection),
}

FORMATS: Mapping[str, Callable[[Sequence[Item]], dict[str, Any]]] = {
    "terraform": terraform,
    "cloudformation": cloudformation,
}
"""By the word of the command line."""
