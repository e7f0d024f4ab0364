"""Rows: invocation logging, from its configuration to the record that arrives."""

from __future__ import annotations

from bedrock_gateway.preflight.catalogue.reads import GUIDE, LOGGING, OWN, POLICIES
from bedrock_gateway.preflight.catalogue.row import Row

__all__ = ["DELIVERY"]

_SOURCE = f"{GUIDE}model-invocation-logging.html"
_METRICS = f"{GUIDE}monitoring-cw.html"
_METRIC_DATA = ("cloudwatch:GetMetricData",)

DELIVERY: tuple[Row, ...] = (
    Row("LOG-01", "critical", "Invocation logging is on", "minimal", "fail: no configuration",
        "Put a logging configuration.", LOGGING, ("ID-01",), _SOURCE),
    Row("LOG-02", "high", "Declared destinations", "minimal",
        "fail: no destination; warn: other than the declared ones", "Compare, then change one of the two.",
        LOGGING, ("LOG-01",), _SOURCE),
    Row("LOG-03", "high", "Declared modalities", "minimal",
        "fail: one in use is not delivered; warn: one not in use is; unknown: audio with an old botocore",
        "Set its flag.", LOGGING, ("LOG-01",), _SOURCE),
    Row("LOG-04", "medium", "Bodies above 100 KB", "minimal", "warn: they have no bucket to go to",
        "Add a bucket for large data.", LOGGING, ("LOG-01",), _SOURCE),
    Row("LOG-05", "critical", "The log group exists", "standard",
        "fail: missing; warn: no retention, or class INFREQUENT_ACCESS", "Create the log group.",
        ("logs:DescribeLogGroups",), ("ID-01",), _SOURCE),
    Row("LOG-06", "critical", "The logging role exists", "standard", "fail: missing, or in another account",
        "Create the role.", ("iam:GetRole",), ("ID-01",), _SOURCE),
    Row("LOG-07", "critical", "Bedrock may assume the logging role", "standard",
        "fail: for any source ARN of this account and Region it may not; warn: others may besides",
        "Correct the trust policy.", ("iam:GetRole",), ("LOG-06",), _SOURCE),
    Row("LOG-08", "critical", "The logging role may write", "standard",
        "fail: inline, attached and boundary policies do not allow it; warn: they allow more than the stream",
        "Correct the role's policy.", POLICIES, ("LOG-06",), _SOURCE),
    Row("LOG-09", "critical", "The bucket is yours", "standard",
        "fail: it does not exist, so that anybody can make it, or it is of another account",
        "Log to a bucket of this account.", ("s3:HeadBucket",), ("ID-01",), _SOURCE),
    Row("LOG-10", "critical", "Bedrock may write to the bucket", "standard",
        "fail: for any source ARN of this account and Region its policy does not allow it, or a statement denies it; "
        "warn: it allows it to any account",
        "Correct the bucket policy.", ("s3:GetBucketPolicy",), ("LOG-09",), _SOURCE),
    Row("LOG-11", "high", "The bucket keeps what it gets", "standard",
        "fail: writers own what they write; warn: public access is not blocked",
        "Enforce the owner, block public access.",
        ("s3:GetBucketOwnershipControls", "s3:GetPublicAccessBlock"), ("LOG-09",), _SOURCE),
    Row("LOG-12", "critical", "The bucket's key", "standard",
        "fail: a key that is disabled, of another Region, or that Bedrock may not use: the configuration saves and every "
        "body is lost; warn: AWS's own key for S3",
        "Correct the key policy.", ("s3:GetBucketEncryption", "kms:DescribeKey", "kms:GetKeyPolicy"), ("LOG-09",), _SOURCE),
    Row("LOG-13", "high", "The log group's key", "standard", "fail: it is disabled, of another Region, or gone",
        "Enable the key.", ("logs:DescribeLogGroups", "kms:DescribeKey"), ("LOG-05",), _SOURCE),
    Row("LOG-14", "high", "Deliveries succeed", "deep",
        "fail: a delivery failed in the last hour; warn: calls, and no delivery; unknown: neither",
        "See LOG-05 to LOG-13: one of them says why.", _METRIC_DATA, ("LOG-01",), _METRICS),
    Row("LOG-15", "medium", "Records arrive", "deep",
        "warn: calls in the last day, and no record in it; unknown: there is no record yet",
        "See LOG-05 to LOG-08: one of them says why.", ("logs:DescribeLogStreams", *_METRIC_DATA), ("LOG-05",), _METRICS),
    Row("LOG-17", "high", "Every call is one that is logged", "minimal",
        "fail: a bedrock-mantle endpoint is declared, whose traffic is in no invocation log",
        "Take the endpoint out of the configuration.", source=_SOURCE),
    Row("LOG-18", "medium", "Logging is as it was accepted", "minimal",
        "warn: the configuration is another one than `accepted_logging` of [preflight], which is the digest this check shows",
        "Compare, then change it back or accept it.", LOGGING, ("LOG-01",), _SOURCE),
    Row("LOG-19", "high", "The audit is out of reach", "deep",
        "fail: this principal may change or delete logging, the log or the bucket",
        "Attach what `bedrock-gateway policy` prints, and nothing else.", OWN, ("ID-01",), _SOURCE),
)  # fmt: skip
