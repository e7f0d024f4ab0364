"""The kinds of model ids and Regions that a policy is proven for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "MODEL_CAPABILITIES", "SHORT", "Kind", "elsewhere"]

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
MODEL_CAPABILITIES = ("invoke", "invoke-stream", "converse", "converse-stream", "rag", "preflight-standard")
"""Those whose policy depends on the kind of model id."""
_US = ("us-east-1", "us-east-2", "us-west-2")
_EU = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")
_APAC = ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2")


@dataclass(frozen=True)
class Kind:
    """One kind of model id, in one source Region."""

    model: str
    region: str
    reach: tuple[str, ...] = ()
    """Where a call of the profile from here may run, source included; ``""`` is the ARN without a Region. Written down
    by hand from the Bedrock User Guide, inference-profiles-support: a third statement, beside the generator's data and
    the local Bedrock's."""


KINDS: Mapping[str, Kind] = {
    "on-demand us-east-1": Kind("amazon.nova-lite-v1:0", "us-east-1"),
    "on-demand eu-west-2": Kind("amazon.nova-lite-v1:0", "eu-west-2"),
    "us. us-east-1": Kind(f"us.{SONNET}", "us-east-1", _US),
    "us. us-east-2": Kind(f"us.{SONNET}", "us-east-2", _US),
    "us. us-west-2": Kind(f"us.{SONNET}", "us-west-2", _US),
    "eu. eu-central-1": Kind(f"eu.{SONNET}", "eu-central-1", _EU),
    "eu. eu-west-2": Kind(f"eu.{SONNET}", "eu-west-2", (*_EU, "eu-west-2")),
    "apac. ap-south-1": Kind("apac.amazon.nova-lite-v1:0", "ap-south-1", _APAC),
    "jp. ap-northeast-1": Kind(f"jp.{SONNET}", "ap-northeast-1", ("ap-northeast-1", "ap-northeast-3")),
    "au. ap-southeast-2": Kind(f"au.{SONNET}", "ap-southeast-2", ("ap-southeast-2", "ap-southeast-4")),
    "global. us-east-1": Kind(f"global.{SONNET}", "us-east-1", ("us-east-1", "")),
    "global. eu-west-1": Kind(f"global.{SONNET}", "eu-west-1", ("eu-west-1", "")),
}
SHORT = "us. us-east-1"
"""The one that stands for all of them in a short run."""


def elsewhere(region: str) -> str:
    """Another Region: none that any profile here reaches from *region*."""
    return "sa-east-1" if region != "sa-east-1" else "us-east-1"
