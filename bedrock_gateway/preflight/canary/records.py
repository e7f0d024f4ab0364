"""Records of model invocations: how one is found in CloudWatch Logs, and whether it says what was done. No I/O.

Sources: CloudWatch Logs API Reference, FilterLogEvents (a page without events may have a token); Bedrock User Guide,
model-invocation-logging. Beside records, Bedrock writes lines that are no JSON into the same stream. Not verified against AWS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.preflight.checks.permissions import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["STREAM", "Expected", "differences", "large_place", "pattern", "records"]

STREAM = "aws/bedrock/modelinvocations"
"""The one log stream that Bedrock writes to."""
_BODIES = {"input": ("inputBodyJson", "inputBodyS3Path"), "output": ("outputBodyJson", "outputBodyS3Path")}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the record of one call must say."""

    region: str
    account: str
    model: str
    caller: str
    """The caller's ARN, as STS tells it."""
    metadata: Mapping[str, str]
    with_bodies: bool
    """Whether the delivery of texts is on."""


def pattern(request_ids: Iterable[str]) -> str:
    """Return the filter for the records of these requests."""
    terms = [f'($.requestId = "{one}")' for one in request_ids]
    return f"{{ {' || '.join(terms)} }}"


def records(events: Iterable[Mapping[str, Any]], request_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Return the records of these requests among log events; lines that are no records are passed over."""
    wanted = frozenset(request_ids)
    for event in events:
        try:
            found = json.loads(event.get("message") or "")
        except (ValueError, RecursionError):  # a line on the log's own permissions, or whatever somebody writes there
            continue
        request = found.get("requestId") if isinstance(found, dict) else None
        if isinstance(request, str) and request in wanted:
            yield found


def differences(record: Mapping[str, Any], expected: Expected) -> list[str]:
    """Return what the record says otherwise than what was done."""
    caller = _text(_mapping(record.get("identity")).get("arn"))
    compared = {
        "Region": (_text(record.get("region")), expected.region),
        "account": (_text(record.get("accountId", expected.account)), expected.account),
        "model": (_name(record.get("modelId")), _name(expected.model)),
        "caller": (caller if _other(caller, expected.caller) else expected.caller, expected.caller),
    }
    found = [
        f"its {what} is {real or 'not said'}, the call's was {wanted}"
        for what, (real, wanted) in compared.items()
        if real != wanted
    ]
    if _mapping(record.get("requestMetadata")) != expected.metadata:
        found.append("its requestMetadata is not that of the call")
    return [*found, *_of_bodies(record, expected)]


_SHOWN = 200


def _text(value: Any) -> str:
    """What a record says, in bounds: whoever writes to the log writes it."""
    return str(value or "")[:_SHOWN]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(model: Any) -> str:
    """The id at the end of an ARN: AWS writes one or the other."""
    return _text(model).rpartition("/")[2]


def _other(one: str, other: str) -> bool:
    """Whether two callers are not the same; another session of the same role is."""
    if one.count(":") < 5 or one.split(":")[4] != other.split(":")[4]:  # noqa: PLR2004 - the six parts of an ARN
        return True
    return one != other and (kind_of(one) != kind_of(other) or kind_of(one)[0] != "role")


def _of_bodies(record: Mapping[str, Any], expected: Expected) -> Iterator[str]:
    for side, members in _BODIES.items():
        there = any(member in _mapping(record.get(side)) for member in members)
        if there and not expected.with_bodies:
            yield f"its {side} is there, although the delivery of text is off"
        elif not there and expected.with_bodies:
            yield f"its {side} is lost, although the delivery of text is on"


def large_place(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (bucket, key) of the input's body in S3; None: the record names none."""
    path = str(_mapping(record.get("input")).get("inputBodyS3Path") or "")
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return (bucket, key) if path.startswith("s3://") and bucket and key else None
