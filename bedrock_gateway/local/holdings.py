"""What an account holds beside principals, as far as rights and metrics depend on it, read out of moto's state."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from bedrock_gateway.iam.document import Policy, PolicyError

__all__ = ["Holdings", "parsed"]


@lru_cache(maxsize=2048)
def _parse(text: str) -> Policy | None:
    try:
        return Policy.parse(text)
    except PolicyError:
        return None


def parsed(document: str | bytes | None) -> Policy | None:
    """Return a document of moto's state, parsed once per text; None where there is none, or IAM would refuse it."""
    if not document:
        return None
    return _parse(document.decode() if isinstance(document, bytes) else document)


class Holdings:
    """Buckets, keys, log groups and metrics of one account and partition; nothing is copied."""

    def __init__(self, account: str, partition: str) -> None:
        self.account = account
        self.partition = partition

    def _backend(self, service: Any) -> Any:
        from moto.backends import get_backend

        return get_backend(service)[self.account]

    def log_group(self, name: str, region: str) -> Any | None:
        """Return moto's log group of that name, or None; whoever changes it holds the lock."""
        return self._backend("logs")[region].groups.get(name)

    def metrics(self, region: str) -> list[Any]:
        """Return the list in which CloudWatch of *region* keeps what was put; whoever changes it holds the lock."""
        held: list[Any] = self._backend("cloudwatch")[region].metric_data
        return held

    def _bucket(self, name: str) -> Any | None:
        """Return moto's S3 bucket of that name, whosever it is: names are given out once in a partition."""
        from moto.backends import get_backend

        held: Any = get_backend("s3")
        partition, account = held.bucket_accounts.get(name, (self.partition, self.account))
        return held[account][partition].buckets.get(name)

    def bucket_region(self, bucket: str) -> str | None:
        """Return the Region of an S3 bucket, whosever it is, or None where there is none."""
        found = self._bucket(bucket)
        return str(found.region_name) if found is not None else None

    def bucket_owner(self, bucket: str) -> str | None:
        """Return the account of an S3 bucket, or None where there is none."""
        found = self._bucket(bucket)
        return str(found.account_id) if found is not None else None

    def bucket_policy(self, bucket: str) -> Policy | None:
        """Return the policy of an S3 bucket, whosever it is, or None."""
        found = self._bucket(bucket)
        return parsed(found.policy) if found is not None else None

    def vector_bucket_policy(self, arn: str) -> Policy | None:
        """Return the policy of the S3 Vectors bucket that *arn* names, or that the index of that ARN is in; or None."""
        found = self._backend("s3vectors")[self.partition].vector_buckets.get(arn.partition("/index/")[0])
        return parsed(found.policy) if found is not None else None

    def _key(self, identifier: str, region: str) -> Any | None:
        """Return moto's key of that id, ARN, alias or alias ARN, or None."""
        name = identifier.rpartition(":key/")[2]
        _, slash, rest = name.rpartition("alias/")
        held = self._backend("kms")[region].keys.values()
        return next((key for key in held if key.id == name or (slash and slash + rest in key.aliases)), None)

    def key_arn(self, identifier: str, region: str) -> str | None:
        """Return the ARN of the KMS key of that id, ARN or alias, or None."""
        key = self._key(identifier, region)
        return key.arn if key is not None else None

    def key_policy(self, arn: str) -> Policy | None:
        """Return the policy of a KMS key, or None."""
        key = self._key(arn, arn.split(":")[3])
        return parsed(key.policy) if key is not None else None
