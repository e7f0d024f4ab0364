"""The preflight: is the declared set-up really there? Read-only; every finding carries its fix."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrock_gateway.preflight.catalogue import CATALOGUE, LEVELS, Level, Row
    from bedrock_gateway.preflight.facts import Credentials, Facts
    from bedrock_gateway.preflight.report import CheckResult, Fix, Report
    from bedrock_gateway.preflight.round import DEADLINE_SECONDS, Round, run

__all__ = [
    "CATALOGUE",
    "DEADLINE_SECONDS",
    "LEVELS",
    "CheckResult",
    "Credentials",
    "Facts",
    "Fix",
    "Level",
    "Report",
    "Round",
    "Row",
    "run",
]

_WHERE = {
    "CATALOGUE": "catalogue",
    "LEVELS": "catalogue",
    "Level": "catalogue",
    "Row": "catalogue",
    "Credentials": "facts",
    "Facts": "facts",
    "DEADLINE_SECONDS": "round",
    "Round": "round",
    "run": "round",
    "CheckResult": "report",
    "Fix": "report",
    "Report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
