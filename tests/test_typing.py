"""Types as a user's checker sees them: mypy strict and pyright (as basedpyright, which brings its Node.js along) agree.

`tests/typing/right_*.py` is code as users write it, without one complaint; in `wrong.py` exactly the marked lines are refused.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from bedrock_gateway import AsyncGateway, Gateway

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "typing"
FILES = sorted(FOLDER.glob("*.py"))
MARK = "  # wrong"


def marked() -> set[tuple[str, int]]:
    return {
        (path.name, number)
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith(MARK)
    }


def run(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT, timeout=240
    ).stdout


@cache
def mypy() -> dict[tuple[str, int], str]:
    """What mypy says, by file and line; the options are those of this project, strict among them."""
    said = run("mypy", "--follow-imports=silent", "--no-pretty", *(str(path.relative_to(ROOT)) for path in FILES))
    assert re.search(r"^(Found|Success)", said, re.MULTILINE), said
    found = re.findall(r"^tests/typing/(\w+\.py):(\d+): error: (.*)$", said, re.MULTILINE)
    return {(name, int(line)): message for name, line, message in found}


@cache
def pyright() -> dict[tuple[str, int], str]:
    """What pyright says in its strict mode, by file and line."""
    said = json.loads(run("basedpyright", "--project", str(FOLDER), "--pythonpath", sys.executable, "--outputjson"))
    assert said["summary"]["filesAnalyzed"] == len(FILES)
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1): f"{one['message']} ({one.get('rule')})"
        for one in said["generalDiagnostics"]
    }


CHECKERS = {"mypy": ("mypy", mypy), "pyright": ("basedpyright", pyright)}


@pytest.fixture(params=CHECKERS)
def refused(request: pytest.FixtureRequest) -> dict[tuple[str, int], str]:
    module, check = CHECKERS[request.param]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not in this environment: it belongs to the group dev")
    return check()


def test_a_checker_takes_what_users_write(refused: dict[tuple[str, int], str]) -> None:
    assert {place: message for place, message in refused.items() if place not in marked()} == {}


def test_a_checker_refuses_each_wrong_use(refused: dict[tuple[str, int], str]) -> None:
    assert len(marked()) > 30
    assert marked() - refused.keys() == set()


@pytest.mark.parametrize(("kind", "file"), [(Gateway, "right_sync.py"), (AsyncGateway, "right_async.py")])
def test_every_public_method_and_argument_is_among_what_users_write(kind: type, file: str) -> None:
    import inspect

    text = (FOLDER / file).read_text()
    for name in vars(kind):
        if name.startswith("_"):
            continue
        assert f".{name}(" in text, name
        for argument in inspect.signature(getattr(kind, name)).parameters.values():
            if argument.kind is argument.KEYWORD_ONLY:
                assert re.search(rf"\b{argument.name}=", text), f"{name}({argument.name}=)"
