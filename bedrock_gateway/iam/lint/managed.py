"""AWS-managed policies that grant far more than an application of Bedrock needs, each with what takes its place.

Recognised by name or ARN in a list of attached policies, and by what a document grants: a copy under another name is
as wide as the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.iam.lint.model import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bedrock_gateway.iam.lint.model import Document

__all__ = ["TOO_BROAD", "TooBroad", "too_broad"]


@dataclass(frozen=True, slots=True)
class TooBroad:
    """One AWS-managed policy that is not to be attached."""

    name: str
    grants: str
    instead: str
    marks: frozenset[str]
    """Actions that together tell it: a document that allows all of them on ``*`` grants the same."""


_SCOPED = "the policy of the principal: `bedrock-gateway policy --principal NAME`, or `policy generate CAPABILITY…`"

TOO_BROAD: Sequence[TooBroad] = (
    TooBroad(
        "AmazonBedrockFullAccess",
        "every action of Bedrock and of bedrock-mantle on everything: it can switch off invocation logging, delete "
        "guardrails and call any model",
        _SCOPED,
        frozenset({"bedrock:*"}),
    ),
    TooBroad(
        "AmazonBedrockLimitedAccess",
        "calls of every model, by API key too, and writes to guardrails, jobs and profiles",
        _SCOPED,
        frozenset({"bedrock:Get*", "bedrock:List*", "bedrock:InvokeModel", "bedrock:CallWithBearerToken"}),
    ),
    TooBroad(
        "AmazonS3FullAccess",
        "every object of every bucket, and their policies",
        "`policy generate kb-documents --documents BUCKET/PREFIX`, and the bucket's own policy for what a service writes",
        frozenset({"s3:*"}),
    ),
    TooBroad(
        "AmazonECS_FullAccess",
        "building and changing clusters, and passing any role to a task",
        "nothing: a task that calls Bedrock needs a role which ECS tasks may assume, `policy trust ecs-task`, with the "
        "policy of its principal; no action of ECS",
        frozenset({"ecs:*"}),
    ),
    TooBroad(
        "AmazonSageMakerFullAccess",
        "all of SageMaker, passing roles, and reading buckets and secrets by name",
        "nothing; only a Bedrock Marketplace endpoint needs `sagemaker:InvokeEndpoint`, called through Bedrock",
        frozenset({"sagemaker:*"}),
    ),
    TooBroad(
        "CloudWatchLogsFullAccess",
        "reading and deleting every log group, the invocation logs' too",
        "`policy role logging` for delivery, and for reading `logs:FilterLogEvents` and `logs:GetLogEvents` on the one group",
        frozenset({"logs:*"}),
    ),
    TooBroad(
        "IAMReadOnlyAccess",
        "reading every user, role, policy and key of the account",
        "`policy generate preflight-standard`",
        frozenset({"iam:Get*", "iam:List*"}),
    ),
)


def too_broad(document: Document) -> Iterator[Hit]:
    """An attached policy of the table, or a document that grants the same."""
    rows = {row.name.casefold(): row for row in TOO_BROAD}
    for path, text in document.attached:
        if row := rows.get(text.rpartition("/")[2].casefold()):
            yield Hit(f"{row.name} grants {row.grants}", path, f"attach instead {row.instead}")
    for path, statement in document.statements("Allow"):
        granted = frozenset(statement.actions)
        wide = any(text == "*" or _all_of_service(text) for text in statement.resources)
        for row in TOO_BROAD if wide else ():
            if row.marks <= granted:
                yield Hit(f"as wide as {row.name}: it grants {row.grants}", path, f"use instead {row.instead}")


def _all_of_service(text: str) -> bool:
    """SageMaker's policy lists its kinds of resource with a wildcard each."""
    return text.startswith("arn:aws:sagemaker:*:*:") and text.endswith("/*")
