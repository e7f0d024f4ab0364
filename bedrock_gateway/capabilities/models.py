"""What a model id names, and in which Regions it runs.

A model id reaches IAM policies, URLs and logs, so it is parsed by kind, never spliced. Where a model or profile runs
comes from a dated data file (`_models.json`, written by `scripts/regen --refresh`): it is offline and reproducible,
and it can be older than AWS.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bedrock_gateway.errors import ConfigError

__all__ = [
    "GEOGRAPHIES",
    "ModelId",
    "data_date",
    "destinations",
    "is_region",
    "known",
    "on_demand_in",
    "parse_model_id",
    "profiles_for",
]

GEOGRAPHIES = ("us-gov", "us", "eu", "apac", "jp", "au", "ca", "in", "global")
"""The closed set of profile prefixes (longest first where one begins another); an unknown prefix is a vendor."""

_BASE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.[a-z0-9][a-zA-Z0-9-]*(?:\.[a-zA-Z0-9-]+)*(?::[0-9a-zA-Z]+)*")
_ARN = re.compile(
    r"arn:(aws(?:-[a-z]+)*):(bedrock|sagemaker):([a-z0-9-]*):([0-9]{12})?:([a-z-]+(?:/[a-z-]+)?)/([A-Za-z0-9._:-]+)"
)
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")

# resource type → (kind, whether the ARN carries an account)
_ARN_KINDS = {
    "foundation-model": ("on-demand", False),
    "inference-profile": ("profile", True),
    "application-inference-profile": ("application-profile", True),
    "provisioned-model": ("provisioned", True),
    "custom-model-deployment": ("custom-deployment", True),
    "imported-model": ("imported", True),
    "prompt-router": ("prompt-router", True),
    "default-prompt-router": ("prompt-router", True),
}


@dataclass(frozen=True, slots=True)
class ModelId:
    """A parsed model id."""

    text: str
    """As it was given."""
    kind: str
    """``on-demand``, ``profile`` (system-defined, cross-Region), ``application-profile``, ``provisioned``,
    ``custom-deployment``, ``imported`` or ``prompt-router``."""
    name: str
    """The id itself: ``us.amazon.nova-lite-v1:0`` also where an ARN was given."""
    geography: str | None = None
    """Prefix of a system-defined profile, such as ``us`` or ``global``."""
    resource_type: str | None = None
    partition: str | None = None
    region: str | None = None
    """Region of the ARN; None where an id was given, or the ARN has none."""
    account: str | None = None

    @property
    def model(self) -> str | None:
        """The foundation model's id, or None where the id does not tell (application profiles and the like)."""
        if self.kind == "on-demand":
            return self.name
        return self.name.removeprefix(f"{self.geography}.") if self.kind == "profile" else None


def is_region(text: str) -> bool:
    """Whether *text* has the form of a Region name, such as ``us-east-1``."""
    return _REGION.fullmatch(text) is not None


def _geography(name: str) -> str | None:
    prefix = name.partition(".")[0]
    return prefix if prefix in GEOGRAPHIES and name.count(".") > 1 else None


def _from_name(text: str, name: str) -> ModelId:
    geography = _geography(name)
    return ModelId(text, "profile" if geography else "on-demand", name, geography)


def _from_arn(text: str, found: re.Match[str]) -> ModelId:
    partition, service, region, account, resource, name = found.groups()
    if service != "bedrock" or resource not in _ARN_KINDS:
        raise ConfigError(f"{text!r} is not the ARN of a model, a profile or a router of Bedrock")
    kind, wants_account = _ARN_KINDS[resource]
    if wants_account != bool(account):
        belongs = "needs the account that owns it" if wants_account else "carries no account: AWS owns it"
        raise ConfigError(f"{text!r}: an ARN of {resource} {belongs}")
    if not is_region(region):
        raise ConfigError(f"{text!r}: an ARN of {resource} names its Region")
    geography = _geography(name) if kind == "profile" else None
    if kind == "profile" and geography is None:
        raise ConfigError(f"{text!r}: the id of a system-defined profile begins with one of {', '.join(GEOGRAPHIES)}")
    if kind in {"on-demand", "profile"} and not _BASE.fullmatch(name):
        raise ConfigError(f"{text!r} is not a model id")
    return ModelId(text, kind, name, geography, resource, partition, region, account)


def parse_model_id(text: str) -> ModelId:
    """Parse a model id, a profile id or an ARN.

    Raises:
        ConfigError: it has no form that Bedrock takes. ``..``, wildcards and ``${…}`` never do: botocore would pass
            them on, into the URL and into policies.
    """
    found = None if ".." in text else _ARN.fullmatch(text)
    if found:
        return _from_arn(text, found)
    if text.startswith("arn:"):
        raise ConfigError(f"{text[:200]!r} is not a well-formed ARN of a Bedrock model or profile")
    if ".." in text or not _BASE.fullmatch(text):
        raise ConfigError(
            f"{text[:200]!r} is not a model id; one looks like amazon.nova-lite-v1:0 or us.amazon.nova-lite-v1:0"
        )
    return _from_name(text, text)


@cache
def _data() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("_models.json").read_text())
    return loaded


def data_date() -> str:
    """Date of the newest change in the data file, ``YYYY-MM-DD``."""
    return str(_data()["date"])


def known(model: str) -> bool:
    """Whether the data file holds foundation model *model*."""
    return model in _data()["models"]


def on_demand_in(model: str, region: str) -> bool | None:
    """Whether *model* can be called by its bare id in *region*; None where the data file lacks the model."""
    row = _data()["models"].get(model)
    return None if row is None else region in row["on_demand"]


def destinations(profile: str, region: str) -> tuple[str, ...] | None:
    """Regions in which a call of *profile* from *region* may run, the source included; None where that is not known.

    For a ``global.`` profile it is the source Region alone: its other leg is the ARN without a Region.
    """
    geography = _geography(profile)
    row = _data()["models"].get(profile.removeprefix(f"{geography}."))
    sources = row["profiles"].get(geography) if row and geography else None
    if sources is None or region not in sources:
        return None
    return (region,) if isinstance(sources, list) else tuple(sources[region])


def profiles_for(model: str, region: str) -> tuple[str, ...]:
    """Ids of the system-defined profiles through which *model* can be called from *region*, nearest first."""
    row = _data()["models"].get(model, {"profiles": {}})
    usable = [geography for geography, sources in row["profiles"].items() if region in sources]
    return tuple(f"{geography}.{model}" for geography in sorted(usable, key=lambda one: (one == "global", one)))
