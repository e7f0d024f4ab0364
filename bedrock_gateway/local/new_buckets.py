"""What AWS gives every new bucket since April 2023 and moto does not: its owner owns what is written, nothing is public.

Source: S3 User Guide, create-bucket-overview and about-object-ownership. The caller holds moto's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrock_gateway.local.moto_bridge import Identified
    from bedrock_gateway.local.principals import Directory

__all__ = ["furnish", "to_be_made"]


def _buckets(directory: Directory) -> dict[str, Any]:
    from moto.s3.models import s3_backends

    found: dict[str, Any] = s3_backends[directory.account][directory.partition].buckets
    return found


def to_be_made(identified: Identified | None, directory: Directory) -> str | None:
    """Return the bucket that *identified* would make; None where it makes none, or the bucket is there already."""
    if identified is None or (identified.service, identified.operation) != ("s3", "CreateBucket"):
        return None
    bucket = str(identified.params.get("Bucket") or "")
    return None if bucket in _buckets(directory) else bucket


def furnish(bucket: str, directory: Directory) -> None:
    """Give *bucket*, if it was made, what AWS gives it; an ownership that was asked for stays."""
    from moto.s3.models import PublicAccessBlock

    made = _buckets(directory).get(bucket)
    if made is not None:
        made.ownership_rule = made.ownership_rule or "BucketOwnerEnforced"
        made.public_access_block = PublicAccessBlock("true", "true", "true", "true")
