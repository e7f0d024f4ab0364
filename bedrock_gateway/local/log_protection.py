"""Data protection policies of log groups, which moto lacks: kept and shown, and nothing is masked by them.

Source: CloudWatch Logs API Reference, PutDataProtectionPolicy. A policy goes with its group.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault, Reply

if TYPE_CHECKING:
    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS", "LogProtection"]


@dataclass(slots=True)
class LogProtection:
    """(Region, group, when the group was made) → (policy, when it was put)."""

    policies: dict[tuple[str, str, int], tuple[str, datetime]] = field(default_factory=dict)


def _group(call: Call) -> tuple[str, str, int]:
    name = str(call.params["logGroupIdentifier"]).removesuffix(":*").rpartition(":log-group:")[2]
    found = call.aws.call("logs", "DescribeLogGroups", {"logGroupNamePrefix": name}, region=call.region)
    group = next((one for one in found.get("logGroups", ()) if one["logGroupName"] == name), None)
    if group is None:
        raise Fault("ResourceNotFoundException", "The specified log group does not exist.", 400)
    return call.region, name, int(group["creationTime"])


def _shown(call: Call, policy: str, moment: datetime) -> Reply:
    known: dict[str, Any] = {"logGroupIdentifier": call.params["logGroupIdentifier"], "policyDocument": policy}
    return Reply(known | {"lastUpdatedTime": int(moment.timestamp() * 1000)})


def _put(call: Call) -> Reply:
    group, text = _group(call), call.params["policyDocument"]
    try:
        json.loads(text)
    except ValueError:
        raise Fault("InvalidParameterException", "The policy document is not valid JSON.", 400) from None
    call.state.of(LogProtection).policies[group] = (text, datetime.now(UTC))
    return _shown(call, *call.state.of(LogProtection).policies[group])


def _get(call: Call) -> Reply:
    found = call.state.of(LogProtection).policies.get(_group(call))
    return _shown(call, *found) if found else Reply({"logGroupIdentifier": call.params["logGroupIdentifier"]})


def _delete(call: Call) -> Reply:
    call.state.of(LogProtection).policies.pop(_group(call), None)
    return Reply()


HANDLERS: Handlers = {
    ("logs", "PutDataProtectionPolicy"): _put,
    ("logs", "GetDataProtectionPolicy"): _get,
    ("logs", "DeleteDataProtectionPolicy"): _delete,
}
