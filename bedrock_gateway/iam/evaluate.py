"""Decide one request over every policy that bears on it, and say which statement decided.

Theory of operation. An explicit Deny in any layer wins. Otherwise something must grant the request, and every layer
that limits the grant must allow it too. Within one account either kind of policy grants alone:

- an identity-based policy; service control policy, permissions boundary and session policy limit it;
- a resource policy that names the role; the same three limit it;
- a resource policy that names the user or the role session itself, or everybody (``*``): only a service control policy
  limits it, for it speaks to the very principal that asks;
- a resource policy that names the account grants nothing alone: it hands the decision to the account's own policies.

Across accounts, identity-based policy and resource policy must both allow. For a role's trust and for a KMS key the
resource policy must allow in any case. A service has no identity-based policies and is in no organisation: its grant is the resource policy's.

A statement that cannot be judged (see `matching`, `conditions`, `operators`) is no error as long as it does not matter:
the request is decided twice, with every such Deny applying and no such Allow, and the other way round. Where the two
differ, `UndecidableError` is raised, and nothing is guessed.

Sources: AWS Organizations User Guide, orgs_manage_policies_scps; IAM User Guide, reference_policies_evaluation-logic_policy-eval-denyallow, …_policy-eval-basics,
…_evaluation-logic-cross-account, reference_policies_elements_principal, access_policies_boundaries.

Everything is pure: no policy is fetched here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bedrock_gateway.iam.matching import (
    ACCOUNT,
    DIRECT,
    LAYER_NAMES,
    AccessRequest,
    Asked,
    Layer,
    PrincipalRef,
    Rule,
    program,
)
from bedrock_gateway.iam.patterns import UndecidableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bedrock_gateway.iam.document import Policy, Statement

__all__ = [
    "AccessRequest",
    "Decision",
    "Layers",
    "PrincipalRef",
    "UndecidableError",
    "enforce",
    "evaluate",
    "levels",
    "matching",
]


@dataclass(frozen=True, slots=True)
class Layers:
    """The policies that bear on a request. None: the layer does not exist; empty: it exists and allows nothing."""

    identity: Sequence[Policy] = ()
    resource: Policy | None = None
    boundary: Sequence[Policy] | None = None
    session: Sequence[Policy] | None = None
    scp: Sequence[Sequence[Policy]] | None = None
    """The policies of each level of the organisation, from the root down to the account: every level must allow."""


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
class Level:
    """Policies of one layer that are decided together: all of it, or one level of an organisation."""

    layer: Layer
    policies: Sequence[Policy]
    number: int | None = None
    """Which level, from 1 at the root; None where the layer has no levels, or one only."""

    @property
    def name(self) -> str:
        """The level in words."""
        return LAYER_NAMES[self.layer] + (f" of level {self.number}" if self.number else "")


@dataclass(frozen=True, slots=True)
class _Found:
    """A rule that applies, and where it stands."""

    level: Level
    policy: int
    rule: Rule
    closeness: int = DIRECT

    def __str__(self) -> str:
        statement, layer = self.rule.statement, self.level.layer
        sid = f' "{statement.sid}"' if statement.sid else ""
        which = f" {self.policy}" if layer != "resource" else ""
        of_level = f" of level {self.level.number}" if self.level.number else ""
        return f"statement {self.rule.index}{sid} of {LAYER_NAMES[layer]}{which}{of_level}"


class _Doubt:
    """What happens to a statement that cannot be judged: as if its effect were *applying* to the request."""

    __slots__ = ("applying", "error", "found")

    def __init__(self, applying: str = "") -> None:
        self.applying = applying
        self.error: UndecidableError | None = None
        self.found: _Found | None = None

    def closeness(self, found: _Found, error: UndecidableError) -> int:
        """Note the first such statement, and say whether it counts."""
        if self.error is None:
            self.error = UndecidableError(f"{found} cannot be judged: {error}")
            self.found = found
        return found.closeness if found.rule.statement.effect == self.applying else 0


def _applying(asked: Asked, level: Level, effect: str, doubt: _Doubt) -> Iterator[_Found]:
    """Return every statement of that effect that applies."""
    for number, policy in enumerate(level.policies, 1):
        for rule in program(policy, level.layer).of(effect, asked.action):
            try:
                closeness = rule.applies(asked)
            except UndecidableError as error:
                closeness = doubt.closeness(_Found(level, number, rule), error)
            if closeness:
                yield _Found(level, number, rule, closeness)


def _first(asked: Asked, level: Level, effect: str, doubt: _Doubt) -> _Found | None:
    return next(_applying(asked, level, effect, doubt), None)


def matching(policy: Policy, request: AccessRequest, effect: str, *, layer: Layer = "identity") -> Statement | None:
    """Return the first statement of *policy* with that effect that applies to *request*.

    Raises:
        UndecidableError: a statement before it cannot be judged.
    """
    doubt = _Doubt()
    found = _first(Asked.of(request), Level(layer, (policy,)), effect, doubt)
    if doubt.error:
        raise doubt.error
    return found.rule.statement if found else None


def levels(request: AccessRequest, layers: Layers) -> tuple[Level, ...]:
    """Return every level that bears on *request*, in the order in which AWS names them in a denial.

    A service is no member of an organisation and has no policies of its own: only the resource's bears on it.
    """
    if request.principal is not None and request.principal.kind == "Service":
        return (Level("resource", (layers.resource,)),) if layers.resource else ()
    scp = list(layers.scp or ())
    listed: list[tuple[str, Sequence[Policy] | None]] = [
        ("resource", (layers.resource,) if layers.resource else None),
        ("identity", layers.identity),
        ("boundary", layers.boundary),
        ("session", layers.session),
    ]
    return (
        *(Level("scp", policies, number if len(scp) > 1 else None) for number, policies in enumerate(scp, 1)),
        *((Level("scp", ()),) if layers.scp is not None and not scp else ()),
        *(Level(cast("Layer", name), policies) for name, policies in listed if policies is not None),
    )


def evaluate(request: AccessRequest, layers: Layers) -> Decision:
    """Decide *request* over *layers*.

    Raises:
        UndecidableError: AWS does not document what a statement means that the decision hangs on.
    """
    decision, doubt = _judged(request, layers)
    if doubt.error:
        raise doubt.error
    return decision


def enforce(request: AccessRequest, layers: Layers) -> Decision:
    """Decide *request* over *layers* for who has to answer: what cannot be judged is denied, and the reason says so."""
    decision, doubt = _judged(request, layers)
    if doubt.error is None or doubt.found is None:
        return decision
    statement = doubt.found.rule.statement
    return Decision(False, str(doubt.error), doubt.found.level.layer, statement if statement.effect == "Deny" else None)


def _judged(request: AccessRequest, layers: Layers) -> tuple[Decision, _Doubt]:
    """Return the decision, and what it hangs on that cannot be judged; no doubt where it comes out the same anyway."""
    asked, present = Asked.of(request, bounded=layers.boundary is not None), levels(request, layers)
    doubt = _Doubt()
    decision = _decide(asked, present, doubt)
    if doubt.error is None:
        return decision, doubt
    strict, lenient = (_decide(asked, present, _Doubt(effect)) for effect in ("Deny", "Allow"))
    return decision, (_Doubt() if strict.allowed is lenient.allowed else doubt)


def _decide(asked: Asked, present: Sequence[Level], doubt: _Doubt) -> Decision:
    for level in present:
        if denied := _first(asked, level, "Deny", doubt):
            return Decision(False, f"explicit deny by {denied}", level.layer, denied.rule.statement)
    grants = _grants(asked, {level.layer: level for level in present}, doubt)
    if isinstance(grants, str):
        return _missing(asked, Level(grants, ()))
    return _limited(asked, present, grants, doubt)


def _missing(asked: Asked, level: Level) -> Decision:
    text = f"no {level.name} allows {asked.request.action} on {asked.request.resource}"
    return Decision(False, text, level.layer)


def _limited(asked: Asked, present: Sequence[Level], grants: Sequence[tuple[_Found, bool]], doubt: _Doubt) -> Decision:
    """Return the first grant that passes every level limiting it, else what stopped the last."""
    stopped = Level("identity", ())
    for granted, direct in grants:
        limits = _LIMITS_OF_DIRECT if direct else _LIMITS
        limiting = (level for level in present if level.layer in limits)
        missing = next((level for level in limiting if not _first(asked, level, "Allow", doubt)), None)
        if missing is None:
            return Decision(True, f"allowed by {granted}", granted.level.layer, granted.rule.statement)
        stopped = missing
    return _missing(asked, stopped)


_LIMITS = frozenset({"scp", "boundary", "session"})
_LIMITS_OF_DIRECT = frozenset({"scp"})


def _grants(asked: Asked, present: Mapping[Layer, Level], doubt: _Doubt) -> Sequence[tuple[_Found, bool]] | Layer:
    """Return what grants the request, each with whether only a service control policy limits it; or the layer missing."""
    request, principal = asked.request, asked.principal
    resource = list(_applying(asked, present["resource"], "Allow", doubt)) if "resource" in present else []
    closest = max(resource, key=lambda found: found.closeness, default=None)
    if principal is not None and principal.kind != "AWS":
        return [(closest, True)] if closest else "resource"
    across = request.resource_account not in {None, "", principal.account if principal else None}
    if closest is None and (across or request.resource_must_allow):
        return "resource"
    by_identity = _first(asked, present["identity"], "Allow", doubt)
    if across:
        return [(by_identity, False)] if by_identity else "identity"
    grants = [(by_identity, False)] if by_identity else []
    if closest is not None and closest.closeness > ACCOUNT:
        grants.append((closest, closest.closeness == DIRECT and principal is not None))
    return grants or "identity"
