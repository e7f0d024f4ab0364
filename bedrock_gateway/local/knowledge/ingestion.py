"""Ingestion jobs: the requests that start, show and stop them. The work itself is in `indexing`, on a thread a job."""

from __future__ import annotations

import threading
from typing import Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge import indexing
from bedrock_gateway.local.knowledge.connectors import refuse_unread
from bedrock_gateway.local.knowledge.store import (
    DataSource,
    Job,
    KnowledgeBase,
    data_source,
    invalid,
    missing,
    new_id,
    now,
    once,
    page,
    present,
    store_of,
)

__all__ = ["HANDLERS"]

_MOST_JOBS = 5
"""Of one account in one Region, one for each knowledge base. Source: Service Quotas, "Concurrent ingestion jobs per account";
the words of the refusal are ours."""
_SORT_KEYS = {"STATUS": lambda job: job.status, "STARTED_AT": lambda job: job.started_at}


def _shown(job: Job, *, with_reasons: bool = True) -> dict[str, Any]:
    return present(
        {
            "knowledgeBaseId": job.knowledge_base_id,
            "dataSourceId": job.data_source_id,
            "ingestionJobId": job.job_id,
            "description": job.description,
            "status": job.status,
            "statistics": dict(job.statistics),
            "failureReasons": list(job.failure_reasons) or None if with_reasons else None,
            "startedAt": job.started_at,
            "updatedAt": job.updated_at,
        }
    )


def _make(call: Call, base: KnowledgeBase, source: DataSource) -> str:
    running = base.running_job()
    if running is not None:
        raise Fault("ConflictException", f"There is an ongoing ingestion job with ID {running.job_id} for the knowledge base with ID {base.knowledge_base_id}. Wait until it ends and retry your request.", 409)  # fmt: skip
    busy = sum(other.running_job() is not None for other in store_of(call).in_region(call.region))
    if busy >= _MOST_JOBS:
        raise Fault("ServiceQuotaExceededException", f"The account has {busy} ongoing ingestion jobs in {call.region}, as many as it may. Wait until one ends and retry your request.", 402)  # fmt: skip
    job = Job(
        base.knowledge_base_id,
        source.data_source_id,
        new_id(),
        call.params.get("description"),
        statistics=indexing.no_statistics(),
    )
    source.jobs[job.job_id] = job
    return job.job_id


def start_ingestion_job(call: Call) -> Reply:
    """Serve StartIngestionJob: one job at a time for a knowledge base."""
    base, source = data_source(call)
    if source.configuration["type"] == "CUSTOM":
        raise invalid("A data source of type CUSTOM is not synced; ingest its documents with IngestKnowledgeBaseDocuments.")  # fmt: skip
    refuse_unread(source)
    scope = (base.knowledge_base_id, source.data_source_id)
    with store_of(call).lock:
        job = source.jobs[once(call, scope, lambda: _make(call, base, source))]
        reply = Reply({"ingestionJob": _shown(job)})
        if not job.begun:
            job.begun = True
            work = threading.Thread(
                target=indexing.run, args=(call, base, source, job), name=f"ingestion-{job.job_id}", daemon=True
            )
            work.start()
    return reply


def _job(call: Call) -> Job:
    _, source = data_source(call)
    job = source.jobs.get(call.params["ingestionJobId"])
    if job is None:
        raise missing("IngestionJob", call.params["ingestionJobId"])
    return job


def get_ingestion_job(call: Call) -> Reply:
    """Serve GetIngestionJob."""
    return Reply({"ingestionJob": _shown(_job(call))})


def list_ingestion_jobs(call: Call) -> Reply:
    """Serve ListIngestionJobs: newest first unless asked otherwise."""
    _, source = data_source(call)
    wanted = [value for each in call.params.get("filters") or () for value in each["values"]]
    jobs = [job for job in list(source.jobs.values()) if not wanted or job.status in wanted]
    order = call.params.get("sortBy") or {"attribute": "STARTED_AT", "order": "DESCENDING"}
    jobs.sort(key=_SORT_KEYS[order["attribute"]], reverse=order["order"] == "DESCENDING")
    rows, following = page(call, jobs)
    return Reply({"ingestionJobSummaries": [_shown(job, with_reasons=False) for job in rows], **following})


def stop_ingestion_job(call: Call) -> Reply:
    """Serve StopIngestionJob: the job ends after the document that it is at."""
    job = _job(call)
    with store_of(call).lock:
        if job.ended.is_set():
            raise Fault("ConflictException", f"The ingestion job with ID {job.job_id} has ended with status {job.status} and cannot be stopped.", 409)  # fmt: skip
        job.stop_requested.set()
        job.status, job.updated_at = "STOPPING", now()
    return Reply({"ingestionJob": _shown(job)})


HANDLERS: Handlers = {
    ("bedrock-agent", "StartIngestionJob"): start_ingestion_job,
    ("bedrock-agent", "GetIngestionJob"): get_ingestion_job,
    ("bedrock-agent", "ListIngestionJobs"): list_ingestion_jobs,
    ("bedrock-agent", "StopIngestionJob"): stop_ingestion_job,
}
