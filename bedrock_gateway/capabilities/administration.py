"""Rows: invocation logging, and what the preflight reads."""

from __future__ import annotations

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


def _role(name: str) -> Operation:
    bound: Condition | None = "bounded" if name in _GRANTING else None
    return Operation(name, "iam", "free", (Leg(f"iam:{name}", "logging-role", condition=bound),))


_READ_LOGGING = _logging("GetModelInvocationLoggingConfiguration")
_WHO = Operation("GetCallerIdentity", "sts", "free")
# AWS's reference gives DescribeLogGroups no resource type: under an ARN it might grant nothing.
_DESCRIBE_GROUPS = _one("DescribeLogGroups", "logs", "logs:DescribeLogGroups", "*")

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
            *(
                _role(name)
                for name in ("CreateRole", "GetRole", "PutRolePolicy", "GetRolePolicy", "UpdateAssumeRolePolicy")
            ),
            _one("GetBucketPolicy", "s3", "s3:GetBucketPolicy", "logging-bucket"),
            _one("PutBucketPolicy", "s3", "s3:PutBucketPolicy", "logging-bucket"),
        ),
        "Whoever may configure logging may also switch it off: never the principal that is logged.",
    ),
    Capability(
        "preflight-minimal",
        "What an application reads about itself at start: who it is, and whether it is logged.",
        "preflight",
        (_READ_LOGGING, _WHO),
    ),
    Capability(
        "preflight-standard",
        "What an operator or CI reads besides: the delivery chain of invocation logs, and the models.",
        "preflight",
        (
            _READ_LOGGING,
            _WHO,
            _DESCRIBE_GROUPS,
            *(_role(name) for name in ("GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies")),
            *(_one(name, "iam", f"iam:{name}", "managed-policies") for name in ("GetPolicy", "GetPolicyVersion")),
            _one("GetFoundationModel", "bedrock", "bedrock:GetFoundationModel", "foundation-model"),
            _one("GetInferenceProfile", "bedrock", "bedrock:GetInferenceProfile", "profile"),
        ),
    ),
)
