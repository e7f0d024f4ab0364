"""What a model id names, and in which Regions it runs.

A model id reaches IAM policies, URLs and logs, so it is parsed by kind, never spliced. Where a model or profile runs
comes from a dated data file (`_models.json`, written by `scripts/regen --refresh`): it is offline and reproducible,
and it can be older than AWS.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "GEOGRAPHIES",
    "Kind",
    "ModelId",
    "bedrock_regions",
    "data_date",
    "destinations",
    "is_region",
    "known",
    "on_demand_in",
    "parse_model_id",
    "profile_sources",
    "profiles_for",
]

GEOGRAPHIES = ("us-gov", "us", "eu", "apac", "jp", "au", "ca", "in", "global")
"""The closed set of profile prefixes (longest first where one begins another); an unknown prefix is a vendor."""

_BASE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.[a-z0-9][a-zA-Z0-9-]*(?:\.[a-zA-Z0-9-]+)*(?::[0-9a-zA-Z]+)*")
_ASSIGNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_DOTTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9:.-]{0,127}")
_CUSTOM = re.compile(rf"(?:imported|{_BASE.pattern})/[a-z0-9]{{12}}")
_BARE = re.compile(r"(?=.*[a-z])[a-z0-9]{12}")
_PARTITION = re.compile(r"aws(?:-[a-z]+)*")
_ACCOUNT = re.compile(r"[0-9]{12}")
_LOOKS = "one looks like amazon.nova-lite-v1:0 or us.amazon.nova-lite-v1:0"
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]{1,16}){1,3}-[0-9]")
_LONGEST = 2048
_ARN_COLONS = 5

Kind = Literal[
    "on-demand",
    "profile",
    "application-profile",
    "provisioned",
    "custom-model",
    "custom-deployment",
    "imported",
    "prompt-router",
    "marketplace",
]
"""What an id names. ``profile`` is system-defined and cross-Region; a ``custom-model`` itself cannot be invoked, only
through a provisioned throughput or a deployment; ``marketplace`` is an endpoint of SageMaker."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How the ARN of one resource type is written."""

    kind: Kind
    name: re.Pattern[str]
    owned: bool = True
    """Whether the ARN carries the account; AWS owns foundation models."""
    service: str = "bedrock"


# Source: service authorization reference; patterns of botocore's modelId. `_ASSIGNED` is what AWS makes up.
_FORMS: Mapping[str, _Form] = {
    "foundation-model": _Form("on-demand", _BASE, owned=False),
    "inference-profile": _Form("profile", _BASE),
    "application-inference-profile": _Form("application-profile", _DOTTED),
    "provisioned-model": _Form("provisioned", _ASSIGNED),
    "custom-model": _Form("custom-model", _CUSTOM),
    "custom-model-deployment": _Form("custom-deployment", _ASSIGNED),
    "imported-model": _Form("imported", _ASSIGNED),
    "prompt-router": _Form("prompt-router", _DOTTED),
    "default-prompt-router": _Form("prompt-router", _DOTTED),
    "endpoint": _Form("marketplace", _ASSIGNED, service="sagemaker"),
}


@dataclass(frozen=True, slots=True)
class ModelId:
    """A parsed model id."""

    text: str
    """As it was given."""
    kind: Kind
    name: str
    """The id itself: ``us.amazon.nova-lite-v1:0`` also where an ARN was given."""
    geography: str | None = None
    """Prefix of a system-defined profile, such as ``us`` or ``global``."""
    resource_type: str | None = None
    """Of the ARN, such as ``default-prompt-router``; None where an id was given."""
    partition: str | None = None
    region: str | None = None
    """Region of the ARN; None where an id was given."""
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


def _from_name(text: str) -> ModelId:
    # The only bare id of a resource of one's own that AWS documents: "the inference profile ID or its ARN".
    if _BARE.fullmatch(text):
        return ModelId(text, "application-profile", text)
    if not _BASE.fullmatch(text):
        raise ConfigError(f"{text[:200]!r} is not a model id; {_LOOKS}")
    geography = _geography(text)
    return ModelId(text, "profile" if geography else "on-demand", text, geography)


def _from_arn(text: str) -> ModelId:
    parts = text.split(":", _ARN_COLONS)
    if len(parts) <= _ARN_COLONS:
        raise ConfigError(f"{text[:200]!r} is not a well-formed ARN of a Bedrock model or profile")
    _, partition, service, region, account, resource = parts
    resource_type, _, name = resource.partition("/")
    form = _FORMS.get(resource_type)
    if form is None or service != form.service or not _PARTITION.fullmatch(partition):
        raise ConfigError(f"{text[:200]!r} is not the ARN of a model, a profile or a router of Bedrock")
    if form.owned != bool(account) or (account and not _ACCOUNT.fullmatch(account)):
        belongs = "needs the account that owns it, twelve digits" if form.owned else "carries no account: AWS owns it"
        raise ConfigError(f"{text[:200]!r}: an ARN of {resource_type} {belongs}")
    if not is_region(region):
        raise ConfigError(f"{text[:200]!r}: an ARN of {resource_type} names its Region")
    if not form.name.fullmatch(name):
        raise ConfigError(f"{text[:200]!r} does not end in the id of {resource_type}")
    geography = _geography(name) if form.kind == "profile" else None
    if form.kind == "profile" and geography is None:
        known_ones = ", ".join(GEOGRAPHIES)
        raise ConfigError(f"{text[:200]!r}: the id of a system-defined profile begins with one of {known_ones}")
    return ModelId(text, form.kind, name, geography, resource_type, partition, region, account or None)


@lru_cache(maxsize=512)  # each call of a gateway asks several times, for one of a few
def parse_model_id(text: str) -> ModelId:
    """Parse a model id, a profile id or an ARN.

    A bare id of twelve characters is that of an application inference profile; everything else that AWS assigns is
    named by its ARN.

    Raises:
        ConfigError: it has no form that Bedrock takes. ``..``, wildcards and ``${…}`` never do: botocore would pass
            them on, into the URL and into policies.
    """
    if ".." in text or len(text) > _LONGEST:
        raise ConfigError(f"{text[:200]!r} is not a model id; {_LOOKS}")
    return _from_arn(text) if text.startswith("arn:") else _from_name(text)


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
    """Whether *model* can be called by its bare id in *region*; None where the data file does not tell.

    It lacks some models, and all of GovCloud.
    """
    row = _data()["models"].get(model)
    return None if row is None or region.startswith("us-gov-") else region in row["on_demand"]


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


@cache
def bedrock_regions(partition: str = "aws") -> tuple[str, ...]:
    """Return the Regions that the data file knows to have a model of Bedrock, of *partition*."""
    rows = _data()["models"].values()
    found = {one for row in rows for one in row["on_demand"]}
    found |= {one for row in rows for sources in row["profiles"].values() for one in sources}
    government = partition == "aws-us-gov"
    return tuple(sorted(one for one in found if one.startswith("us-gov-") is government))


@cache
def profile_sources() -> Mapping[str, tuple[str, ...]]:
    """Every system-defined profile of the data file → the Regions from which it can be called."""
    return {
        f"{geography}.{model}": tuple(sources)
        for model, row in _data()["models"].items()
        for geography, sources in row["profiles"].items()
    }
