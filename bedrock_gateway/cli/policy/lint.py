"""`policy lint FILE…`: what is wrong with policies that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.output import emit, emit_json
from bedrock_gateway.cli.policy.files import read_document
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bedrock_gateway.iam.lint import Finding

__all__ = ["add_forms", "run"]

_EPILOG = """\
A file holds a policy, what `aws iam get-policy-version`, `get-role-policy` or `get-role` printed, or a list of attached
policies, as `aws iam list-attached-role-policies` prints it. Exit codes: 0 nothing found, 1 findings, 2 no policy."""

# The words of `iam.lint.SEVERITIES` and `KINDS`, which are imported late.
_SEVERITIES = ("error", "warning", "note")
_KINDS = ("identity", "resource", "trust", "scp")


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add ``lint``."""
    parser = forms.add_parser("lint", help="what is wrong with a policy that exists", epilog=_EPILOG)
    parser.add_argument("files", nargs="*", metavar="FILE", help="policy, or - for standard input")
    parser.add_argument(
        "--managed",
        action="append",
        default=[],
        metavar="NAME",
        help="attached AWS-managed policy, name or ARN (repeatable)",
    )
    parser.add_argument(
        "--type", dest="kind", choices=_KINDS, help="kind of the documents (default: judged by what they hold)"
    )
    parser.add_argument("--output", choices=("text", "json", "sarif"), default="text", help="default: text")
    parser.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        default="note",
        help="what exits 1; each includes those before it (default: note)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 where there are any of the severities to fail on, else 0.

    Raises:
        ConfigError: a file is no policy, or none is named.
    """
    from bedrock_gateway.iam.lint import attached, lint

    if not args.files and not args.managed:
        raise ConfigError("name a FILE, - for standard input, or --managed NAME")
    documents = [read_document(name, kind=args.kind) for name in args.files]
    findings = lint([*documents, *([attached(args.managed)] if args.managed else [])])
    _write(findings, args.output)
    failing = _SEVERITIES[: _SEVERITIES.index(args.fail_on) + 1]
    return int(any(one.rule.severity in failing for one in findings))


def _write(findings: Sequence[Finding], output: str) -> None:
    from bedrock_gateway.iam.lint import render

    if output == "sarif":
        from bedrock_gateway import __version__

        emit_json(render.as_sarif(findings, version=__version__))
    elif output == "json":
        emit_json(render.as_json(findings))
    else:
        emit(render.as_text(findings))
