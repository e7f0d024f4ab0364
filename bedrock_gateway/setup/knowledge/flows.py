"""The flows behind the functions: from a gateway and a name to a plan, a manifest and the saga."""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Record
from bedrock_gateway.errors import ConfigError, GatewayError
from bedrock_gateway.setup.knowledge import documents, ingestion, looking, saga
from bedrock_gateway.setup.knowledge.account import Patience, Setup
from bedrock_gateway.setup.knowledge.bedrock import knowledge_base_id
from bedrock_gateway.setup.knowledge.blueprint import Blueprint, blueprint_of
from bedrock_gateway.setup.knowledge.manifest import Manifest, manifest_path
from bedrock_gateway.setup.knowledge.plan import Plan, plan

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.results import IngestionJob
    from bedrock_gateway.setup.knowledge.documents import Uploaded
    from bedrock_gateway.setup.knowledge.looking import Status
    from bedrock_gateway.setup.knowledge.saga import Created, Removed

    Folder = str | os.PathLike[str]

__all__ = ["creation", "filling", "removal", "state", "uploading"]


def _declared(gateway: Any) -> tuple[str, ...]:
    return tuple(gateway.config.principals[gateway.principal].capabilities)


def _setup(gateway: Any, blueprint: Blueprint, manifest: Manifest, patience: Patience | None) -> Setup:
    context = gateway._context  # noqa: SLF001 - one package
    return Setup(gateway.config, blueprint, context, manifest, patience or Patience(), manifest.create_role)


def creation(
    gateway: Any, name: str, folder: Folder, create_role: bool, fill: bool, patience: Patience | None, *, resumed: bool
) -> Flow[Created]:
    """Check, make what is not there, and write down each step."""
    blueprint = blueprint_of(gateway.config, name)
    path = manifest_path(folder, blueprint)
    manifest: Manifest | None = (yield Record(partial(Manifest.open, path, blueprint))) if resumed else None
    if manifest is None:
        _planned(gateway, name, create_role=create_role)  # what is wrong with it, before there is a file
        manifest = yield Record(partial(Manifest.new, path, blueprint, create_role=create_role))
    try:
        manifest.check_unchanged(blueprint)
        planned = _planned(gateway, name, create_role=manifest.create_role)
        setup = _setup(gateway, blueprint, manifest, patience)
        return (yield from saga.create(setup, planned, _declared(gateway), ingest=fill))
    except GatewayError:
        if not manifest.records:
            yield Record(manifest.remove)
        raise
    finally:
        manifest.close()


def _planned(gateway: Any, name: str, *, create_role: bool) -> Plan:
    planned = plan(gateway.config, name, principal=gateway.principal, create_role=create_role)
    if planned.missing:
        raise ConfigError(
            f"principal {gateway.principal!r} lacks {', '.join(planned.missing)}: add them to its capabilities, and "
            "attach the policy that `bedrock-gateway policy` prints",
            key_path=f"principals.{gateway.principal}.capabilities",
        )
    return planned


def removal(gateway: Any, name: str, folder: Folder, patience: Patience | None) -> Flow[Removed]:
    """Remove what the manifest knows."""
    blueprint = blueprint_of(gateway.config, name)
    manifest: Manifest | None = yield Record(partial(Manifest.open, manifest_path(folder, blueprint), blueprint))
    if manifest is None:
        raise saga.begun(name)
    try:
        return (yield from saga.remove(_setup(gateway, blueprint, manifest, patience)))
    finally:
        manifest.close()


def _looking(gateway: Any, name: str, folder: Folder, patience: Patience | None = None) -> Flow[tuple[Setup, bool]]:
    """A set-up that changes nothing, and whether there is a manifest."""
    blueprint = blueprint_of(gateway.config, name)
    path = manifest_path(folder, blueprint)
    found: Manifest | None = yield Record(partial(Manifest.peek, path, blueprint))
    empty = Manifest(path, blueprint.account, blueprint.region, blueprint.application, name, "")
    return _setup(gateway, blueprint, found or empty, patience), found is not None


def state(gateway: Any, name: str, folder: Folder) -> Flow[Status]:
    """Look, and change nothing."""
    setup, known = yield from _looking(gateway, name, folder)
    return (yield from looking.status(setup, _declared(gateway), known=known))


def filling(gateway: Any, name: str, folder: Folder, patience: Patience | None) -> Flow[tuple[IngestionJob, ...]]:
    """Read every data source anew, one job after the other."""
    setup, _ = yield from _looking(gateway, name, folder, patience)
    base = knowledge_base_id(setup)
    if base is None:
        raise ConfigError(f"knowledge base {name!r} has no id yet: `kb create {name}` makes it")
    if not setup.blueprint.synced:
        raise ConfigError(
            f"knowledge base {name!r} has no source that a job reads: documents are handed over to a custom one",
            key_path=f"knowledge_base.{name}.source",
        )
    ids = yield from ingestion.source_ids(setup, base, _declared(gateway))
    jobs = []
    for source, identifier in ids.items():
        token = str(uuid.uuid4())
        jobs.append((yield from ingestion.ingest_again(setup, base, source, identifier, token)))
    return tuple(jobs)


def uploading(gateway: Any, name: str, folder: Path, source: int) -> Flow[Uploaded]:
    """Put the documents of a folder into the bucket of a source."""
    setup, _ = yield from _looking(gateway, name, folder)
    sources = setup.blueprint.sources
    if not 0 <= source < len(sources):
        raise ConfigError(f"knowledge base {name!r} has no source number {source} in the configuration")
    if not sources[source].bucket:
        raise ConfigError(
            f"source number {source} of knowledge base {name!r} is of type {sources[source].kind.name!r}: only a bucket "
            "takes an upload",
            key_path=f"knowledge_base.{name}.source.{source}",
        )
    return (yield from documents.upload(setup, sources[source], folder))
