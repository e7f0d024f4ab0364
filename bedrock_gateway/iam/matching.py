"""Whether one statement applies to one request, and if not, which of its elements it is.

A policy is read once into `Rule`s (wildcards to matchers, conditions to tests) and kept in a bounded cache, so that a
request only compares. `Rule.applies` answers fast; `Rule.mismatch` says why not, element by element, for people.

What a statement means is refused with `UndecidableError` where AWS would not accept it in a policy of its layer (an
identity-based statement without a resource, or with a principal; a resource-based one without a principal), and where
AWS does not document it: ``NotPrincipal`` that names a caller without its account, a canonical user, an incomplete ARN
outside of identity-based policies.

Sources: IAM User Guide, reference_policies_elements_principal, …_notprincipal, …_resource, reference-arns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

from bedrock_gateway.iam.callers import ACCOUNT, DIRECT, ROLE, PrincipalRef, closeness, excepted
from bedrock_gateway.iam.conditions import Clause, Refused, block_holds, compile_block
from bedrock_gateway.iam.patterns import (
    Bound,
    Context,
    Folded,
    Matcher,
    Template,
    UndecidableError,
    Variable,
    any_of,
    compiled,
    fold,
    lookup,
    tokens,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.iam.document import Policy, Statement

__all__ = [
    "ACCOUNT",
    "DIRECT",
    "LAYER_NAMES",
    "ROLE",
    "AccessRequest",
    "Asked",
    "Layer",
    "Mismatch",
    "PrincipalRef",
    "Program",
    "Rule",
    "program",
]

Layer = Literal["identity", "resource", "boundary", "session", "scp"]
LAYER_NAMES: Mapping[str, str] = {
    "scp": "service control policy",
    "resource": "resource-based policy",
    "identity": "identity-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
}
_COMPLETED = frozenset({"identity", "boundary"})
"""Layers in which AWS completes an ARN of fewer than six parts with stars."""
_ARN_COLONS = 5
_ACTIONS_KEPT = 256
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One action on one resource, in one context."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    principal: PrincipalRef | None = None
    """None: whom a resource policy names is not looked at."""
    resource_account: str | None = None
    """Account that owns the resource; None: the principal's own."""
    resource_must_allow: bool = False
    """Whether the resource policy has to allow even within one account: role trust and KMS keys."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, made ready for comparing it with many statements."""

    request: AccessRequest
    action: str
    resource: str
    context: Folded
    principal: PrincipalRef | None
    bounded: bool
    """Whether the principal has a permissions boundary."""

    @classmethod
    def of(cls, request: AccessRequest, *, bounded: bool = False) -> Asked:
        """Fold what is compared without case."""
        context = fold(request.context)
        return cls(request, request.action.casefold(), request.resource, context, request.principal, bounded)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a statement does not apply, or cannot be judged."""

    element: str
    """``Action``, ``NotAction``, ``Resource``, ``NotResource``, ``Principal``, ``NotPrincipal`` or ``Condition``."""
    detail: str
    """A sentence for people."""
    operator: str | None = None
    """For a condition, the operator as written."""
    key: str | None = None
    """For a condition, the key as written."""
    undecidable: bool = False


class Rule:
    """One statement of a policy of one layer, ready to be compared."""

    __slots__ = (
        "_actions",
        "_block",
        "_checks",
        "_plain",
        "_refusal",
        "_tests",
        "_variables",
        "_wanted",
        "index",
        "layer",
        "statement",
    )

    def __init__(self, statement: Statement, layer: Layer, index: int, *, variables: bool) -> None:
        self.statement, self.layer, self.index = statement, layer, index
        self._variables = variables
        self._actions = tuple(map(_action, statement.actions or statement.not_actions))
        self._checks: tuple[Check, ...] = ()

    def _prepare(self) -> tuple[Check, ...]:
        """Read what is beside the action: most statements of a policy are never asked beyond it."""
        statement, layer = self.statement, self.layer
        resources = statement.resources or statement.not_resources
        self._plain, self._tests = _read(resources, layer, variables=self._variables)
        self._wanted = bool(statement.resources) if resources else None
        self._block = compile_block(statement.conditions, variables=self._variables)
        self._refusal = _refusal(statement, layer)
        self._checks = _checks(layer, block=bool(self._block))
        return self._checks

    def acts(self, action: str) -> bool:
        """Whether ``Action`` or ``NotAction`` holds for *action*, in lower case."""
        return bool(compiled(self._actions)(action)) is bool(self.statement.actions)

    def applies(self, asked: Asked) -> int:
        """Return how closely the statement names the principal if all but its action applies, else 0.

        Raises:
            UndecidableError: no element decides, and one cannot be judged.
        """
        nearest, doubt = DIRECT, None
        for check in self._checks or self._prepare():
            try:
                found = check(self, asked)
            except UndecidableError as error:
                doubt = doubt or error
                continue
            if not found:
                return 0
            nearest = min(nearest, found)
        if doubt:
            raise doubt
        return nearest

    def on_resource(self, asked: Asked) -> int:
        """Whether ``Resource`` or ``NotResource`` holds; so do all elements together that ought to be there."""
        if self._refusal:
            raise UndecidableError(self._refusal)
        if self._wanted is None:
            return DIRECT
        found = bool(self._plain and self._plain(asked.resource)) or (
            bool(self._tests) and any_of(partial(test, asked.resource, asked.context) for test in self._tests)
        )
        return DIRECT if found is self._wanted else 0

    def names(self, asked: Asked) -> int:
        """How closely ``Principal`` or ``NotPrincipal`` of a resource policy names who asks."""
        statement, principal = self.statement, asked.principal
        if principal is None:
            return DIRECT
        if statement.principals:
            return closeness(statement.principals, principal)
        if statement.effect == "Deny" and asked.bounded and principal.kind == "AWS":
            return DIRECT  # AWS: such a Deny denies every principal with a boundary, whatever it lists
        return 0 if excepted(statement, principal) else DIRECT

    def meets(self, asked: Asked) -> int:
        """Whether ``Condition`` holds."""
        return DIRECT if block_holds(self._block, asked.context) else 0

    def mismatch(self, asked: Asked) -> Mismatch | None:
        """Return why the statement does not apply, or cannot be judged; None: it applies."""
        statement, doubt = self.statement, None
        if not self.acts(asked.action):
            element, patterns = _present("Action", statement.actions, statement.not_actions)
            return Mismatch(element, f"{element} {_listed(patterns)} does not cover {asked.request.action}")
        for check in self._checks or self._prepare():
            try:
                if not check(self, asked):
                    return self._explained(check, asked)
            except UndecidableError as error:
                doubt = doubt or Mismatch(self._element(check)[0], str(error), undecidable=True)
        return doubt

    def _element(self, check: Check) -> tuple[str, Sequence[str]]:
        one = self.statement
        if check is Rule.on_resource:
            return _present("Resource", one.resources, one.not_resources)
        if check is Rule.names:
            listed = [value for _, value in one.principals or one.not_principals]
            return ("Principal" if one.principals else "NotPrincipal"), listed
        return "Condition", ()

    def _explained(self, check: Check, asked: Asked) -> Mismatch:
        element, listed = self._element(check)
        if check is Rule.on_resource:
            return Mismatch(element, f"{element} {_listed(listed)} does not cover {asked.resource}")
        if check is Rule.names:
            who = asked.principal.arn if asked.principal else "nobody"
            return Mismatch(element, f"{element} {_listed(listed)} does not name {who}")
        return next(filter(None, (_failed(clause, asked.context) for clause in self._block)))


Check = Callable[[Rule, Asked], int]


def _checks(layer: Layer, *, block: bool) -> tuple[Check, ...]:
    """What is compared beside the action: only resource policies name principals."""
    named = (Rule.names,) if layer == "resource" else ()
    return (Rule.on_resource, *named, *((Rule.meets,) if block else ()))


def _failed(clause: Clause | Refused, context: Folded) -> Mismatch | None:
    try:
        if clause.holds(context):
            return None
    except UndecidableError:
        return None
    given = lookup(context, clause.key)
    has = "the request has no such key" if given is None else f"the request has {_listed(given)}"
    detail = f"{clause.name} of {clause.key} with {_listed(clause.values)} does not hold: {has}"
    return Mismatch("Condition", detail, clause.name, clause.key)


def _present(name: str, plain: Sequence[str], inverted: Sequence[str]) -> tuple[str, Sequence[str]]:
    return (name, plain) if plain else (f"Not{name}", inverted)


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(values[:_SHOWN])
    return f"{shown} and {len(values) - _SHOWN} more" if len(values) > _SHOWN else shown


ResourceTest = Callable[[str, Folded], bool]


def _action(pattern: str) -> Bound:
    """Actions have no case and no variables."""
    return tuple(token for token in tokens(pattern.casefold(), variables=False) if not isinstance(token, Variable))


def _read(patterns: Sequence[str], layer: Layer, *, variables: bool) -> tuple[Matcher | None, tuple[ResourceTest, ...]]:
    """Return one test for all patterns that are compared alike, and one for each other: variables, refusals."""
    plain: list[Bound] = []
    tests: list[ResourceTest] = []
    for pattern in patterns:
        try:
            template = Template(_completed(pattern, layer), variables=variables, arn=True)
        except UndecidableError as error:
            tests.append(partial(_raise, error))
            continue
        if template.plain is None:
            tests.append(template.matches)
        else:
            plain.append(template.plain)
    return (compiled(tuple(plain)) if plain else None), tuple(tests)


def _raise(error: UndecidableError, _resource: str, _context: Folded) -> bool:
    raise error


def _completed(pattern: str, layer: Layer) -> str:
    """An ARN with fewer than six parts means any value in those it lacks, in an identity-based policy."""
    lacking = _ARN_COLONS - pattern.count(":")
    if not pattern.startswith("arn:") or lacking <= 0 or pattern.endswith("*"):
        return pattern
    if layer not in _COMPLETED:
        raise UndecidableError(
            f"{pattern[:80]!r} has fewer than six parts, which AWS completes in identity-based policies only"
        )
    return pattern + ":*" * lacking


def _refusal(statement: Statement, layer: Layer) -> str | None:
    """Why AWS would not accept the statement in a policy of that layer."""
    named = bool(statement.principals or statement.not_principals)
    if not (statement.actions or statement.not_actions):
        return "a statement needs Action or NotAction"
    if layer == "resource":
        return None if named else "a statement of a resource-based policy needs Principal or NotPrincipal"
    if named:
        return f"a statement of a {LAYER_NAMES[layer]} has no Principal"
    if not (statement.resources or statement.not_resources):
        return f"a statement of a {LAYER_NAMES[layer]} needs Resource or NotResource"
    return None


class Program:
    """The rules of one policy in one layer."""

    __slots__ = ("_by_action", "rules")

    def __init__(self, policy: Policy, layer: Layer) -> None:
        variables = policy.version != "2008-10-17"
        self.rules = tuple(
            Rule(statement, layer, index, variables=variables) for index, statement in enumerate(policy.statements, 1)
        )
        self._by_action: dict[tuple[str, str], tuple[Rule, ...]] = {}

    def of(self, effect: str, action: str) -> tuple[Rule, ...]:
        """Return the rules of *effect* that cover *action*, in lower case."""
        found = self._by_action.get((effect, action))
        if found is None:
            found = tuple(rule for rule in self.rules if rule.statement.effect == effect and rule.acts(action))
            if len(self._by_action) >= _ACTIONS_KEPT:
                self._by_action.clear()
            self._by_action[effect, action] = found
        return found


@lru_cache(maxsize=512)
def program(policy: Policy, layer: Layer) -> Program:
    """Return the rules of *policy* as one of *layer*."""
    return Program(policy, layer)
