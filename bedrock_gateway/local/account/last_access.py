"""When a role or user last asked anything of a service: IAM's report, made of what the local account has been asked.

As on AWS, a refused attempt counts, and the report names every service that the policies mention, used or not. It is
complete at once, where AWS takes a while, and of today, where AWS is up to four hours late.
Source: IAM User Guide, access_policies_last-accessed; IAM API Reference, GetServiceLastAccessedDetails.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.moto_bridge import LOCK
from bedrock_gateway.local.simulator.sources import policies_of, subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import Call, Handlers
    from bedrock_gateway.local.identity.facts import Principal

__all__ = ["HANDLERS", "LastAccess"]

_PAGE = 100
_SERVICES: Mapping[str, str] = {
    "bedrock": "Amazon Bedrock",
    "iam": "AWS Identity and Access Management",
    "kms": "AWS Key Management Service",
    "logs": "Amazon CloudWatch Logs",
    "s3": "Amazon S3",
    "s3vectors": "Amazon S3 Vectors",
    "sts": "AWS Security Token Service",
}


@dataclass(frozen=True, slots=True)
class _Report:
    subject: str
    made: datetime
    services: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class LastAccess:
    """Entity ARN → service → when, and in which Region, it last asked."""

    seen: dict[str, dict[str, tuple[datetime, str]]] = field(default_factory=dict)
    reports: dict[str, _Report] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, principal: Principal, service: str, region: str, moment: datetime | None = None) -> None:
        """Keep that *principal* asked something of *service* (the prefix of its actions), now or at *moment*."""
        if principal.kind not in {"role", "user"}:
            return
        with self.lock:
            of_entity = self.seen.setdefault(principal.role_arn or principal.arn, {})
            of_entity[service] = (moment or datetime.now(UTC), region)


def _generate(call: Call) -> Reply:
    subject, store = subject_of(call.params["Arn"]), call.state.of(LastAccess)
    with LOCK:
        policies = [source.policy for source in policies_of(call.aws.directory, subject)]
    named = {action.partition(":")[0].lower() for one in policies for st in one.statements for action in st.actions}
    with store.lock:
        seen = dict(store.seen.get(subject.arn, {}))
        job = str(uuid.uuid4())
        services = tuple(_shown(one, subject.arn, seen.get(one)) for one in sorted((named | set(seen)) - {"*"}))
        store.reports[job] = _Report(subject.arn, datetime.now(UTC), services)
    return Reply({"JobId": job})


def _shown(service: str, arn: str, seen: tuple[datetime, str] | None) -> Mapping[str, Any]:
    found: dict[str, Any] = {"ServiceName": _SERVICES.get(service, service), "ServiceNamespace": service}
    if seen is None:
        return found | {"TotalAuthenticatedEntities": 0}
    moment, region = seen
    return found | {
        "LastAuthenticated": moment,
        "LastAuthenticatedEntity": arn,
        "LastAuthenticatedRegion": region,
        "TotalAuthenticatedEntities": 1,
    }


def _get(call: Call) -> Reply:
    report = call.state.of(LastAccess).reports.get(call.params["JobId"])
    if report is None:
        raise Fault("NoSuchEntity", f"The job {call.params['JobId']} was not found.", 404)
    start, size = int(call.params.get("Marker") or 0), call.params.get("MaxItems") or _PAGE
    more = start + size < len(report.services)
    return Reply(
        {
            "JobStatus": "COMPLETED",
            "JobType": "SERVICE_LEVEL",
            "JobCreationDate": report.made,
            "JobCompletionDate": report.made,
            "ServicesLastAccessed": list(report.services[start : start + size]),
            "IsTruncated": more,
            **({"Marker": str(start + size)} if more else {}),
        }
    )


HANDLERS: Handlers = {
    ("iam", "GenerateServiceLastAccessedDetails"): _generate,
    ("iam", "GetServiceLastAccessedDetails"): _get,
}
