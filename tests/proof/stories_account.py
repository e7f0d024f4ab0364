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


GONE = frozenset({"NoSuchEntity", "NoSuchEntityException"})
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
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group})
    bounded = {"PermissionsBoundary": s.boundary_arn}
    yield Call("iam", "CreateRole", {**role, **bounded, "AssumeRolePolicyDocument": trust})
    yield Call("iam", "GetRole", role)
    yield Call("iam", "UpdateAssumeRolePolicy", {**role, "PolicyDocument": trust})
    policy = {**role, "PolicyName": "deliver"}
    yield Call("iam", "PutRolePolicy", {**policy, "PolicyDocument": documents.permissions.to_json()})
    yield Call("iam", "GetRolePolicy", policy)
    yield Call("s3", "PutBucketPolicy", {**bucket, "Policy": roles.logging_bucket(s.scope()).to_json()})
    yield Call("s3", "GetBucketPolicy", bucket)
    yield Call("bedrock", "PutModelInvocationLoggingConfiguration", {"loggingConfig": logging_config(s)})
    yield Call("bedrock", "DeleteModelInvocationLoggingConfiguration")


def _looked_at(s: Setting) -> Story:
    """What AWS tells of the models and profiles of the setting; of a provisioned model and its like it tells elsewhere."""
    for model in s.foundation_models:
        yield Call("bedrock", "GetFoundationModel", {"modelIdentifier": model})
    for profile in s.profiles:
        yield Call("bedrock", "GetInferenceProfile", {"inferenceProfileIdentifier": profile})


def _preflight_minimal(s: Setting) -> Story:
    yield Call("sts", "GetCallerIdentity")
    yield Call("bedrock", "GetModelInvocationLoggingConfiguration")


def _preflight_standard(s: Setting) -> Story:
    yield from _preflight_minimal(s)
    yield Call("logs", "DescribeLogGroups", {"logGroupNamePrefix": s.log_group})
    role = {"RoleName": s.logging_role}
    yield Call("iam", "GetRole", role)
    yield Call("iam", "ListRolePolicies", role)
    yield Call("iam", "GetRolePolicy", {**role, "PolicyName": "deliver"})
    yield Call("iam", "ListAttachedRolePolicies", role)
    for owner in (s.account, "aws"):
        policy = {"PolicyArn": s.arn("iam", "policy/AmazonBedrockGatewayExtra", region="", account=owner)}
        yield Call("iam", "GetPolicy", policy, also=GONE)
        yield Call("iam", "GetPolicyVersion", {**policy, "VersionId": "v1"}, also=GONE)
    yield from _looked_at(s)


def _model_catalog(s: Setting) -> Story:
    yield Call("bedrock", "ListFoundationModels")
    yield Call("bedrock", "ListInferenceProfiles")
    yield Call("bedrock", "GetFoundationModelAvailability", {"modelId": "amazon.nova-lite-v1:0"})
    yield from _looked_at(s)


def _model_access(s: Setting) -> Story:
    model = {"modelId": s.foundation_models[0] if s.foundation_models else "cohere.rerank-v3-5:0"}
    yield Call("bedrock", "ListFoundationModelAgreementOffers", model)
    yield Call("bedrock", "PutUseCaseForModelAccess", {"formData": json.dumps(USE_CASE).encode()})
    yield Call("bedrock", "GetUseCaseForModelAccess", also=frozenset({"ResourceNotFoundException"}))
    yield Call("bedrock", "CreateFoundationModelAgreement", {**model, "offerToken": "token"})
    yield Call("bedrock", "GetFoundationModelAvailability", model)
    yield Call("bedrock", "DeleteFoundationModelAgreement", model)


def _guardrail_admin(s: Setting) -> Story:
    says = {"blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.", "name": "house-rules"}
    across = {"crossRegionConfig": {"guardrailProfileIdentifier": f"{s.guardrail_profile}.guardrail.v1:0"}}
    made = {**says, **(across if s.guardrail_profile else {})}
    if s.guardrail_key:
        made["kmsKeyId"] = s.guardrail_key
    one = {"guardrailIdentifier": s.guardrail[0] if s.guardrail else "abcdefghij12"}
    yield Call("bedrock", "CreateGuardrail", {**made, **tags(s)})
    yield Call("bedrock", "UpdateGuardrail", {**one, **made})
    yield Call("bedrock", "CreateGuardrailVersion", one)
    yield Call("bedrock", "GetGuardrail", one)
    yield Call("bedrock", "ListGuardrails")
    yield Call("bedrock", "ListGuardrails", one)
    yield Call("bedrock", "ListEnforcedGuardrailsConfiguration")
    if s.enforced_guardrail:
        enforced = {"guardrailIdentifier": s.enforced_guardrail, "guardrailVersion": "1"}
        yield Call("bedrock", "PutEnforcedGuardrailConfiguration", {"guardrailInferenceConfig": enforced})
        yield Call("bedrock", "DeleteEnforcedGuardrailConfiguration", {"configId": "default"})
    yield Call("bedrock", "DeleteGuardrail", one)


STORIES: Mapping[str, Callable[[Setting], Story]] = {
    "logging-admin": _logging_admin,
    "preflight-minimal": _preflight_minimal,
    "preflight-standard": _preflight_standard,
    "model-catalog": _model_catalog,
    "model-access": _model_access,
    "guardrail-admin": _guardrail_admin,
}
