"""IAM-03 and GOV-05: ways around what is declared, found in the principal's own policies by our evaluator.

A way up is looked for on what the statements themselves name: for each that allows the action, on a resource that it
covers. What holds only under conditions that a request cannot choose is not counted; what an organisation's policies take
away besides is not seen.

Sources: Rhino Security Labs, AWS IAM privilege escalation methods; cloudsplaining, for the code interpreter of AgentCore;
Bedrock User Guide, guardrails-permissions-id. Not verified against AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.actions import action as known_action
from bedrock_gateway.iam.actions import fits
from bedrock_gateway.iam.conditions import matches
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, UndecidableError, evaluate
from bedrock_gateway.iam.globs import concrete
from bedrock_gateway.preflight.checks.permissions import Self, judged
from bedrock_gateway.preflight.flow import Check, Finding, Probe
from bedrock_gateway.preflight.simulator import Wanted, region_of, required

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["CHECKS", "WAYS_UP", "find_ways"]


@dataclass(frozen=True, slots=True)
class WayUp:
    """Actions that together lead to rights of somebody else."""

    name: str
    actions: tuple[str, ...]
    passes_to: str | None = None
    """The service that is handed a role; None: no role is passed."""


def _alone(names: str) -> tuple[WayUp, ...]:
    return tuple(WayUp(name, (f"iam:{name}",)) for name in names.split())


def _passing(service: str, name: str, *actions: str) -> WayUp:
    return WayUp(name, ("iam:PassRole", *actions), f"{service}.amazonaws.com")


WAYS_UP: tuple[WayUp, ...] = (
    *_alone(
        "CreatePolicyVersion SetDefaultPolicyVersion AttachUserPolicy AttachGroupPolicy AttachRolePolicy PutUserPolicy"
        " PutGroupPolicy PutRolePolicy AddUserToGroup CreateAccessKey CreateLoginProfile UpdateLoginProfile"
        " DeleteRolePermissionsBoundary DeleteUserPermissionsBoundary CreateServiceSpecificCredential"
    ),
    WayUp("a trust policy changed, the role assumed", ("iam:UpdateAssumeRolePolicy", "sts:AssumeRole")),
    _passing("ec2", "an instance with another role", "ec2:RunInstances"),
    _passing("lambda", "a function with another role, called", "lambda:CreateFunction", "lambda:InvokeFunction"),
    _passing("lambda", "a function with another role, fed", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
    WayUp("the code of a function changed", ("lambda:UpdateFunctionCode",)),
    _passing("cloudformation", "a stack with another role", "cloudformation:CreateStack"),
    _passing("glue", "an endpoint with another role", "glue:CreateDevEndpoint"),
    _passing("glue", "a job with another role", "glue:CreateJob", "glue:StartJobRun"),
    _passing("codebuild", "a build with another role", "codebuild:CreateProject", "codebuild:StartBuild"),
    _passing("ecs-tasks", "a task with another role", "ecs:RegisterTaskDefinition", "ecs:RunTask"),
    _passing(
        "sagemaker",
        "a notebook with another role",
        "sagemaker:CreateNotebookInstance",
        "sagemaker:CreatePresignedNotebookInstanceUrl",
    ),
    _passing("datapipeline", "a pipeline with another role", "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"),
    _passing(
        "bedrock-agentcore",
        "a code interpreter with another role",
        "bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore:StartCodeInterpreterSession",
        "bedrock-agentcore:InvokeCodeInterpreter",
    ),
    WayUp("a command on a machine with another role", ("ssm:SendCommand",)),
)  # fmt: skip
"""The known ways in which rights of one's own lead to those of others."""

_SHOWN = 6


def _layers(me: Self) -> Layers:
    boundary = None if me.boundary is None else [me.boundary]
    return Layers(identity=[one.policy for one in me.policies], boundary=boundary)


def _asked(me: Self, region: str, action: str, resource: str, context: Mapping[str, str]) -> AccessRequest:
    base = {
        "aws:RequestedRegion": region_of(action, resource, me.arn.split(":")[1], region),
        "aws:PrincipalArn": me.arn,
        "aws:SecureTransport": "true",
        "aws:MultiFactorAuthPresent": "true",
    }
    return AccessRequest(action, resource, {**base, **context}, PrincipalRef(me.arn, me.arn.split(":")[4]))


Pairs = frozenset[tuple[str, str]]
"""(action, pattern of its resources)."""


def _resources(me: Self, region: str, action: str, needed: Pairs) -> Iterator[str]:
    """Resources of each pattern under which a statement allows *action*: a way up may be as narrow as one role."""
    seen: dict[str, None] = {}
    for held in me.policies:
        for statement in held.policy.statements:
            named = any(matches(one.casefold(), action.casefold()) for one in statement.actions)
            excepted = statement.not_actions and not any(
                matches(one.casefold(), action.casefold()) for one in statement.not_actions
            )
            if statement.effect == "Allow" and (named or excepted):
                seen |= dict.fromkeys(statement.resources or ("*",))
    examples = _examples(me, region, action)
    for pattern in seen:
        if (action, pattern) not in needed:
            fitting = [one for one in examples if matches(pattern, one)]
            yield from fitting or ["*" if pattern == "*" else concrete(pattern)]


def _examples(me: Self, region: str, action: str) -> list[str]:
    """What AWS asks about where *action* is called: somebody's, and each that a statement names, be it to except it.

    Of actions that our data does not hold, none: their resources are what their statements say.
    """
    row = known_action(action)
    if row is None or not row.arns:
        return []
    parts = me.arn.split(":")
    partition, account = parts[1], parts[4]
    known = {"Partition": partition, "Region": region, "Account": account}
    made = [_PART.sub(lambda part: known.get(part[1], "somebody"), one) for one in row.arns]
    policies = [*(one.policy for one in me.policies), *([me.boundary] if me.boundary else [])]
    named = [
        concrete(one)
        for policy in policies
        for statement in policy.statements
        for one in (*statement.resources, *statement.not_resources)
    ]
    return list(dict.fromkeys([*made, *(one for one in named if one != "*" and fits(action, one))]))


_PART = re.compile(r"\$\{([^}]*)\}")


def _may(me: Self, region: str, way: WayUp, needed: Pairs) -> bool:
    """Whether every action of *way* is allowed on some resource.

    Raises:
        UndecidableError: AWS does not document what a statement means that it hangs on.
    """
    layers = _layers(me)
    context = {"iam:PassedToService": way.passes_to} if way.passes_to else {}
    return all(
        any(
            evaluate(_asked(me, region, action, one, context), layers).allowed
            for one in _resources(me, region, action, needed)
        )
        for action in way.actions
    )


def find_ways(me: Self, region: str, needed: Pairs = frozenset()) -> list[WayUp]:
    """Return the known ways up that the policies of *me* allow, its boundary considered.

    *needed* is left aside: what the principal is there for.

    Raises:
        UndecidableError: AWS does not document what a statement means that one of them hangs on.
    """
    return [way for way in WAYS_UP if _may(me, region, way, needed)]


_DECLARED = "Let few people, with MFA, be this principal: its capabilities are there to give rights."


def _needed(probe: Probe) -> Pairs:
    try:
        return frozenset((one.action, one.resource) for one in required(probe))
    except ConfigError:  # nothing is left aside then
        return frozenset()


def _iam_03(probe: Probe, me: Self) -> Finding:
    try:
        every = find_ways(me, probe.config.region)
        found = find_ways(me, probe.config.region, _needed(probe)) if every else []
    except UndecidableError as error:
        return Finding("unknown", f"whether its policies lead to more rights could not be decided: {error}")
    if found:
        more = f" and {len(found) - _SHOWN} more ways" if len(found) > _SHOWN else ""
        said = ", ".join(way.name if len(way.actions) > 1 else way.actions[0] for way in found[:_SHOWN])
        evidence = {way.name: ", ".join(way.actions) for way in found[:20]}
        return Finding("fail", f"its policies lead to rights of others: {said}{more}", evidence)
    if every:
        said = ", ".join(way.name for way in every[:_SHOWN])
        return Finding("warn", f"what it is declared for leads to rights of others: {said}", advice=_DECLARED)
    return Finding("pass", f"none of {len(WAYS_UP)} known ways leads to rights of others")


_CALLS = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")


def _gov_05(probe: Probe, me: Self) -> Finding:
    """Whether IAM holds a caller to the guardrail that our client adds: whoever has the role need not use our client."""
    if probe.config.guardrail is None:
        return Finding("not_applicable", "no guardrail is declared")
    try:
        calls = [one for one in required(probe) if one.of_model and one.action in _CALLS]
    except ConfigError as error:
        return Finding("unknown", f"what it calls cannot be told: {error.message}")
    if not calls:
        return Finding("not_applicable", "this principal calls no model")
    try:
        open_ = [how for how, added in _unguarded(probe).items() if _calls_some(me, calls, added)]
    except UndecidableError as error:
        return Finding("unknown", f"whether a model can be called without the guardrail could not be decided: {error}")
    if open_:
        return Finding("warn", f"IAM lets this principal call its models {' and '.join(open_)}")
    return Finding("pass", "IAM denies every call of a declared model without the guardrail")


def _unguarded(probe: Probe) -> Mapping[str, Mapping[str, str]]:
    config = probe.config
    other = f"arn:{config.partition}:bedrock:{config.region}:{config.account}:guardrail/other0000000"
    return {"without a guardrail": {}, "with another guardrail": {_KEY: other}}


_KEY = "bedrock:GuardrailIdentifier"
_PROFILE = "bedrock:InferenceProfileArn"


def _calls_some(me: Self, calls: Sequence[Wanted], added: Mapping[str, str]) -> bool:
    """Whether a model can be called so: through a profile, all that the call is authorised on must be allowed."""
    allowed: dict[tuple[str, str], bool] = {}
    for call in calls:
        carried = {key: values[0] for key, values in call.context if key != _KEY}
        context = {**carried, "aws:PrincipalArn": me.arn, **added}
        request = AccessRequest(call.action, call.resource, context, PrincipalRef(me.arn, me.arn.split(":")[4]))
        which = (call.action, context.get(_PROFILE, call.resource))
        allowed[which] = allowed.get(which, True) and evaluate(request, _layers(me)).allowed
    return any(allowed.values())


CHECKS: dict[str, Check] = {"IAM-03": judged(_iam_03), "GOV-05": judged(_gov_05)}
