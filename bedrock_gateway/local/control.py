"""bedrock: the model catalogue, inference profiles, tags; what has files of its own joins at the end."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local import data_retention, logging_config
from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.guardrails import administration
from bedrock_gateway.local.guardrails.store import Guardrails
from bedrock_gateway.local.models import access, catalogue
from bedrock_gateway.local.models.access import shown
from bedrock_gateway.local.models.lifecycle import lifecycle_of
from bedrock_gateway.local.models.targets import ApplicationProfile, ApplicationProfiles

if TYPE_CHECKING:
    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS"]

_PAGE = 1000
_SYSTEM_SINCE = datetime(2024, 8, 27, tzinfo=UTC)
_ID_BYTES = 6


def _invalid_model() -> Fault:
    return Fault("ValidationException", "The provided model identifier is invalid.", 400)


def _missing(what: str) -> Fault:
    return Fault("ResourceNotFoundException", what, 404)


def _model_arn(call: Call, model_id: str, region: str) -> str:
    return f"arn:{call.partition}:bedrock:{region}::foundation-model/{model_id}"


def _summary(call: Call, model: catalogue.Model) -> dict[str, Any]:
    return {
        "modelArn": _model_arn(call, model.id, call.region),
        "modelId": model.id,
        "modelName": model.name,
        "providerName": model.vendor,
        "inputModalities": list(model.inputs),
        "outputModalities": list(model.outputs),
        "responseStreamingSupported": model.streaming,
        "customizationsSupported": list(model.customizations),
        "inferenceTypesSupported": list(model.inference_types(call.region)),
        "modelLifecycle": lifecycle_of(call.state, model),
    }


def _matches(summary: dict[str, Any], params: dict[str, Any]) -> bool:
    wanted = {
        "byOutputModality": summary["outputModalities"],
        "byInferenceType": summary["inferenceTypesSupported"],
        "byCustomizationType": summary["customizationsSupported"],
    }
    provider = params.get("byProvider")
    return (provider is None or provider.lower() == summary["providerName"].lower()) and all(
        params.get(name) is None or params[name] in offered for name, offered in wanted.items()
    )


def _list_models(call: Call) -> Reply:
    summaries = [_summary(call, model) for model in catalogue.models(call.region)]
    return Reply({"modelSummaries": [one for one in summaries if _matches(one, call.params)]})


def _get_model(call: Call) -> Reply:
    asked = call.params["modelIdentifier"]
    model_id = asked.rpartition("foundation-model/")[2] if asked.startswith("arn:") else asked
    if catalogue.model(model_id) is None:
        raise _invalid_model()
    model = catalogue.model(model_id, call.region)
    if model is None:
        raise _missing("Could not resolve the foundation model from the provided model identifier.")
    details = shown(call.state, model.id, _summary(call, model))
    if details is None:
        raise _missing("Could not resolve the foundation model from the provided model identifier.")
    return Reply({"modelDetails": details})


def _system(call: Call, profile: catalogue.Profile) -> dict[str, Any]:
    routed = "globally" if "" in profile.destinations else f"in {', '.join(profile.destinations)}"
    return {
        "inferenceProfileName": profile.name,
        "description": f"Routes requests to {profile.model.name} {routed}.",
        "createdAt": _SYSTEM_SINCE,
        "updatedAt": _SYSTEM_SINCE,
        "inferenceProfileArn": f"arn:{call.partition}:bedrock:{call.region}:{call.account}:inference-profile/{profile.id}",
        "models": [{"modelArn": _model_arn(call, profile.model.id, region)} for region in profile.destinations],
        "inferenceProfileId": profile.id,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def _application(call: Call, profile: ApplicationProfile) -> dict[str, Any]:
    described = {"description": profile.description} if profile.description else {}
    return {
        "inferenceProfileName": profile.name,
        **described,
        "createdAt": profile.created,
        "updatedAt": profile.created,
        "inferenceProfileArn": profile.arn,
        "models": [{"modelArn": _model_arn(call, profile.model_id, region)} for region in profile.destinations],
        "inferenceProfileId": profile.id,
        "status": "ACTIVE",
        "type": "APPLICATION",
    }


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise Fault("ValidationException", "The provided nextToken is invalid.", 400)
    return int(token)


def _list_profiles(call: Call) -> Reply:
    wanted = call.params.get("typeEquals") or "SYSTEM_DEFINED"
    if wanted == "APPLICATION":
        store = call.state.of(ApplicationProfiles)
        with store.lock:
            found = [_application(call, one) for one in store.by_arn.values() if one.region == call.region]
    else:
        found = [_system(call, one) for one in catalogue.profiles(call.region)]
    start, size = _offset(call.params.get("nextToken")), call.params.get("maxResults") or _PAGE
    more = {"nextToken": str(start + size)} if start + size < len(found) else {}
    return Reply({"inferenceProfileSummaries": found[start : start + size], **more})


def _no_profile(identifier: str) -> Fault:
    return _missing(f"The inference profile {identifier} was not found.")


def _get_profile(call: Call) -> Reply:
    asked = call.params["inferenceProfileIdentifier"]
    own = call.state.of(ApplicationProfiles).find(asked, call.region)
    if own is not None:
        return Reply(_application(call, own))
    system = catalogue.profile(asked.rpartition("/")[2], call.region)
    if system is None or ":application-inference-profile/" in asked:
        raise _no_profile(asked)
    details = shown(call.state, system.id, _system(call, system), "profiles")
    if details is None:
        raise _no_profile(asked)
    return Reply(details)


def _source(call: Call, copied: str) -> tuple[str, tuple[str, ...]]:
    """Return the model and the destinations that ``modelSource.copyFrom`` means."""
    name = copied.rpartition("/")[2]
    if ":inference-profile/" in copied and (system := catalogue.profile(name, call.region)):
        return system.model.id, system.destinations
    model = catalogue.model(name, call.region) if ":foundation-model/" in copied else None
    if model is None or call.region not in model.on_demand:
        raise Fault("ValidationException", "The provided model source is invalid.", 400)
    return model.id, (call.region,)


def _create_profile(call: Call) -> Reply:
    store, token = call.state.of(ApplicationProfiles), call.params.get("clientRequestToken")
    model_id, destinations = _source(call, call.params["modelSource"]["copyFrom"])
    with store.lock:
        same = next((one for one in store.by_arn.values() if token and one.token == token), None)
        if same is None:
            made = secrets.token_hex(_ID_BYTES)
            arn = f"arn:{call.partition}:bedrock:{call.region}:{call.account}:application-inference-profile/{made}"
            tags = {tag["key"]: tag["value"] for tag in call.params.get("tags") or []}
            same = store.by_arn[arn] = ApplicationProfile(
                made,
                arn,
                call.params["inferenceProfileName"],
                call.params.get("description"),
                model_id,
                destinations,
                call.region,
                datetime.now(UTC),
                tags,
                token,
            )
    return Reply({"inferenceProfileArn": same.arn, "status": "ACTIVE"})


def _own(call: Call, identifier: str) -> ApplicationProfile:
    found = call.state.of(ApplicationProfiles).find(identifier, call.region)
    if found is None:
        raise _no_profile(identifier)
    return found


def _delete_profile(call: Call) -> Reply:
    asked = call.params["inferenceProfileIdentifier"]
    if catalogue.profile(asked.rpartition("/")[2], call.region):
        raise Fault("ValidationException", "System-defined inference profiles cannot be deleted.", 400)
    found = _own(call, asked)
    call.state.of(ApplicationProfiles).by_arn.pop(found.arn, None)
    return Reply()


def _tags_of(call: Call) -> dict[str, str]:
    """Return the tags of what the request names: a guardrail or an application inference profile."""
    arn = call.params["resourceARN"]
    guardrail = call.state.of(Guardrails).find(arn, call.region) if ":guardrail/" in arn else None
    return guardrail.tags if guardrail else _own(call, arn).tags


def _tags(call: Call) -> Reply:
    return Reply({"tags": [{"key": key, "value": value} for key, value in _tags_of(call).items()]})


def _tag(call: Call) -> Reply:
    _tags_of(call).update({tag["key"]: tag["value"] for tag in call.params["tags"]})
    return Reply()


def _untag(call: Call) -> Reply:
    tags = _tags_of(call)
    for key in call.params["tagKeys"]:
        tags.pop(key, None)
    return Reply()


HANDLERS: Handlers = {
    **access.HANDLERS,
    **logging_config.HANDLERS,
    **administration.HANDLERS,
    **data_retention.HANDLERS,
    ("bedrock", "ListFoundationModels"): _list_models,
    ("bedrock", "GetFoundationModel"): _get_model,
    ("bedrock", "ListInferenceProfiles"): _list_profiles,
    ("bedrock", "GetInferenceProfile"): _get_profile,
    ("bedrock", "CreateInferenceProfile"): _create_profile,
    ("bedrock", "DeleteInferenceProfile"): _delete_profile,
    ("bedrock", "ListTagsForResource"): _tags,
    ("bedrock", "TagResource"): _tag,
    ("bedrock", "UntagResource"): _untag,
}
