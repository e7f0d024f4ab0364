"""Judge a logging role: may Bedrock assume it for every source of this account and Region, and may it write?

AWS's simulator cannot answer the first (a caller that is a service is not allowed there), and AWS documents only the
*pattern* of the source ARN, not the value it sends: so a policy is accepted only if it holds for probes of every shape
that the pattern covers.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway.iam.conditions import matches
from bedrock_gateway.iam.document import Policy, PolicyError, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, UndecidableError, enforce, evaluate
from bedrock_gateway.iam.globs import concrete
from bedrock_gateway.iam.trust import BEDROCK, service_trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bedrock_gateway.capabilities import Scope
    from bedrock_gateway.preflight.report import Status

__all__ = ["FOREIGN", "SOURCES", "Delivery", "Verdict", "foreign_accounts", "judge_trust", "quoted", "stream_arn"]

SOURCES = ("model-invocation-logging", "knowledge-base/KB12345678", "x", "provisioned-model/a/b", "Z-9_.:q", "*")
"""Ends of source ARNs, one of every shape that ``:*`` covers."""
FOREIGN = "000000000000"
"""An account that is nobody's."""
_EVERYTHING = Policy((Statement("Allow", actions=("*",), resources=("*",)),))
_PARTS = ("prefix", "partition", "service", "Region", "account", "resource")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was concluded of a policy, and the document that would put it right."""

    status: Status
    summary: str
    corrected: Policy | None = None


@dataclass(frozen=True, slots=True)
class _Caller:
    """Bedrock, as it assumes a role: for which account and Region, and in the name of what."""

    scope: Scope
    source: str

    @property
    def account(self) -> str:
        return self.scope.account

    @property
    def partition(self) -> str:
        return self.scope.partition

    @property
    def region(self) -> str:
        return self.scope.region

    @property
    def sources(self) -> tuple[str, ...]:
        return SOURCES if self.source == "*" else (self.source,)

    def trust(self) -> Policy:
        """The trust policy that is right."""
        return service_trust(self.scope, self.source)

    def uncovered(self, covered: str) -> str | None:
        """What is wrong with the last part of a source ARN; None where it covers all that Bedrock may send."""
        if self.source == "*":
            whole = covered.startswith("*") and not covered.strip("*")
            return None if whole else f"SourceArn covers {covered} only, and logging is not in it; it ends in :*"
        pattern = re.escape(covered).replace(r"\*", ".*").replace(r"\?", ".")
        return None if re.fullmatch(pattern, self.source) else f"SourceArn covers {covered}, this is {self.source}"


def _assumes(policy: Policy, caller: _Caller, account: str, resource: str) -> bool:
    source = f"arn:{caller.partition}:bedrock:{caller.region}:{account}:{resource}"
    request = AccessRequest(
        "sts:AssumeRole",
        "*",
        {"aws:SourceAccount": account, "aws:SourceArn": source},
        PrincipalRef(BEDROCK, kind="Service"),
    )
    return enforce(request, Layers(resource=policy)).allowed


def foreign_accounts(policy: Policy, account: str) -> list[str]:
    """Return accounts beside *account* that a policy must keep out: one that is nobody's, and each that its conditions name."""
    named = [
        concrete(value if key.casefold() == "aws:sourceaccount" else value.split(":")[4])
        for statement in policy.statements
        for _, keys in statement.conditions
        for key, values in keys
        for value in values
        if key.casefold() == "aws:sourceaccount"
        or (key.casefold() == "aws:sourcearn" and value.count(":") >= len(_PARTS) - 1)
    ]
    return list(dict.fromkeys([FOREIGN, *(one for one in named if one != account)]))


def judge_trust(document: Any, scope: Scope, source: str = "*") -> Verdict:
    """Judge the trust policy *document* of a role that Bedrock assumes for *source*; ``*``: for anything of its own."""
    caller = _Caller(scope, source)
    try:
        policy = Policy.parse(document)
    except PolicyError as error:
        return Verdict("fail", f"the trust policy is not one: {error}", caller.trust())
    corrected = _corrected(policy, caller)
    if not all(_assumes(policy, caller, caller.account, resource) for resource in caller.sources):
        return Verdict("fail", "; ".join(dict.fromkeys(_reasons(policy, caller))), corrected)
    if any(pair in (("*", "*"), ("AWS", "*")) for one in _allows(policy) for pair in one.principals):
        return Verdict("fail", 'Principal "*": anybody may try to assume the role', corrected)
    if any(one.not_principals for one in _allows(policy)):
        return Verdict("fail", "NotPrincipal with Allow lets everybody else assume the role", corrected)
    for account in foreign_accounts(policy, caller.account):
        if any(_assumes(policy, caller, account, resource) for resource in caller.sources):
            which = f"account {account}" if account.isdigit() and account != FOREIGN else "other accounts"
            return Verdict("warn", f"neither aws:SourceAccount nor aws:SourceArn keeps {which} out", corrected)
    return _remarks(policy, caller, corrected)


def _remarks(policy: Policy, caller: _Caller, corrected: Policy) -> Verdict:
    """What works, but should not stay."""
    extra = sorted({value for one in _allows(policy) for _, value in one.principals} - {BEDROCK})
    if extra:
        # The corrected policy keeps what concerns others; here they are what is wrong.
        return Verdict("warn", f"Bedrock may assume it, and so may {', '.join(extra)}", caller.trust())
    for statement in _allows(policy):
        if wrong := list(_statement_reasons(statement, caller)):
            return Verdict("warn", f"Bedrock may assume it, but {_name(statement)} does nothing: {wrong[0]}", corrected)
    return Verdict("pass", f"Bedrock may assume it for account {caller.account} in {caller.region}, and nobody else")


def _allows(policy: Policy) -> list[Statement]:
    return [one for one in policy.statements if one.effect == "Allow"]


def _name(statement: Statement) -> str:
    return f'statement "{statement.sid}"' if statement.sid else "a statement"


def _names_bedrock(statement: Statement) -> bool:
    return any(value in (BEDROCK, "*") for _, value in statement.principals)


def _reasons(policy: Policy, caller: _Caller) -> Iterator[str]:
    """Why Bedrock may not assume it, most telling first; in general words only where nothing tells."""
    said = tuple(_telling(policy, caller))
    yield from said
    if not said:
        several = len(policy.statements) > 1
        yield "the policy does not let Bedrock assume the role" if several else "a condition does not hold"


def _telling(policy: Policy, caller: _Caller) -> Iterator[str]:
    for statement in policy.statements:
        applies = _names_bedrock(statement) or statement.not_principals
        if statement.effect == "Deny" and applies and not _assumes_without(policy, statement, caller):
            yield f"{_name(statement)} denies it to Bedrock"
    named = [one for one in _allows(policy) if _names_bedrock(one)]
    for statement in named:
        yield from _statement_reasons(statement, caller)
    if not named:
        others = sorted({value for one in _allows(policy) for _, value in one.principals})
        yield f"no statement names Service {BEDROCK}; it names {', '.join(others) or 'nobody'}"


def _assumes_without(policy: Policy, statement: Statement, caller: _Caller) -> bool:
    """Whether *statement*, a Deny, leaves every probe alone."""
    allow = Statement("Allow", principals=(("Service", BEDROCK),), actions=("sts:AssumeRole",))
    alone = Policy((allow, statement), policy.version)
    return all(_assumes(alone, caller, caller.account, resource) for resource in caller.sources)


def _statement_reasons(statement: Statement, caller: _Caller) -> Iterator[str]:
    if statement.actions and not any(matches(one.casefold(), "sts:assumerole") for one in statement.actions):
        yield f"Action is {', '.join(statement.actions)}, not sts:AssumeRole"
    for operator, keys in statement.conditions:
        if operator.casefold() == "null":
            continue  # what it asks for, that a key is there, Bedrock meets: both are sent
        for key, values in keys:
            yield from _condition_reasons(operator, key.casefold(), values, caller)


def _condition_reasons(operator: str, key: str, values: Sequence[str], caller: _Caller) -> Iterator[str]:
    if key == "aws:sourceaccount":
        if caller.account not in values and not any("*" in value for value in values):
            yield f"SourceAccount is {', '.join(values)}, this account is {caller.account}"
    elif key == "aws:sourcearn":
        wrong = [reason for value in values if (reason := _source_reason(operator, value, caller))]
        if len(wrong) == len(values):
            yield from wrong
    else:
        yield f"condition {operator} on {key} may not hold for Bedrock" if not key.startswith("aws:principal") else key


def _source_reason(operator: str, value: str, caller: _Caller) -> str | None:
    """Compare a source ARN part by part with what Bedrock sends; None where it covers all of it."""
    parts = value.split(":", 5)
    test = operator.rpartition(":")[2].removesuffix("IfExists").casefold()
    if test in {"stringequals", "stringequalsignorecase"} and re.search(r"[*?]", value):
        return f"{operator} does not expand wildcards, and SourceArn has one; use ArnLike"
    if len(parts) < len(_PARTS):
        return None if test == "stringlike" else "SourceArn has fewer than the six parts of an ARN; write all six"
    wanted = ("arn", caller.partition, "bedrock", caller.region, caller.account)
    for name, real, target in zip(_PARTS[:-1], parts, wanted, strict=False):
        pattern = re.escape(real).replace(r"\*", ".*").replace(r"\?", ".")
        if not re.fullmatch(pattern, target):
            return f"SourceArn names {real or 'no ' + name}, this {name} is {target}"
    return caller.uncovered(parts[5])


def _corrected(policy: Policy, caller: _Caller) -> Policy:
    """The smallest repair: one right statement for Bedrock, and what concerns other principals as it was."""
    right = caller.trust().statements
    kept = [one for one in policy.statements if not _meddles(one, policy, caller)]
    return Policy((*right, *(one for one in kept if one not in right)))


def _meddles(statement: Statement, policy: Policy, caller: _Caller) -> bool:
    if statement.effect == "Deny":
        return not _assumes_without(policy, statement, caller)
    return bool(statement.not_principals) or any(
        "bedrock" in value or value == "*" for _, value in statement.principals
    )


def stream_arn(scope: Scope, group: str) -> str:
    """Return the ARN of the one stream Bedrock writes to."""
    return (
        f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:log-group:{group}"
        ":log-stream:aws/bedrock/modelinvocations"
    )


_WRITES = ("logs:CreateLogStream", "logs:PutLogEvents")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a logging role must be allowed: to write to the one stream of the scope's log group."""

    scope: Scope
    role_arn: str

    def judge(self, identity: Sequence[Policy], boundary: Policy | None) -> Verdict:
        """Judge whether a role with these policies may write to the stream, and to no other."""
        layers = Layers(identity=identity, boundary=None if boundary is None else [boundary])
        stream = stream_arn(self.scope, self.scope.log_group)
        for action in _WRITES:
            decision = enforce(self._request(action, stream), layers)
            if not decision.allowed:
                malformed = [text for one in identity for text in _resources(one) if ":*:log-stream:" in text]
                hint = f'; "{malformed[0]}" is malformed: no ":*" before ":log-stream:"' if malformed else ""
                return Verdict("fail", f"{action} on {stream} is not allowed: {decision.reason}{hint}")
        for other in self._others():
            try:
                broader = evaluate(self._request("logs:PutLogEvents", other), layers).allowed
            except UndecidableError as error:
                return Verdict("unknown", f"the role may write to {stream}; whether to {other} too: {error}")
            if broader:
                return Verdict("warn", f"the role may also write to {other}: broader than its one stream")
        return Verdict("pass", f"the role may write to {stream}, and to no other")

    def refused_by(self, boundary: Policy) -> Literal["deny", "silence"] | None:
        """Why *boundary* lets no writing pass: it denies it, or does not allow it; None where it allows it."""
        if self._allowed([boundary]):
            return None
        return "silence" if self._allowed([_EVERYTHING, boundary]) else "deny"

    def spoilt_by(self, policy: Policy) -> bool:
        """Whether *policy* alone denies the writing, or allows more than it."""
        if not self._allowed([_EVERYTHING, policy]):
            return True
        layers = Layers(identity=[policy])
        return any(enforce(self._request("logs:PutLogEvents", other), layers).allowed for other in self._others())

    def _allowed(self, identity: Sequence[Policy]) -> bool:
        stream, layers = stream_arn(self.scope, self.scope.log_group), Layers(identity=identity)
        return all(enforce(self._request(action, stream), layers).allowed for action in _WRITES)

    def _others(self) -> tuple[str, str]:
        """A stream of another group, and another stream of this one."""
        beside = stream_arn(self.scope, self.scope.log_group).removesuffix("/modelinvocations") + "/another"
        return stream_arn(self.scope, f"{self.scope.log_group}-another"), beside

    def _request(self, action: str, resource: str) -> AccessRequest:
        context = {
            "aws:PrincipalArn": self.role_arn,
            "aws:PrincipalAccount": self.scope.account,
            "aws:RequestedRegion": self.scope.region,
            "aws:ResourceAccount": self.scope.account,
        }
        who = PrincipalRef(self.role_arn, self.scope.account, role_arn=self.role_arn)
        return AccessRequest(action, resource, context, who)


def _resources(policy: Policy) -> list[str]:
    return [text for one in policy.statements for text in one.resources]


def quoted(policy: Policy) -> str:
    """Return the document as one argument of a shell command."""
    return shlex.quote(policy.to_json())
