"""MOD: the declared models and profiles."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any

from bedrock_gateway.capabilities.models import ModelId, parse_model_id, profiles_for
from bedrock_gateway.errors import ConfigError, InvalidRequestError, NotFoundError
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe, aware
from bedrock_gateway.preflight.report import Status

__all__ = ["CHECKS", "declared_models"]

Checking = Generator[Asking, Any, Finding]
Judging = Generator[Asking, Any, tuple[Status, str]]

END_FAILS_DAYS = 14
END_WARNS_DAYS = 90
_ARN_COLONS = 5
_ORDER: Mapping[Status, int] = {"fail": 4, "unknown": 3, "warn": 2, "pass": 1, "not_applicable": 0, "skip": 0}
_VERSION = re.compile(r"v\d+(:\d+)*$|:\d+$|-\d{8}\b")


def declared_models(probe: Probe) -> tuple[str, ...]:
    """The principal's models; of one without any, at level standard, those of all, and what embeds: as it is granted."""
    config = probe.config
    if probe.level == "minimal" or probe.principal.models:
        return probe.principal.models
    models = [model for one in config.principals.values() for model in one.models]
    return tuple(dict.fromkeys([*models, *(base.embedding_model for base in config.knowledge_bases.values())]))


def _worst(found: list[tuple[str, Status, str]], nothing: str) -> Finding:
    """One finding of many: the worst status, with what was said of the models that have it."""
    said = [one for one in found if one[1] != "not_applicable"]
    if not said:
        return Finding("not_applicable", nothing)
    status = max((one[1] for one in said), key=_ORDER.__getitem__)
    worst = [one for one in said if one[1] == status]
    return Finding(
        status, "; ".join(f"{name}: {text}" for name, _, text in worst), {name: text for name, _, text in said}
    )


def _each(judge: Any, nothing: str) -> Check:
    def check(probe: Probe) -> Checking:
        found = []
        for text in declared_models(probe):
            status, said = yield from judge(probe, parse_model_id(text))
            found.append((text, status, said))
        return _worst(found, nothing)

    return check


def _model(probe: Probe, model: ModelId) -> Generator[Asking, Any, dict[str, Any] | None]:
    """AWS's details of the foundation model; None where the id does not tell which it is."""
    if model.model is None:
        return None
    reply = yield from probe.read("bedrock", "GetFoundationModel", modelIdentifier=model.model)
    details: dict[str, Any] = reply["modelDetails"]
    return details


def _mod_01(probe: Probe, model: ModelId) -> Judging:
    try:
        details = yield from _model(probe, model)
    except NotFoundError:
        return "fail", f"not in {probe.config.region}"
    return ("pass", "exists") if details is not None else ("not_applicable", "")


def _mod_02(probe: Probe, model: ModelId) -> Judging:
    try:
        details = yield from _model(probe, model)
    except NotFoundError:
        details = None  # MOD-01 says so
    if details is None:
        return "not_applicable", ""
    return _lifecycle(details.get("modelLifecycle") or {}, probe.facts.botocore)


def _lifecycle(life: Mapping[str, Any], botocore: str) -> tuple[Status, str]:
    end: Any = life.get("endOfLifeTime")
    status = life.get("status")
    days = (aware(end) - datetime.now(UTC)).days if end is not None else END_WARNS_DAYS
    if days < END_WARNS_DAYS:
        return "fail" if days < END_FAILS_DAYS else "warn", f"end of life on {aware(end):%Y-%m-%d}"
    if status == "LEGACY":
        return "warn", "legacy" + ("" if end else "; AWS gave no date")
    return ("pass", "active") if status == "ACTIVE" else ("unknown", f"botocore {botocore} shows no lifecycle")


def _mod_03(probe: Probe, model: ModelId) -> Judging:
    if model.kind != "on-demand":
        return "not_applicable", ""
    try:
        details = yield from _model(probe, model)
    except NotFoundError:
        return "not_applicable", ""
    types = (details or {}).get("inferenceTypesSupported") or []
    if not types:
        return "unknown", "AWS names no inference types"
    if "ON_DEMAND" in types:
        return "pass", "on demand"
    profiles = profiles_for(model.name, probe.config.region)
    return (
        "fail",
        f"has no on-demand throughput ({', '.join(types)}); use {profiles[0] if profiles else 'a profile of it'}",
    )


def _mod_04(probe: Probe, model: ModelId) -> Judging:
    if model.kind not in {"profile", "application-profile"}:
        return "not_applicable", ""
    wanted = "SYSTEM_DEFINED" if model.kind == "profile" else "APPLICATION"
    try:
        profile = yield from probe.read("bedrock", "GetInferenceProfile", inferenceProfileIdentifier=model.text)
    except NotFoundError:
        return "fail", f"no such profile in {probe.config.region}"
    if profile.get("status") != "ACTIVE":
        return "fail", f"status is {profile.get('status')}"
    if profile.get("type") != wanted:
        return "fail", f"type is {profile.get('type')}, the id says {wanted}"
    arns = [str(one.get("modelArn", "")) for one in profile.get("models", [])]
    regions = sorted({arn.split(":")[3] or "any commercial Region" for arn in arns if arn.count(":") >= _ARN_COLONS})
    if not regions:
        return "unknown", "AWS names no destinations"
    return "pass", f"active; may run in {', '.join(regions)}"


_MODEL_CALLS = ("converse-stream", "invoke-stream", "rag-stream")
_ACCESS: Mapping[str, str] = {
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "regionAvailability": "AVAILABLE",
}


def _mod_06(probe: Probe, model: ModelId) -> Judging:
    if model.model is None:
        return "not_applicable", ""
    try:
        reply = yield from probe.read("bedrock", "GetFoundationModelAvailability", modelId=model.model)
    except (NotFoundError, InvalidRequestError):
        return "not_applicable", ""  # MOD-01 says so
    wrong = [f"{name} is {reply.get(name)}" for name, right in _ACCESS.items() if reply.get(name) != right]
    if wrong:
        return "fail", ", ".join(wrong)
    agreement = reply.get("agreementAvailability") or {}
    word = str(agreement.get("status") or "")
    if word not in _AGREEMENTS:
        return "unknown", f"AWS says {word[:40]!r} of its agreement, which nothing here knows"
    status, said = _AGREEMENTS[word]
    return status, said.format(str(agreement.get("errorMessage") or "")[:100])


_AGREEMENTS: Mapping[str, tuple[Status, str]] = {
    "AVAILABLE": ("pass", "can be called"),
    "ERROR": ("fail", "its agreement is in error: {}"),
    "PENDING": ("warn", "its agreement is pending: calls may work now and stop within 15 minutes"),
    "NOT_AVAILABLE": ("warn", "no agreement: the first call subscribes, if the caller may (not verified against AWS)"),
}


def _mod_07(probe: Probe, model: ModelId) -> Judging:
    if model.model is None or not model.model.startswith("anthropic."):
        return "not_applicable", ""
    try:
        yield from probe.read("bedrock", "GetUseCaseForModelAccess")
    except NotFoundError:
        return "fail", "Anthropic's use-case form was not submitted: calls fail with FTUFormNotFilled"
    return "pass", "the use-case form was submitted"


def _mod_08(probe: Probe, model: ModelId) -> Judging:
    streamed = {name for one in _users(probe, model.text) for name in one.capabilities if name in _MODEL_CALLS}
    try:
        details = yield from _model(probe, model)
    except NotFoundError:
        details = None
    if details is None:
        return "not_applicable", ""
    if streamed and details.get("responseStreamingSupported") is False:
        return "fail", f"cannot stream, and {', '.join(sorted(streamed))} is declared"
    return "pass", "can do what is declared"


def _users(probe: Probe, model: str) -> list[Any]:
    return [one for one in probe.config.principals.values() if model in one.models]


def _reg_07(probe: Probe, model: ModelId) -> Judging:
    allowed = probe.config.residency
    if model.kind not in {"profile", "application-profile"} or not allowed:
        return "not_applicable", ""
    try:
        profile = yield from probe.read("bedrock", "GetInferenceProfile", inferenceProfileIdentifier=model.text)
    except NotFoundError:
        return "not_applicable", ""  # MOD-04 says so
    arns = [str(one.get("modelArn", "")) for one in profile.get("models", [])]
    regions = {arn.split(":")[3] or "any commercial Region" for arn in arns if arn.count(":") >= _ARN_COLONS}
    if not regions:
        return "unknown", "AWS names no destinations"
    outside = sorted(regions - set(allowed))
    if outside:
        return "fail", f"may run in {', '.join(outside)}, outside of the declared residency"
    return "pass", f"runs in {', '.join(sorted(regions))} only"


def _mod_09(probe: Probe) -> Checking:
    yield from ()
    found: list[tuple[str, Status, str]] = []
    for text in declared_models(probe):
        name = text.rpartition("/")[2]
        loose = ":" not in name and not _VERSION.search(name) and not text.startswith("arn:")
        found.append((text, "warn" if loose else "pass", "names no version" if loose else "pinned"))
    return _worst(found, "no model is declared")


def _mod_10(probe: Probe) -> Checking:
    yield from ()
    found: list[tuple[str, Status, str]] = []
    for text in declared_models(probe):
        try:
            parse_model_id(text)
        except ConfigError as error:
            found.append((text, "fail", error.message))
        else:
            found.append((text, "pass", "well formed"))
    return _worst(found, "no model is declared")


CHECKS: dict[str, Check] = {
    "MOD-01": _each(_mod_01, "no foundation model is declared"),
    "MOD-02": _each(_mod_02, "no foundation model is declared"),
    "MOD-03": _each(_mod_03, "no bare model id is declared"),
    "MOD-04": _each(_mod_04, "no inference profile is declared"),
    "MOD-06": _each(_mod_06, "no foundation model is declared"),
    "MOD-07": _each(_mod_07, "no model of Anthropic is declared"),
    "MOD-08": _each(_mod_08, "no foundation model is declared"),
    "MOD-09": _mod_09,
    "MOD-10": _mod_10,
    "REG-07": _each(_reg_07, "no residency is declared, or no inference profile"),
}
