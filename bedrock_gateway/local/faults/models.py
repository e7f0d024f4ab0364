"""Faults of models, profiles, agreements and guardrails. What AWS alone decides is a switch of the server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.faults.hand import AccountFault, Hand
from bedrock_gateway.local.guardrails.store import Edition, Guardrails
from bedrock_gateway.local.models import catalogue
from bedrock_gateway.local.models.access import EVERY, Access
from bedrock_gateway.local.models.lifecycle import Lifecycles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAULTS"]

_PROFILES = "profiles"
_WORDS = {"words": [{"text": "unsayable"}]}


def _model(members: Mapping[str, Any] | None) -> Callable[[Hand], None]:
    """Every model, or the one given as ``model``, shows *members* otherwise; None: it is not there."""
    return lambda hand: hand.state.of(Access).say(hand.details.get("model") or EVERY, members)


def _profile(members: Mapping[str, Any] | None) -> Callable[[Hand], None]:
    return lambda hand: hand.state.of(Access).say(hand.details.get("profile") or _PROFILES, members)


def _access(**access: str) -> Callable[[Hand], None]:
    return lambda hand: hand.state.of(Access).set(hand.details.get("model") or EVERY, **access)


def _no_form(hand: Hand) -> None:
    hand.state.of(Access).form = None


def _ending(days: int) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        end = datetime.now(UTC) + timedelta(days=days, hours=1)
        given = hand.details.get("model")
        for model_id in (given,) if given else catalogue.model_ids():
            hand.state.of(Lifecycles).set(model_id, status="LEGACY", end_of_life=end)

    return make


def _no_guardrail(hand: Hand) -> None:
    hand.client("bedrock").delete_guardrail(guardrailIdentifier=hand.guardrail)


def _failed_guardrail(hand: Hand) -> None:
    found = hand.state.of(Guardrails).find(hand.guardrail, hand.region)
    if found is not None:
        found.status, found.status_reasons = "FAILED", ["ordered"]


def _edition(change: Callable[[Edition], Edition]) -> Callable[[Hand], None]:
    """Every version says otherwise. On AWS a version cannot change: another one would be declared."""

    def make(hand: Hand) -> None:
        found = hand.state.of(Guardrails).find(hand.guardrail, hand.region)
        if found is not None:
            found.editions.update({name: change(said) for name, said in found.editions.items()})

    return make


def _attack(**changes: Any) -> Callable[[Hand], None]:
    def change(said: Edition) -> Edition:
        content = dict(said.policies.get("contentPolicy") or {})
        filters = [{**one, **changes} if one["type"] == "PROMPT_ATTACK" else one for one in content.get("filters", ())]
        return replace(said, policies={**said.policies, "contentPolicy": {**content, "filters": filters}})

    return _edition(change)


def _without(policy: str) -> Callable[[Hand], None]:
    def change(said: Edition) -> Edition:
        return replace(said, policies={name: value for name, value in said.policies.items() if name != policy})

    return _edition(change)


def _enforced(hand: Hand) -> None:
    """The account enforces a guardrail that nobody here has declared."""
    bedrock = hand.client("bedrock")
    made = bedrock.create_guardrail(
        name="enforced",
        blockedInputMessaging="No.",
        blockedOutputsMessaging="No.",
        wordPolicyConfig={"wordsConfig": _WORDS["words"]},
    )
    version = bedrock.create_guardrail_version(guardrailIdentifier=made["guardrailId"])["version"]
    _enforce(hand, made["guardrailId"], version)


def _enforce(hand: Hand, guardrail: str, version: str) -> None:
    said = {"guardrailIdentifier": guardrail, "guardrailVersion": version}
    hand.client("bedrock").put_enforced_guardrail_configuration(guardrailInferenceConfig=said)


def _ours_enforced(hand: Hand) -> None:
    _enforce(hand, hand.guardrail, hand.details.get("version") or "1")


_CALLS: Mapping[str, Callable[[Hand], None]] = {
    "no guardrail": _no_guardrail,
    "an enforced guardrail": _enforced,
    "our guardrail enforced": _ours_enforced,
}
_SWITCHES: Mapping[str, Callable[[Hand], None]] = {
    "no model": _model(None),
    "a model about to end": _ending(5),
    "a model that will end": _ending(60),
    "a model without lifecycle": _model({"modelLifecycle": {}}),
    "a model without on-demand": _model({"inferenceTypesSupported": ["INFERENCE_PROFILE"]}),
    "a model that cannot stream": _model({"responseStreamingSupported": False}),
    "no form for Anthropic": _no_form,
    "no profile": _profile(None),
    "a profile of another type": _profile({"type": "APPLICATION"}),
    "not authorised": _access(authorization="NOT_AUTHORIZED"),
    "not entitled": _access(entitlement="NOT_AVAILABLE"),
    "not in the Region": _access(region="NOT_AVAILABLE"),
    "an agreement in error": _access(agreement="ERROR", agreement_error="INVALID_PAYMENT_INSTRUMENT"),
    "an agreement under way": _access(agreement="PENDING"),
    "no agreement": _access(agreement="NOT_AVAILABLE"),
    "a guardrail that failed": _failed_guardrail,
    "prompt attacks at LOW": _attack(inputStrength="LOW"),
    "prompt attacks that are only looked at": _attack(inputAction="NONE"),
    "prompt attacks off": _attack(inputEnabled=False),
    "no filters": _without("contentPolicy"),
    "no PII": _without("sensitiveInformationPolicy"),
    "a guardrail across Regions": _edition(lambda said: replace(said, profile="us.guardrail.v1:0")),
}

FAULTS: Mapping[str, AccountFault] = {
    **{name: AccountFault(make, by_calls=True) for name, make in _CALLS.items()},
    **{name: AccountFault(make, by_calls=False) for name, make in _SWITCHES.items()},
}
