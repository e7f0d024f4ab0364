"""What was looked at to decide a request: every statement of every layer, and why each did or did not apply.

`evaluate` stops at what decides; this goes on to the end, for people who ask why. Both compare with the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bedrock_gateway.iam.evaluate import Decision, Layers, Level, evaluate, levels
from bedrock_gateway.iam.matching import AccessRequest, Asked, Layer, Mismatch, Rule, program
from bedrock_gateway.iam.patterns import UndecidableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.document import Statement

__all__ = ["LevelTrace", "Mismatch", "StatementTrace", "Trace", "trace"]

Outcome = Literal["applies", "does not apply", "undecidable"]


@dataclass(frozen=True, slots=True)
class StatementTrace:
    """One statement, compared with the request."""

    policy: int
    """Number of its policy in the level, from 1."""
    index: int
    """Number of the statement in its policy, from 1."""
    statement: Statement
    outcome: Outcome
    mismatch: Mismatch | None = None
    """The first element that does not hold, or cannot be judged; None where the statement applies."""


@dataclass(frozen=True, slots=True)
class LevelTrace:
    """One layer; of service control policies, one level of the organisation."""

    layer: Layer
    number: int | None
    """Which level, from 1 at the root; None where the layer has one only."""
    name: str
    """In words: ``permissions boundary``, ``service control policy of level 2``."""
    result: Literal["deny", "allow", "none"]
    """What its statements that apply amount to, looked at alone."""
    statements: tuple[StatementTrace, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """A decision with all that was looked at. A layer that does not exist is not listed."""

    request: AccessRequest
    decision: Decision | None
    """None where the request cannot be judged."""
    undecidable: str | None
    """Why it cannot be judged."""
    levels: tuple[LevelTrace, ...]


def trace(request: AccessRequest, layers: Layers) -> Trace:
    """Decide *request* over *layers*, and list why every statement applies or not.

    It does not raise where the request cannot be judged: ``decision`` is None then, and ``undecidable`` says why.
    """
    decision, undecidable = None, None
    try:
        decision = evaluate(request, layers)
    except UndecidableError as error:
        undecidable = str(error)
    asked = Asked.of(request, bounded=layers.boundary is not None)
    return Trace(request, decision, undecidable, tuple(_level(asked, one) for one in levels(request, layers)))


def _level(asked: Asked, level: Level) -> LevelTrace:
    statements = tuple(_statements(asked, level))
    effects = {one.statement.effect for one in statements if one.outcome == "applies"}
    result: Literal["deny", "allow", "none"] = "deny" if "Deny" in effects else "allow" if effects else "none"
    return LevelTrace(level.layer, level.number, level.name, result, statements)


def _statements(asked: Asked, level: Level) -> Iterator[StatementTrace]:
    for number, policy in enumerate(level.policies, 1):
        for rule in program(policy, level.layer).rules:
            yield _statement(asked, number, rule)


def _statement(asked: Asked, policy: int, rule: Rule) -> StatementTrace:
    mismatch = rule.mismatch(asked)
    if mismatch is None:
        outcome: Outcome = "applies"
    else:
        outcome = "undecidable" if mismatch.undecidable else "does not apply"
    return StatementTrace(policy, rule.index, rule.statement, outcome, mismatch)
