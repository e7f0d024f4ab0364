"""What AWS demands of IAM and STS calls. Source: the Service Authorization Reference of both.

ARNs of existing roles, users and groups are looked up, because a request names them without their path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.local.demands.rows import (
    ApiRequest,
    Context,
    Demand,
    IamEntity,
    Row,
    Rows,
    same_named,
    tag_context,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["IAM", "STS"]

_ANYTHING = (
    "ListRoles ListUsers ListGroups ListPolicies ListInstanceProfiles ListAccountAliases ListOpenIDConnectProviders "
    "ListSAMLProviders ListVirtualMFADevices GetAccountSummary GetAccountAuthorizationDetails GetAccountPasswordPolicy "
    "GetCredentialReport GenerateCredentialReport CreateAccountAlias SimulateCustomPolicy GetContextKeysForCustomPolicy "
    "GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities"
)
_ON_ROLE = (
    "CreateRole GetRole UpdateRole DeleteRole UpdateRoleDescription UpdateAssumeRolePolicy PutRolePolicy GetRolePolicy "
    "DeleteRolePolicy ListRolePolicies AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies TagRole UntagRole "
    "ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary ListInstanceProfilesForRole"
)
_ON_USER = (
    "CreateUser GetUser UpdateUser DeleteUser PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies "
    "AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies ListGroupsForUser TagUser UntagUser ListUserTags "
    "CreateAccessKey DeleteAccessKey UpdateAccessKey ListAccessKeys GetAccessKeyLastUsed ListMFADevices "
    "EnableMFADevice DeactivateMFADevice ResyncMFADevice "
    "PutUserPermissionsBoundary DeleteUserPermissionsBoundary CreateLoginProfile GetLoginProfile DeleteLoginProfile "
    "CreateServiceSpecificCredential ListServiceSpecificCredentials DeleteServiceSpecificCredential "
    "UpdateServiceSpecificCredential ResetServiceSpecificCredential"
)
_ON_GROUP = (
    "CreateGroup GetGroup UpdateGroup DeleteGroup PutGroupPolicy GetGroupPolicy DeleteGroupPolicy ListGroupPolicies "
    "AttachGroupPolicy DetachGroupPolicy ListAttachedGroupPolicies AddUserToGroup RemoveUserFromGroup"
)
_ON_POLICY = (
    "GetPolicy DeletePolicy CreatePolicyVersion GetPolicyVersion ListPolicyVersions DeletePolicyVersion "
    "SetDefaultPolicyVersion ListEntitiesForPolicy TagPolicy UntagPolicy ListPolicyTags"
)
_ON_INSTANCE_PROFILE = (
    "CreateInstanceProfile GetInstanceProfile DeleteInstanceProfile RemoveRoleFromInstanceProfile TagInstanceProfile"
)
_PROVIDERS = {
    "{OpenIDConnectProviderArn}": "GetOpenIDConnectProvider DeleteOpenIDConnectProvider TagOpenIDConnectProvider",
    "{SAMLProviderArn}": "GetSAMLProvider UpdateSAMLProvider DeleteSAMLProvider",
    "arn:{P}:iam::{A}:mfa/{VirtualMFADeviceName}": "CreateVirtualMFADevice",
    "{SerialNumber}": "DeleteVirtualMFADevice",
    "arn:{P}:iam::{A}:saml-provider/{Name}": "CreateSAMLProvider",
    "{Arn}": "GenerateServiceLastAccessedDetails",
    "{PolicySourceArn}": "SimulatePrincipalPolicy GetContextKeysForPrincipalPolicy",
}
_BOUNDED = frozenset(
    [
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "GetRole",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
        "AttachUserPolicy",
        "CreateUser",
        "DeleteUserPermissionsBoundary",
        "DeleteUserPolicy",
        "DetachUserPolicy",
        "PutUserPermissionsBoundary",
        "PutUserPolicy",
    ]
)
"""Operations to whose context AWS adds the boundary that the role or user has."""
_NAMED_BY = {"role": "RoleName", "user": "UserName", "group": "GroupName", "instance-profile": "InstanceProfileName"}
_CALLER_BY_DEFAULT = {"user"}


def _entity(request: ApiRequest, kind: str) -> IamEntity | None:
    name = request.params.get(_NAMED_BY[kind])
    return request.lookup.entity(kind, str(name)) if request.lookup and name else None


def _arn_of(kind: str) -> Callable[[ApiRequest], Sequence[str]]:
    """Return how to find the ARN: the existing entity's own, the new one's by its path, or the caller's."""

    def arn(request: ApiRequest) -> Sequence[str]:
        name = request.params.get(_NAMED_BY[kind])
        known = _entity(request, kind)
        if known and request.operation != f"Create{_NAMED_BY[kind].removesuffix('Name')}":
            return (known.arn,)
        if not name and kind in _CALLER_BY_DEFAULT and ":user/" in request.caller_arn:
            return (request.caller_arn,)
        path = str(request.params.get("Path") or "/")
        return (request.arn("iam", f"{kind}{path}{name or '*'}", region=""),)

    return arn


def _policy_arn(request: ApiRequest) -> Sequence[str]:
    arn = request.params.get("PolicyArn")
    path = str(request.params.get("Path") or "/")
    return (str(arn) if arn else request.arn("iam", f"policy{path}{request.params.get('PolicyName', '*')}", region=""),)


def _about(kind: str) -> Callable[[ApiRequest], Context]:
    """Return how to make the context: tags of the request and of the entity, its boundary, the policy attached."""

    def context(request: ApiRequest) -> Context:
        known = _entity(request, kind) if kind in _NAMED_BY else None
        tags: Mapping[str, str] = known.tags if known else {}
        bounded = request.operation in _BOUNDED
        boundary = request.params.get("PermissionsBoundary") or (known.boundary if known and bounded else None)
        policy = request.params.get("PolicyArn")
        return {
            **tag_context(request.params.get("Tags")),
            **{f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", "iam")},
            **({"iam:PermissionsBoundary": str(boundary)} if boundary else {}),
            **({"iam:PolicyARN": str(policy)} if policy else {}),
        }

    return context


def _instance_role(request: ApiRequest) -> Iterator[Demand]:
    """A role put into an instance profile is passed to EC2."""
    for arn in _arn_of("role")(request):
        yield Demand("iam:PassRole", arn, {"iam:PassedToService": "ec2.amazonaws.com"})


# OpenSearch Service Developer Guide, serverless-service-linked-roles.
_LINKED_ROLES = {"observability.aoss.amazonaws.com": "AWSServiceRoleForAmazonOpenSearchServerless"}


def _service_linked(request: ApiRequest) -> Sequence[str]:
    """The service names the role; where its name is not written down here, only a policy for any name covers it."""
    service = str(request.params.get("AWSServiceName", "*"))
    name = _LINKED_ROLES.get(service, "*")
    return (request.arn("iam", f"role/aws-service-role/{service}/{name}", region=""),)


def _tagging(action: str, resource: Callable[[ApiRequest], Sequence[str]]) -> Row:
    return Row(f"iam:{action}", resource, when="Tags", context=lambda one: tag_context(one.params.get("Tags")))


def _created_with_tags() -> Rows:
    create = {"CreateRole": ("role", "TagRole"), "CreateUser": ("user", "TagUser")}
    rows: Rows = {
        ("iam", name): (Row(f"iam:{name}", _arn_of(kind), context=_about(kind)), _tagging(action, _arn_of(kind)))
        for name, (kind, action) in create.items()
    }
    policy = (Row("iam:CreatePolicy", _policy_arn, context=_about("policy")), _tagging("TagPolicy", _policy_arn))
    return {**rows, ("iam", "CreatePolicy"): policy}


IAM: Rows = {
    **same_named("iam", "*", _ANYTHING),
    **same_named("iam", _arn_of("role"), _ON_ROLE, context=_about("role")),
    **same_named("iam", _arn_of("user"), _ON_USER, context=_about("user")),
    **same_named("iam", _arn_of("group"), _ON_GROUP, context=_about("group")),
    **same_named("iam", _policy_arn, _ON_POLICY, context=_about("policy")),
    **same_named("iam", _arn_of("instance-profile"), _ON_INSTANCE_PROFILE, context=_about("instance-profile")),
    **{key: row for resource, names in _PROVIDERS.items() for key, row in same_named("iam", resource, names).items()},
    **_created_with_tags(),
    ("iam", "CreateOpenIDConnectProvider"): (
        Row(
            "iam:CreateOpenIDConnectProvider",
            lambda one: (
                one.arn("iam", f"oidc-provider/{str(one.params.get('Url', '*')).removeprefix('https://')}", region=""),
            ),
        ),
    ),
    ("iam", "CreateServiceLinkedRole"): (
        Row(
            "iam:CreateServiceLinkedRole",
            _service_linked,
            context=lambda one: {"iam:AWSServiceName": str(one.params.get("AWSServiceName", ""))},
        ),
    ),
    ("iam", "AddRoleToInstanceProfile"): (
        Row("iam:AddRoleToInstanceProfile", _arn_of("instance-profile")),
        _instance_role,
    ),
}


def _assumed(request: ApiRequest) -> Context:
    external, name = request.params.get("ExternalId"), request.params.get("RoleSessionName")
    identity, transitive = request.params.get("SourceIdentity"), request.params.get("TransitiveTagKeys")
    # IAM User Guide, id_credentials_mfa_configure-api-require: the code is checked with this very request.
    with_code = request.params.get("SerialNumber") and request.params.get("TokenCode")
    return {
        **({"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"} if with_code else {}),
        **tag_context(request.params.get("Tags")),
        **({"sts:ExternalId": str(external)} if external else {}),
        **({"sts:RoleSessionName": str(name)} if name else {}),
        **({"sts:SourceIdentity": str(identity)} if identity else {}),
        **({"sts:TransitiveTagKeys": list(transitive)} if transitive else {}),
    }


_SOURCE_IDENTITY = "IAM User Guide: id_credentials_temp_control-access_monitor"

STS: Rows = {
    # Nobody needs a right to ask who they are, and no policy can take it away.
    ("sts", "GetCallerIdentity"): (),
    ("sts", "GetSessionToken"): (),
    ("sts", "AssumeRole"): (
        Row("sts:AssumeRole", "{RoleArn}", context=_assumed),
        Row("sts:TagSession", "{RoleArn}", when="Tags", context=_assumed),
        Row("sts:SetSourceIdentity", "{RoleArn}", _SOURCE_IDENTITY, when="SourceIdentity", context=_assumed),
    ),
    ("sts", "GetFederationToken"): (Row("sts:GetFederationToken", "arn:{P}:sts::{A}:federated-user/{Name}"),),
    **same_named("sts", "*", "GetAccessKeyInfo DecodeAuthorizationMessage"),
}
