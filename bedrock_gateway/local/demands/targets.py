"""What a ``modelId`` stands for, and what AWS demands for calling it: a profile, and the model wherever it may run.

Sources: Bedrock User Guide, inference-prereq, geographic- and global-cross-region-inference, inference-profiles-prereq,
prompt-routing, bedrock-marketplace; the Service Authorization Reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bedrock_gateway.local.demands.rows import ApiRequest, Context, Demand, forwarded
from bedrock_gateway.local.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ARN", "OWNED_BY_AWS", "bare_model", "geography_of", "invoke", "subscribing"]

_GEOGRAPHIES = ("us", "eu", "apac", "jp", "au", "ca", "in", "us-gov", "global")
_GUIDE = "Bedrock User Guide, inference-prereq"
_GEOGRAPHIC = "Bedrock User Guide, geographic-cross-region-inference"
_GLOBAL = "Bedrock User Guide, global-cross-region-inference"
_APPLICATION = "Bedrock User Guide, inference-profiles-prereq"
_ROUTING = "Bedrock User Guide, prompt-routing; Service Authorization Reference"
_MARKETPLACE = "Bedrock User Guide, bedrock-marketplace"
_GOVCLOUD = ("us-gov-east-1", "us-gov-west-1")
"""The partition has two Bedrock Regions, and a profile does not leave its partition."""
ARN = re.compile(r"arn:[^:]+:(?P<service>[^:]+):(?P<region>[^:]*):(?P<account>[^:]*):(?P<kind>[^/]+)/(?P<name>.+)")
# Foundation models belong to AWS: a condition on the caller's own account can never hold for them.
OWNED_BY_AWS = "amazon"

_ENDPOINT_ACTIONS: Mapping[str, str] = {
    "bedrock:InvokeModel": "sagemaker:InvokeEndpoint",
    "bedrock:InvokeModelWithResponseStream": "sagemaker:InvokeEndpointWithResponseStream",
}


@dataclass(frozen=True, slots=True)
class _Target:
    """What a ``modelId`` stands for: resources of its own, and the models behind them."""

    resources: tuple[str, ...]
    model_id: str | None = None
    regions: tuple[str, ...] = ()
    """Where the model may run; the empty string is the Region-less ARN."""
    profile_arn: str | None = None
    source: str = _GUIDE


def geography_of(model_id: str) -> str | None:
    """Return the profile prefix of an id. Closed set: ``anthropic.`` looks like one too."""
    return next((one for one in _GEOGRAPHIES if model_id.startswith(f"{one}.")), None)


def bare_model(model_id: str) -> str:
    """Return the foundation model's id behind an id or an ARN of a model or of a system-defined profile."""
    found = ARN.fullmatch(model_id)
    name = found["name"] if found else model_id
    return name.removeprefix(f"{geography_of(name)}.")


def _profile(request: ApiRequest, profile_id: str, arn: str) -> _Target:
    geography = geography_of(profile_id) or ""
    model_id = profile_id.removeprefix(f"{geography}.")
    if geography == "global":
        return _Target((arn,), model_id, (request.region, ""), arn, _GLOBAL)
    known = _GOVCLOUD if geography == "us-gov" else catalogue.destinations(profile_id, request.region) or ()
    return _Target((arn,), model_id, tuple(dict.fromkeys((request.region, *known))), arn, _GEOGRAPHIC)


def _application(request: ApiRequest, identifier: str, arn: str) -> _Target:
    wrapped = request.lookup.application_profile(identifier, request.region) if request.lookup else None
    if wrapped is None:
        return _Target((arn,), profile_arn=arn)
    regions = tuple(dict.fromkeys((request.region, *wrapped.regions)))
    return _Target((arn,), wrapped.model_id, regions, arn, _APPLICATION)


def _target(request: ApiRequest, model_id: str) -> _Target:
    found = ARN.fullmatch(model_id)
    if found is None:
        if geography_of(model_id):
            return _profile(request, model_id, request.arn("bedrock", f"inference-profile/{model_id}"))
        return _Target((), model_id, (request.region,))
    if found["kind"] == "foundation-model":
        return _Target((), found["name"], (found["region"],))
    if found["kind"] == "inference-profile":
        return _profile(request, found["name"], model_id)
    if found["kind"] == "application-inference-profile":
        return _application(request, model_id, model_id)
    # Provisioned throughput, imported models and deployments of customised ones are resources of the account, each by itself.
    return _Target((model_id,))


def _model_context(target: _Target, region: str, bound: Context) -> Context:
    """Context of one model leg. Where a leg runs elsewhere, that is the Region requested: Region SCPs deny by it."""
    profile = {"bedrock:InferenceProfileArn": target.profile_arn} if target.profile_arn else {}
    return {
        **bound,
        **profile,
        "aws:RequestedRegion": region or "unspecified",
        "aws:ResourceAccount": OWNED_BY_AWS,
    }


def invoke(request: ApiRequest, model_id: str, action: str, bound: Context, confidence: str = "H") -> Iterator[Demand]:
    """Return what calling *model_id* with *action* demands: the profile, and the model wherever it may run.

    Bedrock picks the destination at run time, so every one must be allowed.
    """
    found = ARN.fullmatch(model_id)
    if found and found["kind"] in {"prompt-router", "default-prompt-router"}:
        yield from _routed(request, model_id, action, bound)
    elif found and found["service"] == "sagemaker":
        yield from _endpoint(request, model_id, action, bound)
    else:
        yield from _legs(request, _target(request, model_id), action, bound, confidence)


def _legs(request: ApiRequest, target: _Target, action: str, bound: Context, confidence: str) -> Iterator[Demand]:
    for resource in target.resources:
        yield Demand(action, resource, bound, target.source, confidence)
    if target.model_id is None:
        return
    for region in target.regions:
        arn = request.arn("bedrock", f"foundation-model/{target.model_id}", region=region, account="")
        yield Demand(action, arn, _model_context(target, region, bound), target.source, confidence)


def _routed(request: ApiRequest, router: str, action: str, bound: Context) -> Iterator[Demand]:
    """The router, and all that it can pick: a call through it says so in ``bedrock:PromptRouterArn``."""
    yield Demand(action, router, bound, _ROUTING, "M")
    for model in request.facts.routers.get(router, ()):
        target = _target(request, model)
        through = {**bound, "bedrock:PromptRouterArn": router}
        for one in _legs(request, target, action, through, "M"):
            yield replace(one, source=_ROUTING)


def _endpoint(request: ApiRequest, endpoint: str, action: str, bound: Context) -> Iterator[Demand]:
    """A model of Bedrock Marketplace: one right for all of them, and SageMaker's on the endpoint itself."""
    yield Demand(action, request.arn("bedrock", "marketplace/model-endpoint/all-access"), bound, _MARKETPLACE, "M")
    tagged = {**forwarded({}), "aws:ResourceTag/sagemaker-sdk:bedrock": "compatible"}
    if action in _ENDPOINT_ACTIONS:
        yield Demand(_ENDPOINT_ACTIONS[action], endpoint, tagged, _MARKETPLACE, "M")


def subscribing(request: ApiRequest, model_id: str) -> Iterator[Demand]:
    """Return what the first call of a third-party model in an account demands besides: it subscribes, as the caller.

    Whether a call that Bedrock makes in the caller's name does so too is not documented, so only direct calls ask. In which Region the Marketplace call counts as made is not documented: never the caller's, as far as a policy can rely
    on it.
    """
    found = ARN.fullmatch(model_id)
    model = model_id if found and found["service"] == "sagemaker" else _target(request, model_id).model_id
    product = request.facts.unsubscribed.get(str(model))
    if product is None:
        return
    source = "Bedrock User Guide, model-access"
    context = {**forwarded({}), "aws:RequestedRegion": "us-east-1"}
    yield Demand("aws-marketplace:ViewSubscriptions", "*", context, source)
    yield Demand("aws-marketplace:Subscribe", "*", {**context, "aws-marketplace:ProductId": [product]}, source)
