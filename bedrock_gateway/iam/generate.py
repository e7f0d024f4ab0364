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
from bedrock_gateway.iam.resources import Conditions, targets, unknown_models

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bedrock_gateway.capabilities import Capability, Leg, Operation, Scope

__all__ = ["Assumption", "Generated", "Grant", "generate"]

ASSUMED = frozenset({"L", "?"})

# What a scope must hold for a resource of the table, and how to say it on the command line.
REQUIRED = {
    "model": ("models", "--model"),
    "foundation-model": ("models", "--model"),
    "knowledge-base-role": ("knowledge_base_roles", "--kb-role"),
    "provisioned-role": ("knowledge_base_roles", "--kb-role"),
    "document-bucket": ("documents", "--documents"),
    "document-object": ("documents", "--documents"),
    "vector-bucket": ("vector_indexes", "--vector-index"),
    "vector-index": ("vector_indexes", "--vector-index"),
}
# The preflight reads what there is; a scope without models is one in which it has no model to read.
OPTIONAL_IN = frozenset({"preflight-standard"})


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
    kept = tuple(grant for grant in grants if not (strict and grant.leg.confidence in ASSUMED))
    if not kept:
        raise ConfigError(f"{', '.join(capabilities)}: nothing to grant in this scope")
    return Generated(Policy(tuple(_statements(kept))), kept, tuple(_assumptions(kept)), tuple(_warnings(kept, scope)))


def _require(row: Capability, scope: Scope) -> None:
    if row.name in OPTIONAL_IN:
        return
    for leg in (leg for operation in row.operations for leg in operation.legs):
        field, option = REQUIRED.get(leg.resource, ("", ""))
        if field and not getattr(scope, field):
            raise ConfigError(f"{row.name} needs {field.replace('_', ' ')}: name them with {option}", key_path=field)


def _grants(row: Capability, scope: Scope) -> Iterable[Grant]:
    for operation in row.operations:
        for leg in operation.legs:
            for target in targets(leg, scope):
                yield Grant(row.name, operation, leg, target.arn, target.conditions)


def _statements(grants: Sequence[Grant]) -> Iterable[Statement]:
    """One statement a (condition, set of resources): actions share one only if they need the very same."""
    needs: dict[tuple[str, Conditions], dict[str, None]] = {}
    for grant in grants:
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
    ("guardrail/", "Guardrail"),
    ("knowledge-base/", "KnowledgeBase"),
    (":role/", "Role"),
    (":policy/", "ManagedPolicies"),
    (":log-group:", "LogGroup"),
    (":s3vectors:", "Vectors"),
    (":s3:::", "Bucket"),
)


def _sid(actions: Sequence[str], arns: Sequence[str], conditions: Conditions, taken: dict[str, int]) -> str:
    """A name that says what and on what, unique in the document; IAM allows letters and digits only."""
    noun = next((noun for part, noun in _NOUNS if part in arns[0]), "Account")
    bound = (
        "ThroughProfile"
        if any(key == "bedrock:InferenceProfileArn" for _, keys in conditions for key, _ in keys)
        else ""
    )
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
    if any(grant.leg.resource == "model" for grant in grants):
        for model in unknown_models(scope):
            yield f"{model} is not in our data of {data_date()}: check that {scope.region} offers it"
    if not scope.knowledge_bases and any(grant.leg.resource == "knowledge-base" for grant in grants):
        yield "no knowledge base is named, so the policy covers every one of this account and Region; name it once AWS has assigned its id"
