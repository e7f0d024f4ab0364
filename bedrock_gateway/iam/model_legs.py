"""What a call of a model is authorised on, by the kind of its id.

A model that runs where AWS decides is authorised several times: on the profile or router that was called, and on the
model wherever it may run, there bound to the profile or router by a condition, so that the model cannot be called
directly. Sources: Bedrock User Guide, inference-profiles-prereq, geographic- and global-cross-region-inference,
prompt-routing, security_iam_id-based-policy-examples. Not verified against AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.capabilities.models import (
    ModelId,
    destinations,
    known,
    on_demand_in,
    parse_model_id,
    profiles_for,
)
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.arns import Conditions, Target, arn, one_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bedrock_gateway.capabilities import Scope

__all__ = [
    "batch_profiles",
    "batch_sources",
    "copied_profiles",
    "foundation_models",
    "model_targets",
    "own_arns",
    "uncounted_models",
    "unknown_models",
]

WHOLE_ENDPOINT = "marketplace/model-endpoint/all-access"
"""The one resource of every Marketplace endpoint of an account and Region: they cannot be told apart on this side."""

_TYPES = {"profile": "inference-profile", "application-profile": "application-inference-profile"}


def _here(scope: Scope, text: str) -> ModelId:
    """Return the parsed id, which must not name another partition, Region or account."""
    model = parse_model_id(text)
    parts = ((model.partition, scope.partition), (model.region, scope.region), (model.account, scope.account))
    for given, mine in parts:
        if given not in {None, mine}:
            raise ConfigError(f"{text} is in {given}, not in {mine}")
    return model


def _foundation_model(scope: Scope, model: str, region: str) -> str:
    return arn(scope, "bedrock", f"foundation-model/{model}", region=region, account="")


def _own_arn(scope: Scope, model: ModelId) -> str:
    """The ARN of what was named, also where it was named by its id alone."""
    return model.text if model.resource_type else arn(scope, "bedrock", f"{_TYPES[model.kind]}/{model.name}")


def _regions(scope: Scope, model: ModelId) -> list[str]:
    """Where a model or the model of a profile may run; the empty Region is that of the ARN of global profiles.

    Raises:
        ConfigError: the model cannot be called like this from the scope's Region, or nobody knows where it runs.
    """
    if model.kind == "on-demand":
        usable = profiles_for(model.name, scope.region)
        if usable and on_demand_in(model.name, scope.region) is False:
            raise ConfigError(
                f"{model.name} cannot be called by its bare id in {scope.region}; use a profile: {', '.join(usable)}"
            )
        return [scope.region]
    reach = destinations(model.name, scope.region) or scope.extra_destinations
    if model.geography == "global" and not known(model.model or ""):
        reach = reach or (scope.region,)
    if not reach:
        raise ConfigError(
            f"where {model.name} runs when called from {scope.region} is not in our data; "
            "name its destination Regions with --destinations, or `destinations` in [env.NAME]"
        )
    # AWS's rule: the source Region and every destination.
    return [*sorted({scope.region, *reach}), *([""] if model.geography == "global" else [])]


def _models(scope: Scope, model: ModelId, bound: Conditions = ()) -> Iterator[Target]:
    for region in _regions(scope, model):
        yield Target(_foundation_model(scope, model.model or "", region), bound)


def _behind(scope: Scope, model: ModelId) -> list[ModelId]:
    """What an application profile copies, or a router chooses from; only its owner or AWS can say.

    Raises:
        ConfigError: nobody said.
    """
    inner = scope.behind(model)
    if not inner:
        what = "was copied from" if model.kind == "application-profile" else "routes to"
        raise ConfigError(
            f"{model.text}: its id does not tell which models or profiles it {what}; name them with --wraps, or in"
            f' [wraps] of gateway.toml: "{model.text}" = ["…"]',
            key_path="wraps",
        )
    return [_here(scope, one) for one in inner]


def _profile(scope: Scope, model: ModelId) -> Iterator[Target]:
    profile = _own_arn(scope, model)
    yield Target(profile)
    yield from _models(scope, model, one_condition("ArnEquals", "bedrock:InferenceProfileArn", profile))


def _application_profile(scope: Scope, model: ModelId) -> Iterator[Target]:
    """The models are bound to the application profile itself; the profile it copies is not checked, by AWS's samples."""
    profile = _own_arn(scope, model)
    yield Target(profile)
    for inner in _behind(scope, model):
        yield from _models(scope, inner, one_condition("ArnEquals", "bedrock:InferenceProfileArn", profile))


def _prompt_router(scope: Scope, model: ModelId) -> Iterator[Target]:
    """Everything that the router may choose is bound to it: the models, and the profiles on the way to them."""
    bound = one_condition("ArnEquals", "bedrock:PromptRouterArn", model.text)
    yield Target(model.text)
    for inner in _behind(scope, model):
        if inner.kind == "profile":
            yield Target(_own_arn(scope, inner), bound)
        yield from _models(scope, inner, bound)


def _itself(_: Scope, model: ModelId) -> Iterator[Target]:
    yield Target(model.text)


def _endpoint(scope: Scope, _: ModelId) -> Iterator[Target]:
    yield Target(arn(scope, "bedrock", WHOLE_ENDPOINT))


def _not_callable(_: Scope, model: ModelId) -> Iterator[Target]:
    raise ConfigError(
        f"{model.text}: a custom model is called through its provisioned throughput or its deployment; name that ARN"
    )


_KINDS: Mapping[str, Callable[[Scope, ModelId], Iterator[Target]]] = {
    "on-demand": _models,
    "profile": _profile,
    "application-profile": _application_profile,
    "provisioned": _itself,
    "custom-model": _not_callable,
    "custom-deployment": _itself,
    "imported": _itself,
    "prompt-router": _prompt_router,
    "marketplace": _endpoint,
}


def model_targets(scope: Scope, text: str) -> list[Target]:
    """Return what a call of model *text* is authorised on.

    Raises:
        ConfigError: the model cannot be called like this from the scope's Region, or what it wraps was not said.
    """
    model = _here(scope, text)
    return list(_KINDS[model.kind](scope, model))


def own_arns(scope: Scope, *kinds: str) -> list[str]:
    """Return the ARNs of the declared models of those *kinds*, as they are named."""
    parsed = (_here(scope, text) for text in scope.models)
    return [_own_arn(scope, model) for model in parsed if model.kind in kinds]


def _foundations(scope: Scope, model: ModelId) -> Iterable[ModelId]:
    """The model or profile that tells its foundation model, also from behind a profile or a router."""
    if model.model is not None:
        return (model,)
    return (parse_model_id(one) for one in scope.behind(model))


def foundation_models(scope: Scope) -> list[str]:
    """Return the ARNs, in the scope's Region, of the foundation models under the declared models."""
    found = (inner for text in scope.models for inner in _foundations(scope, _here(scope, text)))
    return list(dict.fromkeys(_foundation_model(scope, inner.model or "", scope.region) for inner in found))


def uncounted_models(scope: Scope) -> list[str]:
    """Declared models that are, as far as is known, no foundation model: AWS counts no tokens for them."""
    return [text for text in scope.models if not list(_foundations(scope, parse_model_id(text)))]


def unknown_models(scope: Scope) -> list[str]:
    """Declared models that the data file lacks, here or at all: they get the regional ARN, on the caller's word.

    AWS takes models out of its lists while accounts that use them still may call them.
    """
    found = (inner for text in scope.models for inner in _foundations(scope, parse_model_id(text)))
    return list(dict.fromkeys(inner.text for inner in found if not _offered(inner, scope.region)))


def _offered(model: ModelId, region: str) -> bool:
    if not known(model.model or ""):
        return False
    return model.kind != "on-demand" or on_demand_in(model.name, region) is not False


def copied_profiles(scope: Scope) -> list[tuple[str, str]]:
    """(application profile, cross-Region profile it was copied from): AWS does not say whether the second is checked."""
    parsed = (parse_model_id(text) for text in scope.models)
    wrappers = [model for model in parsed if model.kind == "application-profile"]
    inner = ((wrapper.text, parse_model_id(one)) for wrapper in wrappers for one in scope.behind(wrapper))
    return [(text, one.text) for text, one in inner if one.kind == "profile"]


_BATCHED = frozenset({"on-demand", "profile", "application-profile", "custom-model"})


def _batched(scope: Scope) -> Iterator[ModelId]:
    for text in scope.models:
        model = _here(scope, text)
        if model.kind not in _BATCHED:
            raise ConfigError(f"{text}: a batch job takes no model of kind {model.kind}")
        yield model


def batch_sources(scope: Scope) -> list[str]:
    """Return what AWS's reference names for a batch job: the model in the job's Region, or the custom model."""
    found: dict[str, None] = {}
    for model in _batched(scope):
        if model.kind == "custom-model":
            found[model.text] = None
        inner = _behind(scope, model) if model.kind == "application-profile" else [model]
        found |= dict.fromkeys(_foundation_model(scope, one.model, scope.region) for one in inner if one.model)
    return list(found)


def batch_profiles(scope: Scope) -> list[str]:
    """Return what a batch job through a profile may need besides: the profile, and its models in other Regions."""
    found: dict[str, None] = {}
    for model in _batched(scope):
        if model.kind not in _TYPES:
            continue
        found[_own_arn(scope, model)] = None
        for one in _behind(scope, model) if model.kind == "application-profile" else [model]:
            regions = (region for region in _regions(scope, one) if region != scope.region)
            found |= dict.fromkeys(_foundation_model(scope, one.model or "", region) for region in regions)
    return list(found)
