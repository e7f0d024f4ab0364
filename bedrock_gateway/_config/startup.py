"""`[preflight]` of `gateway.toml`: what a gateway checks by itself before its first call to a model, and again from time to time."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bedrock_gateway._config.values import ModelName, Table, by
from bedrock_gateway.errors import ConfigError

__all__ = ["LoadConfig", "PreflightConfig"]

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=0, le=10**15)]
_DIGEST = r"^[0-9a-f]{64}$"


def _digest(value: str) -> None:
    if not re.fullmatch(_DIGEST, value):
        raise ConfigError("write the digest that LOG-18 shows: 64 of 0-9 and a-f")


Digest = Annotated[str, by(_digest), Field(json_schema_extra={"pattern": _DIGEST})]


class LoadConfig(Table):
    """What is expected of one model at the busiest time; the preflight compares it with the account's quotas."""

    input_tokens_per_minute: Count = 0
    output_tokens_per_minute: Count = 0
    requests_per_minute: Count = 0
    tokens_per_day: Count = 0
    """Counted as the quota counts them."""
    output_burndown: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many tokens of the quota one token of output takes; None: 5 for Claude 3.7 and later, 1 for all others."""
    quota_name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """What Service Quotas calls the model, as ``Anthropic Claude Sonnet 4 V1``; None: found from the id."""


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
    accepted_logging: Digest | None = None
    """Digest of the logging configuration that somebody accepted, as LOG-18 shows it; None: changes are not looked for."""
    allowed_data_retention: Annotated[
        tuple[Literal["aws_review", "provider_data_share"], ...], Field(strict=False)
    ] = ()
    """Modes of the account's data retention that are accepted besides those that show nobody anything."""
    expected_load: Mapping[ModelName, LoadConfig] = Field(default_factory=dict)
    """Declared model → what is expected of it."""
    share: bool = False
    """Whether the processes of this host tell each other what passed, for at most ten minutes, in a file of theirs. Only the
    preflight that a gateway runs by itself relies on it; who is calling, and whether logging is on, each process reads."""
