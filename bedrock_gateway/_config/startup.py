"""`[preflight]` of `gateway.toml`: what a gateway checks by itself before its first call to a model, and again from time to time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bedrock_gateway._config.values import Table

__all__ = ["PreflightConfig"]

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class PreflightConfig(Table):
    """When and how a gateway runs the preflight by itself."""

    mode: Literal["off", "warn", "enforce"] = "off"
    """``enforce``: no model is called before a preflight has passed. ``warn``: the findings are events, nothing is refused.
    ``off``: only `Gateway.preflight` runs one."""
    deadline_seconds: Seconds = 3.0
    """How long the first call waits for it; what has no answer by then is unknown."""
    recheck_seconds: Seconds = 900.0
    """After how long the next call checks again."""
    grace_seconds: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    """How long a pass of this process holds where a later preflight cannot read what it must: AWS throttles, or is silent."""
    on_drift: Literal["alert", "refuse"] = "alert"
    """What happens where a later preflight finds what the first did not: an event alone, or no more calls."""
