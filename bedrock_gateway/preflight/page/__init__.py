"""A report as one HTML page that needs nothing but itself: no request leaves it, and nothing that AWS answered is code.

Every text is escaped, and the page's own policy lets only its one style and its one script run: their digests are in it.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from bedrock_gateway.preflight.report import STATUSES

if TYPE_CHECKING:
    from bedrock_gateway.preflight.report import CheckResult, Fix, Report

__all__ = ["as_html"]

_MARKS = {"pass": "✓", "warn": "!", "fail": "✗", "unknown": "?", "skip": "-", "not_applicable": "·"}


def as_html(report: Report) -> str:
    """Return *report* as a page: filter by status, commands to copy, evidence folded."""
    style, script = _asset("page.css"), _asset("page.js")
    policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    where = f"account {report.account}, Region {report.region}{', local Bedrock' if report.local else ''}"
    title = f"{report.level} preflight as {report.principal}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{_shown(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{_shown(title)}</h1><p>{_shown(where)}</p>{_verdict(report)}</header>",
            f'<nav aria-label="Filter by status">{_filters(report)}</nav>',
            f"<main>{''.join(_result(one) for one in report.results)}</main>",
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(text: str) -> str:
    """*text* for the page; control characters and those that turn the direction of writing are spelled out."""
    return escape("".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text))


def _verdict(report: Report) -> str:
    said = "Nothing failed." if report.ok else f"{len(report.failed)} failed, {len(report.unknown)} unknown."
    return f'<p class="verdict {"pass" if report.ok else "fail"}">{said}</p>'


def _filters(report: Report) -> str:
    buttons = [
        f'<button type="button" data-status="{status}" aria-pressed="true" class="{status}">'
        f"{_MARKS[status]} {status.replace('_', ' ')} <b>{count}</b></button>"
        for status, count in report.counts.items()
        if count and status in STATUSES
    ]
    return "".join(buttons)


def _result(result: CheckResult) -> str:
    head = (
        f'<h2><span class="mark" aria-hidden="true">{_MARKS[result.status]}</span> '
        f'<a class="id" href="#{escape(result.id)}">{_shown(result.id)}</a> {_shown(result.title)} '
        f'<span class="tag">{_shown(result.status.replace("_", " "))}</span>'
        f'<span class="tag">{_shown(result.severity)}</span></h2>'
    )
    return (
        f'<article id="{escape(result.id)}" class="{escape(result.status)}" data-status="{escape(result.status)}">'
        f"{head}<p>{_shown(result.summary)}</p>{_fix(result.fix)}{_details(result)}</article>"
    )


def _fix(fix: Fix | None) -> str:
    if fix is None:
        return ""
    command = (
        f'<div class="command"><pre><code>{_shown(fix.command)}</code></pre>'
        '<button type="button" class="copy">Copy</button></div>'
        if fix.command
        else ""
    )
    return f'<p class="fix">{_shown(fix.text)}</p>{command}'


def _details(result: CheckResult) -> str:
    rows = [*result.evidence.items(), *(("reads", one) for one in result.calls)]
    rows += [("request id", result.request_id)] if result.request_id else []
    rows += [("error", result.error_code)] if result.error_code else []
    if not rows:
        return ""
    cells = "".join(f"<dt>{_shown(str(name))}</dt><dd>{_shown(str(value))}</dd>" for name, value in rows)
    return f"<details><summary>Evidence</summary><dl>{cells}</dl></details>"
