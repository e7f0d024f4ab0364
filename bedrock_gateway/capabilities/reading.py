"""Rows: what the preflight reads, level by level; each level includes those before it. Nothing here changes anything."""

from __future__ import annotations

from bedrock_gateway.capabilities.table import Capability, Leg, Operation, Resource

__all__ = ["ROWS"]


def _read(service: str, prefix: str, resource: Resource, names: str) -> tuple[Operation, ...]:
    """Return operations that are named as their actions."""
    return tuple(Operation(name, service, "free", (Leg(f"{prefix}:{name}", resource),)) for name in names.split())


def _bucket(name: str, action: str) -> Operation:
    return Operation(name, "s3", "free", (Leg(f"s3:{action}", "logging-bucket"),))


_MINIMAL = (
    *_read("bedrock", "bedrock", "*", "GetModelInvocationLoggingConfiguration"),
    Operation("GetCallerIdentity", "sts", "free"),
)

_OF_ROLES = "ListRolePolicies GetRolePolicy ListAttachedRolePolicies"

_STANDARD = (
    # AWS's reference gives DescribeLogGroups no resource type: under an ARN it might grant nothing. CloudWatch Logs' own
    # examples put it on log-group:*, which "*" holds too.
    *_read("logs", "logs", "*", "DescribeLogGroups"),
    Operation(
        "GetRole", "iam", "free", (Leg("iam:GetRole", "logging-role"), Leg("iam:GetRole", "knowledge-base-role"))
    ),
    *_read("iam", "iam", "logging-role", _OF_ROLES),
    *_read("iam", "iam", "managed-policies", "GetPolicy GetPolicyVersion"),
    _bucket("HeadBucket", "ListBucket"),
    _bucket("GetBucketPolicy", "GetBucketPolicy"),
    _bucket("GetBucketOwnershipControls", "GetBucketOwnershipControls"),
    _bucket("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    _bucket("GetBucketEncryption", "GetEncryptionConfiguration"),
    # Which keys they are is known only after bucket and log group were read; neither of the two uses a key.
    *_read("kms", "kms", "any-key", "DescribeKey GetKeyPolicy"),
    *_read("bedrock", "bedrock", "foundation-model", "GetFoundationModel"),
    *_read("bedrock", "bedrock", "profile", "GetInferenceProfile"),
    *_read("bedrock", "bedrock", "*", "GetFoundationModelAvailability"),
    *_read("bedrock", "bedrock", "guardrail", "GetGuardrail"),
    *_read(
        "bedrock-agent",
        "bedrock",
        "declared-knowledge-base",
        "GetKnowledgeBase ListDataSources GetDataSource ListIngestionJobs",
    ),
    Operation(
        "GetAccountDataRetention",
        "bedrock",
        "free",
        (Leg("bedrock:GetAccountDataRetention", "*"),),
        known_in="1.43.117",
    ),
)

_DEEP = (
    *_read("logs", "logs", "logging-group", "DescribeLogStreams GetDataProtectionPolicy"),
    # A log group that is missing here is looked for in other Regions: who made it there finds it again.
    *_read("logs", "logs", "anywhere", "DescribeLogGroups"),
    _bucket("GetBucketVersioning", "GetBucketVersioning"),
    _bucket("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
    _bucket("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    *_read("cloudwatch", "cloudwatch", "*", "GetMetricData"),
    *_read("cloudwatch", "cloudwatch", "any-alarm", "DescribeAlarms"),
    *_read("service-quotas", "servicequotas", "*", "ListServiceQuotas"),
    *_read("cloudtrail", "cloudtrail", "*", "DescribeTrails"),
    *_read("cloudtrail", "cloudtrail", "any-trail", "GetTrailStatus GetEventSelectors"),
    *_read("bedrock", "bedrock", "*", "GetUseCaseForModelAccess"),
    Operation(
        "ListEnforcedGuardrailsConfiguration",
        "bedrock",
        "free",
        (Leg("bedrock:ListEnforcedGuardrailsConfiguration", "*"),),
        known_in="1.43.117",
    ),
    *_read("iam", "iam", "any-role", f"GetRole {_OF_ROLES}"),
    *_read(
        "iam",
        "iam",
        "any-user",
        "GetUser ListUserPolicies GetUserPolicy ListAttachedUserPolicies ListGroupsForUser ListAccessKeys ListMFADevices "
        "ListServiceSpecificCredentials",
    ),
    *_read("iam", "iam", "any-group", "ListGroupPolicies GetGroupPolicy ListAttachedGroupPolicies"),
    *_read("iam", "iam", "*", "ListUsers GetAccountSummary GetServiceLastAccessedDetails"),
    *(
        Operation(name, "iam", "free", (Leg(f"iam:{name}", "any-role"), Leg(f"iam:{name}", "any-user")))
        for name in ("SimulatePrincipalPolicy", "GenerateServiceLastAccessedDetails")
    ),
)
_CANARY = (
    *_read("logs", "logs", "*", "DescribeLogGroups"),
    *_read("logs", "logs", "logging-group", "FilterLogEvents"),
    # Where the body of a large prompt went: its name, not what is in it.
    _bucket("ListObjectsV2", "ListBucket"),
)
_AUDITED = tuple(one for one in _STANDARD if one.name not in {"GetRole", *_OF_ROLES.split(), "DescribeLogGroups"})
"""What the deep level reads of every role, or in every Region, holds what the standard one reads of two, and in one."""

_SAME_BUCKET = "HeadBucket and ListObjectsV2 are both `s3:ListBucket`: who may look at a bucket may list what is in it."

ROWS = (
    Capability(
        "preflight-minimal",
        "What an application reads about itself at start: who it is, and whether it is logged.",
        "read",
        _MINIMAL,
    ),
    Capability(
        "preflight-standard",
        "What an operator or CI reads besides: the delivery chain of invocation logs, models, guardrail, knowledge bases.",
        "read",
        (*_MINIMAL, *_STANDARD),
        inseparable=_SAME_BUCKET,
    ),
    Capability(
        "preflight-deep",
        "What an auditor reads besides: what arrives, the account, and what whoever runs it may do.",
        "read",
        (*_MINIMAL, *_AUDITED, *_DEEP),
        inseparable=_SAME_BUCKET,
    ),
    Capability(
        "preflight-canary",
        "What finds the record of one's own call where it was logged; whoever may search the log group can read every prompt in it.",
        "read",
        (*_MINIMAL, *_CANARY),
        inseparable=_SAME_BUCKET,
    ),
)
