"""What a ``modelId`` of a request stands for: a model, and the Region that would run it.

Also the application inference profiles of the account, since a ``modelId`` may be the ARN of one.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.models import catalogue
from bedrock_gateway.local.models.agreements import check_agreed
from bedrock_gateway.local.models.lifecycle import check_alive

if TYPE_CHECKING:
    from datetime import datetime

    from bedrock_gateway.local.call import Call

__all__ = ["ApplicationProfile", "ApplicationProfiles", "Target", "resolve"]

_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):bedrock:(?P<region>[a-z0-9-]*):(?P<account>\d{12}|):"
    r"(?P<kind>foundation-model|inference-profile|application-inference-profile)/(?P<name>[A-Za-z0-9._:-]+)"
)
_INVALID = "The provided model identifier is invalid."


@dataclass(slots=True)
class ApplicationProfile:
    """One application inference profile."""

    id: str
    arn: str
    name: str
    description: str | None
    model_id: str
    destinations: tuple[str, ...]
    region: str
    created: datetime
    tags: dict[str, str]
    token: str | None = None


class ApplicationProfiles:
    """The application inference profiles of one account, by ARN."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.by_arn: dict[str, ApplicationProfile] = {}

    def find(self, identifier: str, region: str) -> ApplicationProfile | None:
        """Return the profile with this ARN or id in *region*."""
        with self.lock:
            for profile in self.by_arn.values():
                if profile.region == region and identifier in {profile.arn, profile.id}:
                    return profile
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """A model to run, and where."""

    asked: str
    """What the request said."""
    model: catalogue.Model
    inference_region: str


def _invalid() -> Fault:
    return Fault("ValidationException", _INVALID, 400)


def resolve(call: Call, asked: str, *, bare: bool = False) -> Target:
    """Return what *asked* stands for from the Region of *call*; with *bare*, also a model that only profiles reach.

    Raises:
        Fault: ``ValidationException`` in AWS's words: unknown, or callable only through an inference profile;
            ``ResourceNotFoundException``: the model's life has ended; what `check_agreed` says.
    """
    found = _resolved(call, asked, bare=bare)
    check_alive(call.state, found.model)
    check_agreed(call, found.model)
    return found


def _resolved(call: Call, asked: str, *, bare: bool) -> Target:
    text = unquote(asked)
    arn = _ARN.fullmatch(text)
    if text.startswith("arn:"):
        if arn is None or arn["region"] not in {"", call.region}:
            raise _invalid()
        if arn["kind"] == "application-inference-profile":
            return _application(call, text)
        text = arn["name"]
    profile = catalogue.profile(text, call.region)
    if profile is not None and (arn is None or arn["kind"] == "inference-profile"):
        return Target(asked, profile.model, _nearest(profile.destinations, call.region))
    if arn is not None and arn["kind"] == "inference-profile":
        raise _invalid()
    return Target(asked, _on_demand(text, call.region, bare=bare), call.region)


def _on_demand(model_id: str, region: str, *, bare: bool) -> catalogue.Model:
    model = catalogue.model(model_id, region)
    if model is None:
        raise _invalid()
    if not bare and region not in model.on_demand:
        raise Fault(
            "ValidationException",
            f"Invocation of model ID {model_id} with on-demand throughput isn\N{RIGHT SINGLE QUOTATION MARK}t "
            "supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
        )
    return model


def _application(call: Call, arn: str) -> Target:
    found = call.state.of(ApplicationProfiles).find(arn, call.region)
    model: Any = found and catalogue.model(found.model_id)
    if found is None or model is None:
        raise _invalid()
    return Target(arn, model, _nearest(found.destinations, call.region))


def _nearest(destinations: tuple[str, ...], region: str) -> str:
    return region if region in destinations or not destinations else destinations[0] or region
