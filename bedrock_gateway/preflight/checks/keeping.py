"""LOG-20, LOG-21, OPS-01: how records are kept, who notices when none come, and what CloudTrail keeps besides."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from bedrock_gateway._commands import Send
from bedrock_gateway.errors import GatewayError, NotFoundError
from bedrock_gateway.preflight.checks.delivery import ARRIVING, NAMESPACE, Place, places_of
from bedrock_gateway.preflight.checks.logging import destination, find_group
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Outcome, Probe

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]
Weak = Generator[Asking, Any, list[str]]


def _log_20(probe: Probe) -> Checking:
    found = yield from destination(probe)
    name = (found.get("cloudWatchConfig") or {}).get("logGroupName")
    places = yield from places_of(probe)
    group = (yield from find_group(probe, str(name))) if name else None
    if group is None and not places:
        return Finding("not_applicable", "there is no destination, see LOG-02 and LOG-05")
    weak = yield from _kept(probe, str(name) if group else None, places)
    if weak:
        return Finding("warn", "; ".join(weak))
    return Finding("pass", "what keeps records masks them, locks them, and lets them go in time")


_OF_BUCKETS = ("GetBucketVersioning", "GetObjectLockConfiguration", "GetBucketLifecycleConfiguration")


def _kept(probe: Probe, group: str | None, places: Sequence[Place]) -> Weak:
    """What is weak, of the log group and of each bucket: asked about all at the same time."""
    buckets = list(dict.fromkeys(place.bucket for place in places))
    questions = [Send("s3", operation, {"Bucket": bucket}) for bucket in buckets for operation in _OF_BUCKETS]
    if group:
        questions.append(Send("logs", "GetDataProtectionPolicy", {"logGroupIdentifier": group}))
    outcomes = yield from probe.outcomes(questions)
    gone = {
        question.params["Bucket"] for question, outcome in zip(questions, outcomes, strict=True) if _no_bucket(outcome)
    }
    replies = [_answered(probe, question, outcome) for question, outcome in zip(questions, outcomes, strict=True)]
    weak = []
    if group and not replies[-1].get("policyDocument"):
        weak.append(f"log group {group} masks nothing: it has no data protection policy")
    for at, bucket in enumerate(buckets):
        if bucket in gone:
            continue  # LOG-09 says so
        keys = [
            key
            for place in places
            if place.bucket == bucket
            for key in place.keys(probe.config.account, probe.config.region)
        ]
        weak += [f"bucket {bucket} {what}" for what in _loose(keys, *replies[3 * at : 3 * at + 3])]
    return weak


def _no_bucket(outcome: Outcome) -> bool:
    return isinstance(outcome, NotFoundError) and outcome.code == "NoSuchBucket"


def _answered(probe: Probe, question: Send, outcome: Outcome) -> dict[str, Any]:
    """What AWS says; of what has never been set, it says that there is none.

    Raises:
        GatewayError: it could not be read.
    """
    if isinstance(outcome, NotFoundError):
        return {}
    if isinstance(outcome, GatewayError):
        raise probe.blamed(question, outcome)
    return outcome


def _loose(keys: list[str], versions: dict[str, Any], lock: dict[str, Any], life: dict[str, Any]) -> Iterator[str]:
    versioned = versions.get("Status") == "Enabled"
    if not versioned:
        yield "keeps no versions: who may write can overwrite a record"
    if not ((lock.get("ObjectLockConfiguration") or {}).get("Rule") or {}).get("DefaultRetention"):
        yield "locks no object: who may delete can delete a record"
    rules = [one for one in life.get("Rules") or [] if one.get("Status") == "Enabled"]
    expiring = [one for one in rules if (one.get("Expiration") or {}).keys() & {"Days", "Date"}]
    if not all(any(_covers(one, key) for one in expiring) for key in keys):
        yield "keeps everything for ever: no lifecycle rule lets a record expire"
    outdated = [one for one in rules if one.get("NoncurrentVersionExpiration")]
    if versioned and not all(any(_covers(one, key) for one in outdated) for key in keys):
        yield "keeps old versions for ever: no lifecycle rule lets them expire"


def _covers(rule: dict[str, Any], key: str) -> bool:
    """Whether a lifecycle rule is about a record: Bedrock puts no tags on them, and how large one is, nobody knows.

    Source: Amazon S3 API Reference, LifecycleRuleFilter. Not verified against AWS.
    """
    narrowed = rule.get("Filter") or {}
    narrowed = {**narrowed, **(narrowed.get("And") or {})}
    if narrowed.keys() & {"Tag", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan"}:
        return False
    return key.startswith(str(narrowed.get("Prefix") or rule.get("Prefix") or ""))


_PAGE = 100


def _log_21(probe: Probe) -> Checking:
    found = yield from destination(probe)
    watched = _failures(found)
    if not watched:
        return Finding("not_applicable", "there is no destination, see LOG-02")
    alarms: list[dict[str, Any]] = []
    params: dict[str, Any] = {"AlarmTypes": ["MetricAlarm"], "MaxRecords": _PAGE}
    while True:
        reply = yield from probe.read("cloudwatch", "DescribeAlarms", **params)
        alarms += reply.get("MetricAlarms") or []
        if not reply.get("NextToken"):
            break
        params["NextToken"] = reply["NextToken"]
    seen = {metric for one in alarms if one.get("ActionsEnabled") is not False for metric in _metrics(one)}
    missing = [metric for metric in watched if (NAMESPACE, metric) not in seen]
    if missing:
        command = " && ".join(_alarm(metric, probe.config.region) for metric in missing)
        advice = "Make an alarm, and give it an action (--alarm-actions) that reaches somebody."
        return Finding("warn", f"no alarm watches {', '.join(missing)}", {}, command, advice=advice)
    return Finding("pass", f"alarms watch {', '.join(watched)}")


def _failures(found: dict[str, Any]) -> list[str]:
    """The metrics that count what does not arrive, of the destinations there are."""
    cloudwatch = found.get("cloudWatchConfig") or {}
    used = {
        "CloudWatch": bool(cloudwatch.get("logGroupName")),
        "S3": bool((found.get("s3Config") or {}).get("bucketName")),
        "large bodies": bool((cloudwatch.get("largeDataDeliveryS3Config") or {}).get("bucketName")),
    }
    return [f"{metric}Failure" for place, metric in ARRIVING.items() if used[place]]


def _metrics(alarm: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """(namespace, metric) of an alarm, also of one over an expression; deliveries are counted without dimensions."""
    watched = [alarm, *((one.get("MetricStat") or {}).get("Metric") or {} for one in alarm.get("Metrics") or [])]
    yield from ((one.get("Namespace"), one.get("MetricName")) for one in watched if not one.get("Dimensions"))


def _alarm(metric: str, region: str) -> str:
    return (
        f"aws cloudwatch put-metric-alarm --alarm-name bedrock-{metric} --namespace {NAMESPACE} --metric-name {metric}"
        " --statistic Sum --period 300 --evaluation-periods 1 --threshold 0"
        f" --comparison-operator GreaterThanThreshold --treat-missing-data notBreaching --region {region}"
    )


def _ops_01(probe: Probe) -> Checking:
    reply = yield from probe.read("cloudtrail", "DescribeTrails", includeShadowTrails=True)
    questions = [
        Send("cloudtrail", operation, {name: trail["TrailARN"]}, region=_elsewhere(probe, trail))
        for trail in reply["trailList"]
        for operation, name in (("GetTrailStatus", "Name"), ("GetEventSelectors", "TrailName"))
    ]
    outcomes = yield from probe.outcomes(questions)
    recorded: set[str] = set()
    for status, selectors in zip(outcomes[::2], outcomes[1::2], strict=True):
        if isinstance(status, dict) and isinstance(selectors, dict) and status.get("IsLogging"):
            recorded |= set(_types(selectors))
    missing = [one for one in _wanted(probe) if one not in recorded]
    if not missing:
        return Finding("pass", f"trails record data events of {', '.join(_wanted(probe))}")
    for question, outcome in zip(questions, outcomes, strict=True):
        if isinstance(outcome, GatewayError):
            raise probe.blamed(question, outcome)  # that trail may record them
    who = "no trail that is on" if reply["trailList"] else "there is no trail: nothing"
    return Finding("warn", f"{who} records data events of {', '.join(missing)}")


def _elsewhere(probe: Probe, trail: dict[str, Any]) -> str | None:
    """The Region that the trail is kept in, where it is another one; its settings are read there."""
    home = trail.get("HomeRegion")
    return str(home) if home and home != probe.config.region else None


def _wanted(probe: Probe) -> list[str]:
    """Resource types whose data events tell of what is declared.

    Source: Bedrock User Guide, logging-using-cloudtrail. Converse and InvokeModel are management events, which every
    trail records unless it is told not to.
    """
    config = probe.config
    declared = {"Model": True, "KnowledgeBase": bool(config.knowledge_bases), "Guardrail": config.guardrail is not None}
    return [f"AWS::Bedrock::{name}" for name, so in declared.items() if so]


def _types(reply: dict[str, Any]) -> Iterator[str]:
    for selector in reply.get("EventSelectors") or []:
        yield from (str(one.get("Type")) for one in selector.get("DataResources") or [])
    for selector in reply.get("AdvancedEventSelectors") or []:
        fields = {one.get("Field"): one.get("Equals") or [] for one in selector.get("FieldSelectors") or []}
        if "Data" in fields.get("eventCategory", []):
            yield from map(str, fields.get("resources.type", []))


CHECKS: dict[str, Check] = {"LOG-20": _log_20, "LOG-21": _log_21, "OPS-01": _ops_01}
