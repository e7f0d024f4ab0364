"""Where each setting of the configuration comes from: an argument, a variable, a line of the file, a profile, a default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bedrock_gateway._config.toml_lines import place_of
from bedrock_gateway.cli.doctor.report import Setting
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from bedrock_gateway.config import GatewayConfig

__all__ = ["file_of", "of_configuration", "of_file"]

_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def file_of(args: argparse.Namespace) -> tuple[str, str]:
    """Return the path of the configuration, and what chose it."""
    if args.config:
        return args.config, "argument --config"
    if path := os.environ.get("BEDROCKGW_CONFIG"):
        return path, "BEDROCKGW_CONFIG"
    return "gateway.toml", "default"


def of_file(args: argparse.Namespace) -> tuple[Setting, bool]:
    """Return the setting that the file itself is, and whether there is one to read."""
    path, source = file_of(args)
    there = Path(path).is_file()
    if there or source != "default":
        return Setting("configuration", path, source), True
    note = "no gateway.toml here: give --config, or write one with `bedrock-gateway init`"
    return Setting("configuration", None, source, "warn", note), False


def of_configuration(args: argparse.Namespace, config: GatewayConfig) -> Iterator[Setting]:
    """Yield the settings that the configuration decides."""
    path, _ = file_of(args)
    lines = _Lines(path, config.environment or "")
    yield _chosen("environment", args.env, "BEDROCKGW_ENV", config.environment, "the only one")
    yield _principal(args, config)
    yield Setting("account", config.account, lines.of("account"))
    yield _region(args, config, lines)
    yield Setting("local", "true" if config.local else "false", lines.of("local"))
    yield Setting("auth", config.auth, lines.of("auth"))
    if config.endpoint:
        yield Setting("endpoint", config.endpoint, lines.of("endpoint"))
    for service, url in config.endpoints.items():
        yield Setting(f"endpoint of {service}", url, lines.of("endpoints", service))
    if config.guardrail:
        value = f"{config.guardrail.id} version {config.guardrail.version}"
        yield Setting("guardrail", value, lines.of("guardrail", "id"))
    if config.logging:
        for name in ("log_group", "bucket", "role"):
            if value := getattr(config.logging, name):
                yield Setting(f"logging {name}", value, lines.of("logging", name))
    for name, base in config.knowledge_bases.items():
        yield Setting(f"knowledge base {name}", base.id, lines.of("knowledge_base", name, "id"))


class _Lines:
    """Where keys stand in the file; the tables of the environment lie over the common ones."""

    def __init__(self, path: str, environment: str) -> None:
        self._name = Path(path).name
        self._text = Path(path).read_text()
        self._environment = environment

    def of(self, *path: str) -> str:
        for whole in (("env", self._environment, *path), path):
            depth, line = place_of(self._text, whole)
            if depth == len(whole) and line is not None:
                return f"{self._name}:{line}"
        return self._table(path) or "default"

    def _table(self, path: Sequence[str]) -> str | None:
        """The line of the table, where the key stands in an inline one."""
        for whole in (("env", self._environment, *path[:-1]), path[:-1]):
            depth, line = place_of(self._text, whole)
            if path[:-1] and depth == len(whole) and line is not None and _inline(self._text, line, path[-1]):
                return f"{self._name}:{line}"
        return None


def _inline(text: str, line: int, key: str) -> bool:
    return key in text.splitlines()[line - 1].partition("{")[2]


def _chosen(name: str, argument: str | None, variable: str, value: str | None, otherwise: str) -> Setting:
    if argument:
        return Setting(name, value, f"argument --{'env' if name == 'environment' else name}")
    return Setting(name, value, variable if os.environ.get(variable) else otherwise)


def _principal(args: argparse.Namespace, config: GatewayConfig) -> Setting:
    try:
        value = config.principal_name(args.principal)
    except ConfigError as error:
        status = "fail" if args.principal or os.environ.get("BEDROCKGW_PRINCIPAL") else "ok"
        return Setting("principal", None, "none is chosen", status, error.message)  # type: ignore[arg-type]
    return _chosen("principal", args.principal, "BEDROCKGW_PRINCIPAL", value, "the only one")


def _region(args: argparse.Namespace, config: GatewayConfig, lines: _Lines) -> Setting:
    """Argument > the file > AWS_REGION > AWS_DEFAULT_REGION > the AWS profile, as `GatewayConfig` has it."""
    declared = lines.of("region")
    others = {name: value for name in _REGION_VARIABLES if (value := os.environ.get(name))}
    if declared != "default":
        source = declared
    elif args.region:
        source = "argument --region"
    else:
        source = next(iter(others), f"AWS profile {args.profile or os.environ.get('AWS_PROFILE') or 'default'}")
    over = [f"{name}={value}" for name, value in others.items() if name != source and value != config.region]
    note = f"{', '.join(over)} is passed over" if over else None
    return Setting("region", config.region, source, note=note)
