"""From capabilities and a scope to the least-privilege policy: operations → legs → statements.

Statements are made from operations, not from a list of actions, and merged only where nothing is widened by it:
actions that need exactly the same resources under the same condition share a statement. The result is the same bytes
for the same input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities import capability
from bedrock_gateway.capabilities.models import data_date
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.model_legs import copied_profiles, uncounted_models, unknown_models
from bedrock_gateway.iam.resources import MODELS, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bedrock_gateway.capabilities import Capability, Leg, Operation, Scope
    from bedrock_gateway.capabilities.table import Resource
    from bedrock_gateway.iam.arns import Conditions

__all__ = ["Assumption", "Generated", "Grant", "generate"]

ASSUMED = frozenset({"L", "?"})

# What a scope must hold for a resource of the table, and how to say it on the command line.
REQUIRED: Mapping[Resource, tuple[str, str]] = {
    "model": ("models", "--model"),
    "reranker": ("models", "--model"),
    "foundation-model": ("models", "--model"),
    "batch-source": ("models", "--model"),
    "guardrail": ("guardrail", "--guardrail"),
    "knowledge-base-role": ("knowledge_base_roles", "--kb-role"),
    "provisioned-role": ("knowledge_base_roles", "--kb-role"),
    "document-bucket": ("documents", "--documents"),
    "document-object": ("documents", "--documents"),
    "vector-bucket": ("vector_indexes", "--vector-index"),
    "vector-index": ("vector_indexes", "--vector-index"),
}
_PRINCIPALS = "; add `identity` to a principal of the configuration, or name {}"
_NOTHING: Mapping[str, str] = {
    "principal-provision": _PRINCIPALS.format("--principal-role or --principal-group"),
    "group-members": _PRINCIPALS.format("--principal-group"),
    "access-keys": _PRINCIPALS.format("--principal-user"),
}
# The preflight reads what there is; a scope without models is one in which it has no model to read.
OPTIONAL_IN = frozenset({"preflight-standard", "preflight-deep"})


@dataclass(frozen=True, slots=True)
class Grant:
    """One (operation, leg, ARN, condition): why a policy holds what it holds."""

    capability: str
    operation: Operation
    leg: Leg
    arn: str
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Assumption:
    """A grant that rests on what AWS does not state."""

    action: str
    resource: str
    confidence: str
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Generated:
    """A policy, and what to know about it."""

    policy: Policy
    grants: tuple[Grant, ...]
    assumptions: tuple[Assumption, ...]
    warnings: tuple[str, ...]


def generate(capabilities: Sequence[str], scope: Scope, *, strict: bool = False) -> Generated:
    """Return the least-privilege policy for *capabilities* in *scope*.

    *strict* leaves out what is only assumed to be needed.

    Raises:
        ConfigError: a capability is unknown, the scope lacks what it applies to, or a model cannot be called from the
            scope's Region.
    """
    rows = [capability(name) for name in dict.fromkeys(capabilities)]
    if not rows:
        raise ConfigError("name at least one capability")
    for row in rows:
        _require(row, scope)
    grants = [grant for row in rows for grant in _grants(row, scope)]
    kept = tuple(grant for grant in grants if not (strict and _dispensable(grant.leg)))
    if not kept:
        hint = next((_NOTHING[one] for one in capabilities if one in _NOTHING), "")
        raise ConfigError(f"{', '.join(capabilities)}: nothing to grant in this scope{hint}")
    return Generated(Policy(tuple(_statements(kept))), kept, tuple(_assumptions(kept)), tuple(_warnings(kept, scope)))


def _dispensable(leg: Leg) -> bool:
    return leg.confidence in ASSUMED and not leg.one_of


def _legs(row: Capability, scope: Scope) -> list[Leg]:
    """The legs of *row* that bear on *scope*: those of options that it does not have are left out."""
    legs = (leg for operation in row.operations for leg in operation.legs)
    return [leg for leg in legs if not leg.only_with or getattr(scope, leg.only_with)]


def _require(row: Capability, scope: Scope) -> None:
    if scope.require_guardrail:
        _refuse_unguarded(row, scope)
    if row.name in OPTIONAL_IN:
        return
    for leg in _legs(row, scope):
        field, option = REQUIRED.get(leg.resource, ("", ""))
        if leg.resource == "reranker" and scope.rerankers:
            continue
        if field and not getattr(scope, field):
            raise ConfigError(f"{row.name} needs {field.replace('_', ' ')}: name them with {option}", key_path=field)


def _refuse_unguarded(row: Capability, scope: Scope) -> None:
    """Refuse what lets a declared model be called without the guardrail that the scope requires.

    Where AWS calls the model in the caller's name it sends no guardrail along: with the condition AWS's call is denied,
    without it the caller may do the same directly. Source: User Guide, guardrails-permissions-id.
    """
    free = [leg for leg in _legs(row, scope) if leg.condition != "only-guarded"]
    called = {model for leg in free if leg.resource in MODELS for model in MODELS[leg.resource](scope)}
    # A job calls its model with the rights of its role, which is as good as unguarded for whoever may make jobs.
    called |= {model for leg in free if leg.resource == "batch-source" for model in scope.models}
    if called & set(scope.models):
        raise ConfigError(
            f"{row.name}: AWS calls the model for the caller and without the guardrail, so a policy that requires one"
            " denies it, and one that permits it lets the principal have the model called unguarded; make two principals,"
            " or let the account enforce the guardrail",
            key_path="guardrail",
        )


def _grants(row: Capability, scope: Scope) -> Iterable[Grant]:
    for operation in row.operations:
        for leg in operation.legs:
            for target in targets(leg, scope):
                yield Grant(row.name, operation, leg, target.arn, target.conditions)


def _statements(grants: Sequence[Grant]) -> Iterable[Statement]:
    """One statement a (condition, set of resources): actions share one only if they need the very same."""
    free = {(grant.leg.action, grant.arn) for grant in grants if not grant.conditions}
    needs: dict[tuple[str, Conditions], dict[str, None]] = {}
    for grant in grants:
        # What is granted without a condition needs no grant with one: a model declared by itself and through a profile.
        if not grant.conditions or (grant.leg.action, grant.arn) not in free:
            needs.setdefault((grant.leg.action, grant.conditions), {})[grant.arn] = None
    merged: dict[tuple[Conditions, tuple[str, ...]], list[str]] = {}
    for (action, conditions), arns in needs.items():
        merged.setdefault((conditions, tuple(sorted(arns))), []).append(action)
    taken: dict[str, int] = {}
    for (bound, resources), actions in merged.items():
        sid = _sid(actions, resources, bound, taken)
        yield Statement("Allow", sid, tuple(sorted(actions)), resources=resources, conditions=bound)


_NOUNS = (
    ("foundation-model/", "Models"),
    ("inference-profile/", "Profile"),
    ("prompt-router/", "Router"),
    (":marketplace/", "Endpoints"),
    (":endpoint/", "Endpoint"),
    ("provisioned-model/", "ProvisionedModel"),
    ("custom-model", "CustomModel"),
    ("imported-model/", "ImportedModel"),
    ("model-invocation-job/", "Jobs"),
    ("guardrail/", "Guardrail"),
    ("guardrail-profile/", "GuardrailProfile"),
    (":kms:", "Key"),
    ("knowledge-base/", "KnowledgeBase"),
    (":role/", "Role"),
    (":user/", "User"),
    (":instance-profile/", "InstanceProfile"),
    (":group/", "Group"),
    (":policy/bedrock-gateway/", "PrincipalPolicies"),
    (":policy/", "ManagedPolicies"),
    (":log-group:", "LogGroup"),
    (":s3vectors:", "Vectors"),
    (":aoss:", "Collections"),
    (":s3:::", "Bucket"),
)


_BOUND = (
    ("bedrock:InferenceProfileArn", "ThroughProfile"),
    ("bedrock:PromptRouterArn", "ThroughRouter"),
    ("bedrock:GuardrailIdentifier", "Guarded"),
)


def _sid(actions: Sequence[str], arns: Sequence[str], conditions: Conditions, taken: dict[str, int]) -> str:
    """A name that says what and on what, unique in the document; IAM allows letters and digits only."""
    noun = next((noun for part, noun in _NOUNS if part in arns[0]), "Account")
    keys = {key for _, pairs in conditions for key, _ in pairs}
    bound = "".join(word for key, word in _BOUND if key in keys)
    verb = re.sub(r"[^A-Za-z0-9]", "", actions[0].partition(":")[2]) if len(actions) == 1 else "Use"
    name = f"{verb}On{noun}{bound}"
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}{taken[name]}"


def _assumptions(grants: Iterable[Grant]) -> Iterable[Assumption]:
    seen = {(grant.leg.action, grant.arn): grant for grant in grants if grant.leg.confidence in ASSUMED}
    sure = {(grant.leg.action, grant.arn) for grant in grants if grant.leg.confidence not in ASSUMED}
    for (action, arn), grant in seen.items():
        if (action, arn) not in sure:
            yield Assumption(action, arn, grant.leg.confidence, grant.leg.source, grant.leg.why)


def _warnings(grants: Sequence[Grant], scope: Scope) -> Iterable[str]:
    resources = {grant.leg.resource for grant in grants}
    actions = {grant.leg.action for grant in grants}
    if resources & {"model", "batch-source"}:
        for model in unknown_models(scope):
            yield f"{model} is not in our data of {data_date()} for {scope.region}: check that it is offered there"
    if "model" in resources:
        for wrapper, inner in copied_profiles(scope):
            yield (
                f"{wrapper}: AWS does not say whether {inner}, from which it was copied, is checked too; its samples grant"
                " the models alone, and so does this policy"
            )
    if "bedrock:CountTokens" in actions:
        for model in uncounted_models(scope):
            yield f"{model}: AWS counts tokens for foundation models only; which one this is, --wraps can say"
    for resource, (declared, text) in _UNNAMED.items():
        if resource in resources and not getattr(scope, declared):
            yield text
    if "aws-marketplace:Subscribe" in actions and scope.partition == "aws-us-gov":
        yield "AWS GovCloud: a third-party model must be enabled in the linked commercial account too"


_UNNAMED: Mapping[Resource, tuple[str, str]] = {
    "knowledge-base": (
        "knowledge_bases",
        "no knowledge base is named, so the policy covers every one of this account and Region; name it once AWS has assigned its id",
    ),
    "managed-guardrail": (
        "guardrail",
        "no guardrail is named, so the policy covers every one of this account and Region; name it once AWS has assigned its id",
    ),
    "any-foundation-model": (
        "models",
        "no model is named, so the policy lets every model and profile of this account and Region be looked at",
    ),
}
