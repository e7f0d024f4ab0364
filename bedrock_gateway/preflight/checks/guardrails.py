"""GOV: the declared guardrail, and what the account does with what is said."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from bedrock_gateway.errors import NotFoundError, UnsupportedByBotocoreError
from bedrock_gateway.preflight.checks.process import UPGRADE
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe

__all__ = ["CHECKS"]

Checking = Generator[Asking, Any, Finding]


def _guardrail(probe: Probe) -> Generator[Asking, Any, dict[str, Any] | None]:
    """What AWS has of the declared guardrail in its version; None where none is declared."""
    wanted = probe.config.guardrail
    if wanted is None:
        return None
    params = {"guardrailIdentifier": wanted.id, "guardrailVersion": wanted.version}
    found: dict[str, Any] = yield from probe.read("bedrock", "GetGuardrail", **params)
    return found


_NONE = Finding("not_applicable", "no guardrail is declared")
_MOST_REASONS = 3


def _gov_01(probe: Probe) -> Checking:
    wanted = probe.config.guardrail
    try:
        found = yield from _guardrail(probe)
    except NotFoundError:
        said = f"guardrail {wanted.id if wanted else ''} has no version {wanted.version if wanted else ''} here"
        return Finding("fail", said, advice="Declare a guardrail and version that this Region has.")
    if found is None or wanted is None:
        return _NONE
    if found.get("status") != "READY":
        why = "; ".join([*found.get("statusReasons", []), *found.get("failureRecommendations", [])][:_MOST_REASONS])
        return Finding("fail", f"guardrail {wanted.id} is {found.get('status')}{': ' + why if why else ''}")
    if wanted.version == "DRAFT":
        command = (
            f"aws bedrock create-guardrail-version --guardrail-identifier {wanted.id} --region {probe.config.region}"
        )
        return Finding("warn", f"guardrail {wanted.id} is used as DRAFT: it changes under your feet", command=command)
    return Finding("pass", f"guardrail {wanted.id}, version {wanted.version}, is ready")


def _gov_02(probe: Probe) -> Checking:
    try:
        found = yield from _guardrail(probe)
    except NotFoundError:
        return Finding("not_applicable", "there is no such guardrail, see GOV-01")
    if found is None:
        return _NONE
    weak = [*_prompt_attacks(found), *_sensitive(found), *(_grounding(found) if _answers(probe) else ())]
    if weak:
        return Finding("warn", "; ".join(weak))
    return Finding("pass", "prompt attacks, sensitive information and grounding are looked at")


def _prompt_attacks(found: dict[str, Any]) -> list[str]:
    filters = (found.get("contentPolicy") or {}).get("filters") or []
    attack = next((one for one in filters if one.get("type") == "PROMPT_ATTACK"), None)
    if attack is None:
        return ["prompt attacks are not filtered"]
    # Of guardrails made before actions and switches existed, AWS leaves them out: they block.
    if attack.get("inputAction") == "NONE" or attack.get("inputEnabled") is False:
        return ["the filter of prompt attacks is off, or only looks on"]
    return [] if attack.get("inputStrength") == "HIGH" else [f"prompt attacks: {attack.get('inputStrength')}, not HIGH"]


def _sensitive(found: dict[str, Any]) -> list[str]:
    policy = found.get("sensitiveInformationPolicy") or {}
    return [] if policy.get("piiEntities") or policy.get("regexes") else ["sensitive information is not looked for"]


def _grounding(found: dict[str, Any]) -> list[str]:
    filters = (found.get("contextualGroundingPolicy") or {}).get("filters") or []
    on = {one.get("type") for one in filters if one.get("enabled") is not False and one.get("action") != "NONE"}
    missing = {"GROUNDING", "RELEVANCE"} - on
    return [f"answers are not checked for {', '.join(sorted(missing)).lower()}"] if missing else []


def _answers(probe: Probe) -> bool:
    return any({"rag", "rag-stream"} & set(one.capabilities) for one in probe.config.principals.values())


def _gov_03(probe: Probe) -> Checking:
    enforced: list[dict[str, Any]] = []
    params: dict[str, Any] = {}
    while True:
        reply = yield from probe.read("bedrock", "ListEnforcedGuardrailsConfiguration", **params)
        enforced += reply["guardrailsConfig"]
        if not reply.get("nextToken"):
            break
        params["nextToken"] = reply["nextToken"]
    found = [str(one.get("guardrailId") or one.get("guardrailArn")) for one in enforced]
    declared = probe.config.guardrail
    if not found:
        return Finding("pass", "the account enforces no guardrail")
    names = ", ".join(found)
    known = {text.rpartition("/")[2] for text in probe.config.enforced_guardrails}
    unknown = [one for one in found if one.rpartition("/")[2] not in known | ({declared.id} if declared else set())]
    if unknown:
        advice = "Declare it in `enforced_guardrails`: the policies then grant bedrock:ApplyGuardrail on it."
        return Finding("warn", f"the account enforces {names}, which the configuration does not name", advice=advice)
    return Finding("pass", f"the account enforces {names}, as declared")


def _gov_06(probe: Probe) -> Checking:
    allowed = probe.config.residency
    try:
        found = yield from _guardrail(probe)
    except NotFoundError:
        return Finding("not_applicable", "there is no such guardrail, see GOV-01")
    if found is None:
        return _NONE
    details = found.get("crossRegionDetails") or {}
    profile = details.get("guardrailProfileId")
    if not profile:
        return Finding("pass", "the guardrail runs in this Region only")
    declared = probe.config.guardrail.profile if probe.config.guardrail else None
    if declared is None or not str(profile).startswith(f"{declared}."):
        said = f"the guardrail runs across Regions ({profile}), which the configuration does not say"
        prefix = str(profile).partition(".")[0]
        return Finding(
            "warn", said, advice=f'Declare `profile = "{prefix}"` in [guardrail]: the policies grant it then.'
        )
    if allowed:
        return Finding("warn", f"the guardrail may look at content anywhere in {profile}; a residency is declared")
    return Finding("pass", f"the guardrail runs across Regions, as declared: {profile}")


_SEES_NOTHING = {
    "default": "the account keeps what each model keeps by default",
    "none": "nothing of what is said to models is kept",
    "inherit": "no mode of data retention is set: the models' own holds",
}
_SEES = {
    "aws_review": "AWS may read what is said to models",
    "provider_data_share": "what is said to models may be given to whoever made them",
}


def _gov_04(probe: Probe) -> Checking:
    try:
        reply = yield from probe.read("bedrock", "GetAccountDataRetention")
    except UnsupportedByBotocoreError:
        return Finding(
            "unknown", f"botocore {probe.facts.botocore} cannot ask for the mode of data retention", command=UPGRADE
        )
    mode, allowed = str(reply["mode"]), probe.config.preflight.allowed_data_retention
    if mode in _SEES_NOTHING:
        return Finding("pass", _SEES_NOTHING[mode], {"mode": mode})
    if mode in allowed:
        return Finding("pass", f"{_SEES[mode]}, as it is allowed", {"mode": mode})
    if mode in _SEES:
        command = f"aws bedrock put-account-data-retention --mode default --region {probe.config.region}"
        return Finding("fail", f"{_SEES[mode]} (mode {mode})", {"mode": mode}, command)
    return Finding("unknown", f"AWS says mode {mode[:40]!r}, which nothing here knows", {"mode": mode})


CHECKS: dict[str, Check] = {
    "GOV-01": _gov_01,
    "GOV-02": _gov_02,
    "GOV-03": _gov_03,
    "GOV-04": _gov_04,
    "GOV-06": _gov_06,
}
