"""The linter: what is wrong with a policy, judged offline. `rules.RULES` is the table.

Theory of operation. `reading.read` makes a `Document` of a file, with the position of everything in it. Each rule is
a pure function from a document to its hits. Where a rule is about what a policy allows, it asks the evaluator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.iam.lint.model import SEVERITIES, Document, Finding, Hit, Rule
from bedrock_gateway.iam.lint.reading import read
from bedrock_gateway.iam.lint.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RULES", "SEVERITIES", "Document", "Finding", "Hit", "Rule", "attached", "lint", "read"]


def lint(documents: Iterable[Document]) -> list[Finding]:
    """Return what the rules find, document by document, in the order of the text."""
    return [finding for document in documents for finding in _one(document)]


def _one(document: Document) -> list[Finding]:
    found = [Finding(rule, document, hit) for rule in RULES for hit in rule.check(document)]
    return sorted(found, key=lambda one: (one.position, one.rule.id))


def attached(names: Iterable[str]) -> Document:
    """A document that stands for attached AWS-managed policies, given by name or ARN."""
    from bedrock_gateway.iam.document import Policy

    return Document("--managed", Policy(()), attached=tuple(((), name) for name in names))
