"""The OpenSearch Serverless store of a knowledge base: three policies, a collection of its own, and an index in it.

The order is AWS's: no collection without an encryption policy, no index without a data access policy that names who makes
it. A collection is known again by our tag. Policies have no tags: ours have the collection's name and our mark as their
description; one of that name with another description is somebody else's. The index has no mark: it is in our collection.
Removing the collection takes every index in it along, and the account's service-linked role stays, as AWS makes it for all
collections.
"""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities.stores import FIELDS
from bedrock_gateway.errors import ConfigError, NotOursError
from bedrock_gateway.setup.knowledge import collection as documents
from bedrock_gateway.setup.knowledge.bedrock import ended_badly
from bedrock_gateway.setup.knowledge.blueprint import MARK
from bedrock_gateway.setup.knowledge.marked import CAPABILITY, COLLECTION, ensure, not_ours, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = ["look", "removals", "steps"]

_SERVICE = "opensearchserverless"
ENCRYPTION, NETWORK, ACCESS = "encryption policy", "network policy", "data access policy"
INDEX = "search index"
_POLICIES: Mapping[str, tuple[str, str]] = {
    ENCRYPTION: ("Security", "encryption"),
    NETWORK: ("Security", "network"),
    ACCESS: ("Access", "data"),
}
"""Kind → (AWS's family of operations, AWS's type)."""


def steps(setup: Setup) -> Iterator[tuple[str, Callable[[], Flow[None]]]]:
    """What makes the store, in order."""
    for kind in _POLICIES:
        yield kind, partial(_ensure_policy, setup, kind)
    yield COLLECTION, partial(_ensure_collection, setup)
    yield INDEX, partial(_ensure_index, setup)


def removals(setup: Setup) -> Iterator[tuple[str, Callable[[], Flow[str | None]]]]:
    """What removes the store, last made first; the index goes with its collection."""
    yield COLLECTION, partial(_remove_collection, setup)
    for kind in reversed(tuple(_POLICIES)):
        yield kind, partial(_remove_policy, setup, kind)


def look(setup: Setup) -> Flow[None]:
    """See that whatever is there under our names is ours.

    Raises:
        NotOursError: something is not.
    """
    for kind in _POLICIES:
        yield from _look_at_policy(kind, setup)
    yield from _look_at_collection(setup)


# -- policies ----------------------------------------------------------------------------------------------------------


def _policy(setup: Setup, kind: str) -> Flow[dict[str, Any] | None]:
    """Return a policy as AWS shows it; None: there is none.

    Raises:
        NotOursError: there is one, and it is not ours.
    """
    family, type_ = _POLICIES[kind]
    name = setup.blueprint.collection
    found = yield from setup.look(_SERVICE, f"Get{family}Policy", CAPABILITY, type=type_, name=name)
    if found is None:
        return None
    shown: dict[str, Any] = found[f"{family.lower()}PolicyDetail"]
    ours = documents.description(setup.blueprint)
    if shown.get("description") != ours:
        raise NotOursError(
            f"{kind} {name} exists and its description is not {ours!r}: it was not touched; choose another `collection`",
            kind=kind,
            name=name,
        )
    return shown


def _look_at_policy(kind: str, setup: Setup) -> Flow[bool]:
    return (yield from _policy(setup, kind)) is not None


def _document(setup: Setup, kind: str) -> str:
    if kind == ACCESS:
        return json.dumps(documents.access_policy(setup.blueprint, setup.caller_arn), separators=(",", ":"))
    made = documents.encryption_policy if kind == ENCRYPTION else documents.network_policy
    return made(setup.blueprint)


def _ensure_policy(setup: Setup, kind: str) -> Flow[None]:
    family, type_ = _POLICIES[kind]

    def make() -> Flow[Any]:
        yield from setup.ask(
            _SERVICE,
            f"Create{family}Policy",
            CAPABILITY,
            type=type_,
            name=setup.blueprint.collection,
            description=documents.description(setup.blueprint),
            policy=_document(setup, kind),
            clientToken=str(uuid.uuid4()),
        )

    yield from ensure(setup, kind, setup.blueprint.collection, partial(_look_at_policy, kind), make)
    if kind == ACCESS:
        yield from _admit_caller(setup)


def _admit_caller(setup: Setup) -> Flow[None]:
    """Bring the data access policy up to date: whoever goes on need not be who began, or in the same session."""
    shown = yield from _policy(setup, ACCESS)
    if shown is None:
        return
    wanted = documents.with_ours(list(shown["policy"]), documents.access_policy(setup.blueprint, setup.caller_arn))
    if wanted is not None:
        yield from setup.ask(
            _SERVICE,
            "UpdateAccessPolicy",
            CAPABILITY,
            type="data",
            name=setup.blueprint.collection,
            policyVersion=shown["policyVersion"],
            policy=json.dumps(wanted, separators=(",", ":")),
            clientToken=str(uuid.uuid4()),
        )
        setup.tell(ACCESS, "updated", setup.blueprint.collection)


def _remove_policy(setup: Setup, kind: str) -> Flow[str | None]:
    family, type_ = _POLICIES[kind]
    name = setup.blueprint.collection

    def unmake() -> Flow[str]:
        token = str(uuid.uuid4())
        yield from setup.ask(_SERVICE, f"Delete{family}Policy", CAPABILITY, type=type_, name=name, clientToken=token)
        return "deleted"

    return (yield from remove(setup, kind, name, partial(_look_at_policy, kind), unmake))


# -- the collection ----------------------------------------------------------------------------------------------------


def _collection(setup: Setup) -> Flow[dict[str, Any] | None]:
    """Return our collection as AWS shows it; None: there is none.

    Raises:
        NotOursError: there is one of that name, and it is not ours.
    """
    name = setup.blueprint.collection
    reply = yield from setup.ask(_SERVICE, "BatchGetCollection", CAPABILITY, names=[name])
    found = next(iter(reply.get("collectionDetails") or ()), None)
    if found is None:
        return None
    tags = yield from setup.look(_SERVICE, "ListTagsForResource", CAPABILITY, resourceArn=found["arn"])
    marks = {one["key"]: one["value"] for one in (tags or {}).get("tags") or ()}
    if marks.get(MARK) != setup.blueprint.mark and tags is not None:
        raise not_ours(COLLECTION, f"{name} ({found['id']})", setup.blueprint.mark)
    setup.collection_arn = str(found["arn"])
    return dict(found)


def _look_at_collection(setup: Setup) -> Flow[bool]:
    found = yield from _collection(setup)
    return found is not None and found["status"] != "DELETING"


def _status(setup: Setup, last: dict[str, Any]) -> Flow[str]:
    last.clear()
    last.update((yield from _collection(setup)) or {"status": "absent"})
    return str(last["status"])


def _ensure_collection(setup: Setup) -> Flow[None]:
    blueprint, last = setup.blueprint, dict[str, Any]()

    def make() -> Flow[Any]:
        yield from setup.ask(
            _SERVICE,
            "CreateCollection",
            CAPABILITY,
            name=blueprint.collection,
            type="VECTORSEARCH",
            description=documents.description(blueprint),
            tags=[{"key": MARK, "value": blueprint.mark}],
            clientToken=str(uuid.uuid4()),
        )

    status = partial(_status, setup, last)
    if (yield from status()) == "DELETING":  # one of ours, removed a moment ago: its name is not free yet
        yield from setup.until(COLLECTION, blueprint.collection, status, lambda one: one != "DELETING")
    yield from ensure(setup, COLLECTION, blueprint.collection, _look_at_collection, make)
    reached = yield from setup.until(COLLECTION, blueprint.collection, status, lambda one: one not in _ON_THEIR_WAY)
    if reached != "ACTIVE":
        reasons = {"failureReasons": [last[one] for one in ("failureCode", "failureMessage") if one in last]}
        raise ended_badly("CreateCollection", f"collection {blueprint.collection}", reached, reasons)
    yield from setup.write(
        setup.manifest.exists, COLLECTION, COLLECTION, blueprint.collection, identifier=setup.collection_arn
    )


_ON_THEIR_WAY = frozenset({"CREATING", "UPDATING"})


def _remove_collection(setup: Setup) -> Flow[str | None]:
    name, last = setup.blueprint.collection, dict[str, Any]()

    def unmake() -> Flow[str]:
        status = partial(_status, setup, last)
        if (yield from status()) == "CREATING":  # AWS refuses to delete what it is still making
            yield from setup.until(COLLECTION, name, status, lambda one: one != "CREATING")
        if last["status"] not in {"DELETING", "absent"}:
            yield from setup.ask(_SERVICE, "DeleteCollection", CAPABILITY, id=last["id"], clientToken=str(uuid.uuid4()))
        yield from setup.until(COLLECTION, name, status, lambda one: one == "absent")
        return "deleted"

    def there(one: Setup) -> Flow[bool]:
        return (yield from _collection(one)) is not None

    left = yield from remove(setup, COLLECTION, name, there, unmake)
    yield from setup.write(setup.manifest.gone, INDEX)
    return left


# -- the index ---------------------------------------------------------------------------------------------------------


def _index_names(setup: Setup) -> dict[str, str]:
    return {"id": str(setup.collection_arn).rpartition("/")[2], "indexName": setup.blueprint.vector_index}


def _look_at_index(setup: Setup) -> Flow[bool]:
    """Whether the index is there, as it has to be; waits until the data access policy holds."""

    def get() -> Flow[dict[str, Any]]:
        return (yield from setup.look(_SERVICE, "GetIndex", CAPABILITY, **_index_names(setup))) or {}

    found = yield from _insist(setup, "GetIndex", get)
    if not found:
        return False
    properties = ((found.get("indexSchema") or {}).get("mappings") or {}).get("properties") or {}
    field = properties.get(FIELDS["vectorField"]) or {}
    if field.get("dimension") != setup.blueprint.dimensions:
        raise ConfigError(
            f"index {setup.blueprint.vector_index} of collection {setup.blueprint.collection} has vectors of length "
            f"{field.get('dimension')}, {setup.blueprint.embedding_model} makes {setup.blueprint.dimensions}; it cannot be "
            "changed: choose another vector_index",
            key_path=f"knowledge_base.{setup.blueprint.name}.vector_index",
        )
    return True


def _ensure_index(setup: Setup) -> Flow[None]:
    names = _index_names(setup)

    def create() -> Flow[dict[str, Any]]:
        schema = documents.index_schema(setup.blueprint)
        return (yield from setup.ask(_SERVICE, "CreateIndex", CAPABILITY, **names, indexSchema=schema))

    def make() -> Flow[Any]:
        yield from _insist(setup, "CreateIndex", create)

    yield from ensure(
        setup, INDEX, f"{setup.blueprint.collection}/{setup.blueprint.vector_index}", _look_at_index, make
    )


def _insist(setup: Setup, operation: str, call: Callable[[], Flow[dict[str, Any]]]) -> Flow[dict[str, Any]]:
    return (yield from setup.insist(INDEX, setup.blueprint.vector_index, setup.patience.propagation, operation, call))
