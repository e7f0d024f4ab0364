"""A report as text or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrock_gateway.preflight.report import CheckResult, Report

__all__ = ["as_json", "as_text", "print_rich"]

_MARKS = {"pass": "✓", "warn": "!", "fail": "✗", "unknown": "?", "skip": "-", "not_applicable": "·"}
_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red", "unknown": "magenta", "skip": "dim"}


def as_json(report: Report) -> str:
    """Return the report as ``report.schema.json`` describes it."""
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False)


def as_text(report: Report) -> str:
    """Return the report for a person, plain."""
    return "\n".join(line for line, _ in _lines(report))


def print_rich(report: Report, console: Any) -> None:
    """Print the report on a rich console; nothing in it is read as markup, and commands are not wrapped."""
    for line, style in _lines(report):
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _lines(report: Report) -> list[tuple[str, str | None]]:
    where = f"account {report.account}, Region {report.region}{', local' if report.local else ''}"
    lines: list[tuple[str, str | None]] = [(f"{report.level} preflight as {report.principal}: {where}", None)]
    for result in report.results:
        lines += _result(result)
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
    return [*lines, (counts, None)]


def _result(result: CheckResult) -> list[tuple[str, str | None]]:
    style = _STYLES.get(result.status)
    lines = [(f"{_MARKS[result.status]} {result.status:14} {result.id:7} {_safe(result.summary)}", style)]
    if result.fix:
        lines.append((f"      fix: {_safe(result.fix.text)}", None))
        lines += [(f"      $ {_safe(result.fix.command)}", None)] if result.fix.command else []
    return lines


def _safe(text: str) -> str:
    """AWS's answers may hold control characters; a terminal must not obey them."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
