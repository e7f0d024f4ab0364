"""`bedrock-gateway preflight`: the same as `Gateway.preflight`, printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.options import add_options, config_path, load_config
from bedrock_gateway.cli.output import emit, emit_json
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from bedrock_gateway.preflight.report import Report

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "preflight",
        help="check identity, Region, models and the invocation-logging chain",
        epilog="Exit codes: 0 nothing found, 1 findings, 2 could not start, 3 AWS unreachable, or LOG-01 (with --canary, LOG-16) unknown.",
    )
    add_options(parser, "config", "env", "principal", "region", "profile", "output")
    parser.add_argument(
        "--level", choices=("minimal", "standard", "deep"), help="default: what the principal is granted"
    )
    parser.add_argument(
        "--deadline", type=float, metavar="SECONDS", help="what has no answer by then is unknown (default: 10)"
    )
    parser.add_argument(
        "--canary",
        action="store_true",
        help="also call the principal's first model for one token and look for its record; billed by its tokens",
    )
    parser.add_argument(
        "--canary-wait",
        type=float,
        metavar="SECONDS",
        help="how long each record is waited for, after --deadline (default: 90)",
    )
    parser.add_argument("--html", metavar="FILE", help="write the report as a page of its own besides")
    parser.add_argument(
        "--fail-on",
        choices=("fail", "warn", "unknown"),
        default="fail",
        help="what exits 1; each includes those before it (default: fail)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the preflight, print the report, return its exit code."""
    from bedrock_gateway import Gateway
    from bedrock_gateway.preflight.report import REQUIRED

    config = load_config(args)
    name = config.principal_name(args.principal)
    with Gateway(
        config, principal=name, session=_session(args.profile), observers=()
    ) as gateway:  # the report says it all
        gateway.folder = config_path(args).parent
        report = gateway.preflight(
            level=args.level,
            deadline_seconds=args.deadline,
            canary=args.canary,
            canary_seconds=args.canary_wait,
        )
    _print(report, args.output)
    if args.html is not None:
        _write(report, args.html)
    code: int = report.exit_code(args.fail_on, (*REQUIRED, "LOG-16") if args.canary else REQUIRED)
    return code


def _session(profile: str | None) -> Any:
    """The session of a named profile; None: the default chain."""
    if profile is None:
        return None
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        return boto3.Session(profile_name=profile)
    except ProfileNotFound:
        raise ConfigError(f"no profile {profile[:80]!r} in AWS's configuration files") from None


def _write(report: Report, path: str) -> None:
    from bedrock_gateway.preflight.page import as_html

    try:
        Path(path).write_text(as_html(report), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--html: {path[:200]!r} could not be written: {error.strerror}") from None


def _print(report: Report, output: str) -> None:
    from bedrock_gateway.preflight import render

    if output == "json":
        emit_json(report.to_dict())
    elif sys.stdout.isatty():
        from rich.console import Console

        render.print_rich(report, Console())
    else:
        emit(render.as_text(report))
