"""When a model came, grows old and goes: what an account's catalogue shows, and whether calls are still answered.

AWS's dates are in no data that this package has, so none is shown until somebody says one:

    local.state.of(Lifecycles).set("amazon.nova-lite-v1:0", end_of_life=datetime.now(UTC) + timedelta(days=10))

Source: Bedrock User Guide, model-lifecycle; Bedrock API Reference, FoundationModelLifecycle.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault

if TYPE_CHECKING:
    from bedrock_gateway.local.call import State
    from bedrock_gateway.local.models.catalogue import Model

__all__ = ["Lifecycle", "Lifecycles", "check_alive", "lifecycle_of"]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The dates of one model; what is None is not shown."""

    start_of_life: datetime | None = None
    legacy: datetime | None = None
    """From when the model is LEGACY."""
    public_extended_access: datetime | None = None
    """From when it costs more."""
    end_of_life: datetime | None = None
    """From when no call of it is answered."""
    status: str | None = None
    """``ACTIVE`` or ``LEGACY``; None: as *legacy* says, and the catalogue where that says nothing."""


@dataclass(slots=True)
class Lifecycles:
    """The dates that were set, by id of the foundation model; all Regions have the same."""

    by_model: dict[str, Lifecycle] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, model_id: str, **dates: Any) -> None:
        """Set what a model's `Lifecycle` says, in place of what was set before; dates have a time zone."""
        with self.lock:
            self.by_model[model_id] = Lifecycle(**dates)

    def clear(self) -> None:
        """Forget every date."""
        with self.lock:
            self.by_model.clear()


def lifecycle_of(state: State, model: Model) -> dict[str, Any]:
    """Return ``modelLifecycle`` of *model* as the catalogue's operations show it."""
    found = state.of(Lifecycles).by_model.get(model.id, Lifecycle())
    dates = {
        "startOfLifeTime": found.start_of_life,
        "legacyTime": found.legacy,
        "publicExtendedAccessTime": found.public_extended_access,
        "endOfLifeTime": found.end_of_life,
    }
    legacy = None if found.legacy is None else "LEGACY" if found.legacy <= datetime.now(UTC) else "ACTIVE"
    status = found.status or legacy or model.status
    return {"status": status, **{name: date for name, date in dates.items() if date is not None}}


def check_alive(state: State, model: Model) -> None:
    """Let calls of a model pass whose end has not come.

    Raises:
        Fault: ``ResourceNotFoundException``, in words that users of AWS report.
    """
    found = state.of(Lifecycles).by_model.get(model.id)
    if found and found.end_of_life and found.end_of_life <= datetime.now(UTC):
        text = "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
        raise Fault("ResourceNotFoundException", text, 404)
