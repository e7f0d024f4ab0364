"""The data access policy of an OpenSearch Serverless collection: IAM alone opens nothing there.

It is not an IAM document: its permissions, resources and principals have a grammar of their own. Sources: Bedrock User
Guide, kb-create-security; OpenSearch Service Developer Guide, serverless-data-access. Not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.documents.template import Field, Template, checked_values

if TYPE_CHECKING:
    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.documents.template import Given

__all__ = ["COLLECTION", "collection_access"]

COLLECTION = Template(
    "collection",
    "Let the role of a knowledge base use the indexes of a collection.",
    {
        "collection": Field("collection name", "name of the collection (not its id)"),
        "index": Field("search index", "the one index; all of the collection's if left out", "*"),
        "role": Field("role ARN", "ARN of the role of the knowledge base", many=True),
        "creator": Field("principal ARN", "who creates the index, if not the service", "", many=True),
    },
    (),
)

_USE = ("aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument")
_MAKE = ("aoss:CreateIndex", "aoss:DescribeIndex", "aoss:UpdateIndex")


def collection_access(given: Given, scope: Scope) -> list[dict[str, Any]]:
    """Return the data access policy, as CreateAccessPolicy takes it with type ``data``.

    Raises:
        ConfigError: a value is missing, unknown or malformed.
    """
    values = checked_values(COLLECTION, given, scope)
    resource = f"index/{values['collection'][0]}/{values['index'][0]}"
    return [
        {
            "Description": about,
            "Rules": [{"ResourceType": "index", "Resource": [resource], "Permission": list(permissions)}],
            "Principal": list(principals),
        }
        for about, permissions, principals in (
            ("Amazon Bedrock uses the index as the role of the knowledge base", _USE, values["role"]),
            ("Makes the index", _MAKE, values["creator"]),
        )
        if principals
    ]
