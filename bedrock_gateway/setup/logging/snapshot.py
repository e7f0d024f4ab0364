"""What was there before set-up changed it, on disk, so that `setup undo` can put it back.

One file an account and Region, readable by its owner alone, replaced in one step and locked. An entry is one `apply`: it is
written before the first change, and says of each resource what it was and what it becomes. Whoever is killed leaves an entry
that is not complete; the next `apply` goes on in it and keeps what it says of before. It holds policies and names, no
credential.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.setup.files import Lock, locked, read_own, replace_file, told
from bedrock_gateway.setup.knowledge.manifest import FOLDER
from bedrock_gateway.setup.logging.merging import is_as_put, led_by, same
from bedrock_gateway.setup.resource import LOGGING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.setup.resource import Change

__all__ = ["Entry", "Kept", "Snapshots", "snapshots_path"]

FORMAT = 1
_MOST_BYTES = 1 << 20
"""What `files.read_own` reads at most."""


def snapshots_path(folder: str | os.PathLike[str], config: GatewayConfig) -> Path:
    """Return where the snapshots of an account and Region are: below *folder*, which is that of gateway.toml."""
    return Path(folder) / FOLDER / "logging" / f"{config.account}.{config.region}.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """One resource: what it was, and what it becomes."""

    kind: str
    name: str
    before: Mapping[str, Any] | None
    """None: it did not exist."""
    after: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name."""
        return self.kind, self.name


@dataclass(slots=True)
class Entry:
    """One `apply`."""

    at: str
    """When it began, as ISO 8601 in UTC."""
    complete: bool = False
    kept: list[Kept] = field(default_factory=list)


@dataclass(slots=True)
class Snapshots:
    """Open and locked; every change is written at once."""

    path: Path
    account: str
    region: str
    application: str
    entries: list[Entry] = field(default_factory=list)
    _lock: Lock | None = field(default=None, repr=False)

    @classmethod
    def open(cls, path: Path, config: GatewayConfig) -> Snapshots:
        """Lock and read the file; where there is none, begin with nothing.

        Raises:
            ConfigError: it is not one of ours, or of another account, Region or application; or another process has it.
        """
        with told(path):
            path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = locked(path)
        try:
            made = cls.peek(path, config)
        except BaseException:
            lock.close()
            raise
        made._lock = lock  # noqa: SLF001 - of this class
        return made

    @classmethod
    def peek(cls, path: Path, config: GatewayConfig) -> Snapshots:
        """Read the file without a lock, to look.

        Raises:
            ConfigError: as `open` does.
        """
        made = cls(path, str(config.account), config.region, config.application)
        data = read_own(path) if path.parent.is_dir() else None
        if data is not None:
            made._read(data)
        return made

    def led_by_us(self, config: Mapping[str, Any] | None) -> frozenset[tuple[str, ...]]:
        """Return the places of the configuration that is there which `apply` led where they lead.

        None, where what is there is not what an `apply` put: then somebody else has it by now.
        """
        puts = [one for entry in self.entries for one in entry.kept if one.kind == LOGGING]
        while config and puts and not is_as_put(config, puts[-1].after):
            puts.pop()  # one that got no further than to be written down, before the Put
        ours = (led_by(one.before, one.after) - led_by(one.after, config or {}) for one in puts)
        return frozenset[tuple[str, ...]]().union(*ours)

    @property
    def made(self) -> frozenset[tuple[str, str]]:
        """Kind and name of what did not exist before set-up."""
        return frozenset(one.key for entry in self.entries for one in entry.kept if one.before is None)

    @property
    def unfinished(self) -> frozenset[tuple[str, str]]:
        """Kind and name of what an `apply` that stopped half-way made, or was about to."""
        return frozenset(
            one.key for entry in self.entries if not entry.complete for one in entry.kept if one.before is None
        )

    def begin(self, changes: Iterable[Change]) -> None:
        """Write down what is about to be changed: in one that was not completed, or in a new entry.

        A new one also where somebody else changed since what is to be changed again: in the old entry, what they put would
        count as ours, and go with it.

        Raises:
            ConfigError: it cannot be written; nothing was changed.
        """
        changes = list(changes)
        if not self.entries or not self._goes_on(self.entries[-1], changes):
            self.entries.append(Entry(datetime.now(UTC).isoformat(timespec="seconds")))
        entry = self.entries[-1]
        first = {one.key: one for one in entry.kept}
        for change in changes:
            known = first.get(change.resource.key)
            before = known.before if known else change.before
            first[change.resource.key] = Kept(*change.resource.key, before, change.resource.properties)
        entry.kept = list(first.values())
        self._save()

    @staticmethod
    def _goes_on(entry: Entry, changes: Iterable[Change]) -> bool:
        """Whether what *entry* says of before is still all that others have of what is to be changed."""
        known = {one.key: one for one in entry.kept}
        again = ((known[one.resource.key], one) for one in changes if one.resource.key in known)
        return not entry.complete and all(_only_ours_since(kept, change) for kept, change in again)

    def take_out(self, kind: str, name: str) -> None:
        """Forget one resource of the last entry: it was not changed after all."""
        entry = self.entries[-1]
        entry.kept = [one for one in entry.kept if one.key != (kind, name)]
        if entry.kept:
            self._save()
        else:
            self.forget()

    def complete(self) -> None:
        """Write down that everything was changed."""
        for entry in self.entries:
            entry.complete = True
        self._save()

    def forget(self) -> None:
        """Take the last entry out: it was taken back."""
        self.entries.pop()
        if self.entries:
            self._save()
            return
        with told(self.path):
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the lock; neither blocks nor fails."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _save(self) -> None:
        entries = [
            {
                "at": entry.at,
                "complete": entry.complete,
                "resources": [
                    {"kind": one.kind, "name": one.name, "before": one.before, "after": dict(one.after)}
                    for one in entry.kept
                ],
            }
            for entry in self.entries
        ]
        place = {"account": self.account, "region": self.region, "application": self.application}
        text = json.dumps({"format": FORMAT, **place, "entries": entries}, indent=2) + "\n"
        if len(text.encode()) > _MOST_BYTES:
            raise ConfigError(f"the snapshots in {self.path} fill {_MOST_BYTES} bytes: move the file away, and keep it")
        replace_file(self.path, text)

    def _read(self, data: bytes) -> None:
        try:
            raw = json.loads(data)
            if raw["format"] != FORMAT:
                raise ConfigError(f"the manifest {self.path} has format {raw['format']!r}; this version reads {FORMAT}")
            found = {name: str(raw[name]) for name in ("account", "region", "application")}
            self.entries = [_entry(one) for one in raw["entries"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigError(
                f"the manifest {self.path} cannot be read: it is damaged, or was not written by us"
            ) from None
        for name, value in found.items():
            if value != getattr(self, name):
                raise ConfigError(
                    f"the manifest {self.path} belongs to {name} {value[:80]!r}, the configuration is for "
                    f"{getattr(self, name)!r}; nothing was done"
                )


def _only_ours_since(kept: Kept, change: Change) -> bool:
    """Whether what is there is what was there before, what `apply` makes of it, or on the way from one to the other."""
    now = change.before
    if same(now, kept.before):
        return True
    if kept.kind == LOGGING:  # led elsewhere in the same entry, it would be forgotten that this was put by us
        return is_as_put(now, kept.after) and is_as_put(change.resource.properties, kept.after)
    return now is not None and all(
        _on_the_way((kept.before or {}).get(name), value, kept.after[name])
        for name, value in now.items()
        if name in kept.after
    )


def _on_the_way(old: Any, now: Any, new: Any) -> bool:
    if same(now, old) or same(now, new):
        return True
    if not isinstance(now, list):
        return False
    known = [*(old or ()), *new]  # inline policies: each is put by itself
    return all(any(same(one, other) for other in known) for one in now)


def _entry(raw: Mapping[str, Any]) -> Entry:
    kept = [
        Kept(
            str(one["kind"]),
            str(one["name"]),
            None if one["before"] is None else dict(one["before"]),
            dict(one["after"]),
        )
        for one in raw["resources"]
    ]
    return Entry(str(raw["at"]), bool(raw["complete"]), kept)
