"""Filling a knowledge base: one job at a time, waited for, with what failed and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _requests, _responses
from bedrock_gateway._commands import Send
from bedrock_gateway._flow.ingestion import poll_ingestion
from bedrock_gateway.errors import ConfigError, IngestionFailedError
from bedrock_gateway.setup.knowledge.bedrock import all_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.results import IngestionJob
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = ["FailedDocument", "failed_documents", "first_ingestion", "ingest_again", "source_ids"]

_INGESTION = "ingestion"
_CAPABILITY = "kb-ingest"
_FILES = re.compile(r"\s*\[Files?: (?P<files>[^\]]*)\]\.?")


@dataclass(frozen=True, slots=True)
class FailedDocument:
    """A document that an ingestion job could not take."""

    uri: str
    reason: str


def failed_documents(job: IngestionJob) -> tuple[FailedDocument, ...]:
    """Return the documents that AWS names among a job's reasons; it names not all of many."""
    return tuple(_failed(job))


def _failed(job: IngestionJob) -> Iterator[FailedDocument]:
    for reason in job.failure_reasons:
        for found in _FILES.finditer(reason):
            text = " ".join(_FILES.sub("", reason).split())
            for uri in found["files"].split(","):
                if uri.strip():
                    yield FailedDocument(uri.strip(), text)


def _step(name: str) -> str:
    return f"{_INGESTION} {name}"


def first_ingestion(setup: Setup, base: str, source: str, identifier: str) -> Flow[IngestionJob]:
    """Start the first job of a data source, or find the one that was started, and wait for it.

    Raises:
        IngestionFailedError: it ended otherwise; the next attempt starts another.
    """
    manifest, step = setup.manifest, _step(source)
    record = manifest.records.get(step)
    if record is None or record.id is None:
        token = yield from setup.write(manifest.token, step)
        yield from setup.write(manifest.begin, step, _INGESTION, source)
        job = yield from _start(setup, base, source, identifier, token)
        yield from setup.write(manifest.exists, step, _INGESTION, source, identifier=job.id)
    else:
        job = _known(setup, base, identifier, record.id)
    try:
        return (yield from _wait(setup, source, job))
    except IngestionFailedError:
        yield from setup.write(manifest.renew, step)
        raise


def ingest_again(setup: Setup, base: str, source: str, identifier: str, token: str) -> Flow[IngestionJob]:
    """Start a job after every other of the knowledge base has ended, and wait for it."""
    job = yield from _start(setup, base, source, identifier, token)
    return (yield from _wait(setup, source, job))


def _known(setup: Setup, base: str, source_id: str, job_id: str) -> IngestionJob:
    from bedrock_gateway.results import IngestionJob

    return IngestionJob(
        id=job_id,
        knowledge_base_id=base,
        data_source_id=source_id,
        status="STARTING",
        knowledge_base=setup.blueprint.name,
    )


def _start(setup: Setup, base: str, source: str, identifier: str, token: str) -> Flow[IngestionJob]:
    """Queue: AWS runs one job a knowledge base, and says so until the other has ended."""
    params = {"knowledgeBaseId": base, "dataSourceId": identifier, "clientToken": token}

    def start() -> Flow[dict[str, Any]]:
        return (yield from setup.ask("bedrock-agent", "StartIngestionJob", _CAPABILITY, **params))

    reply = yield from setup.insist(_INGESTION, source, setup.patience.queue, "StartIngestionJob", start)
    send = Send("bedrock-agent", "StartIngestionJob", params, knowledge_base=setup.blueprint.name)
    return _read(setup, reply, send)


def _read(setup: Setup, reply: Any, send: Send) -> IngestionJob:
    return replace(_responses.ingestion_job(reply, send), local=setup.context.local)


def _wait(setup: Setup, source: str, job: IngestionJob) -> Flow[IngestionJob]:
    started = setup.context.now()
    ended: IngestionJob = yield from poll_ingestion(
        lambda: _requests.get_ingestion(setup.config, job),
        setup.context,
        partial(_read, setup),
        capability=_CAPABILITY,
        interval_seconds=setup.patience.first_wait,
        timeout_seconds=setup.patience.ingestion,
    )
    counts = f"{ended.documents_scanned} scanned, {ended.documents_indexed} indexed, {ended.documents_failed} failed"
    setup.tell(_INGESTION, "complete", f"{source} {ended.id}", reason=counts, since=started)
    return ended


def source_ids(setup: Setup, base: str, declared: tuple[str, ...]) -> Flow[dict[str, str]]:
    """Return name → id of the data sources of the configuration that jobs read.

    Raises:
        ConfigError: the principal may not list them, or one is not there.
    """
    record = {
        one.name: setup.manifest.records[f"data source {one.name}"].id
        for one in setup.blueprint.synced
        if f"data source {one.name}" in setup.manifest.records
    }
    known = {name: identifier for name, identifier in record.items() if identifier}
    wanted = [one.name for one in setup.blueprint.synced]
    if set(wanted) <= set(known):
        return {name: known[name] for name in wanted}
    capability = next((one for one in ("kb-create", "kb-read") if one in declared), None)
    if capability is None:
        raise ConfigError("data sources are found by name: that needs the capability kb-create or kb-read")
    rows = yield from all_rows(setup, "ListDataSources", "dataSourceSummaries", capability, knowledgeBaseId=base)
    found = {str(row["name"]): str(row["dataSourceId"]) for row in rows}
    for name in wanted:
        if name not in found:
            raise ConfigError(
                f"knowledge base {setup.blueprint.name!r} has no data source {name}: `kb resume` makes it"
            )
    return {name: found[name] for name in wanted}
