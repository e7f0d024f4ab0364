"""`bedrock-gateway doctor`: what is installed, what it lacks, and where every setting comes from. Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import emit, emit_json
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from bedrock_gateway.cli.doctor.report import Report

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what is installed, what it lacks, and where every setting comes from",
        description="Says what is installed, what the installed botocore lacks of what this project uses, and where every "
        "setting comes from. It sends nothing, and shows no secret.",
        epilog="Exit codes: 0 nothing found, 1 findings, 2 the configuration cannot be used.",
    )
    add_options(parser, "config", "env", "principal", "region", "profile", "output")
    parser.add_argument(
        "--fail-on", choices=("fail", "warn"), default="fail", help="what exits 1; warn includes fail (default: fail)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report and return its exit code."""
    report = examine(args)
    if args.output == "json":
        emit_json(report.to_dict())
    else:
        emit(report.as_text())
    return report.exit_code(args.fail_on)


def examine(args: argparse.Namespace) -> Report:
    """Look at everything; a configuration that cannot be used hides nothing else."""
    from bedrock_gateway.cli.doctor import process, settings, versions
    from bedrock_gateway.cli.doctor.report import Report

    file, there = settings.of_file(args)
    config, problem = None, None
    if there:
        try:
            config = load_config(args)
        except ConfigError as error:
            problem = error.message
    found = [file]
    if config is not None:
        found += settings.of_configuration(args, config)
    found += process.of_process(args.profile, config)
    return Report(versions.installed(), versions.lacking(), tuple(found), problem)
