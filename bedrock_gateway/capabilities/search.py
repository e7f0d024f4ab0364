"""Legs: what making and removing an OpenSearch Serverless collection takes; rows of `kb-provision`."""

from __future__ import annotations

from dataclasses import replace

from bedrock_gateway.capabilities.table import Leg, Operation

__all__ = ["SEARCH"]

_AOSS_GUIDE = "OpenSearch Service Developer Guide: security-iam-serverless"
_INDEX_API = Leg(
    "aoss:APIAccessAll",
    "collection",
    "M",
    "OpenSearch Service Developer Guide: serverless-semantic-enrichment",
    condition="of-collection",
    why="The service authorization reference lists the index operation alone; the guide asks for this one beside it.",
)
_SEARCH: tuple[tuple[str, tuple[Leg, ...]], ...] = (
    *(
        (f"{verb}{family}Policy", (Leg(f"aoss:{verb}{family}Policy", "*", "M", _AOSS_GUIDE, condition=bound),))
        for family, verbs in (("Security", "Create Get Delete"), ("Access", "Create Get Update Delete"))
        for verb in verbs.split()
        for bound in (("of-collection-if-known" if verb == "Get" else "of-collection"),)
    ),
    (
        "CreateCollection",
        (
            Leg("aoss:CreateCollection", "*", condition="marked-for-us"),
            Leg(
                "aoss:TagResource",
                "*",
                "M",
                "AWS managed policy SageMakerStudioProjectProvisioningRolePolicy, for the tag that a new collection has",
                condition="marking-ours",
                why="Set-up adopts and deletes only what is tagged; nothing that is there can be marked afterwards.",
            ),
            Leg(
                "iam:CreateServiceLinkedRole",
                "search-linked-role",
                source="OpenSearch Service Developer Guide: serverless-service-linked-roles",
                condition="linked-to-search",
                why="The first collection of an account makes the role of the service.",
            ),
        ),
    ),
    ("BatchGetCollection", (Leg("aoss:BatchGetCollection", "*", "M", _AOSS_GUIDE, "of-collection-if-known"),)),
    ("ListTagsForResource", (Leg("aoss:ListTagsForResource", "*"),)),
    ("CreateIndex", (Leg("aoss:CreateIndex", "*"), _INDEX_API)),
    ("GetIndex", (Leg("aoss:GetIndex", "*"), _INDEX_API)),
    ("DeleteCollection", (Leg("aoss:DeleteCollection", "collection", condition="marked-as-ours"),)),
)
"""Operation of OpenSearch Serverless → its legs. What cannot be limited by a resource is by a key that AWS lists for it."""


_READING = ("Get", "BatchGet", "List")


def _search(name: str, legs: tuple[Leg, ...]) -> Operation:
    token = None if name == "CreateIndex" or name.startswith(_READING) else "clientToken"
    return Operation(
        name,
        "opensearchserverless",
        "token" if token else "free",
        tuple(replace(leg, only_with="collections") for leg in legs),
        token=token,
    )


SEARCH = tuple(_search(name, legs) for name, legs in _SEARCH)
"""Every operation, each with its legs where the scope has a collection."""
