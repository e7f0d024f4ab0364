"""The step that a token protects, as it does those of the data sources: the knowledge base.

The token comes from the manifest, so that asking again, in this process or the next, makes no second one. The manifest's
id stands in the description: where AWS has forgotten the token, that tells ours from another's of the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConflictError, NotOursError, ServiceError
from bedrock_gateway.setup.knowledge.account import was_refused
from bedrock_gateway.setup.knowledge.blueprint import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = [
    "FAILED",
    "KNOWLEDGE_BASE",
    "all_rows",
    "ended_badly",
    "ensure_knowledge_base",
    "find_knowledge_base",
    "get_knowledge_base",
    "is_ours",
    "knowledge_base_id",
    "own_description",
]

KNOWLEDGE_BASE = "knowledge base"
_SERVICE, _CAPABILITY = "bedrock-agent", "kb-create"


def knowledge_base_id(setup: Setup) -> str | None:
    """Return the id that the manifest, or else the configuration, knows."""
    record = setup.manifest.records.get(KNOWLEDGE_BASE)
    return (record.id if record else None) or setup.config.knowledge_base(setup.blueprint.name).id


def own_description(setup: Setup) -> str:
    """Return what tells ours from another's: the mark, and the id of the manifest."""
    return f"{MARK} {setup.blueprint.mark} {setup.manifest.id}"[-200:]


def is_ours(setup: Setup, found: Mapping[str, Any], *, known: bool = False) -> bool:
    """Ours is what this manifest made; or, where it was lost, what one of ours made on our own index.

    *known*: the manifest has its id. Then somebody may have changed the description, but not what it stands on.
    """
    description = str(found.get("description") or "")
    if description == own_description(setup):
        return True
    marked = known if setup.blueprint.makes_store else False
    marked = marked or description.startswith(f"{MARK} {setup.blueprint.mark} ")
    store = found.get("storageConfiguration")
    return marked and store is not None and store == setup.storage_configuration


def all_rows(setup: Setup, operation: str, member: str, capability: str, **params: Any) -> Flow[list[dict[str, Any]]]:
    """Return every row of a paged list of bedrock-agent."""
    rows: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        reply = yield from setup.ask(_SERVICE, operation, capability, **params, **more)
        rows += reply.get(member) or ()
        if not reply.get("nextToken"):
            return rows
        more = {"nextToken": reply["nextToken"]}


def get_knowledge_base(setup: Setup, identifier: str) -> Flow[dict[str, Any] | None]:
    """Return how AWS describes a knowledge base; None: there is none."""
    found = yield from setup.look(_SERVICE, "GetKnowledgeBase", _CAPABILITY, knowledgeBaseId=identifier)
    return None if found is None else found["knowledgeBase"]


def find_knowledge_base(setup: Setup) -> Flow[str | None]:
    """Return the id of the knowledge base of our name, where it is ours; None: there is none.

    Raises:
        NotOursError: there is one, and it is not ours.
    """
    name = setup.blueprint.name
    for row in (yield from all_rows(setup, "ListKnowledgeBases", "knowledgeBaseSummaries", _CAPABILITY)):
        if row["name"] != name:
            continue
        # A knowledge base that the configuration does not name cannot be asked for under rules that know another id.
        found = yield from get_knowledge_base(setup, row["knowledgeBaseId"])
        if found is None:
            continue
        if not is_ours(setup, found):
            raise NotOursError(
                f"knowledge base {name} ({row['knowledgeBaseId']}) exists and was not made by this set-up: it was not "
                "touched; choose another name",
                kind=KNOWLEDGE_BASE,
                name=row["knowledgeBaseId"],
            )
        return str(row["knowledgeBaseId"])
    return None


def ensure_knowledge_base(setup: Setup) -> Flow[str]:
    """Make the knowledge base and wait until it can be used; returns its id."""
    blueprint, manifest, started = setup.blueprint, setup.manifest, setup.context.now()
    record = manifest.records.get(KNOWLEDGE_BASE)
    identifier, progress = (record.id if record else None), "found"
    if identifier is not None and (yield from get_knowledge_base(setup, identifier)) is None:
        yield from setup.write(manifest.renew, KNOWLEDGE_BASE)  # somebody removed it: its token would only find that
        identifier = None
    if identifier is None:
        identifier, progress = yield from _make_knowledge_base(setup)
        yield from setup.write(manifest.exists, KNOWLEDGE_BASE, KNOWLEDGE_BASE, blueprint.name, identifier=identifier)
    yield from _settled(setup, identifier)
    setup.tell(KNOWLEDGE_BASE, progress, f"{blueprint.name} {identifier}", since=started)
    return identifier


def _make_knowledge_base(setup: Setup) -> Flow[tuple[str, str]]:
    blueprint, manifest = setup.blueprint, setup.manifest
    token = yield from setup.write(manifest.token, KNOWLEDGE_BASE)
    yield from setup.write(manifest.begin, KNOWLEDGE_BASE, KNOWLEDGE_BASE, blueprint.name)
    tagging = setup.config.principals[str(setup.context.principal)].tagging
    tags = {"tags": {MARK: blueprint.mark}} if tagging else {}

    def create() -> Flow[dict[str, Any]]:
        return (
            yield from setup.ask(
                _SERVICE,
                "CreateKnowledgeBase",
                _CAPABILITY,
                clientToken=token,
                name=blueprint.name,
                description=own_description(setup),
                roleArn=blueprint.role_arn,
                knowledgeBaseConfiguration=blueprint.knowledge_base_configuration,
                storageConfiguration=setup.storage_configuration,
                **tags,
            )
        )

    new = " on a new collection" if blueprint.makes_store and blueprint.store.name == "opensearch-serverless" else ""
    awaited = f"CreateKnowledgeBase{new}"
    try:
        reply = yield from setup.insist(KNOWLEDGE_BASE, blueprint.name, setup.patience.propagation, awaited, create)
    except ConflictError:
        found = yield from find_knowledge_base(setup)
        if found is None:
            raise
        return found, "adopted"
    except ServiceError as error:
        if was_refused(error):
            yield from setup.write(manifest.gone, KNOWLEDGE_BASE)
        raise
    return str(reply["knowledgeBase"]["knowledgeBaseId"]), "created"


FAILED = frozenset({"FAILED", "DELETE_UNSUCCESSFUL"})
"""Statuses that nothing but us will change."""


def _settled(setup: Setup, identifier: str) -> Flow[None]:
    """Wait until the knowledge base is ACTIVE."""
    last: dict[str, Any] = {}

    def look() -> Flow[str]:
        last.update((yield from get_knowledge_base(setup, identifier)) or {"status": "absent"})
        return str(last["status"])

    status = yield from setup.until(
        KNOWLEDGE_BASE, identifier, look, lambda one: one in {"ACTIVE", "absent"} or one in FAILED
    )
    if status != "ACTIVE":
        raise ended_badly("CreateKnowledgeBase", f"knowledge base {identifier}", status, last)


def ended_badly(operation: str, what: str, status: str, found: Mapping[str, Any]) -> ServiceError:
    """Return what is raised where AWS accepted a request and then failed at it."""
    reasons = "; ".join(str(one) for one in found.get("failureReasons") or ())[:500]
    why = f": {reasons}" if reasons else ""
    return ServiceError(f"{what} ended as {status}{why}", operation=operation, code=status)
