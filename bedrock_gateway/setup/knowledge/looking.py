"""How a knowledge base is: what the manifest knows, and what AWS says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.setup.knowledge.bedrock import all_rows, knowledge_base_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = ["SourceStatus", "Status", "status"]


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One data source."""

    name: str
    id: str
    status: str
    job: str | None = None
    """Status of the latest ingestion job; None: there was none."""
    statistics: Mapping[str, int] = field(default_factory=dict)
    """AWS's counts of that job, such as ``numberOfDocumentsScanned``."""


@dataclass(frozen=True, slots=True)
class Status:
    """One knowledge base."""

    knowledge_base: str
    id: str | None
    """None: AWS has not assigned one, as far as is known here."""
    status: str
    """AWS's, such as ``ACTIVE``; ``absent`` where there is none, ``unknown`` where no id is known."""
    begun: bool
    """Whether a creation was begun here and is not complete: `kb resume` goes on."""
    existing: tuple[str, ...] = ()
    """What the manifest knows to exist."""
    failure_reasons: tuple[str, ...] = ()
    sources: tuple[SourceStatus, ...] = ()


def status(setup: Setup, declared: tuple[str, ...], *, known: bool) -> Flow[Status]:
    """Look; changes nothing. *known*: whether there is a manifest.

    Raises:
        ConfigError: the principal may not look.
    """
    name, manifest = setup.blueprint.name, setup.manifest
    begun = known and not manifest.complete
    identifier = knowledge_base_id(setup)
    if identifier is None:
        return Status(name, None, "unknown", begun, manifest.existing)
    capability = next((one for one in ("kb-create", "kb-read") if one in declared), None)
    if capability is None:
        raise ConfigError("looking at a knowledge base needs the capability kb-create or kb-read")
    found = yield from setup.look("bedrock-agent", "GetKnowledgeBase", capability, knowledgeBaseId=identifier)
    if found is None:
        return Status(name, identifier, "absent", begun, manifest.existing)
    base = found["knowledgeBase"]
    rows = yield from all_rows(setup, "ListDataSources", "dataSourceSummaries", capability, knowledgeBaseId=identifier)
    sources: list[SourceStatus] = []
    for row in rows:
        sources += [(yield from _source(setup, identifier, row, declared))]
    reasons = tuple(str(one) for one in base.get("failureReasons") or ())
    return Status(name, identifier, str(base["status"]), begun, manifest.existing, reasons, tuple(sources))


def _source(setup: Setup, base: str, row: Mapping[str, Any], declared: tuple[str, ...]) -> Flow[SourceStatus]:
    identifier = str(row["dataSourceId"])
    capability = next((one for one in ("kb-ingest", "kb-read") if one in declared), None)
    latest: Mapping[str, Any] = {}
    if capability is not None:
        newest = {"attribute": "STARTED_AT", "order": "DESCENDING"}
        reply = yield from setup.ask(
            "bedrock-agent",
            "ListIngestionJobs",
            capability,
            knowledgeBaseId=base,
            dataSourceId=identifier,
            sortBy=newest,
            maxResults=1,
        )
        latest = next(iter(reply.get("ingestionJobSummaries") or ()), {})
    counts = {str(key): int(value) for key, value in (latest.get("statistics") or {}).items()}
    return SourceStatus(str(row["name"]), identifier, str(row["status"]), latest.get("status"), counts)
