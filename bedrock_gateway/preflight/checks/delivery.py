"""LOG-09 to LOG-15: the buckets that invocation logs go to, the keys over them, and whether anything arrives."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bedrock_gateway.errors import AccessDeniedError, NotFoundError, ServiceError
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.documents.keys import KEYS
from bedrock_gateway.iam.documents.template import assemble, fill
from bedrock_gateway.preflight.checks.logging import destination, find_group
from bedrock_gateway.preflight.deliveries import judge_use
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe, aware, worst
from bedrock_gateway.preflight.metrics import Series, read_metrics
from bedrock_gateway.preflight.trust import Verdict

__all__ = ["ARRIVING", "CHECKS", "NAMESPACE", "Place", "places_in", "places_of"]

Checking = Generator[Asking, Any, Finding]
Judging = Generator[Asking, Any, Finding]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in S3 logs go."""

    bucket: str
    prefix: str = ""

    def keys(self, account: str, region: str) -> tuple[str, str]:
        """One key of the log files and one of the large bodies beside them."""
        folder = self.prefix.strip("/")
        under = f"{folder + '/' if folder else ''}AWSLogs/{account}/BedrockModelInvocationLogs"
        return f"{under}/{region}/2026/01/01/00/x.json.gz", f"{under}/{region}/2026/01/01/00/data/x.json.gz"


def places_of(probe: Probe) -> Generator[Asking, Any, list[Place]]:
    """Return every place in S3 that logs go to or, while logging is off, are declared to go to."""
    return places_in((yield from destination(probe)))


def places_in(found: dict[str, Any]) -> list[Place]:
    """Return every place in S3 of a logging configuration."""
    large = (found.get("cloudWatchConfig") or {}).get("largeDataDeliveryS3Config") or {}
    given = [one for one in (found.get("s3Config") or {}, large) if one.get("bucketName")]
    return list(dict.fromkeys(Place(str(one["bucketName"]), str(one.get("keyPrefix") or "")) for one in given))


def _each_place(judge: Callable[[Probe, Place], Judging]) -> Check:
    def check(probe: Probe) -> Checking:
        places = yield from places_of(probe)
        findings = []
        for place in places:
            findings.append((yield from judge(probe, place)))  # noqa: PERF401 - no comprehension may yield
        return worst(findings, "logs do not go to S3")

    return check


def _log_09(probe: Probe, place: Place) -> Judging:
    owned = {"Bucket": place.bucket, "ExpectedBucketOwner": probe.config.account}
    try:
        yield from probe.read("s3", "HeadBucket", **owned)
    except NotFoundError:
        return Finding("fail", f"bucket {place.bucket} does not exist: whoever makes it gets the logs")
    except AccessDeniedError as denied:
        try:
            yield from probe.read("s3", "HeadBucket", Bucket=place.bucket)
        except ServiceError:
            raise denied from None
        said = f"bucket {place.bucket} is not of account {probe.config.account}: logs would go to somebody else"
        return Finding("fail", said, {"bucket": place.bucket})
    return Finding("pass", f"bucket {place.bucket} is of account {probe.config.account}")


def _log_10(probe: Probe, place: Place) -> Judging:
    scope = replace(probe.scope, logging_bucket=place.bucket, logging_prefix=place.prefix)
    wanted = roles.logging_bucket(scope)
    resources = [f"arn:{scope.partition}:s3:::{place.bucket}/{key}" for key in place.keys(scope.account, scope.region)]
    try:
        reply = yield from probe.read("s3", "GetBucketPolicy", Bucket=place.bucket)
    except NotFoundError:
        verdict = Verdict("fail", "there is no policy: Bedrock may not write", wanted)
    else:
        verdict = judge_use(reply.get("Policy") or "", scope, "s3:PutObject", resources, wanted)
    command = None
    if verdict.corrected is not None:
        document = shlex.quote(verdict.corrected.to_json())
        where = f"--bucket {place.bucket} --region {scope.region}"
        command = f"aws s3api put-bucket-policy {where} --policy {document}"
    return Finding(
        verdict.status,
        f"bucket {place.bucket}: {verdict.summary}",
        {"bucket": place.bucket},
        command,
        verdict.corrected.to_json() if verdict.corrected else None,
        advice=None if command else "Let the statement that denies it make an exception for Bedrock.",
    )


_BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _log_11(probe: Probe, place: Place) -> Judging:
    where = f"--bucket {place.bucket} --region {probe.config.region}"
    try:
        reply = yield from probe.read("s3", "GetBucketOwnershipControls", Bucket=place.bucket)
        rules = reply.get("OwnershipControls", {}).get("Rules") or [{}]
    except NotFoundError:
        rules = [{}]
    if rules[0].get("ObjectOwnership") != "BucketOwnerEnforced":
        command = f"aws s3api put-bucket-ownership-controls {where} --ownership-controls {_OWNED}"
        return Finding("fail", f"bucket {place.bucket} lets writers own what they write", command=command)
    try:
        reply = yield from probe.read("s3", "GetPublicAccessBlock", Bucket=place.bucket)
        blocked = reply.get("PublicAccessBlockConfiguration") or {}
    except NotFoundError:
        blocked = {}
    if off := [name for name in _BLOCKED if not blocked.get(name)]:
        flags = ",".join(f"{name}=true" for name in _BLOCKED)
        command = f"aws s3api put-public-access-block {where} --public-access-block-configuration {flags}"
        return Finding("warn", f"bucket {place.bucket} does not block public access: {', '.join(off)}", command=command)
    return Finding("pass", f"bucket {place.bucket} owns what is written to it and blocks public access")


_OWNED = shlex.quote(json.dumps({"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}))


def _log_12(probe: Probe, place: Place) -> Judging:
    try:
        reply = yield from probe.read("s3", "GetBucketEncryption", Bucket=place.bucket)
    except NotFoundError:
        return Finding("pass", f"bucket {place.bucket} is encrypted by S3's own default")
    rules = reply.get("ServerSideEncryptionConfiguration", {}).get("Rules") or [{}]
    default = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
    key = default.get("KMSMasterKeyID")
    algorithm = str(default.get("SSEAlgorithm") or "")
    if not algorithm.startswith("aws:kms"):
        return _without_key(place, algorithm)
    if not key or "alias/aws/s3" in str(key):
        said = f"bucket {place.bucket} is encrypted with aws/s3, whose policy lets no service of another account write"
        return Finding(
            "warn", said, {"bucket": place.bucket}, advice="Use a key of your own, or S3's own keys (AES256)."
        )
    verdict = yield from _key(probe, str(key), "of bucket " + place.bucket)
    if verdict is not None:
        return verdict
    reply = yield from probe.read("kms", "GetKeyPolicy", KeyId=str(key), PolicyName="default")
    wanted = assemble(fill(KEYS["logging"], {}, probe.scope)).policy
    judged = judge_use(reply.get("Policy") or "", probe.scope, "kms:GenerateDataKey", ["*"], wanted)
    if judged.status in {"fail", "warn"} and judged.corrected is not None:
        document = judged.corrected.to_json()
        command = f"aws kms put-key-policy --key-id {key} --policy-name default --policy {shlex.quote(document)}"
        lost = " The configuration saves, and every body is lost." if judged.status == "fail" else ""
        return Finding(judged.status, f"key {key}: {judged.summary}.{lost}", {"key": str(key)}, command, document)
    return Finding(judged.status, f"key {key}: {judged.summary}", {"key": str(key)})


def _without_key(place: Place, algorithm: str) -> Finding:
    if algorithm == "AES256":
        return Finding("pass", f"bucket {place.bucket} is encrypted with S3's own keys")
    return Finding("unknown", f"AWS says {algorithm[:40]!r} of how bucket {place.bucket} is encrypted")


def _key(probe: Probe, key: str, of: str) -> Generator[Asking, Any, Finding | None]:
    """What is wrong with a key itself; None where it can be used."""
    if key.startswith("arn:"):
        _, _, _, region, account, _ = key.split(":", 5)
        if region != probe.config.region:
            return Finding("fail", f"the key {of} is in {region}, not in {probe.config.region}", {"key": key})
        if account != probe.config.account:
            return Finding("unknown", f"the key {of} is of account {account}: only there its policy can be read")
    try:
        reply = yield from probe.read("kms", "DescribeKey", KeyId=key)
    except NotFoundError:
        return Finding("fail", f"the key {of} does not exist", {"key": key})
    state = reply["KeyMetadata"].get("KeyState")
    if state == "Enabled":
        return None
    command = {
        "Disabled": f"aws kms enable-key --key-id {key} --region {probe.config.region}",
        "PendingDeletion": f"aws kms cancel-key-deletion --key-id {key} --region {probe.config.region}",
    }.get(str(state))
    return Finding("fail", f"the key {of} is {state}: nothing can be written", {"key": key}, command)


def _log_13(probe: Probe) -> Checking:
    found = yield from destination(probe)
    name = (found.get("cloudWatchConfig") or {}).get("logGroupName")
    if not name:
        return Finding("not_applicable", "logs do not go to CloudWatch Logs")
    group = yield from find_group(probe, str(name))
    if group is None:
        return Finding("not_applicable", "there is no log group, see LOG-05")
    key = group.get("kmsKeyId")
    if not key:
        return Finding("pass", f"log group {name} is encrypted with CloudWatch Logs' own key")
    wrong = yield from _key(probe, str(key), f"of log group {name}")
    return wrong or Finding("pass", f"log group {name} is encrypted with {key}", {"key": str(key)})


NAMESPACE = "AWS/Bedrock"
_SENT = "Invocations"
ARRIVING = {
    "CloudWatch": "ModelInvocationLogsCloudWatchDelivery",
    "S3": "ModelInvocationLogsS3Delivery",
    "large bodies": "ModelInvocationLargeDataS3Delivery",
}
_HOUR = timedelta(hours=1)


def _log_14(probe: Probe) -> Checking:
    yield from _needed(probe)
    series, wrong = yield from read_metrics(probe, _metrics(probe))
    failing = {}
    arrived = 0.0
    for at, place in enumerate(ARRIVING):
        arrived += _sum(series, f"success{at}")
        if recent := _recent(series.get(f"failure{at}", []), probe):
            failing[place] = f"{recent:.0f} failed in the last hour"
    if failing:
        said = ", ".join(f"{place}: {what}" for place, what in failing.items())
        return Finding("fail", f"deliveries fail: {said}", failing)
    if wrong:
        return Finding("unknown", wrong)
    calls = _sum(series, "sent")
    if calls and not arrived:
        return Finding("warn", f"{calls:.0f} calls in 24 h, and not one delivery", {"calls": f"{calls:.0f}"})
    if not arrived:
        return Finding("unknown", "nothing was called and nothing delivered in the last 24 h")
    return Finding("pass", f"{arrived:.0f} deliveries in 24 h, none failed", {"deliveries": f"{arrived:.0f}"})


def _needed(probe: Probe) -> Generator[Asking, Any, None]:
    """What is counted belongs to the configuration that is there."""
    yield from destination(probe)


def _sum(series: Series, name: str) -> float:
    return sum(value for _, value in series.get(name, []))


def _recent(pairs: list[tuple[Any, float]], probe: Probe) -> float:
    since = probe.now - _HOUR
    return float(sum(value for moment, value in pairs if aware(moment) + timedelta(minutes=5) > since))


def _metrics(probe: Probe) -> dict[str, Any]:
    def query(name: str, metric: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": metric}, "Period": 300, "Stat": "Sum"}
        return {"Id": name, "MetricStat": stat, "ReturnData": True}

    def queries() -> Iterator[dict[str, Any]]:
        yield query("sent", _SENT)
        for at, metric in enumerate(ARRIVING.values()):
            yield query(f"success{at}", f"{metric}Success")
            yield query(f"failure{at}", f"{metric}Failure")

    end = probe.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return {"MetricDataQueries": list(queries()), "StartTime": end - timedelta(hours=24), "EndTime": end}


_STREAM = "aws/bedrock/modelinvocations"
_OLD = timedelta(hours=24)


def _stream(probe: Probe, group: str) -> Generator[Asking, Any, dict[str, Any] | None]:
    """The one stream that Bedrock writes to; AWS searches by prefix, page by page."""
    wanted = {"logGroupName": group, "logStreamNamePrefix": _STREAM}
    while True:
        reply = yield from probe.read("logs", "DescribeLogStreams", **wanted)
        for one in reply["logStreams"]:
            if one.get("logStreamName") == _STREAM:
                return dict(one)
        if not reply.get("nextToken"):
            return None
        wanted["nextToken"] = reply["nextToken"]


def _log_15(probe: Probe) -> Checking:
    found = yield from destination(probe)
    name = (found.get("cloudWatchConfig") or {}).get("logGroupName")
    if not name:
        return Finding("not_applicable", "logs do not go to CloudWatch Logs")
    stream = yield from _stream(probe, str(name))
    series, wrong = yield from read_metrics(probe, _metrics(probe))
    calls = _sum(series, "sent")
    last = stream.get("lastEventTimestamp") if stream else None
    if last is None:
        if calls:
            return Finding("warn", f"{calls:.0f} calls in 24 h, and {_STREAM} of {name} has no record")
        return Finding("unknown", f"{_STREAM} of {name} has no record yet")
    age = probe.now - datetime.fromtimestamp(last / 1000, UTC)
    evidence = {"last_record": f"{datetime.fromtimestamp(last / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"}
    if calls and age > _OLD:
        return Finding("warn", f"{calls:.0f} calls in 24 h, and the last record is {age.days} days old", evidence)
    if wrong and age > _OLD:
        return Finding("unknown", wrong, evidence)
    return Finding("pass", f"the last record is of {evidence['last_record']}", evidence)


CHECKS: dict[str, Check] = {
    "LOG-09": _each_place(_log_09),
    "LOG-10": _each_place(_log_10),
    "LOG-11": _each_place(_log_11),
    "LOG-12": _each_place(_log_12),
    "LOG-13": _log_13,
    "LOG-14": _log_14,
    "LOG-15": _log_15,
}
