"""Documents for what Bedrock does by itself: the logging role, the logging bucket, a knowledge base's role.

Source: Bedrock User Guide, model-invocation-logging and kb-permissions. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.resources import model_targets
from bedrock_gateway.iam.trust import BEDROCK, guard, service_trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.capabilities import Scope

__all__ = ["LOG_STREAM", "RoleDocuments", "kb_role", "logging_bucket", "logging_role"]

LOG_STREAM = "aws/bedrock/modelinvocations"
"""The one stream AWS writes invocation logs to."""

_VECTOR_ACTIONS = ("DeleteVectors", "GetIndex", "GetVectors", "PutVectors", "QueryVectors")


@dataclass(frozen=True, slots=True)
class RoleDocuments:
    """The two documents of a service role."""

    trust: Policy
    permissions: Policy


def logging_role(scope: Scope) -> RoleDocuments:
    """Return the documents of the role that delivers invocation logs to CloudWatch Logs.

    The log group must exist: the role cannot create it.
    """
    stream = (
        f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:log-group:{scope.log_group}:log-stream:{LOG_STREAM}"
    )
    write = Statement(
        "Allow", sid="WriteInvocationLogs", actions=("logs:CreateLogStream", "logs:PutLogEvents"), resources=(stream,)
    )
    return RoleDocuments(service_trust(scope), Policy((write,)))


def logging_bucket(scope: Scope) -> Policy:
    """Return the bucket policy under which Bedrock delivers invocation logs to S3; no role takes part in that.

    Raises:
        ConfigError: the scope names no logging bucket.
    """
    if not scope.logging_bucket:
        raise ConfigError("no logging bucket is named: add `bucket` to [logging], or --bucket")
    prefix = f"{scope.logging_prefix.strip('/')}/" if scope.logging_prefix.strip("/") else ""
    folder = f"{scope.logging_bucket}/{prefix}AWSLogs/{scope.account}/BedrockModelInvocationLogs/*"
    write = Statement(
        "Allow",
        sid="AmazonBedrockLogsWrite",
        principals=(("Service", BEDROCK),),
        actions=("s3:PutObject",),
        resources=(f"arn:{scope.partition}:s3:::{folder}",),
        conditions=guard(scope, "*"),
    )
    return Policy((write,))


def kb_role(scope: Scope) -> RoleDocuments:
    """Return the documents of the role of a knowledge base with S3 sources and an S3 Vectors store.

    Raises:
        ConfigError: the scope lacks a source, a store or the embedding model.
    """
    for field in ("documents", "vector_indexes", "embedding_models"):
        if not getattr(scope, field):
            raise ConfigError(f"the role of a knowledge base needs {field.replace('_', ' ')}", key_path=field)
    return RoleDocuments(
        service_trust(scope, "knowledge-base/*"), Policy((*_embed(scope), *_read(scope), _index(scope)))
    )


def _embed(scope: Scope) -> Iterator[Statement]:
    for number, model in enumerate(scope.embedding_models):
        by_condition: dict[tuple[object, ...], list[str]] = {}
        for target in model_targets(scope, model):
            by_condition.setdefault(target.conditions, []).append(target.arn)
        for part, (conditions, arns) in enumerate(by_condition.items()):
            yield Statement(
                "Allow",
                sid=f"Embed{number or ''}{'Models' if part else ''}",
                actions=("bedrock:InvokeModel",),
                resources=tuple(arns),
                conditions=conditions,  # type: ignore[arg-type]
            )


def _read(scope: Scope) -> Iterator[Statement]:
    """List and read each source's prefix, in buckets of this account only."""
    owner = ("StringEquals", (("aws:ResourceAccount", (scope.account,)),))
    for number, (bucket, prefix) in enumerate(scope.documents):
        arn = f"arn:{scope.partition}:s3:::{bucket}"
        within = (("StringLike", (("s3:prefix", (f"{prefix}*",)),)),) if prefix else ()
        yield Statement(
            "Allow", f"ListSource{number or ''}", ("s3:ListBucket",), (), (arn,), conditions=(owner, *within)
        )
        yield Statement(
            "Allow", f"ReadSource{number or ''}", ("s3:GetObject",), (), (f"{arn}/{prefix}*",), conditions=(owner,)
        )


def _index(scope: Scope) -> Statement:
    base = f"arn:{scope.partition}:s3vectors:{scope.region}:{scope.account}"
    indexes = tuple(f"{base}:bucket/{bucket}/index/{index}" for bucket, index in scope.vector_indexes)
    return Statement(
        "Allow", sid="UseIndex", actions=tuple(f"s3vectors:{name}" for name in _VECTOR_ACTIONS), resources=indexes
    )
