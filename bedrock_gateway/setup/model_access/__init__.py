"""Access to the declared models: what each still needs, Anthropic's form submitted, agreements accepted, and ended again.

Every function that asks AWS takes a `Gateway` or an `AsyncGateway` of a principal with ``model-access``; with the latter,
await what it returns. *folder* is that of gateway.toml: what was accepted is kept below it, in ``.bedrock-gateway``.

    plan = model_access.plan(gateway)
    model_access.apply(gateway, folder=".", form=model_access.form_of(text, "form.json"))
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from bedrock_gateway._drive import arun, run
from bedrock_gateway._sealed import sealed, sealed_async
from bedrock_gateway.setup.asking import Patience
from bedrock_gateway.setup.model_access import flows
from bedrock_gateway.setup.model_access.flows import Applied
from bedrock_gateway.setup.model_access.form import form_of
from bedrock_gateway.setup.model_access.plan import OBSOLETE, AccessPlan, declared_models, wanted_resources

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from bedrock_gateway.aio import AsyncGateway
    from bedrock_gateway.client import Gateway
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.setup.resource import Resource

__all__ = ["OBSOLETE", "AccessPlan", "Applied", "Patience", "apply", "form_of", "plan", "resources", "undo"]


Folder = str | os.PathLike[str]


def resources(
    config: GatewayConfig, *, models: Sequence[str] = (), form: Mapping[str, str] | None = None
) -> tuple[Resource, ...]:
    """Return what is made in an account without any agreement, for `export`; nothing is sent.

    Raises:
        ConfigError: a model is not declared, or none is.
    """
    return wanted_resources(declared_models(config, models), form)


@overload
def plan(
    gateway: Gateway,
    *,
    models: Sequence[str] = (),
    form: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> AccessPlan: ...
@overload
def plan(
    gateway: AsyncGateway,
    *,
    models: Sequence[str] = (),
    form: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Awaitable[AccessPlan]: ...
def plan(
    gateway: Any,
    *,
    models: Sequence[str] = (),
    form: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Any:
    """Ask what the declared models still need, and return the `AccessPlan`; nothing is changed.

    Args:
        gateway: Of a principal with ``model-access``.
        models: Which of the declared models; empty: all.
        form: Anthropic's use-case form, as `form_of` returns it; None: there is none to submit.
        patience: How long to wait for what; None: the defaults of `Patience`.

    Raises:
        ConfigError: a model is not declared, or the principal may not.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(flows.planning, gateway, flows.Options(models, form, patience or Patience())))


@overload
def apply(
    gateway: Gateway,
    *,
    folder: Folder,
    models: Sequence[str] = (),
    form: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Applied: ...
@overload
def apply(
    gateway: AsyncGateway,
    *,
    folder: Folder,
    models: Sequence[str] = (),
    form: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Awaitable[Applied]: ...
def apply(
    gateway: Any,
    *,
    folder: Folder,
    models: Sequence[str] = (),
    form: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Any:
    """Submit the form and accept agreements, and return what was `Applied`; what is there already stays as it is.

    An agreement binds the account, and its model is paid through AWS Marketplace. Each is accepted once: after an answer that
    was lost, AWS is asked how it stands before anything is accepted again.

    Raises:
        ConfigError: a model is not declared, or the principal may not; nothing was changed.
        SetupIncompleteError: it stopped half-way; `apply` again goes on.
        GatewayError: as the calls of a gateway do, before anything was changed.
    """
    options = flows.Options(models, form, patience or Patience())
    return _run(gateway, partial(flows.applying, gateway, folder, options))


@overload
def undo(
    gateway: Gateway, *, folder: Folder, dry_run: bool = False, patience: Patience | None = None
) -> tuple[str, ...]: ...
@overload
def undo(
    gateway: AsyncGateway, *, folder: Folder, dry_run: bool = False, patience: Patience | None = None
) -> Awaitable[tuple[str, ...]]: ...
def undo(gateway: Any, *, folder: Folder, dry_run: bool = False, patience: Patience | None = None) -> Any:
    """End the agreements that the last `apply` accepted, and return their models; the form cannot be taken back.

    The next call of whoever may subscribe makes an agreement anew.

    Raises:
        ConfigError: there is nothing to end.
        GatewayError: as the calls of a gateway do.
    """
    options = flows.Options((), None, patience or Patience())
    return _run(gateway, partial(flows.undoing, gateway, folder, options, dry_run=dry_run))


def _run(gateway: Any, flow: Any) -> Any:
    """Drive a flow with the gateway's own driver."""
    perform = gateway._perform  # noqa: SLF001 - one package
    if hasattr(perform, "identity"):
        return sealed_async(lambda: arun(flow(), perform))()
    return sealed(lambda: run(flow(), perform))()
