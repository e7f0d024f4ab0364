"""Everything the preflight may ask AWS: it reads, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ALWAYS_SENT", "GUIDE", "IAM_ACTIONS", "LOGGING", "OWN", "POLICIES", "SENT_ALONE", "STS"]

_OF_ROLES = ("GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies")
_OF_USERS = ("GetUser", "ListUserPolicies", "GetUserPolicy", "ListAttachedUserPolicies", "ListGroupsForUser")
_OF_GROUPS = ("ListGroupPolicies", "GetGroupPolicy", "ListAttachedGroupPolicies")
_MANAGED = ("GetPolicy", "GetPolicyVersion")


def _same(prefix: str, service: str, *operations: str) -> dict[str, str | None]:
    return {f"{service}:{name}": f"{prefix}:{name}" for name in operations}


IAM_ACTIONS: Mapping[str, str | None] = {
    "sts:GetCallerIdentity": None,
    **_same(
        "bedrock",
        "bedrock",
        "GetModelInvocationLoggingConfiguration",
        "GetFoundationModel",
        "GetInferenceProfile",
        "GetFoundationModelAvailability",
        "GetUseCaseForModelAccess",
        "GetGuardrail",
        "ListEnforcedGuardrailsConfiguration",
        "GetAccountDataRetention",
    ),
    **_same("bedrock", "bedrock-agent", "GetKnowledgeBase", "ListDataSources", "GetDataSource", "ListIngestionJobs"),
    "s3:HeadBucket": "s3:ListBucket",
    "s3:GetBucketPolicy": "s3:GetBucketPolicy",
    "s3:GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketVersioning": "s3:GetBucketVersioning",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    **_same("kms", "kms", "DescribeKey", "GetKeyPolicy"),
    **_same("logs", "logs", "DescribeLogGroups", "DescribeLogStreams", "GetDataProtectionPolicy"),
    **_same("cloudwatch", "cloudwatch", "GetMetricData", "DescribeAlarms"),
    **_same("servicequotas", "service-quotas", "ListServiceQuotas"),
    **_same("cloudtrail", "cloudtrail", "DescribeTrails", "GetTrailStatus", "GetEventSelectors"),
    **_same("iam", "iam", *_OF_ROLES, *_OF_USERS, *_OF_GROUPS, *_MANAGED),
    **_same("iam", "iam", "SimulatePrincipalPolicy"),
    **_same("logs", "logs", "FilterLogEvents"),
    "s3:ListObjectsV2": "s3:ListBucket",
    **_same("iam", "iam", "GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails"),
    **_same("iam", "iam", "ListUsers", "ListServiceSpecificCredentials"),
    **_same("iam", "iam", "ListAccessKeys", "ListMFADevices", "GetAccountSummary"),
}
"""``service:Operation`` → the IAM action it needs; None: no permission is needed."""

ALWAYS_SENT: Mapping[str, str] = {
    "sts:GetCallerIdentity": "Arn",
    "bedrock:GetFoundationModel": "modelDetails",
    "bedrock:GetInferenceProfile": "status",
    "bedrock:GetFoundationModelAvailability": "authorizationStatus",
    "bedrock:GetGuardrail": "status",
    "bedrock-agent:GetKnowledgeBase": "knowledgeBase",
    "bedrock-agent:ListDataSources": "dataSourceSummaries",
    "bedrock-agent:ListIngestionJobs": "ingestionJobSummaries",
    "bedrock:ListEnforcedGuardrailsConfiguration": "guardrailsConfig",
    "bedrock:GetAccountDataRetention": "mode",
    "bedrock-agent:GetDataSource": "dataSource",
    "s3:GetBucketPolicy": "Policy",
    "s3:GetBucketOwnershipControls": "OwnershipControls",
    "s3:GetPublicAccessBlock": "PublicAccessBlockConfiguration",
    "s3:GetBucketEncryption": "ServerSideEncryptionConfiguration",
    "kms:DescribeKey": "KeyMetadata",
    "kms:GetKeyPolicy": "Policy",
    "logs:DescribeLogGroups": "logGroups",
    "logs:DescribeLogStreams": "logStreams",
    "logs:FilterLogEvents": "events",
    "cloudwatch:GetMetricData": "MetricDataResults",
    "service-quotas:ListServiceQuotas": "Quotas",
    "cloudtrail:DescribeTrails": "trailList",
    "cloudtrail:GetTrailStatus": "IsLogging",
    "cloudtrail:GetEventSelectors": "TrailARN",
    "iam:ListUsers": "Users",
    "iam:GetRole": "Role",
    "iam:GetUser": "User",
    "iam:GetRolePolicy": "PolicyDocument",
    "iam:GetUserPolicy": "PolicyDocument",
    "iam:GetGroupPolicy": "PolicyDocument",
    "iam:GetPolicy": "Policy",
    "iam:GetPolicyVersion": "PolicyVersion",
    "iam:GetAccountSummary": "SummaryMap",
    "iam:SimulatePrincipalPolicy": "EvaluationResults",
    "iam:GenerateServiceLastAccessedDetails": "JobId",
    "iam:GetServiceLastAccessedDetails": "JobStatus",
    "iam:ListAccessKeys": "AccessKeyMetadata",
    "iam:ListMFADevices": "MFADevices",
    "iam:ListGroupsForUser": "Groups",
    "iam:ListAttachedRolePolicies": "AttachedPolicies",
    "iam:ListAttachedUserPolicies": "AttachedPolicies",
    "iam:ListAttachedGroupPolicies": "AttachedPolicies",
    "iam:ListServiceSpecificCredentials": "ServiceSpecificCredentials",
    "cloudwatch:DescribeAlarms": "MetricAlarms",
    "iam:ListUserPolicies": "PolicyNames",
    "iam:ListGroupPolicies": "PolicyNames",
    "iam:ListRolePolicies": "PolicyNames",
}
"""A member without which an answer is not AWS's: a proxy's page is read as an answer that says nothing."""

SENT_ALONE: Mapping[str, str] = {"bedrock:GetModelInvocationLoggingConfiguration": "loggingConfig"}
"""The only member of an answer that may also be empty: one with others, and without it, is about something else."""

STS = ("sts:GetCallerIdentity",)
LOGGING = ("bedrock:GetModelInvocationLoggingConfiguration",)
POLICIES = tuple(f"iam:{name}" for name in (*_OF_ROLES, *_MANAGED))
"""What tells everything a role may do."""
OWN = (*STS, *(f"iam:{name}" for name in (*_OF_ROLES, *_OF_USERS, *_OF_GROUPS, *_MANAGED)))
"""What tells everything this principal may do, a role or a user in groups."""
GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
