"""What set-up keeps on this host: whether its folder can be used, and which creations in it have not ended. Only looked at."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FOLDER", "Creation", "State", "read_state"]

FOLDER = ".bedrock-gateway"
"""Where set-up keeps its manifests, beside gateway.toml."""
_LIMIT = 1 << 20
_MOUNTS = Path("/proc/self/mountinfo")
_MOUNT_POINT = 4
_CAUTIOUS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Neither through a link, nor waiting for somebody to write into a pipe."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Creation:
    """A knowledge base whose creation was begun here and is not complete."""

    knowledge_base: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class State:
    """The folder below which set-up writes; where it does not exist yet, the nearest folder above it."""

    folder: str
    writable: bool = True
    free_bytes: int = 1 << 40
    lockable: bool = True
    filesystem: str | None = None
    """As the kernel names it (``ext4``, ``nfs4``, ``tmpfs``); None: not known."""
    unfinished: tuple[Creation, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Names of manifests that cannot be read."""
    error: str | None = None
    """Why the folder cannot be looked at; the rest then says nothing."""


def read_state(folder: Path | None) -> State | None:
    """Look at the state below *folder*, that of gateway.toml; None: the configuration is from no file, nothing is kept."""
    if folder is None:
        return None
    kept = folder.absolute() / FOLDER
    try:
        return _looked_at(kept)
    except OSError as error:
        return State(str(kept), error=error.strerror or type(error).__name__)


def _looked_at(kept: Path) -> State:
    place = next(one for one in (kept, *kept.parents) if one.is_dir())
    unfinished, unreadable = _manifests(kept) if place == kept else ((), ())
    return State(
        folder=str(place),
        writable=os.access(place, os.W_OK | os.X_OK),
        free_bytes=shutil.disk_usage(place).free,
        lockable=_lockable(place),
        filesystem=_filesystem(place),
        unfinished=unfinished,
        unreadable=unreadable,
    )


def _manifests(kept: Path) -> tuple[tuple[Creation, ...], tuple[str, ...]]:
    unfinished, unreadable = [], []
    # glob would hide that it may not look
    for path in sorted(one for one in kept.iterdir() if one.suffix == ".json"):
        try:
            raw = json.loads(_read(path))
            # Others of set-up's files are about no knowledge base.
            if raw.get("knowledge_base") and not raw["complete"]:
                unfinished.append(_creation(raw))
        except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
            unreadable.append(ascii(path.name)[1:-1])
    return tuple(unfinished), tuple(unreadable)


def _creation(raw: dict[str, object]) -> Creation:
    name = str(raw["knowledge_base"])
    if not _NAME.fullmatch(name):
        raise ValueError("no knowledge base is named so")
    return Creation(name, str(raw["account"]), str(raw["region"]))


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | _CAUTIOUS), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("no file")
        return file.read(_LIMIT)


def _lockable(place: Path) -> bool:
    """Whether the file system has locks: a shared one on the folder itself, let go at once."""
    try:
        import fcntl
    except ImportError:  # Windows has no flock; set-up locks otherwise there
        return True
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in {errno.EAGAIN, errno.EACCES}  # somebody holds it: there are locks
    finally:
        os.close(descriptor)
    return True


def _filesystem(place: Path) -> str | None:
    """The kind of the file system that is mounted nearest above *place*."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        found: tuple[int, str] = (0, "")
        real = place.resolve()
        for line in _MOUNTS.read_text().splitlines():
            left, _, right = line.partition(" - ")
            point = left.split()[_MOUNT_POINT].replace("\\040", " ")
            if real.is_relative_to(point) and right:
                # Of two at one point, the later one covers the other.
                found = max((len(point), right.split()[0]), found, key=lambda one: one[0])
        return found[1] or None
    return None
