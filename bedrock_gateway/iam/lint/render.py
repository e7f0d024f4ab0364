"""Findings as text, as JSON, and as SARIF 2.1.0 for code-scanning services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.lint.model import SEVERITIES
from bedrock_gateway.iam.lint.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bedrock_gateway.iam.lint.model import Finding, Rule

__all__ = ["as_json", "as_sarif", "as_text"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _counts(findings: Iterable[Finding]) -> dict[str, int]:
    listed = [one.rule.severity for one in findings]
    return {severity: listed.count(severity) for severity in SEVERITIES}


def _where(finding: Finding) -> str:
    line, column = finding.position
    return f"{finding.document.name}:{line}:{column}"


def as_text(findings: Sequence[Finding]) -> str:
    """Two lines a finding, as compilers write them, and a line that counts them."""
    lines = []
    for one in findings:
        sid = f" [{one.sid or f'statement {one.statement}'}]" if one.statement else ""
        lines += [f"{_where(one)}: {one.rule.severity} {one.rule.id}{sid} {one.hit.message}", f"    fix: {one.fix}"]
    counted = ", ".join(f"{number} {name}{'s' * (number != 1)}" for name, number in _counts(findings).items() if number)
    return "\n".join([*lines, counted or "nothing found"])


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as plain data; ``format`` is raised when a field changes its meaning."""
    return {"format": 1, "counts": _counts(findings), "findings": [one.dump() for one in findings]}


def as_sarif(findings: Sequence[Finding], *, version: str) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log of one run; *version* is that of this tool."""
    driver = {
        "name": "bedrock-gateway",
        "version": version,
        "rules": [_rule(rule) for rule in RULES],
    }
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(one) for one in findings],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"Fix: {rule.fix}."},
        "helpUri": rule.source,
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: Finding) -> dict[str, Any]:
    line, column = finding.position
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(finding.document.name)},
            "region": {"startLine": line, "startColumn": column},
        }
    }
    if finding.statement:
        name = finding.sid or f"statement {finding.statement}"
        location["logicalLocations"] = [{"name": name, "kind": "object"}]
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.index(finding.rule),
        "level": finding.rule.severity,
        "message": {"text": f"{finding.hit.message}. Fix: {finding.fix}."},
        "locations": [location],
    }


def _uri(name: str) -> str:
    """A relative reference, as SARIF wants it: with slashes, and with what a URI cannot hold escaped."""
    from urllib.parse import quote

    return quote(name.replace("\\", "/"), safe="/:._-~")
