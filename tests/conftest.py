"""Options and fixtures shared by every test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

RECORDINGS_VARIABLE = "BEDROCKGW_TEST_RECORDINGS"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run the long and exhaustive tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    skip = pytest.mark.skip(reason="long: run with --full (scripts/test --all)")
    for item in items:
        if "full" in item.keywords:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what was replayed, by operation and family: a recording that nobody counted may as well be missing."""
    for report in [one for found in ("passed", "failed") for one in terminalreporter.stats.get(found, ())]:
        counted = dict(report.user_properties) if "test_recordings.py" in report.nodeid else {}
        if counted:
            terminalreporter.section(f"replayed: {report.nodeid.rpartition('[')[2].rstrip(']')}")
            terminalreporter.write_line("; ".join(f"{name}: {count}" for name, count in counted.items()))


@pytest.fixture(autouse=True)
def _no_environment_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the credentials, endpoints or configuration of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "BEDROCKGW_")) and name != RECORDINGS_VARIABLE:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module", autouse=True)
def _moto_begins_empty() -> None:
    """moto keeps its state in the process: no module finds what another one left there."""
    if "moto.core.models" in sys.modules:
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder of recorded Bedrock traffic; skips where it is absent, as it is for users."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "recordings"
    folder = Path(os.environ.get(RECORDINGS_VARIABLE, beside))
    if not (folder / "exchanges.jsonl.gz").exists():
        pytest.skip(f"no recordings: set {RECORDINGS_VARIABLE} to the folder that holds exchanges.jsonl.gz")
    return folder
