"""The calls of capabilities about the account: logging, what the preflight reads, models on offer, guardrails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam import roles

from .setting import Call, Setting, Story
from .stories_inference import tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STORIES", "logging_config"]


GONE = frozenset(
    {
        "NoSuchEntity",
        "NoSuchEntityException",
        "NotFoundException",
        "ResourceNotFoundException",
        "TrailNotFoundException",
    }
)
UNSET = frozenset(
    {
        "NoSuchBucketPolicy",
        "OwnershipControlsNotFoundError",
        "NoSuchPublicAccessBlockConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "ObjectLockConfigurationNotFoundError",
        "NoSuchLifecycleConfiguration",
    }
)
"""What S3 says of a bucket that has none."""
USE_CASE = {
    "companyName": "Example",
    "companyWebsite": "https://example.com",
    "intendedUsers": "0",
    "industryOption": "Education",
    "otherIndustryOption": "",
    "useCases": "Answers about leave.",
}


def logging_config(s: Setting) -> dict[str, Any]:
    return {
        "cloudWatchConfig": {
            "logGroupName": s.log_group,
            "roleArn": s.role_arn(s.logging_role),
            "largeDataDeliveryS3Config": {"bucketName": s.logging_bucket},
        },
        "s3Config": {"bucketName": s.logging_bucket},
        "textDataDeliveryEnabled": True,
    }


def _logging_admin(s: Setting) -> Story:
    documents, group, role = roles.logging_role(s.scope()), {"logGroupName": s.log_group}, {"RoleName": s.logging_role}
    trust, bucket = documents.trust.to_json(), {"Bucket": s.logging_bucket}
    yield Call("bedrock", "GetModelInvocationLoggingConfiguration")
    yield Call("logs", "CreateLogGroup", group)
    yield Call("logs", "PutRetentionPolicy", {**group, "retentionInDays": 30})
    yield Call("logs", "DeleteRetentionPolicy", group)
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group})
    bounded = {"PermissionsBoundary": s.boundary_arn}
    mark = {"Tags": [{"Key": "bedrock-gateway", "Value": "helpdesk/logging"}]}
    yield Call("iam", "CreateRole", {**role, **bounded, **mark, "AssumeRolePolicyDocument": trust})
    yield Call("iam", "GetRole", role)
    yield Call("iam", "UpdateAssumeRolePolicy", {**role, "PolicyDocument": trust})
    policy = {**role, "PolicyName": "deliver"}
    yield Call("iam", "PutRolePolicy", {**policy, "PolicyDocument": documents.permissions.to_json()})
    yield Call("iam", "GetRolePolicy", policy)
    yield Call("iam", "ListRolePolicies", role)
    yield from _logging_bucket(s, bucket)
    yield Call("s3", "PutBucketPolicy", {**bucket, "Policy": roles.logging_bucket(s.scope()).to_json()})
    yield Call("s3", "GetBucketPolicy", bucket)
    yield Call("bedrock", "PutModelInvocationLoggingConfiguration", {"loggingConfig": logging_config(s)})
    yield Call("bedrock", "DeleteModelInvocationLoggingConfiguration")
    yield Call("s3", "DeleteBucketPolicy", bucket)
    yield Call("iam", "DeleteRolePolicy", policy)
    yield Call("iam", "DeleteRole", role)


def _logging_bucket(s: Setting, bucket: Mapping[str, str]) -> Story:
    """The bucket is there: making it again is refused, once IAM has let it pass."""
    where = {} if s.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": s.region}}
    owned = {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}
    yield Call("s3", "CreateBucket", {**bucket, **where}, also=frozenset({"BucketAlreadyOwnedByYou"}))
    yield Call("s3", "GetBucketLocation", {**bucket, "ExpectedBucketOwner": s.account})
    yield Call("s3", "PutBucketOwnershipControls", {**bucket, **owned})
    yield Call("s3", "GetBucketOwnershipControls", bucket)
    yield Call("s3", "PutPublicAccessBlock", {**bucket, "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}})
    yield Call("s3", "GetPublicAccessBlock", bucket)
    if s.logging_key:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": s.logging_key}
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
        yield Call("s3", "PutBucketEncryption", {**bucket, "ServerSideEncryptionConfiguration": rules})
        yield Call("s3", "GetBucketEncryption", bucket)
        named = {"KeyId": s.logging_key, "PolicyName": "default"}
        yield Call("kms", "GetKeyPolicy", named)
        yield Call("kms", "PutKeyPolicy", {**named, "Policy": json.dumps(_key_policy(s))})
        # Another key than S3's own would have to let Bedrock use it before it can deliver.
        plain = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        yield Call("s3", "PutBucketEncryption", {**bucket, "ServerSideEncryptionConfiguration": plain})


def _key_policy(s: Setting) -> dict[str, Any]:
    """The one that KMS gives a key by itself: the account's own policies decide."""
    root = {"AWS": s.arn("iam", "root", region="")}
    allow = {"Sid": "Account", "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [allow]}


def _looked_at(s: Setting) -> Story:
    """What AWS tells of the models and profiles of the setting; of a provisioned model and its like it tells elsewhere."""
    for model in s.foundation_models:
        yield Call("bedrock", "GetFoundationModel", {"modelIdentifier": model})
    for profile in s.profiles:
        yield Call("bedrock", "GetInferenceProfile", {"inferenceProfileIdentifier": profile})


def _preflight_minimal(s: Setting) -> Story:
    yield Call("sts", "GetCallerIdentity")
    yield Call("bedrock", "GetModelInvocationLoggingConfiguration")


def _delivery_chain(s: Setting) -> Story:
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group})
    bucket = {"Bucket": s.logging_bucket}
    yield Call("s3", "HeadBucket", {**bucket, "ExpectedBucketOwner": s.account})
    yield Call("s3", "GetBucketPolicy", bucket, also=UNSET)
    yield Call("s3", "GetBucketOwnershipControls", bucket, also=UNSET)
    yield Call("s3", "GetPublicAccessBlock", bucket, also=UNSET)
    yield Call("s3", "GetBucketEncryption", bucket, also=UNSET)
    if s.logging_key:
        yield Call("kms", "DescribeKey", {"KeyId": s.logging_key})
        yield Call("kms", "GetKeyPolicy", {"KeyId": s.logging_key, "PolicyName": "default"})


def _role_of(name: str) -> Story:
    role = {"RoleName": name}
    yield Call("iam", "GetRole", role, also=GONE)
    yield Call("iam", "ListRolePolicies", role, also=GONE)
    yield Call("iam", "GetRolePolicy", {**role, "PolicyName": "deliver"}, also=GONE)
    yield Call("iam", "ListAttachedRolePolicies", role, also=GONE)


def _managed_policies(s: Setting) -> Story:
    for owner in (s.account, "aws"):
        policy = {"PolicyArn": s.arn("iam", "policy/AmazonBedrockGatewayExtra", region="", account=owner)}
        yield Call("iam", "GetPolicy", policy, also=GONE)
        yield Call("iam", "GetPolicyVersion", {**policy, "VersionId": "v1"}, also=GONE)


def _what_is_declared(s: Setting) -> Story:
    yield from _looked_at(s)
    yield Call("bedrock", "GetFoundationModelAvailability", {"modelId": "amazon.nova-lite-v1:0"})
    if s.guardrail:
        wanted = {"guardrailIdentifier": s.guardrail[0], "guardrailVersion": s.guardrail[1]}
        yield Call("bedrock", "GetGuardrail", wanted, also=GONE)
    base = {"knowledgeBaseId": s.knowledge_base}
    yield Call("bedrock-agent", "GetKnowledgeBase", base, also=GONE)
    yield Call("bedrock-agent", "ListDataSources", base, also=GONE)
    source = {**base, "dataSourceId": "DS12345678"}
    yield Call("bedrock-agent", "GetDataSource", source, also=GONE)
    yield Call("bedrock-agent", "ListIngestionJobs", source, also=GONE)
    yield Call("bedrock", "GetAccountDataRetention")


def _preflight_standard(s: Setting) -> Story:
    yield from _preflight_minimal(s)
    yield from _delivery_chain(s)
    yield from _role_of(s.logging_role)
    yield Call("iam", "GetRole", {"RoleName": s.kb_role}, also=GONE)
    yield from _managed_policies(s)
    yield from _what_is_declared(s)


def _simulated(s: Setting) -> Story:
    for arn in (s.role_arn("somebody"), s.arn("iam", "user/somebody", region="")):
        asked = {"PolicySourceArn": arn, "ActionNames": ["bedrock:InvokeModel"], "ResourceArns": ["*"]}
        yield Call("iam", "SimulatePrincipalPolicy", asked, also=GONE)
        yield Call("iam", "GenerateServiceLastAccessedDetails", {"Arn": arn}, also=GONE)
    yield Call("iam", "GetServiceLastAccessedDetails", {"JobId": "0" * 36}, also=GONE)


def _upkeep(s: Setting) -> Story:
    """How records are kept and watched, quotas, and the trails: also one that is kept elsewhere, and a log group there."""
    bucket = {"Bucket": s.logging_bucket}
    yield Call("s3", "GetBucketVersioning", bucket)
    yield Call("s3", "GetObjectLockConfiguration", bucket, also=UNSET)
    yield Call("s3", "GetBucketLifecycleConfiguration", bucket, also=UNSET)
    yield Call("logs", "GetDataProtectionPolicy", {"logGroupIdentifier": s.log_group}, also=GONE)
    yield Call("cloudwatch", "DescribeAlarms", {"AlarmTypes": ["MetricAlarm"], "MaxRecords": 100})
    yield Call("service-quotas", "ListServiceQuotas", {"ServiceCode": "bedrock", "MaxResults": 100})
    yield Call("cloudtrail", "DescribeTrails", {"includeShadowTrails": True})
    away = "us-west-2" if s.region != "us-west-2" else "us-east-1"
    for owner, region in ((s.account, s.region), ("123456789012", away)):
        trail = f"arn:{s.partition}:cloudtrail:{region}:{owner}:trail/all"
        yield Call("cloudtrail", "GetTrailStatus", {"Name": trail}, also=GONE, region=region)
        yield Call("cloudtrail", "GetEventSelectors", {"TrailName": trail}, also=GONE, region=region)
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group}, region=away)


def _preflight_deep(s: Setting) -> Story:
    yield from _preflight_minimal(s)
    yield from _delivery_chain(s)
    yield from _managed_policies(s)
    yield from _what_is_declared(s)
    yield from _upkeep(s)
    yield Call("logs", "DescribeLogStreams", {"logGroupName": s.log_group, "logStreamNamePrefix": "aws/bedrock"})
    sums = {"Metric": {"Namespace": "AWS/Bedrock", "MetricName": "Invocations"}, "Period": 300, "Stat": "Sum"}
    query = {"MetricDataQueries": [{"Id": "sent", "MetricStat": sums}], "StartTime": 0, "EndTime": 300}
    yield Call("cloudwatch", "GetMetricData", query)
    yield Call("bedrock", "GetUseCaseForModelAccess", also=GONE)
    yield Call("bedrock", "ListEnforcedGuardrailsConfiguration")
    yield from _role_of("somebody")
    user, group = {"UserName": "somebody"}, {"GroupName": "callers"}
    for name in ("GetUser", "ListUserPolicies", "ListAttachedUserPolicies", "ListGroupsForUser"):
        yield Call("iam", name, user, also=GONE)
    yield Call("iam", "GetUserPolicy", {**user, "PolicyName": "mine"}, also=GONE)
    yield Call("iam", "ListAccessKeys", user, also=GONE)
    yield Call("iam", "ListMFADevices", user, also=GONE)
    yield Call("iam", "ListServiceSpecificCredentials", {**user, "ServiceName": "bedrock.amazonaws.com"}, also=GONE)
    for name in ("ListGroupPolicies", "ListAttachedGroupPolicies"):
        yield Call("iam", name, group, also=GONE)
    yield Call("iam", "GetGroupPolicy", {**group, "PolicyName": "call"}, also=GONE)
    yield Call("iam", "GetAccountSummary")
    yield Call("iam", "ListUsers")
    yield from _simulated(s)


def _preflight_canary(s: Setting) -> Story:
    yield from _preflight_minimal(s)
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group})
    stream = {"logGroupName": s.log_group, "logStreamNames": ["aws/bedrock/modelinvocations"]}
    yield Call("logs", "FilterLogEvents", stream, also=GONE)
    yield Call("s3", "ListObjectsV2", {"Bucket": s.logging_bucket, "Prefix": "AWSLogs/"})


def _model_catalog(s: Setting) -> Story:
    yield Call("bedrock", "ListFoundationModels")
    yield Call("bedrock", "ListInferenceProfiles")
    yield Call("bedrock", "GetFoundationModelAvailability", {"modelId": "amazon.nova-lite-v1:0"})
    yield from _looked_at(s)


_NO_OFFER = frozenset({"ResourceNotFoundException", "ValidationException"})


def _model_access(s: Setting) -> Story:
    model = {"modelId": s.foundation_models[0] if s.foundation_models else "cohere.rerank-v3-5:0"}
    offered = yield Call("bedrock", "ListFoundationModelAgreementOffers", model)
    # What AWS sells itself has no offer, and of what was accepted already there is no second agreement.
    token = str(offered["offers"][0]["offerToken"]) if offered["offers"] else "none"
    yield Call("bedrock", "PutUseCaseForModelAccess", {"formData": json.dumps(USE_CASE).encode()})
    yield Call("bedrock", "GetUseCaseForModelAccess", also=frozenset({"ResourceNotFoundException"}))
    yield Call("bedrock", "DeleteFoundationModelAgreement", model, also=_NO_OFFER)
    yield Call("bedrock", "CreateFoundationModelAgreement", {**model, "offerToken": token}, also=_NO_OFFER)
    yield Call("bedrock", "GetFoundationModelAvailability", model)


def _guardrail_admin(s: Setting) -> Story:
    says = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.", "name": "house-rules"}
    across = {"crossRegionConfig": {"guardrailProfileIdentifier": f"{s.guardrail_profile}.guardrail.v1:0"}}
    made = {**says, **(across if s.guardrail_profile else {})}
    if s.guardrail_key:
        made["kmsKeyId"] = s.guardrail_key
    one = {"guardrailIdentifier": s.guardrail[0] if s.guardrail else "abcdefghij12"}
    yield Call("bedrock", "CreateGuardrail", {**made, **tags(s)})
    yield Call("bedrock", "UpdateGuardrail", {**one, **made, "name": "other-rules"})
    yield Call("bedrock", "CreateGuardrailVersion", one)
    yield Call("bedrock", "GetGuardrail", one)
    yield Call("bedrock", "ListGuardrails")
    yield Call("bedrock", "ListGuardrails", one)
    yield Call("bedrock", "ListEnforcedGuardrailsConfiguration")
    if s.enforced_guardrail:
        enforced = {"guardrailIdentifier": s.enforced_guardrail, "guardrailVersion": "1"}
        put = yield Call("bedrock", "PutEnforcedGuardrailConfiguration", {"guardrailInferenceConfig": enforced})
        yield Call("bedrock", "DeleteEnforcedGuardrailConfiguration", {"configId": str(put["configId"])})
    yield Call("bedrock", "DeleteGuardrail", one)


STORIES: Mapping[str, Callable[[Setting], Story]] = {
    "logging-admin": _logging_admin,
    "preflight-minimal": _preflight_minimal,
    "preflight-standard": _preflight_standard,
    "preflight-deep": _preflight_deep,
    "preflight-canary": _preflight_canary,
    "model-catalog": _model_catalog,
    "model-access": _model_access,
    "guardrail-admin": _guardrail_admin,
}
