"""What the declared models need before they can be called, from what AWS says of each. Pure.

Source of every rule: Bedrock User Guide, model-access (the text of 2026), and reference to the API operations. Not verified
against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway._config.scope import foundation_models
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.setup.resource import AGREEMENT, USE_CASE, Change, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.config import GatewayConfig

__all__ = ["OBSOLETE", "SOLD_BY_AWS", "AccessPlan", "Found", "declared_models", "make_plan", "wanted_resources"]

SOLD_BY_AWS = frozenset({"amazon", "deepseek", "meta", "mistral", "qwen"})
"""Families of models that are not sold through AWS Marketplace: there is nothing to agree to."""
FORM = "anthropic"
"""Family of the models that ask for the use-case form."""

OBSOLETE: Mapping[str, str] = {
    "request access on the console's model access page": "commercial Regions have no such page any more: models are enabled "
    "by default, and the first call of a third-party model makes the agreement; AWS GovCloud still has the page",
    "PutFoundationModelEntitlement": "a permission that no operation of the SDK asks for; the agreement is what counts",
    "deny aws-marketplace:Subscribe to keep models from being used": "that does not stop the first call; deny "
    "bedrock:InvokeModel",
    "delete the agreement to switch a model off": "the next call of whoever may subscribe makes it anew",
    "give every caller AWS Marketplace permissions": "once the model is enabled, callers need none of them",
}
"""What older guides say → how it is today."""


@dataclass(frozen=True, slots=True)
class Found:
    """What AWS says."""

    availability: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Model → reply of GetFoundationModelAvailability; a model that AWS does not know is not in it."""
    offers: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Model without an agreement → its public offers."""
    form: Any = None
    """The use-case form that was submitted; None: none was."""


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """What is to be done about access to the declared models; nothing was changed yet."""

    account: str
    region: str
    changes: tuple[Change, ...]
    blocked: tuple[str, ...] = ()
    """What set-up cannot do, one sentence each; the models concerned cannot be called until somebody else does."""
    notes: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[Change, ...]:
        """What is to be submitted or agreed to."""
        return tuple(one for one in self.changes if one.action == "create")

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Everything as it is to be."""
        return tuple(one.resource for one in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "account": self.account,
            "region": self.region,
            "changes": [one.to_dict() for one in self.changes],
            "blocked": list(self.blocked),
            "notes": list(self.notes),
        }


def declared_models(config: GatewayConfig, only: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the foundation models that *config* declares, or those of *only* that it does; what its ids tell.

    Raises:
        ConfigError: one of *only* is not declared, or nothing is.
    """
    models = foundation_models(config)
    wanted = tuple(dict.fromkeys(parse_model_id(text).model or text for text in only))
    if stranger := next((one for one in wanted if one not in models), None):
        raise ConfigError(f"{stranger[:200]} is no model that the configuration declares")
    if not models:
        raise ConfigError("the configuration declares no model whose id tells what it is")
    return wanted or models


def family(model: str) -> str:
    """Return the part of a model's id before the dot."""
    return model.partition(".")[0]


def wanted_resources(models: Sequence[str], form: Mapping[str, str] | None) -> tuple[Resource, ...]:
    """Return the form, where one is given and asked for, and an agreement for each model that takes one."""
    forms = (Resource(USE_CASE, "anthropic", {"formData": dict(form)}),) if form and _ask_for_form(models) else ()
    return (*forms, *(_agreement(one) for one in models if family(one) not in SOLD_BY_AWS))


def _agreement(model: str) -> Resource:
    return Resource(AGREEMENT, model, {"modelId": model, "offerType": "PUBLIC"})


def _ask_for_form(models: Sequence[str]) -> bool:
    return any(family(one) == FORM for one in models)


def make_plan(
    config: GatewayConfig, models: Sequence[str], found: Found, form: Mapping[str, str] | None = None
) -> AccessPlan:
    """Return what is to be done."""
    planning = _Planning(config, tuple(models), found, form)
    changes = tuple(planning.changes())
    place = str(config.account), config.region
    return AccessPlan(*place, changes, tuple(planning.blocked()), tuple(planning.notes(changes)))


_UNFIT: Mapping[str, tuple[str, str]] = {
    "regionAvailability": (
        "AVAILABLE",
        "is not offered in {region}: declare a profile that reaches it, or another model",
    ),
    "authorizationStatus": (
        "AUTHORIZED",
        "this account is not authorised for it, and only AWS can change that: ask AWS Sales or Support",
    ),
    "entitlementAvailability": ("AVAILABLE", "this account has no entitlement to it: ask AWS Support"),
}


@dataclass(frozen=True, slots=True)
class _Planning:
    config: GatewayConfig
    models: tuple[str, ...]
    found: Found
    form: Mapping[str, str] | None

    def _agreed(self, model: str) -> str:
        reply = self.found.availability.get(model) or {}
        return str((reply.get("agreementAvailability") or {}).get("status"))

    def changes(self) -> Iterator[Change]:
        if _ask_for_form(self.models):
            if self.found.form is not None:
                there = {"formData": self.found.form}
                yield Change(Resource(USE_CASE, "anthropic", there), "keep", there)
            elif self.form is not None:
                yield Change(Resource(USE_CASE, "anthropic", {"formData": dict(self.form)}), "create")
        for model in self.models:
            resource, status = _agreement(model), self._agreed(model)
            if family(model) in SOLD_BY_AWS:
                continue
            if status in {"AVAILABLE", "PENDING"}:
                yield Change(resource, "keep", resource.properties, "" if status == "AVAILABLE" else "pending")
            elif status == "NOT_AVAILABLE" and not self._unfit(model) and len(self.found.offers.get(model, ())) == 1:
                yield Change(resource, "create", None, _terms(self.found.offers[model][0]))

    def _unfit(self, model: str) -> str | None:
        reply = self.found.availability.get(model)
        if reply is None:
            return f"AWS knows no model of that id in {self.config.region}"
        for member, (right, said) in _UNFIT.items():
            # Entitlement comes with the agreement: without one it says nothing yet.
            early = member == "entitlementAvailability" and self._agreed(model) != "AVAILABLE"
            if reply.get(member) != right and not early:
                return f"{said.format(region=self.config.region)} ({member} is {reply.get(member)})"
        return None

    def blocked(self) -> Iterator[str]:
        for model in self.models:
            if why := self._unfit(model):
                yield f"{model}: {why}"
                continue
            status, offers = self._agreed(model), self.found.offers.get(model, ())
            if status == "ERROR":
                reply = self.found.availability[model]["agreementAvailability"]
                yield f"{model}: its agreement is in error: {str(reply.get('errorMessage') or 'AWS does not say why')[:200]}"
            elif status == "NOT_AVAILABLE" and family(model) in SOLD_BY_AWS:
                yield f"{model}: AWS says that there is no agreement, and sells it without one: ask AWS Support"
            elif status == "NOT_AVAILABLE" and len(offers) != 1:
                named = ", ".join(str(one.get("offerId")) for one in offers[:5]) or "none"
                yield (
                    f"{model}: AWS has {len(offers)} public offers ({named}), and which to accept is yours to say: aws bedrock"
                    " list-foundation-model-agreement-offers, then create-foundation-model-agreement"
                )
        if _ask_for_form(self.models) and self.found.form is None and self.form is None:
            yield (
                "Anthropic's use-case form was not submitted here: calls of its models fail until it is. --use-case FILE"
                " submits it; in an organisation, the management account can do it once for all"
            )

    def notes(self, changes: Sequence[Change]) -> Iterator[str]:
        if self.found.form is not None and self.form is not None and self.found.form != self.form:
            yield "the use-case form was submitted before, and AWS knows no other way to change it: FILE is not used"
        pending = [one.resource.name for one in changes if one.why == "pending"]
        if pending:
            yield f"pending: {', '.join(pending)}: calls may work now and stop within 15 minutes, if the agreement fails"
        if new := [one for one in changes if one.action == "create" and one.resource.kind == AGREEMENT]:
            yield (
                "an agreement binds the account and is paid through AWS Marketplace: whether the account has a valid means of"
                " payment cannot be looked up"
            )
            callers = sorted(self._unable({one.resource.name for one in new}))
            if callers:
                yield (
                    f"until then {', '.join(callers)} cannot call: the first call would make the agreement, and their policy"
                    " does not permit that (`subscribe = true` does)"
                )
        if self.config.partition == "aws-us-gov":
            yield (
                "AWS GovCloud: models are enabled on the console's model access page in us-gov-west-1, and in the linked"
                " commercial account as well"
            )

    def _unable(self, models: set[str]) -> Iterator[str]:
        for name, one in self.config.principals.items():
            called = {parse_model_id(text).model for text in (*one.models, *one.rerankers)}
            if called & models and not one.subscribe:
                yield name


def _terms(offer: Mapping[str, Any]) -> str:
    """What is agreed to, for people: the legal terms, and how many prices the offer names."""
    terms = offer.get("termDetails") or {}
    url = str((terms.get("legalTerm") or {}).get("url") or "AWS names no page")
    prices = len((terms.get("usageBasedPricingTerm") or {}).get("rateCard") or ())
    return f"accepts {offer.get('offerId') or 'the offer'}: terms at {url[:300]}, {prices} prices"
