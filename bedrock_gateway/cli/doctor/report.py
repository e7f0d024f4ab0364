"""What `doctor` found, and how it is written. No secret is ever in it: of credentials, only where they come from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Lack", "Report", "Setting"]

FORMAT_VERSION = "1.0"
Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, and where it comes from."""

    name: str
    value: str | None
    """None: not set."""
    source: str
    """``argument``, a variable's name, ``FILE:LINE``, a profile, or ``default``."""
    status: Status = "ok"
    note: str | None = None
    """What is wrong with it, or which other source was passed over."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something of AWS's that this project uses, and the installed botocore does not know."""

    member: str
    """``Converse.outputConfig``; of an answer with ``→`` before it."""
    known_in: str
    """Oldest botocore of our CI that knows it."""
    without: str
    """What is missing without it."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole."""

    versions: dict[str, str | None] = field(default_factory=dict)
    """Package → version; None: not installed."""
    lacking: tuple[Lack, ...] = ()
    settings: tuple[Setting, ...] = ()
    could_not_start: str | None = None
    """Why the configuration cannot be used; None: it can."""

    def found(self, status: Status) -> list[Setting]:
        """Return the settings of that status."""
        return [one for one in self.settings if one.status == status]

    def exit_code(self, fail_on: str) -> int:
        """2: the configuration cannot be used; 1: findings; 0: none."""
        if self.could_not_start:
            return 2
        warned = bool(self.found("warn") or self.lacking) and fail_on == "warn"
        return int(bool(self.found("fail")) or warned)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "format_version": FORMAT_VERSION,
            "versions": self.versions,
            "botocore_lacks": [asdict(one) for one in self.lacking],
            "settings": [asdict(one) for one in self.settings],
            "could_not_start": self.could_not_start,
        }

    def as_text(self) -> str:
        """Return it as lines for a person."""
        parts = ["versions", *_columns(([name, version or "not installed"] for name, version in self.versions.items()))]
        parts += ["", "botocore lacks, of what this project uses"]
        rows = [[one.member, f"since {one.known_in}", one.without] for one in self.lacking]
        parts += _columns(rows) if rows else ["  nothing"]
        parts += ["", "settings"]
        parts += _columns([one.name, one.value or "not set", f"({one.source})", _remark(one)] for one in self.settings)
        if self.could_not_start:
            parts += ["", f"the configuration cannot be used: {self.could_not_start}"]
        return "\n".join(parts)


def _remark(one: Setting) -> str:
    marks = {"ok": "", "warn": "warn: ", "fail": "FAIL: "}
    return f"{marks[one.status]}{one.note}" if one.note else ""


def _columns(rows: Iterable[list[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell, the last as it is."""
    table = list(rows)
    if not table:
        return []
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]) - 1)]
    return [
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in table
    ]
