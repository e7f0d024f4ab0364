"""What the linter works with: a document, a rule, and what a rule found where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bedrock_gateway.iam.document import Policy, Statement
    from bedrock_gateway.iam.source import Path, Position

__all__ = ["KINDS", "SEVERITIES", "Document", "Finding", "Hit", "Kind", "Rule", "Severity"]

Kind = Literal["identity", "resource", "trust", "scp"]
KINDS: tuple[Kind, ...] = ("identity", "resource", "trust", "scp")

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""error: the document does not do what it says, or opens a way in. warning: wider or weaker than it need be.
note: could be shorter. Worst first."""


@dataclass(frozen=True, slots=True)
class Document:
    """One policy to lint, or one list of attached policies."""

    name: str
    """The file's name, as it is shown."""
    policy: Policy
    """Without statements where the document is a list of attached policies."""
    kind: Kind = "identity"
    positions: Mapping[Path, Position] = field(default_factory=dict)
    attached: tuple[tuple[Path, str], ...] = ()
    """Names or ARNs of AWS-managed policies that are attached, with their places."""

    def statements(self, effect: str | None = None) -> Iterator[tuple[Path, Statement]]:
        """Every statement of that effect (None: every one), with its path."""
        for number, statement in enumerate(self.policy.statements):
            if effect in {None, statement.effect}:
                yield ("Statement", number), statement

    def position(self, path: Path) -> Position:
        """Where *path* stands in the text; where that is not known, the nearest that encloses it."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, (1, 1))


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule has to say about one place."""

    message: str
    path: Path = ()
    fix: str | None = None
    """What to do here; None: the rule's own advice."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    id: str
    name: str
    """For machines: ``wrong-prefix``."""
    title: str
    severity: Severity
    why: str
    fix: str
    source: str
    """URL of the page that the rule rests on."""
    check: Callable[[Document], Iterable[Hit]]
    analyzer: tuple[str, ...] = ()
    """Codes of IAM Access Analyzer that the rule answers offline, wholly or in part."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A hit of a rule in a document."""

    rule: Rule
    document: Document
    hit: Hit

    @property
    def statement(self) -> int | None:
        """Number of the statement, counted from 1; None for the document as a whole."""
        path = self.hit.path
        return path[1] + 1 if len(path) > 1 and path[0] == "Statement" and isinstance(path[1], int) else None

    @property
    def sid(self) -> str | None:
        """Sid of the statement, where it has one."""
        return self.document.policy.statements[self.statement - 1].sid if self.statement else None

    @property
    def position(self) -> Position:
        """Line and column of what was found."""
        return self.document.position(self.hit.path)

    @property
    def fix(self) -> str:
        """What to do."""
        return self.hit.fix or self.rule.fix

    def dump(self) -> dict[str, Any]:
        """Return the finding as plain data, as `--output json` prints it."""
        line, column = self.position
        return {
            "rule": self.rule.id,
            "name": self.rule.name,
            "severity": self.rule.severity,
            "message": self.hit.message,
            "fix": self.fix,
            "source": self.rule.source,
            "file": self.document.name,
            "line": line,
            "column": column,
            "statement": self.statement,
            "sid": self.sid,
            "element": list(self.hit.path),
        }
