"""Rows: what IAM's simulator, the principal's own policies and IAM's report of what was used say of this principal."""

from __future__ import annotations

from bedrock_gateway.preflight.catalogue.reads import GUIDE, OWN, STS
from bedrock_gateway.preflight.catalogue.row import Row

__all__ = ["PERMISSIONS"]

_SIMULATED = (*STS, "iam:GetRole", "iam:GetUser", "iam:SimulatePrincipalPolicy")
_LAST_USED = (
    *STS, "iam:GetRole", "iam:GetUser", "iam:GenerateServiceLastAccessedDetails", "iam:GetServiceLastAccessedDetails",
)  # fmt: skip
_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
_SIMULATOR = f"{_IAM}access_policies_testing-policies.html"

PERMISSIONS: tuple[Row, ...] = (
    Row("REG-08", "high", "Profiles may run wherever AWS runs them", "deep",
        "fail: in a Region where AWS may run a declared profile this principal is denied, by its policies, its boundary or a "
        "service control policy; unknown: it hangs on a condition key that is not known here",
        "Allow the model in every Region of the profile.",
        (*_SIMULATED, "bedrock:GetInferenceProfile"), ("ID-01",), f"{GUIDE}inference-profiles-prereq.html"),
    Row("MOD-05", "critical", "The declared models may be called", "deep",
        "fail: the simulator denies a model or profile, or what is behind it, and by what; "
        "unknown: it hangs on a condition key that is not known here",
        "Attach what `bedrock-gateway policy` prints for this principal.", _SIMULATED, ("ID-01",), _SIMULATOR),
    Row("GOV-05", "high", "No model without the guardrail", "deep",
        "warn: IAM lets this principal call a declared model without the guardrail, or with another",
        "Declare `require_guardrail` for the principal, or attach what `bedrock-gateway policy generate --deny unguarded` prints.",
        OWN, ("ID-01",), f"{GUIDE}guardrails-permissions-id.html"),
    Row("IAM-03", "high", "No way to the rights of others", "deep",
        "fail: its policies allow one of the known ways to more rights; warn: one that its declared capabilities are there for",
        "Take the actions away, or bound them: what `bedrock-gateway policy` prints has none of these ways.",
        OWN, ("ID-01",), f"{_IAM}access_policies_boundaries.html"),
    Row("IAM-04", "critical", "What is declared is granted", "deep",
        "fail: the simulator denies something that the capabilities need beside calls of models, and by what; warn: only a policy "
        "of the resource can still allow it, or it is not allowed on all of a kind; unknown: it hangs on a condition key that is not known here",
        "Attach what `bedrock-gateway policy` prints for this principal.", _SIMULATED, ("ID-01",), _SIMULATOR),
    Row("IAM-05", "high", "What must not be granted is not", "deep",
        "fail: the simulator allows one of the actions that switch off logging or guardrails, make credentials, or change who may "
        "do what; unknown: it hangs on a condition key that is not known here",
        "Attach what `bedrock-gateway policy` prints, and nothing else.", _SIMULATED, ("ID-01",), _SIMULATOR),
    Row("IAM-08", "low", "What is granted is used", "deep",
        "warn: a service that this principal may use was not used for 60 days; unknown: IAM has not made its report",
        "Take away what is not used.", _LAST_USED, ("ID-01",), f"{_IAM}access_policies_last-accessed.html"),
)  # fmt: skip
