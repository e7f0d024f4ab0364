"""Who may assume a role: trust documents for Bedrock itself.

Both keys of the confused-deputy guard are always there: without them any account's Bedrock could be made to act
through the role. Source: Bedrock User Guide, model-invocation-logging, kb-permissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.iam.document import Policy, Statement

if TYPE_CHECKING:
    from bedrock_gateway.capabilities import Scope

__all__ = ["BEDROCK", "service_trust"]

BEDROCK = "bedrock.amazonaws.com"


def guard(scope: Scope, resource: str) -> tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]:
    """Return the conditions under which Bedrock acts for this account, for *resource* (``knowledge-base/*`` or ``*``)."""
    source = f"arn:{scope.partition}:bedrock:{scope.region}:{scope.account}:{resource}"
    return (
        ("StringEquals", (("aws:SourceAccount", (scope.account,)),)),
        ("ArnLike", (("aws:SourceArn", (source,)),)),
    )


def service_trust(scope: Scope, resource: str = "*") -> Policy:
    """Return the trust document that lets Bedrock, for *resource* of this account and Region, assume the role."""
    return Policy(
        (
            Statement(
                "Allow",
                sid="BedrockOfThisAccount",
                principals=(("Service", BEDROCK),),
                actions=("sts:AssumeRole",),
                conditions=guard(scope, resource),
            ),
        )
    )
