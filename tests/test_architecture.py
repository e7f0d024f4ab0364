"""The import rules of docs/decisions.md: who may import whom, who may touch the world, what importing costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "bedrock_gateway"

# Each layer may import the layers above it (and itself).
LAYERS = (
    {"errors", "_deferred", "_records"},
    {"_commands", "capabilities", "documents", "events", "filters", "results", "_config", "config"},
    {
        "governance",
        "families",
        "_arguments",
        "_structured",
        "_requests",
        "_responses",
        "_retrieved",
        "_spans",
        "_fold",
        "_eventstream",
    },
    {"_flow"},
    {"_drive"},
    {"preflight"},
    {"_stream", "_pages", "_facade", "_govern", "client", "aio"},
    {"setup"},
    {"cli", "__main__"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Outside the layers: what each may import.
IAM_MAY_IMPORT = {"capabilities", "errors", "iam"}
LOCAL_MAY_IMPORT = {"local", "errors", "iam.evaluate", "iam.document", "iam.conditions"}
MAY_IMPORT_IAM = {"iam", "local", "preflight", "setup", "cli"}
MAY_IMPORT_LOCAL = {"local", "cli"}

# Upwards, inside of a function: who asks for set-up gets it, and nobody else pays for it. See docs/decisions.md.
HANDLES = {
    ("client", "setup.knowledge.handle.KnowledgeBaseHandle"),
    ("aio", "setup.knowledge.handle.AsyncKnowledgeBaseHandle"),
}

WORLD = {"boto3", "aiobotocore", "aioboto3", "asyncio", "botocore"}
MAY_TOUCH_THE_WORLD = ("_drive", "_stream", "client", "aio", "setup", "cli", "local", "preflight/readers")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top(name: str) -> str:
    """`_drive.sync` belongs to `_drive`, `iam.evaluate` to `iam`."""
    first = name.split(".", maxsplit=1)[0]
    return next((known for known in RANK if first.startswith(f"{known}_")), first)


def type_checking_only(tree: ast.Module) -> set[ast.AST]:
    """Nodes under `if TYPE_CHECKING:`, which never run."""
    return {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }


def imports(path: Path) -> set[str]:
    """Every module that *path* imports when it runs, at its top or inside a function."""
    tree = ast.parse(path.read_text())
    unused = type_checking_only(tree)
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in unused:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    prefix = "bedrock_gateway."
    return {name.removeprefix(prefix) for name in imports(path) if name.startswith(prefix)}


def within(name: str, allowed: set[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_no_module_imports_a_layer_below_it(path: Path) -> None:
    importer = top(dotted(path))
    if importer not in RANK:
        pytest.skip("iam, local and the package itself have rules of their own")
    below = {name for name in ours(path) if top(name) in RANK and RANK[top(name)] > RANK[importer]}
    assert not {name for name in below if (importer, name) not in HANDLES}


@pytest.mark.parametrize("path", sorted((PACKAGE / "iam").rglob("*.py")), ids=dotted)
def test_iam_imports_the_table_only(path: Path) -> None:
    assert not {name for name in ours(path) if not within(name, IAM_MAY_IMPORT)}


@pytest.mark.parametrize("path", sorted((PACKAGE / "local").rglob("*.py")), ids=dotted)
def test_the_local_bedrock_shares_nothing_with_what_it_judges(path: Path) -> None:
    assert not {name for name in ours(path) if not within(name, LOCAL_MAY_IMPORT)}


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_only_those_who_may_import_iam_and_local(path: Path) -> None:
    importer, names = top(dotted(path)), ours(path)
    if importer not in MAY_IMPORT_IAM:
        assert not {name for name in names if top(name) == "iam"}
    if importer not in MAY_IMPORT_LOCAL:
        assert not {name for name in names if top(name) == "local"}


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_only_the_edge_touches_the_world(path: Path) -> None:
    where = path.relative_to(PACKAGE).as_posix()
    if where.startswith(MAY_TOUCH_THE_WORLD):
        return
    assert not {name for name in imports(path) if name.split(".")[0] in WORLD}
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in calls


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("heavy", ["boto3", "pydantic", "structlog", "asyncio", "orjson", "moto", "rich"])
def test_importing_the_package_imports_nothing_heavy(heavy: str) -> None:
    assert heavy not in modules_after("import bedrock_gateway")


def test_set_up_is_loaded_by_whoever_asks_for_it_alone() -> None:
    loaded = modules_after("from bedrock_gateway.client import Gateway\nfrom bedrock_gateway.aio import AsyncGateway")
    assert not {name for name in loaded if name.startswith(("bedrock_gateway.setup", "bedrock_gateway.iam"))}


def test_the_judge_never_loads_what_it_judges() -> None:
    pytest.importorskip("moto")
    loaded = modules_after(
        "import bedrock_gateway.local, bedrock_gateway.local.app, bedrock_gateway.local.authorization, bedrock_gateway.local.control,"
        " bedrock_gateway.local.models.runtime, bedrock_gateway.local.knowledge.bases, bedrock_gateway.local.knowledge.retrieval"
    )
    judged = {"capabilities", "iam.generate", "iam.roles", "iam.trust", "config", "client", "aio", "_flow", "_drive"}
    assert not {name for name in loaded if within(name.removeprefix("bedrock_gateway."), judged)}


def test_the_gateway_needs_no_extra() -> None:
    loaded = modules_after("from bedrock_gateway import Gateway, GatewayConfig, AsyncGateway")
    assert not loaded & {"moto", "aiobotocore", "aioboto3", "numpy", "aiohttp"}
