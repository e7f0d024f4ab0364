"""Who reaches a collection: its network policies, then its data access policies. IAM was asked before.

A collection that no network policy covers is reached by nobody. Source: OpenSearch Service Developer Guide,
serverless-network and serverless-data-access. That a policy takes up to a minute is from the same guide, serverless-sdk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.local.opensearch import documents
from bedrock_gateway.local.opensearch.state import SearchPolicy, Timing, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from bedrock_gateway.local.call import Call
    from bedrock_gateway.local.opensearch.state import Collection
    from bedrock_gateway.local.principals import Principal

__all__ = ["BEDROCK", "INDEX_API", "may", "reachable"]

BEDROCK = "bedrock.amazonaws.com"
INDEX_API = "aoss.amazonaws.com"
"""How a network policy names who comes from within AWS: Bedrock, and the service's own index operations."""


def _effective(call: Call, kind: str) -> Iterator[Any]:
    now = call.state.of(Timing).clock()
    policies: list[SearchPolicy] = state_of(call).of_type(call.region, kind)
    return (one.effective(now) for one in policies)


def reachable(call: Call, collection: Collection, service: str | None = None) -> bool:
    """Whether a network policy lets *service*, or anybody where it is None, reach a collection."""
    held = _effective(call, "network")
    if service is None:
        return any(documents.allows_public(one, collection.name) for one in held)
    return any(documents.serves(one, collection.name, service) for one in held)


def may(call: Call, principal: Principal, permission: str, collection: Collection, index: str) -> bool:
    """Whether a data access policy gives *principal* a permission on an index of a collection."""
    arns = frozenset(one for one in (principal.arn, principal.role_arn) if one)
    resource = f"index/{collection.name}/{index}"
    return any(documents.permits(one, arns, permission, "index", resource) for one in _effective(call, "data"))
