"""Creating and removing, step by step: what a step did is written down before the next begins.

Killed anywhere, going on converges to one knowledge base, and removing leaves nothing behind. The order is that of what
stands on what; removal goes the other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError, GatewayError, SetupIncompleteError
from bedrock_gateway.setup.knowledge import bedrock, marked, opensearch, removing, role, sources, vectors
from bedrock_gateway.setup.knowledge.checks import check_before, check_caller
from bedrock_gateway.setup.knowledge.ingestion import first_ingestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.results import IngestionJob
    from bedrock_gateway.setup.knowledge.account import Setup
    from bedrock_gateway.setup.knowledge.plan import Plan

__all__ = ["Created", "Removed", "begun", "create", "remove"]


@dataclass(frozen=True, slots=True)
class Created:
    """A knowledge base that is there, whole."""

    knowledge_base: str
    """Its configured name."""
    id: str
    role_arn: str
    data_sources: dict[str, str]
    """Name → id."""
    jobs: tuple[IngestionJob, ...]
    """The first ingestion of each data source; empty where none was asked for."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at before."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A knowledge base that is not there any more."""

    knowledge_base: str
    kept: tuple[str, ...] = ()
    """What is still there, and why."""


def create(setup: Setup, planned: Plan, declared: tuple[str, ...], *, ingest: bool = True) -> Flow[Created]:
    """Check, then make what is not there yet.

    Raises:
        SetupIncompleteError: it stopped; what exists is listed, the cause says why.
        GatewayError: it stopped before anything existed.
    """
    marked.check_names(setup)
    unseen = yield from check_before(setup, declared)
    step = "role"
    try:
        for step, make in _provisioned(setup, planned):  # noqa: B007 - named where it fails
            yield from make()
        step = bedrock.KNOWLEDGE_BASE
        base = yield from bedrock.ensure_knowledge_base(setup)
        ids: dict[str, str] = {}
        for source in setup.blueprint.sources:
            step, job = sources.source_step(source.name), f"ingestion {source.name}"
            known = setup.manifest.records.get(step)
            ids[source.name] = yield from sources.ensure_source(setup, base, source)
            if known is not None and known.id != ids[source.name] and job in setup.manifest.records:
                yield from setup.write(setup.manifest.gone, job)  # it read one that somebody removed since
        sources.tell_left(setup)
        jobs = []
        for source in setup.blueprint.synced if ingest else ():
            step = f"ingestion {source.name}"
            jobs.append((yield from first_ingestion(setup, base, source.name, ids[source.name])))
        yield from setup.write(setup.manifest.finish)
    except GatewayError as error:
        if not setup.manifest.records:
            raise
        raise _incomplete(setup, step, error, "resume") from error
    return Created(setup.blueprint.name, base, setup.blueprint.role_arn, ids, tuple(jobs), unseen)


def _provisioned(setup: Setup, planned: Plan) -> Iterator[tuple[str, Callable[[], Flow[None]]]]:
    """What set-up makes below the knowledge base, in order."""
    if setup.create_role:
        yield "role", partial(role.ensure_role, setup, planned.role, planned.boundary)
    if setup.blueprint.makes_store and setup.blueprint.store.name == "s3-vectors":
        yield "vector bucket", partial(vectors.ensure_bucket, setup)
        yield "vector index", partial(vectors.ensure_index, setup)
    elif setup.blueprint.makes_store:
        yield from opensearch.steps(setup)


def _incomplete(setup: Setup, step: str, error: GatewayError, then: str) -> SetupIncompleteError:
    exists = setup.manifest.existing
    listed = "; ".join(exists)
    return SetupIncompleteError(
        f"{step}: {error.message} | what exists: {listed} | `bedrock-gateway kb {then} {setup.blueprint.name}` goes on",
        step=step,
        exists=exists,
        manifest=str(setup.manifest.path),
    )


def remove(setup: Setup) -> Flow[Removed]:
    """Remove what this creation made, last made first; what is not ours is not touched.

    Raises:
        SetupIncompleteError: it stopped; what is left is listed, the cause says why.
    """
    marked.check_names(setup)
    yield from check_caller(setup)
    kept: list[str] = []
    step = "data source"
    try:
        for one in [one for one in setup.manifest.records if one.startswith("ingestion ")]:
            yield from setup.write(setup.manifest.gone, one)  # a job is nothing that stays
        for step, unmake in _removals(setup):  # noqa: B007 - named where it fails
            left = yield from unmake()
            kept += [left] if left else []
    except GatewayError as error:
        raise _incomplete(setup, step, error, "delete") from error
    yield from setup.write(setup.manifest.remove)
    return Removed(setup.blueprint.name, tuple(kept))


def _removals(setup: Setup) -> Iterator[tuple[str, Callable[[], Flow[str | None]]]]:
    """Everything that the manifest knows, last made first: also a source that the configuration has no more."""
    records = setup.manifest.records
    for step in [step for step, one in records.items() if one.kind == "data source"][::-1]:
        yield step, partial(removing.remove_source, setup, records[step].name)
    yield bedrock.KNOWLEDGE_BASE, partial(removing.remove_knowledge_base, setup)
    yield "vector index", partial(vectors.remove_index, setup)
    yield "vector bucket", partial(vectors.remove_bucket, setup)
    yield from opensearch.removals(setup)
    yield "role", partial(role.remove_role, setup)


def begun(name: str) -> ConfigError:
    """Return what is raised where there is no manifest."""
    return ConfigError(
        f"nothing is known of knowledge base {name!r} here: `kb create` or `kb resume` begins, and adopts what carries our "
        "tag; then it can be deleted"
    )
