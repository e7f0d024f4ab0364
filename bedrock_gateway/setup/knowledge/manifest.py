"""What one creation has made, on disk: the idempotency tokens, what exists, and what may exist as its answer was lost.

One file a knowledge base, account and Region, readable by its owner alone. It is replaced in one step, so that whoever is
killed leaves the old one or the new one; a lock beside it keeps a second process out. It holds no credential.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.preflight.state import FOLDER
from bedrock_gateway.setup.files import Lock, locked, read_own, replace_file, told

if TYPE_CHECKING:
    from bedrock_gateway.setup.knowledge.blueprint import Blueprint

__all__ = ["FOLDER", "Manifest", "Record", "manifest_path"]

FORMAT = 1


def manifest_path(folder: str | os.PathLike[str], blueprint: Blueprint) -> Path:
    """Return where the manifest of a knowledge base is: below *folder*, which is that of gateway.toml."""
    return Path(folder) / FOLDER / f"{blueprint.name}.{blueprint.account}.{blueprint.region}.json"


@dataclass(slots=True)
class Record:
    """One resource."""

    kind: str
    name: str
    """Name or ARN; what is shown."""
    state: str = "begun"
    """``begun``: asked for, and nobody knows whether it is there. ``exists``."""
    id: str | None = None
    """What AWS assigned."""
    digest: str | None = None
    """Of what was sent last, where that can change; None: it cannot, or an older version did not write it down."""

    @property
    def shown(self) -> str:
        """One line for people."""
        known = f" {self.id}" if self.id and self.id != self.name else ""
        doubt = " (may exist: its answer was lost)" if self.state == "begun" else ""
        return f"{self.kind} {self.name}{known}{doubt}"


@dataclass(slots=True)
class Manifest:
    """Open and locked; every change is written at once."""

    path: Path
    account: str
    region: str
    application: str
    knowledge_base: str
    id: str
    """Mark of this creation in descriptions: what carries it was made from this file."""
    create_role: bool = False
    immutable: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    complete: bool = False
    created_at: str = ""
    _lock: Lock | None = field(default=None, repr=False)

    @property
    def existing(self) -> tuple[str, ...]:
        """Everything that exists, or may, one line each."""
        return tuple(one.shown for one in self.records.values())

    def token(self, step: str) -> str:
        """Return the idempotency token of *step*: the same one, whenever it is asked for again."""
        if step not in self.tokens:
            self.tokens[step] = str(uuid.uuid4())
            self.save()
        return self.tokens[step]

    def renew(self, step: str) -> None:
        """Forget the token of *step*: what it made has ended, and the next one is to be another."""
        self.tokens.pop(step, None)
        self.records.pop(step, None)
        self.save()

    def begin(self, step: str, kind: str, name: str) -> None:
        """Write down that *step* is about to be asked for."""
        self.records.setdefault(step, Record(kind, name))
        self.save()

    def exists(
        self, step: str, kind: str, name: str, *, identifier: str | None = None, digest: str | None = None
    ) -> None:
        """Write down that *step* is there."""
        self.records[step] = Record(kind, name, "exists", identifier, digest)
        self.save()

    def gone(self, step: str) -> None:
        """Write down that *step* is not there any more, or was refused; its token would only find what is gone."""
        self.tokens.pop(step, None)
        self.records.pop(step, None)
        self.save()

    def finish(self) -> None:
        """Write down that everything is there."""
        self.complete = True
        self.save()

    def save(self) -> None:
        """Replace the file in one step.

        Raises:
            ConfigError: it cannot be written; the message says why.
        """
        replace_file(self.path, json.dumps(self._dump(), indent=2) + "\n")

    def _dump(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "knowledge_base": self.knowledge_base,
            "application": self.application,
            "account": self.account,
            "region": self.region,
            "id": self.id,
            "created_at": self.created_at,
            "create_role": self.create_role,
            "complete": self.complete,
            "immutable": self.immutable,
            "tokens": self.tokens,
            "resources": {
                step: {"kind": one.kind, "name": one.name, "state": one.state, "id": one.id}
                | ({"digest": one.digest} if one.digest else {})
                for step, one in self.records.items()
            },
        }

    def remove(self) -> None:
        """Delete the file: nothing of what it knew is left."""
        with told(self.path):
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the lock; neither blocks nor fails."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    @classmethod
    def new(cls, path: Path, blueprint: Blueprint, *, create_role: bool) -> Manifest:
        """Begin a manifest where there is none, and write it.

        Raises:
            ConfigError: there is one, or another process has it.
        """
        lock = locked(path)
        try:
            _refuse_existing(path, blueprint)
            made = cls(
                path,
                blueprint.account,
                blueprint.region,
                blueprint.application,
                blueprint.name,
                uuid.uuid4().hex,
                create_role,
                _as_json(blueprint.immutable),
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                _lock=lock,
            )
            made.save()
        except BaseException:
            lock.close()
            raise
        return made

    @classmethod
    def open(cls, path: Path, blueprint: Blueprint) -> Manifest | None:
        """Lock and read the manifest; None: there is none.

        Raises:
            ConfigError: it is not one of ours, or of another account, Region or knowledge base; or another process has it.
        """
        if not path.parent.is_dir():
            return None
        lock = locked(path)
        try:
            data = read_own(path)
            if data is None:
                lock.close()
                return None
            made = _parsed(path, data)
            _check_place(made, blueprint)
        except BaseException:
            lock.close()
            raise
        made._lock = lock  # noqa: SLF001 - of this class
        return made

    @classmethod
    def peek(cls, path: Path, blueprint: Blueprint) -> Manifest | None:
        """Read the manifest without a lock, to look; None: there is none.

        Raises:
            ConfigError: as `open` does.
        """
        data = read_own(path) if path.parent.is_dir() else None
        if data is None:
            return None
        made = _parsed(path, data)
        _check_place(made, blueprint)
        return made

    def check_unchanged(self, blueprint: Blueprint) -> None:
        """Refuse to go on where the configuration changed what cannot change.

        Raises:
            ConfigError: it did; the message names what.
        """
        now = _as_json(blueprint.immutable)
        changed = [name for name, value in self.immutable.items() if name in now and now[name] != value]
        if changed:
            was = "; ".join(f"{name} was {_short(self.immutable[name])}, is {_short(now[name])}" for name in changed)
            raise ConfigError(
                f"knowledge base {self.knowledge_base!r} was begun with another {', '.join(changed)}: AWS never changes "
                f"that; put it back, or `kb delete` it and create it anew ({was})",
                key_path=f"knowledge_base.{self.knowledge_base}",
            )
        if now != self.immutable:
            self.immutable = {**self.immutable, **now}
            self.save()


def _refuse_existing(path: Path, blueprint: Blueprint) -> None:
    if os.path.lexists(path):
        raise ConfigError(
            f"{path} exists: knowledge base {blueprint.name!r} was begun, or is there; `kb resume` goes on, "
            "`kb status` looks, `kb delete` removes"
        )


def _short(value: Any) -> str:
    return json.dumps(value)[:200]


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


_STRINGS = ("account", "region", "application", "knowledge_base", "id", "created_at")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _parsed(path: Path, data: bytes) -> Manifest:
    try:
        raw = json.loads(data)
        if raw["format"] != FORMAT:
            raise ConfigError(f"the manifest {path} has format {raw['format']!r}; this version reads {FORMAT}")
        strings = {name: _string(raw[name]) for name in _STRINGS}
        records = {
            str(step): Record(str(one["kind"]), str(one["name"]), str(one["state"]), one["id"], one.get("digest"))
            for step, one in raw["resources"].items()
        }
        return Manifest(
            path,
            account=strings["account"],
            region=strings["region"],
            application=strings["application"],
            knowledge_base=strings["knowledge_base"],
            id=strings["id"],
            created_at=strings["created_at"],
            create_role=bool(raw["create_role"]),
            immutable=dict(raw["immutable"]),
            tokens={str(step): str(token) for step, token in raw["tokens"].items()},
            records=records,
            complete=bool(raw["complete"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"the manifest {path} cannot be read: it is damaged, or was not written by us") from None


def _check_place(made: Manifest, blueprint: Blueprint) -> None:
    for what in ("account", "region", "application"):
        if getattr(made, what) != getattr(blueprint, what):
            raise ConfigError(
                f"the manifest {made.path} belongs to {what} {getattr(made, what)[:80]!r}, the configuration is for "
                f"{getattr(blueprint, what)!r}; nothing was done"
            )
    if made.knowledge_base != blueprint.name:
        raise ConfigError(f"the manifest {made.path} is that of knowledge base {made.knowledge_base[:80]!r}")
