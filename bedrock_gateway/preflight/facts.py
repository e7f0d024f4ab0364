"""What the process itself knows, gathered outside the checks: they stay pure, and tests build it by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bedrock_gateway._commands import Timeouts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bedrock_gateway.preflight.state import State

__all__ = ["LATE", "Credentials", "Facts"]

LATE = "timeout"
"""`Credentials.error` where the chain did not answer in time."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What can be said of the credentials without showing them."""

    method: str
    """botocore's name of the provider: ``env``, ``shared-credentials-file``, ``assume-role``, ``sso`` …"""
    key_prefix: str
    """First four characters of the access key id: ``AKIA`` long-term, ``ASIA`` temporary."""
    error: str | None = None
    """Why they cannot be used, such as an expired SSO session; None where they can."""
    expires_in_seconds: float | None = None
    """None: not known, or never."""
    renewable: bool = True
    """Whether the chain renews them by itself; keys that were given by hand it cannot."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a check reads that is not AWS's answer."""

    credentials: Credentials | None
    """None: the chain found none."""
    endpoint_overrides: Mapping[str, str] = field(default_factory=dict)
    """Where it is set (``AWS_ENDPOINT_URL_STS``) → URL."""
    regions: Mapping[str, str] = field(default_factory=dict)
    """Source (``AWS_REGION``, ``AWS_DEFAULT_REGION``, ``profile``) → Region, of those that are set."""
    client_regions: Mapping[str, str] = field(default_factory=dict)
    """Service → Region of the clients that exist."""
    bearer_token: Literal["none", "short-term", "long-term", "other"] = "none"
    region_known: bool = True
    """Whether the installed botocore lists Bedrock in the Region."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Installed package → version, of those that carry calls."""
    below_the_floor: Mapping[str, str] = field(default_factory=dict)
    """Package → what this project needs of it, where something else is installed."""
    lacking: tuple[str, ...] = ()
    """Members of AWS's answers that checks read and the installed botocore does not show."""
    sdk_attempts: int = 1
    """The most requests that the SDK under our retries makes of one of ours."""
    proxies: tuple[str, ...] = ()
    """Names of the variables under which a proxy is set."""
    unverified: str | None = None
    """What turns the check of certificates off, or what names a CA bundle that is not there."""
    verbose_loggers: tuple[str, ...] = ()
    """Loggers of the SDK and below that write at DEBUG."""
    locals_in_tracebacks: str | None = None
    """The processor of structlog that writes the local variables of tracebacks."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    state: State | None = None
    """What set-up keeps on this host; None: the configuration is from no file."""
    server: str | None = None
    """The server with forked workers that this process belongs to, as far as it can be seen."""
    before_fork: bool = False
    """Whether that server is still to fork."""
    forked: bool = False
    """Whether the gateway had built clients before this process was forked."""
    now: datetime | None = None
    """What this machine's clock said; None: nobody looked."""

    @property
    def botocore(self) -> str:
        """Installed version."""
        return self.versions.get("botocore", "")
