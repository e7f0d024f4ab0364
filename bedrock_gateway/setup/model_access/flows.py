"""The flows behind the functions: ask about every model, plan, submit and accept, ask again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _flow
from bedrock_gateway._commands import Record, Send
from bedrock_gateway.errors import (
    AccessDeniedError,
    ConfigError,
    ConflictError,
    GatewayError,
    InvalidRequestError,
    NotFoundError,
    ServiceError,
    SetupIncompleteError,
)
from bedrock_gateway.setup.asking import Asking, Patience
from bedrock_gateway.setup.knowledge.manifest import FOLDER
from bedrock_gateway.setup.logging.snapshot import Snapshots
from bedrock_gateway.setup.model_access.form import read_form
from bedrock_gateway.setup.model_access.plan import (
    FORM,
    SOLD_BY_AWS,
    AccessPlan,
    Found,
    declared_models,
    family,
    make_plan,
)
from bedrock_gateway.setup.resource import AGREEMENT, USE_CASE

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.setup.resource import Change

__all__ = ["CAPABILITY", "Applied", "Options", "applying", "planning", "snapshot_path", "undoing"]

CAPABILITY = "model-access"


@dataclass(frozen=True, slots=True)
class Options:
    """What is set up, and how patiently."""

    models: Sequence[str]
    form: Mapping[str, str] | None
    patience: Patience


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done, and how it is now."""

    made: tuple[str, ...]
    plan: AccessPlan
    """What is left, and what is blocked."""


def snapshot_path(folder: str | os.PathLike[str], gateway: Any) -> Path:
    """Return where it is kept what was agreed to: below *folder*, which is that of gateway.toml."""
    config = gateway.config
    return Path(folder) / FOLDER / "model-access" / f"{config.account}.{config.region}.{config.application}.json"


def _asking(gateway: Any, patience: Patience) -> Asking:
    if CAPABILITY not in gateway.config.principals[gateway.principal].capabilities:
        raise ConfigError(
            f"principal {gateway.principal!r} lacks {CAPABILITY}",
            key_path=f"principals.{gateway.principal}.capabilities",
        )
    return Asking(gateway.config, gateway._context, CAPABILITY, patience)  # noqa: SLF001 - one package


def _look(asking: Asking, models: Sequence[str]) -> Flow[Found]:
    """Ask about each model; offers only where there is no agreement."""
    availability: dict[str, Mapping[str, Any]] = {}
    offers: dict[str, Sequence[Mapping[str, Any]]] = {}
    for model in models:
        try:
            reply = yield from asking.ask("bedrock", "GetFoundationModelAvailability", modelId=model)
        except (NotFoundError, InvalidRequestError):
            continue
        availability[model] = reply
        agreement = reply.get("agreementAvailability") or {}
        if family(model) not in SOLD_BY_AWS and agreement.get("status") == "NOT_AVAILABLE":
            offers[model] = yield from _offers(asking, model)
    form = None
    if any(family(one) == FORM for one in models):
        submitted = yield from asking.look("bedrock", "GetUseCaseForModelAccess")
        form = None if submitted is None else read_form(submitted["formData"])
    return Found(availability, offers, form)


def _offers(asking: Asking, model: str) -> Flow[Sequence[Mapping[str, Any]]]:
    found = yield from asking.look("bedrock", "ListFoundationModelAgreementOffers", modelId=model, offerType="PUBLIC")
    return list((found or {}).get("offers") or ())


def planning(gateway: Any, options: Options) -> Flow[AccessPlan]:
    """Ask, and say what is to be done."""
    asking = _asking(gateway, options.patience)
    models = declared_models(gateway.config, options.models)
    yield from asking.caller()
    return make_plan(gateway.config, models, (yield from _look(asking, models)), options.form)


def applying(gateway: Any, folder: str | os.PathLike[str], options: Options) -> Flow[Applied]:
    """Submit the form, then accept the one public offer of each model without an agreement."""
    asking = _asking(gateway, options.patience)
    models = declared_models(gateway.config, options.models)
    yield from asking.caller()
    snapshots: Snapshots = yield Record(partial(Snapshots.open, snapshot_path(folder, gateway), gateway.config))
    try:
        plan = make_plan(gateway.config, models, (yield from _look(asking, models)), options.form)
        if not plan.pending:
            return Applied((), plan)
        made: list[str] = []
        for change in plan.pending:
            # One at a time: what was never tried is not ours to end.
            yield Record(partial(snapshots.begin, (change,)))
            try:
                done = yield from _make(asking, change)
            except GatewayError as error:
                if isinstance(error, _NOT_DONE):
                    yield Record(partial(snapshots.take_out, *change.resource.key))
                raise _stopped(change, error, made, snapshots.path) from error
            if done:
                made.append(f"{_DONE[change.resource.kind]} {change.resource.name}")
            else:
                yield Record(partial(snapshots.take_out, *change.resource.key))
        if made:
            yield Record(snapshots.complete)
        again = make_plan(gateway.config, models, (yield from _look(asking, models)), options.form)
        return Applied(tuple(made), again)
    finally:
        snapshots.close()


_NOT_DONE = (AccessDeniedError, ConfigError, InvalidRequestError, NotFoundError)
"""Errors after which it is certain that nothing was agreed to; after another one, such as a timeout, it may have been."""
_DONE = {USE_CASE: "submitted the use-case form of", AGREEMENT: "accepted the agreement of"}


def _stopped(change: Change, error: GatewayError, made: Sequence[str], path: Path) -> SetupIncompleteError:
    return SetupIncompleteError(
        f"{change.resource.name}: {error.message} | what was done: {'; '.join(made) or 'nothing'} | "
        "`bedrock-gateway setup model-access --apply` goes on",
        step=change.resource.kind,
        exists=tuple(made),
        manifest=str(path),
    )


def _make(asking: Asking, change: Change) -> Flow[bool]:
    """Submit or accept; False: an agreement is there that somebody else made in the meantime."""
    started, name = asking.context.now(), change.resource.name
    if change.resource.kind == USE_CASE:
        form = json.dumps(change.resource.properties["formData"]).encode()
        yield from asking.ask("bedrock", "PutUseCaseForModelAccess", formData=form)
    else:
        try:
            yield from asking.insist(change.resource.kind, name, _form_spreads, partial(_accept, asking, name))
        except ConflictError:
            return False
    asking.tell(change.resource.kind, "created", name, since=started)
    return True


def _form_spreads(error: ServiceError) -> bool:
    """Whether AWS says what it says for a while after the form was submitted. Not verified against AWS."""
    return "FTUFormNotFilled" in error.message or "use case details have not been submitted" in error.message


def _accept(asking: Asking, model: str) -> Flow[dict[str, Any]]:
    """Accept the one public offer, once: a second acceptance after a lost answer would not be known to be one."""
    offers = yield from _offers(asking, model)
    if len(offers) != 1:
        raise ConfigError(f"{model} has {len(offers)} public offers now: plan again")
    config = asking.config
    send = Send(
        "bedrock",
        "CreateFoundationModelAgreement",
        {"modelId": model, "offerToken": str(offers[0]["offerToken"])},
        "billed",
        region=config.region,
        account=config.account,
        capability=CAPABILITY,
    )
    return (
        yield from _flow.call(
            send.operation, lambda: send, asking.context, lambda reply, _: dict(reply), capability=CAPABILITY
        )
    )


def undoing(gateway: Any, folder: str | os.PathLike[str], options: Options, *, dry_run: bool) -> Flow[tuple[str, ...]]:
    """End the agreements that the last `apply` accepted; a form cannot be taken back."""
    asking = _asking(gateway, options.patience)
    snapshots: Snapshots = yield Record(partial(Snapshots.open, snapshot_path(folder, gateway), gateway.config))
    try:
        if not snapshots.entries:
            raise ConfigError("set-up accepted no agreement that it could end")
        models = [one.name for one in snapshots.entries[-1].kept if one.kind == AGREEMENT]
        if dry_run:
            return tuple(models)
        yield from asking.caller()
        for model in models:
            yield from asking.look("bedrock", "DeleteFoundationModelAgreement", modelId=model)
            asking.tell(AGREEMENT, "deleted", model)
        yield Record(snapshots.forget)
        return tuple(models)
    finally:
        snapshots.close()
