"""Rows: policies of S3 buckets."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.iam.documents.template import Field, Row, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUCKETS"]

_ROLE = Field("role ARN", "ARN of the role of the knowledge base, in its own account", many=True)
_CROSS_ACCOUNT = "Bedrock User Guide, kb-permissions"

_ROWS = (
    Template(
        "source",
        "Let the knowledge base of another account read documents; its owner attaches it.",
        {
            "bucket": Field("bucket", "bucket of the documents"),
            "prefix": Field("prefix", "prefix of the documents", ""),
            "role": _ROLE,
        },
        (
            Row(
                "KnowledgeBaseListsDocuments",
                "s3:ListBucket",
                ("arn:{P}:s3:::{bucket}",),
                principal=("AWS", "{role}"),
                lacks=("prefix",),
                source=_CROSS_ACCOUNT,
            ),
            Row(
                "KnowledgeBaseListsDocuments",
                "s3:ListBucket",
                ("arn:{P}:s3:::{bucket}",),
                (("StringLike", "s3:prefix", "{prefix}*"),),
                ("AWS", "{role}"),
                needs=("prefix",),
                source=_CROSS_ACCOUNT,
            ),
            Row(
                "KnowledgeBaseReadsDocuments",
                "s3:GetObject",
                ("arn:{P}:s3:::{bucket}/{prefix}*",),
                principal=("AWS", "{role}"),
                source=_CROSS_ACCOUNT,
            ),
        ),
        ("AWS's sample names the whole account as principal; here the role alone is named",),
    ),
    Template(
        "logging",
        "Let Bedrock deliver invocation logs, large bodies included.",
        {
            "bucket": Field("bucket", "bucket of the logs"),
            "prefix": Field("prefix", "prefix of the logs, with the slash at its end", ""),
        },
        (
            Row(
                "AmazonBedrockLogsWrite",
                "s3:PutObject",
                ("arn:{P}:s3:::{bucket}/{prefix}AWSLogs/{A}/BedrockModelInvocationLogs/*",),
                (
                    ("StringEquals", "aws:SourceAccount", "{A}"),
                    ("ArnLike", "aws:SourceArn", "arn:{P}:bedrock:{R}:{A}:*"),
                ),
                ("Service", "bedrock.amazonaws.com"),
                source="Bedrock User Guide, model-invocation-logging",
            ),
        ),
        ("the bucket must have ACLs disabled (BucketOwnerEnforced) and be in the account and Region of the logs",),
    ),
)

BUCKETS: Mapping[str, Template] = MappingProxyType({row.name: row for row in _ROWS})
"""Every purpose of a bucket by its name."""
