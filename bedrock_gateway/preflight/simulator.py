"""Ask IAM's own simulator whether this principal may do what its configuration needs, and what it must not do.

What is asked is made from the table, by the generator: each (action, resource) with the context in which AWS asks for it.
Requests that share a context share a call. What the simulator does not see is said with each answer: policies of resources,
of VPC endpoints and of sessions, resource control policies; keys of service control policies that were not given count as
absent. An "allowed" is therefore necessary and not sufficient; a denial that hangs on a key which nobody can know here is
no denial.

Sources: IAM API Reference, SimulatePrincipalPolicy; IAM User Guide, access_policies_testing-policies. AWS states no most of
actions and resources a call: what is kept to here is ours. Not verified against AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway._commands import Send
from bedrock_gateway.iam.generate import ASSUMED, generate
from bedrock_gateway.iam.globs import concrete
from bedrock_gateway.iam.resources import MODELS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.iam.arns import Conditions
    from bedrock_gateway.iam.generate import Grant
    from bedrock_gateway.preflight.flow import Asking, Probe

__all__ = [
    "MOST_ACTIONS",
    "MOST_RESOURCES",
    "Simulated",
    "Wanted",
    "asked_of",
    "calls_of",
    "region_of",
    "required",
    "simulated",
]

MOST_ACTIONS, MOST_RESOURCES = 100, 50
"""Of one call."""
_PAGE = 1000
"""The most results of a page, by the service's model."""

Context = tuple[tuple[str, tuple[str, ...]], ...]
"""Key → values, sorted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One action on one resource, in the context in which AWS asks for it."""

    action: str
    resource: str
    context: Context = ()
    of_model: bool = False
    """Whether it is a call of a model."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What the simulator says of one `Wanted`."""

    wanted: Wanted
    decision: str
    """``allowed``, ``explicitDeny`` or ``implicitDeny``; ``unanswered``: nothing of these was said."""
    by: Literal["", "organization", "boundary", "statement", "nothing"]
    """What denies: a service control policy, the permissions boundary, a Deny statement, or that nothing allows it."""
    hangs_on: tuple[str, ...] = ()
    """Condition keys of the policies that nobody can know here, such as the address that a request comes from."""

    @property
    def allowed(self) -> bool:
        """Whether the simulator allows it."""
        return self.decision == "allowed"


def required(probe: Probe) -> list[Wanted]:
    """Return what the capabilities of the principal need, as far as AWS states it; what is only assumed is left out.

    Raises:
        ConfigError: the configuration does not hold all that they apply to.
    """
    scope = probe.config.scope(probe.name)
    grants = generate(probe.principal.capabilities, scope).grants
    return list(dict.fromkeys(asked_of(grant, scope) for grant in grants if grant.leg.confidence not in ASSUMED))


def asked_of(grant: Grant, scope: Scope) -> Wanted:
    """Return what AWS asks IAM where the operation of *grant* is called."""
    of_model = grant.leg.resource in MODELS
    given = dict(_base(grant.leg.action, grant.arn, scope))
    if of_model and scope.guardrail:
        identifier, version = scope.guardrail
        arn = f"arn:{scope.partition}:bedrock:{scope.region}:{scope.account}:guardrail/{identifier}"
        given["bedrock:GuardrailIdentifier"] = (arn if version == "DRAFT" else f"{arn}:{version}",)
    given |= dict(_of_conditions(grant.conditions))
    return Wanted(grant.leg.action, grant.arn, tuple(sorted(given.items())), of_model)


def _base(action: str, resource: str, scope: Scope) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Keys that every request has, with values that are known."""
    yield "aws:SecureTransport", ("true",)
    yield "aws:ResourceAccount", (scope.account,)
    yield "aws:RequestedRegion", (region_of(action, resource, scope.partition, scope.region),)


_GLOBAL: Mapping[str, str] = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1"}


def region_of(action: str, resource: str, partition: str, region: str) -> str:
    """Return the Region in whose name AWS asks, of what is called in *region*.

    IAM has one place; a global profile's model has no Region, and AWS says so in a word of its own.
    """
    if action.startswith("iam:"):
        return _GLOBAL.get(partition, region)
    if resource.startswith(f"arn:{partition}:bedrock:::"):
        return "unspecified"
    return region


def _of_conditions(conditions: Conditions) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The keys that a grant is bound to hold a value that meets it."""
    for operator, pairs in conditions:
        if operator == "Null":
            continue
        for key, values in pairs:
            shown = tuple(map(concrete, values))
            yield key, shown if operator.startswith("For") else shown[:1]


def calls_of(arn: str, wanted: Iterable[Wanted]) -> list[dict[str, Any]]:
    """Return the parameters of the calls that answer for all of *wanted*: as few as their contexts permit."""
    groups: dict[tuple[Context, str], tuple[dict[str, None], dict[str, None]]] = {}
    for one in wanted:
        # Actions of one service share its resources; what has none is asked of "*", and answered elsewhere.
        kind = "*" if one.resource == "*" else one.action.partition(":")[0]
        actions, resources = groups.setdefault((one.context, kind), ({}, {}))
        actions[one.action] = resources[one.resource] = None
    return [
        {
            "PolicySourceArn": arn,
            "ActionNames": some,
            "ResourceArns": named,
            "ContextEntries": list(map(_entry, context)),
            "MaxItems": _PAGE,
        }
        for (context, _), (actions, resources) in groups.items()
        for some in _cut(sorted(actions), MOST_ACTIONS)
        for named in _cut(sorted(resources), MOST_RESOURCES)
    ]


def _cut(names: Sequence[str], most: int) -> Iterator[list[str]]:
    for start in range(0, len(names), most):
        yield list(names[start : start + most])


_BOOLEANS = frozenset({"aws:SecureTransport"})


def _entry(pair: tuple[str, tuple[str, ...]]) -> dict[str, Any]:
    key, values = pair
    kind = "boolean" if key in _BOOLEANS else "stringList" if key == "aws:TagKeys" or len(values) > 1 else "string"
    return {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": kind}


def simulated(probe: Probe, arn: str, wanted: Sequence[Wanted]) -> Generator[Asking, Any, list[Simulated]]:
    """Return what the simulator says of each of *wanted* for the role or user *arn*; all calls at the same time.

    Raises:
        GatewayError: a call was denied, or got no answer.
    """
    told: dict[tuple[str, str, Context], dict[str, Any]] = {}
    waiting = calls_of(arn, wanted)
    while waiting:
        replies = yield from probe.read_each([Send("iam", "SimulatePrincipalPolicy", one) for one in waiting])
        for call, reply in zip(waiting, replies, strict=True):
            context = tuple((one["ContextKeyName"], tuple(one["ContextKeyValues"])) for one in call["ContextEntries"])
            for action, resource, result in _results(reply, call):
                told[action, resource, context] = result
        waiting = [
            {**call, "Marker": reply["Marker"]}
            for call, reply in zip(waiting, replies, strict=True)
            if reply.get("IsTruncated")
        ]
    return [_judged(one, told.get((one.action, one.resource, one.context))) for one in wanted]


def _results(reply: Mapping[str, Any], call: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each (action, resource) with what is said of it; the resources' own results count, the one above them is of all."""
    alone = call["ResourceArns"][0] if len(call["ResourceArns"]) == 1 else None
    for result in reply["EvaluationResults"]:
        specific = result.get("ResourceSpecificResults") or []
        whole = {
            "decision": result["EvalDecision"],
            "missing": result.get("MissingContextValues"),
            "boundary": result.get("PermissionsBoundaryDecisionDetail"),
            "organization": result.get("OrganizationsDecisionDetail"),
        }
        for one in specific:
            yield (
                result["EvalActionName"],
                one["EvalResourceName"],
                {
                    **whole,
                    "decision": one["EvalResourceDecision"],
                    "missing": one.get("MissingContextValues"),
                    "boundary": one.get("PermissionsBoundaryDecisionDetail") or whole["boundary"],
                },
            )
        if not specific:
            yield result["EvalActionName"], alone or str(result.get("EvalResourceName")), whole


_DECISIONS = frozenset({"allowed", "explicitDeny", "implicitDeny"})


def _judged(wanted: Wanted, result: Mapping[str, Any] | None) -> Simulated:
    if result is None:
        return Simulated(wanted, "unanswered", "")
    decision = str(result["decision"])
    if decision not in _DECISIONS:  # a word of tomorrow neither allows nor denies
        return Simulated(wanted, "unanswered", "")
    if decision == "allowed":
        return Simulated(wanted, decision, "")
    if (result["organization"] or {}).get("AllowedByOrganizations") is False:
        return Simulated(wanted, decision, "organization")  # AWS does not list the keys of these policies
    unknown = tuple(filter(_depends_on_where, result["missing"] or ()))
    if (result["boundary"] or {}).get("AllowedByPermissionsBoundary") is False:
        return Simulated(wanted, decision, "boundary", unknown)
    return Simulated(wanted, decision, "statement" if decision == "explicitDeny" else "nothing", unknown)


_OF_THE_REQUEST = ("aws:calledvia", "aws:viaawsservice", "aws:requesttag/", "aws:tagkeys")


def _depends_on_where(key: str) -> bool:
    """Whether a key that was not given has a value that nobody knows here: what the request itself sets was given, or is not set."""
    name = key.casefold()
    return "resourcetag/" in name or (name.startswith("aws:") and not name.startswith(_OF_THE_REQUEST))
