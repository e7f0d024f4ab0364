"""Faults of what came to the catalogue later, by the same rules as in `test_checks`: one change each, and all it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bedrock_gateway.errors import UnsupportedByBotocoreError
from bedrock_gateway.preflight.state import Creation, State

from .golden_operations import (
    ACROSS,
    BY_DAY,
    DOUBLED,
    FAILURES,
    HERE,
    LIFE,
    NOVA,
    RECORDED,
    TITAN,
    TRAIL,
    alarms,
    quotas,
    selecting,
    trail,
)
from .stepped import ACCOUNT, GROUP, KEY, KNOWLEDGE, REGION, denied, details, missing, series

STATE = State("/srv/helpdesk", filesystem="ext4")


def unfinished(account: str = ACCOUNT, region: str = REGION) -> dict[str, Any]:
    return {"state": replace(STATE, unfinished=(Creation("handbook", account, region),))}


def state(**changes: Any) -> dict[str, Any]:
    return {"state": replace(STATE, **changes)}


HOSTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a folder that cannot be written", state(writable=False), {"ENV-08": "fail"}),
    ("a full disk", state(free_bytes=(100 << 20) - 1), {"ENV-08": "fail"}),
    ("a disk with enough left", state(free_bytes=100 << 20), {}),
    ("a file system without locks", state(lockable=False), {"ENV-08": "fail"}),
    ("a full disk of a network file system", state(free_bytes=0, filesystem="nfs4"), {"ENV-08": "fail"}),
    ("a network file system", state(filesystem="nfs4"), {"ENV-08": "warn"}),
    ("a file system in memory", state(filesystem="tmpfs"), {"ENV-08": "warn"}),
    ("a file system nobody knows", state(filesystem=None), {}),
    ("a configuration from no file", {"state": None}, {"ENV-08": "not_applicable", "KB-10": "not_applicable"}),
    ("a folder that cannot be looked at", state(error="Permission denied"), {"ENV-08": "unknown", "KB-10": "unknown"}),
    ("clients built before the fork", {"forked": True}, {"ENV-09": "warn"}),
    ("clients built in uWSGI's master", {"server": "uwsgi", "before_fork": True}, {"ENV-09": "warn"}),
    ("a worker of gunicorn", {"server": "gunicorn"}, {}),
    ("a knowledge base half made", unfinished(), {"KB-10": "warn"}),
    ("a knowledge base half made in another account", unfinished(account="123456789012"), {}),
    ("a knowledge base half made in another Region", unfinished(region="us-west-2"), {}),
    ("a manifest that cannot be read", state(unreadable=("handbook.json",)), {"KB-10": "unknown"}),
]  # fmt: skip
"""Of the host of whoever sets up: a principal that writes manifests."""

CALLERS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a folder that cannot be written, of who only calls models", state(writable=False), {}),
    ("a file system in memory, of who only calls models", state(filesystem="tmpfs"), {}),
]  # fmt: skip
"""Of the host of who keeps nothing on it."""

OTHER = "us-west-2"
GROUPS = {"logGroups": [{"logGroupName": GROUP, "retentionInDays": 90, "kmsKeyId": KEY}]}
PHANTOM = "BedrockAPIKey-ab12"


def answers(**changes: Any) -> dict[str, Any]:
    return changes


def phantom(credentials: str | None = None, key: str | None = None) -> dict[str, Any]:
    """A user that the console made, with credentials and an access key of these states."""
    own = [{"ServiceSpecificCredentialId": "ACCAEXAMPLE123EXAMPLE", "Status": credentials}] if credentials else []
    keys = [{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": key}] if key else []
    return {
        "ListUsers": {"Users": [{"UserName": "a"}, {"UserName": PHANTOM}]},
        "ListServiceSpecificCredentials": {"ServiceSpecificCredentials": own},
        "ListAccessKeys": lambda asked: {"AccessKeyMetadata": keys if asked["UserName"] == PHANTOM else []},
    }


def paged(first: str, key: str, *pages: dict[str, Any]) -> Any:
    """Answers page by page: *first* is the member that a later question names, *key* the one of the answer."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        at = int(asked.get(first, "0"))
        more = {key: str(at + 1), **({"IsTruncated": True} if key == "Marker" else {})} if at + 1 < len(pages) else {}
        return {**pages[at], **more}

    return answer


def life(**changes: Any) -> dict[str, Any]:
    rule = {name: value for name, value in {**LIFE, **changes}.items() if value is not None}
    return {"GetBucketLifecycleConfiguration": {"Rules": [rule]}}


def listed(**values: float | None) -> dict[str, Any]:
    """Quotas by what they are of: ``here``, ``across``, ``day``, ``requests`` of the model, ``titan`` of the other one."""
    names = {
        "here": f"{HERE} {NOVA}",
        "across": f"{ACROSS} {NOVA}",
        "day": f"{BY_DAY} {NOVA} {DOUBLED}",
        "requests": f"On-demand model inference requests per minute for {NOVA}",
        "titan": f"{HERE} {TITAN}",
    }
    return {"ListServiceQuotas": quotas(values={names[name]: value for name, value in values.items()})}


def measured(**values: float) -> dict[str, Any]:
    """Metrics of the first declared model (``calls``, ``throttled``, ``used``), beside those of the deliveries."""
    return {"GetMetricData": series(**{f"{name}0": value for name, value in values.items()})}


def untold(name: str) -> dict[str, Any]:
    """Quotas, of which AWS could not tell one."""
    error = {"ErrorCode": "SERVICE_QUOTA_NOT_AVAILABLE_ERROR", "ErrorMessage": "x"}
    found = [one for one in quotas()["Quotas"] if one["QuotaName"] != name]
    return {"Quotas": [*found, {"QuotaName": name, "ErrorReason": error}]}


def told(code: str, **values: float) -> dict[str, Any]:
    """Metrics with this status."""
    found = series(**values)
    return {"MetricDataResults": [{**one, "StatusCode": code} for one in found["MetricDataResults"]]}


UNLOGGED = answers(GetTrailStatus={"IsLogging": False})

ROWS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("data that AWS may review", answers(GetAccountDataRetention={"mode": "aws_review"}), {"GOV-04": "fail"}),
    ("data shared with providers", answers(GetAccountDataRetention={"mode": "provider_data_share"}), {"GOV-04": "fail"}),
    ("data that nobody keeps", answers(GetAccountDataRetention={"mode": "none"}), {}),
    ("no mode of data retention", answers(GetAccountDataRetention={"mode": "inherit"}), {}),
    ("a mode of data retention nobody knows", answers(GetAccountDataRetention={"mode": "new"}), {"GOV-04": "unknown"}),
    ("a botocore without data retention", answers(GetAccountDataRetention=UnsupportedByBotocoreError(
        member="GetAccountDataRetention", installed="1.40.61", known_in="1.43.117")), {"GOV-04": "unknown"}),
    ("a user of an API key", phantom(), {"ID-12": "warn"}),
    ("a user of an API key that works", phantom("Active"), {"ID-12": "warn"}),
    ("a user of an API key with an access key", phantom("Active", "Active"), {"ID-12": "fail"}),
    ("a user of an API key with an access key that is off", phantom("Inactive", "Inactive"), {"ID-12": "warn"}),
    ("a user of an API key on the second page", {**phantom(None, "Active"), "ListUsers": paged("Marker", "Marker",
        {"Users": [{"UserName": "a"}]}, {"Users": [{"UserName": PHANTOM}]})}, {"ID-12": "fail"}),
    ("a user of an API key whose access key is on a second page", {**phantom(), "ListAccessKeys": paged("Marker", "Marker",
        {"AccessKeyMetadata": []}, {"AccessKeyMetadata": [{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active"}]})},
        {"ID-12": "fail"}),
    ("a user of an API key who is gone since", {**phantom(), "ListServiceSpecificCredentials": missing("x"),
        "ListAccessKeys": missing("x")}, {"ID-12": "warn"}),
    ("the log group on a second page", {"DescribeLogGroups": paged("nextToken", "nextToken",
        {"logGroups": [{"logGroupName": GROUP + "-2"}]}, GROUPS)}, {}),
    ("no versions in the bucket", answers(GetBucketVersioning={}), {"LOG-20": "warn"}),
    ("versions that were stopped", answers(GetBucketVersioning={"Status": "Suspended"}), {"LOG-20": "warn"}),
    ("no Object Lock", answers(GetObjectLockConfiguration=missing("GetObjectLockConfiguration")), {"LOG-20": "warn"}),
    ("Object Lock that locks nothing by itself", answers(GetObjectLockConfiguration={
        "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}), {"LOG-20": "warn"}),
    ("no lifecycle", answers(GetBucketLifecycleConfiguration=missing("GetBucketLifecycleConfiguration")), {"LOG-20": "warn"}),
    ("a lifecycle that is off", life(Status="Disabled"), {"LOG-20": "warn"}),
    ("records that never expire", life(Expiration=None), {"LOG-20": "warn"}),
    ("old versions that never expire", life(NoncurrentVersionExpiration=None), {"LOG-20": "warn"}),
    ("a lifecycle that removes markers only", life(Expiration={"ExpiredObjectDeleteMarker": True}), {"LOG-20": "warn"}),
    ("a lifecycle of another prefix", life(Filter={"Prefix": "tmp/"}), {"LOG-20": "warn"}),
    ("a lifecycle of another prefix, as it was written once", life(Prefix="tmp/"), {"LOG-20": "warn"}),
    ("a lifecycle of what carries a tag", life(Filter={"And": {"Prefix": "", "Tags": [{"Key": "a", "Value": "b"}]}}),
        {"LOG-20": "warn"}),
    ("a lifecycle of the records alone", life(Filter={"Prefix": f"AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/"}), {}),
    ("a log group that masks nothing", answers(GetDataProtectionPolicy={"logGroupIdentifier": GROUP}), {"LOG-20": "warn"}),
    ("a log group without protection, as an error", answers(GetDataProtectionPolicy=missing("x")), {"LOG-20": "warn"}),
    ("no alarm", answers(DescribeAlarms={"MetricAlarms": []}), {"LOG-21": "warn"}),
    ("an alarm for the other destination only", answers(DescribeAlarms=alarms(FAILURES[0], FAILURES[1])), {"LOG-21": "warn"}),
    ("alarms for what is used", answers(DescribeAlarms=alarms(FAILURES[0], FAILURES[2])), {}),
    ("alarms that tell nobody", answers(DescribeAlarms=alarms(*FAILURES, ActionsEnabled=False)), {"LOG-21": "warn"}),
    ("alarms over what arrives", answers(DescribeAlarms=alarms(*(one.replace("Failure", "Success") for one in FAILURES))),
        {"LOG-21": "warn"}),
    ("alarms of another namespace", answers(DescribeAlarms=alarms(*FAILURES, Namespace="Mine")), {"LOG-21": "warn"}),
    ("alarms of one model, which deliveries are not counted by", answers(DescribeAlarms=alarms(*FAILURES,
        Dimensions=[{"Name": "ModelId", "Value": "x"}])), {"LOG-21": "warn"}),
    ("alarms over an expression", answers(DescribeAlarms={"MetricAlarms": [{"Metrics": [{"MetricStat": {"Metric": {
        "Namespace": "AWS/Bedrock", "MetricName": one}}} for one in FAILURES]}]}), {}),
    ("alarms on a second page", answers(DescribeAlarms=paged("NextToken", "NextToken", alarms("Invocations"),
        alarms(*FAILURES))), {}),
    ("no trail", answers(DescribeTrails={"trailList": []}), {"OPS-01": "warn"}),
    ("a trail that is off", UNLOGGED, {"OPS-01": "warn"}),
    ("a trail of management events only", answers(GetEventSelectors=selecting(category="Management")), {"OPS-01": "warn"}),
    ("a trail of other data events", answers(GetEventSelectors=selecting("AWS::S3::Object")), {"OPS-01": "warn"}),
    ("a trail without knowledge bases", answers(GetEventSelectors=selecting(*RECORDED[::2])), {"OPS-01": "warn"}),
    ("a trail without the guardrail", answers(GetEventSelectors=selecting(*RECORDED[:2])), {"OPS-01": "warn"}),
    ("resource types of events that are no data", answers(GetEventSelectors=selecting(*RECORDED, category="NetworkActivity")),
        {"OPS-01": "warn"}),
    ("a trail that is kept elsewhere", answers(DescribeTrails={"trailList": [trail(HomeRegion=OTHER)]}), {}),
    ("a trail that cannot be read", answers(GetEventSelectors=denied("GetEventSelectors")), {"OPS-01": "unknown"}),
    ("a second trail that cannot be read", {
        "DescribeTrails": {"trailList": [trail(), trail(TrailARN=TRAIL + "-2")]},
        "GetTrailStatus": lambda asked: denied("GetTrailStatus") if asked["Name"].endswith("-2") else {"IsLogging": True}}, {}),
    ("a data source without a key", answers(GetDataSource={"dataSource": {}}), {"KB-08": "warn"}),
    ("a data source that is gone since", answers(GetDataSource=missing("GetDataSource")), {}),
    ("a managed knowledge base without a key", answers(GetKnowledgeBase={"knowledgeBase": KNOWLEDGE | {
        "knowledgeBaseConfiguration": {**KNOWLEDGE["knowledgeBaseConfiguration"], "managedKnowledgeBaseConfiguration": {}}}}),
        {"KB-08": "warn"}),
    ("a managed knowledge base with a key", answers(GetKnowledgeBase={"knowledgeBase": KNOWLEDGE | {
        "knowledgeBaseConfiguration": {**KNOWLEDGE["knowledgeBaseConfiguration"], "managedKnowledgeBaseConfiguration": {
            "serverSideEncryptionConfiguration": {"kmsKeyArn": KEY}}}}}), {}),
    ("a quota of 0 for the model", listed(here=0.0), {"QUO-02": "fail"}),
    ("a quota whose value AWS could not tell", answers(ListServiceQuotas=untold(f"{HERE} {NOVA}")), {"QUO-02": "unknown"}),
    ("a quota of 0 across Regions", listed(across=0.0), {"QUO-02": "fail"}),
    ("a quota of 0 a day", listed(day=0.0), {"QUO-02": "fail"}),
    ("a quota of 0 for the model that embeds", listed(titan=0.0), {"QUO-02": "fail"}),
    ("no requests a minute", listed(requests=0.0), {"QUO-02": "warn"}),
    ("requests a minute that AWS lists no more", listed(requests=None), {}),
    ("no quota of the model", listed(across=None), {"QUO-02": "unknown"}),
    ("calls that are throttled", measured(calls=994.0, throttled=6.0), {"QUO-03": "warn"}),
    ("a few calls that are throttled", measured(calls=995.0, throttled=5.0), {"QUO-03": "pass"}),
    ("nothing but throttled calls", measured(throttled=3.0), {"QUO-03": "warn"}),
    ("a minute near the quota", measured(calls=100.0, used=80_001.0), {"QUO-03": "warn"}),
    ("a minute below four fifths of it", measured(calls=100.0, used=80_000.0), {"QUO-03": "pass"}),
    ("metrics that CloudWatch could not read", answers(GetMetricData=told("InternalError")),
        {"LOG-14": "unknown", "QUO-03": "unknown"}),
    ("metrics that may not be read", answers(GetMetricData=told("Forbidden")), {"LOG-14": "unknown", "QUO-03": "unknown"}),
    ("deliveries that fail, in metrics that are not all there", answers(GetMetricData=told("PartialData", failure0=1.0)),
        {"LOG-14": "fail", "QUO-03": "unknown"}),
    ("deliveries that fail, on a second page", answers(GetMetricData=paged("NextToken", "NextToken",
        told("PartialData"), series(failure0=1.0))), {"LOG-14": "fail"}),
    ("a busy model without a known quota", {**measured(calls=100.0, used=9.0), **listed(here=None)},
        {"QUO-02": "unknown", "QUO-03": "unknown"}),
]  # fmt: skip
"""Of the golden account."""

LOADS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("as much as the quota", listed(here=20_000.0), {"QUO-01": "warn"}),
    ("more than the quota", listed(here=19_999.0), {"QUO-01": "fail"}),
    ("70 % of the quota", listed(here=28_572.0), {}),
    ("more than 70 % of the quota", listed(here=28_571.0), {"QUO-01": "warn"}),
    ("more by the day than the quota, which calls across Regions have twice", listed(day=4_499_999.0), {"QUO-01": "fail"}),
    ("as much by the day as twice the quota", listed(day=6_500_000.0), {}),
    ("more requests than AWS lists", listed(requests=59.0), {"QUO-01": "warn"}),
    ("requests that AWS lists no more", listed(requests=None), {}),
    ("no quota of a name that is surely the model's", listed(here=None), {"QUO-01": "unknown", "QUO-02": "unknown"}),
    ("no quota by the day", listed(day=None), {"QUO-01": "unknown"}),
    ("a quota of 0 where something is expected", listed(here=0.0), {"QUO-01": "fail", "QUO-02": "fail"}),
]  # fmt: skip
"""Of an account of which 15 000 tokens of input and 5 000 of output a minute, 60 requests a minute and 9 million tokens a day
are expected."""

MODALITIES = {"inputModalities": ["TEXT"], "outputModalities": ["TEXT"]}


def answering(**changes: Any) -> dict[str, Any]:
    return {"GetFoundationModel": details(**{**MODALITIES, **changes})}


ANSWERS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a model that embeds", answering(outputModalities=["EMBEDDING"]), {"KB-09": "fail"}),
    ("a model that paints", answering(outputModalities=["IMAGE"]), {"KB-09": "fail"}),
    ("a model that sees and says", answering(inputModalities=["TEXT", "IMAGE"]), {}),
    ("a model of which AWS says nothing", answering(outputModalities=None), {"KB-09": "unknown"}),
    ("a model of profiles only", answering(inferenceTypesSupported=["INFERENCE_PROFILE"]), {"KB-09": "fail", "MOD-03": "fail"}),
    ("a model that is gone", answers(GetFoundationModel=missing("GetFoundationModel")), {"MOD-01": "fail",
        **dict.fromkeys(("KB-09", "MOD-02", "MOD-03", "MOD-08"), "not_applicable")}),
]  # fmt: skip
"""Of an account in which somebody answers from a knowledge base."""
