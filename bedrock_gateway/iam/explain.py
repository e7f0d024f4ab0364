"""Why a request is allowed or denied: the statement that decided, what nearly did, and what would be needed.

Built on `trace`, which compares every statement with the request by the evaluator's own rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.actions import action, fits, services
from bedrock_gateway.iam.lint.actions import unknown_action
from bedrock_gateway.iam.lint.shapes import shapes
from bedrock_gateway.iam.trace import LevelTrace, StatementTrace, Trace, trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.evaluate import AccessRequest, Layers

__all__ = ["Explanation", "Names", "Seen", "as_text", "explain"]

Names = Mapping[tuple[str, int | None, int], str]
"""(layer, level, number of the policy) → what to call the policy, such as its file; one that is not there is counted."""

# How near a statement was that failed by this element: its action matched, or its action and its resource.
_NEARNESS: Mapping[str, int] = {"Condition": 0, "Principal": 1, "NotPrincipal": 1, "Resource": 2, "NotResource": 2}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """One statement that was compared with the request."""

    policy: str
    """In words, or the file."""
    layer: str
    number: int
    """Of the statement in its policy, from 1."""
    statement: Statement
    element: str | None = None
    """The element that does not hold; None: the statement applies."""
    detail: str = ""
    """Why it does not hold, in a sentence."""

    def dump(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "policy": self.policy,
            "layer": self.layer,
            "number": self.number,
            "sid": self.statement.sid,
            "effect": self.statement.effect,
            "element": self.element,
            "detail": self.detail,
            "statement": self.statement.dump(),
        }

    def __str__(self) -> str:
        sid = f" {self.statement.sid!r}" if self.statement.sid else ""
        return f"{self.policy}: statement {self.number}{sid} ({self.statement.effect})"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and why."""

    request: AccessRequest
    allowed: bool | None
    """None: it cannot be judged, and `reason` says why."""
    reason: str
    layer: str | None
    deciding: Seen | None
    """The statement that decided; None where there is none: nothing allows the request."""
    near: tuple[Seen, ...]
    """Statements that nearly applied and would have changed the outcome, nearest first."""
    searched: tuple[str, ...]
    """The policies in which an Allow was looked for in vain; none where a statement decided."""
    hints: tuple[str, ...]
    """What AWS's reference says of the action and the resource, where they do not fit."""

    def dump(self) -> dict[str, Any]:
        """Return it as plain data, as `--output json` prints it."""
        return {
            "format": 1,
            "action": self.request.action,
            "resource": self.request.resource,
            "context": {
                key: value if isinstance(value, str) else list(value) for key, value in self.request.context.items()
            },
            "principal": self.request.principal.arn if self.request.principal else None,
            "allowed": self.allowed,
            "reason": self.reason,
            "layer": self.layer,
            "statement": self.deciding.dump() if self.deciding else None,
            "searched": list(self.searched),
            "near_misses": [one.dump() for one in self.near],
            "hints": list(self.hints),
        }


def explain(request: AccessRequest, layers: Layers, *, names: Names | None = None) -> Explanation:
    """Decide *request* over *layers*, and say why. It does not raise where the request cannot be judged."""
    traced = trace(request, layers)
    seen = [(level, one, _seen(level, one, names or {})) for level in traced.levels for one in level.statements]
    decision = traced.decision
    return Explanation(
        request,
        decision.allowed if decision else None,
        decision.reason if decision else str(traced.undecidable),
        decision.layer if decision else None,
        _deciding(traced, seen),
        tuple(_near(traced, seen)),
        _searched(traced, seen),
        tuple(_hints(request)),
    )


_Compared = list[tuple[LevelTrace, StatementTrace, Seen]]


def _seen(level: LevelTrace, one: StatementTrace, names: Names) -> Seen:
    policy = names.get((level.layer, level.number, one.policy), f"{level.name} {one.policy}")
    found = one.mismatch
    return Seen(
        policy, level.layer, one.index, one.statement, found.element if found else None, found.detail if found else ""
    )


def _deciding(traced: Trace, seen: _Compared) -> Seen | None:
    """The statement of the decision, where it stands for the first time."""
    decision = traced.decision
    if decision is None or decision.statement is None:
        return None
    return next(
        shown
        for level, one, shown in seen
        if level.layer == decision.layer and one.outcome == "applies" and one.statement == decision.statement
    )


def _searched(traced: Trace, seen: _Compared) -> tuple[str, ...]:
    decision = traced.decision
    if decision is None or decision.statement is not None:
        return ()
    return tuple(dict.fromkeys(shown.policy for level, _, shown in seen if level.layer == decision.layer))


def _near(traced: Trace, seen: _Compared) -> Iterator[Seen]:
    """What failed by one of its last elements: an Allow where nothing allows, a Deny where nothing denies."""
    decision = traced.decision
    if decision is not None and decision.explicit_deny:
        return
    effect = "Deny" if decision is None or decision.allowed else "Allow"
    layer = None if decision is None or decision.allowed else decision.layer
    close = [
        (_NEARNESS[one.mismatch.element], number, shown)
        for number, (level, one, shown) in enumerate(seen)
        if one.mismatch
        and one.mismatch.element in _NEARNESS
        and one.statement.effect == effect
        and layer in {None, level.layer}
        # A Deny on another resource is no near miss: every policy is full of them.
        and (effect == "Allow" or one.mismatch.element == "Condition")
    ]
    for _, _, shown in sorted(close, key=lambda found: found[:2])[:_SHOWN]:
        yield shown


def _hints(request: AccessRequest) -> Iterator[str]:
    name, resource = request.action, request.resource
    if fault := unknown_action(name):
        yield f"{fault[0]}; {fault[1]}" if fault[1] else fault[0]
        return
    row = action(name)
    if row is None or name.partition(":")[0] not in services() or fits(name, resource):
        return
    if not row.arns:
        yield f'{name} has no resource type: AWS authorises it on "*"'
        return
    forms = sorted({shape.replace("?*", "…") for shape in shapes(row)})
    more = f" and {len(forms) - _SHOWN} more" if len(forms) > _SHOWN else ""
    yield f"{resource} is no resource of {name}; AWS authorises it on {', '.join(forms[:_SHOWN])}{more}"


def as_text(explanation: Explanation) -> str:
    """Return the explanation for people: the decision, the statement, what was near, hints."""
    verdict = {True: "allowed", False: "denied", None: "cannot be judged"}[explanation.allowed]
    request = explanation.request
    lines = [f"{verdict}: {request.action} on {request.resource}", f"  {explanation.reason}"]
    if explanation.deciding:
        lines.append(f"  by {explanation.deciding}")
    if explanation.searched:
        lines.append(f"  looked in {', '.join(explanation.searched)}")
    if explanation.near:
        lines.append("  near misses:" if not explanation.allowed else "  would have denied it, but for one condition:")
        for one in explanation.near:
            lines += [f"    {one}", f"      {one.detail}"]
    lines += [f"  hint: {hint}" for hint in explanation.hints]
    return "\n".join(lines)
