"""The JSON Schema for editors accepts what loads, and refuses the faults that a schema can see."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from bedrock_gateway import ConfigError, GatewayConfig

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "cases" / "config"
SCHEMA = json.loads((ROOT / "bedrock_gateway" / "gateway.schema.json").read_text())


def cases(kind: str) -> list[Path]:
    return sorted(CASES.glob(f"{kind}-*.toml"))


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one_and_up_to_date() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    script = ROOT / "scripts" / "regen.d" / "config_schema.py"
    assert subprocess.run([sys.executable, str(script), "--check"], check=False).returncode == 0


@pytest.mark.parametrize("path", cases("good"), ids=lambda path: path.stem)
def test_schema_and_configuration_accept(path: Path) -> None:
    GatewayConfig.from_file(path)
    validator().validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize("path", cases("bad"), ids=lambda path: path.stem)
def test_schema_and_configuration_refuse(path: Path) -> None:
    with pytest.raises(ConfigError):
        GatewayConfig.from_file(path)
    assert not validator().is_valid(tomllib.loads(path.read_text()))
