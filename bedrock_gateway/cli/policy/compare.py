"""`policy diff OLD NEW` and `policy check FILE… --principal NAME`: what changes, and what is wrong, by evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import emit, emit_json, note
from bedrock_gateway.cli.policy.files import read_policy
from bedrock_gateway.cli.policy.generate import add_making, made_of

if TYPE_CHECKING:
    import argparse

    from bedrock_gateway.iam.compare import Comparison

__all__ = ["add_forms", "run_check", "run_diff"]

_DIFF = """\
Both are decided over representative requests: every action and resource that either names, the wildcards' edges, and the
values at which a condition turns. Exit codes: 0 the same, 1 different, 2 bad input."""
_CHECK = """\
FILE: every identity-based policy that is attached to the principal's role. Exit codes: 0 it grants what gateway.toml needs
and nothing else, 1 something is missing or in excess, 2 bad input."""


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add ``diff`` and ``check``."""
    diff = forms.add_parser("diff", help="which calls become allowed or denied", epilog=_DIFF)
    diff.add_argument("old", metavar="OLD", help="policy, or - for standard input")
    diff.add_argument("new", metavar="NEW", help="policy")
    diff.set_defaults(run=run_diff)

    check = forms.add_parser(
        "check", help="whether deployed policies grant what a principal needs, and no more", epilog=_CHECK
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="deployed policy, or - for standard input")
    add_options(check, "config", "env", "principal", "region", "profile")
    add_making(check)
    check.set_defaults(run=run_check)
    for form in (diff, check):
        form.add_argument("--output", choices=("text", "json"), default="text", help="default: text")


def run_diff(args: argparse.Namespace) -> int:
    """Print which calls become allowed or denied from OLD to NEW; 1 where there are any.

    Raises:
        ConfigError: a file is no policy.
    """
    from bedrock_gateway.iam.compare import as_text, compare

    found = compare((read_policy(args.old),), (read_policy(args.new),))
    if args.output == "json":
        emit_json(found.dump())
    else:
        emit(as_text(found))
    return int(not found.same)


def run_check(args: argparse.Namespace) -> int:
    """Print what the deployed policies lack and grant in excess; 1 where there is any.

    What is only assumed to be needed is neither missed with ``--strict`` nor ever in excess.

    Raises:
        ConfigError: a file is no policy, or the configuration cannot be used.
    """
    from bedrock_gateway.iam.compare import as_text, compare, named

    config = load_config(args)
    names, scope = tuple(config.principal(args.principal).capabilities), config.scope(args.principal)
    deployed = [read_policy(name) for name in args.files]
    needed, most = (made_of(args, names, scope, strict=strict) for strict in (args.strict, False))
    for text in needed.warnings:
        note(f"warning: {text}")
    lacking = compare(deployed, (needed.policy,))
    beyond = compare(deployed, (most.policy,)) if args.strict else lacking
    found: Comparison = replace(lacking, allowed=named(lacking.allowed, needed), denied=beyond.denied)
    if args.output == "json":
        emit_json(found.dump(allowed="missing", denied="excess"))
    else:
        emit(as_text(found, allowed="missing", denied="in excess"))
    return int(not found.same)
