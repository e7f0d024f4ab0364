"""What AWS refuses for what there is, or is not, and moto lets pass: tests that rely on the refusal would not see it.

Sources: S3 User Guide, bucket-owner-condition; IAM API Reference, CreateRole and PutRolePermissionsBoundary. The texts are
not AWS's in every word. Not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.principals import Directory

__all__ = ["refuse_unfounded"]


def refuse_unfounded(service: str, params: Mapping[str, Any], directory: Directory) -> None:
    """Pass a request that names nothing which it only believes to be so.

    Raises:
        Fault: the bucket belongs to another account than it expects, or the boundary that it sets does not exist.
    """
    if service == "s3" and params.get("ExpectedBucketOwner") not in {None, directory.account}:
        raise Fault("AccessDenied", "Access Denied", 403)
    boundary = params.get("PermissionsBoundary") if service == "iam" else None
    # AWS's own policies are there for everybody; moto does not have them.
    if boundary is not None and ":iam::aws:policy/" not in str(boundary) and not _is_policy(str(boundary), directory):
        text = f"Scope ARN: {boundary} does not exist or is not attachable."
        raise Fault("NoSuchEntity", text, 404)


def _is_policy(arn: str, directory: Directory) -> bool:
    from moto.backends import get_backend

    with LOCK:
        backend: Any = get_backend("iam")[directory.account][directory.partition]
        return arn in backend.managed_policies
