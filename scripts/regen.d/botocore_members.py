"""Write governance/_members.json: which botocore first knew what of the operations in the table.

It reads the service models of the botocore versions that CI runs (the floor, the pinned one, the newest) out of their
wheels, which pip fetches; nothing of them is installed. What the floor knows is not listed. Members of answers are listed for
services whose answers botocore parses for us: it drops what it does not know.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[2] / "bedrock_gateway"
TARGET = PACKAGE / "governance" / "_members.json"
VERSIONS = ("1.40.61", "1.43.117", "")
"""Floor, pinned, and the newest, which has no number here."""
PARSED = ("bedrock", "s3vectors")


def operations() -> dict[str, list[str]]:
    """Service → operations of the table."""
    found: dict[str, set[str]] = {}
    for row in CAPABILITIES.values():
        for one in row.operations:
            found.setdefault(one.service, set()).add(one.name)
    return {service: sorted(names) for service, names in sorted(found.items())}


def fetched(version: str, folder: Path) -> tuple[str, Path]:
    """Fetch one wheel; returns its version and path."""
    wanted = f"botocore=={version}" if version else "botocore"
    into = folder / (version or "newest")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(into), wanted]
    subprocess.run(command, check=True)
    (wheel,) = into.glob("*.whl")
    return wheel.name.split("-")[1], wheel


def members(models: dict[str, Any], shape: str, path: str, above: frozenset[str]) -> Iterator[str]:
    """Every member below *shape*, as botocore's validator names it, without the numbers of a list."""
    one = models["shapes"][shape]
    if shape in above:
        return
    if one["type"] == "structure":
        for name, member in one.get("members", {}).items():
            here = f"{path}.{name}".lstrip(".")
            yield here
            yield from members(models, member["shape"], here, above | {shape})
    elif one["type"] == "list":
        yield from members(models, one["member"]["shape"], f"{path}[]", above | {shape})


def known_by(wheel: Path) -> dict[tuple[str, str, str], set[str]]:
    """(service, operation, ``input`` or ``output``) → its members, for each operation that this botocore has."""
    found: dict[tuple[str, str, str], set[str]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for service, names in operations().items():
            pattern = re.compile(rf"botocore/data/{service}/[^/]+/service-2\.json(\.gz)?")
            files = sorted(name for name in archive.namelist() if pattern.fullmatch(name))
            if not files:
                continue
            data = archive.read(files[-1])
            models = json.loads(gzip.decompress(data) if files[-1].endswith(".gz") else data)
            for name in names:
                for side in ("input", "output"):
                    top = models["operations"].get(name, {}).get(side, {}).get("shape")
                    if name in models["operations"]:
                        found[service, name, side] = set(members(models, top, "", frozenset())) if top else set()
    return found


def roots(paths: set[str]) -> list[str]:
    """Those of *paths* that are below none of the others."""
    kept: list[str] = []
    for path in sorted(paths):
        if not any(path.startswith((f"{one}.", f"{one}[]")) for one in kept):
            kept.append(path)
    return kept


def rows(versions: list[str], known: list[dict[tuple[str, str, str], set[str]]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for version, now, before in zip(versions[1:], known[1:], known, strict=False):
        for (service, operation, side), paths in sorted(now.items()):
            facts = {"service": service, "operation": operation, "side": side}
            if (service, operation, side) not in before:
                if side == "input":
                    found.append(facts | {"member": None, "known_in": version})
                continue
            if side == "input" or service in PARSED:
                added = roots(paths - before[service, operation, side])
                found += [facts | {"member": path, "known_in": version} for path in added]
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wheels = [fetched(version, Path(folder)) for version in VERSIONS]
        versions = [version for version, _ in wheels]
        found = rows(versions, [known_by(wheel) for _, wheel in wheels])
    lines = ",\n".join(json.dumps(row) for row in found)
    TARGET.write_text(f'{{"botocore": {json.dumps(versions)}, "members": [\n{lines}\n]}}\n')
    print(f"{TARGET.name}: {len(found)} members, botocore {', '.join(versions)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
