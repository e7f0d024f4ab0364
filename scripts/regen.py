"""Rewrite every derived file from its source; `--check` only says what is out of date.

Each file of regen.d, `_derived.py` aside, writes one derived file, and takes `--check`. Those that read outside data (AWS's action
reference, the model catalogue) run with `--refresh` only: their diff wants a reviewer, not a build.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTSIDE = ("actions.py", "botocore_members.py", "local_catalogue.py", "models.py")


def main(argv: list[str]) -> int:
    unknown = set(argv) - {"--check", "--refresh"}
    if unknown:
        print(f"error: unknown argument {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    scripts = sorted((HERE / "regen.d").glob("[!_]*.py"), key=lambda path: (path.name not in OUTSIDE, path.name))
    worst = 0
    for script in scripts:
        if script.name in OUTSIDE and "--refresh" not in argv:
            continue
        arguments = ["--check"] if "--check" in argv and script.name not in OUTSIDE else []
        worst = max(
            worst, subprocess.run([sys.executable, str(script), *arguments], check=False, cwd=HERE.parent).returncode
        )
    if worst and "--check" in argv:
        print("out of date: run scripts/regen and commit what it writes", file=sys.stderr)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
