"""Every code block of the README and the docs that can run is run, and every example.

A page is run top to bottom in one folder, against one served local Bedrock in which the steps of scripts/world.py have
been taken. Python blocks run as they stand; `bedrock-gateway` lines of sh blocks run through the command line's own
`main`; toml blocks must load. Everything else is listed here with the reason why it does not run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# First words of sh lines that a test does not run: they install, serve for ever, or are for another shell.
NOT_RUN = {
    "pip": "installs",
    "scripts/demo": "has a test of its own",
    "scripts/test": "is what runs this",
    "export": "is for the reader's shell",
}
SERVES_FOR_EVER = "bedrock-gateway local"
EXIT_CODES = {"bedrock-gateway preflight --principal app": {0, 1}}


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(page.name, text[: found.start()].count("\n") + 1, found[1], found[2]) for found in FENCE.finditer(text)
    ]


def load_world():
    spec = importlib.util.spec_from_file_location("world", ROOT / "scripts" / "world.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("world", module)
    spec.loader.exec_module(module)
    return module


HANDBOOK = """\
# Employee handbook

## Leave

Every employee has 25 days of paid leave a year. Unused leave lapses at the end of March.

## Equipment

Every employee chooses a laptop on the first day.
"""


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """The world in which the pages are true: roles, logging on, the handbook ingested."""
    from bedrock_gateway.local import LocalBedrock

    accounts = load_world()
    folder = tmp_path_factory.mktemp("account")
    documents = tmp_path_factory.mktemp("documents")
    (documents / "handbook.md").write_text(HANDBOOK)
    with pytest.MonkeyPatch.context() as patch, LocalBedrock() as local, local.serve() as server:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        world = accounts.World(local, server.endpoint, folder)
        world.seed(documents)
        yield world


@pytest.fixture
def as_app(seeded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The application's shell: its credentials, its folder with gateway.toml."""
    frozen = seeded.become("app").get_credentials().get_frozen_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", frozen.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", frozen.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", frozen.token)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text(seeded.config_file.read_text())
    return seeded


def run_python(block: Block) -> None:
    code = compile("\n" * block.line + block.text, f"{block.page}", "exec")
    exec(code, {"__name__": "__main__"})


def can_run(code: str) -> bool:
    """Without aiobotocore there is no async; everything else of a page still runs."""
    return "AsyncGateway" not in code or importlib.util.find_spec("aiobotocore") is not None


def run_shell(block: Block) -> None:
    from bedrock_gateway.cli import main

    for raw in block.text.splitlines():
        line = raw.split("  #")[0].strip()
        if not line or line.split()[0] in NOT_RUN or line.startswith(SERVES_FOR_EVER):
            continue
        words = shlex.split(line)
        assert words[0] == "bedrock-gateway", f"{block.page}:{block.line}: no way to run {line!r}"
        assert main(words[1:]) in EXIT_CODES.get(line, {0}), line


def load_toml(block: Block, where: Path, endpoint: str) -> None:
    from bedrock_gateway import GatewayConfig

    if "format = 1" in block.text:
        GatewayConfig.from_toml(block.text)
        (where / "gateway.toml").write_text(block.text.replace("http://127.0.0.1:4566", endpoint))


RUNNERS = {"python", "sh", "toml"}
TEXT_ONLY = {"text", "json", ""}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= RUNNERS | TEXT_ONLY


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.language in RUNNERS for block in blocks(page))],
    ids=lambda page: page.name,
)
def test_the_blocks_of_a_page_run_in_order(
    page: Path, as_app, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for block in blocks(page):
        if block.language == "toml":
            load_toml(block, tmp_path, as_app.endpoint)
        elif block.language == "python" and can_run(block.text):
            run_python(block)
        elif block.language == "sh":
            run_shell(block)


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs_and_is_short(example: Path, as_app, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(example.read_text().splitlines()) <= 40
    if not can_run(example.read_text()):
        pytest.skip("AsyncGateway needs an extra that is not installed here")
    run_python(Block(example.name, 0, "python", example.read_text()))
    assert capsys.readouterr().out.strip()


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / "README.md").read_text())
    assert not [target for target in targets if not target.startswith("http") and not (ROOT / target).exists()]


PATHS = re.compile(r"`((?:tests|scripts|examples|policies|benchmarks|docs)/[\w./-]+)`")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_what_a_page_names_of_this_repository_is_there(page):
    assert [path for path in PATHS.findall(page.read_text()) if not (ROOT / path).exists()] == []


def test_the_readme_leads_to_every_page():
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES if page.parent.name == "docs" and f"(docs/{page.name})" not in readme] == []
