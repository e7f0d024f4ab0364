"""Every check, one row each: what it is, what it reads, what it takes, what to do. What it does is in `preflight.checks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.preflight.catalogue.account import ACCOUNT
from bedrock_gateway.preflight.catalogue.canary import CANARY
from bedrock_gateway.preflight.catalogue.delivery import DELIVERY
from bedrock_gateway.preflight.catalogue.models import MODELS
from bedrock_gateway.preflight.catalogue.operations import OPERATIONS
from bedrock_gateway.preflight.catalogue.permissions import PERMISSIONS
from bedrock_gateway.preflight.catalogue.process import PROCESS
from bedrock_gateway.preflight.catalogue.reads import ALWAYS_SENT, IAM_ACTIONS
from bedrock_gateway.preflight.catalogue.row import LEVELS, Level, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ALWAYS_SENT", "CATALOGUE", "IAM_ACTIONS", "LEVELS", "Level", "Row", "rows"]

_CATEGORIES = ("ENV", "ID", "REG", "NET", "LOG", "MOD", "GOV", "KB", "QUO", "IAM", "OPS", "CAN")
_ORDER: Mapping[str, int] = {name: at for at, name in enumerate(_CATEGORIES)}

CATALOGUE: tuple[Row, ...] = tuple(
    sorted(
        (*PROCESS, *DELIVERY, *MODELS, *ACCOUNT, *PERMISSIONS, *CANARY, *OPERATIONS),
        key=lambda row: (_ORDER[row.category], row.id),
    )
)
"""In the order of a report."""


def rows(level: Level, *, opt_in: bool = False) -> tuple[Row, ...]:
    """Return the checks of *level*; each level includes those before it. *opt_in*: with those of the canary."""
    among = LEVELS[: LEVELS.index(level) + 1]
    return tuple(row for row in CATALOGUE if row.level in among and (opt_in or not row.opt_in))
