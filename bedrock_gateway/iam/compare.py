"""What changes between policies: by deciding representative requests under both, not by their text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.evaluate import Decision, Layers, UndecidableError, evaluate
from bedrock_gateway.iam.samples import samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bedrock_gateway.iam.evaluate import AccessRequest
    from bedrock_gateway.iam.generate import Generated

__all__ = ["Change", "Comparison", "as_text", "compare", "named"]

_SHOWN = 6
_EVERYTHING = Policy((Statement("Allow", actions=("*",), resources=("*",)),))
"""Identity-based policy of who asks, where policies of a resource are compared: the resource's alone decides."""


@dataclass(frozen=True, slots=True)
class Change:
    """Requests that are decided otherwise."""

    actions: tuple[str, ...]
    resource: str
    context: Mapping[str, Any]
    """The condition keys that the difference needs; an empty one: none has to be there."""
    principal: str | None
    reason: str
    """Why they are decided as they are now."""
    calls: tuple[str, ...] = ()
    """Operations that need them, where `named` knows."""

    def dump(self) -> dict[str, Any]:
        """Return the change as plain data."""
        context = {key: value if isinstance(value, str) else list(value) for key, value in self.context.items()}
        return {
            "actions": list(self.actions),
            "resource": self.resource,
            "context": context,
            "principal": self.principal,
            "reason": self.reason,
            "calls": list(self.calls),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the representative requests."""

    allowed: tuple[Change, ...]
    """Denied before, allowed now."""
    denied: tuple[Change, ...]
    """Allowed before, denied now."""
    tried: int
    undecidable: tuple[str, ...] = field(default=())
    """Why requests were left out: AWS does not document how they are decided."""

    @property
    def same(self) -> bool:
        """Whether every request is decided as before."""
        return not (self.allowed or self.denied)

    def dump(self, *, allowed: str = "allowed", denied: str = "denied") -> dict[str, Any]:
        """Return the comparison as plain data, under those names."""
        return {
            "format": 1,
            "same": self.same,
            "requests_tried": self.tried,
            allowed: [one.dump() for one in self.allowed],
            denied: [one.dump() for one in self.denied],
            "undecidable": list(self.undecidable),
        }


def compare(old: Sequence[Policy], new: Sequence[Policy]) -> Comparison:
    """Decide representative requests of *old* and *new* under either.

    Each is a set of identity-based policies of one principal or, where principals are named, one policy of a resource.
    """
    before, after = _layers(old), _layers(new)
    # direction → (resource, context, principal, why) → actions; contexts come simplest first.
    found: dict[bool, dict[tuple[Any, ...], list[str]]] = {True: {}, False: {}}
    told: set[tuple[bool, str, str, str | None]] = set()
    undecidable: dict[str, None] = {}
    tried = 0
    for sample in samples((*old, *new)):
        request, tried = sample.request, tried + 1
        try:
            was, now = evaluate(request, before), evaluate(request, after)
        except UndecidableError as error:
            undecidable[str(error)] = None
            continue
        who = request.principal.arn if request.principal else None
        mark = (now.allowed, request.action, request.resource, who)
        if was.allowed is now.allowed or mark in told:
            continue
        told.add(mark)
        key = (request.resource, _frozen(request), who, _why(request, now))
        found[now.allowed].setdefault(key, []).extend(sample.actions)
    return Comparison(_changes(found[True]), _changes(found[False]), tried, tuple(undecidable))


def _layers(policies: Sequence[Policy]) -> Layers:
    if any(one.principals or one.not_principals for policy in policies for one in policy.statements):
        merged = Policy(tuple(one for policy in policies for one in policy.statements), policies[0].version)
        return Layers(identity=(_EVERYTHING,), resource=merged)
    return Layers(identity=tuple(policies))


def _frozen(request: AccessRequest) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((key, value) for key, value in request.context.items()))


def _why(request: AccessRequest, decision: Decision) -> str:
    return decision.reason.replace(f"{request.action} on {request.resource}", "it")


def _changes(found: Mapping[tuple[Any, ...], Sequence[str]]) -> tuple[Change, ...]:
    return tuple(
        Change(tuple(dict.fromkeys(actions)), resource, dict(context), who, why)
        for (resource, context, who, why), actions in found.items()
    )


def named(changes: Iterable[Change], made: Generated) -> tuple[Change, ...]:
    """Return *changes* with the operations of *made* that need them: ``converse: bedrock-runtime Converse``."""
    needs: dict[tuple[str, str], dict[str, None]] = {}
    for grant in made.grants:
        call = f"{grant.capability}: {grant.operation.service} {grant.operation.name}"
        needs.setdefault((grant.leg.action, grant.arn), {})[call] = None
    return tuple(
        Change(one.actions, one.resource, one.context, one.principal, one.reason, _calls(one, needs)) for one in changes
    )


def _calls(change: Change, needs: Mapping[tuple[str, str], Mapping[str, None]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call for action in change.actions for call in needs.get((action, change.resource), ())))


def as_text(comparison: Comparison, *, allowed: str = "allowed now", denied: str = "denied now") -> str:
    """Return the comparison for people."""
    lines = []
    for title, changes in ((allowed, comparison.allowed), (denied, comparison.denied)):
        for one in changes:
            who = f" by {one.principal}" if one.principal else ""
            lines += [f"{title}: {_some(one.actions)} on {one.resource}{who}"]
            lines += [
                f"    with {key} = {value if isinstance(value, str) else ', '.join(value)}"
                for key, value in one.context.items()
            ]
            lines += [f"    needed by {_some(one.calls)}"] if one.calls else []
            lines += [f"    {one.reason}"]
    lines += [f"not judged: {reason}" for reason in comparison.undecidable]
    verdict = "the same" if comparison.same else "different"
    return "\n".join([*lines, f"{verdict}, by {comparison.tried} representative requests"])


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
