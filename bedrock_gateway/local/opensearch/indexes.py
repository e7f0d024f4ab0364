"""The index operations of the service: made, shown and deleted, with the caller's rights in the data access policies.

IAM and the data access policies both have to allow; a network policy has to let the service itself in.
Source: OpenSearch Service Developer Guide, serverless-semantic-enrichment. What the service answers where a data access
policy does not allow is taken from its HTTP interface; not verified against AWS.
"""

from __future__ import annotations

import copy

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.opensearch import access, mapping
from bedrock_gateway.local.opensearch.collections import existing
from bedrock_gateway.local.opensearch.state import Collection, Index, Timing, invalid, missing, state_of

__all__ = ["FORBIDDEN", "HANDLERS", "make_index"]

FORBIDDEN = "User does not have permissions for the requested resource"
_UNREACHED = "Request failed: [http_exception] server returned 401"


def _collection(call: Call, permission: str) -> Collection:
    """Return the collection of a request whose caller has *permission* on the index that it names.

    Raises:
        Fault: it is absent or not active, or the caller has not.
    """
    found = existing(call, call.params["id"])
    if found.status(call.state.of(Timing).clock()) != "ACTIVE":
        raise invalid(f"Collection with ID {found.id} is not in ACTIVE status.")
    if not access.reachable(call, found, access.INDEX_API):
        raise Fault("AccessDeniedException", _UNREACHED, 403)
    if not access.may(call, call.caller, permission, found, call.params["indexName"]):
        raise Fault("AccessDeniedException", FORBIDDEN, 403)
    return found


def make_index(call: Call, collection: Collection, name: str, schema: object) -> Index:
    """Put an index into a collection.

    Raises:
        Fault: the schema cannot be taken, or one of that name is there.
    """
    timing = call.state.of(Timing)
    with state_of(call).lock:
        given = {} if schema is None else schema
        mapping.check_schema(name, given, collection)
        if name in collection.indexes:
            raise Fault("ConflictException", f"index [{name}] already exists")
        made = Index(name, copy.deepcopy(dict(given)), timing.clock() + timing.index_seconds)  # type: ignore[call-overload]
        collection.indexes[name] = made
        return made


def create_index(call: Call) -> Reply:
    """Serve CreateIndex."""
    collection = _collection(call, "aoss:CreateIndex")
    make_index(call, collection, call.params["indexName"], call.params.get("indexSchema"))
    return Reply()


def get_index(call: Call) -> Reply:
    """Serve GetIndex."""
    collection = _collection(call, "aoss:DescribeIndex")
    return Reply({"indexSchema": _index(collection, call.params["indexName"]).schema})


def delete_index(call: Call) -> Reply:
    """Serve DeleteIndex."""
    collection = _collection(call, "aoss:DeleteIndex")
    with state_of(call).lock:
        del collection.indexes[_index(collection, call.params["indexName"]).name]
    return Reply()


def _index(collection: Collection, name: str) -> Index:
    found = collection.indexes.get(name)
    if found is None:
        raise missing(f"no such index [{name}]")
    return found


HANDLERS: Handlers = {
    ("opensearchserverless", "CreateIndex"): create_index,
    ("opensearchserverless", "GetIndex"): get_index,
    ("opensearchserverless", "DeleteIndex"): delete_index,
}
