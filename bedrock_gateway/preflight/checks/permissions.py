"""IAM and LOG-19: what this principal may do, judged from its own policies.

Judged are identity policies and the boundary. What an organisation's policies take away besides is not seen here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from bedrock_gateway._commands import Send
from bedrock_gateway.iam.conditions import matches
from bedrock_gateway.iam.document import Policy, PolicyError, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, UndecidableError, evaluate
from bedrock_gateway.iam.globs import covers
from bedrock_gateway.preflight.checks.delivery import places_in
from bedrock_gateway.preflight.fixes import declared_destination
from bedrock_gateway.preflight.flow import Asking, Check, Finding, Probe, worst
from bedrock_gateway.preflight.holdings import Held, managed_policy, pages, policies_of
from bedrock_gateway.preflight.trust import stream_arn

__all__ = ["CHECKS", "Self", "judged", "kind_of"]

Checking = Generator[Asking, Any, Finding]

_FAILS = frozenset({"AdministratorAccess", "PowerUserAccess", "IAMFullAccess"})
_WARNS = frozenset(
    {
        "AmazonBedrockFullAccess",
        "AmazonBedrockLimitedAccess",
        "AmazonBedrockMarketplaceAccess",
        "AmazonS3FullAccess",
        "AmazonECS_FullAccess",
        "AmazonSageMakerFullAccess",
        "CloudWatchLogsFullAccess",
    }
)
"""AWS's own policies that give far more than calling models; the limited one has 48 actions, despite its name."""


@dataclass(frozen=True, slots=True)
class Self:
    """This principal in IAM."""

    kind: str
    """``role`` or ``user``."""
    name: str
    arn: str
    policies: tuple[Held, ...] = ()
    boundary: Policy | None = None
    groups: tuple[str, ...] = ()
    unread: str | None = field(default=None)
    """Why its policies cannot be judged."""


def kind_of(arn: str) -> tuple[str, str]:
    """Return (kind, name) of a principal's ARN; a session counts as its role."""
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    return ("role", rest.partition("/")[0]) if kind == "assumed-role" else (kind, rest.rpartition("/")[2])


def _self(probe: Probe) -> Generator[Asking, Any, Self | None]:
    """Who this is in IAM, with all its policies; None for whom IAM has none (root, a federated user)."""
    who = yield from probe.read("sts", "GetCallerIdentity")
    kind, name = kind_of(str(who["Arn"]))
    if kind not in {"role", "user"}:
        return None
    [reply] = yield from probe.read_each([Send("iam", f"Get{kind.capitalize()}", {f"{kind.capitalize()}Name": name})])
    entity = reply[kind.capitalize()]
    limit = str((entity.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn") or "")
    try:
        held = yield from policies_of(probe, kind, name)
        groups: tuple[str, ...] = ()
        if kind == "user":
            listed = yield from pages(probe, {"UserName": name}, {"ListGroupsForUser": "Groups"})
            groups = tuple(str(one["GroupName"]) for one in listed["ListGroupsForUser"])
            for group in groups:
                held = [*held, *(yield from policies_of(probe, "group", group))]
        boundary = (yield from managed_policy(probe, limit)) if limit else None
    except PolicyError as error:
        return Self(kind, name, str(entity["Arn"]), unread=f"a policy could not be parsed: {error}")
    return Self(kind, name, str(entity["Arn"]), tuple(held), boundary, groups)


_NOBODY = Finding("not_applicable", "IAM holds no policies of this principal")


def judged(judge: Any) -> Check:
    """A check of the principal's own policies."""

    def check(probe: Probe) -> Checking:
        found = yield from _self(probe)
        if found is None:
            return _NOBODY
        if found.unread:
            return Finding("unknown", found.unread)
        finding: Finding = judge(probe, found)
        return finding

    return check


def _iam_01(_probe: Probe, me: Self) -> Finding:
    attached = {
        one.name.rpartition("/")[2]: one.name for one in me.policies if one.managed and ":iam::aws:" in one.name
    }
    for names, status in ((_FAILS, "fail"), (_WARNS, "warn")):
        if wide := sorted(names & set(attached)):
            command = f"aws iam detach-{me.kind}-policy --{me.kind}-name {me.name} --policy-arn {attached[wide[0]]}"
            own = not me.groups
            said = f"{me.kind} {me.name} has {', '.join(wide)}"
            return Finding("fail" if status == "fail" else "warn", said, attached, command if own else None)
    return Finding("pass", "none of AWS's own wide policies is attached")


def _allows(me: Self) -> Iterator[tuple[str, Statement]]:
    for held in me.policies:
        for statement in held.policy.statements:
            if statement.effect == "Allow":
                yield held.name.rpartition("/")[2], statement


def _iam_02(_probe: Probe, me: Self) -> Finding:
    wide, partition = [], me.arn.split(":")[1]
    for name, statement in _allows(me):
        if statement.not_actions or statement.not_resources:
            wide.append(f"{name} allows all but what it names")
        every = any(covers(one, f"arn:{partition}:bedrock:*") for one in statement.resources)
        for action in statement.actions:
            folded = action.casefold()
            if covers(folded, "bedrock:*"):
                wide.append(f"{name} allows {action}")
            elif every and (folded.startswith("bedrock:invokemodel") or matches(folded, "bedrock:invokemodel")):
                wide.append(f"{name} allows {action} on every model")
    if wide:
        return Finding("fail", "; ".join(dict.fromkeys(wide)), advice="Attach what `bedrock-gateway policy` prints.")
    return Finding("pass", "no policy allows everything of Bedrock")


def _iam_06(_probe: Probe, me: Self) -> Finding:
    if me.boundary is None:
        return Finding("warn", f"{me.kind} {me.name} has no permissions boundary")
    return Finding("pass", f"{me.kind} {me.name} is bounded")


def _passes(statement: Statement) -> bool:
    named = statement.actions or statement.not_actions
    return any(matches(one.casefold(), "iam:passrole") for one in named) is bool(statement.actions)


_EQUAL = frozenset({"stringequals", "stringequalsignorecase", "stringlike"})


def _to_some_services(statement: Statement) -> bool:
    """Whether iam:PassedToService must be one of some names; that it is there, or is not another one, limits little."""
    return any(
        key.casefold() == "iam:passedtoservice" and not any(covers(one, "*.amazonaws.com") for one in values)
        for operator, keys in statement.conditions
        if operator.rpartition(":")[2].casefold().removesuffix("ifexists") in _EQUAL
        for key, values in keys
    )


def _iam_07(_probe: Probe, me: Self) -> Finding:
    findings = []
    parts = me.arn.split(":")
    every = f"arn:{parts[1]}:iam::{parts[4]}:role/*"
    for name, statement in _allows(me):
        if not _passes(statement):
            continue
        if statement.not_resources or any(covers(one, every) for one in statement.resources):
            findings.append(Finding("fail", f"{name} may pass every role of the account"))
        elif not _to_some_services(statement):
            findings.append(Finding("warn", f"{name} may pass roles to any service: it has no iam:PassedToService"))
        else:
            findings.append(Finding("pass", f"{name} passes named roles to named services"))
    return worst(findings, "nothing may pass a role")


def _log_19(probe: Probe, me: Self) -> Finding:
    """Whether who calls models can also blind the audit of its calls; set-up may, and is another principal."""
    if any(name.endswith("-admin") for name in probe.principal.capabilities):
        return Finding("not_applicable", "this principal sets logging up")
    may = []
    layers = Layers(
        identity=[one.policy for one in me.policies], boundary=None if me.boundary is None else [me.boundary]
    )
    for action, resource in _blinding(probe):
        context = {"aws:RequestedRegion": probe.config.region, "aws:PrincipalArn": me.arn}
        request = AccessRequest(action, resource, context, PrincipalRef(me.arn, probe.config.account))
        try:
            allowed = evaluate(request, layers).allowed
        except UndecidableError as error:
            return Finding("unknown", f"whether {action} is allowed could not be decided: {error}")
        may += [action] if allowed else []
    if may:
        return Finding("fail", f"it may {', '.join(may)}: who calls models can switch off their log")
    return Finding("pass", "it can neither change nor delete invocation logs")


def _blinding(probe: Probe) -> Iterator[tuple[str, str]]:
    wanted, scope = probe.config.logging, probe.scope
    yield "bedrock:PutModelInvocationLoggingConfiguration", "*"
    yield "bedrock:DeleteModelInvocationLoggingConfiguration", "*"
    if wanted and wanted.log_group:
        stream = stream_arn(scope, wanted.log_group)
        group = stream.partition(":log-stream:")[0]
        # AWS's reference writes a group's ARN without an end, its error messages with one: what allows either may be enough.
        for arn in (group, f"{group}:log-stream:"):
            yield from (("logs:DeleteLogGroup", arn), ("logs:PutRetentionPolicy", arn))
        yield "logs:DeleteLogStream", stream
    for place in places_in(declared_destination(probe.config)):
        bucket = f"arn:{scope.partition}:s3:::{place.bucket}"
        yield from (("s3:DeleteObject", f"{bucket}/{key}") for key in place.keys(scope.account, scope.region))
        yield "s3:PutBucketPolicy", bucket


CHECKS: dict[str, Check] = {
    "IAM-01": judged(_iam_01),
    "IAM-02": judged(_iam_02),
    "IAM-06": judged(_iam_06),
    "IAM-07": judged(_iam_07),
    "LOG-19": judged(_log_19),
}
