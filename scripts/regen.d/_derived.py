"""What each script of this folder does with the text that it made: write it, or say that the file is out of date."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def settle(target: Path, text: str) -> int:
    """Write *text* to *target*; with ``--check`` on the command line only compare. Returns the exit code."""
    if "--check" not in sys.argv[1:]:
        target.write_text(text)
        return 0
    if target.exists() and target.read_text() == text:
        return 0
    print(f"out of date: {target.name}", file=sys.stderr)
    return 1
