"""What the random cases touched: operators in each of their forms, elements, layers, callers; and what came of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.conditions import compile_block
from bedrock_gateway.iam.patterns import Folded, UndecidableError, fold

from .generator import OPERATORS, Case
from .known import KNOWN, LAYERING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bedrock_gateway.iam.document import Statement

    from .compare import Compared, Judged

__all__ = ["FORMS", "Report"]

FORMS = ("", "IfExists", "ForAllValues", "ForAnyValue")


@dataclass(slots=True)
class Report:
    """Counts over many cases."""

    sets: int = 0
    statements: int = 0
    """Judged by both."""
    differences: Counter[str] = field(default_factory=Counter)
    """By known difference; a statement counts for each that explains it alone."""
    different: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    """Ours: allowed, denied, explicitly denied, undecidable."""
    decisions_differ: int = 0
    """For a known difference in a statement, or in how layers are put together."""
    layering: Counter[str] = field(default_factory=Counter)
    """Decisions that differ in how layers are put together, by known difference."""
    operators: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """Operator, form, whether it held."""
    elements: Counter[str] = field(default_factory=Counter)
    unexplained: list[Any] = field(default_factory=list)

    def add(self, seed: int, case: Case, compared: Compared) -> None:
        """Count one case."""
        self.sets += 1
        context = fold(case["request"]["context"])
        self.elements[f"caller {case['request']['principal'].get('kind', 'AWS')}"] += 1
        for name in case["layers"]:
            self.elements[f"layer {name}"] += 1
        for one in compared.statements:
            self._statement(seed, one, context)
        outcome = {True: "allowed", None: "undecidable", False: "explicitly denied" if compared.explicit else "denied"}
        self.decisions[outcome[compared.ours]] += 1
        self.decisions_differ += compared.ours is not None and compared.ours is not (compared.theirs == "Allowed")
        self.layering.update([compared.known] if compared.known else [])
        if compared.from_theirs != compared.theirs:
            self.unexplained.append((seed, "decision", compared.from_theirs, compared.theirs))

    def _statement(self, seed: int, one: Judged, context: Folded) -> None:
        for name in _elements(one.statement, one.version):
            self.elements[name] += 1
        self._operators(one, context)
        if one.ours is None:
            self.refused[_kind_of(one.refusal)] += 1
            return
        self.statements += 1
        if one.ours is not one.theirs:
            self.different += 1
            self.differences.update(one.known)
        if not one.explained:
            self.unexplained.append((seed, one))

    def _operators(self, one: Judged, context: Folded) -> None:
        for clause in compile_block(one.statement.conditions, variables=one.version != "2008-10-17"):
            qualifier, _, rest = clause.name.rpartition(":")
            bare = rest.removesuffix("IfExists")
            forms = {qualifier} | ({"IfExists"} if bare != rest else set())
            try:
                held = clause.holds(context)
            except UndecidableError:
                continue
            for form in forms - {""} or {""}:
                self.operators[bare, form, held] += 1

    def missing(self) -> list[str]:
        """Operators and forms of which one outcome was never seen."""
        names = [name for group in OPERATORS.values() for name in group]
        wanted = [(name, form) for name in names for form in FORMS] + [("Null", "")]
        return [
            f"{name} {form} {held}"
            for name, form in wanted
            for held in (True, False)
            if not self.operators[name, form, held]
        ]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        operators: dict[str, dict[str, list[int]]] = {}
        for (name, form, held), count in sorted(self.operators.items()):
            operators.setdefault(name, {}).setdefault(form or "plain", [0, 0])[0 if held else 1] += count
        return {
            "policy_sets": self.sets,
            "statements_judged_by_both": self.statements,
            "statements_that_differ": self.different,
            "differences_by_cause": dict(self.differences.most_common()),
            "decisions_that_differ_by_layering": dict(self.layering.most_common()),
            "unexplained": len(self.unexplained),
            "refused_by_us": dict(self.refused.most_common()),
            "decisions": dict(self.decisions.most_common()),
            "decisions_that_differ": self.decisions_differ,
            "elements": dict(sorted(self.elements.items())),
            "operators_held_not_held": operators,
        }

    def as_markdown(self) -> str:
        """Return it as a page for people."""
        data = self.as_json()
        head = [f"- {name.replace('_', ' ')}: {value}" for name, value in data.items() if isinstance(value, int)]
        counted = self.differences + self.layering
        known = [f"| {row.id} | {counted[row.id]} | {row.theirs} | {row.source} |" for row in (*KNOWN, *LAYERING)]
        refused = [f"| {name} | {count} |" for name, count in self.refused.most_common()]
        elements = [f"| {name} | {count} |" for name, count in sorted(self.elements.items())]
        operators = [
            f"| {name} | " + " | ".join("{} / {}".format(*forms.get(form or "plain", (0, 0))) for form in FORMS) + " |"
            for name, forms in data["operators_held_not_held"].items()
        ]
        return "\n".join(
            [
                *("# Our evaluator and iam-simulate", "", *head),
                *("", "| difference | count | the judge | what decides |", "| --- | --- | --- | --- |", *known),
                *("", "| we refuse | statements |", "| --- | --- |", *refused),
                *("", "| operator (held / not) | plain | IfExists | ForAllValues | ForAnyValue |", "| --- " * 5 + "|"),
                *operators,
                *("", "| element | statements |", "| --- | --- |", *elements, ""),
            ]
        )

    def write(self, folder: Path) -> None:
        """Write both forms into *folder*."""
        (folder / "report.json").write_text(json.dumps(self.as_json(), indent=1))
        (folder / "report.md").write_text(self.as_markdown())


_KINDS = {
    "which AWS completes": "incomplete ARN outside of identity-based policies",
    "parts of an ARN": "ARN pattern of fewer than six parts",
    "is no ARN": "a value of the request that is no ARN",
    "NotPrincipal lists": "NotPrincipal with a gap in the chain from account to caller",
    "is no policy variable": "policy variable of several values",
    "whether a variable then": "policy variable of an empty value",
    "whether Null takes": "Null on an empty value",
    "needs ForAllValues": "several values without a set operator",
}


def _kind_of(refusal: str) -> str:
    return next((kind for part, kind in _KINDS.items() if part in refusal), refusal)


def _elements(statement: Statement, version: str) -> Iterator[str]:
    lists = {
        "Action": statement.actions,
        "NotAction": statement.not_actions,
        "Resource": statement.resources,
        "NotResource": statement.not_resources,
        "Principal": statement.principals,
        "NotPrincipal": statement.not_principals,
        "Condition": statement.conditions,
    }
    yield from (f"{name} in {statement.effect}" for name, values in lists.items() if values)
    yield f"version {version}"
    yield from (f"principal {kind}" for kind, _ in (*statement.principals, *statement.not_principals))
    values = (value for _, keys in statement.conditions for _, them in keys for value in them)
    texts = " ".join((*statement.resources, *statement.not_resources, *values))
    marks = {
        "${": "variable",
        "${*}": "escaped star",
        "${?}": "escaped question mark",
        "${$}": "escaped dollar",
        ", '": "default",
    }
    yield from (name for mark, name in marks.items() if mark in texts)
    yield from (name for mark, name in {"*": "star", "?": "question mark"}.items() if mark in texts)
