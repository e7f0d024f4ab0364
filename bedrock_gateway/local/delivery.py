"""Deliver a record of every call on bedrock-runtime to CloudWatch Logs and S3, as the configuration says.

The rights are looked at again for each record, as AWS does: where the role, the group or the bucket policy was broken
since, the record is lost without a word to the caller, and only `Deliveries` and CloudWatch's metrics count it. To
CloudWatch Logs it goes as the configured role; to a bucket as the service itself, which the bucket's own policy must
allow.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, enforce
from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.metrics import count_call, count_delivery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import Call
    from bedrock_gateway.local.models.targets import Target
    from bedrock_gateway.local.principals import Principal

__all__ = ["LOG_STREAM", "Configurations", "Deliveries", "Logged", "bucket_allows", "deliver", "log_folder", "put_line"]

LOG_STREAM = "aws/bedrock/modelinvocations"
_LARGE_BYTES = 100 * 1024
_MEDIA_FLAGS = {"image": "image", "video": "video", "audio": "audio"}


@dataclass(slots=True)
class Configurations:
    """The logging configuration of each Region; absent where logging is off."""

    by_region: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Deliveries:
    """How many records arrived and how many were lost, by ``(Region, destination, outcome)``.

    Destinations are ``CloudWatch``, ``S3`` and ``LargeDataS3``; outcomes ``Success`` and ``Failure``.
    """

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, region: str, destination: str, *, arrived: bool) -> None:
        """Count one record."""
        with self.lock:
            self.counts[region, destination, "Success" if arrived else "Failure"] += 1


@dataclass(frozen=True, slots=True)
class Logged:
    """What one call did, as far as the log tells it."""

    target: Target
    request: Any
    response: Any = None
    """The reply's document; a list of chunks for an invoke stream; None where there was none."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    metadata: Mapping[str, str] | None = None
    """``requestMetadata`` of the request."""
    fault: Fault | None = None
    embedding: bool = False


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False).encode()


def source_arn(call: Call) -> str:
    """Return the ``aws:SourceArn`` that Bedrock sets when it logs."""
    return f"arn:{call.partition}:bedrock:{call.region}:{call.account}:*"


def log_folder(call: Call, prefix: str | None) -> str:
    """Return the key under which everything in a log bucket stands."""
    start = f"{prefix.strip('/')}/" if prefix and prefix.strip("/") else ""
    return f"{start}AWSLogs/{call.account}/BedrockModelInvocationLogs"


def bucket_allows(call: Call, bucket: str, key: str) -> bool:
    """Whether the bucket's own policy lets the service put *key* there."""
    try:
        found = call.aws.call("s3", "GetBucketPolicy", {"Bucket": bucket}, region=call.region)
        policy = Policy.parse(found["Policy"])
    except (Fault, PolicyError, KeyError):
        return False
    request = AccessRequest(
        "s3:PutObject",
        f"arn:{call.partition}:s3:::{bucket}/{key}",
        {"aws:SourceAccount": call.account, "aws:SourceArn": source_arn(call), "aws:SecureTransport": "true"},
        PrincipalRef("bedrock.amazonaws.com", call.account, "Service"),
    )
    return enforce(request, Layers(resource=policy)).allowed


def put_object(call: Call, bucket: str, key: str, body: bytes) -> bool:
    """Put an object as the service; False where the bucket's policy or S3 refuses it."""
    if not bucket_allows(call, bucket, key):
        return False
    # A bucket with Object Lock takes nothing without a digest.
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    params: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": body, "ContentMD5": digest}
    if key.endswith(".gz"):
        params |= {"ContentType": "application/json", "ContentEncoding": "gzip"}
    try:
        call.aws.call("s3", "PutObject", params, region=call.region)
    except Fault:
        return False
    return True


def put_line(call: Call, principal: Principal, group: str, line: str) -> None:
    """Write one line to the log stream as *principal*, which makes the stream where it is not there yet.

    Raises:
        Fault: the role may not, or the group is gone.
    """
    place = {"logGroupName": group, "logStreamName": LOG_STREAM}
    stream = f"arn:{call.partition}:logs:{call.region}:{call.account}:log-group:{group}:log-stream:{LOG_STREAM}"
    if not call.aws.authorize(principal, "logs:PutLogEvents", stream).allowed:
        raise Fault("AccessDeniedException", f"logs:PutLogEvents on {stream} is not allowed.", 403)
    event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": line}
    params = {**place, "logEvents": [event]}
    try:
        call.aws.call("logs", "PutLogEvents", params, region=call.region, principal=principal)
    except Fault as fault:
        if fault.code != "ResourceNotFoundException":
            raise
        call.aws.call("logs", "CreateLogStream", place, region=call.region, principal=principal)
        call.aws.call("logs", "PutLogEvents", params, region=call.region, principal=principal)


def deliver(call: Call, logged: Logged) -> None:
    """Count one call, and log it where logging is on; never raises what a destination refuses."""
    count_call(call, logged)
    config = call.state.of(Configurations).by_region.get(call.region)
    if not config:
        return
    now = datetime.now(UTC)
    if watch := config.get("cloudWatchConfig"):
        large = watch.get("largeDataDeliveryS3Config")
        record = _record(call, logged, config, now, large)
        _count(call, "CloudWatch", arrived=_to_logs(call, watch, record))
    if bucket := config.get("s3Config"):
        record = _record(call, logged, config, now, bucket)
        key = f"{_hour_folder(call, bucket, now)}/{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z_{uuid.uuid4().hex[:16]}.json.gz"
        arrived = put_object(call, bucket["bucketName"], key, gzip.compress(_dumped(record) + b"\n"))
        _count(call, "S3", arrived=arrived)


def _count(call: Call, destination: str, *, arrived: bool) -> None:
    call.state.of(Deliveries).count(call.region, destination, arrived=arrived)
    count_delivery(call, destination, arrived=arrived)


def _hour_folder(call: Call, bucket: Mapping[str, Any], now: datetime) -> str:
    return f"{log_folder(call, bucket.get('keyPrefix'))}/{call.region}/{now:%Y/%m/%d/%H}"


def _to_logs(call: Call, watch: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    try:
        role = call.aws.assume_service_role(watch["roleArn"], source_arn=source_arn(call), region=call.region)
        put_line(call, role, watch["logGroupName"], _dumped(record).decode())
    except Fault:
        return False
    return True


def _record(
    call: Call, logged: Logged, config: Mapping[str, Any], now: datetime, large: Mapping[str, Any] | None
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "accountId": call.account,
        "identity": {"arn": call.caller.arn},
        "region": call.region,
        "requestId": call.request_id,
        "operation": call.operation,
        "modelId": logged.target.asked,
    }
    if logged.target.asked != logged.target.model.id:
        record["inferenceRegion"] = logged.target.inference_region
    if logged.metadata:
        record["requestMetadata"] = dict(logged.metadata)
    if logged.fault is not None:
        record |= {"errorCode": logged.fault.code, "status": logged.fault.status}
    shown = _shown(config, embedding=logged.embedding)
    sides = (("input", logged.request, logged.input_tokens), ("output", logged.response, logged.output_tokens))
    for side, body, tokens in sides:
        if side == "output" and body is None:
            continue
        record[side] = {f"{side}ContentType": "application/json"}
        if shown and body is not None:
            record[side] |= _body(call, side, _without_media(body, config), now, large)
        if tokens is not None:
            record[side][f"{side}TokenCount"] = tokens
    return record


def _shown(config: Mapping[str, Any], *, embedding: bool) -> bool:
    # An absent flag is on.
    return config.get("embeddingDataDeliveryEnabled" if embedding else "textDataDeliveryEnabled") is not False


def _without_media(body: Any, config: Mapping[str, Any]) -> Any:
    off = {kind for kind, flag in _MEDIA_FLAGS.items() if config.get(f"{flag}DataDeliveryEnabled") is False}
    return _stripped(body, off) if off else body


def _stripped(value: Any, off: set[str]) -> Any:
    if isinstance(value, list):
        return [_stripped(one, off) for one in value if not (isinstance(one, dict) and _is_media(one, off))]
    if isinstance(value, dict):
        return {key: _stripped(one, off) for key, one in value.items()}
    return value


def _is_media(block: Mapping[str, Any], off: set[str]) -> bool:
    return block.get("type") in off or (len(block) == 1 and bool(off & set(block)))


def _body(call: Call, side: str, body: Any, now: datetime, large: Mapping[str, Any] | None) -> dict[str, Any]:
    data = _dumped(body)
    if len(data) <= _LARGE_BYTES:
        return {f"{side}BodyJson": json.loads(data)}
    if large is None:
        return {}
    key = f"{_hour_folder(call, large, now)}/data/{call.request_id}_{side}.json.gz"
    arrived = put_object(call, large["bucketName"], key, gzip.compress(data))
    _count(call, "LargeDataS3", arrived=arrived)
    return {f"{side}BodyS3Path": f"s3://{large['bucketName']}/{key}"} if arrived else {}
