"""What a preflight found: results, the verdict over them, and their JSON form."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway.errors import PreflightFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["STATUSES", "CheckResult", "FailOn", "Fix", "Report", "Status"]

Status = Literal["pass", "warn", "fail", "unknown", "skip", "not_applicable"]
STATUSES: tuple[Status, ...] = ("pass", "warn", "fail", "unknown", "skip", "not_applicable")
FailOn = Literal["fail", "warn", "unknown"]

FORMAT_VERSION = "1.0"
REQUIRED = ("LOG-01",)
_DECIDED = {"pass", "warn", "fail", "not_applicable"}
_FINDINGS: Mapping[FailOn, set[str]] = {
    "fail": {"fail"},
    "warn": {"fail", "warn"},
    "unknown": {"fail", "warn", "unknown"},
}


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do about a finding. It is printed, never run."""

    text: str
    command: str | None = None
    """A complete shell command."""
    iam_action: str | None = None
    """The IAM action whose grant would let the check be read."""
    document: str | None = None
    """The policy document that *command* carries, as JSON."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, as it came out."""

    id: str
    category: str
    severity: str
    title: str
    status: Status
    summary: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Bounded; never a credential."""
    fix: Fix | None = None
    anchor: str = ""
    calls: tuple[str, ...] = ()
    """AWS operations whose answers it used, as ``service:Operation``."""
    duration_seconds: float = 0.0
    request_id: str | None = None
    error_code: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON's types."""
        names = ("id", "category", "severity", "title", "status", "summary", "anchor", "request_id", "error_code")
        out: dict[str, Any] = {name: getattr(self, name) for name in names}
        fix = self.fix
        return out | {
            "evidence": dict(self.evidence),
            "calls": list(self.calls),
            "duration_seconds": round(self.duration_seconds, 6),
            "fix": fix and {name: getattr(fix, name) for name in ("text", "command", "iam_action", "document")},
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Every result of one preflight."""

    results: tuple[CheckResult, ...]
    level: str
    principal: str
    account: str
    region: str
    local: bool = False
    duration_seconds: float = 0.0

    def _with(self, *statuses: Status) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if result.status in statuses)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return self._with("fail")

    @property
    def warned(self) -> tuple[CheckResult, ...]:
        """The checks that warn."""
        return self._with("warn")

    @property
    def unknown(self) -> tuple[CheckResult, ...]:
        """The checks that could not be read."""
        return self._with("unknown")

    @property
    def counts(self) -> dict[str, int]:
        """How many results have each status."""
        return {status: len(self._with(status)) for status in STATUSES}

    @property
    def ok(self) -> bool:
        """Whether nothing failed and every required check was decided."""
        return self.exit_code() == 0

    def exit_code(self, fail_on: FailOn = "fail", required: Iterable[str] = REQUIRED) -> int:
        """Return 0 nothing found, 1 findings, 2 no usable credentials, 3 a required check could not be decided.

        Each value of *fail_on* includes those before it: ``fail``, ``warn``, ``unknown``.
        """
        if any(result.id == "ID-01" for result in self.failed):
            return 2
        if any(result.status in _FINDINGS[fail_on] for result in self.results):
            return 1
        return 3 if self._undecided(required) else 0

    def _undecided(self, patterns: Iterable[str]) -> list[str]:
        """What of *patterns* is unknown, skipped, or was not looked at."""
        undecided = []
        for pattern in patterns:
            found = [result for result in self.results if fnmatchcase(result.id, pattern)]
            undecided += [result.id for result in found if result.status not in _DECIDED] or (
                [] if found else [pattern]
            )
        return undecided

    def raise_for_status(self) -> None:
        """Raise unless the report is `ok`.

        Raises:
            PreflightFailedError: a check failed, or a required one could not be decided.
        """
        self.require(*REQUIRED, failures=self.failed)

    def require(self, *patterns: str, failures: Iterable[CheckResult] | None = None) -> None:
        """Raise unless every check that matches one of *patterns* (``LOG-*``) was decided and none of them failed.

        Raises:
            PreflightFailedError: one failed, could not be decided, or was not part of this preflight.
        """
        if failures is None:
            failures = [one for one in self.failed if any(fnmatchcase(one.id, pattern) for pattern in patterns)]
        lines = [f"{one.id}: {one.summary}" for one in failures]
        lines += [f"{name}: could not be decided" for name in self._undecided(patterns)]
        if lines:
            raise PreflightFailedError("; ".join(lines), report=self)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as ``report.schema.json`` describes it."""
        names = ("level", "principal", "account", "region", "local")
        return {
            "format_version": FORMAT_VERSION,
            **{name: getattr(self, name) for name in names},
            "ok": self.ok,
            "counts": self.counts,
            "duration_seconds": round(self.duration_seconds, 6),
            "results": [result.to_dict() for result in self.results],
        }
