"""What has to be there before what, said once for both formats. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.setup.resource import AGREEMENT, LOGGING, USE_CASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.setup.resource import Resource

__all__ = ["KEPT", "needs"]

KEPT = frozenset({"AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::KMS::Key"})
"""What holds data, or the key to it: neither format may remove it by itself."""

_REFERS: Mapping[str, str] = {
    "Bucket": "AWS::S3::Bucket",
    "Groups": "AWS::IAM::Group",
    "Roles": "AWS::IAM::Role",
    "Users": "AWS::IAM::User",
    "ManagedPolicyArns": "AWS::IAM::ManagedPolicy",
    "PermissionsBoundary": "AWS::IAM::ManagedPolicy",
}
"""Property → kind of what it names, by name or by ARN. Names are written out, so the order must be said."""


def needs(one: Resource, resources: Sequence[Resource]) -> Iterator[Resource]:
    """Those of *resources* that have to be there before *one*."""
    if one.kind == LOGGING:  # AWS tries role, log group and buckets when it is put
        yield from (other for other in resources if other.key != one.key)
        return
    if one.kind == AGREEMENT:  # a model of Anthropic's asks for the form first
        yield from (other for other in resources if other.kind == USE_CASE)
        return
    for name, kind in _REFERS.items():
        given = one.properties.get(name)
        named = {str(text).rpartition("/")[2] for text in (given if isinstance(given, list) else [given]) if text}
        yield from (other for other in resources if other.kind == kind and other.name in named)
