"""The permissions boundary of every service role that a principal of ours may make.

`kb-provision` and `logging-admin` can write a role's policy and choose who may assume it, themselves included. What they
gain by that is never more than this document allows: the union of what the service roles of one configuration need, on
its buckets, indexes, models and log group, and nothing of IAM or STS. An administrator makes it once, and again when the
configuration gains a source or a store; a principal of ours can neither edit it nor take it off a role.

Source: IAM User Guide, access_policies_boundaries. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.document import Policy, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.roles import KnowledgeBaseParts

__all__ = ["MANAGED_QUOTA", "boundary", "numbered", "principals_boundary"]

MANAGED_QUOTA = 6_144
"""Characters of a managed policy, counted without whitespace."""


def boundary(scope: Scope, parts: KnowledgeBaseParts | None = None) -> Policy:
    """Return the boundary for the service roles of *scope*, whose knowledge bases are made of *parts*.

    None: of what the scope names; where it names no knowledge base, the boundary is that of the logging role alone.

    Raises:
        ConfigError: a part is missing or malformed, or the policy is over the size that a managed policy may have.
    """
    made = [roles.logging_role(scope).permissions]
    if (
        parts
        or scope.role_parts
        or (scope.documents and (scope.vector_indexes or scope.collections) and scope.embedding_models)
    ):
        made.append(roles.kb_role(scope, parts).permissions)
    policy = Policy(tuple(numbered(one for each in made for one in each.statements)))
    if policy.size > MANAGED_QUOTA:
        raise ConfigError(
            f"the boundary has {policy.size} characters, a managed policy at most {MANAGED_QUOTA}: bound fewer"
            " knowledge bases by one policy, each group in a configuration of its own"
        )
    return policy


def principals_boundary(policies: Iterable[Policy]) -> Policy:
    """Return the boundary of principals with *policies*: what they may do, all together.

    Each is so capped to what some of them is for; that it is not another one is for its own policy to say.

    Raises:
        ConfigError: it is over the size that a managed policy may have.
    """
    merged = {replace(one, sid=None): one for policy in policies for one in policy.statements}
    policy = Policy(tuple(numbered(merged.values())))
    if policy.size > MANAGED_QUOTA:
        raise ConfigError(
            f"the principals' boundary has {policy.size} characters, a managed policy at most {MANAGED_QUOTA}: give some of"
            " them a `boundary` of another name in their `identity`"
        )
    return policy


def numbered(statements: Iterable[Statement]) -> Iterable[Statement]:
    """Yield *statements* under Sids that are unique in the document."""
    taken: dict[str, int] = {}
    for one in statements:
        name = one.sid or "Allow"
        taken[name] = taken.get(name, 0) + 1
        yield one if taken[name] == 1 else replace(one, sid=f"{name}{taken[name]}")
