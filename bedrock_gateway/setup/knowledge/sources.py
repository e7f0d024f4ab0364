"""Data sources: made once under a token, found again, and brought to what the configuration says where AWS can change it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConfigError, ConflictError, NotOursError, ServiceError
from bedrock_gateway.setup.knowledge.account import was_refused
from bedrock_gateway.setup.knowledge.bedrock import all_rows, own_description
from bedrock_gateway.setup.knowledge.blueprint import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup
    from bedrock_gateway.setup.knowledge.blueprint import SourceBlueprint

__all__ = ["SOURCE", "ensure_source", "find_source", "look_at_source", "source_step", "tell_left"]

_SERVICE, _CAPABILITY = "bedrock-agent", "kb-create"
SOURCE = "data source"


def source_step(name: str) -> str:
    """Return the manifest's name of the step that makes a data source."""
    return f"{SOURCE} {name}"


def tell_left(setup: Setup) -> None:
    """Say which data sources of ours the configuration has no more: they go on being read, until they are deleted."""
    named = {one.name for one in setup.blueprint.sources}
    for record in setup.manifest.records.values():
        if record.kind == SOURCE and record.name not in named:
            reason = "the configuration has it no more; `kb delete` removes it"
            setup.tell(SOURCE, "kept", f"{record.name} {record.id or ''}".strip(), reason=reason)


def ensure_source(setup: Setup, base: str, source: SourceBlueprint) -> Flow[str]:
    """Make a data source of knowledge base *base*, or bring one of ours to what the configuration says; returns its id."""
    manifest, step, started = setup.manifest, source_step(source.name), setup.context.now()
    record = manifest.records.get(step)
    identifier, progress = (record.id if record else None), "found"
    found = None if identifier is None else (yield from look_at_source(setup, base, identifier))
    if identifier is not None and found is None:
        yield from setup.write(manifest.renew, step)
        identifier = None
    if identifier is None:
        identifier, progress = yield from _make_source(setup, base, source)
        found = None if progress == "created" else (yield from look_at_source(setup, base, identifier))
    if found is not None and not _as_configured(source, found, record.digest if record else None):
        yield from _update_source(setup, base, source, identifier, found)
        progress = "updated"
    yield from setup.write(manifest.exists, step, SOURCE, source.name, identifier=identifier, digest=source.digest)
    setup.tell(SOURCE, progress, f"{source.name} {identifier}", since=started)
    return identifier


def _as_configured(source: SourceBlueprint, found: Mapping[str, Any], digest: str | None) -> bool:
    """Whether a data source is what the configuration says: what we sent last, where the manifest knows it, is our word.

    AWS fills in members that nobody sent, so what it shows is compared only where nothing else is known.
    """
    if digest is not None:
        return digest == source.digest
    shown = [found.get("dataSourceConfiguration"), found.get("vectorIngestionConfiguration") or None]
    if any(found.get(name) != value for name, value in source.deletion.items()):
        return False
    return shown == [dict(source.configuration), dict(source.ingestion) if source.ingestion else None]


def _update_source(
    setup: Setup, base: str, source: SourceBlueprint, identifier: str, found: Mapping[str, Any]
) -> Flow[None]:
    """Bring a data source to what the configuration says.

    Raises:
        ConfigError: what changed is what AWS never changes.
    """
    shown = found.get("vectorIngestionConfiguration") or {}
    theirs = (shown.get("chunkingConfiguration"), (shown.get("parsingConfiguration") or {}).get("parsingStrategy"))
    ours = (source.chunking, (source.parsing or {}).get("parsingStrategy"))
    kind = found["dataSourceConfiguration"]["type"]
    if theirs != ours or kind != source.kind.type:
        raise ConfigError(
            f"data source {source.name} ({identifier}) is of type {kind} with chunking and parsing {_short(theirs)}, the "
            f"configuration says {source.kind.type} with {_short(ours)}: AWS never changes that; put it back, or give the "
            "source another `name`",
            key_path=f"knowledge_base.{setup.blueprint.name}",
        )
    kept = {name: found[name] for name in _KEPT if name in found}
    cut = {"vectorIngestionConfiguration": dict(source.ingestion)} if source.ingestion else {}
    yield from setup.ask(
        _SERVICE,
        "UpdateDataSource",
        _CAPABILITY,
        knowledgeBaseId=base,
        dataSourceId=identifier,
        name=source.name,
        dataSourceConfiguration=dict(source.configuration),
        **cut,
        **{**kept, **source.deletion},
    )


_KEPT = ("description", "dataDeletionPolicy", "serverSideEncryptionConfiguration")
"""What UpdateDataSource would otherwise take away, and the configuration does not say."""


def _short(value: Any) -> str:
    return json.dumps(value, default=str)[:300]


def look_at_source(setup: Setup, base: str, identifier: str) -> Flow[dict[str, Any] | None]:
    """Return how AWS describes a data source; None: there is none."""
    found = yield from setup.look(_SERVICE, "GetDataSource", _CAPABILITY, knowledgeBaseId=base, dataSourceId=identifier)
    return None if found is None else found["dataSource"]


def _make_source(setup: Setup, base: str, source: SourceBlueprint) -> Flow[tuple[str, str]]:
    step = source_step(source.name)
    token = yield from setup.write(setup.manifest.token, step)
    yield from setup.write(setup.manifest.begin, step, SOURCE, source.name)
    cut = {"vectorIngestionConfiguration": dict(source.ingestion)} if source.ingestion else {}
    try:
        reply = yield from setup.ask(
            _SERVICE,
            "CreateDataSource",
            _CAPABILITY,
            clientToken=token,
            knowledgeBaseId=base,
            name=source.name,
            description=own_description(setup),
            dataSourceConfiguration=dict(source.configuration),
            **cut,
            **source.deletion,
        )
    except ConflictError:
        found = yield from find_source(setup, base, source.name)
        if found is None:
            raise
        return found, "adopted"
    except ServiceError as error:
        if was_refused(error):
            yield from setup.write(setup.manifest.gone, step)
        raise
    return str(reply["dataSource"]["dataSourceId"]), "created"


def find_source(setup: Setup, base: str, name: str) -> Flow[str | None]:
    """Return the id of the data source of that name, where it is ours; None: there is none.

    Raises:
        NotOursError: there is one, and it is not ours.
    """
    rows = yield from all_rows(setup, "ListDataSources", "dataSourceSummaries", _CAPABILITY, knowledgeBaseId=base)
    for row in rows:
        if row["name"] != name:
            continue
        if not str(row.get("description") or "").startswith(f"{MARK} {setup.blueprint.mark} "):
            raise NotOursError(
                f"data source {name} ({row['dataSourceId']}) exists and was not made by this set-up: it was not touched",
                kind=SOURCE,
                name=row["dataSourceId"],
            )
        return str(row["dataSourceId"])
    return None
