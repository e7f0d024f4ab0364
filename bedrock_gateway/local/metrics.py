"""Bedrock's metrics in CloudWatch, namespace ``AWS/Bedrock``: each call by its model, each delivery of a log without one.

moto serves them like any others. It has one sum for a question without dimensions, over all that there are, so that
what is told by model here is also the sum over all models, which AWS tells besides. One datum is kept a minute.

Source: Bedrock User Guide, monitoring-runtime-metrics. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.local.call import Call, Fault, State
    from bedrock_gateway.local.delivery import Logged
    from bedrock_gateway.local.principals import Directory

__all__ = ["NAMESPACE", "Kept", "add", "count_call", "count_delivery", "observe"]

NAMESPACE = "AWS/Bedrock"
_THROTTLED, _OUR_FAULT = 429, 500
_DELIVERIES: Mapping[str, str] = {
    "CloudWatch": "ModelInvocationLogsCloudWatchDelivery",
    "S3": "ModelInvocationLogsS3Delivery",
    "LargeDataS3": "ModelInvocationLargeDataS3Delivery",
}
"""Destination of a record → its metric, without the outcome."""

_Key = tuple[str, str, datetime]


@dataclass(slots=True)
class _Shelf:
    """The data of one Region, in the list that CloudWatch reads."""

    home: Any
    """moto's list that they are in; another one after it has forgotten everything."""
    data: dict[_Key, Any] = field(default_factory=dict)
    """By metric, model and minute."""


@dataclass(slots=True)
class Kept:
    """What was counted, by Region."""

    by_region: dict[str, _Shelf] = field(default_factory=dict)


def count_call(call: Call, logged: Logged) -> None:
    """Count one call of a model: it is an invocation, a throttle or an error, never two of them."""
    observe(call, dict(_of_call(logged)), logged.target.asked)


def _of_call(logged: Logged) -> Iterator[tuple[str, float]]:
    if logged.fault is not None:
        yield _outcome(logged.fault), 1
        return
    yield "Invocations", 1
    for name, tokens in (("InputTokenCount", logged.input_tokens), ("OutputTokenCount", logged.output_tokens)):
        if tokens is not None:
            yield name, tokens
    # What a model's answer takes from the quota is more than its length for some; which ones is not known here.
    yield "EstimatedTPMQuotaUsage", (logged.input_tokens or 0) + (logged.output_tokens or 0)
    if logged.target.model.status == "LEGACY":
        yield "LegacyModelInvocations", 1


def _outcome(fault: Fault) -> str:
    if fault.status == _THROTTLED:
        return "InvocationThrottles"
    return "InvocationServerErrors" if fault.status >= _OUR_FAULT else "InvocationClientErrors"


def count_delivery(call: Call, destination: str, *, arrived: bool) -> None:
    """Count one record that came to *destination*, or did not."""
    observe(call, {f"{_DELIVERIES[destination]}{'Success' if arrived else 'Failure'}": 1})


def observe(call: Call, values: Mapping[str, float], model: str | None = None) -> None:
    """Add *values*, metric by metric, to those of this minute."""
    add(call.aws.directory, call.state, call.region, values, model)


def add(directory: Directory, state: State, region: str, values: Mapping[str, float], model: str | None = None) -> None:
    """Add *values* to those of this minute in *region*."""
    minute = datetime.now(UTC).replace(second=0, microsecond=0, tzinfo=None)
    with LOCK:
        held, kept = directory.metrics(region), state.of(Kept)
        shelf = kept.by_region.get(region)
        if shelf is None or shelf.home is not held:
            shelf = kept.by_region[region] = _Shelf(held)
        for name, value in values.items():
            _add(shelf, (name, model or "", minute), value)


def _add(shelf: _Shelf, key: _Key, value: float) -> None:
    datum = shelf.data.get(key)
    if datum is None:
        datum = shelf.data[key] = _datum(key, value)
        shelf.home.append(datum)
        return
    datum.sum += value
    datum.sample_count += 1
    datum.min, datum.max = min(datum.min, value), max(datum.max, value)


def _datum(key: _Key, value: float) -> Any:
    from moto.cloudwatch.models import MetricAggregatedDatum

    name, model, minute = key
    dimensions = [{"Name": "ModelId", "Value": model}] if model else []
    return MetricAggregatedDatum(NAMESPACE, name, value, value, 1.0, value, dimensions, minute, "Count")
