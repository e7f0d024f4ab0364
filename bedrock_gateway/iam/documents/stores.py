"""Rows: what the role of a knowledge base needs for each vector store, and for what it may do besides.

Source: Bedrock User Guide, kb-permissions, unless a row says otherwise.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.iam.documents.sources import KEY, SECRET, SECRET_ROWS
from bedrock_gateway.iam.documents.template import Field, Row, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OPTIONS", "STORES"]

_BY_SECRET = {"secret": SECRET, "key": KEY}
_MANAGED_CONFLICT = "Bedrock User Guide, encryption-kb and kb-managed-prereqs, which disagree on who needs it"

_STORES = (
    Template(
        "s3-vectors",
        "An Amazon S3 Vectors index.",
        {
            "bucket": Field("vector bucket", "vector bucket"),
            "index": Field("vector index", "index in it"),
            "key": KEY,
        },
        (
            Row(
                "UseIndex",
                "s3vectors:DeleteVectors s3vectors:GetIndex s3vectors:GetVectors s3vectors:PutVectors"
                " s3vectors:QueryVectors",
                ("arn:{P}:s3vectors:{R}:{A}:bucket/{bucket}/index/{index}",),
            ),
            Row(
                "DecryptIndex",
                "kms:Decrypt kms:GenerateDataKey",
                ("{key}",),
                (("StringEquals", "kms:ViaService", "s3vectors.{R}.amazonaws.com"),),
                needs=("key",),
                confidence="L",
                source="Amazon S3 User Guide, s3-vectors-data-encryption",
                why="AWS asks for the key policy to name S3 Vectors' indexing service; what the caller needs is not stated.",
            ),
        ),
    ),
    Template(
        "opensearch-serverless",
        "An OpenSearch Serverless collection.",
        {"collection": Field("collection id", "id of the collection, as in its ARN")},
        (Row("UseCollection", "aoss:APIAccessAll", ("arn:{P}:aoss:{R}:{A}:collection/{collection}",)),),
        ("IAM is not enough: the collection's data access policy must name the role too (`policy collection`)",),
    ),
    Template(
        "opensearch-serverless-by-name",
        "An OpenSearch Serverless collection that is still to be made, so that its id is not known.",
        {"collection": Field("collection name", "name of the collection")},
        (
            Row(
                "UseCollection",
                "aoss:APIAccessAll",
                ("arn:{P}:aoss:{R}:{A}:collection/*",),
                (("StringEquals", "aoss:collection", "{collection}"),),
                source="AWS managed policy SageMakerStudioBedrockKnowledgeBaseServiceRolePolicy, which binds it so",
            ),
        ),
        ("IAM is not enough: the collection's data access policy must name the role too (`policy collection`)",),
    ),
    Template(
        "opensearch-managed",
        "An index of an OpenSearch domain.",
        {"domain": Field("domain", "name of the domain"), "index": Field("search index", "name of the index")},
        (
            Row("DescribeDomain", "es:DescribeDomain", ("arn:{P}:es:{R}:{A}:domain/{domain}",)),
            Row(
                "UseIndex",
                "es:ESHttpDelete es:ESHttpGet es:ESHttpPost es:ESHttpPut",
                (
                    "arn:{P}:es:{R}:{A}:domain/{domain}/{index}",
                    "arn:{P}:es:{R}:{A}:domain/{domain}/{index}/*",
                ),
                confidence="M",
                why="AWS's sample names the index alone; what lies below it, such as _doc, needs the second form.",
            ),
        ),
        ("the domain's access policy, and its fine-grained access control if it is on, must name the role too",),
    ),
    Template(
        "aurora",
        "An Aurora PostgreSQL cluster of this account.",
        {"cluster": Field("database cluster", "identifier of the cluster"), **_BY_SECRET},
        (
            Row("DescribeCluster", "rds:DescribeDBClusters", ("arn:{P}:rds:{R}:{A}:cluster:{cluster}",)),
            Row(
                "UseCluster",
                "rds-data:BatchExecuteStatement rds-data:ExecuteStatement",
                ("arn:{P}:rds:{R}:{A}:cluster:{cluster}",),
            ),
            *SECRET_ROWS,
        ),
    ),
    Template(
        "neptune-analytics",
        "A Neptune Analytics graph.",
        {"graph": Field("graph id", "id of the graph, g-…")},
        (
            Row(
                "UseGraph",
                "neptune-graph:DeleteDataViaQuery neptune-graph:GetGraph neptune-graph:ReadDataViaQuery"
                " neptune-graph:WriteDataViaQuery",
                ("arn:{P}:neptune-graph:{R}:{A}:graph/{graph}",),
            ),
        ),
    ),
    Template(
        "pinecone",
        "A Pinecone index.",
        _BY_SECRET,
        SECRET_ROWS,
        ("whoever creates the knowledge base needs bedrock:AssociateThirdPartyKnowledgeBase as well",),
    ),
    Template(
        "redis",
        "A Redis Enterprise Cloud database.",
        _BY_SECRET,
        SECRET_ROWS,
        ("whoever creates the knowledge base needs bedrock:AssociateThirdPartyKnowledgeBase as well",),
    ),
    Template(
        "mongodb-atlas",
        "A MongoDB Atlas collection.",
        _BY_SECRET,
        SECRET_ROWS,
        (
            "whoever creates the knowledge base needs bedrock:AssociateThirdPartyKnowledgeBase as well",
            "over PrivateLink (endpointServiceName) AWS may ask for more; which permission is not confirmed",
        ),
    ),
    Template(
        "kendra",
        "An Amazon Kendra GenAI index.",
        {"index": Field("Kendra index id", "id of the index")},
        (Row("UseKendra", "kendra:DescribeIndex kendra:Retrieve", ("arn:{P}:kendra:{R}:{A}:index/{index}",)),),
    ),
)

_BDA = "arn:{P}:bedrock:{R}"
_KEPT_FIELDS = {"bucket": Field("bucket", "bucket for what is cut out"), "owner": Field("account", "its owner", "{A}")}
_KEPT_ROWS = (
    Row(
        "ListMultimodal",
        "s3:ListBucket",
        ("arn:{P}:s3:::{bucket}",),
        (("StringEquals", "aws:ResourceAccount", "{owner}"),),
    ),
    Row(
        "UseMultimodal",
        "s3:DeleteObject s3:GetObject s3:PutObject",
        ("arn:{P}:s3:::{bucket}/*",),
        (("StringEquals", "aws:ResourceAccount", "{owner}"),),
    ),
)
_OPTIONS = (
    Template(
        "parse-data-automation",
        "Parse documents with Bedrock Data Automation.",
        {"key": KEY},
        (
            Row(
                "ParseDocuments",
                "bedrock:InvokeDataAutomationAsync",
                (
                    f"{_BDA}:aws:data-automation-project/public-rag-default",
                    f"{_BDA}:{{A}}:data-automation-profile/*",
                ),
            ),
            Row("FollowParsing", "bedrock:GetDataAutomationStatus", (f"{_BDA}:{{A}}:data-automation-invocation/*",)),
            Row(
                "ParseWithKey",
                "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:GenerateDataKey",
                ("{key}",),
                (("StringEquals", "kms:ViaService", "bedrock.{R}.amazonaws.com"),),
                needs=("key",),
            ),
        ),
    ),
    Template(
        "multimodal",
        "Embed images, audio and video, and keep what is cut out of them.",
        _KEPT_FIELDS,
        (
            *_KEPT_ROWS,
            Row(
                "EmbedMedia",
                "bedrock:GetAsyncInvoke bedrock:InvokeModel",
                ("arn:{P}:bedrock:{R}:{A}:async-invoke/*",),
                confidence="M",
                source="Bedrock User Guide, kb-managed-permissions; kb-permissions writes the ARN without an account",
            ),
        ),
    ),
    Template(
        "multimodal-storage",
        "Keep images, tables and charts that a parser cuts out of documents.",
        _KEPT_FIELDS,
        _KEPT_ROWS,
    ),
    Template(
        "transient-key",
        "Encrypt what ingestion keeps for a while with a key of the customer's.",
        {"key": Field("key ARN", "the KMS key")},
        (
            Row(
                "TransientData", "kms:Decrypt kms:GenerateDataKey", ("{key}",), confidence="M", source=_MANAGED_CONFLICT
            ),
        ),
    ),
    Template(
        "transformation",
        "Cut documents with a Lambda function of the customer's.",
        {
            "function": Field("function ARN", "ARN of the function, with its version or alias"),
            "bucket": Field("bucket", "bucket in between"),
            "owner": Field("account", "its owner", "{A}"),
        },
        (
            Row(
                "Transform",
                "lambda:InvokeFunction",
                ("{function}",),
                confidence="M",
                source="generative-ai-cdk-constructs, knowledge-base role",
            ),
            Row(
                "UseIntermediate",
                "s3:GetObject s3:PutObject",
                ("arn:{P}:s3:::{bucket}/*",),
                (("StringEquals", "aws:ResourceAccount", "{owner}"),),
                confidence="M",
                source="generative-ai-cdk-constructs, knowledge-base role",
            ),
        ),
    ),
)

STORES: Mapping[str, Template] = MappingProxyType({row.name: row for row in _STORES})
"""Every kind of vector store by its name."""

OPTIONS: Mapping[str, Template] = MappingProxyType({row.name: row for row in _OPTIONS})
"""What a knowledge base may do besides; `roles` adds those that call a model."""
