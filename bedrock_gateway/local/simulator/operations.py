"""SimulatePrincipalPolicy, SimulateCustomPolicy and the two that list the context keys of policies.

What AWS's simulator does not do is not done here either: no session policies, no resource control policies, no policy of a
resource but the one that is given, and that only for users. Service control policies come with the request
(``OrderedOrganizationPolicyInputList``): the local account is in no organisation. The name of the result is the resource
where there is one, and ``*`` where there are several: AWS's newest reference promises the template of the action's ARN,
and what it was seen to answer is the former.

Sources: IAM API Reference, SimulatePrincipalPolicy and SimulateCustomPolicy; IAM User Guide,
access_policies_testing-policies. The texts of refusals but the first are not AWS's. Not verified against AWS.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.conditions import UndecidableError
from bedrock_gateway.iam.evaluate import PrincipalRef
from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.moto_bridge import LOCK
from bedrock_gateway.local.simulator.decisions import ALLOWED, EXPLICIT, IMPLICIT, Decided, Simulation
from bedrock_gateway.local.simulator.sources import (
    BOUNDARY,
    Subject,
    boundary_of,
    excluding,
    given,
    policies_of,
    subject_of,
)
from bedrock_gateway.local.simulator.texts import keys_of
from bedrock_gateway.local.wire.constraints import refuse_out_of_range
from bedrock_gateway.local.wire.routes import operation_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bedrock_gateway.local.call import Call, Handlers
    from bedrock_gateway.local.simulator.sources import Source

__all__ = ["HANDLERS"]

_PAGE = 100
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+")
_ACCOUNT = re.compile(r"(?:arn:[^:]+:iam::)?(\d{12})(?::root)?")
_EC2_SCENARIOS = frozenset(
    {"EC2-VPC-InstanceStore", "EC2-VPC-InstanceStore-Subnet", "EC2-VPC-EBS", "EC2-VPC-EBS-Subnet"}
)
_WORST = (EXPLICIT, IMPLICIT, ALLOWED)
_TYPES = {"user": "User", "role": "AssumedRole"}


def _invalid(text: str) -> Fault:
    return Fault("InvalidInput", text, 400)


def _checked(call: Call) -> Mapping[str, Any]:
    """Return the parameters, once they are within the limits of the service's model and its reference."""
    params = call.params
    refuse_out_of_range(params, operation_model("iam", call.operation).input_shape)
    for action in params.get("ActionNames") or ():
        if not _ACTION.fullmatch(action):
            raise _invalid(f"Invalid Action: {action} is not one action with its service prefix.")
    if len(params.get("PermissionsBoundaryPolicyInputList") or ()) > 1:
        raise _invalid("Only one permissions boundary policy can be simulated.")
    scenario = params.get("ResourceHandlingOption")
    if scenario is not None and scenario not in _EC2_SCENARIOS:
        raise _invalid(f"Invalid ResourceHandlingOption: {scenario}")
    return params


def _caller(params: Mapping[str, Any], subject: Subject | None) -> Subject | None:
    arn = params.get("CallerArn")
    return subject_of(arn) if arn is not None else subject


def _resource_policy(params: Mapping[str, Any], caller: Subject | None) -> Source | None:
    text = params.get("ResourcePolicy")
    if text is None:
        return None
    if caller is None:
        raise _invalid("CallerArn is required with ResourcePolicy.")
    if caller.kind != "user":
        raise _invalid("Simulation of resource-based policies is supported for IAM users only.")
    return given([text], "ResourcePolicy")[0]


def _owner(params: Mapping[str, Any], caller: Subject | None) -> str | None:
    named = params.get("ResourceOwner")
    if named is None:
        return caller.account if caller else None
    found = _ACCOUNT.fullmatch(named)
    if found is None:
        raise _invalid(f"Invalid ResourceOwner: {named} is not an account.")
    return found[1]


def _context(call: Call, caller: Subject | None) -> dict[str, str | Sequence[str]]:
    """Return the keys that AWS fills in by itself, with those of the request over them."""
    found: dict[str, str | Sequence[str]] = {}
    if caller is not None and caller.kind in _TYPES:
        found |= {"aws:PrincipalAccount": caller.account, "aws:PrincipalType": _TYPES[caller.kind]}
        found |= _names_of(call, caller)
    for entry in call.params.get("ContextEntries") or ():
        values, kind = entry.get("ContextKeyValues") or [], entry.get("ContextKeyType") or "string"
        name = entry.get("ContextKeyName")
        if not name or (len(values) != 1 and not kind.endswith("List")):
            raise _invalid(f"Invalid ContextEntry: {name} has {len(values)} values of type {kind}.")
        found[name] = list(values) if kind.endswith("List") else values[0]
    return found


def _names_of(call: Call, caller: Subject) -> dict[str, str]:
    if caller.kind != "user":
        return {}
    known = call.aws.directory.user_principal(caller.name)
    return {"aws:username": caller.name, **({"aws:userid": known.user_id} if known else {})}


def _ref(caller: Subject | None) -> PrincipalRef | None:
    if caller is None or caller.kind == "group":
        return None
    return PrincipalRef(caller.arn, caller.account, role_arn=caller.arn if caller.kind == "role" else None)


def _principal(call: Call) -> Reply:
    params = _checked(call)
    subject = subject_of(params["PolicySourceArn"])
    caller = _caller(params, subject)
    directory = call.aws.directory
    with LOCK:
        own = [*policies_of(directory, subject), *boundary_of(directory, subject)]
        context = _context(call, caller)
    kept = excluding(own, params.get("PolicyExclusionList") or ())
    attached = [one for one in kept if one.kind == BOUNDARY]
    identity = [one for one in kept if one.kind != BOUNDARY]
    return _answer(
        call,
        Simulation(
            [*identity, *given(params.get("PolicyInputList") or (), "PolicyInputList")],
            _given_boundary(params) or attached or None,
            _resource_policy(params, caller),
            context=context,
            caller=_ref(caller),
            owner=_owner(params, caller),
        ),
    )


def _given_boundary(params: Mapping[str, Any]) -> list[Source]:
    return given(params.get("PermissionsBoundaryPolicyInputList") or (), "PermissionsBoundaryPolicyInputList")


def _custom(call: Call) -> Reply:
    params = _checked(call)
    caller = _caller(params, None)
    levels = params.get("OrderedOrganizationPolicyInputList")
    with LOCK:
        context = _context(call, caller)
    return _answer(
        call,
        Simulation(
            given(params["PolicyInputList"], "PolicyInputList"),
            _given_boundary(params) or None,
            _resource_policy(params, caller),
            [given(one.get("ServiceControlPolicyInputList") or (), "ServiceControlPolicyInputList") for one in levels]
            if levels
            else None,
            context,
            _ref(caller),
            _owner(params, caller),
        ),
    )


def _answer(call: Call, simulation: Simulation) -> Reply:
    actions, start = call.params["ActionNames"], _offset(call.params.get("Marker"))
    size = call.params.get("MaxItems") or _PAGE
    try:
        results = [_result(simulation, one, call.params.get("ResourceArns")) for one in actions[start : start + size]]
    except UndecidableError as error:
        raise Fault("PolicyEvaluation", str(error), 500) from None
    more = start + size < len(actions)
    marker = {"Marker": base64.b64encode(str(start + size).encode()).decode()} if more else {}
    return Reply({"EvaluationResults": results, "IsTruncated": more, **marker})


def _offset(marker: str | None) -> int:
    if marker is None:
        return 0
    try:
        return int(base64.b64decode(marker, validate=True))
    except (binascii.Error, ValueError):
        raise _invalid("Invalid Marker.") from None


def _result(simulation: Simulation, action: str, resources: Sequence[str] | None) -> dict[str, Any]:
    """Return what AWS says of one action: of all resources together, and of each where any are named."""
    decided = [(resource, simulation.decide(action, resource)) for resource in resources or ("*",)]
    each = [one for _, one in decided]
    specific = [_specific(resource, one) for resource, one in decided] if resources and resources != ["*"] else []
    by_organization = [one.by_organization for one in each if one.by_organization is not None]
    word = next(word for word in _WORST if any(one.decision == word for one in each))
    details = {
        name: _worst([one.details[name] for one in each if name in one.details]) for one in each for name in one.details
    }
    return {
        "EvalActionName": action,
        "EvalResourceName": decided[0][0] if len(decided) == 1 else "*",
        "EvalDecision": word,
        "MatchedStatements": _distinct([matched for one in each if one.decision == word for matched in one.matched]),
        "MissingContextValues": _distinct([name for one in each for name in one.missing]),
        **(
            {"OrganizationsDecisionDetail": {"AllowedByOrganizations": all(by_organization)}} if by_organization else {}
        ),
        **_bounded(each),
        **({"EvalDecisionDetails": details, "ResourceSpecificResults": specific} if specific else {}),
    }


def _worst(words: Sequence[str]) -> str:
    return next(word for word in _WORST if word in words)


def _distinct(listed: Sequence[Any]) -> list[Any]:
    return [one for number, one in enumerate(listed) if one not in listed[:number]]


def _bounded(each: Sequence[Decided]) -> dict[str, Any]:
    known = [one.by_boundary for one in each if one.by_boundary is not None]
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": all(known)}} if known else {}


def _specific(resource: str, one: Decided) -> dict[str, Any]:
    return {
        "EvalResourceName": resource,
        "EvalResourceDecision": one.decision,
        "MatchedStatements": list(one.matched),
        "MissingContextValues": list(one.missing),
        **({"EvalDecisionDetails": dict(one.details)} if one.details else {}),
        **_bounded([one]),
    }


def _keys(sources: Sequence[Source]) -> Reply:
    found = [key for source in sources for statement in source.policy.statements for key in keys_of(statement)]
    return Reply({"ContextKeyNames": _distinct(found)})


def _keys_of_principal(call: Call) -> Reply:
    params = _checked(call)
    with LOCK:
        own = policies_of(call.aws.directory, subject_of(params["PolicySourceArn"]))
    return _keys([*own, *given(params.get("PolicyInputList") or (), "PolicyInputList")])


def _keys_of_custom(call: Call) -> Reply:
    return _keys(given(_checked(call)["PolicyInputList"], "PolicyInputList"))


HANDLERS: Handlers = {
    ("iam", "SimulatePrincipalPolicy"): _principal,
    ("iam", "SimulateCustomPolicy"): _custom,
    ("iam", "GetContextKeysForPrincipalPolicy"): _keys_of_principal,
    ("iam", "GetContextKeysForCustomPolicy"): _keys_of_custom,
}
