"""Rows: how records are kept and watched, what else is recorded, and how much the account may ask for."""

from __future__ import annotations

from bedrock_gateway.preflight.catalogue.reads import GUIDE
from bedrock_gateway.preflight.catalogue.row import Row

__all__ = ["OPERATIONS"]

_LOGGING = f"{GUIDE}model-invocation-logging.html"
_METRICS = f"{GUIDE}monitoring-runtime-metrics.html"
_TRAILS = f"{GUIDE}logging-using-cloudtrail.html"
_KEPT = (
    "logs:DescribeLogGroups",
    "logs:GetDataProtectionPolicy",
    "s3:GetBucketVersioning",
    "s3:GetObjectLockConfiguration",
    "s3:GetBucketLifecycleConfiguration",
)
_LIMITS = f"{GUIDE}quotas-runtime.html"
_QUOTAS = ("service-quotas:ListServiceQuotas",)
_TRAIL = ("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors")

OPERATIONS: tuple[Row, ...] = (
    Row("ID-12", "high", "No users for API keys", "deep",
        "fail: a user that the console made for a Bedrock API key (`BedrockAPIKey-…`) has an access key of its own; "
        "warn: there is such a user",
        "Use a role; deactivate these keys, then remove the users.",
        ("iam:ListUsers", "iam:ListServiceSpecificCredentials", "iam:ListAccessKeys"), ("ID-01",), f"{GUIDE}api-keys.html"),
    Row("REG-06", "high", "The log group is in the Region", "deep",
        "fail: it is not; where it is missing, the other Regions are looked at, and the one that has it is named",
        "Make the log group in this Region.", ("logs:DescribeLogGroups",), ("ID-01",), _LOGGING),
    Row("LOG-20", "low", "Records are kept as they were written", "deep",
        "warn: the log group masks nothing, or a bucket keeps no versions, locks no object, or keeps records or old versions "
        "for ever",
        "Set a data protection policy on the log group; versioning, Object Lock and a lifecycle on the bucket.",
        _KEPT, ("ID-01",), _LOGGING),
    Row("LOG-21", "medium", "Somebody hears of lost records", "deep",
        "warn: no alarm that is on watches the failures of a destination in use",
        "Make an alarm over the metric.", ("cloudwatch:DescribeAlarms",), ("ID-01",), _METRICS),
    Row("QUO-01", "high", "Quotas hold what is expected", "deep",
        "fail: more tokens are expected than the quota allows, by the minute or the day; warn: more than 70 % of it, or more "
        "requests than AWS lists; unknown: no quota's name is surely that of the model",
        "Ask AWS for a higher quota, or expect less.", _QUOTAS, ("ID-01",), _LIMITS),
    Row("QUO-02", "high", "No quota is zero", "deep",
        "fail: AWS lists 0 tokens, as for some new accounts; unknown: no quota's name is surely that of the model",
        "Ask AWS Support: a quota of 0 cannot be raised by a request.", _QUOTAS, ("ID-01",), _LIMITS),
    Row("QUO-03", "medium", "Quotas are not used up", "deep",
        "warn: more than 0.5 % of the calls of 24 h were throttled, or one minute took more than 80 % of the quota",
        "Ask AWS for a higher quota, spread the calls, or lower max_tokens: AWS reserves it.",
        (*_QUOTAS, "cloudwatch:GetMetricData"), ("ID-01",), _METRICS),
    Row("OPS-01", "medium", "CloudTrail records data events of Bedrock", "deep",
        "warn: no trail that is on records those of models, of the declared knowledge bases, or of the guardrail; event data "
        "stores are not looked at",
        "Add these resource types to the advanced event selectors of a trail; AWS charges for data events.",
        _TRAIL, ("ID-01",), _TRAILS),
)  # fmt: skip
