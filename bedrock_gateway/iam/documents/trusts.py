"""Rows: who may assume a role. A trust document has a principal and no resource.

Sources: IAM User Guide, id_roles_create_for-idp_oidc, id_roles_create_for-idp_saml and
id_session-tags; of services, what each row says. Not verified against AWS.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.iam.documents.template import Field, Row, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FEDERATED", "TRUSTS"]

_BEDROCK = ("Service", "bedrock.amazonaws.com")
_ACCOUNT = ("StringEquals", "aws:SourceAccount", "{A}")
_OIDC_GUIDE = "IAM User Guide, id_roles_create_for-idp_oidc"
_TAGS = {"tag": Field("session tag", "KEY, or KEY=VALUE that must be passed (repeatable)", "", many=True)}


def _service(name: str, summary: str, resource: str, fields: Mapping[str, Field], source: str) -> Template:
    """Return the trust in Bedrock, for one kind of resource of this account and Region."""
    arn = f"arn:{{P}}:bedrock:{{R}}:{{A}}:{resource}"
    row = Row(
        "BedrockOfThisAccount",
        "sts:AssumeRole",
        conditions=(_ACCOUNT, ("ArnLike", "aws:SourceArn", arn)),
        principal=_BEDROCK,
        source=source,
    )
    return Template(name, summary, fields, (row,))


_ROWS = (
    _service(
        "logging", "Bedrock, to deliver invocation logs.", "*", {}, "Bedrock User Guide, model-invocation-logging"
    ),
    _service(
        "knowledge-base",
        "Bedrock, for a knowledge base.",
        "knowledge-base/{kb}",
        {"kb": Field("knowledge base id", "id of the knowledge base, once AWS has assigned it", "*")},
        "Bedrock User Guide, kb-permissions",
    ),
    _service("batch", "Bedrock, for batch jobs.", "model-invocation-job/*", {}, "Bedrock User Guide, batch-iam-sr"),
    Template(
        "saml",
        "People who sign in through a SAML 2.0 provider.",
        {
            "provider": Field("provider name", "name of the SAML provider in IAM"),
            "audience": Field(
                "sign-in URL", "endpoint that assertions are posted to", "https://{R}.{SIGNIN}/saml", many=True
            ),
            "subject": Field("claim", "SAML:sub that must be asserted", "", many=True),
            "issuer": Field("claim", "SAML:iss that must be asserted", ""),
            **_TAGS,
        },
        (
            Row(
                "SamlProvider",
                "sts:AssumeRoleWithSAML",
                conditions=(("StringEquals", "SAML:aud", "{audience}"),),
                optional=(
                    ("subject", "StringEquals", "SAML:sub", "{subject}"),
                    ("issuer", "StringEquals", "SAML:iss", "{issuer}"),
                ),
                principal=("Federated", "arn:{P}:iam::{A}:saml-provider/{provider}"),
                source="IAM User Guide, id_roles_create_for-idp_saml",
            ),
        ),
        ("MFA happens at the provider: a condition on aws:MultiFactorAuthPresent would never hold",),
    ),
    Template(
        "oidc",
        "Whom an OpenID Connect provider vouches for: CI, people, other clouds.",
        {
            "provider": Field("provider host", "issuer without https://, as in the ARN of the provider in IAM"),
            "audience": Field("claim", "aud: the client id", many=True),
            "subject": Field("claim", "sub: who", "", many=True),
            "subject-like": Field(
                "claim pattern", "sub with wildcards; what comes before them is bound", "", many=True
            ),
            **_TAGS,
        },
        (
            Row(
                "OidcProvider",
                "sts:AssumeRoleWithWebIdentity",
                conditions=(
                    ("StringEquals", "{provider}:aud", "{audience}"),
                    ("StringEquals", "{provider}:sub", "{subject}"),
                ),
                principal=("Federated", "arn:{P}:iam::{A}:oidc-provider/{provider}"),
                needs=("subject",),
                source=_OIDC_GUIDE,
            ),
            Row(
                "OidcProviderByPattern",
                "sts:AssumeRoleWithWebIdentity",
                conditions=(
                    ("StringEquals", "{provider}:aud", "{audience}"),
                    ("StringLike", "{provider}:sub", "{subject-like}"),
                ),
                principal=("Federated", "arn:{P}:iam::{A}:oidc-provider/{provider}"),
                needs=("subject-like",),
                source=_OIDC_GUIDE,
            ),
        ),
        ("MFA happens at the provider: a condition on aws:MultiFactorAuthPresent would never hold",),
    ),
    Template(
        "irsa",
        "Pods of an EKS cluster, by IAM roles for service accounts.",
        {
            "cluster": Field("cluster id", "last part of the cluster's OIDC issuer"),
            "namespace": Field("Kubernetes name", "namespace"),
            "service-account": Field("Kubernetes name", "service account", many=True),
        },
        (
            Row(
                "ServiceAccount",
                "sts:AssumeRoleWithWebIdentity",
                conditions=(
                    ("StringEquals", "oidc.eks.{R}.amazonaws.com/id/{cluster}:aud", "sts.amazonaws.com"),
                    (
                        "StringEquals",
                        "oidc.eks.{R}.amazonaws.com/id/{cluster}:sub",
                        "system:serviceaccount:{namespace}:{service-account}",
                    ),
                ),
                principal=("Federated", "arn:{P}:iam::{A}:oidc-provider/oidc.eks.{R}.amazonaws.com/id/{cluster}"),
                source="EKS User Guide, associate-service-account-role",
            ),
        ),
    ),
    Template(
        "cognito",
        "Signed-in users of a Cognito identity pool.",
        {"pool": Field("pool id", "id of the identity pool"), **_TAGS},
        (
            Row(
                "IdentityPool",
                "sts:AssumeRoleWithWebIdentity",
                conditions=(
                    ("StringEquals", "{COGNITO}:aud", "{pool}"),
                    ("ForAnyValue:StringLike", "{COGNITO}:amr", "authenticated"),
                ),
                principal=("Federated", "{COGNITO}"),
                source="Cognito Developer Guide, role-trust-and-permissions",
            ),
        ),
    ),
    Template(
        "directory-service",
        "Users and groups of an AWS Directory Service directory.",
        {},
        (
            Row(
                "DirectoryService",
                "sts:AssumeRole",
                principal=("Service", "ds.amazonaws.com"),
                source="Directory Service Administration Guide, edit_trust",
            ),
        ),
        ("AWS documents neither aws:SourceAccount nor aws:SourceArn for Directory Service, so neither is demanded",),
    ),
    Template(
        "ecs-task",
        "Tasks of Amazon ECS in this account and Region.",
        {},
        (
            Row(
                "EcsTasks",
                "sts:AssumeRole",
                conditions=(_ACCOUNT, ("ArnLike", "aws:SourceArn", "arn:{P}:ecs:{R}:{A}:*")),
                principal=("Service", "ecs-tasks.amazonaws.com"),
                source="ECS Developer Guide, task-iam-roles",
            ),
        ),
    ),
    Template(
        "lambda",
        "Lambda functions.",
        {},
        (
            Row(
                "LambdaFunctions",
                "sts:AssumeRole",
                principal=("Service", "lambda.amazonaws.com"),
                source="Lambda Developer Guide, lambda-intro-execution-role",
            ),
        ),
        (
            "AWS documents no source condition for execution roles; lambda:SourceFunctionArn binds permissions to a function",
        ),
    ),
    Template(
        "ec2",
        "EC2 instances with this role's instance profile.",
        {},
        (
            Row(
                "Ec2Instances",
                "sts:AssumeRole",
                principal=("Service", "ec2.amazonaws.com"),
                source="EC2 User Guide, iam-roles-for-amazon-ec2",
            ),
        ),
        ("AWS documents no source condition for EC2; who may pass the role decides who gets it",),
    ),
    Template(
        "eks-pod-identity",
        "Pods of one EKS cluster, by EKS Pod Identity.",
        {
            "cluster": Field("cluster name", "name of the cluster"),
            "namespace": Field("Kubernetes name", "namespace"),
            "service-account": Field("Kubernetes name", "service account", many=True),
        },
        (
            Row(
                "PodIdentity",
                "sts:AssumeRole sts:TagSession",
                conditions=(
                    ("StringEquals", "aws:RequestTag/eks-cluster-arn", "arn:{P}:eks:{R}:{A}:cluster/{cluster}"),
                    ("StringEquals", "aws:RequestTag/kubernetes-namespace", "{namespace}"),
                    ("StringEquals", "aws:RequestTag/kubernetes-service-account", "{service-account}"),
                ),
                principal=("Service", "pods.eks.amazonaws.com"),
                source="EKS User Guide, pod-id-role and pod-id-abac",
            ),
        ),
        ("session tags must not be switched off on the association: they are what the role is bound to",),
    ),
    Template(
        "account",
        "Roles and users of this account or of another.",
        {
            "principal": Field("principal ARN", "ARN of a role, a user, or an account (…:root)", many=True),
            "external-id": Field("external id", "secret that the other party must send", ""),
            "organisation": Field("organisation id", "organisation the principal must belong to", ""),
            "mfa": Field("flag", "true: only with multi-factor authentication", "false"),
            "mfa-age": Field("seconds", "how old the multi-factor authentication may be, in seconds", ""),
            **_TAGS,
        },
        (
            Row(
                "NamedPrincipals",
                "sts:AssumeRole",
                optional=(
                    ("external-id", "StringEquals", "sts:ExternalId", "{external-id}"),
                    ("organisation", "StringEquals", "aws:PrincipalOrgID", "{organisation}"),
                    ("mfa", "Bool", "aws:MultiFactorAuthPresent", "true"),
                    ("mfa-age", "Bool", "aws:MultiFactorAuthPresent", "true"),
                    ("mfa-age", "NumericLessThanEquals", "aws:MultiFactorAuthAge", "{mfa-age}"),
                ),
                principal=("AWS", "{principal}"),
                source="IAM User Guide, id_roles_create_for-user",
            ),
        ),
    ),
)

TRUSTS: Mapping[str, Template] = MappingProxyType({row.name: row for row in _ROWS})
"""Every kind of trust by its name."""

FEDERATED = frozenset({"saml", "oidc", "irsa", "cognito"})
