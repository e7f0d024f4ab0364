"""Decide one request over every policy that bears on it, and say which statement decided.

Theory of operation. An explicit Deny in any layer wins. Otherwise something must grant the request, and every layer
that limits the grant must allow it too. Within one account either kind of policy grants alone:

- an identity-based policy; service control policy, permissions boundary and session policy limit it;
- a resource policy that names the role; the same three limit it;
- a resource policy that names the user or the role session itself, or everybody (``*``): only a service control policy
  limits it, for it speaks to the very principal that asks;
- a resource policy that names the account grants nothing alone: it hands the decision to the account's own policies.

Across accounts, identity-based policy and resource policy must both allow. For a role's trust and for a KMS key the
resource policy must allow in any case. A service has no identity-based policies: its grant is the resource policy's.

Sources: IAM User Guide, reference_policies_evaluation-logic_policy-eval-denyallow, …_policy-eval-basics,
…_evaluation-logic-cross-account, reference_policies_elements_principal, access_policies_boundaries.

Everything is pure: no policy is fetched here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.iam.conditions import Context, Folded, fold, holds, matches, substitute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.iam.document import Policy, Statement

__all__ = ["AccessRequest", "Decision", "Layers", "PrincipalRef", "evaluate", "matching"]

_ARN_COLONS = 5
_LAYER_NAMES = {
    "scp": "service control policy",
    "resource": "resource-based policy",
    "identity": "identity-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
}

_DIRECT, _ROLE, _ACCOUNT = 3, 2, 1
"""How closely a resource policy names a principal."""


@dataclass(frozen=True, slots=True)
class PrincipalRef:
    """Who asks: the names under which a resource-based or trust policy can name them."""

    arn: str
    """For a role session the ``assumed-role`` ARN; for a service its name, ``bedrock.amazonaws.com``."""
    account: str = ""
    kind: str = "AWS"
    """``AWS``, ``Service`` or ``Federated``."""
    role_arn: str | None = None
    """For a role session, the role's own ARN."""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One action on one resource, in one context."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    principal: PrincipalRef | None = None
    resource_account: str | None = None
    """Account that owns the resource; None: the principal's own."""
    resource_must_allow: bool = False
    """Whether the resource policy has to allow even within one account: role trust and KMS keys."""


@dataclass(frozen=True, slots=True)
class Layers:
    """The policies that bear on a request. None: the layer does not exist; empty: it exists and allows nothing."""

    identity: Sequence[Policy] = ()
    resource: Policy | None = None
    boundary: Sequence[Policy] | None = None
    session: Sequence[Policy] | None = None
    scp: Sequence[Policy] | None = None
    """Of one level of the organisation; the policies of several levels are decided one level after the other."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the request is allowed, and what decided it."""

    allowed: bool
    reason: str
    layer: str
    """``identity``, ``resource``, ``boundary``, ``session`` or ``scp``: where the deciding statement is, or is missing."""
    statement: Statement | None = None
    """The statement that decided; None for an implicit deny."""

    @property
    def explicit_deny(self) -> bool:
        """Whether a Deny statement decided, rather than the absence of an Allow."""
        return not self.allowed and self.statement is not None


@dataclass(frozen=True, slots=True)
class _Found:
    """A statement that applies, and where it stands."""

    layer: str
    policy: int
    index: int
    statement: Statement
    closeness: int = _DIRECT

    def __str__(self) -> str:
        sid = f' "{self.statement.sid}"' if self.statement.sid else ""
        which = f" {self.policy}" if self.layer != "resource" else ""
        return f"statement {self.index}{sid} of {_LAYER_NAMES[self.layer]}{which}"


def _action_matches(patterns: Sequence[str], action: str) -> bool:
    return any(matches(pattern.casefold(), action) for pattern in patterns)


@lru_cache(maxsize=4096)
def _completed(pattern: str) -> str:
    """An ARN with fewer than six parts means any value in those it lacks."""
    lacking = _ARN_COLONS - pattern.count(":")
    return pattern + ":*" * lacking if pattern.startswith("arn:") and lacking > 0 else pattern


def _resource_matches(patterns: Sequence[str], resource: str, context: Folded, *, variables: bool) -> bool:
    """A pattern is matched against the whole ARN. One with a variable that has no value matches nothing."""
    for pattern in patterns:
        text = substitute(pattern, context) if variables else pattern
        if text is not None and matches(_completed(text), resource):
            return True
    return False


def _closeness(pairs: Sequence[tuple[str, str]], principal: PrincipalRef) -> int:
    return max((_names(kind, value, principal) for kind, value in pairs), default=0)


def _names(kind: str, value: str, principal: PrincipalRef) -> int:
    """How closely ``{kind: value}`` names *principal*; 0: not at all. Only a lone ``*`` is a wildcard."""
    if value == "*" and kind in {"*", "AWS", principal.kind}:
        return _DIRECT
    if kind != principal.kind:
        return 0
    if value == principal.arn:
        return _DIRECT
    if value == principal.role_arn:
        return _ROLE
    if kind == "AWS" and principal.account and _is_account(value, principal.account):
        return _ACCOUNT
    return 0


def _is_account(value: str, account: str) -> bool:
    return value == account or (value.startswith("arn:") and value.endswith(f":iam::{account}:root"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, made ready for comparing it with many statements."""

    request: AccessRequest
    action: str
    context: Folded

    @classmethod
    def of(cls, request: AccessRequest) -> _Asked:
        return cls(request, request.action.casefold(), fold(request.context))

    def applies(self, statement: Statement, *, variables: bool) -> int:
        """Whether *statement* applies, and how closely it names the principal; 0: it does not apply."""
        if statement.actions and not _action_matches(statement.actions, self.action):
            return 0
        if statement.not_actions and _action_matches(statement.not_actions, self.action):
            return 0
        if not self._resource_applies(statement, variables=variables):
            return 0
        closeness = self._who_applies(statement)
        return closeness if closeness and holds(statement.conditions, self.context, variables=variables) else 0

    def _resource_applies(self, statement: Statement, *, variables: bool) -> bool:
        resource, context = self.request.resource, self.context
        if statement.resources:
            return _resource_matches(statement.resources, resource, context, variables=variables)
        if statement.not_resources:
            return not _resource_matches(statement.not_resources, resource, context, variables=variables)
        return True

    def _who_applies(self, statement: Statement) -> int:
        principal = self.request.principal
        if principal is None:
            return _DIRECT
        if statement.principals:
            return _closeness(statement.principals, principal)
        if statement.not_principals:
            return 0 if _closeness(statement.not_principals, principal) else _DIRECT
        return _DIRECT

    def all(self, layer: str, policies: Sequence[Policy], effect: str) -> Iterator[_Found]:
        """Return every statement of that effect that applies."""
        for number, policy in enumerate(policies, 1):
            variables = policy.version != "2008-10-17"
            for index, statement in enumerate(policy.statements, 1):
                if statement.effect == effect and (closeness := self.applies(statement, variables=variables)):
                    yield _Found(layer, number, index, statement, closeness)

    def first(self, layer: str, policies: Sequence[Policy] | None, effect: str) -> _Found | None:
        """Return the first statement of that effect that applies."""
        return next(self.all(layer, policies or (), effect), None)


def matching(policy: Policy, request: AccessRequest, effect: str) -> Statement | None:
    """Return the first statement of *policy* with that effect that applies to *request*."""
    found = _Asked.of(request).first("identity", (policy,), effect)
    return found.statement if found else None


def _present(layers: Layers) -> Mapping[str, Sequence[Policy]]:
    """Every layer that exists, in the order in which AWS names them in a denial."""
    listed: dict[str, Sequence[Policy] | None] = {
        "scp": layers.scp,
        "resource": (layers.resource,) if layers.resource else None,
        "identity": layers.identity,
        "boundary": layers.boundary,
        "session": layers.session,
    }
    return {name: policies for name, policies in listed.items() if policies is not None}


def evaluate(request: AccessRequest, layers: Layers) -> Decision:
    """Decide *request* over *layers*."""
    asked, present = _Asked.of(request), _present(layers)
    for name, policies in present.items():
        if denied := asked.first(name, policies, "Deny"):
            return Decision(False, f"explicit deny by {denied}", name, denied.statement)
    grants = _grants(asked, layers)
    if isinstance(grants, str):
        text = f"no {_LAYER_NAMES[grants]} allows {request.action} on {request.resource}"
        return Decision(False, text, grants)
    return _limited(asked, present, grants)


def _limited(asked: _Asked, present: Mapping[str, Sequence[Policy]], grants: Sequence[tuple[_Found, bool]]) -> Decision:
    """Return the first grant that passes every layer limiting it, else what stopped the last."""
    stopped = "identity"
    for granted, direct in grants:
        limits = ("scp",) if direct else ("scp", "boundary", "session")
        missing = next(
            (name for name in limits if name in present and not asked.first(name, present[name], "Allow")), None
        )
        if missing is None:
            return Decision(True, f"allowed by {granted}", granted.layer, granted.statement)
        stopped = missing
    text = f"no {_LAYER_NAMES[stopped]} allows {asked.request.action} on {asked.request.resource}"
    return Decision(False, text, stopped)


def _grants(asked: _Asked, layers: Layers) -> Sequence[tuple[_Found, bool]] | str:
    """Return what grants the request, each with whether only a service control policy limits it; or the layer missing."""
    request = asked.request
    by_identity = asked.first("identity", layers.identity, "Allow")
    resource = list(asked.all("resource", (layers.resource,), "Allow")) if layers.resource else []
    closest = max(resource, key=lambda found: found.closeness, default=None)
    principal = request.principal
    if principal is not None and principal.kind != "AWS":
        return [(closest, True)] if closest else "resource"
    across = request.resource_account not in {None, "", principal.account if principal else None}
    if closest is None and (across or request.resource_must_allow):
        return "resource"
    if across:
        return [(by_identity, False)] if by_identity else "identity"
    return _within_one_account(request, by_identity, closest)


def _within_one_account(
    request: AccessRequest, by_identity: _Found | None, closest: _Found | None
) -> Sequence[tuple[_Found, bool]] | str:
    grants = [(by_identity, False)] if by_identity else []
    alone = closest is not None and closest.closeness > _ACCOUNT
    if closest is not None and alone:
        direct = closest.closeness == _DIRECT and request.principal is not None
        grants.append((closest, direct))
    return grants or "identity"
