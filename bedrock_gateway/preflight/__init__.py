"""The preflight: is the declared set-up really there? Read-only; every finding carries its fix."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrock_gateway.preflight.catalogue import CATALOGUE, Row
    from bedrock_gateway.preflight.facts import Credentials, Facts
    from bedrock_gateway.preflight.flow import run
    from bedrock_gateway.preflight.report import CheckResult, Fix, Report

__all__ = ["CATALOGUE", "CheckResult", "Credentials", "Facts", "Fix", "Report", "Row", "run"]

_WHERE = {
    "CATALOGUE": "catalogue",
    "Row": "catalogue",
    "Credentials": "facts",
    "Facts": "facts",
    "run": "flow",
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
