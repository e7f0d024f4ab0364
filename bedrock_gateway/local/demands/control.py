"""What AWS demands of Bedrock's control plane: models and profiles, access to them, logging, batch inference.

Sources: the Service Authorization Reference with its table of operations; Bedrock User Guide, model-invocation-logging,
model-access, batch-inference-permissions, inference-profiles-prereq.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.local.demands import guardrails
from bedrock_gateway.local.demands.rows import (
    BEDROCK,
    SAR,
    ApiRequest,
    Context,
    Demand,
    Row,
    Rows,
    forwarded,
    pass_role,
    same_named,
    tag_context,
    tagged,
)
from bedrock_gateway.local.demands.targets import ARN, OWNED_BY_AWS, geography_of, invoke

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CONTROL"]

_BATCH = "Bedrock User Guide, batch-inference-permissions"
_ACCESS = "Bedrock User Guide, model-access"


def _tags(request: ApiRequest) -> Context:
    return tag_context(request.params.get("tags"))


def _retention_mode(request: ApiRequest) -> Context:
    mode = request.params.get("mode")
    return {"bedrock:DataRetentionMode": str(mode)} if mode else {}


def _foundation_model(request: ApiRequest) -> Iterator[Demand]:
    arn = str(request.params.get("modelIdentifier", "*"))
    if not arn.startswith("arn:"):
        arn = request.arn("bedrock", f"foundation-model/{arn}", account="")
    yield Demand("bedrock:GetFoundationModel", arn, {"aws:ResourceAccount": OWNED_BY_AWS})


def _inference_profile(request: ApiRequest) -> tuple[str]:
    identifier = str(request.params.get("inferenceProfileIdentifier", "*"))
    if identifier.startswith("arn:"):
        return (identifier,)
    kind = "inference-profile" if geography_of(identifier) else "application-inference-profile"
    return (request.arn("bedrock", f"{kind}/{identifier}"),)


def _copied(request: ApiRequest) -> tuple[str, str]:
    """AWS lists both types for CreateInferenceProfile: the new profile, and what it is copied from."""
    new = request.arn("bedrock", "application-inference-profile/*")
    return new, str(request.param("modelSource.copyFrom"))


def _read(operation: str, member: str, kind: str) -> Rows:
    """Return the row of an operation on one *kind*, whose identifier may be an id, a name or an ARN."""

    def resource(request: ApiRequest) -> tuple[str]:
        identifier = str(request.params.get(member, "*"))
        return (identifier if identifier.startswith("arn:") else request.arn("bedrock", f"{kind}/{identifier}"),)

    return {("bedrock", operation): (Row(f"bedrock:{operation}", resource),)}


_JOB = "model-invocation-job/*"


def _batch_model(request: ApiRequest) -> Iterator[Demand]:
    """The model that a job runs, by the action of the job itself: it carries no key that says through which profile.

    A profile is not among the resource types of the action, although it is taken as ``modelId``.
    """
    action, model_id, tags = "bedrock:CreateModelInvocationJob", str(request.params.get("modelId", "*")), _tags(request)
    found = ARN.fullmatch(model_id)
    name = found["name"] if found else model_id
    if found and found["kind"] == "application-inference-profile":
        yield from _batch_profile(request, model_id, action, tags)
        return
    if found and found["kind"] not in {"foundation-model", "inference-profile"}:
        yield Demand(action, model_id, tags, _BATCH, "H" if found["kind"] == "custom-model" else "L")
        return
    owned = {**tags, "aws:ResourceAccount": OWNED_BY_AWS}
    if geography_of(name):
        yield from _batch_profile(request, name, action, tags)
        return
    region = found["region"] if found else request.region
    yield Demand(action, request.arn("bedrock", f"foundation-model/{name}", region=region, account=""), owned, _BATCH)


def _batch_profile(request: ApiRequest, name: str, action: str, tags: Context) -> Iterator[Demand]:
    for one in invoke(request, name, action, tags):
        context = {key: value for key, value in one.context.items() if key != "bedrock:InferenceProfileArn"}
        yield Demand(one.action, one.resource, context, _BATCH, "L")


_AGREEMENTS: Mapping[str, tuple[str, ...]] = {
    "ListFoundationModelAgreementOffers": ("ViewSubscriptions",),
    "CreateFoundationModelAgreement": ("ViewSubscriptions", "Subscribe"),
    "DeleteFoundationModelAgreement": ("ViewSubscriptions", "Unsubscribe"),
}
"""Operation → what it asks of AWS Marketplace. AWS names the three rights for model access as a whole: which operation
asks for which is inferred from what they do."""


@dataclass(frozen=True, slots=True)
class _Marketplace:
    """What an agreement asks of AWS Marketplace, in the caller's name."""

    actions: tuple[str, ...]

    def __call__(self, request: ApiRequest) -> Iterator[Demand]:
        product = request.facts.unsubscribed.get(str(request.params.get("modelId")))
        named: Context = {"aws-marketplace:ProductId": [product]} if product else {}
        for action in self.actions:
            context = {**forwarded({}), "aws:RequestedRegion": "us-east-1", **(named if action == "Subscribe" else {})}
            yield Demand(f"aws-marketplace:{action}", "*", context, _ACCESS, "M")


CONTROL: Rows = {
    **same_named(
        "bedrock",
        "*",
        "ListFoundationModels GetFoundationModelAvailability ListInferenceProfiles "
        "GetModelInvocationLoggingConfiguration DeleteModelInvocationLoggingConfiguration GetAccountDataRetention "
        "ListProvisionedModelThroughputs ListCustomModels ListImportedModels ListCustomModelDeployments "
        "ListPromptRouters ListMarketplaceModelEndpoints ListModelInvocationJobs",
    ),
    **{
        ("bedrock", name): (Row(f"bedrock:{name}", "*", _ACCESS), _Marketplace(actions))
        for name, actions in _AGREEMENTS.items()
    },
    **same_named("bedrock", "*", "PutUseCaseForModelAccess GetUseCaseForModelAccess"),
    ("bedrock", "PutAccountDataRetention"): (Row("bedrock:PutAccountDataRetention", context=_retention_mode),),
    ("bedrock", "GetFoundationModel"): (_foundation_model,),
    **_read("GetProvisionedModelThroughput", "provisionedModelId", "provisioned-model"),
    **_read("GetCustomModel", "modelIdentifier", "custom-model"),
    **_read("GetImportedModel", "modelIdentifier", "imported-model"),
    **_read("GetCustomModelDeployment", "customModelDeploymentIdentifier", "custom-model-deployment"),
    **_read("GetPromptRouter", "promptRouterArn", "prompt-router"),
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
    ("bedrock", "CreateModelInvocationJob"): (
        _batch_model,
        Row("bedrock:CreateModelInvocationJob", f"arn:{{P}}:bedrock:{{R}}:{{A}}:{_JOB}", _BATCH, context=_tags),
        pass_role("roleArn", BEDROCK, source=SAR),
        Row("bedrock:TagResource", f"arn:{{P}}:bedrock:{{R}}:{{A}}:{_JOB}", SAR, when="tags", context=_tags),
    ),
    **_read("GetModelInvocationJob", "jobIdentifier", "model-invocation-job"),
    **_read("StopModelInvocationJob", "jobIdentifier", "model-invocation-job"),
    **guardrails.CONTROL,
    **tagged("bedrock"),
}
