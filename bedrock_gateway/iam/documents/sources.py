"""Rows: what the role of a knowledge base needs for each data source.

Source: Bedrock User Guide, kb-permissions and kb-managed-permissions, unless a row says otherwise.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.iam.documents.template import Field, Row, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KEY", "SECRET", "SECRET_ROWS", "SOURCES"]

_OWNED = ("StringEquals", "aws:ResourceAccount", "{owner}")
_STRUCTURED = "Bedrock User Guide, knowledge-base-prereq-structured"

SECRET = Field("secret ARN", "ARN of the secret with the credentials, in the Region of the knowledge base")
KEY = Field("key ARN", "KMS key of the customer's that it is encrypted with", "")
_OPTIONAL_SECRET = Field("secret ARN", "ARN of the secret with the credentials", "")

_READ_SECRET = Row("ReadSecret", "secretsmanager:GetSecretValue", ("{secret}",), needs=("secret",))
_DECRYPT_SECRET = Row(
    "DecryptSecret",
    "kms:Decrypt",
    ("{key}",),
    (("StringEquals", "kms:ViaService", "secretsmanager.{R}.amazonaws.com"),),
    needs=("secret", "key"),
)
SECRET_ROWS = (_READ_SECRET, _DECRYPT_SECRET)

_S3_FIELDS = {
    "bucket": Field("bucket", "bucket of the documents"),
    "prefix": Field("prefix", "prefix of the documents", ""),
    "owner": Field("account", "account that owns the bucket", "{A}"),
    "key": KEY,
}
_S3_ROWS = (
    Row("ListSource", "s3:ListBucket", ("arn:{P}:s3:::{bucket}",), (_OWNED,), lacks=("prefix",)),
    Row(
        "ListSource",
        "s3:ListBucket",
        ("arn:{P}:s3:::{bucket}",),
        (_OWNED, ("StringLike", "s3:prefix", "{prefix}*")),
        needs=("prefix",),
    ),
    Row("ReadSource", "s3:GetObject", ("arn:{P}:s3:::{bucket}/{prefix}*",), (_OWNED,)),
    Row(
        "DecryptSource",
        "kms:Decrypt",
        ("{key}",),
        (("StringEquals", "kms:ViaService", "s3.{R}.amazonaws.com"),),
        needs=("key",),
    ),
)

_SQL_ROWS = (
    Row(
        "FollowQueries",
        "redshift-data:CancelStatement redshift-data:DescribeStatement redshift-data:GetStatementResult",
        ("*",),
        (("StringEquals", "redshift-data:statement-owner-iam-userid", "${{aws:userid}}"),),
        source=_STRUCTURED,
    ),
    Row(
        "WriteSql",
        "bedrock:GenerateQuery sqlworkbench:DeleteSqlGenerationContext sqlworkbench:GetSqlGenerationContext"
        " sqlworkbench:GetSqlRecommendations sqlworkbench:PutSqlGenerationContext",
        ("*",),
        source=_STRUCTURED,
    ),
)
_SQL_NOTE = "the role also needs grants in the database: as user IAMR:ROLE-NAME, or those of the secret's user"

_ROWS = (
    Template(
        "s3",
        "Documents in an S3 bucket, of this account or of another.",
        _S3_FIELDS,
        _S3_ROWS,
    ),
    Template(
        "web",
        "Web pages; the secret is for sites that ask for credentials.",
        {"secret": _OPTIONAL_SECRET, "key": KEY},
        SECRET_ROWS,
    ),
    Template(
        "confluence",
        "Confluence.",
        {
            "secret": SECRET,
            "key": KEY,
            "oauth": Field("flag", "true where OAuth 2.0 refresh tokens are kept in the secret", "false"),
        },
        (
            *SECRET_ROWS,
            Row("RefreshToken", "secretsmanager:PutSecretValue", ("{secret}",), needs=("oauth",)),
        ),
    ),
    Template("sharepoint", "SharePoint.", {"secret": SECRET, "key": KEY}, SECRET_ROWS),
    Template("salesforce", "Salesforce.", {"secret": SECRET, "key": KEY}, SECRET_ROWS),
    Template(
        "custom",
        "Documents handed over directly; the bucket is for those given by their S3 location.",
        {**_S3_FIELDS, "bucket": Field("bucket", "bucket of the documents", "")},
        (
            Row(
                "ReadSource",
                "s3:GetObject",
                ("arn:{P}:s3:::{bucket}/{prefix}*",),
                (_OWNED,),
                needs=("bucket",),
                confidence="L",
                source="Bedrock User Guide, kb-direct-ingestion",
                why="AWS's page does not say whose rights read a document given by its S3 location.",
            ),
            Row(
                "DecryptSource",
                "kms:Decrypt",
                ("{key}",),
                (("StringEquals", "kms:ViaService", "s3.{R}.amazonaws.com"),),
                needs=("bucket", "key"),
                confidence="L",
                source="Bedrock User Guide, kb-direct-ingestion",
                why="AWS's page does not say whose rights read a document given by its S3 location.",
            ),
        ),
    ),
    Template(
        "redshift-serverless",
        "Tables of a Redshift Serverless workgroup.",
        {
            "workgroup": Field("workgroup id", "id of the workgroup, as in its ARN"),
            "secret": _OPTIONAL_SECRET,
            "key": KEY,
        },
        (
            Row(
                "RunQueries",
                "redshift-data:ExecuteStatement",
                ("arn:{P}:redshift-serverless:{R}:{A}:workgroup/{workgroup}",),
                source=_STRUCTURED,
            ),
            *_SQL_ROWS,
            Row(
                "SignIn",
                "redshift-serverless:GetCredentials",
                ("arn:{P}:redshift-serverless:{R}:{A}:workgroup/{workgroup}",),
                lacks=("secret",),
                source=_STRUCTURED,
            ),
            *SECRET_ROWS,
        ),
        (_SQL_NOTE,),
    ),
    Template(
        "redshift",
        "Tables of a provisioned Redshift cluster; by default the role itself signs in.",
        {
            "cluster": Field("database cluster", "identifier of the cluster"),
            "database": Field("database", "name of the database"),
            "user": Field("database user", "database user to sign in as", ""),
            "secret": _OPTIONAL_SECRET,
            "key": KEY,
        },
        (
            Row(
                "RunQueries",
                "redshift-data:ExecuteStatement",
                ("arn:{P}:redshift:{R}:{A}:cluster:{cluster}",),
                source=_STRUCTURED,
            ),
            *_SQL_ROWS,
            Row(
                "SignIn",
                "redshift:GetClusterCredentialsWithIAM",
                ("arn:{P}:redshift:{R}:{A}:dbname:{cluster}/{database}",),
                lacks=("user", "secret"),
                source=_STRUCTURED,
            ),
            Row(
                "SignIn",
                "redshift:GetClusterCredentials",
                (
                    "arn:{P}:redshift:{R}:{A}:dbuser:{cluster}/{user}",
                    "arn:{P}:redshift:{R}:{A}:dbname:{cluster}/{database}",
                ),
                needs=("user",),
                lacks=("secret",),
                source=_STRUCTURED,
            ),
            *SECRET_ROWS,
        ),
        (_SQL_NOTE,),
    ),
)

SOURCES: Mapping[str, Template] = MappingProxyType({row.name: row for row in _ROWS})
"""Every kind of data source by its name."""

STRUCTURED = frozenset({"redshift", "redshift-serverless"})
"""Sources that are queried in place: such a knowledge base has neither embeddings nor a vector store."""
