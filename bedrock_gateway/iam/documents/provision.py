"""Rows: what whoever makes a store needs, beside `kb-provision`, where our own set-up does not make it.

These are identity policies. They are not in the table of capabilities, because nothing of ours calls these operations.
Sources: OpenSearch Service Developer Guide, security-iam-serverless and serverless-service-linked-roles; the service
authorization reference for what each action can be limited by. Not verified against AWS.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.iam.documents.template import Field, Row, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROVISION"]

_GUIDE = "OpenSearch Service Developer Guide, security-iam-serverless"
_SERVICE = "observability.aoss.amazonaws.com"
_HERE = ("StringEquals", "aws:RequestedRegion", "{R}")
_NAMED = ("StringEquals", "aoss:collection", "{collection}")

_ROWS = (
    Template(
        "opensearch-serverless",
        "Make an OpenSearch Serverless collection and the policies it needs; removing them is an administrator's.",
        {
            "collection": Field("collection name", "name of the collection", many=True),
            "key": Field("key ARN", "KMS key of the customer's that it is encrypted with", ""),
        },
        (
            Row(
                "WritePoliciesOfCollection",
                "aoss:CreateAccessPolicy aoss:CreateSecurityPolicy aoss:GetAccessPolicy aoss:GetSecurityPolicy"
                " aoss:UpdateAccessPolicy",
                ("*",),
                (_HERE, _NAMED),
                confidence="M",
                source=_GUIDE,
            ),
            Row("FollowCollection", "aoss:BatchGetCollection", ("*",), (_HERE, _NAMED), confidence="M", source=_GUIDE),
            # No key of AWS limits its name. A collection needs an encryption policy, which the first row limits.
            Row("MakeCollection", "aoss:CreateCollection", ("*",), (_HERE,), source="service authorization reference"),
            Row(
                "MakeServiceLinkedRole",
                "iam:CreateServiceLinkedRole",
                (f"arn:{{P}}:iam::{{A}}:role/aws-service-role/{_SERVICE}/AWSServiceRoleForAmazonOpenSearchServerless",),
                (("StringEquals", "iam:AWSServiceName", _SERVICE),),
                source="OpenSearch Service Developer Guide, serverless-service-linked-roles",
            ),
            Row(
                "EncryptCollection",
                "kms:CreateGrant",
                ("{key}",),
                (
                    ("StringEquals", "kms:ViaService", "aoss.{R}.amazonaws.com"),
                    ("Bool", "kms:GrantIsForAWSResource", "true"),
                ),
                needs=("key",),
                confidence="M",
                source="OpenSearch Service Developer Guide, serverless-encryption",
            ),
            Row(
                "ReadKey",
                "kms:DescribeKey",
                ("{key}",),
                (("StringEquals", "kms:ViaService", "aoss.{R}.amazonaws.com"),),
                needs=("key",),
                confidence="M",
                source="OpenSearch Service Developer Guide, serverless-encryption",
            ),
        ),
        ("CreateCollection has no resource and no condition key: what limits it is the encryption policy it needs",),
    ),
)

PROVISION: Mapping[str, Template] = MappingProxyType({row.name: row for row in _ROWS})
"""Every store that can be made like this, by the name it has in `STORES`."""
