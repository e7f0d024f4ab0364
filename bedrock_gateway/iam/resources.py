"""From a leg of the table to the ARNs and conditions of one scope.

Every value comes out of a validated `Scope`, so nothing here can widen an ARN: a string that holds a wildcard or a
policy variable never got this far.
"""

from __future__ import annotations

from dataclasses import dataclass
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.capabilities.table import Condition, Leg

__all__ = ["ROLE_PATH", "Target", "boundary_arn", "model_targets", "ours", "targets"]

ROLE_PATH = "bedrock-gateway/"
"""Where kb-provision makes roles, and nowhere else."""

Conditions = tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One ARN, and the condition under which the leg needs it."""

    arn: str
    conditions: Conditions = ()


def _arn(scope: Scope, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
    region = scope.region if region is None else region
    account = scope.account if account is None else account
    return f"arn:{scope.partition}:{service}:{region}:{account}:{resource}"


def _foundation_model(scope: Scope, model: str, region: str) -> str:
    return _arn(scope, "bedrock", f"foundation-model/{model}", region=region, account="")


def _on_demand(scope: Scope, model: ModelId) -> Iterator[Target]:
    if model.region not in {None, scope.region}:
        raise ConfigError(f"{model.text} is in {model.region}, not in {scope.region}")
    if on_demand_in(model.name, scope.region) is False:
        usable = ", ".join(profiles_for(model.name, scope.region)) or "none that is known"
        raise ConfigError(f"{model.name} cannot be called by its bare id in {scope.region}; use a profile: {usable}")
    yield Target(_foundation_model(scope, model.name, scope.region))


def _profile(scope: Scope, model: ModelId) -> Iterator[Target]:
    """The profile, and the model in its source and every destination, bound to calls through the profile."""
    for given, mine in ((model.region, scope.region), (model.account, scope.account)):
        if given not in {None, mine}:
            raise ConfigError(f"{model.text} belongs to {given}, not to {mine}")
    reach = destinations(model.name, scope.region) or scope.extra_destinations
    if not reach:
        raise ConfigError(
            f"where {model.name} runs when called from {scope.region} is not in our data; "
            "name its destination Regions with --destinations"
        )
    profile = _arn(scope, "bedrock", f"inference-profile/{model.name}")
    yield Target(profile)
    bound: Conditions = (("ArnEquals", (("bedrock:InferenceProfileArn", (profile,)),)),)
    # A global profile is also authorised on an ARN that names no Region.
    regions = [*sorted({scope.region, *reach}), *([""] if model.geography == "global" else [])]
    for region in regions:
        yield Target(_foundation_model(scope, model.model or "", region), bound)


MODEL_KINDS: Mapping[str, Callable[[Scope, ModelId], Iterator[Target]]] = {"on-demand": _on_demand, "profile": _profile}


def model_targets(scope: Scope, text: str) -> list[Target]:
    """Return what a call of model *text* is authorised on.

    Raises:
        ConfigError: the model cannot be called like this from the scope's Region, or its kind is not served yet.
    """
    model = parse_model_id(text)
    if model.kind not in MODEL_KINDS:
        raise ConfigError(f"{text}: policies for a model id of kind {model.kind} are not generated yet")
    if model.partition not in {None, scope.partition}:
        raise ConfigError(f"{text} is in partition {model.partition}, not in {scope.partition}")
    return list(MODEL_KINDS[model.kind](scope, model))


def unknown_models(scope: Scope) -> list[str]:
    """Declared models that the data file lacks: they get the regional ARN, on the caller's word."""
    parsed = [parse_model_id(text) for text in scope.models]
    return [model.text for model in parsed if model.model and not known(model.model)]


def _foundation_models(scope: Scope) -> list[str]:
    models = (parse_model_id(text).model for text in scope.models)
    return [_foundation_model(scope, model, scope.region) for model in models if model]


def _profiles(scope: Scope) -> list[str]:
    parsed = [parse_model_id(text) for text in scope.models]
    return [_arn(scope, "bedrock", f"inference-profile/{model.name}") for model in parsed if model.kind == "profile"]


def _guardrails(scope: Scope) -> list[str]:
    return [_arn(scope, "bedrock", f"guardrail/{scope.guardrail[0]}")] if scope.guardrail else []


def _role(scope: Scope, name: str) -> str:
    return _arn(scope, "iam", f"role/{name}", region="")


def ours(role: str) -> str:
    """Return *role*, a name with its path.

    Raises:
        ConfigError: it is outside the one path in which principals of ours may make roles.
    """
    if not role.startswith(ROLE_PATH):
        raise ConfigError(
            f"role {role!r} is not under the path /{ROLE_PATH}: kb-provision makes roles there only,"
            f" so that it can touch no other; name it {ROLE_PATH}{role.rpartition('/')[2]}"
        )
    return role


def boundary_arn(scope: Scope) -> str:
    """Return the ARN of the managed policy that bounds the service roles of *scope*."""
    return _arn(scope, "iam", f"policy/{scope.boundary}", region="")


def _s3(scope: Scope, resource: str) -> str:
    return _arn(scope, "s3", resource, region="", account="")


def _vector_buckets(scope: Scope) -> list[str]:
    return [_arn(scope, "s3vectors", f"bucket/{bucket}") for bucket, _ in scope.vector_indexes]


def _vector_indexes(scope: Scope) -> list[str]:
    return [_arn(scope, "s3vectors", f"bucket/{bucket}/index/{index}") for bucket, index in scope.vector_indexes]


RESOURCES: Mapping[str, Callable[[Scope], list[str]]] = {
    "profile": _profiles,
    "foundation-model": _foundation_models,
    "guardrail": _guardrails,
    "knowledge-base": lambda scope: [
        _arn(scope, "bedrock", f"knowledge-base/{one}") for one in scope.knowledge_bases or ("*",)
    ],
    "knowledge-base-role": lambda scope: [_role(scope, name) for name in scope.knowledge_base_roles],
    "provisioned-role": lambda scope: [_role(scope, ours(name)) for name in scope.knowledge_base_roles],
    "logging-role": lambda scope: [_role(scope, scope.logging_role)],
    # Which policies are attached to the role is known only after reading it; AWS's own carry "aws" as account.
    "managed-policies": lambda scope: [
        _arn(scope, "iam", "policy/*", region="", account=owner) for owner in (scope.account, "aws")
    ],
    # CloudWatch Logs wants the form with ":*" in policies for every action but tagging.
    "logging-group": lambda scope: [_arn(scope, "logs", f"log-group:{scope.log_group}:*")],
    "logging-bucket": lambda scope: [_s3(scope, scope.logging_bucket)] if scope.logging_bucket else [],
    "document-bucket": lambda scope: [_s3(scope, bucket) for bucket, _ in scope.documents],
    "document-object": lambda scope: [_s3(scope, f"{bucket}/{prefix}*") for bucket, prefix in scope.documents],
    "vector-bucket": _vector_buckets,
    "vector-index": _vector_indexes,
}


def _passed_to_bedrock(_: Scope, __: str) -> Conditions:
    return (("StringEquals", (("iam:PassedToService", ("bedrock.amazonaws.com",)),)),)


def _document_prefix(scope: Scope, arn: str) -> Conditions:
    prefixes = tuple(f"{prefix}*" for bucket, prefix in scope.documents if prefix and _s3(scope, bucket) == arn)
    return (("StringLike", (("s3:prefix", prefixes),)),) if prefixes else ()


def _bounded(scope: Scope, _: str) -> Conditions:
    return (("StringEquals", (("iam:PermissionsBoundary", (boundary_arn(scope),)),)),)


REGIONAL = ("bedrock:", "logs:")
"""Services of which we grant something on ``*`` and whose requests go to a Region. IAM and AWS Marketplace have one place."""


def _in_region(scope: Scope) -> Conditions:
    """What has no ARN is bound to the Region by a key: else the grant would hold in every Region of the account."""
    return (("StringEquals", (("aws:RequestedRegion", (scope.region,)),)),)


CONDITIONS: Mapping[Condition, Callable[[Scope, str], Conditions]] = {
    "passed-to-bedrock": _passed_to_bedrock,
    "document-prefix": _document_prefix,
    "bounded": _bounded,
}


def targets(leg: Leg, scope: Scope) -> list[Target]:
    """Return the ARNs that *leg* needs in *scope*; none where the scope has nothing of that kind."""
    if leg.only_with and getattr(scope, leg.only_with) is None:
        return []
    if leg.resource == "model":
        return [target for text in scope.models for target in model_targets(scope, text)]
    if leg.resource == "*":
        return [Target("*", _in_region(scope) if leg.action.startswith(REGIONAL) else ())]
    arns = RESOURCES[leg.resource](scope)
    if leg.condition is None:
        return [Target(arn) for arn in arns]
    return [Target(arn, CONDITIONS[leg.condition](scope, arn)) for arn in arns]
