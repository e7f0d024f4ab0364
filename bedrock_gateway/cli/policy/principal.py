"""`policy --principal NAME`: the policy of a principal of gateway.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.cli.options import add_options, load_config
from bedrock_gateway.cli.policy.formats import add_format
from bedrock_gateway.cli.policy.generate import add_making, write

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Make this the form that runs where none is named."""
    add_options(parser, "config", "env", "principal", "region", "profile")
    add_making(parser)
    add_format(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the policy of the selected principal; 0.

    Raises:
        ConfigError: the configuration cannot be read, or does not hold what its policy needs.
    """
    config = load_config(args)
    names, scope = tuple(config.principal(args.principal).capabilities), config.scope(args.principal)
    return write(args, names, scope, name=f"bedrock-gateway-{config.principal_name(args.principal)}")
