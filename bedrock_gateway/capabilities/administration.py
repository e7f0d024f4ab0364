"""Rows: invocation logging, guardrails and model access, and what a catalogue reads."""

from __future__ import annotations

from dataclasses import replace

from bedrock_gateway.capabilities.legs import SUBSCRIBE, SUBSCRIPTIONS, tagged
from bedrock_gateway.capabilities.table import Capability, Condition, Confidence, Leg, Operation, Resource

_PASS_LOGGING_ROLE = Leg(
    "iam:PassRole",
    "logging-role",
    source="alphagov/govuk-infrastructure#2439",
    condition="passed-to-bedrock",
    why="AWS's action table lists no dependent action; the call is denied without it.",
)


def _one(
    name: str, service: str, action: str, resource: Resource, confidence: Confidence = "H", also: tuple[Leg, ...] = ()
) -> Operation:
    return Operation(name, service, "free", (Leg(action, resource, confidence), *also))


def _logging(name: str, also: tuple[Leg, ...] = ()) -> Operation:
    return _one(name, "bedrock", f"bedrock:{name}", "*", also=also)


# Without a bound on the role, whoever may write its policy and its trust can give himself any right through it.
_GRANTING = frozenset({"CreateRole", "PutRolePolicy", "UpdateAssumeRolePolicy"})


_MARKED_ROLE = Leg(
    "iam:TagRole",
    "logging-role",
    source="IAM User Guide: id_tags_roles",
    condition="own-mark",
    why="The role is made with the tag by which set-up knows its own again.",
)


def _role(name: str) -> Operation:
    bound: Condition | None = "bounded" if name in _GRANTING else None
    also = (_MARKED_ROLE,) if name == "CreateRole" else ()
    return Operation(name, "iam", "free", (Leg(f"iam:{name}", "logging-role", condition=bound), *also))


def _bucket(name: str, action: str | None = None) -> Operation:
    return Operation(name, "s3", "free", (Leg(f"s3:{action or name}", "logging-bucket"),))


def _under_key(name: str, service: str, action: str) -> Operation:
    """Only where the buckets are encrypted with a key: its policy has to let Bedrock use it."""
    resource: Resource = "logging-key" if service == "kms" else "logging-bucket"
    return Operation(name, service, "free", (Leg(action, resource, only_with="logging_key"),))


_ON_ROLE = (
    "CreateRole",
    "GetRole",
    "ListRolePolicies",
    "GetRolePolicy",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
    "DeleteRolePolicy",
    "DeleteRole",
)
_READ_LOGGING = _logging("GetModelInvocationLoggingConfiguration")
# AWS's reference gives DescribeLogGroups no resource type: under an ARN it might grant nothing. CloudWatch Logs' own
# examples put it on log-group:*, which "*" holds too.
_DESCRIBE_GROUPS = _one("DescribeLogGroups", "logs", "logs:DescribeLogGroups", "*")

_GUARDRAIL_KEY = tuple(
    Leg(
        f"kms:{name}",
        "guardrail-key",
        source="User Guide: guardrails-permissions-kms",
        only_with="guardrail_key",
        why="Whoever makes a guardrail under a customer managed key uses the key.",
    )
    for name in ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey")
)


_PROFILED = Leg(
    "bedrock:UpdateGuardrail",
    "guardrail-profile-here",
    source="User Guide: guardrail-profiles-permissions",
    only_with="guardrail_profile",
    why="A cross-Region guardrail is also authorised on its profile; to make one, the right on everything covers that.",
)


def _guardrail(name: str, also: tuple[Leg, ...] = (), token: str | None = None) -> Operation:
    legs = (Leg(f"bedrock:{name}", "managed-guardrail"), *also)
    return Operation(name, "bedrock", "token" if token else "free", legs, token=token)


_CREATE_GUARDRAIL = Operation(
    "CreateGuardrail",
    "bedrock",
    "token",
    (
        Leg(
            "bedrock:CreateGuardrail",
            "*",
            "M",
            "User Guide: guardrails-permissions; the reference lists no guardrail for it",
            why="A guardrail has no ARN before it is made.",
        ),
        tagged("new-guardrail"),
        *_GUARDRAIL_KEY,
    ),
    token="clientRequestToken",
)


def _enforcing(name: str, *, only_declared: bool = True) -> Operation:
    """Enforcement on every call of the account: declared to be used, or out of reach."""
    return Operation(
        name,
        "bedrock",
        "free",
        (Leg(f"bedrock:{name}", "*", only_with="enforced_guardrails" if only_declared else None),),
        known_in="1.43.117",
    )


ROWS = (
    Capability(
        "logging-admin",
        "Configure invocation logging: its role, log group, bucket policy and the configuration itself.",
        "administration",
        (
            _READ_LOGGING,
            _logging("PutModelInvocationLoggingConfiguration", (_PASS_LOGGING_ROLE,)),
            _logging("DeleteModelInvocationLoggingConfiguration"),
            _one("CreateLogGroup", "logs", "logs:CreateLogGroup", "logging-group"),
            _one("PutRetentionPolicy", "logs", "logs:PutRetentionPolicy", "logging-group"),
            _DESCRIBE_GROUPS,
            _one("DeleteRetentionPolicy", "logs", "logs:DeleteRetentionPolicy", "logging-group"),
            *map(_role, _ON_ROLE),
            *map(_bucket, ("GetBucketLocation", "CreateBucket")),
            *map(_bucket, ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy")),
            *map(_bucket, ("GetBucketOwnershipControls", "PutBucketOwnershipControls")),
            _bucket("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
            _bucket("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
            _under_key("GetBucketEncryption", "s3", "s3:GetEncryptionConfiguration"),
            _under_key("PutBucketEncryption", "s3", "s3:PutEncryptionConfiguration"),
            _under_key("GetKeyPolicy", "kms", "kms:GetKeyPolicy"),
            _under_key("PutKeyPolicy", "kms", "kms:PutKeyPolicy"),
        ),
        "Whoever may configure logging may also switch it off, and open the bucket to himself by its policy: never the"
        " principal that is logged. With a key in [logging] he may write the key's policy too, and so decide who uses it.",
    ),
    Capability(
        "model-catalog",
        "Look at what models and profiles there are.",
        "read",
        (
            _one("ListFoundationModels", "bedrock", "bedrock:ListFoundationModels", "*"),
            _one("GetFoundationModel", "bedrock", "bedrock:GetFoundationModel", "any-foundation-model"),
            _one("GetFoundationModelAvailability", "bedrock", "bedrock:GetFoundationModelAvailability", "*"),
            _one("ListInferenceProfiles", "bedrock", "bedrock:ListInferenceProfiles", "*"),
            _one("GetInferenceProfile", "bedrock", "bedrock:GetInferenceProfile", "any-profile"),
        ),
    ),
    Capability(
        "model-access",
        "Accept and end the agreements under which third-party models can be called.",
        "administration",
        (
            *(
                _one(name, "bedrock", f"bedrock:{name}", "*")
                for name in (
                    "ListFoundationModelAgreementOffers",
                    "GetFoundationModelAvailability",
                    "GetUseCaseForModelAccess",
                    "PutUseCaseForModelAccess",
                )
            ),
            # Without a token, and AWS does not say what a second acceptance does: it is not sent twice.
            Operation(
                "CreateFoundationModelAgreement",
                "bedrock",
                "billed",
                (
                    Leg("bedrock:CreateFoundationModelAgreement", "*"),
                    replace(SUBSCRIBE, why="Accepting the offer of a model subscribes the account to it."),
                    SUBSCRIPTIONS,
                ),
            ),
            _one(
                "DeleteFoundationModelAgreement",
                "bedrock",
                "bedrock:DeleteFoundationModelAgreement",
                "*",
                also=(
                    Leg(
                        "aws-marketplace:Unsubscribe",
                        "*",
                        "M",
                        "User Guide: model-access; AmazonBedrockLimitedAccess for the condition",
                        condition="called-via-bedrock",
                    ),
                ),
            ),
        ),
        "An agreement that was ended is made anew by the next call of anybody who may invoke the model and subscribe.",
    ),
    Capability(
        "guardrail-admin",
        "Make, change, version and remove guardrails, and what the account enforces.",
        "administration",
        (
            _CREATE_GUARDRAIL,
            _guardrail("UpdateGuardrail", (_PROFILED, *_GUARDRAIL_KEY)),
            _guardrail("CreateGuardrailVersion", token="clientRequestToken"),
            _guardrail("GetGuardrail"),
            _guardrail("DeleteGuardrail"),
            _one("ListGuardrails", "bedrock", "bedrock:ListGuardrails", "*"),
            _enforcing("ListEnforcedGuardrailsConfiguration", only_declared=False),
            _enforcing("PutEnforcedGuardrailConfiguration"),
            _enforcing("DeleteEnforcedGuardrailConfiguration"),
        ),
        "Whoever may change a guardrail may empty it: never the principal whose calls it checks.",
    ),
)
