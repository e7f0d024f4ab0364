"""Rows: the canary. It calls a model, so it runs only where it is asked for, and neither at start-up nor by a level alone."""

from __future__ import annotations

from bedrock_gateway.preflight.catalogue.reads import GUIDE, LOGGING, STS
from bedrock_gateway.preflight.catalogue.row import Row

__all__ = ["CANARY"]

_SOURCE = f"{GUIDE}model-invocation-logging.html"
_LOGS = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html"
_SEARCH = (*LOGGING, "logs:DescribeLogGroups", "logs:FilterLogEvents")

CANARY: tuple[Row, ...] = (
    Row("CAN-01", "critical", "A model answers", "minimal",
        "fail: AWS refuses a call of one token, by Converse; unknown: it is throttled, or silent",
        "See MOD-01 to MOD-06.", needs=("ID-01", "LOG-01"), source=f"{GUIDE}conversation-inference-call.html", opt_in=True),
    Row("CAN-02", "high", "A stream ends as it should", "minimal",
        "fail: it is refused, or stops before its messageStop",
        "See MOD-08, and what stands between this process and AWS.", needs=("CAN-01",),
        source=f"{GUIDE}conversation-inference-call.html", opt_in=True),
    Row("CAN-03", "critical", "The records arrive in CloudWatch Logs", "minimal",
        "fail: the log group is gone, or none came and deliveries fail (LOG-14); warn: none has come in time; "
        "unknown: the log group cannot be searched",
        "See LOG-05 to LOG-08 and LOG-14: one of them says why.", _SEARCH, ("CAN-01",), _LOGS, opt_in=True),
    Row("CAN-04", "critical", "The records say what was done", "minimal",
        "fail: another Region, model, caller or metadata than that of the call, or a body that is there although its delivery is "
        "off, or lost although it is on",
        "See LOG-03 and LOG-04, and who else writes to the log group.", (*_SEARCH, *STS), ("CAN-03",), _SOURCE, opt_in=True),
    Row("CAN-05", "high", "A large body arrives in S3", "deep",
        "fail: the record of a prompt of 120 KB holds neither body nor its place, or another place than the declared; "
        "warn: it has not come in time",
        "See LOG-09 to LOG-12: one of them says why.", (*_SEARCH, "s3:ListObjectsV2"), ("CAN-03",), _SOURCE, opt_in=True),
    Row("LOG-16", "critical", "A call leaves its record", "minimal",
        "as the worst of CAN-03 and CAN-04", "See CAN-03 and CAN-04.", _SEARCH, ("LOG-01",), _SOURCE, opt_in=True),
)  # fmt: skip
