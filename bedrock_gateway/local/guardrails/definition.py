"""From what CreateGuardrail and UpdateGuardrail are given to an edition, under the rules that no member holds alone.

Sources: Bedrock User Guide, guardrails-content-filters, -denied-topics, -word-filters, -sensitive-filters,
-contextual-grounding-check, -tiers, -cross-region. That a name may stand in a policy only once, and every text here, is
not verified against AWS.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.demands.guardrails import reaches
from bedrock_gateway.local.guardrails.store import Edition, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bedrock_gateway.local.call import Call

__all__ = ["edition"]

_NAMED: tuple[tuple[str, str, str], ...] = (
    ("topicPolicy", "topics", "name"),
    ("contentPolicy", "filters", "type"),
    ("wordPolicy", "words", "text"),
    ("wordPolicy", "managedWordLists", "type"),
    ("sensitiveInformationPolicy", "piiEntities", "type"),
    ("sensitiveInformationPolicy", "regexes", "name"),
    ("contextualGroundingPolicy", "filters", "type"),
)
"""Policy, list in it, and the member that tells its entries apart."""
_TIERED = ("topicPolicy", "contentPolicy")
_CLASSIC = {"tierName": "CLASSIC"}
_PROFILE = re.compile(r"(?:arn:[a-z-]+:bedrock:(?P<region>[a-z0-9-]+):\d{12}:guardrail-profile/)?(?P<id>(?P<geography>[a-z-]+)\.guardrail\.v1:0)")  # fmt: skip
_LOOKAROUND = re.compile(r"\(\?(?:[=!]|<[=!])")


def edition(call: Call) -> Edition:
    """Return what *call* makes of a guardrail.

    Raises:
        Fault: ``ValidationException``; 501 for automated reasoning, of which nothing is here.
    """
    params = call.params
    if "automatedReasoningPolicyConfig" in params:
        raise Fault("NotImplementedException", "The local Bedrock has no automated reasoning policies.", 501)
    policies = {
        name.removesuffix("Config"): _shown(value)
        for name, value in params.items()
        if name.endswith("PolicyConfig") and value is not None
    }
    for policy in set(_TIERED) & set(policies):
        policies[policy].setdefault("tier", dict(_CLASSIC))
    profile = _profile(call)
    _check(policies, across=profile is not None)
    return Edition(
        name=params["name"],
        description=params.get("description"),
        blocked_input=params["blockedInputMessaging"],
        blocked_output=params["blockedOutputsMessaging"],
        policies=policies,
        profile=profile,
        key_arn=_key(call),
    )


def _shown(value: Any) -> Any:
    """Return a policy as GetGuardrail shows it: the same, without ``Config`` in the names of its members."""
    if isinstance(value, dict):
        return {name.removesuffix("Config"): _shown(one) for name, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list) else value


def _profile(call: Call) -> str | None:
    given = (call.params.get("crossRegionConfig") or {}).get("guardrailProfileIdentifier")
    if given is None:
        return None
    found = _PROFILE.fullmatch(given)
    if found is None or found["region"] not in {None, call.region} or not reaches(found["geography"], call.region):
        raise invalid(f"The guardrail profile {given} is not available in {call.region}.")
    return found["id"]


def _key(call: Call) -> str | None:
    given = call.params.get("kmsKeyId")
    if given is None:
        return None
    try:
        found = call.aws.call("kms", "DescribeKey", {"KeyId": given}, region=call.region)
    except Fault as error:
        raise invalid(f"The KMS key {given} does not exist in {call.region}.") from error
    return str(found["KeyMetadata"]["Arn"])


def _check(policies: Mapping[str, Any], *, across: bool) -> None:
    for policy, entries, key in _NAMED:
        _check_once(policies.get(policy, {}).get(entries) or (), key, f"{policy}.{entries}")
    for one in policies.get("contentPolicy", {}).get("filters", ()):
        if one["type"] == "PROMPT_ATTACK" and one["outputStrength"] != "NONE":
            raise invalid("The outputStrength of a PROMPT_ATTACK filter is NONE: it looks at input alone.")
    for one in policies.get("contextualGroundingPolicy", {}).get("filters", ()):
        if one["threshold"] >= 1:
            raise invalid(f"The threshold of {one['type']} is less than 1: at 1, everything would be blocked.")
    for one in policies.get("sensitiveInformationPolicy", {}).get("regexes", ()):
        _check_pattern(one["name"], one["pattern"])
    for policy, value in policies.items():
        if value.get("tier", _CLASSIC)["tierName"] == "STANDARD" and not across:
            raise invalid(f"The STANDARD tier of {policy} requires a crossRegionConfig.")


def _check_once(entries: Sequence[Mapping[str, Any]], key: str, where: str) -> None:
    seen: set[str] = set()
    for one in entries:
        if one[key] in seen:
            raise invalid(f"{where} holds an entry of the same {key} more than once.")
        seen.add(one[key])


def _check_pattern(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise invalid(f"The pattern of the regex {name} is not a valid regular expression.") from error
    if _LOOKAROUND.search(pattern):
        raise invalid(f"The pattern of the regex {name} looks around, which is not supported.")
