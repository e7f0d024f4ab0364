"""What an OpenSearch Serverless store is made of: its three policies and the schema of its index; pure.

Nobody reaches the collection from the internet: its network policy lets in Bedrock, which searches it, and the service's
own index operations, which make the index. Sources: OpenSearch Service Developer Guide, serverless-encryption,
serverless-network, serverless-data-access and serverless-semantic-enrichment; Bedrock User Guide, knowledge-base-setup
and kb-create-security. Not verified against AWS.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.stores import FIELDS
from bedrock_gateway.capabilities.table import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.setup.knowledge.blueprint import Blueprint

__all__ = [
    "access_policy",
    "description",
    "encryption_policy",
    "index_schema",
    "network_policy",
    "planned_policies",
    "with_ours",
]

_SERVICES = ("bedrock.amazonaws.com", "aoss.amazonaws.com")
_USE = ("aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument")
_MAKE = ("aoss:CreateIndex", "aoss:DescribeIndex")


def description(blueprint: Blueprint) -> str:
    """Return how our policies are known again: they carry no tags, so this and their name have to do."""
    return f"{MARK} {blueprint.mark}"


def _text(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def _about(blueprint: Blueprint) -> dict[str, Any]:
    return {"ResourceType": "collection", "Resource": [f"collection/{blueprint.collection}"]}


def encryption_policy(blueprint: Blueprint) -> str:
    """Return the policy that gives the collection its key: one that AWS owns."""
    return _text({"Rules": [_about(blueprint)], "AWSOwnedKey": True})


def network_policy(blueprint: Blueprint) -> str:
    """Return the policy that says from where the collection is reached."""
    part = {
        "Description": description(blueprint),
        "Rules": [_about(blueprint)],
        "AllowFromPublic": False,
        "SourceServices": list(_SERVICES),
    }
    return _text([part])


def access_policy(blueprint: Blueprint, creator_arn: str) -> list[dict[str, Any]]:
    """Return the data access policy: the service role uses the index, *creator_arn* makes it and looks at it."""
    index = f"index/{blueprint.collection}/{blueprint.vector_index}"
    return [
        {
            "Description": f"{description(blueprint)}: {what}",
            "Rules": [{"ResourceType": "index", "Resource": [index], "Permission": list(permissions)}],
            "Principal": [principal],
        }
        for what, permissions, principal in (
            ("used by the service role", _USE, blueprint.role_arn),
            ("made by whoever creates", _MAKE, creator_arn),
        )
    ]


def planned_policies(blueprint: Blueprint) -> dict[str, Any]:
    """Return kind → document of the policies; who creates is not known before it is asked."""
    return {
        "encryption policy": json.loads(encryption_policy(blueprint)),
        "network policy": json.loads(network_policy(blueprint)),
        "data access policy": access_policy(blueprint, "ARN of whoever creates"),
    }


def with_ours(found: list[Any], ours: list[dict[str, Any]]) -> list[Any] | None:
    """Return *found* with our parts as they have to be, whatever else somebody put in kept; None: they are already."""
    if all(part in found for part in ours):
        return None
    own = {part["Description"] for part in ours}
    return [*ours, *(part for part in found if part.get("Description") not in own)]


def index_schema(blueprint: Blueprint) -> Mapping[str, Any]:
    """Return the schema of the index. Bedrock takes no engine but faiss; words are searched in the text field."""
    vector = {"name": "hnsw", "engine": "faiss", "space_type": "l2", "parameters": {}}
    return {
        "settings": {"index": {"knn": True, "knn.algo_param.ef_search": 512}},
        "mappings": {
            "properties": {
                FIELDS["vectorField"]: {"type": "knn_vector", "dimension": blueprint.dimensions, "method": vector},
                FIELDS["textField"]: {"type": "text", "index": True},
                FIELDS["metadataField"]: {"type": "text", "index": False},
            }
        },
    }
