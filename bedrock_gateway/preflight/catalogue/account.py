"""Rows: what this principal may do."""

from __future__ import annotations

from bedrock_gateway.preflight.catalogue.reads import OWN
from bedrock_gateway.preflight.catalogue.row import Row

__all__ = ["ACCOUNT"]

_BEST = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"
_BOUNDARIES = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"
_PASS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"

ACCOUNT: tuple[Row, ...] = (
    Row("IAM-01", "high", "None of AWS's wide policies", "deep",
        "fail: AdministratorAccess, PowerUserAccess or IAMFullAccess; warn: one of those that give all of a service",
        "Attach what `bedrock-gateway policy` prints instead.", OWN, ("ID-01",), _BEST),
    Row("IAM-02", "high", "Named actions on named models", "deep",
        "fail: `*`, `bedrock:*`, InvokeModel on every model, or Allow with NotAction or NotResource",
        "Attach what `bedrock-gateway policy` prints.", OWN, ("ID-01",), _BEST),
    Row("IAM-06", "medium", "A permissions boundary", "deep", "warn: this principal has none",
        "Give it one.", OWN, ("ID-01",), _BOUNDARIES),
    Row("IAM-07", "high", "Roles are passed by name", "deep",
        "fail: every role may be passed; warn: to any service",
        "Name the role, and the service in iam:PassedToService.", OWN, ("ID-01",), _PASS),
)  # fmt: skip
