"""Waiting for an ingestion job: one call after another, each reported as such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Flow, Sleep
from bedrock_gateway._flow import call
from bedrock_gateway.errors import IngestionFailedError, TransportError
from bedrock_gateway.events import IngestionPolled

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Send
    from bedrock_gateway._flow import Context, Make
    from bedrock_gateway.results import IngestionJob

__all__ = ["poll_ingestion"]

_ENDED = frozenset({"COMPLETE", "FAILED", "STOPPED"})


def poll_ingestion(
    make: Make,
    ctx: Context,
    parse: Callable[[Any, Send], IngestionJob],
    *,
    capability: str,
    interval_seconds: float,
    timeout_seconds: float,
    on_progress: Callable[[IngestionJob], Any] | None = None,
) -> Flow[IngestionJob]:
    """Look at an ingestion job until it has ended."""
    operation, started = "GetIngestionJob", ctx.now()
    while True:
        job = yield from call(operation, make, ctx, parse, capability=capability)
        waited = ctx.now() - started
        ctx.emit(_polled(job, waited, local=ctx.local))
        if on_progress is not None:
            on_progress(job)
        if job.status in _ENDED:
            break
        if waited + interval_seconds > timeout_seconds:
            raise TransportError(
                f"ingestion job {job.id} is still {job.status} after {waited:.0f} s; it goes on: wait for it again",
                operation=operation,
                sent=True,
            )
        yield Sleep(interval_seconds)
    if job.status != "COMPLETE":
        why = f": {'; '.join(job.failure_reasons)[:500]}" if job.failure_reasons else ""
        raise IngestionFailedError(f"ingestion job {job.id} ended as {job.status}{why}", job=job)
    return job


def _polled(job: IngestionJob, waited: float, *, local: bool) -> IngestionPolled:
    return IngestionPolled(
        job.id,
        job.knowledge_base_id,
        job.status,
        job.documents_scanned,
        job.documents_indexed,
        job.documents_failed,
        round(waited, 3),
        local,
    )
