"""Rows: statements for the policy of a KMS key. There ``*`` as resource means the key itself.

A key's own policy has to allow whoever uses it, so each row has its counterpart in a role's document.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.iam.documents.template import Field, Row, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KEYS"]

_BEDROCK = ("Service", "bedrock.amazonaws.com")
_GUARD = (
    ("StringEquals", "aws:SourceAccount", "{A}"),
    ("ArnLike", "aws:SourceArn", "arn:{P}:bedrock:{R}:{A}:*"),
)
_ROLE = {"role": Field("role ARN", "ARN of the role that uses the key", many=True)}
_THIS = ("*",)
_VIA_AOSS = ("StringEquals", "kms:ViaService", "aoss.{R}.amazonaws.com")
_AOSS = "OpenSearch Service Developer Guide, serverless-encryption"

_ROWS = (
    Template(
        "logging",
        "The key of the bucket that invocation logs are delivered to.",
        {},
        (
            Row(
                "BedrockDeliversLogs",
                "kms:GenerateDataKey",
                _THIS,
                _GUARD,
                _BEDROCK,
                source="Bedrock User Guide, model-invocation-logging",
            ),
        ),
    ),
    Template(
        "log-group",
        "The key of the log group that invocation logs are delivered to.",
        {"group": Field("log group", "name of the log group", "/bedrock/invocations")},
        (
            Row(
                "CloudWatchLogsUsesKey",
                "kms:Decrypt kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom"
                " kms:ReEncryptTo",
                _THIS,
                (("ArnEquals", "kms:EncryptionContext:aws:logs:arn", "arn:{P}:logs:{R}:{A}:log-group:{group}"),),
                ("Service", "logs.{R}.amazonaws.com"),
                source="CloudWatch Logs User Guide, encrypt-log-data-kms",
            ),
            # AWS's sample puts it under the condition too, but DescribeKey carries no encryption context.
            Row(
                "CloudWatchLogsReadsKey",
                "kms:DescribeKey",
                _THIS,
                principal=("Service", "logs.{R}.amazonaws.com"),
                confidence="M",
                source="CloudWatch Logs User Guide, encrypt-log-data-kms",
            ),
        ),
    ),
    Template(
        "source",
        "The key of a bucket with documents.",
        _ROLE,
        (
            Row(
                "KnowledgeBaseReadsDocuments",
                "kms:Decrypt",
                _THIS,
                (("StringEquals", "kms:ViaService", "s3.{R}.amazonaws.com"),),
                ("AWS", "{role}"),
                source="Bedrock User Guide, kb-permissions",
            ),
        ),
    ),
    Template(
        "secret",
        "The key of a secret with the credentials of a source or store.",
        _ROLE,
        (
            Row(
                "KnowledgeBaseReadsSecret",
                "kms:Decrypt",
                _THIS,
                (("StringEquals", "kms:ViaService", "secretsmanager.{R}.amazonaws.com"),),
                ("AWS", "{role}"),
                source="Bedrock User Guide, kb-permissions",
            ),
        ),
    ),
    Template(
        "transient",
        "The key of what ingestion keeps for a while.",
        _ROLE,
        (
            Row(
                "KnowledgeBaseKeepsTransientData",
                "kms:Decrypt kms:GenerateDataKey",
                _THIS,
                principal=("AWS", "{role}"),
                confidence="M",
                source="Bedrock User Guide, encryption-kb",
            ),
        ),
    ),
    Template(
        "session",
        "The key of sessions of RetrieveAndGenerate.",
        {},
        (
            Row(
                "BedrockKeepsSessions",
                "kms:Decrypt kms:GenerateDataKey",
                _THIS,
                (("StringEquals", "aws:SourceAccount", "{A}"),),
                _BEDROCK,
                confidence="?",
                source="Bedrock User Guide, encryption-kb, which shows no condition",
                why="AWS names the service and the actions; that the service sends its source account is not stated.",
            ),
        ),
    ),
    Template(
        "opensearch-serverless",
        "The key of a collection; the role is whoever makes the collection.",
        _ROLE,
        (
            Row(
                "CollectionIsEncrypted",
                "kms:CreateGrant",
                _THIS,
                (_VIA_AOSS, ("Bool", "kms:GrantIsForAWSResource", "true")),
                ("AWS", "{role}"),
                confidence="M",
                source=_AOSS,
            ),
            # AWS's sample puts both actions under both conditions; DescribeKey carries no grant.
            Row(
                "CollectionKeyIsRead",
                "kms:DescribeKey",
                _THIS,
                (_VIA_AOSS,),
                ("AWS", "{role}"),
                confidence="M",
                source=_AOSS,
            ),
        ),
    ),
    Template(
        "batch",
        "The key of the buckets of a batch job.",
        _ROLE,
        (
            Row(
                "BatchReadsAndWrites",
                "kms:Decrypt kms:GenerateDataKey",
                _THIS,
                (("StringEquals", "kms:ViaService", "s3.{R}.amazonaws.com"),),
                ("AWS", "{role}"),
                confidence="L",
                source="Bedrock User Guide, batch-iam-sr, which does not spell it out",
                why="S3 decrypts and encrypts with the rights of whoever reads and writes.",
            ),
        ),
    ),
)

KEYS: Mapping[str, Template] = MappingProxyType({row.name: row for row in _ROWS})
"""Every purpose of a key by its name."""
