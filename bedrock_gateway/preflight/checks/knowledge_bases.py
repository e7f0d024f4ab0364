"""KB: the knowledge bases that are declared, their data sources, their last ingestion, and the role they act as."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import GatewayError, NotFoundError
from bedrock_gateway.preflight.checks.roles import read_role
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe, aware, worst
from bedrock_gateway.preflight.trust import judge_trust

if TYPE_CHECKING:
    from bedrock_gateway.preflight.report import Status

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]
Judging = Generator[Asking, Any, Finding]

_OLD = timedelta(days=30)
_FAILED_FAILS = 0.05


def _bases(probe: Probe) -> dict[str, str]:
    """Name → id of the knowledge bases that are looked at."""
    return {name: probe.config.knowledge_bases[name].id or "" for name in probe.base_names}


def _each(judge: Callable[[Probe, str, str], Judging]) -> Check:
    def check(probe: Probe) -> Checking:
        findings = []
        for name, base in _bases(probe).items():
            if not base:
                said = f"{name} has no id in the configuration yet"
                findings.append(Finding("not_applicable", said))
                continue
            findings.append((yield from judge(probe, name, base)))
        return worst(findings, "no knowledge base is declared")

    return check


def _base(probe: Probe, base: str) -> Generator[Asking, Any, dict[str, Any]]:
    reply = yield from probe.read("bedrock-agent", "GetKnowledgeBase", knowledgeBaseId=base)
    found: dict[str, Any] = reply["knowledgeBase"]
    return found


def _missing(judge: Callable[[Probe, str, str], Judging]) -> Callable[[Probe, str, str], Judging]:
    """A knowledge base that is not there is the finding of KB-01 alone."""

    def judged(probe: Probe, name: str, base: str) -> Judging:
        try:
            return (yield from judge(probe, name, base))
        except NotFoundError:
            return Finding("not_applicable", f"{name} does not exist, see KB-01")

    return judged


def _kb_01(probe: Probe, name: str, base: str) -> Judging:
    try:
        found = yield from _base(probe, base)
    except NotFoundError:
        advice = f"Correct `id` of [knowledge_base.{name}], or make it: bedrock-gateway kb create {name}."
        return Finding("fail", f"{name} ({base}) does not exist in {probe.config.region}", advice=advice)
    status = found.get("status")
    if status == "ACTIVE":
        return Finding("pass", f"{name} is active")
    why = "; ".join(found.get("failureReasons") or [])[:200]
    said = f"{name} is {status}{': ' + why if why else ''}"
    return Finding("warn" if status in {"CREATING", "UPDATING"} else "fail", said)


def _sources(probe: Probe, base: str) -> Generator[Asking, Any, list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"knowledgeBaseId": base}
    while True:
        reply = yield from probe.read("bedrock-agent", "ListDataSources", **params)
        found += reply.get("dataSourceSummaries", [])
        if not reply.get("nextToken"):
            return found
        params["nextToken"] = reply["nextToken"]


_DEAD = frozenset({"FAILED", "DELETE_UNSUCCESSFUL"})
"""From which a data source does not come back by itself."""


@_missing
def _kb_02(probe: Probe, name: str, base: str) -> Judging:
    sources = yield from _sources(probe, base)
    if not sources:
        return Finding("warn", f"{name} has no data source")
    broken = [f"{one.get('name')} is {one.get('status')}" for one in sources if one.get("status") != "AVAILABLE"]
    if broken:
        dead = any(one.get("status") in _DEAD for one in sources)
        return Finding("fail" if dead else "warn", f"{name}: {', '.join(broken)}")
    return Finding("pass", f"{name}: {len(sources)} data source(s) available")


def _last_jobs(probe: Probe, base: str) -> Generator[Asking, Any, list[tuple[str, dict[str, Any] | None]]]:
    """(name of the data source, its last job or None)."""
    sources = yield from _sources(probe, base)
    newest = {"sortBy": {"attribute": "STARTED_AT", "order": "DESCENDING"}, "maxResults": 1}
    asked = {
        one["dataSourceId"]: {"knowledgeBaseId": base, "dataSourceId": one["dataSourceId"], **newest} for one in sources
    }
    last: dict[str, dict[str, Any] | None] = dict.fromkeys(asked)
    while asked:
        replies = yield from probe.read_each(
            [Send("bedrock-agent", "ListIngestionJobs", one) for one in asked.values()]
        )
        for source, reply in zip(list(asked), replies, strict=True):
            last[source] = next(iter(reply["ingestionJobSummaries"]), None)
            if last[source] is None and reply.get("nextToken"):
                asked[source] = {**asked[source], "nextToken": reply["nextToken"]}
            else:
                del asked[source]
    return [(str(one.get("name")), last[one["dataSourceId"]]) for one in sources]


@_missing
def _kb_03(probe: Probe, name: str, base: str) -> Judging:
    jobs = yield from _last_jobs(probe, base)
    command = f"bedrock-gateway kb ingest {name}"
    findings = list(_judged_jobs(probe, name, jobs, command))
    return worst(findings, f"{name} has no data source, see KB-02")


def _judged_jobs(
    probe: Probe, name: str, jobs: list[tuple[str, dict[str, Any] | None]], command: str
) -> Iterator[Finding]:
    now = probe.now
    for source, job in jobs:
        if job is None:
            yield Finding("warn", f"{name}: {source} was never ingested", command=command)
        elif job.get("status") == "FAILED":
            yield Finding("fail", f"{name}: the last ingestion of {source} failed", command=command)
        elif job.get("status") != "COMPLETE":
            yield Finding("warn", f"{name}: the ingestion of {source} is {job.get('status')}")
        elif (started := job.get("startedAt")) and now - aware(started) > _OLD:
            days = (now - aware(started)).days
            yield Finding("warn", f"{name}: {source} was last ingested {days} days ago", command=command)
        else:
            yield Finding("pass", f"{name}: {source} is ingested")


@_missing
def _kb_04(probe: Probe, name: str, base: str) -> Judging:
    jobs = yield from _last_jobs(probe, base)
    findings = []
    for source, job in jobs:
        if job is None:
            continue  # KB-03 says so
        statistics = job.get("statistics")
        if statistics is None:
            findings.append(Finding("unknown", f"{name}: AWS counts no documents of {source}"))
            continue
        failed, scanned = statistics.get("numberOfDocumentsFailed", 0), statistics.get("numberOfDocumentsScanned", 0)
        said = f"{name}: {failed} of {scanned} documents of {source} failed"
        status: Status = "pass" if not failed else "fail" if failed > scanned * _FAILED_FAILS else "warn"
        findings.append(Finding(status, said, command=f"bedrock-gateway kb status {name}" if failed else None))
    return worst(findings, f"nothing of {name} was ever ingested, see KB-02 and KB-03")


@_missing
def _kb_05(probe: Probe, name: str, base: str) -> Judging:
    found = yield from _base(probe, base)
    vectors = found.get("knowledgeBaseConfiguration", {}).get("vectorKnowledgeBaseConfiguration") or {}
    arn = str(vectors.get("embeddingModelArn") or "")
    if not arn:
        return Finding("not_applicable", f"{name} embeds nothing")
    region, model = arn.split(":")[3], arn.rpartition("/")[2]
    if region != probe.config.region:
        return Finding("fail", f"{name} embeds with {model} of {region}, not of {probe.config.region}", {"model": arn})
    declared = probe.config.knowledge_bases[name].embedding_model
    if model != declared.rpartition("/")[2]:
        return Finding("warn", f"{name} embeds with {model}, declared is {declared}", {"model": arn})
    return Finding("pass", f"{name} embeds with {model}")


@_missing
def _kb_06(probe: Probe, name: str, base: str) -> Judging:
    found = yield from _base(probe, base)
    arn = str(found.get("roleArn") or "")
    try:
        role = yield from read_role(probe, arn)
    except NotFoundError:
        return Finding("fail", f"{name}: its role {arn.rpartition('/')[2]} does not exist", {"role": arn})
    scope = replace(probe.scope, knowledge_bases=(base,))
    verdict = judge_trust(role.get("AssumeRolePolicyDocument") or "{}", scope, f"knowledge-base/{base}")
    if verdict.corrected is None:
        return Finding(verdict.status, f"{name}: {verdict.summary}", {"role": arn})
    document = verdict.corrected.to_json()
    command = f"aws iam update-assume-role-policy --role-name {arn.rpartition('/')[2]} --policy-document {shlex.quote(document)}"
    return Finding(verdict.status, f"{name}: {verdict.summary}", {"role": arn}, command, document)


@_missing
def _kb_07(probe: Probe, name: str, base: str) -> Judging:
    found = yield from _base(probe, base)
    target = {"Region": (3, probe.config.region), "account": (4, probe.config.account)}
    stores = list(_arns(found.get("storageConfiguration") or {}))
    if not stores:
        return Finding("not_applicable", f"{name}: AWS names no store of it")
    for member, arn in stores:
        parts = arn.split(":")
        for what, (at, wanted) in target.items():
            if parts[at] and parts[at] != wanted:
                return Finding("fail", f"{name}: {member} is of {what} {parts[at]}, not {wanted}", {member: arn})
    return Finding("pass", f"{name}: its store is of this Region and account")


def _arns(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _arns(inner, key)
    elif isinstance(value, str) and value.startswith("arn:") and value.count(":") >= 5:  # noqa: PLR2004
        yield name, value


@_missing
def _kb_08(probe: Probe, name: str, base: str) -> Judging:
    found = yield from _base(probe, base)
    sources = yield from _sources(probe, base)
    questions = [
        Send("bedrock-agent", "GetDataSource", {"knowledgeBaseId": base, "dataSourceId": one["dataSourceId"]})
        for one in sources
    ]
    outcomes = yield from probe.outcomes(questions)
    managed = found.get("knowledgeBaseConfiguration", {}).get("managedKnowledgeBaseConfiguration")
    without = ["what AWS keeps of it"] if managed is not None and not _key(managed) else []
    for question, one, outcome in zip(questions, sources, outcomes, strict=True):
        if isinstance(outcome, NotFoundError):  # gone since
            continue
        if isinstance(outcome, GatewayError):
            raise probe.blamed(question, outcome)
        without += [] if _key(outcome["dataSource"]) else [f"data source {one.get('name')}"]
    if without:
        return Finding(
            "warn", f"{name}: no key of your own encrypts {', '.join(without)}", {"without": ", ".join(without)}
        )
    if managed is None and not sources:
        return Finding("not_applicable", f"{name} has no data source, see KB-02")
    return Finding("pass", f"{name}: keys of your own encrypt what Bedrock keeps while it reads")


def _key(of: dict[str, Any]) -> Any:
    return (of.get("serverSideEncryptionConfiguration") or {}).get("kmsKeyArn")


_ANSWERS = frozenset({"rag", "rag-stream", "rag-document"})
_OTHERS = ("embed", "rerank")
"""Capabilities, and words in the ids of models that answer nothing."""


def _kb_09(probe: Probe) -> Checking:
    findings = []
    for text in _answering(probe):
        model = parse_model_id(text)
        if model.model is None:
            findings.append(Finding("not_applicable", f"{text}: its id does not tell which model it is"))
            continue
        try:
            reply = yield from probe.read("bedrock", "GetFoundationModel", modelIdentifier=model.model)
        except NotFoundError:
            findings.append(Finding("not_applicable", f"{text} is not there, see MOD-01"))
            continue
        findings.append(_accepted(text, model.kind, reply["modelDetails"]))
    return worst(findings, "nobody answers from a knowledge base")


def _answering(probe: Probe) -> list[str]:
    """The models of whoever answers from knowledge bases, but those that it has for something else."""
    found = []
    for one in probe.config.principals.values():
        if _ANSWERS & set(one.capabilities):
            other = [word for word in _OTHERS if word in one.capabilities]
            found += [text for text in one.models if not any(word in text for word in other)]
    return list(dict.fromkeys(found))


def _accepted(text: str, kind: str, details: dict[str, Any]) -> Finding:
    given, taken = details.get("outputModalities"), details.get("inferenceTypesSupported")
    if given is None:
        return Finding("unknown", f"{text}: AWS does not say what it answers with")
    if "TEXT" not in given or "TEXT" not in (details.get("inputModalities") or ["TEXT"]):
        said = f"{text} does not answer text with text ({', '.join(given)}): RetrieveAndGenerate refuses it"
        return Finding("fail", said, advice="Declare a model that converses.")
    if kind == "on-demand" and taken and "ON_DEMAND" not in taken:
        advice = "Declare an inference profile of it."
        return Finding("fail", f"{text} cannot be called by its bare id: RetrieveAndGenerate refuses it", advice=advice)
    return Finding("pass", f"{text} answers text with text")


CHECKS: dict[str, Check] = {
    "KB-01": _each(_kb_01),
    "KB-02": _each(_kb_02),
    "KB-03": _each(_kb_03),
    "KB-04": _each(_kb_04),
    "KB-05": _each(_kb_05),
    "KB-06": _each(_kb_06),
    "KB-07": _each(_kb_07),
    "KB-08": _each(_kb_08),
    "KB-09": _kb_09,
}
