"""Removing the knowledge base and its data sources, also where the answer that had their ids was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import NotFoundError, NotOursError
from bedrock_gateway.setup.knowledge.bedrock import (
    FAILED,
    KNOWLEDGE_BASE,
    ended_badly,
    find_knowledge_base,
    get_knowledge_base,
    is_ours,
)
from bedrock_gateway.setup.knowledge.sources import SOURCE, find_source, look_at_source, source_step

if TYPE_CHECKING:
    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = ["remove_knowledge_base", "remove_source"]

_SERVICE, _CAPABILITY = "bedrock-agent", "kb-create"


_NOT_OURS = "it was not made by this set-up"


def _ours(setup: Setup) -> Flow[tuple[str | None, str | None]]:
    """(id of ours that is there, why something of that id or name is kept); also where the answer with the id was lost."""
    record = setup.manifest.records.get(KNOWLEDGE_BASE)
    if record is None:
        return None, None
    if record.id is None:
        try:
            return (yield from find_knowledge_base(setup)), None
        except NotOursError:
            return None, _NOT_OURS
    found = yield from get_knowledge_base(setup, record.id)
    if found is None:
        return None, None
    return (record.id, None) if is_ours(setup, found, known=True) else (None, _NOT_OURS)


def remove_source(setup: Setup, name: str) -> Flow[str | None]:
    """Remove a data source with its vectors, and wait until it is gone; returns what had to be kept."""
    manifest, step, started = setup.manifest, source_step(name), setup.context.now()
    record = manifest.records.get(step)
    if record is None:
        return None
    base, _ = yield from _ours(setup)
    identifier = record.id
    if base is not None and identifier is None:
        try:
            identifier = yield from find_source(setup, base, name)
        except (NotFoundError, NotOursError):
            identifier = None
    progress = "gone"
    if base is not None and identifier is not None:
        progress = yield from _delete_source(setup, base, identifier)
    yield from setup.write(manifest.gone, step)
    setup.tell(SOURCE, progress, f"{name} {identifier or ''}".strip(), since=started)
    if setup.blueprint.makes_store:  # the vectors go with their index
        return None
    if progress == "deleted" and _keeps_vectors(setup, name):
        return f"vectors of data source {name}: its deletion_policy is to retain them in {setup.blueprint.store.name}"
    if progress != _RETAINED:
        return None
    return f"vectors of data source {name}: the service role may not delete them from {setup.blueprint.store.name}"


def _keeps_vectors(setup: Setup, name: str) -> bool:
    return any(
        one.name == name and one.deletion.get("dataDeletionPolicy") == "RETAIN" for one in setup.blueprint.sources
    )


def _delete_source(setup: Setup, base: str, identifier: str) -> Flow[str]:
    """Delete it; where the role may not delete its vectors any more, without them."""
    deleted = yield from _try_to_delete_source(setup, base, identifier)
    if deleted is None:
        return "deleted"
    kept = {name: deleted[name] for name in _UPDATED if name in deleted}
    names = {"knowledgeBaseId": base, "dataSourceId": identifier}
    yield from setup.ask(_SERVICE, "UpdateDataSource", _CAPABILITY, **names, **kept, dataDeletionPolicy="RETAIN")
    deleted = yield from _try_to_delete_source(setup, base, identifier)
    if deleted is not None:
        raise ended_badly("DeleteDataSource", f"data source {identifier}", str(deleted["status"]), deleted)
    return _RETAINED


_RETAINED = "deleted without its vectors"
_UPDATED = (
    "name",
    "description",
    "dataSourceConfiguration",
    "serverSideEncryptionConfiguration",
    "vectorIngestionConfiguration",
)
"""What UpdateDataSource would otherwise take away."""


def _try_to_delete_source(setup: Setup, base: str, identifier: str) -> Flow[dict[str, Any] | None]:
    """None: it is gone. Else how AWS describes it, which could not delete it."""
    names = {"knowledgeBaseId": base, "dataSourceId": identifier}

    def delete() -> Flow[dict[str, Any]]:
        return (yield from setup.ask(_SERVICE, "DeleteDataSource", _CAPABILITY, **names))

    try:
        yield from setup.insist(SOURCE, identifier, setup.patience.queue, "DeleteDataSource", delete)
    except NotFoundError:
        return None
    last: dict[str, Any] = {}

    def look() -> Flow[str]:
        last.update((yield from look_at_source(setup, base, identifier)) or {"status": "absent"})
        return str(last["status"])

    status = yield from setup.until(SOURCE, identifier, look, lambda one: one == "absent" or one in FAILED)
    return None if status == "absent" else last


def remove_knowledge_base(setup: Setup) -> Flow[str | None]:
    """Remove the knowledge base, and wait until it is gone; returns why one of that name or id was kept."""
    record = setup.manifest.records.get(KNOWLEDGE_BASE)
    if record is None:
        return None
    started = setup.context.now()
    identifier, reason = yield from _ours(setup)
    progress = "kept" if reason else "gone"
    if identifier is not None:
        progress = yield from _delete_knowledge_base(setup, identifier)
    shown = f"{setup.blueprint.name} {identifier or record.id or ''}".strip()
    yield from setup.write(setup.manifest.gone, KNOWLEDGE_BASE)
    setup.tell(KNOWLEDGE_BASE, progress, shown, reason=reason, since=started)
    return f"knowledge base {shown}: {reason}" if reason else None


def _delete_knowledge_base(setup: Setup, identifier: str) -> Flow[str]:
    def delete() -> Flow[dict[str, Any]]:
        return (yield from setup.ask(_SERVICE, "DeleteKnowledgeBase", _CAPABILITY, knowledgeBaseId=identifier))

    try:
        yield from setup.insist(KNOWLEDGE_BASE, identifier, setup.patience.queue, "DeleteKnowledgeBase", delete)
    except NotFoundError:
        return "gone"
    last: dict[str, Any] = {}

    def look() -> Flow[str]:
        last.update((yield from get_knowledge_base(setup, identifier)) or {"status": "absent"})
        return str(last["status"])

    status = yield from setup.until(KNOWLEDGE_BASE, identifier, look, lambda one: one == "absent" or one in FAILED)
    if status != "absent":
        raise ended_badly("DeleteKnowledgeBase", f"knowledge base {identifier}", status, last)
    return "deleted"
