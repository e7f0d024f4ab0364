"""AWS's answers about upkeep in the golden account: quotas, alarms, trails, keys of sources, and how records are kept."""

from __future__ import annotations

from typing import Any

ACCOUNT, REGION = "111122223333", "us-east-1"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/all"
FAILURES = tuple(
    f"{one}Failure"
    for one in (
        "ModelInvocationLogsCloudWatchDelivery",
        "ModelInvocationLogsS3Delivery",
        "ModelInvocationLargeDataS3Delivery",
    )
)
NOVA, HAIKU, TITAN = "Amazon Nova Lite", "Anthropic Claude 3.5 Haiku", "Amazon Titan Text Embeddings V2"
HERE, ACROSS = "On-demand model inference tokens per minute for", "Cross-region model inference tokens per minute for"
BY_DAY, DOUBLED = "Model invocation max tokens per day for", "(doubled for cross-region calls)"
QUOTAS = {
    f"{HERE} {NOVA}": 100_000.0,
    f"{ACROSS} {NOVA}": 200_000.0,
    f"{BY_DAY} {NOVA} {DOUBLED}": 10_000_000.0,
    f"On-demand model inference requests per minute for {NOVA}": 100.0,
    f"{HERE} {HAIKU}": 50_000.0,
    f"{HERE} {TITAN}": 300_000.0,
    f"{ACROSS} {NOVA} 1M Context Length": 0.0,
    f"[bedrock-mantle endpoint] Input tokens per minute for {NOVA}": 0.0,
    "(Knowledge Bases) CreateKnowledgeBase requests per second": 2.0,
}
RECORDED = ("AWS::Bedrock::Model", "AWS::Bedrock::KnowledgeBase", "AWS::Bedrock::Guardrail")
SOURCE_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/2345abcd-12ab-34cd-56ef-1234567890ab"


def quotas(**changes: Any) -> dict[str, Any]:
    """The answer, with other values of the quotas whose names begin like the keys of ``values``; None: not listed."""
    values = QUOTAS | changes.get("values", {})
    return {"Quotas": [{"QuotaName": name, "Value": value} for name, value in values.items() if value is not None]}


def alarms(*metrics: str, **changes: Any) -> dict[str, Any]:
    found = [{"Namespace": "AWS/Bedrock", "MetricName": one, "ActionsEnabled": True, **changes} for one in metrics]
    return {"MetricAlarms": found}


def selecting(*types: str, category: str = "Data") -> dict[str, Any]:
    fields = [
        {"Field": "eventCategory", "Equals": [category]},
        *([{"Field": "resources.type", "Equals": list(types)}] if types else []),
    ]
    return {"TrailARN": TRAIL, "AdvancedEventSelectors": [{"FieldSelectors": fields}]}


def trail(**changes: Any) -> dict[str, Any]:
    return {"TrailARN": TRAIL, "Name": "all", "HomeRegion": REGION, "IsMultiRegionTrail": True, **changes}


LIFE = {"Status": "Enabled", "Expiration": {"Days": 400}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
LOCK = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 90}}}

OPERATIONS: dict[str, Any] = {
    "GetAccountDataRetention": {"mode": "default"},
    "GetDataSource": {"dataSource": {"serverSideEncryptionConfiguration": {"kmsKeyArn": SOURCE_KEY}}},
    "GetBucketVersioning": {"Status": "Enabled"},
    "GetObjectLockConfiguration": {"ObjectLockConfiguration": LOCK},
    "GetBucketLifecycleConfiguration": {"Rules": [LIFE]},
    "GetDataProtectionPolicy": {"logGroupIdentifier": "/bedrock/invocations", "policyDocument": "{}"},
    "DescribeAlarms": alarms(*FAILURES),
    "ListServiceQuotas": quotas(),
    "DescribeTrails": {"trailList": [trail()]},
    "GetTrailStatus": {"IsLogging": True},
    "GetEventSelectors": selecting(*RECORDED),
    "ListUsers": {"Users": [{"UserName": "a"}, {"UserName": "my-BedrockAPIKey-1"}]},
    "ListServiceSpecificCredentials": {"ServiceSpecificCredentials": []},
}
