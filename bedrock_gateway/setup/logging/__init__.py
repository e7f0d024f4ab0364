"""Invocation logging: planned against what is there, applied without losing anything of others, and taken back.

Every function takes a `Gateway` or an `AsyncGateway`; with the latter, await what it returns::

    print(logging.plan(gateway, folder=".").pending)
    logging.apply(gateway, folder=".").report.raise_for_status()
    applied = await logging.apply(async_gateway, folder=".")

*folder* is that of gateway.toml: snapshots of what was there are kept below it, in ``.bedrock-gateway/logging``.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from bedrock_gateway._drive import arun, run
from bedrock_gateway._sealed import sealed, sealed_async
from bedrock_gateway.setup.asking import Patience
from bedrock_gateway.setup.logging import flows
from bedrock_gateway.setup.logging.declared import Declared
from bedrock_gateway.setup.logging.flows import Applied, Undone
from bedrock_gateway.setup.logging.plan import LoggingPlan, make_plan
from bedrock_gateway.setup.logging.reading import sendable
from bedrock_gateway.setup.logging.undo_plan import UndoPlan

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bedrock_gateway.aio import AsyncGateway
    from bedrock_gateway.client import Gateway
    from bedrock_gateway.config import GatewayConfig

__all__ = [
    "Applied",
    "LoggingPlan",
    "Patience",
    "UndoPlan",
    "Undone",
    "apply",
    "desired",
    "plan",
    "plan_undo",
    "undo",
]

Folder = str | os.PathLike[str]


def desired(config: GatewayConfig, *, principal: str | None = None, create_boundary: bool = False) -> LoggingPlan:
    """Return the plan for an account that has nothing of it, for `setup.export`; nothing is sent.

    Args:
        config: The configuration.
        principal: Of whom; None: the only one.
        create_boundary: With the permissions boundary of the role, which takes an administrator.

    Raises:
        ConfigError: no destination is declared, or the principal has no ``logging-admin``.
    """
    known = frozenset(sendable().members)
    return make_plan(Declared.of(config, principal), None, known, boundary=create_boundary)


@overload
def plan(
    gateway: Gateway,
    *,
    folder: Folder,
    replace: bool = False,
    create_boundary: bool = False,
    patience: Patience | None = None,
) -> LoggingPlan: ...
@overload
def plan(
    gateway: AsyncGateway,
    *,
    folder: Folder,
    replace: bool = False,
    create_boundary: bool = False,
    patience: Patience | None = None,
) -> Awaitable[LoggingPlan]: ...
def plan(
    gateway: Any,
    *,
    folder: Folder,
    replace: bool = False,
    create_boundary: bool = False,
    patience: Patience | None = None,
) -> Any:
    """Look at the account and say what is to be done; changes nothing.

    Args:
        gateway: Of a principal with ``logging-admin``.
        folder: The folder of gateway.toml.
        replace: Plan to take over what somebody else's configuration uses.
        create_boundary: Plan to make the permissions boundary of the role too, which takes an administrator.
        patience: How long to wait for what; None: the defaults of `Patience`.

    Raises:
        ConfigError: no destination is declared, the principal may not, or the credentials are of another account.
        NotOursError: a bucket of that name cannot be looked at as one of this account.
        GatewayError: as the calls of a gateway do.
    """
    flow = partial(flows.planned, gateway, folder, replace=replace, boundary=create_boundary, patience=patience)
    return _run(gateway, flow)


@overload
def apply(
    gateway: Gateway,
    *,
    folder: Folder,
    replace: bool = False,
    create_boundary: bool = False,
    patience: Patience | None = None,
) -> Applied: ...
@overload
def apply(
    gateway: AsyncGateway,
    *,
    folder: Folder,
    replace: bool = False,
    create_boundary: bool = False,
    patience: Patience | None = None,
) -> Awaitable[Applied]: ...
def apply(
    gateway: Any,
    *,
    folder: Folder,
    replace: bool = False,
    create_boundary: bool = False,
    patience: Patience | None = None,
) -> Any:
    """Plan, write down what is there, make what is missing, and run the standard preflight; nothing is billed by Bedrock.

    What is right already is kept, and what others added to a role or a bucket stays. Stopped anywhere, doing it again goes
    on. The arguments are those of `plan`.

    Raises:
        ConfigError: as `plan` does; or the permissions boundary is missing.
        NotOursError: it would take something from somebody else; nothing was changed.
        UnsupportedByBotocoreError: the logging configuration has a member that the installed botocore would leave out;
            nothing was changed.
        SetupIncompleteError: it stopped half-way; the cause says why.
        GatewayError: as the calls of a gateway do, before anything was changed.
    """
    flow = partial(flows.applied, gateway, folder, replace=replace, boundary=create_boundary, patience=patience)
    return _run(gateway, flow)


@overload
def plan_undo(
    gateway: Gateway, *, folder: Folder, replace: bool = False, patience: Patience | None = None
) -> UndoPlan: ...
@overload
def plan_undo(
    gateway: AsyncGateway, *, folder: Folder, replace: bool = False, patience: Patience | None = None
) -> Awaitable[UndoPlan]: ...
def plan_undo(gateway: Any, *, folder: Folder, replace: bool = False, patience: Patience | None = None) -> Any:
    """Look at what the last `apply` changed and say what taking it back would do; changes nothing.

    Args:
        gateway: Of a principal with ``logging-admin``.
        folder: The folder of gateway.toml.
        replace: Put the older logging configuration back even where somebody else put another since.
        patience: How long to wait for what; None: the defaults of `Patience`.

    Raises:
        ConfigError: there is no snapshot here, or it is not one of ours.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(flows.undo_planned, gateway, folder, replace=replace, patience=patience))


@overload
def undo(gateway: Gateway, *, folder: Folder, replace: bool = False, patience: Patience | None = None) -> Undone: ...
@overload
def undo(
    gateway: AsyncGateway, *, folder: Folder, replace: bool = False, patience: Patience | None = None
) -> Awaitable[Undone]: ...
def undo(gateway: Any, *, folder: Folder, replace: bool = False, patience: Patience | None = None) -> Any:
    """Take the last `apply` back, also one that stopped half-way: what was there is there again.

    A role that `apply` made is removed while it is ours alone. Log groups and buckets stay: they hold logs. The arguments
    are those of `plan_undo`.

    Raises:
        ConfigError: there is no snapshot here, or it is not one of ours.
        NotOursError: somebody else changed the logging configuration since; nothing was changed.
        UnsupportedByBotocoreError: botocore would leave out a part of the older configuration; nothing was changed.
        SetupIncompleteError: it stopped half-way; the cause says why, doing it again goes on.
        GatewayError: as the calls of a gateway do.
    """
    return _run(gateway, partial(flows.undone, gateway, folder, replace=replace, patience=patience))


def _run(gateway: Any, flow: Any) -> Any:
    """Drive a flow with the gateway's own driver."""
    perform = gateway._perform  # noqa: SLF001 - one package
    if hasattr(perform, "identity"):
        return sealed_async(lambda: arun(flow(), perform))()
    return sealed(lambda: run(flow(), perform))()
