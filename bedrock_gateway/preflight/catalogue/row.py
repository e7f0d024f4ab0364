"""What a row of the catalogue holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from bedrock_gateway.preflight.catalogue.reads import IAM_ACTIONS

__all__ = ["LEVELS", "Level", "Row"]

Level = Literal["minimal", "standard", "deep"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""``minimal``: what an application can read about itself. ``standard``: an operator or CI, the whole delivery chain.
``deep``: what takes rights of an auditor besides."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check."""

    id: str
    severity: Literal["critical", "high", "medium", "low"]
    title: str
    level: Level
    judgement: str
    fix: str
    operations: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Checks that must have passed (or warned) first."""
    source: str = ""
    opt_in: bool = False
    """Whether it is part of the canary: it calls a model, and is run only where that is asked for."""

    @property
    def category(self) -> str:
        """The letters before its number, as in ``LOG-01``."""
        return self.id.partition("-")[0]

    @property
    def iam(self) -> tuple[str, ...]:
        """IAM actions it needs."""
        return tuple(action for one in self.operations if (action := IAM_ACTIONS[one]))

    @property
    def anchor(self) -> str:
        """Where docs/preflight.md describes it."""
        return f"docs/preflight.md#{self.id.lower()}"
