"""REG-08, MOD-05, IAM-04 and IAM-05: what IAM's own simulator says that this principal may do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError, NotFoundError
from bedrock_gateway.iam.model_legs import own_arns
from bedrock_gateway.preflight.checks.permissions import kind_of
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe, worst
from bedrock_gateway.preflight.simulator import Simulated, Wanted, region_of, required, simulated

__all__ = ["CHECKS", "FORBIDDEN"]

Checking = Generator[Asking, Any, Finding]

_ARN_PARTS = 6
_SHOWN = 4
_BY: Mapping[str, str] = {
    "organization": "a service control policy denies it",
    "boundary": "the permissions boundary does not allow it",
    "statement": "a statement denies it",
    "nothing": "no policy of it allows it",
}
_ADVICE: Mapping[str, str] = {
    "organization": "Whoever administers the organisation has to let it through; of a profile, in every Region where it may run.",
    "boundary": "Let the permissions boundary allow it, or give the principal another.",
    "statement": "Take the Deny statement away, or except it.",
    "nothing": "Attach what `bedrock-gateway policy` prints for this principal.",
}
_ANY = re.compile(r"[a-z-]+[/:]\*")
"""The end of an ARN that stands for everything of a type."""


def _of_any(resource: str) -> bool:
    return _ANY.fullmatch(resource.split(":", _ARN_PARTS - 1)[-1]) is not None


_RESOURCE_MAY = ("s3:", "kms:", "bedrock:ApplyGuardrail", "secretsmanager:")
_OPEN: Mapping[str, Callable[[Wanted], bool]] = {
    "a policy of the resource may allow it, and the simulator does not look there": lambda one: one.action.startswith(
        _RESOURCE_MAY
    ),
    "on all of that kind, that is: it may be allowed on those that are there": lambda one: (
        _of_any(one.resource) and not one.action.startswith(_RESOURCE_MAY)
    ),
}
"""Why something that no policy allows may be allowed all the same, and of what that is so."""

FORBIDDEN: Mapping[str, tuple[str, ...]] = {
    "*": (
        "bedrock:PutModelInvocationLoggingConfiguration",
        "bedrock:DeleteModelInvocationLoggingConfiguration",
        "bedrock:PutAccountDataRetention",
        "bedrock:PutEnforcedGuardrailConfiguration",
        "bedrock:DeleteEnforcedGuardrailConfiguration",
        "bedrock:CallWithBearerToken",
        "bedrock-mantle:CallWithBearerToken",
    ),
    "arn:{P}:bedrock:{R}:{A}:guardrail/*": ("bedrock:UpdateGuardrail", "bedrock:DeleteGuardrail"),
    "arn:{P}:bedrock-mantle:{R}:{A}:project/*": ("bedrock-mantle:CreateInference",),
    "arn:{P}:iam::{A}:user/*": (
        "iam:CreateUser",
        "iam:CreateAccessKey",
        "iam:CreateServiceSpecificCredential",
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
        "iam:PutUserPolicy",
        "iam:AttachUserPolicy",
    ),
    "arn:{P}:iam::{A}:role/*": (
        "iam:PutRolePolicy",
        "iam:AttachRolePolicy",
        "iam:UpdateAssumeRolePolicy",
        "iam:DeleteRolePermissionsBoundary",
    ),
    "arn:{P}:iam::{A}:policy/*": ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
}
"""Resource → what nobody who calls models, nor who sets things up with our policies, may do on all of that kind."""


Judging = Callable[[Probe, str], Checking]
"""Judges the role or user of that ARN, as the principal that the probe is about."""


def _entity_arn(probe: Probe, kind: str, name: str) -> Generator[Asking, Any, str]:
    """The ARN to simulate, path included, which neither a session's ARN nor a name has."""
    of = kind.capitalize()
    [reply] = yield from probe.read_each([Send("iam", f"Get{of}", {f"{of}Name": name})])
    return str(reply[of]["Arn"])


def _own_arn(probe: Probe) -> Generator[Asking, Any, str | None]:
    """None for whom IAM has no policies."""
    who = yield from probe.read("sts", "GetCallerIdentity")
    kind, name = kind_of(str(who["Arn"]))
    if kind not in {"role", "user"}:
        return None
    return (yield from _entity_arn(probe, kind, name))


_NOBODY = Finding("not_applicable", "IAM holds no policies of this principal")


def _each(judge: Judging) -> Check:
    """A check of whoever runs it, and of every other principal whose role or user the configuration declares."""

    def check(probe: Probe) -> Checking:
        own = yield from _own_arn(probe)
        findings = [(yield from judge(probe, own)) if own else _NOBODY]
        for name, one in probe.config.principals.items():
            if name == probe.name or one.identity is None or one.identity.kind == "group":
                continue
            view = replace(probe, name=name, principal=one)
            try:
                arn = yield from _entity_arn(view, one.identity.kind, one.identity.named(name))
                if arn != own:
                    found = yield from judge(view, arn)
                    findings.append(replace(found, summary=f"{name}: {found.summary}"))
            except NotFoundError:
                continue  # nobody has made it yet: there is nothing to judge
            finally:
                probe.calls, probe.last = view.calls, view.last
        return worst(findings, "")

    return check


def _forbidden(probe: Probe, needed: Sequence[Wanted]) -> list[Wanted]:
    """What must not be allowed, but for what the principal's own capabilities need."""
    config, scope = probe.config, probe.scope
    own = {(one.action, one.resource) for one in needed}
    names = {"P": config.partition, "R": config.region, "A": config.account}
    context: dict[str, tuple[str, ...]] = {"aws:SecureTransport": ("true",), "aws:ResourceAccount": (scope.account,)}
    found = []
    for template, actions in FORBIDDEN.items():
        resource = template.format_map(names)
        region = region_of(actions[0], resource, config.partition, config.region)
        given = tuple(sorted((context | {"aws:RequestedRegion": (region,)}).items()))
        found += [Wanted(action, resource, given) for action in actions if (action, resource) not in own]
    return found


def _needed(judge: Callable[[Probe, Sequence[Simulated]], Finding]) -> Check:
    """A check of what a principal needs; all of them ask the same, so that the answers are shared."""

    def judging(probe: Probe, arn: str) -> Checking:
        try:
            needed = required(probe)
        except ConfigError as error:
            return _untold(error)
        return judge(probe, (yield from simulated(probe, arn, needed)))

    return _each(judging)


def _untold(error: ConfigError) -> Finding:
    return Finding("unknown", f"what is to be allowed cannot be told: {error.message}")


def _mod_05(probe: Probe, needed: Sequence[Simulated]) -> Finding:
    calls = [one for one in needed if one.wanted.of_model]
    if not calls:
        return Finding("not_applicable", "this principal calls no model")
    return _granted(probe, calls, "the simulator lets every declared model be called")


def _iam_04(probe: Probe, needed: Sequence[Simulated]) -> Finding:
    others = [one for one in needed if not one.wanted.of_model]
    if not others:
        return Finding("not_applicable", "this principal needs nothing but to call its models: see MOD-05")
    return _granted(probe, others, "the simulator allows whatever else is declared")


def _iam_05(probe: Probe, arn: str) -> Checking:
    """In calls of its own: an action that the simulator does not take must not hide what is needed."""
    try:
        forbidden = _forbidden(probe, required(probe))
    except ConfigError as error:
        return _untold(error)
    return _denied((yield from simulated(probe, arn, forbidden)))


def _denied(forbidden: Sequence[Simulated]) -> Finding:
    allowed = [one.wanted for one in forbidden if one.allowed]
    if allowed:
        said = f"it may {_some(one.action for one in allowed)}, and nothing that is declared needs it"
        return Finding("fail", said, {one.action: one.resource for one in allowed})
    if doubtful := [one for one in forbidden if one.hangs_on or one.decision == "unanswered"]:
        return Finding("unknown", "; ".join(_doubts(doubtful)))
    return Finding("pass", f"the simulator denies all {len(forbidden)} actions that it must not have")


def _granted(probe: Probe, found: Sequence[Simulated], good: str) -> Finding:
    """One finding of all: a denial fails, what hangs on what is not known here is unknown."""
    denied = [one for one in found if not one.allowed]
    open_ = {why: [one for one in denied if one.by == "nothing" and test(one.wanted)] for why, test in _OPEN.items()}
    doubtful = [one for one in denied if one.decision == "unanswered" or one.hangs_on]
    certain = [one for one in denied if one not in doubtful and not any(one in some for some in open_.values())]
    if certain:
        by = certain[0].by
        command = _policy(probe) if by == "nothing" else None
        return Finding("fail", "; ".join(_said(certain)), _by_resource(certain), command, advice=_ADVICE.get(by))
    if doubtful:
        return Finding("unknown", "; ".join(_doubts(doubtful)))
    if said := [f"{'; '.join(_said(some))}; {why}" for why, some in open_.items() if some]:
        return Finding("warn", "; ".join(said), advice="Attach what `bedrock-gateway policy` prints, unless it is so.")
    return Finding("pass", good)


def _said(denied: Sequence[Simulated]) -> Iterator[str]:
    """What is denied, by what denies it."""
    for by, text in _BY.items():
        same = [one for one in denied if one.by == by]
        if same:
            yield f"{_some(f'{one.wanted.action} on {one.wanted.resource}' for one in same)}: {text}"


def _doubts(doubtful: Sequence[Simulated]) -> Iterator[str]:
    keys = sorted({key for one in doubtful for key in one.hangs_on})
    named = [f"{one.wanted.action} on {one.wanted.resource}" for one in doubtful]
    if keys:
        yield f"whether {_some(named)} is allowed hangs on {_some(keys)}, which is not known here"
    else:
        yield f"the simulator did not answer for {_some(named)}"


def _some(texts: Iterable[str]) -> str:
    listed = list(dict.fromkeys(texts))
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{', '.join(listed[:_SHOWN])}{more}"


def _by_resource(denied: Sequence[Simulated]) -> dict[str, str]:
    return {f"{one.wanted.action} on {one.wanted.resource}": _BY.get(one.by, "") for one in denied[:20]}


def _policy(probe: Probe) -> str:
    where = ["--env", probe.config.environment] if probe.config.environment else []
    return shlex.join(["bedrock-gateway", "policy", "--principal", probe.name, *where])


def _reg_08(probe: Probe, arn: str) -> Checking:
    """Every Region where AWS says that a declared profile may run: it chooses one for each call, so one call shows nothing."""
    profiles = [one for one in probe.principal.models if parse_model_id(one).kind in {"profile", "application-profile"}]
    if not profiles:
        return Finding("not_applicable", "this principal calls no inference profile")
    try:
        needed = required(probe)
    except ConfigError as error:
        return _untold(error)
    wanted: list[Wanted] = []
    for profile in profiles:
        wanted += yield from _destinations(probe, profile, needed)
    if not wanted:
        return Finding("not_applicable", "AWS names no destination beside this Region")
    found = yield from simulated(probe, arn, wanted)
    regions = sorted({one.resource.split(":")[3] or "any commercial Region" for one in wanted})
    return _granted(probe, found, f"allowed wherever AWS may run it: {', '.join(regions)}")


def _destinations(probe: Probe, profile: str, needed: Sequence[Wanted]) -> Generator[Asking, Any, list[Wanted]]:
    """The model of *profile* in each other Region, asked in that Region's name: service control policies name Regions."""
    try:
        reply = yield from probe.read("bedrock", "GetInferenceProfile", inferenceProfileIdentifier=profile)
    except NotFoundError:
        return []  # MOD-04 says so
    [own] = own_arns(replace(probe.scope, models=(profile,)), "profile", "application-profile")
    calls = {one.action: one.context for one in needed if one.of_model and one.resource == own}
    found = []
    for model in reply.get("models", []):
        arn = str(model.get("modelArn") or "")
        region = arn.split(":")[3] if arn.count(":") >= _ARN_PARTS - 1 else probe.config.region
        if region == probe.config.region:
            continue
        for action, context in calls.items():
            given = dict(context) | {
                "aws:RequestedRegion": (region or "unspecified",),
                "bedrock:InferenceProfileArn": (own,),
            }
            found.append(Wanted(action, arn, tuple(sorted(given.items())), of_model=True))
    return found


CHECKS: dict[str, Check] = {
    "MOD-05": _needed(_mod_05),
    "IAM-04": _needed(_iam_04),
    "IAM-05": _each(_iam_05),
    "REG-08": _each(_reg_08),
}
