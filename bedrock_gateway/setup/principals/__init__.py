"""Principals of a configuration in IAM: planned with a diff, made under a boundary, exported, taken back.

Every function that asks AWS takes a `Gateway` or an `AsyncGateway` of a principal with the capability
``principal-provision`` (or ``group-members``, which does the members of groups alone); with the latter gateway, await what
it returns. *folder* is that of gateway.toml: what was there before is kept below it, in ``.bedrock-gateway``.

    plan = principals.plan(gateway, "app")
    principals.apply(gateway, "app", folder=".")
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from bedrock_gateway._drive import arun, run
from bedrock_gateway._sealed import sealed, sealed_async
from bedrock_gateway.setup.asking import Patience
from bedrock_gateway.setup.principals import flows
from bedrock_gateway.setup.principals.desired import boundary_of, wanted
from bedrock_gateway.setup.principals.flows import Done, PrincipalPlan
from bedrock_gateway.setup.principals.keys import AccessKey, making_a_key
from bedrock_gateway.setup.principals.steps import Step

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bedrock_gateway.aio import AsyncGateway
    from bedrock_gateway.client import Gateway
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.setup.resource import Resource

__all__ = [
    "AccessKey",
    "Done",
    "Patience",
    "PrincipalPlan",
    "Step",
    "access_key",
    "apply",
    "boundary_of",
    "plan",
    "resources",
    "undo",
]


Folder = str | os.PathLike[str]


def resources(config: GatewayConfig, name: str, *, strict: bool = False) -> tuple[Resource, ...]:
    """Return what is made of principal *name* in an empty account, for `export`; nothing is sent.

    Raises:
        ConfigError: it has no identity, or its policy or trust cannot be made.
    """
    return wanted(config, name, strict=strict).resources


@overload
def plan(
    gateway: Gateway, name: str, *, adopt: bool = False, replace: bool = False, strict: bool = False
) -> PrincipalPlan: ...
@overload
def plan(
    gateway: AsyncGateway, name: str, *, adopt: bool = False, replace: bool = False, strict: bool = False
) -> Awaitable[PrincipalPlan]: ...
def plan(gateway: Any, name: str, *, adopt: bool = False, replace: bool = False, strict: bool = False) -> Any:
    """Look at what is there of principal *name*, and return the `PrincipalPlan`; nothing is changed.

    Args:
        gateway: Of a principal that makes principals.
        name: Name of the principal that is to be made.
        adopt: Take over what is not ours, where it lets in nobody else.
        replace: Take it over, and write the declared trust over its own.
        strict: Leave out of its policies what is only assumed to be needed.

    Raises:
        ConfigError: the configuration does not say as what the principal is to be made.
        GatewayError: as the calls of a gateway do.
    """
    options = flows.Options(adopt, replace, strict)
    return _run(gateway, partial(flows.planning, gateway, name, options))


@overload
def apply(
    gateway: Gateway,
    name: str,
    *,
    folder: Folder,
    adopt: bool = False,
    replace: bool = False,
    strict: bool = False,
    patience: Patience | None = None,
) -> Done: ...
@overload
def apply(
    gateway: AsyncGateway,
    name: str,
    *,
    folder: Folder,
    adopt: bool = False,
    replace: bool = False,
    strict: bool = False,
    patience: Patience | None = None,
) -> Awaitable[Done]: ...
def apply(
    gateway: Any,
    name: str,
    *,
    folder: Folder,
    adopt: bool = False,
    replace: bool = False,
    strict: bool = False,
    patience: Patience | None = None,
) -> Any:
    """Make principal *name* as it is declared, and return what was `Done`; where all is right already, nothing is.

    What was there is written down first, for `undo`. Killed at any step, the next `apply` goes on.

    Raises:
        NotOursError: something of its name is somebody else's; nothing was changed.
        SetupIncompleteError: it stopped half-way; ``exists`` lists what was done.
        ConfigError: the configuration, or the file of what was there before, does not permit it; nothing was changed.
        GatewayError: as the calls of a gateway do, before anything was changed.
    """
    options = flows.Options(adopt, replace, strict, patience or Patience())
    return _run(gateway, partial(flows.applying, gateway, name, folder, options))


@overload
def undo(
    gateway: Gateway, name: str, *, folder: Folder, dry_run: bool = False, patience: Patience | None = None
) -> tuple[tuple[Step, ...], Done]: ...
@overload
def undo(
    gateway: AsyncGateway, name: str, *, folder: Folder, dry_run: bool = False, patience: Patience | None = None
) -> Awaitable[tuple[tuple[Step, ...], Done]]: ...
def undo(
    gateway: Any,
    name: str,
    *,
    folder: Folder,
    dry_run: bool = False,
    patience: Patience | None = None,
) -> Any:
    """Put back what the last `apply` of principal *name* found, and return the steps and what was `Done`.

    What set-up made is removed, what it changed is as it was; what others attached since stays. Access keys of a user
    keep IAM from removing the user, and that is said.

    Raises:
        ConfigError: there is nothing to take back, or another principal has to begin.
        SetupIncompleteError: it stopped half-way; `undo` again goes on.
        GatewayError: as the calls of a gateway do.
    """
    options = flows.Options(patience=patience or Patience())
    return _run(gateway, partial(flows.undoing, gateway, name, folder, options, dry_run=dry_run))


@overload
def access_key(gateway: Gateway, name: str, user: str) -> AccessKey: ...
@overload
def access_key(gateway: AsyncGateway, name: str, user: str) -> Awaitable[AccessKey]: ...
def access_key(gateway: Any, name: str, user: str) -> Any:
    """Make a long-lived access key of *user* of principal *name*, and return the `AccessKey`: AWS shows its secret once.

    A role, or a session, needs none. Nothing is made where the user has a key, and the call is not sent a second time.

    Args:
        gateway: Of a principal with the capability ``access-keys``.
        name: Principal whose group the user is in.
        user: Name of the user, without path.

    Raises:
        ConfigError: the configuration does not name that user, or the principal may not make keys.
        NotOursError: the user is not ours, or has a key.
        TransportError: the answer was lost: there may be a key that nobody has the secret of; delete it.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(making_a_key, gateway, name, user))


def _run(gateway: Any, flow: Any) -> Any:
    """Drive a flow with the gateway's own driver."""
    perform = gateway._perform  # noqa: SLF001 - one package
    if hasattr(perform, "identity"):
        return sealed_async(lambda: arun(flow(), perform))()
    return sealed(lambda: run(flow(), perform))()
