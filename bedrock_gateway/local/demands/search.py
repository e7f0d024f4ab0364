"""What AWS demands of OpenSearch Serverless: its policies, collections and indexes.

Sources: the Service Authorization Reference of Amazon OpenSearch Serverless; OpenSearch Service Developer Guide,
serverless-service-linked-roles for the role that the first collection brings, and serverless-semantic-enrichment, which
asks for ``APIAccessAll`` beside each index operation. What a policy is about is known from its document: of one that does
not exist, no collection is known.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.demands.rows import SAR, ApiRequest, Context, Demand, Row, Rows, same_named, tag_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.local.demands.rows import Irregular

__all__ = ["SEARCH"]

_SERVICE = "opensearchserverless"
_LINKED = "observability.aoss.amazonaws.com"
_ROLE = "AWSServiceRoleForAmazonOpenSearchServerless"
_LINKED_ROLE = "OpenSearch Service Developer Guide, serverless-service-linked-roles"
_INDEX_API = "OpenSearch Service Developer Guide, serverless-semantic-enrichment"


def _named(document: object) -> Iterator[tuple[str, str | None]]:
    """(collection, index) of every resource that a policy document names; the index is None where it names none."""
    for part in [document] if isinstance(document, dict) else document if isinstance(document, list) else ():
        for rule in part.get("Rules") or () if isinstance(part, dict) else ():
            for one in rule.get("Resource") or ():
                pieces = str(one).split("/")
                yield pieces[1] if len(pieces) > 1 else pieces[0], pieces[2] if len(pieces) > 2 else None  # noqa: PLR2004


def _sent(request: ApiRequest) -> object:
    try:
        return json.loads(str(request.params.get("policy") or "null"))
    except ValueError:
        return None


def _policy(action: str, *, sent: bool, known: bool) -> Irregular:
    """Return what an operation on a policy demands: the action, once for each collection that the policy is about."""

    def demanded(request: ApiRequest) -> Iterator[Demand]:
        documents: list[object] = [_sent(request)] if sent else []
        if known and request.lookup:
            kind, name = str(request.params.get("type")), str(request.params.get("name"))
            documents.append(request.lookup.search_policy(kind, name, request.region))
        found = dict.fromkeys(one for document in documents for one in _named(document))
        for collection, index in found or {("", None): None}:
            context = {"aoss:collection": collection} if collection else {}
            with_index = {**context, "aoss:index": index} if index and "AccessPolicy" in action else context
            yield Demand(f"aoss:{action}", "*", with_index)

    return demanded


def _collection(request: ApiRequest) -> tuple[str, Context, Context]:
    """(ARN, its keys, its tags as keys) of the collection that a request names by id or ARN."""
    identifier = str(request.params.get("id") or request.params.get("resourceArn") or "*").rpartition("/")[2]
    found = request.lookup.search_collection(identifier, request.region) if request.lookup else None
    name, tags = found or ("", {})
    keys = {"aoss:collection": name, "aoss:CollectionId": identifier} if name else {}
    return request.arn("aoss", f"collection/{identifier}"), keys, _resource_tags(tags)


def _resource_tags(tags: Mapping[str, str]) -> Context:
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def _described(request: ApiRequest) -> Iterator[Demand]:
    names: list[str] = list(request.params.get("names") or ())
    for identifier in request.params.get("ids") or ():
        found = request.lookup.search_collection(str(identifier), request.region) if request.lookup else None
        names.append(found[0] if found else "")
    for name in names or [""]:
        yield Demand("aoss:BatchGetCollection", "*", {"aoss:collection": name} if name else {})


def _tags(request: ApiRequest) -> Context:
    """Tags of a collection that is being made: AWS lists ``aws:ResourceTag`` for its creation, which can be no others."""
    made = tag_context(request.params.get("tags"))
    return {**made, **{key.replace("Request", "Resource"): value for key, value in made.items() if "RequestTag" in key}}


def _linked(request: ApiRequest) -> Iterator[Demand]:
    """The first collection of an account makes the service's role, in the caller's name."""
    if request.lookup is None or request.lookup.entity("role", _ROLE) is None:
        role = request.arn("iam", f"role/aws-service-role/{_LINKED}/{_ROLE}", region="")
        yield Demand("iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": _LINKED}, _LINKED_ROLE, "M")


def _deleted(request: ApiRequest) -> Iterator[Demand]:
    arn, _, tags = _collection(request)
    yield Demand("aoss:DeleteCollection", arn, tags)


def _index(action: str) -> Irregular:
    def demanded(request: ApiRequest) -> Sequence[Demand]:
        arn, keys, _ = _collection(request)
        return (Demand(f"aoss:{action}", "*"), Demand("aoss:APIAccessAll", arn, keys, _INDEX_API, "M"))

    return demanded


def _tagging(request: ApiRequest) -> Iterator[Demand]:
    yield Demand("aoss:TagResource", "*", {**tag_context(request.params.get("tags")), **_collection(request)[2]})


def _untagging(request: ApiRequest) -> Iterator[Demand]:
    yield Demand("aoss:UntagResource", "*", tag_context(request.params.get("tagKeys")))


def _policies() -> Rows:
    verbs: Mapping[str, Any] = {
        "Create": {"sent": True, "known": False},
        "Update": {"sent": True, "known": True},
        "Get": {"sent": False, "known": True},
        "Delete": {"sent": False, "known": True},
    }
    return {
        (_SERVICE, f"{verb}{family}Policy"): (_policy(f"{verb}{family}Policy", **how),)
        for verb, how in verbs.items()
        for family in ("Security", "Access")
    }


SEARCH: Rows = {
    **_policies(),
    (_SERVICE, "BatchGetCollection"): (_described,),
    (_SERVICE, "CreateCollection"): (
        Row("aoss:CreateCollection", context=_tags),
        Row("aoss:TagResource", source=SAR, when="tags", context=_tags),
        Row("aoss:AddCollectionToCollectionGroup", when="collectionGroupName"),
        _linked,
    ),
    (_SERVICE, "DeleteCollection"): (_deleted,),
    (_SERVICE, "TagResource"): (_tagging,),
    (_SERVICE, "UntagResource"): (_untagging,),
    **{(_SERVICE, name): (_index(name),) for name in ("CreateIndex", "GetIndex", "UpdateIndex", "DeleteIndex")},
    **same_named(
        _SERVICE,
        "*",
        "ListCollections ListSecurityPolicies ListAccessPolicies ListTagsForResource GetPoliciesStats",
        prefix="aoss",
    ),
}
