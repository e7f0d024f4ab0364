"""What AWS demands of the services around Bedrock: S3 Vectors, CloudWatch and its logs, KMS, tagging, quotas, CloudTrail.

Sources: the Service Authorization Reference of each; CloudWatch Logs User Guide, iam-access-control-overview-cwl; S3 User
Guide, s3-vectors-access-management. Only what the local Bedrock and its tools use is written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.local.demands.rows import (
    SAR,
    ApiRequest,
    Context,
    Resource,
    Row,
    Rows,
    same_named,
    tag_context,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CLOUDWATCH", "KMS", "LOGS", "QUOTAS", "TAGGING", "TRAILS", "VECTORS"]

_VECTORS = "S3 User Guide, s3-vectors-access-management"
_LOG_ARNS = "CloudWatch Logs User Guide, iam-access-control-overview-cwl"
_LOG_TAGS = "CloudWatch Logs API Reference, CreateLogGroup"
_SEEN = "denials seen: hashicorp/terraform-provider-aws#8804"


def _vector_bucket(request: ApiRequest) -> tuple[str]:
    arn = request.params.get("vectorBucketArn")
    return (str(arn) if arn else request.arn("s3vectors", f"bucket/{request.params.get('vectorBucketName', '*')}"),)


def _vector_index(request: ApiRequest) -> tuple[str]:
    arn = request.params.get("indexArn")
    return (str(arn) if arn else f"{_vector_bucket(request)[0]}/index/{request.params.get('indexName', '*')}",)


def _with_metadata(request: ApiRequest) -> Iterator[str]:
    """Filtering by metadata, or returning data, reads what the vectors hold."""
    if any(request.params.get(name) for name in ("filter", "returnMetadata", "returnData")):
        yield from _vector_index(request)


def _lower_tags(request: ApiRequest) -> Context:
    return tag_context(request.params.get("tags"))


def _upper_tags(request: ApiRequest) -> Context:
    return tag_context(request.params.get("Tags"))


_VECTOR_TAGS = "S3 User Guide, creating-vector-buckets-with-tags"


def _created(operation: str, resource: Resource) -> Rows:
    """Return the row of a create operation, which asks for the right to tag too where it is given tags."""
    return {
        ("s3vectors", operation): (
            Row(f"s3vectors:{operation}", resource, context=_lower_tags),
            Row("s3vectors:TagResource", resource, _VECTOR_TAGS, when="tags", context=_lower_tags),
        )
    }


VECTORS: Rows = {
    **_created("CreateVectorBucket", _vector_bucket),
    **_created("CreateIndex", _vector_index),
    **same_named("s3vectors", "*", "ListVectorBuckets"),
    **same_named(
        "s3vectors",
        _vector_bucket,
        "GetVectorBucket DeleteVectorBucket ListIndexes PutVectorBucketPolicy GetVectorBucketPolicy "
        "DeleteVectorBucketPolicy",
        context=_lower_tags,
    ),
    **same_named(
        "s3vectors",
        _vector_index,
        "GetIndex DeleteIndex PutVectors GetVectors DeleteVectors",
        context=_lower_tags,
    ),
    **{
        ("s3vectors", name): (
            Row(f"s3vectors:{name}", _vector_index, SAR),
            Row("s3vectors:GetVectors", _with_metadata, _VECTORS),
        )
        for name in ("QueryVectors", "ListVectors")
    },
    **same_named("s3vectors", "{resourceArn}", "TagResource UntagResource ListTagsForResource", context=_lower_tags),
}


def _group_arn(request: ApiRequest, name: object) -> str:
    """AWS asks about a group under an ARN that goes on after its name: only a policy with ``:*`` covers it."""
    text = str(name or "")
    if text.startswith("arn:"):
        return f"{text.removesuffix(':*')}:log-stream:"
    return request.arn("logs", f"log-group:{text}:log-stream:")


def _group(request: ApiRequest) -> tuple[str]:
    return (_group_arn(request, request.params.get("logGroupName") or request.params.get("logGroupIdentifier")),)


def _plain_group(request: ApiRequest) -> tuple[str]:
    return (request.arn("logs", f"log-group:{request.params.get('logGroupName', '*')}"),)


def _stream(request: ApiRequest) -> tuple[str]:
    return (f"{_group(request)[0]}{request.params.get('logStreamName', '*')}",)


def _queried(request: ApiRequest) -> Sequence[str]:
    names = [
        *(request.params.get("logGroupNames") or ()),
        *(request.params.get("logGroupIdentifiers") or ()),
        *([request.params["logGroupName"]] if request.params.get("logGroupName") else ()),
    ]
    return [_group_arn(request, name) for name in names] or ["*"]


LOGS: Rows = {
    ("logs", "CreateLogGroup"): (
        Row("logs:CreateLogGroup", _group, context=_lower_tags),
        Row("logs:TagResource", _plain_group, _LOG_TAGS, when="tags", context=_lower_tags),
    ),
    ("logs", "DescribeLogGroups"): (
        Row("logs:DescribeLogGroups", "arn:{P}:logs:{R}:{A}:log-group::log-stream:", _SEEN),
    ),
    **same_named(
        "logs",
        _group,
        "DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy DescribeLogStreams FilterLogEvents "
        "PutMetricFilter DeleteMetricFilter DescribeMetricFilters PutSubscriptionFilter DeleteSubscriptionFilter "
        "DescribeSubscriptionFilters PutDataProtectionPolicy GetDataProtectionPolicy DeleteDataProtectionPolicy "
        "AssociateKmsKey DisassociateKmsKey TagLogGroup UntagLogGroup ListTagsLogGroup GetLogGroupFields",
        context=_lower_tags,
    ),
    **same_named("logs", _stream, "CreateLogStream DeleteLogStream PutLogEvents GetLogEvents"),
    ("logs", "StartQuery"): (Row("logs:StartQuery", _queried, _LOG_ARNS),),
    **same_named(
        "logs",
        "*",
        "GetQueryResults StopQuery DescribeQueries PutResourcePolicy DescribeResourcePolicies DeleteResourcePolicy",
    ),
    # The three tag operations are the only ones that ask about the group's plain ARN.
    **same_named("logs", "{resourceArn}", "TagResource UntagResource ListTagsForResource", context=_lower_tags),
}


def _key(request: ApiRequest) -> tuple[str]:
    identifier = str(request.params.get("KeyId") or request.params.get("TargetKeyId") or "*")
    if "alias/" in identifier:
        known = request.lookup and request.lookup.key_arn(identifier, request.region)
        return (known or "*",)
    return (identifier if identifier.startswith("arn:") else request.arn("kms", f"key/{identifier}"),)


def _alias(request: ApiRequest) -> tuple[str]:
    return (request.arn("kms", str(request.params.get("AliasName", "*"))),)


KMS: Rows = {
    ("kms", "CreateKey"): (
        Row("kms:CreateKey", context=_upper_tags),
        Row("kms:TagResource", when="Tags", context=_upper_tags),
    ),
    **same_named("kms", "*", "ListKeys ListAliases GenerateRandom"),
    **same_named(
        "kms",
        _key,
        "DescribeKey GetKeyPolicy PutKeyPolicy ListKeyPolicies Encrypt Decrypt GenerateDataKey "
        "GenerateDataKeyWithoutPlaintext EnableKey DisableKey EnableKeyRotation DisableKeyRotation "
        "GetKeyRotationStatus ScheduleKeyDeletion CancelKeyDeletion CreateGrant ListGrants RevokeGrant "
        "ListResourceTags TagResource UntagResource UpdateKeyDescription",
        context=_upper_tags,
    ),
    **{
        ("kms", name): (Row(f"kms:{name}", _alias), Row(f"kms:{name}", _key, when="TargetKeyId"))
        for name in ("CreateAlias", "UpdateAlias", "DeleteAlias")
    },
}


def _alarms(request: ApiRequest) -> Sequence[str]:
    names = request.params.get("AlarmNames") or [request.params.get("AlarmName") or "*"]
    return [request.arn("cloudwatch", f"alarm:{name}") for name in names]


def _namespace(request: ApiRequest) -> Context:
    return {"cloudwatch:namespace": str(request.params.get("Namespace", ""))}


CLOUDWATCH: Rows = {
    **same_named(
        "cloudwatch", "*", "GetMetricData GetMetricStatistics ListMetrics DescribeAlarmsForMetric ListDashboards"
    ),
    ("cloudwatch", "PutMetricData"): (Row("cloudwatch:PutMetricData", context=_namespace),),
    **same_named(
        "cloudwatch",
        _alarms,
        "PutMetricAlarm DescribeAlarms DeleteAlarms SetAlarmState EnableAlarmActions DisableAlarmActions",
        context=_upper_tags,
    ),
    **same_named("cloudwatch", "{ResourceARN}", "TagResource UntagResource ListTagsForResource", context=_upper_tags),
}

QUOTAS: Rows = same_named(
    "service-quotas",
    "*",
    "ListServices ListServiceQuotas GetServiceQuota ListAWSDefaultServiceQuotas GetAWSDefaultServiceQuota",
    prefix="servicequotas",
)


def _trail(request: ApiRequest) -> tuple[str]:
    name = str(request.params.get("TrailName") or request.params.get("Name") or "*")
    return (name if name.startswith("arn:") else request.arn("cloudtrail", f"trail/{name}"),)


TRAILS: Rows = {
    **same_named("cloudtrail", "*", "DescribeTrails ListTrails"),
    **same_named("cloudtrail", _trail, "GetTrail GetTrailStatus GetEventSelectors"),
}

TAGGING: Rows = same_named("resourcegroupstaggingapi", "*", "GetResources GetTagKeys GetTagValues", prefix="tag")
