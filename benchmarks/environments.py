"""A virtual environment a peer, made when it is first asked for, outside the tree; and which adapters there are."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
OURS = (f"{ROOT}[async]",)
"""What the environment of the adapters without requirements of their own holds: this tree, boto3 and aiobotocore."""


@dataclass(frozen=True)
class Adapter:
    """What an adapter says of itself, read without importing it."""

    name: str
    title: str
    environment: str
    requirements: tuple[str, ...]
    distributions: tuple[str, ...]


def adapters() -> dict[str, Adapter]:
    """Every adapter by its name."""
    found = {}
    for path in sorted((HERE / "adapters").glob("*.py")):
        tree = ast.parse(path.read_text())
        values = {
            target.id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id in {"ENVIRONMENT", "REQUIREMENTS", "DISTRIBUTIONS"}
        }
        title = (ast.get_docstring(tree) or path.stem).splitlines()[0].rstrip(".")
        found[path.stem] = Adapter(
            path.stem, title, values["ENVIRONMENT"], values.get("REQUIREMENTS", ()), values["DISTRIBUTIONS"]
        )
    return found


def default_cache() -> Path:
    """Where environments are kept unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bedrock-gateway" / "benchmarks"


def newest_python() -> str:
    """An interpreter all peers run on: aws-sdk-bedrock-runtime needs 3.12."""
    if sys.version_info >= (3, 12):
        return sys.executable
    found = (shutil.which(name) for name in ("python3.13", "python3.12"))
    return next((path for path in found if path and _runs(path)), sys.executable)


def _runs(python: str) -> bool:
    """Whether it is an interpreter: pyenv's shims stand for versions that are not chosen, too."""
    return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0


def python_of(adapter: Adapter, cache: Path, interpreter: str) -> str:
    """Return the interpreter of *adapter*'s environment, which is made if it is missing or was made otherwise.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    # Editable: what is measured is the tree as it is now.
    options = () if adapter.requirements else ("--editable",)
    return made(cache / adapter.environment, interpreter, options, adapter.requirements or OURS)


def made(folder: Path, interpreter: str, options: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Return the interpreter of an environment in *folder* with *wanted*, made if it is missing or was made otherwise.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    mark = hashlib.sha256(repr((interpreter, wanted)).encode()).hexdigest()
    python, stamp = folder / "bin" / "python", folder / "made-of"
    if stamp.exists() and stamp.read_text() == mark:
        return str(python)
    print(f"making {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([interpreter, "-m", "venv", folder], check=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, *options, *wanted], check=True, stderr=subprocess.DEVNULL)
    stamp.write_text(mark)
    return str(python)


def versions_of(python: str, distributions: tuple[str, ...]) -> dict[str, str]:
    """Distribution → version, as installed."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    done = subprocess.run([python, "-c", code, *distributions], check=True, capture_output=True, text=True)
    return dict(zip(distributions, done.stdout.split(), strict=True))
