"""Operations on KMS keys that moto takes by id only: AWS takes the ARN as well, and who reads a bucket's encryption has no other.

And the key of a log group, which moto cannot exchange. Sources: AWS KMS API Reference, DisableKey and its like;
CloudWatch Logs API Reference, AssociateKmsKey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS"]

_BY_ID = "EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion EnableKeyRotation DisableKeyRotation"


def _by_id(call: Call) -> Reply:
    given = str(call.params["KeyId"])
    params = {**call.params, "KeyId": given.rpartition(":key/")[2]}
    found = call.aws.call("kms", call.operation, params, region=call.region)
    members = {name: value for name, value in found.items() if name != "ResponseMetadata"}
    return Reply({**members, "KeyId": given} if "KeyId" in members else members)


def _of_group(call: Call) -> Reply:
    name = call.params.get("logGroupName") or call.params.get("resourceIdentifier", "").rpartition(":log-group:")[2]
    with LOCK:
        group = call.aws.directory.log_group(str(name).removesuffix(":*"), call.region)
        if group is None:
            raise Fault("ResourceNotFoundException", "The specified log group does not exist.", 400)
        group.kms_key_id = call.params.get("kmsKeyId")
    return Reply()


HANDLERS: Handlers = {
    **{("kms", name): _by_id for name in _BY_ID.split()},
    ("logs", "AssociateKmsKey"): _of_group,
    ("logs", "DisassociateKmsKey"): _of_group,
}
