"""From the text of `gateway.toml` to the values of one environment, and from a fault to the line it stands on."""

from __future__ import annotations

import configparser
import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway._toml_lines import line_of
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["located", "nearest", "refuse_widening", "resolve"]

SELECTING = ("BEDROCKGW_CONFIG", "BEDROCKGW_DEBUG_TRACEBACKS", "BEDROCKGW_ENV", "BEDROCKGW_PRINCIPAL")
# Belong to the local Bedrock and to our tests; they configure no client.
IGNORED_PREFIXES = ("BEDROCKGW_LOCAL_", "BEDROCKGW_TEST_")
MERGED_TABLES = ("principals", "logging", "guardrail", "knowledge_base")


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Return the end of a message about an unknown *name*: the nearest one that is known, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known) or 'none'}"


def refuse_widening(environment: Mapping[str, str]) -> None:
    """Refuse variables of ours that do not select: they were meant to change what is permitted.

    Raises:
        ConfigError: there is one.
    """
    for name in environment:
        if name.startswith("BEDROCKGW_") and name not in SELECTING and not name.startswith(IGNORED_PREFIXES):
            raise ConfigError(
                f"{name} is set, but the environment can only choose ({', '.join(SELECTING)}); permissions come from the file"
            )


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{name} is a table", key_path=name)
    return dict(found)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """*over* over *base*, key by key; arrays are replaced, not joined."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _choose(environments: Mapping[str, Any], wanted: str | None) -> str:
    if not environments:
        raise ConfigError("no environment: add [env.NAME] with account and region", key_path="env")
    if wanted is None and len(environments) == 1:
        return next(iter(environments))
    if wanted is None:
        raise ConfigError(
            f"several environments ({', '.join(environments)}): choose one with --env or BEDROCKGW_ENV", key_path="env"
        )
    if wanted not in environments:
        raise ConfigError(f"no environment {wanted[:80]!r}{nearest(wanted, environments)}", key_path="env")
    return wanted


def resolve(
    data: Mapping[str, Any], wanted: str | None, region: str | None, profile: str | None = None
) -> dict[str, Any]:
    """Return the values of one environment out of the whole file.

    Raises:
        ConfigError: no environment can be chosen, or no Region is known.
    """
    if data.get("format") != 1:
        raise ConfigError("the first line is `format = 1`", key_path="format")
    known = {"format", "application", "env", *MERGED_TABLES}
    for key in data:
        if key not in known:
            raise ConfigError(f"unknown key {key!r}{nearest(key, dict.fromkeys(known))}", key_path=key)
    environments = _table(data, "env")
    name = _choose(environments, wanted)
    chosen = _table(environments, name)
    values = {key: value for key, value in chosen.items() if key not in MERGED_TABLES}
    for table in MERGED_TABLES:
        if table in data or table in chosen:
            values[table] = _merge(_table(data, table), _table(chosen, table))
    values["knowledge_bases"] = values.pop("knowledge_base", {})
    values["region"] = _resolve_region(values.get("region"), region, profile)
    values |= {"application": data.get("application"), "environment": name}
    return values


def _resolve_region(declared: object, argument: str | None, profile: str | None) -> object:
    """The declared Region, or argument > AWS_REGION > AWS_DEFAULT_REGION > profile; never a default."""
    if declared is not None:
        if argument and argument != declared:
            raise ConfigError(
                f"the configuration declares Region {declared}, the argument says {argument}", key_path="region"
            )
        return declared
    found = argument or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _profile_region(profile)
    if not found:
        raise ConfigError(
            "no Region: add `region` to [env.NAME], or pass --region, or set AWS_REGION", key_path="region"
        )
    return found


def _profile_region(profile: str | None) -> str | None:
    """Region of the selected profile in AWS's own configuration file, read without loading botocore."""
    path = os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    parser = configparser.RawConfigParser()
    try:
        parser.read(Path(path).expanduser(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return None
    profile = profile or os.environ.get("AWS_PROFILE", "default")
    section = profile if profile == "default" else f"profile {profile}"
    return parser.get(section, "region", fallback=None)


def located(error: ConfigError, text: str, source: str) -> ConfigError:
    """Return *error* with the file's name and, where its key stands in the file, the line."""
    path = (error.key_path or "").split(".")
    line = line_of(text, path) if error.key_path else None
    if line is None and error.key_path:
        line = max((line_of(text, ["env", name, *path]) or 0 for name in _env_names(text)), default=0) or None
    where = f"{source}:{line}" if line else source
    return ConfigError(f"{where}: {error.message}", key_path=error.key_path, line=line)


def _env_names(text: str) -> list[str]:
    return re.findall(r"^\s*\[+env\.([A-Za-z0-9_-]+)", text, re.MULTILINE)
