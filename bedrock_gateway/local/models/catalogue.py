"""The local Bedrock's foundation models and system inference profiles, from its own data file.

The data is read once, on first use, and never changes. It shares nothing with ``capabilities.models``: a policy made
from that table is judged against this one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Model", "Profile", "destinations", "model", "model_ids", "models", "profile", "profiles"]

_DATA = Path(__file__).with_name("_catalogue.json")
_GEO_NAMES = {
    "us": "US",
    "eu": "EU",
    "apac": "APAC",
    "jp": "JP",
    "au": "AU",
    "ca": "CA",
    "in": "IN",
    "global": "Global",
}


@dataclass(frozen=True, slots=True)
class Model:
    """One foundation model."""

    id: str
    vendor: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    streaming: bool
    status: str
    customizations: tuple[str, ...] = ()
    on_demand: frozenset[str] = frozenset()
    """Regions in which the bare model id can be called."""
    profiles: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Profile prefix to source Region to destination Regions."""

    @property
    def family(self) -> str:
        """The part of the id before the dot: whose body format the model speaks."""
        return self.id.partition(".")[0]

    def inference_types(self, region: str) -> tuple[str, ...]:
        """How the model can be called from *region*, in AWS's words; empty where it is not offered."""
        on_demand = ("ON_DEMAND",) if region in self.on_demand else ()
        profiled = any(region in sources for sources in self.profiles.values())
        return (*on_demand, "INFERENCE_PROFILE") if profiled else on_demand


@dataclass(frozen=True, slots=True)
class Profile:
    """One system-defined inference profile, seen from one source Region."""

    id: str
    name: str
    model: Model
    region: str
    destinations: tuple[str, ...]
    """Regions; the empty string stands for the Region-less model ARN of a global profile."""


@lru_cache(maxsize=1)
def _models() -> Mapping[str, Model]:
    rows = json.loads(_DATA.read_text(encoding="utf-8"))["models"]
    return {name: _model(name, row) for name, row in rows.items()}


def _model(name: str, row: Mapping[str, Any]) -> Model:
    known = dict(row)
    sources = known.pop("profiles")
    profiles = {geo: {region: tuple(to) for region, to in found.items()} for geo, found in sources.items()}
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in known.items() if key != "on_demand"
    }
    return Model(id=name, on_demand=frozenset(known["on_demand"]), profiles=profiles, **plain)


def model_ids() -> tuple[str, ...]:
    """Return the id of every known model, whatever its Region."""
    return tuple(_models())


def models(region: str) -> tuple[Model, ...]:
    """Return the models that can be called from *region* in any way."""
    return tuple(found for found in _models().values() if found.inference_types(region))


def model(model_id: str, region: str | None = None) -> Model | None:
    """Return the model *model_id* if *region* offers it in any way; without a Region, if it is known at all."""
    found = _models().get(model_id)
    if found is None or region is None or found.inference_types(region):
        return found
    return None


@lru_cache(maxsize=64)
def profiles(region: str) -> tuple[Profile, ...]:
    """Return the system inference profiles whose source can be *region*."""
    return tuple(
        Profile(
            f"{geo}.{found.id}", f"{_GEO_NAMES.get(geo, geo)} {found.vendor} {found.name}", found, region, to[region]
        )
        for found in _models().values()
        for geo, to in found.profiles.items()
        if region in to
    )


def profile(profile_id: str, region: str) -> Profile | None:
    """Return the system inference profile *profile_id* as *region* sees it, or None where it has none."""
    geo, _, name = profile_id.partition(".")
    found = _models().get(name)
    to = found.profiles.get(geo, {}).get(region) if found else None
    if found is None or to is None:
        return None
    return Profile(profile_id, f"{_GEO_NAMES.get(geo, geo)} {found.vendor} {found.name}", found, region, to)


def destinations(profile_id: str, region: str) -> tuple[str, ...]:
    """Return where calls of *profile_id* from *region* may run; empty for a profile that *region* does not have."""
    found = profile(profile_id, region)
    return found.destinations if found else ()
