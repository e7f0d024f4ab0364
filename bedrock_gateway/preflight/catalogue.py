"""Every check, one row each: what it is, what it reads, what it takes, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ALWAYS_SENT", "CATALOGUE", "IAM_ACTIONS", "Level", "Row", "rows"]

Level = Literal["minimal", "standard"]

IAM_ACTIONS: Mapping[str, str | None] = {
    "sts:GetCallerIdentity": None,
    "bedrock:GetModelInvocationLoggingConfiguration": "bedrock:GetModelInvocationLoggingConfiguration",
    "bedrock:GetFoundationModel": "bedrock:GetFoundationModel",
    "bedrock:GetInferenceProfile": "bedrock:GetInferenceProfile",
    "s3:HeadBucket": "s3:ListBucket",
    "logs:DescribeLogGroups": "logs:DescribeLogGroups",
    "iam:GetRole": "iam:GetRole",
    "iam:ListRolePolicies": "iam:ListRolePolicies",
    "iam:GetRolePolicy": "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies": "iam:ListAttachedRolePolicies",
    "iam:GetPolicy": "iam:GetPolicy",
    "iam:GetPolicyVersion": "iam:GetPolicyVersion",
}
"""Everything the preflight may call → the IAM action it needs; None: no permission is needed."""


ALWAYS_SENT: Mapping[str, str] = {
    "sts:GetCallerIdentity": "Arn",
    "bedrock:GetFoundationModel": "modelDetails",
    "bedrock:GetInferenceProfile": "status",
    "logs:DescribeLogGroups": "logGroups",
    "iam:GetRole": "Role",
    "iam:GetRolePolicy": "PolicyDocument",
    "iam:GetPolicy": "Policy",
    "iam:GetPolicyVersion": "PolicyVersion",
}
"""A member without which an answer is not AWS's: a proxy's page is read as an answer that says nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check."""

    id: str
    severity: Literal["critical", "high", "medium", "low"]
    title: str
    level: Level
    judgement: str
    fix: str
    operations: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Checks that must have passed (or warned) first."""
    source: str = ""

    @property
    def category(self) -> str:
        """``ENV``, ``ID``, ``REG``, ``LOG`` or ``MOD``."""
        return self.id.partition("-")[0]

    @property
    def iam(self) -> tuple[str, ...]:
        """IAM actions it needs."""
        return tuple(action for one in self.operations if (action := IAM_ACTIONS[one]))

    @property
    def anchor(self) -> str:
        """Where docs/preflight.md describes it."""
        return f"docs/preflight.md#{self.id.lower()}"


_STS = ("sts:GetCallerIdentity",)
_LOG = ("bedrock:GetModelInvocationLoggingConfiguration",)
_POLICIES = (
    "iam:GetRole",
    "iam:ListRolePolicies",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
)
_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
_LOGGING = f"{_GUIDE}model-invocation-logging.html"
_IDENTITY = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"

CATALOGUE: tuple[Row, ...] = (
    Row("ENV-03", "critical", "No endpoint override", "minimal",
        "fail: an endpoint in the environment or the profile that is neither AWS's nor declared",
        "Unset it; declare a VPC endpoint under [env.NAME.endpoints]."),
    Row("ID-01", "critical", "Credentials", "minimal", "fail: none found, or expired",
        "Sign in, or attach a role.", _STS, source=_IDENTITY),
    Row("ID-02", "critical", "Account and partition", "minimal", "fail: other than the configured ones",
        "Use credentials of the configured account.", _STS, ("ID-01",)),
    Row("ID-03", "critical", "Not the root user", "minimal", "fail: root",
        "Create a role and use it.", _STS, ("ID-01",), _IDENTITY),
    Row("ID-04", "medium", "Kind of principal", "minimal", "pass: role or federated session; warn: IAM user",
        "Use a role or Identity Center.", _STS, ("ID-01",), _IDENTITY),
    Row("ID-05", "high", "No long-term key", "minimal", "fail: a long-term key in environment or file",
        "Replace the key by a role.", (), ("ID-01",), _IDENTITY),
    Row("ID-08", "high", "No Bedrock API key", "minimal",
        "fail: a long-term bearer token, one that is not declared, or one where knowledge bases are used; "
        "warn: a declared short-term one",
        "Unset AWS_BEARER_TOKEN_BEDROCK.", source=f"{_GUIDE}api-keys.html"),
    Row("REG-01", "critical", "One Region", "minimal", "fail: a client is built for another Region",
        "Take the Region from the configuration only."),
    Row("REG-02", "medium", "Sources of the Region agree", "minimal",
        "warn: environment or profile name another Region", "Unset it, or make it the same."),
    Row("REG-03", "high", "Bedrock in the Region", "minimal",
        "fail: its host does not resolve; warn: the installed botocore does not list the Region",
        "Choose a Region that has Bedrock, or upgrade botocore.", source=f"{_GUIDE}bedrock-regions.html"),
    Row("REG-04", "critical", "ARNs of this Region and account", "minimal",
        "fail: a configured ARN names another partition, Region or account", "Correct the ARN."),
    Row("REG-05", "critical", "Buckets in the Region", "minimal", "fail: in another Region, or missing",
        "Use a bucket of this Region.", ("s3:HeadBucket",), ("ID-01",), _LOGGING),
    Row("LOG-01", "critical", "Invocation logging is on", "minimal", "fail: no configuration",
        "Put a logging configuration.", _LOG, ("ID-01",), _LOGGING),
    Row("LOG-02", "high", "Declared destinations", "minimal",
        "fail: no destination; warn: other than the declared ones", "Compare, then change one of the two.",
        _LOG, ("LOG-01",), _LOGGING),
    Row("LOG-03", "high", "Declared modalities", "minimal",
        "fail: one in use is not delivered; warn: one not in use is; unknown: audio with an old botocore",
        "Set its flag.", _LOG, ("LOG-01",), _LOGGING),
    Row("LOG-04", "medium", "Bodies above 100 KB", "minimal", "warn: they have no bucket to go to",
        "Add a bucket for large data.", _LOG, ("LOG-01",), _LOGGING),
    Row("LOG-05", "critical", "The log group exists", "standard",
        "fail: missing; warn: no retention, or class INFREQUENT_ACCESS", "Create the log group.",
        ("logs:DescribeLogGroups",), ("ID-01",), _LOGGING),
    Row("LOG-06", "critical", "The logging role exists", "standard", "fail: missing, or in another account",
        "Create the role.", ("iam:GetRole",), ("ID-01",), _LOGGING),
    Row("LOG-07", "critical", "Bedrock may assume the logging role", "standard",
        "fail: for any source ARN of this account and Region it may not; warn: others may besides",
        "Correct the trust policy.", ("iam:GetRole",), ("LOG-06",), _LOGGING),
    Row("LOG-08", "critical", "The logging role may write", "standard",
        "fail: inline, attached and boundary policies do not allow it; warn: they allow more than the stream",
        "Correct the role's policy.", _POLICIES, ("LOG-06",), _LOGGING),
    Row("MOD-01", "critical", "Models exist in the Region", "standard", "fail: not found",
        "Declare a model this Region has.", ("bedrock:GetFoundationModel",), ("ID-01",),
        f"{_GUIDE}models-supported.html"),
    Row("MOD-02", "high", "Models stay", "standard",
        "fail: end of life within 14 days; warn: legacy, or within 90 days; unknown: botocore shows no dates",
        "Move to a newer model.", ("bedrock:GetFoundationModel",), ("ID-01",), f"{_GUIDE}model-lifecycle.html"),
    Row("MOD-03", "critical", "Models can be called as declared", "standard",
        "fail: a bare id of a model without on-demand throughput", "Declare an inference profile.",
        ("bedrock:GetFoundationModel",), ("ID-01",), f"{_GUIDE}inference-profiles-support.html"),
    Row("MOD-04", "critical", "Inference profiles are active", "standard",
        "fail: not found, not active, of another type, or not for this Region",
        "Declare a profile of this Region.", ("bedrock:GetInferenceProfile",), ("ID-01",),
        f"{_GUIDE}inference-profiles-support.html"),
    Row("MOD-09", "low", "Model versions are pinned", "minimal", "warn: an id without version",
        "Declare the full id, version included."),
    Row("MOD-10", "medium", "Model ids are well formed", "minimal", "fail: not an id or ARN that Bedrock takes",
        "Correct the id."),
)  # fmt: skip


def rows(level: Level) -> tuple[Row, ...]:
    """Return the checks of *level*; standard includes minimal."""
    return tuple(row for row in CATALOGUE if level == "standard" or row.level == "minimal")
