"""AWS's own managed policies. moto ships them and leaves them out unless told: they cost half a second at the start.

Here they come with the first request that names one, or lists them, so that `AmazonBedrockFullAccess` can be attached,
read, set as a boundary or given to a session as in a real account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.principals import Directory

__all__ = ["bring_managed"]

_NAMED = ":iam::aws:policy/"


def bring_managed(service: str, operation: str, params: Mapping[str, Any], directory: Directory) -> None:
    """Put AWS's managed policies into the account's IAM, once, if this request is about any."""
    listed = operation == "ListPolicies" and params.get("Scope") != "Local"
    if service in {"iam", "sts"} and (listed or _NAMED in str(params)):
        with LOCK:
            _bring(directory.iam)


def _bring(backend: Any) -> None:
    if backend.aws_managed_policies:
        return
    import json

    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy

    # Before those that somebody made: AWS lists its own first.
    found = [
        AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
        for name, data in json.loads(aws_managed_policies_data).items()
    ]
    backend.aws_managed_policies = found
    backend.managed_policies = {policy.arn: policy for policy in found} | backend.managed_policies
