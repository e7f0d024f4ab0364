"""What a check is: a generator that asks AWS and concludes; and what the report says of what it concluded."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway._commands import Send
from bedrock_gateway._responses import BODY
from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    GatewayError,
    MalformedResponseError,
    ServiceError,
)
from bedrock_gateway.preflight.catalogue import ALWAYS_SENT, IAM_ACTIONS, Level, Row
from bedrock_gateway.preflight.catalogue.reads import SENT_ALONE
from bedrock_gateway.preflight.fixes import grant
from bedrock_gateway.preflight.report import CheckResult, Fix, Status

if TYPE_CHECKING:
    from bedrock_gateway.config import GatewayConfig, PrincipalConfig
    from bedrock_gateway.preflight.facts import Facts

__all__ = [
    "Asking",
    "Check",
    "Finding",
    "Outcome",
    "Probe",
    "Reading",
    "aware",
    "checks",
    "held_back",
    "key_of",
    "lacking",
    "level_of",
    "result_of",
    "unread",
]

EVIDENCE_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Look:
    """A look at network or host instead of a question to AWS; answered with what `readers.LOOKS` of that name finds."""

    what: Literal["addresses", "handshake", "passes", "pause"]
    host: str
    """Of ``passes``, the key of what other processes of this host have found: see `sharing`; of ``pause``, which one it is."""


@dataclass(frozen=True, slots=True)
class Again:
    """A question whose answer changes with time, asked once more: *number* tells the times apart."""

    send: Send
    number: int

    @property
    def service(self) -> str:
        """Of the question."""
        return self.send.service

    @property
    def operation(self) -> str:
        """Of the question."""
        return self.send.operation


Question = Send | Look | Again
Asking = tuple[Question, ...]
"""Questions that do not wait for each other; answered with the `Outcome` of each, in their order."""
Outcome = dict[str, Any] | GatewayError
Reading = Generator[Asking, Any, Any]


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
    error_code: str | None = None
    """Why it could not be found out: AWS's word, or ``timeout``."""


@dataclass(slots=True)
class Probe:
    """What one check is given: what was declared, what the process knows, and a way to ask AWS."""

    config: GatewayConfig
    name: str
    principal: PrincipalConfig
    level: Level | Literal["canary"]
    facts: Facts
    calls: list[str] = field(default_factory=list)
    last: dict[str, Any] | GatewayError | None = None

    @property
    def now(self) -> datetime:
        """When this preflight looks."""
        return self.facts.now or datetime.now(UTC)

    @property
    def base_names(self) -> tuple[str, ...]:
        """The principal's knowledge bases; of one that names none and only looks, beyond level minimal, all: as granted."""
        runs = any(CAPABILITIES[one].kind == "runtime" for one in self.principal.capabilities)
        every = () if runs or self.level == "minimal" else tuple(self.config.knowledge_bases)
        return self.principal.knowledge_bases or every

    @property
    def scope(self) -> Scope:
        """The account and Region and, as far as it is known yet, all that the principal's capabilities apply to."""
        config = self.config
        try:
            return config.scope(self.name)
        except ConfigError:  # a knowledge base has no id yet: nothing that is looked at here depends on it
            return Scope(region=config.region, account=config.account, partition=config.partition)

    def read(self, service: str, operation: str, **params: Any) -> Generator[Asking, Any, dict[str, Any]]:
        """Ask AWS; what another check has asked is not asked again.

        Raises:
            GatewayError: AWS refused, or no answer came.
        """
        [reply] = yield from self.read_each([Send(service, operation, params)])
        return reply

    def read_again(
        self, number: int, service: str, operation: str, **params: Any
    ) -> Generator[Asking, Any, dict[str, Any]]:
        """Ask AWS what it may by now answer otherwise, for the *number*th time.

        Raises:
            GatewayError: AWS refused, or no answer came.
        """
        [reply] = yield from self.read_each([Again(Send(service, operation, params), number)])
        return reply

    def look(
        self, what: Literal["addresses", "handshake", "pause"], host: str
    ) -> Generator[Asking, Any, dict[str, Any]]:
        """Look at the network; what another check has looked at is not looked at again."""
        [found] = yield (Look(what, host),)
        return dict(found)

    def read_each(self, questions: Sequence[Send | Again]) -> Generator[Asking, Any, list[dict[str, Any]]]:
        """Ask all *questions* at the same time.

        Raises:
            GatewayError: of one of them, AWS refused or no answer came.
        """
        before = list(self.calls)
        outcomes = yield from self.outcomes(questions)
        names = self.calls[len(before) :]
        replies: list[dict[str, Any]] = []
        for at, outcome in enumerate(outcomes):
            self.last = outcome
            if isinstance(outcome, GatewayError):
                self.calls = before + names[: at + 1]
                raise outcome
            replies.append(outcome)
        return replies

    def outcomes(self, questions: Sequence[Send | Again]) -> Generator[Asking, Any, list[Outcome]]:
        """Ask all *questions* at the same time, and return what came of each: AWS's answer, or the error.

        Who makes an error of these its conclusion raises what `blamed` returns: the report names the last call.
        """
        names = [f"{send.service}:{send.operation}" for send in questions]
        for name in names:
            if name not in IAM_ACTIONS:
                raise AssertionError(f"{name} is not in the catalogue")
        if not questions:
            return []
        self.calls = [*self.calls, *names]
        answers: list[Outcome] = yield tuple(questions)
        return [
            _as_aws_would(name, outcome, _params(question))
            for name, question, outcome in zip(names, questions, answers, strict=True)
        ]

    def blamed(self, question: Send | Again, error: GatewayError) -> GatewayError:
        """Return *error*, having noted that it is what came of *question*."""
        self.calls = [*self.calls, f"{question.service}:{question.operation}"]
        self.last = error
        return error


def _params(question: Send | Again) -> Mapping[str, Any]:
    return question.send.params if isinstance(question, Again) else question.params


_TOKENS = ("Marker", "NextToken", "nextToken")


def _leads_nowhere(name: str, outcome: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether *outcome* says that there is more, but not where; or names the page that was asked for: read on, it never ends."""
    if name.startswith("iam:") and outcome.get("IsTruncated") and not outcome.get("Marker"):
        return True
    return any(outcome.get(name) and outcome.get(name) == asked.get(name) for name in _TOKENS)


def _as_aws_would(name: str, outcome: Outcome, asked: Mapping[str, Any]) -> Outcome:
    """Return *outcome*, or the error that what answered is not AWS."""
    operation = name.partition(":")[2]
    if isinstance(outcome, ServiceError):
        # A number is the status of an answer that has no word of AWS in it; an answer to HEAD has no room for one.
        strange = outcome.code.isdigit() and not operation.startswith("Head")
    elif isinstance(outcome, GatewayError):
        strange = False
    else:
        headers = outcome.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        kind = headers.get("content-type", "")
        needed = ALWAYS_SENT.get(name)
        missing = needed is not None and needed not in outcome
        if name == "s3:HeadBucket":  # its answer is all header: the Region, which a newer botocore shows as a member
            missing = not outcome.get("BucketRegion") and not headers.get("x-amz-bucket-region")
        strange = (
            kind.startswith("text/html")
            or missing
            or _leads_nowhere(name, outcome, asked)
            or not _is_an_answer(outcome.get(BODY), SENT_ALONE.get(name))
        )
    if not strange:
        return outcome
    said = f"{operation}: what answered is not AWS; a proxy or a portal may stand between"
    return MalformedResponseError(said, operation=operation)


def _is_an_answer(body: bytes | None, alone: str | None) -> bool:
    """Whether *body* (None: the driver kept none, as it does of Bedrock's alone) is one, with *alone* as its only member.

    botocore reads what was cut short, or is about something else, as an answer in which every member is missing; AWS
    says "nothing" as an empty object.
    """
    if body is None:
        return True
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and (alone is None or not found or alone in found)


def key_of(send: Send) -> str:
    """Return what the same question has in common: checks that ask it share one answer."""
    return f"{send.service}:{send.operation}{send.region or ''}{sorted(send.params.items())}"


Check = Callable[[Probe], Generator[Asking, Any, Finding]]


def aware(moment: datetime) -> datetime:
    """Return *moment* with a time zone; what AWS sends without one is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_ORDER: Mapping[Status, int] = {"fail": 5, "unknown": 4, "warn": 3, "pass": 2, "not_applicable": 1, "skip": 0}


def worst(findings: Sequence[Finding], nothing: str) -> Finding:
    """Return one finding of many: the worst, with what the others of that status say; *nothing*: there is none."""
    if not findings:
        return Finding("not_applicable", nothing)
    status = max((one.status for one in findings), key=_ORDER.__getitem__)
    same = [one for one in findings if one.status == status]
    if len(same) == 1:
        return same[0]
    commands = [one.command for one in same if one.command]
    return replace(
        same[0],
        summary="; ".join(one.summary for one in same),
        evidence={name: value for one in same for name, value in one.evidence.items()},
        command=" && ".join(commands) or None,
        document=None,
    )


def level_of(principal: PrincipalConfig) -> Level:
    """Return the level a principal is granted."""
    return next((one for one in ("deep", "standard") if f"preflight-{one}" in principal.capabilities), "minimal")


def checks() -> Mapping[str, Check]:
    """Return id → check."""
    from bedrock_gateway.preflight import checks

    return checks.CHECKS


def result_of(row: Row, finding: Finding, probe: Probe, duration_seconds: float, code: str | None) -> CheckResult:
    """Return what the report says of a check that concluded *finding*."""
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
        duration_seconds=duration_seconds,
        request_id=_request_id(probe.last),
        error_code=code,
    )


def held_back(row: Row, results: Mapping[str, CheckResult]) -> Finding | None:
    """Return what a check is that cannot be made, as one it needs did not pass."""
    outcome: Mapping[str, Status] = {
        "fail": "skip",
        "skip": "skip",
        "unknown": "unknown",
        "not_applicable": "not_applicable",
    }
    for needed in row.needs:
        before = results[needed]
        if before.status in outcome:
            why = before.error_code if before.status == "unknown" else None
            said = f"needs {needed}, which is {before.status}: {before.summary}"
            return Finding(outcome[before.status], said, error_code=why)
    return None


def unread(error: GatewayError, probe: Probe) -> Finding:
    """Return what a check is whose question got *error* for an answer: unknown, never a finding."""
    asked = probe.calls[-1] if probe.calls else "AWS"
    if isinstance(error, AccessDeniedError):
        action = error.missing or IAM_ACTIONS.get(asked) or asked
        return Finding("unknown", f"{asked} is denied: {action} is not granted", iam_action=action)
    if isinstance(error, MalformedResponseError):
        return Finding("unknown", f"{asked} got an answer that is not AWS's; a proxy or a portal may stand between")
    what = error.code if isinstance(error, ServiceError) else type(error).__name__
    return Finding("unknown", f"{asked} gave no answer ({what})")


def lacking(error: LookupError, probe: Probe) -> GatewayError:
    """Return the error that AWS's answer lacks what a check looked up: one answer like that must not end all the others.

    Raises:
        LookupError: nothing was read, so that it is no answer's fault.
    """
    if not probe.calls:
        raise error
    operation = probe.calls[-1].partition(":")[2]
    said = f"{operation}: the answer lacks a member, or names something that is no ARN"
    return MalformedResponseError(said, operation=operation)


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
