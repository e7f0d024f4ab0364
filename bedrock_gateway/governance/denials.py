"""Why AWS will not let a model be called where it is not IAM that denies: told apart by AWS's own words.

The codes do not tell: a form that was not sent arrives as 404 or 400, a subscription that cannot be made as the same 403
as a missing permission. Sources: Bedrock User Guide, model-access and troubleshooting-api-error-codes
(``FTUFormNotFilled``); texts as reported in public issues (aws-samples/sample-host-openclaw-on-amazon-bedrock-agentcore#41,
obot-platform/obot#6747, aws-samples/amazon-bedrock-workshop#386, Tracer-Cloud/opensre#1812). Not verified against AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Denial", "denial_of"]


@dataclass(frozen=True, slots=True)
class Denial:
    """One kind of refusal."""

    reason: str
    """Value of `AccessDeniedError.reason`."""
    words: re.Pattern[str]
    advice: str
    code: str | None = None
    """AWS's code that means this alone, whatever its text."""
    missing: str | None = None
    """The IAM action that is missing."""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# The first row that fits: a payment that fails is said within the words about the subscription.
_DENIALS = (
    Denial(
        "use-case-form",
        _words(r"use case details have not been submitted|not filled out the required use.case form"),
        "the provider wants its use-case form first, once for the account or the organisation: it is in the Bedrock "
        "console's model catalog (API: PutUseCaseForModelAccess, in the capability model-access); then wait 15 minutes",
        code="FTUFormNotFilled",
    ),
    Denial(
        "payment",
        _words(r"INVALID_PAYMENT_INSTRUMENT|valid payment (?:instrument|method)"),
        "AWS Marketplace has no valid payment method of this account: add one in the billing console; no IAM policy helps",
    ),
    Denial(
        "marketplace",
        _words(r"required AWS Marketplace actions|AWS Marketplace subscription for this model cannot be completed"),
        "the account is not subscribed to this model, and the caller may not subscribe it: let an administrator call it "
        "once, or accept its offer (bedrock-gateway policy generate model-access), rather than let an application "
        "subscribe (`subscribe = true`); then wait some minutes",
        missing="aws-marketplace:Subscribe",
    ),
    Denial(
        "legacy",
        _words(r"marked by provider as Legacy"),
        "the model is at the end of its life, and who has not used it lately may no longer: declare a newer one",
    ),
    Denial(
        "model-access",
        _words(r"don.t have access to the model with the specified model ID|access to this model is not allowed"),
        "no IAM policy denies this: the account has no access to the model; request it in the Bedrock console, or ask AWS",
    ),
)


def denial_of(code: str, text: str) -> Denial | None:
    """Return what kind of refusal AWS's *code* and *text* are; None: another error."""
    return next((row for row in _DENIALS if row.code == code or row.words.search(text)), None)
