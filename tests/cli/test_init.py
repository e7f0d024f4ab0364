"""`bedrock-gateway init` writes all of a file that loads, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway import GatewayConfig
from bedrock_gateway.cli import main
from bedrock_gateway.cli.init import TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_init_writes_a_file_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gateway.toml"
    assert main(["init", str(path)]) == 0
    assert GatewayConfig.from_file(path).application == "helpdesk"
    assert path.stat().st_mode & 0o777 == 0o644
    assert capsys.readouterr().out == ""
    assert [one.name for one in tmp_path.iterdir()] == ["gateway.toml"]


def test_a_file_that_exists_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text("mine")
    assert main(["init", str(path)]) == 2
    assert path.read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["gateway.toml"]
    assert main(["init", str(path), "--force"]) == 0
    assert path.read_text() == TEMPLATE


def test_a_folder_that_is_absent_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "none" / "gateway.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_commented_reliability_loads_and_is_what_holds_without_it() -> None:
    lines = TEMPLATE.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("# [reliability]"))
    for at in range(start, len(lines)):
        lines[at] = lines[at].removeprefix("#").removeprefix(" ")
    config = GatewayConfig.from_toml("\n".join(lines))
    assert config.reliability == GatewayConfig.from_toml(TEMPLATE).reliability
    tables = (config.reliability, config.reliability.deadlines, config.reliability.retries, config.reliability.breaker)
    assert all(one.model_fields_set == set(type(one).model_fields) for one in tables)


def test_the_commented_environment_loads_when_it_is_uncommented() -> None:
    lines = TEMPLATE.splitlines()
    start = lines.index("# [env.laptop]")
    lines[start : start + 5] = [line.removeprefix("# ") for line in lines[start : start + 5]]
    config = GatewayConfig.from_toml("\n".join(lines), env="laptop")
    assert config.local
    assert config.endpoint == "http://127.0.0.1:4566"
