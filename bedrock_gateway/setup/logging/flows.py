"""The flows behind the functions: from a gateway to a plan, and from a plan to an account in which logs arrive."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Record
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.setup.asking import Asking, Patience
from bedrock_gateway.setup.logging import applying, undoing
from bedrock_gateway.setup.logging.declared import CAPABILITY, Declared
from bedrock_gateway.setup.logging.plan import LoggingPlan, make_plan
from bedrock_gateway.setup.logging.reading import known_flags, look, unknown_members
from bedrock_gateway.setup.logging.snapshot import Snapshots, snapshots_path
from bedrock_gateway.setup.logging.undo_plan import plan_undo
from bedrock_gateway.setup.resource import LOGGING

if TYPE_CHECKING:
    import os

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.preflight import Report
    from bedrock_gateway.setup.logging.undo_plan import UndoPlan

    Folder = str | os.PathLike[str]

__all__ = ["Applied", "Undone", "applied", "planned", "undo_planned", "undone"]


@dataclass(frozen=True, slots=True)
class Applied:
    """Logging is set up."""

    plan: LoggingPlan
    """What was done."""
    report: Report
    """The standard preflight afterwards."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The last `apply` was taken back."""

    plan: UndoPlan
    """What was done."""

    @property
    def kept(self) -> tuple[str, ...]:
        """What is still there, and why."""
        return self.plan.kept


def _asking(gateway: Any, patience: Patience | None) -> Asking:
    return Asking(gateway.config, gateway._context, CAPABILITY, patience or Patience())  # noqa: SLF001 - one package


def _planned(
    asking: Asking, declared: Declared, snapshots: Snapshots, *, replace: bool, boundary: bool
) -> Flow[LoggingPlan]:
    known = yield from known_flags()
    found = yield from look(asking, declared, boundary=boundary)
    found.made, found.unfinished = snapshots.made, snapshots.unfinished
    there = found.of(LOGGING, declared.config.region)
    ours = snapshots.led_by_us(there)
    plan = make_plan(declared, found, known, ours=ours, replace=replace, boundary=boundary)
    for change in plan.pending:
        if change.resource.kind == LOGGING and (unknown := (yield from unknown_members(change.resource.properties))):
            return plan.without_members(unknown)
    return plan


def planned(
    gateway: Any, folder: Folder, *, replace: bool, boundary: bool, patience: Patience | None
) -> Flow[LoggingPlan]:
    """Look, and say what is to be done."""
    declared = Declared.of(gateway.config, gateway.principal)
    path = snapshots_path(folder, gateway.config)
    snapshots: Snapshots = yield Record(partial(Snapshots.peek, path, gateway.config))
    asking = _asking(gateway, patience)
    return (yield from _planned(asking, declared, snapshots, replace=replace, boundary=boundary))


def applied(gateway: Any, folder: Folder, *, replace: bool, boundary: bool, patience: Patience | None) -> Flow[Applied]:
    """Look, write down what is there, make what is missing, and check that logs can arrive."""
    declared = Declared.of(gateway.config, gateway.principal)
    asking = _asking(gateway, patience)
    snapshots: Snapshots = yield Record(partial(Snapshots.open, snapshots_path(folder, gateway.config), gateway.config))
    try:
        plan = yield from _planned(asking, declared, snapshots, replace=replace, boundary=boundary)
        plan.raise_for_refusal()
        if plan.pending:
            yield Record(partial(snapshots.begin, plan.pending))
            yield from applying.apply_plan(asking, declared, plan, snapshots)
        if snapshots.entries and not snapshots.entries[-1].complete:
            yield Record(snapshots.complete)
    finally:
        snapshots.close()
    report: Report = yield from gateway._preflight("standard", None)  # noqa: SLF001 - one package
    return Applied(plan, report)


def _entry(snapshots: Snapshots) -> Any:
    if not snapshots.entries:
        raise ConfigError(
            f"nothing is known here of a set-up of logging in account {snapshots.account}, {snapshots.region}:"
            f" {snapshots.path} does not exist"
        )
    return snapshots.entries[-1]


def undo_planned(gateway: Any, folder: Folder, *, replace: bool, patience: Patience | None) -> Flow[UndoPlan]:
    """Look, and say what taking back the last `apply` would do."""
    declared, asking = Declared.of(gateway.config, gateway.principal), _asking(gateway, patience)
    path = snapshots_path(folder, gateway.config)
    snapshots: Snapshots = yield Record(partial(Snapshots.peek, path, gateway.config))
    entry = _entry(snapshots)
    yield from asking.caller()
    return (yield from plan_undo(asking, declared, entry, replace=replace))


def undone(gateway: Any, folder: Folder, *, replace: bool, patience: Patience | None) -> Flow[Undone]:
    """Take the last `apply` back, and forget its snapshot."""
    declared, asking = Declared.of(gateway.config, gateway.principal), _asking(gateway, patience)
    path = snapshots_path(folder, gateway.config)
    snapshots: Snapshots = yield Record(partial(Snapshots.open, path, gateway.config))
    try:
        entry = _entry(snapshots)
        yield from asking.caller()
        plan = yield from plan_undo(asking, declared, entry, replace=replace)
        plan.raise_for_refusal()
        yield from undoing.take_back(asking, declared, plan, snapshots)
        yield Record(snapshots.forget)
    finally:
        snapshots.close()
    return Undone(plan)
