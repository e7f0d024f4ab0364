"""Where a cross-Region guardrail runs: guardrail profile by source Region → destination Regions.

Source: Bedrock User Guide, guardrails-cross-region-support, as read in October 2026. There is no API that tells.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GUARDRAIL_GEOGRAPHIES", "guardrail_destinations"]

_US = ("us-east-1", "us-east-2", "us-west-2")
_GOV = ("us-gov-east-1", "us-gov-west-1")
_EU = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")
_APAC = ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2")
_APAC_WIDE = (*_APAC, "ap-south-2", "ap-southeast-3", "ap-southeast-4")


def _each(sources: tuple[str, ...], reach: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(sources, reach)


def _with_itself(sources: tuple[str, ...], reach: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {source: (*reach, source) for source in sources}


_DESTINATIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "us": _each(_US, _US) | _with_itself(("us-west-1",), _US),
        "us-gov": _each(_GOV, _GOV),
        "eu": _each(_EU, _EU) | _with_itself(("il-central-1",), _EU),
        "uk": {"eu-west-2": ("eu-west-2",)},
        "au": {"ap-southeast-2": ("ap-southeast-2",)},
        "ca": {"ca-central-1": ("ca-central-1", "ca-west-1")},
        "apac": {
            **_each(("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"), _APAC),
            "ap-southeast-4": (*_APAC, "ap-south-2", "ap-southeast-4"),
            "ap-southeast-3": _APAC_WIDE,
            **_with_itself(("ap-southeast-5", "ap-southeast-7", "ap-east-2", "me-central-1"), _APAC_WIDE),
        },
    }
)

GUARDRAIL_GEOGRAPHIES = tuple(_DESTINATIONS)
"""Prefixes of guardrail profiles; they are not those of inference profiles."""


def guardrail_destinations(geography: str, region: str) -> tuple[str, ...]:
    """Return the Regions in which a guardrail with profile *geography* may run when called from *region*, sorted.

    Raises:
        ConfigError: AWS documents no such profile, or not from that Region.
    """
    sources = _DESTINATIONS.get(geography)
    if sources is None:
        known = ", ".join(GUARDRAIL_GEOGRAPHIES)
        raise ConfigError(f"no guardrail profile {geography[:40]!r}; known: {known}", key_path="guardrail.profile")
    reach = sources.get(region)
    if reach is None:
        where = ", ".join(sorted(sources))
        raise ConfigError(
            f"guardrail profile {geography} is not usable from {region}, only from {where}",
            key_path="guardrail.profile",
        )
    return tuple(sorted(reach))
