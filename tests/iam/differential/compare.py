"""One case before both judges: every statement, then the decision, then the decision from the other's statements.

A difference in a decision has two possible causes: a statement is read differently, or the layers are put together
differently. The third comparison separates them: our layers are given the other judge's verdict on each statement, and
must then come to the other judge's decision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, UndecidableError, evaluate, levels
from bedrock_gateway.iam.matching import Asked, Rule, program

from .known import SERVICES_BOUND, SESSION_LIMITS, Reading, as_the_judge_reads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .generator import Case

__all__ = ["Compared", "Judged", "compare"]

_EVERYTHING = {"actions": ("*",), "not_actions": (), "not_resources": (), "conditions": ()}


@dataclass(frozen=True, slots=True)
class Judged:
    """One statement before both judges."""

    layer: str
    statement: Statement
    version: str
    ours: bool | None
    """Whether it applies; None: it cannot be judged."""
    theirs: bool
    refusal: str = ""
    known: tuple[str, ...] = ()
    """The known differences at work: those that explain it alone, else all that concern it."""
    explained: bool = True
    """Whether, read as the known differences say, it comes out as the other judge says."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one case."""

    statements: tuple[Judged, ...]
    ours: bool | None
    """Our decision; None: it cannot be judged."""
    explicit: bool
    """Whether we deny by a statement."""
    theirs: str
    """``Allowed``, ``ImplicitlyDenied`` or ``ExplicitlyDenied``."""
    from_theirs: str
    """The same, as our layers make it of their statements."""
    known: str
    """The known difference in putting layers together that is at work, or nothing."""


def layers_of(case: Case) -> Layers:
    """Read the policies of *case*."""
    written = case["layers"]

    def several(name: str) -> tuple[Policy, ...] | None:
        return tuple(map(Policy.parse, written[name])) if name in written else None

    return Layers(
        several("identity") or (),
        Policy.parse(written["resource"]) if "resource" in written else None,
        several("boundary"),
        several("session"),
        tuple(tuple(map(Policy.parse, level)) for level in written["scp"]) if "scp" in written else None,
    )


def request_of(case: Case) -> AccessRequest:
    """Read the request of *case*."""
    asked = dict(case["request"])
    return AccessRequest(**(asked | {"principal": PrincipalRef(**asked["principal"])}))


def compare(case: Case, verdict: dict[str, Any]) -> Compared:
    """Compare *verdict*, the other judge's, with ours."""
    request, layers = request_of(case), layers_of(case)
    said = verdict["statements"]
    bounded = layers.boundary is not None
    judged = tuple(
        _judged(
            Reading(rule.statement, policy.version, rule.layer, request),
            rule.index,
            said[f"{name}/{rule.index}"],
            bounded,
        )
        for name, policy, rule in _rules(request, layers)
    )
    try:
        decision = evaluate(request, layers)
        ours, explicit = decision.allowed, decision.explicit_deny
    except UndecidableError:
        ours, explicit = None, False
    result, known = _result_of_theirs(request, layers, said)
    return Compared(judged, ours, explicit, verdict["result"], result, known)


def _applies(reading: Reading, index: int, *, bounded: bool) -> bool:
    rule = Rule(reading.statement, reading.layer, index, variables=reading.version != "2008-10-17")
    asked = Asked.of(reading.request, bounded=bounded)
    return bool(not reading.never and rule.acts(asked.action) and rule.applies(asked))


def _judged(reading: Reading, index: int, verdict: str, bounded: bool) -> Judged:
    theirs = verdict != "NoMatch"
    start = (reading.layer, reading.statement, reading.version)
    try:
        ours = _applies(reading, index, bounded=bounded)
    except UndecidableError as error:
        return Judged(*start, None, theirs, refusal=str(error))
    if ours is theirs:
        return Judged(*start, ours, theirs)
    read, changed = as_the_judge_reads(reading)
    alone = tuple(row.id for row in changed if _applied(row.read(reading), index, bounded=bounded) is theirs)
    explained = _applied(read, index, bounded=bounded) is theirs
    return Judged(*start, ours, theirs, known=alone or tuple(row.id for row in changed), explained=explained)


def _applied(reading: Reading, index: int, *, bounded: bool) -> bool | None:
    try:
        return _applies(reading, index, bounded=bounded)
    except UndecidableError:
        return None


def _result_of_theirs(request: AccessRequest, layers: Layers, said: dict[str, str]) -> tuple[str, str]:
    """Return the other judge's result as our layers make it of its statements, and which known difference is in it."""
    as_they_say = _as_they_say(layers, said)
    decision = evaluate(request, as_they_say)
    result = (
        ("ExplicitlyDenied" if decision.explicit_deny else "ImplicitlyDenied") if not decision.allowed else "Allowed"
    )
    if request.principal and request.principal.kind == "Service" and layers.scp is not None:
        bound = _bound(as_they_say.scp or ())
        return (bound, SERVICES_BOUND.id) if _STRENGTH[bound] > _STRENGTH[result] else (result, "")
    session = [how for name, how in said.items() if name.startswith("session/") and how != "NoMatch"]
    if decision.allowed and layers.session is not None and not session:
        return "ImplicitlyDenied", SESSION_LIMITS.id
    return result, ""


_STRENGTH = {"Allowed": 0, "ImplicitlyDenied": 1, "ExplicitlyDenied": 2}


def _bound(scp: Sequence[Sequence[Policy]]) -> str:
    """What service control policies say, every statement of which applies."""
    effects = [{one.effect for policy in level for one in policy.statements} for level in scp]
    if any("Deny" in level for level in effects):
        return "ExplicitlyDenied"
    return "Allowed" if all("Allow" in level for level in effects) else "ImplicitlyDenied"


def _rules(request: AccessRequest, layers: Layers) -> Iterator[tuple[str, Policy, Any]]:
    for level in levels(request, layers):
        prefix = f"scp-{level.number or 1}" if level.layer == "scp" else level.layer
        for number, policy in enumerate(level.policies, 1):
            for rule in program(policy, level.layer).rules:
                yield f"{prefix}/{number}", policy, rule


def _as_they_say(layers: Layers, said: dict[str, str]) -> Layers:
    """The same layers with every statement made to apply always, or taken out, as the other judge says."""

    def changed(policy: Policy, name: str) -> Policy:
        kept = (
            _always(one, said[f"{name}/{index}"])
            for index, one in enumerate(policy.statements, 1)
            if said[f"{name}/{index}"] != "NoMatch"
        )
        return Policy(tuple(kept))

    def several(policies: Any, name: str) -> Any:
        return None if policies is None else tuple(changed(one, f"{name}/{at}") for at, one in enumerate(policies, 1))

    return Layers(
        several(layers.identity, "identity"),
        changed(layers.resource, "resource/1") if layers.resource else None,
        several(layers.boundary, "boundary"),
        several(layers.session, "session"),
        None
        if layers.scp is None
        else tuple(several(level, f"scp-{number}") for number, level in enumerate(layers.scp, 1)),
    )


def _always(statement: Statement, how: str) -> Statement:
    """*statement* without what could keep it from applying; whom it names is kept, or said by *how*."""
    plain = replace(statement, **_EVERYTHING, resources=("*",))
    if not statement.not_principals:
        return plain
    assert how == "Match"
    return replace(plain, not_principals=(), principals=(("*", "*"),))
