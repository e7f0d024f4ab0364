"""Faults of invocation logging: the configuration, the log group, the role, and what arrives."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.delivery import LOG_STREAM, Configurations
from bedrock_gateway.local.faults.hand import AccountFault, Hand
from bedrock_gateway.local.metrics import NAMESPACE, Kept
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["FAULTS", "call_model"]

_MODEL = "amazon.nova-lite-v1:0"
_FOREIGN = "123456789012"
_DAYS_OLD = 3
_LARGE = "x" * 120_000


def _off(hand: Hand) -> None:
    hand.client("bedrock").delete_model_invocation_logging_configuration()


def _put(**changes: Any) -> Callable[[Hand], None]:
    """The configuration with members changed; None takes one out."""

    def make(hand: Hand) -> None:
        config = {name: value for name, value in {**hand.logging, **changes}.items() if value is not None}
        hand.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)

    return make


def _no_destination(hand: Hand) -> None:
    config = hand.logging
    for name in ("cloudWatchConfig", "s3Config"):
        config.pop(name, None)
    hand.state.of(Configurations).by_region[hand.region] = config


def _without_large(hand: Hand) -> None:
    watch = {name: value for name, value in hand.logging["cloudWatchConfig"].items() if name != _LARGE_CONFIG}
    _put(cloudWatchConfig=watch)(hand)


_LARGE_CONFIG = "largeDataDeliveryS3Config"


def _only_bucket(hand: Hand) -> None:
    _put(s3Config={"bucketName": hand.bucket}, cloudWatchConfig=None)(hand)


def _foreign_role(hand: Hand) -> None:
    """AWS looks at the role when the configuration is put, and never again: only its owner can take it away."""
    config = hand.logging
    watch = dict(config["cloudWatchConfig"])
    watch["roleArn"] = watch["roleArn"].replace(hand.account, _other(hand))
    hand.state.of(Configurations).by_region[hand.region] = {**config, "cloudWatchConfig": watch}


def _other(hand: Hand) -> str:
    return _FOREIGN if hand.account != _FOREIGN else "111122223333"


def _no_group(hand: Hand) -> None:
    hand.client("logs").delete_log_group(logGroupName=hand.group)


def _no_retention(hand: Hand) -> None:
    hand.client("logs").delete_retention_policy(logGroupName=hand.group)


def _no_group_key(hand: Hand) -> None:
    hand.client("logs").disassociate_kms_key(logGroupName=hand.group)


def _no_role(hand: Hand) -> None:
    hand.delete_role(hand.logging_role)


def call_model(hand: Hand, text: str = "Hello") -> None:
    """Call a model as root."""
    messages = [{"role": "user", "content": [{"text": text}]}]
    hand.client("bedrock-runtime").converse(modelId=hand.details.get("model") or _MODEL, messages=messages)


@contextmanager
def _broken(steps: Iterator[None]) -> Iterator[None]:
    next(steps)
    yield
    next(steps, None)


def _lost(hand: Hand) -> None:
    with _broken(hand.without_rights(hand.logging_role)):
        call_model(hand)


def _lost_in_s3(hand: Hand) -> None:
    s3, bucket = hand.client("s3"), hand.bucket
    text = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    call_model(hand, _LARGE)
    s3.put_bucket_policy(Bucket=bucket, Policy=text)


def _no_traffic(hand: Hand) -> None:
    """CloudWatch forgets no metric for fifteen months, so the server is told to."""
    with LOCK:
        held = hand.local.app.gate.directory.metrics(hand.region)
        held[:] = [one for one in held if one.namespace != NAMESPACE]
        hand.state.of(Kept).by_region.pop(hand.region, None)


def _undelivered(hand: Hand) -> None:
    """Calls that were made while logging was off; nothing was delivered before."""
    _no_traffic(hand)
    config = hand.logging
    _off(hand)
    call_model(hand)
    hand.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)


def _no_records(hand: Hand) -> None:
    hand.client("logs").delete_log_stream(logGroupName=hand.group, logStreamName=LOG_STREAM)


def _old_records(hand: Hand) -> None:
    _no_records(hand)
    logs, place = hand.client("logs"), {"logGroupName": hand.group, "logStreamName": LOG_STREAM}
    logs.create_log_stream(**place)
    moment = int((time.time() - _DAYS_OLD * 86_400) * 1000)
    logs.put_log_events(**place, logEvents=[{"timestamp": moment, "message": "{}"}])


_CALLS: Mapping[str, Callable[[Hand], None]] = {
    "logging off": _off,
    "text off": _put(textDataDeliveryEnabled=False),
    "images on": _put(imageDataDeliveryEnabled=True),
    "no bucket for large bodies": _without_large,
    "only a bucket": _only_bucket,
    "no log group": _no_group,
    "no retention": _no_retention,
    "a log group without key": _no_group_key,
    "no role": _no_role,
    "deliveries that fail": _lost,
    "deliveries to S3 that fail": _lost_in_s3,
    "calls without records": _no_records,
    "only old records": _old_records,
}
_SWITCHES: Mapping[str, Callable[[Hand], None]] = {
    "no destination": _no_destination,
    "a role of another account": _foreign_role,
    "calls without deliveries": _undelivered,
    "no traffic": _no_traffic,
}

FAULTS: Mapping[str, AccountFault] = {
    **{name: AccountFault(make, by_calls=True) for name, make in _CALLS.items()},
    **{name: AccountFault(make, by_calls=False) for name, make in _SWITCHES.items()},
}
