"""The wheel that a user installs holds what the code needs, and works from a clean folder."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = (".json", ".toml")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the build backend is in the dev group only")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_marker_and_every_data_file(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "bedrock_gateway"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    wanted = {name for name in tracked if name.endswith(("py.typed", ".py", *DATA))}
    held = set(zipfile.ZipFile(wheel).namelist())
    assert wanted
    assert "bedrock_gateway/py.typed" in held
    assert not wanted - held


def test_the_wheel_holds_nothing_but_the_package(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bedrock_gateway"}


def test_the_wheel_works_from_a_clean_folder(wheel: Path, tmp_path: Path) -> None:
    """Unpacked alone on the path, with the folder of the checkout nowhere on it."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import bedrock_gateway; from bedrock_gateway.cli import main;"
        "assert bedrock_gateway.__file__.startswith(sys.argv[1]), bedrock_gateway.__file__;"
        "sys.exit(main(['policy', 'generate', 'converse', '--model', 'us.amazon.nova-lite-v1:0', '--region', 'us-east-1', '--account', '111122223333']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(site)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"bedrock:InvokeModel"' in done.stdout


def test_the_extras_are_those_of_the_design() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"] == {
        "async": ["aiobotocore>=3.10,<4"],
        "aioboto3": ["aioboto3>=15.5,<16", "boto3<1.41"],
        "local": ["moto>=5.2.5,<5.3", "numpy>=1.26,<3"],
        "local-semantic": ["bedrock-gateway[local]", "wordllama>=0.4.0.post1,<0.5"],
    }
    assert project["requires-python"] == ">=3.11"
