"""Access to models: the agreement, the authorisation and the use-case form; and what a catalogue is told to say otherwise.

In the local account every model that a Region offers can be called. Agreements come and go on AWS by what a call cannot do
at will, so they are set here:

    local.state.of(Access).set("amazon.nova-lite-v1:0", agreement="PENDING")

Source: Bedrock API Reference, GetFoundationModelAvailability, PutUseCaseForModelAccess. Not verified against AWS.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Fault, Reply
from bedrock_gateway.local.models import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import Call, Handlers, State

__all__ = ["HANDLERS", "Access", "shown"]

EVERY = "*"
"""Stands for every model; ``profiles`` for every profile."""
_MEMBERS = {
    "authorization": "authorizationStatus",
    "entitlement": "entitlementAvailability",
    "region": "regionAvailability",
}


@dataclass(slots=True)
class Access:
    """What was set about access, by id of a foundation model or `EVERY`."""

    by_model: dict[str, dict[str, str]] = field(default_factory=dict)
    form: bytes | None = None
    """The use-case form as it was submitted; None: nobody has."""
    said: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """Id of a model or profile → members that its details show otherwise; None: there is none of that id."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, model_id: str, **access: str) -> None:
        """Set ``agreement``, ``agreement_error``, ``authorization``, ``entitlement`` or ``region`` in AWS's words."""
        with self.lock:
            self.by_model.setdefault(model_id, {}).update(access)

    def of(self, model_id: str) -> Mapping[str, str]:
        """Return what was set for a model."""
        with self.lock:
            return {**self.by_model.get(EVERY, {}), **self.by_model.get(model_id, {})}

    def say(self, identifier: str, members: Mapping[str, Any] | None) -> None:
        """Let a model or profile, or `EVERY` model, show *members* otherwise; None takes it out of the catalogue."""
        with self.lock:
            self.said[identifier] = members


def shown(state: State, identifier: str, details: dict[str, Any], every: str = EVERY) -> dict[str, Any] | None:
    """Return *details* of a model or profile as they are to be shown; None: it is to look as if there were none."""
    access = state.of(Access)
    with access.lock:
        changes = [access.said[name] for name in (every, identifier) if name in access.said]
    if None in changes:
        return None
    for change in changes:
        details = {**details, **(change or {})}
    return details


def _availability(call: Call) -> Reply:
    model_id = call.params["modelId"]
    if catalogue.model(model_id) is None:
        raise Fault("ValidationException", "The provided model identifier is invalid.", 400)
    usual = "AVAILABLE" if catalogue.model(model_id, call.region) is not None else "NOT_AVAILABLE"
    given = call.state.of(Access).of(model_id)
    error = {"errorMessage": given["agreement_error"]} if "agreement_error" in given else {}
    reply: dict[str, Any] = {
        "modelId": model_id,
        "agreementAvailability": {"status": given.get("agreement", usual), **error},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": usual,
        "regionAvailability": usual,
    }
    return Reply(reply | {member: given[name] for name, member in _MEMBERS.items() if name in given})


def _get_form(call: Call) -> Reply:
    form = call.state.of(Access).form
    if form is None:
        raise Fault("ResourceNotFoundException", "No use case was submitted for this account.", 404)
    return Reply({"formData": form})


def _put_form(call: Call) -> Reply:
    call.state.of(Access).form = call.params["formData"]
    return Reply()


HANDLERS: Handlers = {
    ("bedrock", "GetFoundationModelAvailability"): _availability,
    ("bedrock", "GetUseCaseForModelAccess"): _get_form,
    ("bedrock", "PutUseCaseForModelAccess"): _put_form,
}
