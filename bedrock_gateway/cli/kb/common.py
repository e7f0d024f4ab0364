"""What the forms of `kb` share: the options, the gateway, and progress on stderr."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.progress import shown_progress
from bedrock_gateway.cli.options import add_options, config_path, load_config
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from bedrock_gateway import Gateway
    from bedrock_gateway.config import GatewayConfig

__all__ = ["add_common", "config_path", "gateway_of", "state_folder"]


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the name of the knowledge base and the common options."""
    parser.add_argument("name", metavar="NAME", help="configured name of the knowledge base")
    add_options(parser, "config", "env", "principal", "region", "profile", "output")


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
    with shown_progress() as show, Gateway(config, principal=name, session=_session(args), observers=[show]) as gateway:
        gateway.folder = state_folder(args)  # the preflight after a set-up looks there, as the command does
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
