"""From the text of `gateway.toml` to the values of one environment, and from a fault to the line it stands on."""

from __future__ import annotations

import configparser
import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway._config.toml_lines import place_of
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["located", "nearest", "not_toml", "refuse_widening", "resolve"]

SELECTING = ("BEDROCKGW_CONFIG", "BEDROCKGW_DEBUG_TRACEBACKS", "BEDROCKGW_ENV", "BEDROCKGW_PRINCIPAL")
# Belong to the local Bedrock and to our tests; they configure no client.
IGNORED_PREFIXES = ("BEDROCKGW_LOCAL_", "BEDROCKGW_TEST_")
ENVIRONMENT_KEYS = (
    "account", "region", "local", "endpoint", "endpoints", "auth", "destinations", "enforced_guardrails", "residency",
)  # fmt: skip
MERGED_TABLES = ("principals", "logging", "guardrail", "batch", "wraps", "reliability", "preflight", "knowledge_base")


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


def _table(data: Mapping[str, Any], name: str, prefix: str = "") -> dict[str, Any]:
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{prefix}{name} is a table: write [{prefix}{name}]", key_path=prefix + name)
    return dict(found)


def _known_keys(table: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(
                f"unknown key {prefix + key[:80]!r}{nearest(key, dict.fromkeys(known))}", key_path=f"{prefix}{key}"
            )


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
    stated = data.get("format")
    if isinstance(stated, bool) or not isinstance(stated, int) or stated != 1:
        raise ConfigError("this version reads format 1: write `format = 1` as the first line", key_path="format")
    _known_keys(data, ("format", "application", "env", *MERGED_TABLES), "")
    environments = _table(data, "env")
    for one in environments:
        _known_keys(_table(environments, one, "env."), (*ENVIRONMENT_KEYS, *MERGED_TABLES), f"env.{one}.")
    name = _choose(environments, wanted)
    chosen = _table(environments, name)
    values = {key: value for key, value in chosen.items() if key not in MERGED_TABLES}
    for table in MERGED_TABLES:
        if table in data or table in chosen:
            values[table] = _merge(_table(data, table), _table(chosen, table))
    values["knowledge_bases"] = values.pop("knowledge_base", {})
    values["region"] = _resolve_region(values.get("region"), region, profile)
    values |= {"environment": name} | {key: data[key] for key in ("application",) if key in data}
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


def not_toml(error: ValueError, text: str, source: str) -> ConfigError:
    """Return what the parser says with file and line, and the reason where it is a number that wants quotes."""
    found = re.search(r"\(at line (\d+)", str(error))
    lines = text.splitlines()
    line = int(found[1]) if found else len(lines)
    said = re.sub(r" \(at .*\)$", "", str(error)).removeprefix("Invalid TOML: ")
    row = lines[line - 1] if 0 < line <= len(lines) else ""
    if re.match(r"\s*[A-Za-z0-9_.-]+\s*=\s*0\d", row):
        said = "a number does not begin with 0; if this is an account, write it in quotes"
    elif said.startswith(("Cannot overwrite", "Cannot declare", "Duplicate", "Cannot mutate")):
        said = f"the same key or table twice ({said})"
    return ConfigError(f"{source}:{line}: not TOML: {said}", line=line)


def located(error: ConfigError, text: str, source: str) -> ConfigError:
    """Return *error* with the file's name and, where its key stands in the file, the line."""
    if error.key_path is None:
        return ConfigError(f"{source}: {error.message}")
    path = error.key_path.split(".")
    found = [(depth, line) for depth, line in _places(text, path) if line is not None]
    line = max(found, key=lambda place: place[0])[1] if found else None
    where = f"{source}:{line}" if line else source
    return ConfigError(f"{where}: {error.message}", key_path=error.key_path, line=line)


def _places(text: str, path: list[str]) -> list[tuple[int, int | None]]:
    """How much of *path* stands where: the tables of an environment lie over the common ones, so they come first."""
    below = [(depth - 2, line) for name in _env_names(text) for depth, line in [place_of(text, ["env", name, *path])]]
    return [*(place for place in below if place[0] >= 0), place_of(text, path)]


def _env_names(text: str) -> list[str]:
    return re.findall(r"^\s*\[+env\.([A-Za-z0-9_-]+)", text, re.MULTILINE)
