"""Decide one request over every policy that bears on it, and say which statement decided.

Theory of operation. An explicit Deny in any layer wins. Otherwise the request needs an Allow from an identity-based
policy or, within one account, from the resource's own policy; and every layer that limits (service control policy,
permissions boundary, session policy) must allow it too. A resource policy that names the principal itself is not
limited by the implicit deny of a boundary or session policy where it names the *session*; where it names the role,
both still apply. Across accounts identity and resource must both allow. Source: IAM User Guide,
reference_policies_evaluation-logic and …_policy-eval-denyallow.

Everything is pure: no policy is fetched here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bedrock_gateway.iam.conditions import Context, holds, matches, substitute

if TYPE_CHECKING:
    from bedrock_gateway.iam.document import Policy, Statement

__all__ = ["AccessRequest", "Decision", "Layers", "PrincipalRef", "evaluate", "matching"]


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


@dataclass(frozen=True, slots=True)
class Layers:
    """The policies that bear on a request. None: the layer does not exist; empty: it exists and allows nothing."""

    identity: Sequence[Policy] = ()
    resource: Policy | None = None
    boundary: Sequence[Policy] | None = None
    session: Sequence[Policy] | None = None
    scp: Sequence[Policy] | None = None


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


def _action_matches(patterns: Sequence[str], action: str) -> bool:
    wanted = action.casefold()
    return any(matches(pattern.casefold(), wanted) for pattern in patterns)


def _resource_matches(patterns: Sequence[str], resource: str, context: Context, *, variables: bool) -> bool:
    for pattern in patterns:
        text = substitute(pattern, context) if variables else pattern
        if text is not None and _one_resource(text, resource):
            return True
    return False


def _one_resource(pattern: str, resource: str) -> bool:
    """A pattern matches the whole ARN; `*` may span its parts, as IAM's own examples do."""
    return pattern == "*" or matches(pattern, resource)


def _principal_matches(pairs: Iterable[tuple[str, str]], principal: PrincipalRef) -> bool:
    return any(_names(kind, value, principal) for kind, value in pairs)


def _names(kind: str, value: str, principal: PrincipalRef) -> bool:
    """Whether ``{kind: value}`` names *principal*. Only a lone ``*`` is a wildcard."""
    if kind == "*" or (kind == principal.kind and value == "*"):
        return True
    if kind != principal.kind:
        return False
    account_names = {principal.account, f":{principal.account}:root"}
    if (
        kind == "AWS"
        and principal.account
        and (value in account_names or value.endswith(f"iam::{principal.account}:root"))
    ):
        return True
    return value in {principal.arn, principal.role_arn}


def _statement_applies(statement: Statement, request: AccessRequest, *, variables: bool) -> bool:
    if statement.actions and not _action_matches(statement.actions, request.action):
        return False
    if statement.not_actions and _action_matches(statement.not_actions, request.action):
        return False
    context = request.context
    if statement.resources and not _resource_matches(
        statement.resources, request.resource, context, variables=variables
    ):
        return False
    if statement.not_resources and _resource_matches(
        statement.not_resources, request.resource, context, variables=variables
    ):
        return False
    return _who_applies(statement, request) and holds(statement.conditions, context, variables=variables)


def _who_applies(statement: Statement, request: AccessRequest) -> bool:
    if request.principal is None:
        return True
    if statement.principals and not _principal_matches(statement.principals, request.principal):
        return False
    return not (statement.not_principals and _principal_matches(statement.not_principals, request.principal))


def matching(policy: Policy, request: AccessRequest, effect: str) -> Statement | None:
    """Return the first statement of *policy* with that effect that applies to *request*."""
    variables = policy.version != "2008-10-17"
    for statement in policy.statements:
        if statement.effect == effect and _statement_applies(statement, request, variables=variables):
            return statement
    return None


def _first(policies: Sequence[Policy], request: AccessRequest, effect: str) -> Statement | None:
    found = (matching(policy, request, effect) for policy in policies)
    return next((statement for statement in found if statement is not None), None)


def _named(statement: Statement) -> str:
    return f'statement "{statement.sid}"' if statement.sid else "a statement without Sid"


def _layers(layers: Layers) -> Mapping[str, Sequence[Policy]]:
    """Every layer that exists, in the order in which AWS names them in a denial."""
    listed: dict[str, Sequence[Policy] | None] = {
        "scp": layers.scp,
        "resource": (layers.resource,) if layers.resource else None,
        "identity": layers.identity,
        "boundary": layers.boundary,
        "session": layers.session,
    }
    return {name: policies for name, policies in listed.items() if policies is not None}


def _names_session(statement: Statement, request: AccessRequest) -> bool:
    principal = request.principal
    return principal is not None and ("AWS", principal.arn) in statement.principals


def evaluate(request: AccessRequest, layers: Layers) -> Decision:
    """Decide *request* over *layers*."""
    present = _layers(layers)
    for name, policies in present.items():
        if denied := _first(policies, request, "Deny"):
            return Decision(False, f"explicit deny by {_named(denied)} of the {name} layer", name, denied)
    granted = _grant(request, layers)
    if not granted.allowed:
        return granted
    direct = (
        granted.layer == "resource" and granted.statement is not None and _names_session(granted.statement, request)
    )
    limits = ("scp",) if direct else ("scp", "boundary", "session")
    for name in limits:
        if name in present and _first(present[name], request, "Allow") is None:
            return Decision(False, f"no statement of the {name} layer allows it", name)
    return granted


def _grant(request: AccessRequest, layers: Layers) -> Decision:
    """The Allow that identity and resource policies give together, before any limit."""
    by_identity = _first(layers.identity, request, "Allow")
    by_resource = matching(layers.resource, request, "Allow") if layers.resource else None
    account = request.principal.account if request.principal else None
    across = request.resource_account not in {None, "", account}
    if by_identity and (by_resource or not across):
        return Decision(True, f"allowed by {_named(by_identity)}", "identity", by_identity)
    if by_resource and not across:
        return Decision(True, f"allowed by {_named(by_resource)} of the resource", "resource", by_resource)
    missing = "resource" if by_identity else "identity"
    return Decision(False, f"no {missing}-based policy allows {request.action} on {request.resource}", missing)


Evaluate = Callable[[AccessRequest, Layers], Decision]
