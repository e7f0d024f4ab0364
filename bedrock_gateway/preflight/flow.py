"""The preflight as one flow: each check is a generator; they share AWS's answers and wait for each other's outcome."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Send
from bedrock_gateway._responses import BODY
from bedrock_gateway.capabilities import Scope
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    GatewayError,
    MalformedResponseError,
    ServiceError,
    TransportError,
)
from bedrock_gateway.events import CheckEnded, PreflightEnded
from bedrock_gateway.preflight.catalogue import ALWAYS_SENT, IAM_ACTIONS, Level, Row, rows
from bedrock_gateway.preflight.fixes import grant
from bedrock_gateway.preflight.report import CheckResult, Fix, Report, Status

if TYPE_CHECKING:
    from bedrock_gateway.config import GatewayConfig, PrincipalConfig
    from bedrock_gateway.preflight.facts import Facts

__all__ = ["Check", "Finding", "Probe", "Reading", "level_of", "run"]

EVIDENCE_LIMIT = 300
BUDGET_SECONDS = 60.0

Reading = Generator[Send, Any, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check concludes."""

    status: Status
    summary: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None
    document: str | None = None
    iam_action: str | None = None
    advice: str | None = None
    """What to do, where the row of the catalogue does not say it of this finding."""


@dataclass(slots=True)
class Probe:
    """What a check is given: what was declared, what the process knows, and a way to ask AWS once."""

    config: GatewayConfig
    name: str
    principal: PrincipalConfig
    level: Level
    facts: Facts
    replies: dict[str, dict[str, Any] | GatewayError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    last: dict[str, Any] | GatewayError | None = None
    silent: dict[str, GatewayError] = field(default_factory=dict)
    """Services that cannot be reached: they are asked once."""
    clock: Callable[[], float] = time.monotonic
    until: float = math.inf
    """When nothing is asked any more, on *clock*."""

    @property
    def scope(self) -> Scope:
        """The account and Region and, as far as it is known yet, all that the principal's capabilities apply to."""
        config = self.config
        try:
            return config.scope(self.name)
        except ConfigError:  # a knowledge base has no id yet: nothing that is looked at here depends on it
            return Scope(region=config.region, account=config.account, partition=config.partition)

    def read(self, service: str, operation: str, **params: Any) -> Generator[Send, Any, dict[str, Any]]:
        """Ask AWS, or give the answer an earlier check had.

        Raises:
            GatewayError: AWS refused, or no answer came.
        """
        name = f"{service}:{operation}"
        if name not in IAM_ACTIONS:
            raise AssertionError(f"{name} is not in the catalogue")
        key = f"{name}{sorted(params.items())}"
        self.calls.append(name)
        if key not in self.replies:
            try:
                self.replies[key] = yield from self._ask(service, operation, params)
            except GatewayError as error:
                self.replies[key] = error
                if isinstance(error, TransportError):
                    self.silent[service] = error
        self.last = self.replies[key]
        if isinstance(self.last, GatewayError):
            raise self.last
        return self.last

    def _ask(self, service: str, operation: str, params: dict[str, Any]) -> Generator[Send, Any, dict[str, Any]]:
        if service in self.silent:
            raise self.silent[service]
        if self.clock() > self.until:
            raise TransportError(
                f"a preflight asks no longer than {BUDGET_SECONDS:g} s", operation=operation, sent=False
            )
        reply: dict[str, Any] = yield Send(service, operation, params)
        kind = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-type", "")
        needed = ALWAYS_SENT.get(f"{service}:{operation}")
        # Of Bedrock's replies the driver keeps the body: AWS says "nothing" as {}, a middle box as no byte at all.
        if kind.startswith("text/html") or reply.get(BODY) == b"" or (needed and needed not in reply):
            raise MalformedResponseError(
                f"{operation}: what answered is not AWS; a proxy or a portal may stand between", operation=operation
            )
        return reply


Check = Callable[[Probe], Generator[Send, Any, Finding]]


def level_of(principal: PrincipalConfig) -> Level:
    """Return the level a principal is granted."""
    return "standard" if "preflight-standard" in principal.capabilities else "minimal"


def _checks() -> Mapping[str, Check]:
    from bedrock_gateway.preflight import checks_logging, checks_models, checks_process, checks_roles

    return checks_process.CHECKS | checks_logging.CHECKS | checks_roles.CHECKS | checks_models.CHECKS


def run(
    config: GatewayConfig,
    principal: str | None,
    level: Level | None,
    facts: Facts,
    *,
    emit: Callable[[Any], None] = lambda _event: None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Send, Any, Report]:
    """Run every check of *level* (None: what *principal* is granted) and return the report."""
    name = config.principal_name(principal)
    declared = config.principals[name]
    level = level or level_of(declared)
    checks, started = _checks(), clock()
    probe = Probe(config, name, declared, level, facts, clock=clock, until=started + BUDGET_SECONDS)
    results: dict[str, CheckResult] = {}
    for row in rows(level):
        result = yield from _one(row, checks[row.id], probe, results, clock)
        results[row.id] = result
        emit(CheckEnded(row.id, result.status, name, config.region, result.duration_seconds, config.local))
    report = Report(
        tuple(results.values()), level, name, config.account, config.region, config.local, clock() - started
    )
    emit(_ended(report))
    return report


def _ended(report: Report) -> PreflightEnded:
    return PreflightEnded(
        preflight_level=report.level,
        outcome="ok" if report.ok else "failed",
        principal=report.principal,
        region=report.region,
        failed=len(report.failed),
        warned=len(report.warned),
        unknown=len(report.unknown),
        duration_seconds=report.duration_seconds,
        local=report.local,
    )


def _one(
    row: Row, check: Check, probe: Probe, results: Mapping[str, CheckResult], clock: Callable[[], float]
) -> Generator[Send, Any, CheckResult]:
    started, code = clock(), None
    probe.calls, probe.last = [], None
    finding = _held_back(row, results)
    if finding is None:
        try:
            finding = yield from check(probe)
        except GatewayError as error:
            code = error.code if isinstance(error, ServiceError) else type(error).__name__
            finding = _unread(error, probe)
    return CheckResult(
        id=row.id,
        category=row.category,
        severity=row.severity,
        title=row.title,
        status=finding.status,
        summary=finding.summary,
        evidence={name: value[:EVIDENCE_LIMIT] for name, value in finding.evidence.items()},
        fix=_fix(row, finding, probe),
        anchor=row.anchor,
        calls=tuple(dict.fromkeys(probe.calls)),
        duration_seconds=clock() - started,
        request_id=_request_id(probe.last),
        error_code=code,
    )


def _held_back(row: Row, results: Mapping[str, CheckResult]) -> Finding | None:
    """What a check is that cannot be made, as one it needs did not pass."""
    outcome: Mapping[str, Status] = {
        "fail": "skip",
        "skip": "skip",
        "unknown": "unknown",
        "not_applicable": "not_applicable",
    }
    for needed in row.needs:
        before = results[needed]
        if before.status in outcome:
            return Finding(outcome[before.status], f"needs {needed}, which is {before.status}: {before.summary}")
    return None


def _unread(error: GatewayError, probe: Probe) -> Finding:
    asked = probe.calls[-1] if probe.calls else "AWS"
    if isinstance(error, AccessDeniedError):
        action = error.missing or IAM_ACTIONS.get(asked) or asked
        return Finding("unknown", f"{asked} is denied: {action} is not granted", iam_action=action)
    if isinstance(error, MalformedResponseError):
        return Finding("unknown", f"{asked} got an answer that is not AWS's; a proxy or a portal may stand between")
    what = error.code if isinstance(error, ServiceError) else type(error).__name__
    return Finding("unknown", f"{asked} gave no answer ({what})")


def _fix(row: Row, finding: Finding, probe: Probe) -> Fix | None:
    if finding.iam_action:
        command = grant(probe.config, probe.name, probe.level)
        return Fix(f"Grant {finding.iam_action} to this principal.", command, finding.iam_action)
    if finding.status == "unknown":
        return Fix(
            (finding.command and row.fix) or "Run it again; see the summary for what was in the way.", finding.command
        )
    if finding.status in {"fail", "warn"}:
        return Fix(finding.advice or row.fix, finding.command, None, finding.document)
    return None


def _request_id(reply: dict[str, Any] | GatewayError | None) -> str | None:
    if isinstance(reply, ServiceError):
        return reply.request_id
    found = reply.get("ResponseMetadata", {}).get("RequestId") if isinstance(reply, dict) else None
    return str(found) if found else None
