"""The account's root user as IAM reports on it: moto has none, and so says that it has neither MFA nor keys.

Sources: IAM API Reference, GetAccountSummary, ListMFADevices; IAM User Guide, id_credentials_getting-report.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS", "Root"]

_REGION = "us-east-1"
_TIME = "%Y-%m-%dT%H:%M:%S+00:00"
_NAME = "<root_account>"


@dataclass(slots=True)
class Root:
    """What is kept of the root user; no call can change it, as on AWS only root itself can, in the console."""

    mfa: bool = True
    access_keys: bool = False
    """Whether IAM says that root has keys. The keys that this local account is driven with are not counted."""
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


def _of_moto(call: Call, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found = call.aws.call("iam", call.operation, call.params if params is None else params, region=_REGION)
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


def _summary(call: Call) -> Reply:
    root, found = call.state.of(Root), _of_moto(call)
    known = {"AccountMFAEnabled": int(root.mfa), "AccountAccessKeysPresent": int(root.access_keys)}
    return Reply({**found, "SummaryMap": found["SummaryMap"] | known})


def _mfa_devices(call: Call) -> Reply:
    """List the devices of a user; without a name, those of the caller."""
    caller = call.caller
    if "UserName" in call.params or caller.kind == "user":
        name = call.params.get("UserName") or caller.name
        return Reply(_of_moto(call, {**call.params, "UserName": name}))
    if caller.kind == "root":
        return Reply({"MFADevices": [], "IsTruncated": False})
    raise Fault("ValidationError", "Must specify userName when calling with non-User credentials", 400)


def _report(call: Call) -> Reply:
    """Return the credential report with root's row first."""
    found, root = _of_moto(call), call.state.of(Root)
    rows = list(csv.DictReader(io.StringIO(found["Content"].decode())))
    columns = found["Content"].decode().partition("\n")[0].split(",")
    since = root.since.strftime(_TIME)
    first = dict.fromkeys(columns, "N/A") | {
        "user": _NAME,
        "arn": call.aws.directory.root.arn,
        "user_creation_time": since,
        "password_enabled": "not_supported",
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
        "password_last_used": "no_information",
        "mfa_active": str(root.mfa).lower(),
        "access_key_1_active": str(root.access_keys).lower(),
        "access_key_1_last_rotated": since if root.access_keys else "N/A",
        "access_key_2_active": "false",
        "cert_1_active": "false",
        "cert_2_active": "false",
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows([first, *rows])
    return Reply({**found, "Content": text.getvalue().encode()})


HANDLERS: Handlers = {
    ("iam", "GetAccountSummary"): _summary,
    ("iam", "ListMFADevices"): _mfa_devices,
    ("iam", "GetCredentialReport"): _report,
}
