"""Options that mean the same in every command, and the configuration they select."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from bedrock_gateway.config import GatewayConfig

__all__ = ["add_options", "config_path", "load_config"]

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "config": {"metavar": "FILE", "help": "configuration (default: BEDROCKGW_CONFIG, or ./gateway.toml)"},
    "env": {"metavar": "NAME", "help": "environment of the configuration (default: BEDROCKGW_ENV, or the only one)"},
    "principal": {"metavar": "NAME", "help": "principal (default: BEDROCKGW_PRINCIPAL, or the only one)"},
    "region": {"metavar": "REGION", "help": "AWS Region; must agree with the one that the environment declares"},
    "profile": {"metavar": "NAME", "help": "profile of AWS's own configuration, for credentials and Region"},
    "output": {"choices": ("text", "json"), "default": "text", "help": "form of the result (default: text)"},
}


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the common options of those names (``config env principal region profile output``) to *parser*."""
    for name in names:
        parser.add_argument(f"--{name}", **_OPTIONS[name])


def config_path(args: argparse.Namespace) -> Path:
    """Return the path of gateway.toml."""
    return Path(args.config or os.environ.get("BEDROCKGW_CONFIG") or "gateway.toml")


def load_config(args: argparse.Namespace) -> GatewayConfig:
    """Return the configuration that the common options select.

    Raises:
        ConfigError: it cannot be read or used.
    """
    from bedrock_gateway.config import GatewayConfig

    chosen = {name: getattr(args, name, None) for name in ("env", "region", "profile")}
    return GatewayConfig.from_file(config_path(args), **chosen)
