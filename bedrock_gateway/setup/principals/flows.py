"""The flows behind the functions: look, plan, write down what is there, change it, look again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Record
from bedrock_gateway.errors import ConfigError, NotOursError, SetupIncompleteError
from bedrock_gateway.setup.knowledge.manifest import FOLDER
from bedrock_gateway.setup.logging.merging import same
from bedrock_gateway.setup.logging.snapshot import Snapshots
from bedrock_gateway.setup.principals import deciding
from bedrock_gateway.setup.principals.desired import INSTANCE, USER, Wanted, boundary_of, wanted
from bedrock_gateway.setup.principals.live import Live, read, read_members
from bedrock_gateway.setup.principals.performing import MAKING, Options, asking_of, no_boundary, perform
from bedrock_gateway.setup.principals.steps import MEMBERS, PROVISION, Step, steps, steps_back
from bedrock_gateway.setup.resource import Change, Resource

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.config import GatewayConfig

__all__ = ["Done", "Options", "PrincipalPlan", "applying", "planning", "snapshot_path", "undoing"]


@dataclass(frozen=True, slots=True)
class PrincipalPlan:
    """What is to be done about one principal; nothing was changed yet."""

    principal: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    """Every call that the changes take, in order."""
    notes: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[Change, ...]:
        """What is to be made or changed."""
        return tuple(one for one in self.changes if one.action in {"create", "update"})

    @property
    def refused(self) -> tuple[Change, ...]:
        """What is somebody else's; while there is one, nothing is done."""
        return tuple(one for one in self.changes if one.action == "refuse")

    def raise_for_refusal(self) -> None:
        """Raise where something is refused.

        Raises:
            NotOursError: it is; nothing was changed.
        """
        if self.refused:
            said = "; ".join(one.why for one in self.refused)
            raise NotOursError(
                f"{said}; nothing was changed", kind=self.refused[0].resource.kind, name=self.refused[0].resource.name
            )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "principal": self.principal,
            "changes": [one.to_dict() for one in self.changes],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Done:
    """What an `apply` or an `undo` did."""

    principal: str
    made: tuple[str, ...]
    """The calls that were made: operation and name."""
    left: tuple[str, ...] = ()
    """What another principal has to do, one sentence each."""


def snapshot_path(folder: str | os.PathLike[str], gateway: Any, principal: str) -> Path:
    """Return where the snapshots of one principal are: below *folder*, which is that of gateway.toml."""
    config = gateway.config
    return Path(folder) / FOLDER / "principals" / f"{config.account}.{config.application}.{principal}.json"


def _declared(gateway: Any) -> frozenset[str]:
    """Which of the two halves the principal of *gateway* may do.

    Raises:
        ConfigError: neither.
    """
    found = frozenset(gateway.config.principals[gateway.principal].capabilities) & {PROVISION, MEMBERS}
    if not found:
        raise ConfigError(
            f"principal {gateway.principal!r} lacks {PROVISION}: whoever makes principals has it, and the policy that "
            "`bedrock-gateway policy` prints",
            key_path=f"principals.{gateway.principal}.capabilities",
        )
    return found


def _look(gateway: Any, want: Wanted, options: Options) -> Flow[Live]:
    if PROVISION in _declared(gateway):
        return (yield from read(asking_of(gateway, PROVISION, options), want))
    return (yield from read_members(asking_of(gateway, MEMBERS, options), want))


def _plan(gateway: Any, want: Wanted, live: Live, options: Options) -> PrincipalPlan:
    if PROVISION in _declared(gateway):
        made = tuple(deciding.changes(want, live, adopt=options.adopt, replace=options.replace))
    else:
        made = tuple(deciding.member_changes(want, live))
    others = deciding.strangers(want, live)
    notes = [*want.notes, *(f"note: {one} is in the group too, and is left there" for one in others)]
    if want.boundary and PROVISION in _declared(gateway):
        notes += _capped(gateway.config, want.boundary, live)
    every = tuple(step for one in made for step in steps(one, want, live))
    return PrincipalPlan(want.principal, made, every, tuple(notes))


def _capped(config: GatewayConfig, boundary: str, live: Live) -> Iterator[str]:
    """What is to be known of the boundary: whatever it lacks, no policy of a principal can give."""
    if live.boundary is None:
        yield f"warning: {no_boundary(boundary)}"
        return
    try:
        to_be = boundary_of(config, boundary.partition(":policy/")[2])
    except ConfigError as error:  # of another principal, whose policy cannot be made yet
        yield f"warning: what {boundary} should be cannot be told: {error.message}"
        return
    if not same(live.boundary, to_be.dump()):
        yield (
            f"warning: {boundary} is not what the configuration says now, and what it lacks is denied whatever a policy says:"
            " an administrator puts a new version of it, from `bedrock-gateway policy principals-boundary`"
        )


def planning(gateway: Any, name: str, options: Options) -> Flow[PrincipalPlan]:
    """Look, and say what is to be done."""
    want = wanted(gateway.config, name, strict=options.strict)
    return _plan(gateway, want, (yield from _look(gateway, want, options)), options)


def applying(gateway: Any, name: str, folder: str | os.PathLike[str], options: Options) -> Flow[Done]:
    """Look, write down what is there, and change it."""
    want, declared = wanted(gateway.config, name, strict=options.strict), _declared(gateway)
    yield from asking_of(gateway, PROVISION, options).caller()
    path = snapshot_path(folder, gateway, want.principal)
    snapshots: Snapshots = yield Record(partial(Snapshots.open, path, gateway.config))
    try:
        live = yield from _look(gateway, want, options)
        plan = _plan(gateway, want, live, options)
        plan.raise_for_refusal()
        mine = [one for one in plan.steps if one.capability in declared]
        if want.boundary and live.boundary is None and any(one.operation in MAKING for one in mine):
            raise ConfigError(f"{no_boundary(want.boundary)}; nothing was changed")
        left = tuple(_left(one) for one in plan.steps if one.capability not in declared)
        if not mine:
            return Done(want.principal, (), left)
        yield Record(partial(snapshots.begin, plan.pending))
        made = yield from perform(gateway, want, mine, options, path, "--apply")
        again = _plan(gateway, want, (yield from _look(gateway, want, options)), options)
        again.raise_for_refusal()
        _settled([one for one in again.steps if one.capability in declared], path)
        yield Record(snapshots.complete)
        return Done(want.principal, made, left)
    finally:
        snapshots.close()


def _settled(steps_left: Sequence[Step], path: Path) -> None:
    if steps_left:
        first = steps_left[0]
        raise SetupIncompleteError(
            f"{first.resource}: still needs {first.operation} after everything was done: somebody else is changing it",
            step=first.operation,
            exists=(),
            manifest=str(path),
        )


def _left(step: Step) -> str:
    return f"{step.operation} {step.resource}: needs a principal with {step.capability}"


def undoing(
    gateway: Any, name: str, folder: str | os.PathLike[str], options: Options, *, dry_run: bool
) -> Flow[tuple[tuple[Step, ...], Done]]:
    """Put back what the last `apply` found; what others attached since stays, and what they made in its place."""
    want, declared = wanted(gateway.config, name, strict=options.strict), _declared(gateway)
    yield from asking_of(gateway, PROVISION, options).caller()
    path = snapshot_path(folder, gateway, want.principal)
    snapshots: Snapshots = yield Record(partial(Snapshots.open, path, gateway.config))
    try:
        if not snapshots.entries:
            raise ConfigError(f"principal {name!r}: set-up changed nothing that it could take back")
        kept = snapshots.entries[-1].kept
        changes = [Change(Resource(one.kind, one.name, one.after), "update", one.before) for one in reversed(kept)]
        deciding.raise_for_rename(want, changes)
        live = yield from _look(gateway, _of(want, changes), options)
        deciding.raise_for_loss(changes, live)
        # Members leave before their group goes.
        order = sorted(changes, key=lambda one: one.resource.kind != USER)
        every = tuple(step for one in order for step in steps_back(one, want, live))
        mine = [one for one in every if one.capability in declared]
        # Whoever reads the group alone cannot tell whether the rest is back.
        unseen = tuple(one.resource for one in changes if one.resource.key not in live.before)
        left = (
            *(_left(one) for one in every if one.capability not in declared),
            *(f"{one.kind.rpartition('::')[2]} {one.name}: needs a principal with {PROVISION}" for one in unseen),
        )
        if left and MEMBERS not in declared:
            raise ConfigError(f"{left[0]} first, with the same command")
        if dry_run:
            return every, Done(want.principal, (), left)
        made = yield from perform(gateway, want, mine, options, path, "--undo --apply")
        if not left:
            yield Record(snapshots.forget)
        return every, Done(want.principal, made, left)
    finally:
        snapshots.close()


def _of(want: Wanted, changes: Iterable[Change]) -> Wanted:
    """*want* with the policies, users and instance profile of *changes*, which need not be declared any more."""
    named = [one.resource for one in changes]
    policies = {one.key: one for one in (*want.policies, *(x for x in named if x.kind.endswith("ManagedPolicy")))}
    users = {one.key: one for one in (*want.users, *(x for x in named if x.kind == USER))}
    instance = next((one for one in named if one.kind == INSTANCE), want.instance)
    return replace(want, policies=tuple(policies.values()), users=tuple(users.values()), instance=instance)
