"""Agreements under which third-party models are used: their offers, accepting one, ending it.

In the local account every model can be called, so there is an agreement for each until it is ended, or until a test says
otherwise: ``local.state.of(Access).set(model, agreement="NOT_AVAILABLE")``. Models that AWS sells itself have no offers.
Calls are held to it only where ``Agreements.enforced`` is set: then the first call of a model makes its agreement, if the
caller may subscribe.

Sources: Bedrock API Reference, ListFoundationModelAgreementOffers, CreateFoundationModelAgreement,
DeleteFoundationModelAgreement; Bedrock User Guide, model-access. The texts are not AWS's. Not verified against AWS.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.models import catalogue
from bedrock_gateway.local.models.access import Access

if TYPE_CHECKING:
    from bedrock_gateway.local.models.catalogue import Model

__all__ = ["HANDLERS", "Agreements", "check_agreed"]

SOLD_BY_AWS = frozenset({"amazon", "deepseek", "meta", "mistral", "qwen"})
"""Families that are not sold through AWS Marketplace (Bedrock User Guide, model-access)."""
_BEDROCK = "bedrock.amazonaws.com"
_TERMS = {
    "usageBasedPricingTerm": {
        "rateCard": [
            {"dimension": "InputTokenCount", "price": "0.00", "description": "local: free", "unit": "1K tokens"},
        ]
    },
    "legalTerm": {"url": "https://aws.amazon.com/legal/bedrock/third-party-models/"},
    "supportTerm": {"refundPolicyDescription": "local: nothing is paid"},
}


@dataclass(slots=True)
class Agreements:
    """What an account was offered, and how accepting behaves here."""

    tokens: dict[str, str] = field(default_factory=dict)
    """Offer token → model id."""
    offers: dict[str, int] = field(default_factory=dict)
    """Model id → how many public offers there are; 1 where it is not named."""
    pends: bool = False
    """Whether an agreement that was just accepted is PENDING; on AWS that lasts up to 15 minutes."""
    needs_form: bool = False
    """Whether a model of Anthropic's asks for the use-case form first, as on AWS."""
    enforced: bool = False
    """Whether calls are held to agreements and form, as on AWS; there a call without an agreement may still pass for up to
    15 minutes."""
    lock: threading.Lock = field(default_factory=threading.Lock)


def _model(call: Call) -> Model:
    model_id = call.params["modelId"]
    if catalogue.model(model_id) is None:
        raise Fault("ValidationException", "The provided model identifier is invalid.", 400)
    found = catalogue.model(model_id, call.region)
    if found is None:
        raise Fault("ResourceNotFoundException", f"{model_id} is not offered in {call.region}.", 404)
    return found


def _state(call: Call, model: Model) -> str:
    return call.state.of(Access).of(model.id).get("agreement", "AVAILABLE")


_NO_FORM = (
    "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form before "
    "using the model. If you have already filled out the form, try again in 15 minutes."
)
_MAY_NOT_SUBSCRIBE = (
    "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace "
    "actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model."
)


def check_agreed(call: Call, model: Model) -> None:
    """Let a call of *model* pass, and make its agreement where it is the first one.

    Raises:
        Fault: the form was not submitted, or there is no agreement and the caller may not make one.
    """
    kept = call.state.of(Agreements)
    if not kept.enforced or model.family in SOLD_BY_AWS:
        return
    if kept.needs_form and model.family == "anthropic" and call.state.of(Access).form is None:
        raise Fault("ResourceNotFoundException", _NO_FORM, 404)
    if _state(call, model) in {"AVAILABLE", "PENDING"}:
        return
    forwarded: dict[str, str | list[str]] = {"aws:CalledViaLast": _BEDROCK, "aws:CalledVia": [_BEDROCK]}
    for action in ("ViewSubscriptions", "Subscribe"):
        if not call.aws.authorize(call.caller, f"aws-marketplace:{action}", "*", forwarded).allowed:
            raise Fault("AccessDeniedException", _MAY_NOT_SUBSCRIBE, 403)
    call.state.of(Access).set(model.id, agreement="PENDING" if kept.pends else "AVAILABLE")


def _offers(call: Call) -> Reply:
    model, kept = _model(call), call.state.of(Agreements)
    count = 0 if model.family in SOLD_BY_AWS else kept.offers.get(model.id, 1)
    offers: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        token = secrets.token_urlsafe(24)
        with kept.lock:
            kept.tokens[token] = model.id
        offers.append({"offerId": f"offer-{number}", "offerToken": token, "termDetails": _TERMS})
    return Reply({"modelId": model.id, "offers": offers})


def _accept(call: Call) -> Reply:
    model, kept = _model(call), call.state.of(Agreements)
    with kept.lock:
        known = kept.tokens.get(call.params["offerToken"])
    if known != model.id:
        raise Fault("ValidationException", "The provided offer token is invalid.", 400)
    access = call.state.of(Access)
    if kept.needs_form and model.family == "anthropic" and access.form is None:
        raise Fault("ValidationException", "FTUFormNotFilled: use case details have not been submitted.", 400)
    if _state(call, model) in {"AVAILABLE", "PENDING"}:
        raise Fault("ConflictException", f"There is an agreement for {model.id} already.", 409)
    access.set(model.id, agreement="PENDING" if kept.pends else "AVAILABLE")
    return Reply({"modelId": model.id})


def _end(call: Call) -> Reply:
    model = _model(call)
    if model.family in SOLD_BY_AWS or _state(call, model) not in {"AVAILABLE", "PENDING"}:
        raise Fault("ResourceNotFoundException", f"There is no agreement for {model.id}.", 404)
    call.state.of(Access).set(model.id, agreement="NOT_AVAILABLE")
    return Reply()


HANDLERS: Handlers = {
    ("bedrock", "ListFoundationModelAgreementOffers"): _offers,
    ("bedrock", "CreateFoundationModelAgreement"): _accept,
    ("bedrock", "DeleteFoundationModelAgreement"): _end,
}
