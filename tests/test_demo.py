"""`scripts/demo` does what it says, on folders it has never seen, and fails where a step does not hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

ROOT = Path(__file__).resolve().parents[1]
NOTES = "The kitchen opens at seven. Whoever leaves last closes\nthe windows and turns the lights off.\n"


def run_demo(*arguments: str, prelude: str = "") -> subprocess.CompletedProcess[str]:
    """Run the demo as its script does, after *prelude*: the way to take a step's ground away."""
    program = (
        f"import sys; sys.path.insert(0, 'scripts'); import demo, world as accounts\n{prelude}\nsys.exit(demo.main())"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "140"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes.txt").write_text(NOTES)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "rules.md").write_text("# Rules\n\nNobody smokes in the building.\n")
    return tmp_path


def test_every_step_holds_on_a_folder_of_somebody_else(notes: Path) -> None:
    done = run_demo("--docs", str(notes), "--question", "Who turns the lights off?")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 10 steps did what they say" in done.stdout
    assert "turns the lights off" in done.stdout
    assert "notes.txt" in done.stdout
    assert "LOG-07" in done.stdout


def test_a_step_that_does_not_hold_is_named_and_fails(notes: Path) -> None:
    switched_off = "accounts.World.set_up_logging = lambda *_: None"
    done = run_demo("--docs", str(notes), prelude=switched_off)
    assert done.returncode == 1
    assert "FAILED at step 3" in done.stdout


def test_a_policy_that_lacks_something_fails_the_demo(notes: Path) -> None:
    nothing = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}],
    }
    done = run_demo("--docs", str(notes), prelude=f"accounts.World.policy = lambda *_: {nothing}")
    assert done.returncode == 1
    assert "FAILED at step 3" in done.stdout
    assert "AccessDenied" in done.stdout


@pytest.mark.parametrize("made", ["nothing", "empty"])
def test_a_folder_without_documents_is_a_usage_error(tmp_path: Path, made: str) -> None:
    folder = tmp_path / made
    if made == "empty":
        folder.mkdir()
    done = run_demo("--docs", str(folder))
    assert done.returncode == 2
    assert str(folder) in done.stderr


@pytest.mark.full
def test_the_default_documents_are_the_docs_of_the_project() -> None:
    done = run_demo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "policies.md" in done.stdout
