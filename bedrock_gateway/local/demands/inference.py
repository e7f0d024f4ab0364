"""What AWS demands for calling models, and of Bedrock's control plane.

Sources: Bedrock User Guide, inference-prereq, geographic- and global-cross-region-inference, inference-profiles-prereq,
guardrails-permissions-id, model-invocation-logging; the Service Authorization Reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.local.demands.rows import (
    SAR,
    ApiRequest,
    Context,
    Demand,
    Irregular,
    Row,
    Rows,
    pass_role,
    same_named,
    tag_context,
)
from bedrock_gateway.local.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["BEDROCK", "CONTROL", "RUNTIME", "forwarded", "guardrail_arn", "invoke", "tagged"]

BEDROCK = "bedrock.amazonaws.com"
_GEOGRAPHIES = ("us", "eu", "apac", "jp", "au", "ca", "in", "us-gov", "global")
_GUIDE = "Bedrock User Guide, inference-prereq"
_GEOGRAPHIC = "Bedrock User Guide, geographic-cross-region-inference"
_GLOBAL = "Bedrock User Guide, global-cross-region-inference"
_ARN = re.compile(r"arn:[^:]+:(?P<service>[^:]+):(?P<region>[^:]*):(?P<account>[^:]*):(?P<kind>[^/]+)/(?P<name>.+)")
# Foundation models belong to AWS: a condition on the caller's own account can never hold for them.
_OWNED_BY_AWS = "amazon"


@dataclass(frozen=True, slots=True)
class _Target:
    """What a ``modelId`` stands for: resources of its own, and the models behind them."""

    resources: tuple[str, ...]
    model_id: str | None = None
    regions: tuple[str, ...] = ()
    """Where the model may run; the empty string is the Region-less ARN."""
    profile_arn: str | None = None
    source: str = _GUIDE


def _geography(model_id: str) -> str | None:
    """Return the profile prefix of an id. Closed set: ``anthropic.`` looks like one too."""
    return next((one for one in _GEOGRAPHIES if model_id.startswith(f"{one}.")), None)


def _profile(request: ApiRequest, profile_id: str, arn: str) -> _Target:
    geography = _geography(profile_id) or ""
    model_id = profile_id.removeprefix(f"{geography}.")
    if geography == "global":
        return _Target((arn,), model_id, (request.region, ""), arn, _GLOBAL)
    known = catalogue.destinations(profile_id, request.region) or ()
    return _Target((arn,), model_id, tuple(dict.fromkeys((request.region, *known))), arn, _GEOGRAPHIC)


def _application(request: ApiRequest, identifier: str, arn: str) -> _Target:
    wrapped = request.lookup.application_profile(identifier, request.region) if request.lookup else None
    if wrapped is None:
        return _Target((arn,), profile_arn=arn)
    regions = tuple(dict.fromkeys((request.region, *wrapped.regions)))
    return _Target((arn,), wrapped.model_id, regions, arn, "Bedrock User Guide, inference-profiles-prereq")


def _target(request: ApiRequest, model_id: str) -> _Target:
    found = _ARN.fullmatch(model_id)
    if found is None:
        if _geography(model_id):
            return _profile(request, model_id, request.arn("bedrock", f"inference-profile/{model_id}"))
        return _Target((), model_id, (request.region,))
    if found["kind"] == "foundation-model":
        return _Target((), found["name"], (found["region"],))
    if found["kind"] == "inference-profile":
        return _profile(request, found["name"], model_id)
    if found["kind"] == "application-inference-profile":
        return _application(request, model_id, model_id)
    return _Target((model_id,))


def _model_context(target: _Target, region: str, bound: Context) -> Context:
    """Context of one model leg. Where a leg runs elsewhere, that is the Region requested: Region SCPs deny by it."""
    profile = {"bedrock:InferenceProfileArn": target.profile_arn} if target.profile_arn else {}
    return {
        **bound,
        **profile,
        "aws:RequestedRegion": region or "unspecified",
        "aws:ResourceAccount": _OWNED_BY_AWS,
    }


def invoke(request: ApiRequest, model_id: str, action: str, bound: Context, confidence: str = "H") -> Iterator[Demand]:
    """Return what calling *model_id* with *action* demands: the profile, and the model wherever it may run.

    Bedrock picks the destination at run time, so every one must be allowed.
    """
    target = _target(request, model_id)
    for resource in target.resources:
        yield Demand(action, resource, bound, target.source, confidence)
    if target.model_id is None:
        return
    for region in target.regions:
        arn = request.arn("bedrock", f"foundation-model/{target.model_id}", region=region, account="")
        yield Demand(action, arn, _model_context(target, region, bound), target.source, confidence)


def guardrail_arn(request: ApiRequest, identifier: str) -> str:
    """Return the ARN of a guardrail given by id or ARN."""
    return identifier if identifier.startswith("arn:") else request.arn("bedrock", f"guardrail/{identifier}")


def _guardrail(request: ApiRequest) -> tuple[str, str] | None:
    """Return ARN and version of the guardrail that a call names: Converse in a member, InvokeModel in headers."""
    given = request.param("guardrailConfig") or request.params
    identifier = given.get("guardrailIdentifier")
    if not identifier:
        return None
    return guardrail_arn(request, str(identifier)), str(given.get("guardrailVersion") or "DRAFT")


def _call_context(request: ApiRequest) -> Context:
    context: dict[str, str | Sequence[str]] = {}
    guardrail = _guardrail(request)
    if guardrail:
        arn, version = guardrail
        context["bedrock:GuardrailIdentifier"] = arn if version == "DRAFT" else f"{arn}:{version}"
    tier = request.param("serviceTier.type") or request.param("serviceTier")
    if isinstance(tier, str):
        context["bedrock:ServiceTier"] = tier
    return context


def _calls(action: str) -> tuple[Irregular, ...]:
    return (_Calling(action), _guarded)


@dataclass(frozen=True, slots=True)
class _Calling:
    """The legs of one model call."""

    action: str

    def __call__(self, request: ApiRequest) -> Iterator[Demand]:
        model_id = str(request.params.get("modelId", ""))
        found = _ARN.fullmatch(model_id)
        if found and found["kind"] == "prompt":
            yield Demand("bedrock:RenderPrompt", model_id, {}, _GUIDE)
            return
        yield from invoke(request, model_id, self.action, _call_context(request))


def _guarded(request: ApiRequest) -> Iterator[Demand]:
    guardrail = _guardrail(request)
    if guardrail:
        yield Demand("bedrock:ApplyGuardrail", guardrail[0], {}, "Bedrock User Guide, guardrails-permissions")


def forwarded(context: Context) -> Context:
    """Return *context* for a call that Bedrock makes with the caller's identity (a forward access session)."""
    return {
        **context,
        "aws:ViaAWSService": "true",
        "aws:CalledVia": [BEDROCK],
        "aws:CalledViaFirst": BEDROCK,
        "aws:CalledViaLast": BEDROCK,
    }


def tagged(service: str, resource: str = "{resourceARN}", *, tags: str = "tags") -> Rows:
    """Return the rows of the three tag operations of a Bedrock service."""
    return {
        **same_named(service, resource, "UntagResource", prefix="bedrock", context=_tag_keys),
        **same_named(service, resource, "ListTagsForResource", prefix="bedrock"),
        **same_named(
            service, resource, "TagResource", prefix="bedrock", context=lambda one: tag_context(one.params.get(tags))
        ),
    }


def _tag_keys(request: ApiRequest) -> Context:
    return {"aws:TagKeys": list(request.params.get("tagKeys") or ())}


def _foundation_model(request: ApiRequest, action: str, name: str) -> Iterator[Demand]:
    arn = str(request.params.get(name, "*"))
    if not arn.startswith("arn:"):
        arn = request.arn("bedrock", f"foundation-model/{arn}", account="")
    yield Demand(action, arn, {"aws:ResourceAccount": _OWNED_BY_AWS})


def _inference_profile(request: ApiRequest) -> tuple[str]:
    identifier = str(request.params.get("inferenceProfileIdentifier", "*"))
    if identifier.startswith("arn:"):
        return (identifier,)
    kind = "inference-profile" if _geography(identifier) else "application-inference-profile"
    return (request.arn("bedrock", f"{kind}/{identifier}"),)


def _copied(request: ApiRequest) -> tuple[str, str]:
    """AWS lists both types for CreateInferenceProfile: the new profile, and what it is copied from."""
    new = request.arn("bedrock", "application-inference-profile/*")
    return new, str(request.param("modelSource.copyFrom"))


def _tags(request: ApiRequest) -> Context:
    return tag_context(request.params.get("tags"))


def _guardrail_arns(request: ApiRequest) -> tuple[str]:
    return (guardrail_arn(request, str(request.params.get("guardrailIdentifier", "*"))),)


RUNTIME: Rows = {
    ("bedrock-runtime", "InvokeModel"): _calls("bedrock:InvokeModel"),
    ("bedrock-runtime", "InvokeModelWithResponseStream"): _calls("bedrock:InvokeModelWithResponseStream"),
    # Converse has no action of its own.
    ("bedrock-runtime", "Converse"): _calls("bedrock:InvokeModel"),
    ("bedrock-runtime", "ConverseStream"): _calls("bedrock:InvokeModelWithResponseStream"),
    ("bedrock-runtime", "CountTokens"): (lambda one: _foundation_model(one, "bedrock:CountTokens", "modelId"),),
    ("bedrock-runtime", "ApplyGuardrail"): (Row("bedrock:ApplyGuardrail", _guardrail_arns),),
}

CONTROL: Rows = {
    **same_named(
        "bedrock",
        "*",
        "ListFoundationModels GetFoundationModelAvailability ListInferenceProfiles ListFoundationModelAgreementOffers "
        "CreateFoundationModelAgreement DeleteFoundationModelAgreement PutUseCaseForModelAccess "
        "GetUseCaseForModelAccess GetModelInvocationLoggingConfiguration DeleteModelInvocationLoggingConfiguration "
        "ListEnforcedGuardrailsConfiguration ListProvisionedModelThroughputs ListCustomModels ListImportedModels "
        "ListModelInvocationJobs",
    ),
    ("bedrock", "GetFoundationModel"): (
        lambda one: _foundation_model(one, "bedrock:GetFoundationModel", "modelIdentifier"),
    ),
    ("bedrock", "PutModelInvocationLoggingConfiguration"): (
        Row("bedrock:PutModelInvocationLoggingConfiguration"),
        pass_role(
            "loggingConfig.cloudWatchConfig.roleArn", BEDROCK, source="Bedrock User Guide, model-invocation-logging"
        ),
    ),
    ("bedrock", "GetInferenceProfile"): (Row("bedrock:GetInferenceProfile", _inference_profile),),
    ("bedrock", "DeleteInferenceProfile"): (Row("bedrock:DeleteInferenceProfile", _inference_profile),),
    ("bedrock", "CreateInferenceProfile"): (
        Row("bedrock:CreateInferenceProfile", _copied, SAR, "M", context=_tags),
        Row(
            "bedrock:TagResource",
            "arn:{P}:bedrock:{R}:{A}:application-inference-profile/*",
            SAR,
            "M",
            when="tags",
            context=_tags,
        ),
    ),
    **same_named("bedrock", _guardrail_arns, "GetGuardrail UpdateGuardrail DeleteGuardrail CreateGuardrailVersion"),
    ("bedrock", "ListGuardrails"): (
        Row("bedrock:ListGuardrails", lambda one: _guardrail_arns(one) if "guardrailIdentifier" in one.params else "*"),
    ),
    ("bedrock", "CreateGuardrail"): (Row("bedrock:CreateGuardrail", context=_tags),),
    **tagged("bedrock"),
}
