"""What the forms of `kb` share: the options, the gateway, and progress on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.output import clean, note
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from bedrock_gateway import Gateway
    from bedrock_gateway.config import GatewayConfig

__all__ = ["add_common", "config_path", "gateway_of", "state_folder"]


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the name of the knowledge base and the common options."""
    parser.add_argument("name", metavar="NAME", help="configured name of the knowledge base")
    add_options(parser, "config", "env", "principal", "region", "profile", "output")


def config_path(args: argparse.Namespace) -> Path:
    """Return the path of gateway.toml."""
    return Path(args.config or os.environ.get("BEDROCKGW_CONFIG") or "gateway.toml")


def state_folder(args: argparse.Namespace) -> Path:
    """Return the folder below which manifests are: that of gateway.toml."""
    return config_path(args).parent


@contextlib.contextmanager
def gateway_of(args: argparse.Namespace) -> Iterator[Gateway]:
    """A gateway of the chosen principal, which shows progress.

    Raises:
        ConfigError: the configuration or the profile cannot be used.
    """
    from bedrock_gateway import Gateway

    config: GatewayConfig = load_config(args)
    name = config.principal_name(args.principal)
    with _progress() as show, Gateway(config, principal=name, session=_session(args), observers=[show]) as gateway:
        yield gateway


def _session(args: argparse.Namespace) -> Any:
    if args.profile is None:
        return None
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        return boto3.Session(profile_name=args.profile)
    except ProfileNotFound:
        raise ConfigError(f"no profile {args.profile[:80]!r} in AWS's configuration files") from None


def _line(event: Any) -> str:
    """One event as a line for people; empty: it is none of theirs."""
    if event.name == "ingestion.polled":
        return (
            f"ingestion {event.job_id}: {event.status.lower()}, {event.documents_scanned} scanned, "
            f"{event.documents_indexed} indexed, {event.documents_failed} failed"
        )
    if event.name == "setup.progressed":
        reason = f" ({event.reason})" if event.reason else ""
        return f"{event.step}: {event.progress} {event.resource}{reason}"
    if event.name == "gateway.retry_scheduled":
        return f"{event.operation}: {event.error_code}, again in {event.wait_seconds:.1f} s"
    return ""


_PASSING = ("waiting", "in_progress", "starting")


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """Show lines on stderr; on a terminal what only passes is a status line that moves."""
    if not sys.stderr.isatty():
        last = ""

        def plain(event: Any) -> None:
            nonlocal last
            line = _line(event)
            if line and line != last:
                last = line
                note(line)

        yield plain
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    with console.status("") as status:

        def moving(event: Any) -> None:
            line = escape(clean(_line(event)))
            if not line:
                return
            if event.name != "setup.progressed" or event.progress in _PASSING:
                status.update(line)
            else:
                console.print(line, highlight=False)

        yield moving
