"""What the process itself knows, gathered outside the checks: they stay pure, and tests build it by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Credentials", "Facts"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What can be said of the credentials without showing them."""

    method: str
    """botocore's name of the provider: ``env``, ``shared-credentials-file``, ``assume-role``, ``sso`` …"""
    key_prefix: str
    """First four characters of the access key id: ``AKIA`` long-term, ``ASIA`` temporary."""
    error: str | None = None
    """Why they cannot be used, such as an expired SSO session; None where they can."""


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
    host: str = ""
    """The bedrock-runtime host of the Region."""
    resolves: bool | None = None
    """Whether *host* has an address; None: nobody could say (the resolver did not answer)."""
    region_known: bool = True
    """Whether the installed botocore lists Bedrock in the Region."""
    botocore: str = ""
    """Installed version."""
