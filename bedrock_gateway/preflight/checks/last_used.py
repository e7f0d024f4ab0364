"""IAM-08: what this principal is granted and does not use.

The report that IAM makes for it is a read by AWS's own reference (access level Read): it changes nothing in the account, and is
gone by itself. IAM makes it in some seconds, so it is asked for more than once.

Source: IAM API Reference, GenerateServiceLastAccessedDetails. Not verified against AWS.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import Any

from bedrock_gateway._commands import Send
from bedrock_gateway.preflight.checks.permissions import kind_of
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe, aware

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]

STALE_DAYS = 60
_MOST_LOOKS = 12
_SHOWN = 8


def _iam_08(probe: Probe) -> Checking:
    who = yield from probe.read("sts", "GetCallerIdentity")
    kind, name = kind_of(str(who["Arn"]))
    if kind not in {"role", "user"}:
        return Finding("not_applicable", "IAM holds no policies of this principal")
    of = kind.capitalize()
    [reply] = yield from probe.read_each([Send("iam", f"Get{of}", {f"{of}Name": name})])
    entity = reply[of]
    made = yield from probe.read("iam", "GenerateServiceLastAccessedDetails", Arn=str(entity["Arn"]))
    report = yield from _report(probe, str(made["JobId"]))
    if report is None:
        return Finding("unknown", "IAM has not made its report yet: run it again")
    if report["JobStatus"] != "COMPLETED":
        said = (report.get("Error") or {}).get("Code") or report["JobStatus"]
        return Finding("unknown", f"IAM made no report: {said}")
    return _judged(probe.now, entity.get("CreateDate"), report["ServicesLastAccessed"])


def _report(probe: Probe, job: str) -> Generator[Asking, Any, dict[str, Any] | None]:
    """The whole report, once IAM has made it; None: it takes too long."""
    for number in range(_MOST_LOOKS):
        reply: dict[str, Any] = yield from probe.read_again(number, "iam", "GetServiceLastAccessedDetails", JobId=job)
        if reply["JobStatus"] != "IN_PROGRESS":
            break
        yield from probe.look("pause", f"{job}/{number}")
    else:
        return None
    services, page = list(reply.get("ServicesLastAccessed") or []), reply
    while page.get("IsTruncated"):
        page = yield from probe.read("iam", "GetServiceLastAccessedDetails", JobId=job, Marker=page["Marker"])
        services += page.get("ServicesLastAccessed") or []
    return reply | {"ServicesLastAccessed": services}


def _judged(now: datetime, made: Any, services: list[Mapping[str, Any]]) -> Finding:
    limit = now - timedelta(days=STALE_DAYS)
    fresh = made is not None and aware(made) > limit
    stale = {}
    for one in services:
        last = one.get("LastAuthenticated")
        if (last is None and not fresh) or (last is not None and aware(last) < limit):
            stale[str(one["ServiceNamespace"])] = f"last used {aware(last):%Y-%m-%d}" if last else "never used"
    if stale:
        more = f" and {len(stale) - _SHOWN} more" if len(stale) > _SHOWN else ""
        said = f"granted, and not used for {STALE_DAYS} days: {', '.join(sorted(stale)[:_SHOWN])}{more}"
        return Finding("warn", said, dict(sorted(stale.items())[:20]))
    return Finding(
        "pass", f"all {len(services)} services that it may use were used within {STALE_DAYS} days, or it is new"
    )


CHECKS: dict[str, Check] = {"IAM-08": _iam_08}
