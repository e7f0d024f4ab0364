"""What Amazon S3 demands. Source: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations".

A bucket's own policy counts as well: `bedrock_gateway.local.authorization` reads it from moto.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from bedrock_gateway.local.demands.rows import ApiRequest, Context, Demand, Row, Rows

__all__ = ["S3"]

_SOURCE = "S3 User Guide, using-with-s3-policy-actions"

_BUCKET_ACTIONS: Mapping[str, str] = {
    "CreateBucket": "CreateBucket",
    "DeleteBucket": "DeleteBucket",
    "GetBucketLocation": "GetBucketLocation",
    "GetBucketPolicy": "GetBucketPolicy",
    "PutBucketPolicy": "PutBucketPolicy",
    "DeleteBucketPolicy": "DeleteBucketPolicy",
    "GetBucketPolicyStatus": "GetBucketPolicyStatus",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketOwnershipControls": "GetBucketOwnershipControls",
    "PutBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketVersioning": "GetBucketVersioning",
    "PutBucketVersioning": "PutBucketVersioning",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketTagging": "GetBucketTagging",
    "PutBucketTagging": "PutBucketTagging",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketAcl": "GetBucketAcl",
    "PutBucketAcl": "PutBucketAcl",
    "GetBucketLogging": "GetBucketLogging",
    "PutBucketLogging": "PutBucketLogging",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "ListMultipartUploads": "ListBucketMultipartUploads",
}

_OBJECT_ACTIONS: Mapping[str, str] = {
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
    "ListParts": "ListMultipartUploadParts",
    "PutObjectAcl": "PutObjectAcl",
    "GetObjectTorrent": "GetObjectTorrent",
    "RestoreObject": "RestoreObject",
    "PutObjectRetention": "PutObjectRetention",
    "GetObjectRetention": "GetObjectRetention",
    "PutObjectLegalHold": "PutObjectLegalHold",
    "GetObjectLegalHold": "GetObjectLegalHold",
    "SelectObjectContent": "GetObject",
}

_VERSIONED: Mapping[str, tuple[str, str]] = {
    "GetObject": ("GetObject", "GetObjectVersion"),
    "HeadObject": ("GetObject", "GetObjectVersion"),
    "DeleteObject": ("DeleteObject", "DeleteObjectVersion"),
    "GetObjectAcl": ("GetObjectAcl", "GetObjectVersionAcl"),
    "GetObjectTagging": ("GetObjectTagging", "GetObjectVersionTagging"),
    "PutObjectTagging": ("PutObjectTagging", "PutObjectVersionTagging"),
    "DeleteObjectTagging": ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
}
"""Operation → action without and with a VersionId."""

_KMS = "S3 User Guide, UsingKMSEncryption"
_KEY_USES: Mapping[str, tuple[str, ...]] = {
    "PutObject": ("GenerateDataKey",),
    "CopyObject": ("GenerateDataKey",),
    "GetObject": ("Decrypt",),
    "HeadObject": ("Decrypt",),
    "SelectObjectContent": ("Decrypt",),
    # The parts are put together from what was written before.
    "CreateMultipartUpload": ("GenerateDataKey", "Decrypt"),
    "UploadPart": ("GenerateDataKey", "Decrypt"),
    "UploadPartCopy": ("GenerateDataKey", "Decrypt"),
    "CompleteMultipartUpload": ("Decrypt",),
}
"""Operation → what it asks of the KMS key that the object is encrypted with, with the caller's rights."""

_LIST_KEYS: Mapping[str, str] = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}
_HEADER_KEYS: Mapping[str, str] = {
    "ACL": "s3:x-amz-acl",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "StorageClass": "s3:x-amz-storage-class",
    "VersionId": "s3:VersionId",
}

_BUCKET = "arn:{P}:s3:::{Bucket}"


def _object(request: ApiRequest) -> tuple[str]:
    return (_object_arn(request, str(request.params.get("Bucket", "*")), str(request.params.get("Key", "*"))),)


def _object_arn(request: ApiRequest, bucket: str, key: str) -> str:
    return request.arn("s3", f"{bucket}/{key}", region="", account="")


def _keys(request: ApiRequest, names: Mapping[str, str]) -> Context:
    return {key: str(request.params[name]) for name, key in names.items() if request.params.get(name) is not None}


def _headers(request: ApiRequest) -> Context:
    return _keys(request, _HEADER_KEYS)


def _listing(request: ApiRequest) -> Context:
    """A listing without a prefix asks for everything; AWS then leaves the key out of the context."""
    return _keys(request, _LIST_KEYS)


def _versioned(request: ApiRequest) -> Iterator[Demand]:
    plain, version = _VERSIONED[request.operation]
    action = version if request.params.get("VersionId") else plain
    yield Demand(f"s3:{action}", *_object(request), _headers(request), _SOURCE)


def _deleted(request: ApiRequest) -> Iterator[Demand]:
    objects: Iterable[Any] = request.param("Delete.Objects") or ({},)
    for one in objects:
        action = "s3:DeleteObjectVersion" if one.get("VersionId") else "s3:DeleteObject"
        yield Demand(action, _object_arn(request, str(request.params.get("Bucket", "*")), str(one.get("Key", "*"))))


def _copied(request: ApiRequest) -> Iterator[Demand]:
    """The object that a copy reads: ``bucket/key``, perhaps with a leading slash and a version."""
    source = request.params.get("CopySource")
    if isinstance(source, Mapping):
        bucket, key, version = source.get("Bucket", "*"), source.get("Key", "*"), source.get("VersionId")
    else:
        path, _, version = unquote(str(source)).lstrip("/").partition("?versionId=")
        bucket, _, key = path.partition("/")
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    yield Demand(action, _object_arn(request, str(bucket), str(key)), {}, _SOURCE)


def _encrypted(request: ApiRequest) -> Iterator[Demand]:
    given = str(request.params.get("SSEKMSKeyId") or "")
    key = request.facts.bucket_keys.get(str(request.params.get("Bucket")), "")
    if given:
        key = given if given.startswith("arn:") else request.arn("kms", f"key/{given}")
    for use in _KEY_USES[request.operation] if key else ():
        yield Demand(f"kms:{use}", key, {"kms:ViaService": f"s3.{request.region}.amazonaws.com"}, _KMS)


def _put() -> tuple[Row, ...]:
    acl = Row("s3:PutObjectAcl", _object, _SOURCE, when="ACL", context=_headers)
    tagging = Row("s3:PutObjectTagging", _object, _SOURCE, when="Tagging", context=_headers)
    return (Row("s3:PutObject", _object, _SOURCE, context=_headers), acl, tagging)


_PLAIN: Rows = {
    ("s3", "ListBuckets"): (Row("s3:ListAllMyBuckets", "*", _SOURCE),),
    **{
        ("s3", name): (Row(f"s3:{action}", _BUCKET, _SOURCE, context=_headers),)
        for name, action in _BUCKET_ACTIONS.items()
    },
    **{
        ("s3", name): (Row(f"s3:{action}", _object, _SOURCE, context=_headers),)
        for name, action in _OBJECT_ACTIONS.items()
    },
    **dict.fromkeys((("s3", name) for name in _VERSIONED), (_versioned,)),
    # HeadBucket is allowed by the right to list; it has no action of its own.
    **{
        ("s3", name): (Row("s3:ListBucket", _BUCKET, _SOURCE, context=_listing),)
        for name in ("ListObjects", "ListObjectsV2", "HeadBucket")
    },
    ("s3", "ListObjectVersions"): (Row("s3:ListBucketVersions", _BUCKET, _SOURCE, context=_listing),),
    ("s3", "PutObject"): _put(),
    ("s3", "CopyObject"): (*_put(), _copied),
    ("s3", "UploadPartCopy"): (Row("s3:PutObject", _object, _SOURCE), _copied),
    ("s3", "DeleteObjects"): (_deleted,),
    ("s3", "GetObjectAttributes"): (
        Row("s3:GetObject", _object, _SOURCE),
        Row("s3:GetObjectAttributes", _object, _SOURCE),
    ),
}

S3: Rows = {key: (*rows, _encrypted) if key[1] in _KEY_USES else rows for key, rows in _PLAIN.items()}
