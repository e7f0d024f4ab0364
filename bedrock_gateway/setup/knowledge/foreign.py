"""What the owners of other accounts have to add, so that the service role can read a bucket or use a key of theirs; pure.

The role's own policy is not enough there. Sources: S3 User Guide, example-walkthroughs-managing-access-example2; KMS
Developer Guide, key-policy-modifying-external-accounts. Not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.iam.documents.buckets import BUCKETS
from bedrock_gateway.iam.documents.keys import KEYS
from bedrock_gateway.iam.documents.template import assemble, fill

if TYPE_CHECKING:
    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.documents.template import Part
    from bedrock_gateway.setup.knowledge.blueprint import Blueprint

__all__ = ["bucket_policies", "key_policies"]

_ACCOUNT = 4
"""Which part of an ARN is the account."""


def bucket_policies(blueprint: Blueprint, scope: Scope) -> dict[str, Policy]:
    """Return bucket of another account → what its owner adds to its policy, for every source in it."""
    parts: dict[str, list[Part]] = {}
    for one in blueprint.sources:
        if one.bucket and one.owner != blueprint.account:
            given = {"bucket": one.bucket, "prefix": one.prefix, "role": blueprint.role_arn}
            parts.setdefault(one.bucket, []).extend(fill(BUCKETS["source"], given, scope))
    return {bucket: assemble(found).policy for bucket, found in parts.items()}


def key_policies(blueprint: Blueprint, scope: Scope) -> dict[str, Policy]:
    """Return KMS key of another account → what its owner adds to its policy."""
    parts: dict[str, list[Part]] = {}
    for one in blueprint.sources:
        if one.key and one.key.split(":")[_ACCOUNT] != blueprint.account:
            template = KEYS["source" if one.bucket else "secret"]
            parts.setdefault(one.key, []).extend(fill(template, {"role": blueprint.role_arn}, scope))
    return {key: assemble(found).policy for key, found in parts.items()}
