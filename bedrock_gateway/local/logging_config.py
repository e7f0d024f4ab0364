"""The model invocation logging configuration: one a Region, validated when it is put, never again afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.delivery import LOG_STREAM, Configurations, log_folder, put_line, put_object, source_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS"]

_CHECK_LINE = "Permissions are correctly set for Amazon Bedrock logs."
_CHECK_OBJECT = "amazon-bedrock-logs-permission-check"


def _refuse(message: str) -> NoReturn:
    raise Fault("ValidationException", message, 400)


def _get(call: Call) -> Reply:
    config = call.state.of(Configurations).by_region.get(call.region)
    return Reply({"loggingConfig": config} if config else {})


def _delete(call: Call) -> Reply:
    call.state.of(Configurations).by_region.pop(call.region, None)
    return Reply()


def _put(call: Call) -> Reply:
    config = call.params.get("loggingConfig") or {}
    watch, bucket = config.get("cloudWatchConfig"), config.get("s3Config")
    # Everything is looked at before anything is written.
    if not watch and not bucket:
        # assumed: AWS's own text is not known
        _refuse("At least one of cloudWatchConfig and s3Config is required in loggingConfig.")
    buckets = [one for one in (bucket, (watch or {}).get("largeDataDeliveryS3Config")) if one]
    if watch:
        _check_log_group(call, watch)
    for one in buckets:
        _check_bucket(call, one)
    call.state.of(Configurations).by_region[call.region] = config
    return Reply()


def _no_log_access(watch: Mapping[str, Any]) -> NoReturn:
    _refuse(
        f"Failed to validate permissions for log group: {watch['logGroupName']}, with role: {watch['roleArn']}. "
        "Verify the IAM role permissions are correct."
    )


def _check_log_group(call: Call, watch: Mapping[str, Any]) -> None:
    """Let the role write the permission-check line; AWS gives one text for all that can be wrong."""
    group = watch["logGroupName"]
    stream = f"arn:{call.partition}:logs:{call.region}:{call.account}:log-group:{group}:log-stream:{LOG_STREAM}"
    if f":iam::{call.account}:role/" not in watch["roleArn"] or not _group_exists(call, group):
        _no_log_access(watch)
    try:
        role = call.aws.assume_service_role(watch["roleArn"], source_arn=source_arn(call), region=call.region)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            if not call.aws.authorize(role, action, stream).allowed:
                _no_log_access(watch)
        put_line(call, role, group, _CHECK_LINE)
    except Fault:
        _no_log_access(watch)


def _group_exists(call: Call, group: str) -> bool:
    params = {"logGroupNamePrefix": group}
    try:
        found = call.aws.call("logs", "DescribeLogGroups", params, region=call.region)
    except Fault:
        return False
    return any(one["logGroupName"] == group for one in found.get("logGroups", []))


def _check_bucket(call: Call, bucket: Mapping[str, Any]) -> None:
    """Put the permission-check object; it stays, as AWS's does."""
    name = bucket["bucketName"]
    key = f"{log_folder(call, bucket.get('keyPrefix'))}/{_CHECK_OBJECT}"
    if _bucket_region(call, name) != call.region or not put_object(call, name, key, b""):
        # assumed: AWS's own text for a bucket is not known
        _refuse(
            f"Failed to validate permissions for S3 bucket: {name}. "
            f"Verify that the bucket is in {call.region} and that its policy lets bedrock.amazonaws.com put objects."
        )


def _bucket_region(call: Call, bucket: str) -> str | None:
    try:
        found = call.aws.call("s3", "HeadBucket", {"Bucket": bucket}, region=call.region)
    except Fault:
        return None
    headers: Mapping[str, str] = found["ResponseMetadata"]["HTTPHeaders"]
    return headers.get("x-amz-bucket-region")


HANDLERS: Handlers = {
    ("bedrock", "GetModelInvocationLoggingConfiguration"): _get,
    ("bedrock", "PutModelInvocationLoggingConfiguration"): _put,
    ("bedrock", "DeleteModelInvocationLoggingConfiguration"): _delete,
}
