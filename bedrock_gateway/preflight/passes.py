"""What the processes of one host tell each other of preflights: which checks passed, and when. A file, and who is believed.

A file is believed only if it is wholly ours: in a directory of ours that nobody else may enter, a plain file that nobody
else may touch, small, and exactly of the form below, about the same question, and not of the future. Everything else is
ignored, with a reason: the checks are then made. Nothing is in it but identifiers of checks, times and a hash.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import stat
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

__all__ = ["MOST_SECONDS", "IgnoredError", "Passes"]

MOST_SECONDS = 600.0
"""How old a pass may be."""
MOST_BYTES = 64 * 1024
FORMAT = 1
_FOLDER = "bedrock-gateway"
_OURS_TO_ENTER, _OURS_TO_READ = 0o700, 0o600
_OF_OURS = re.compile(r"[0-9a-f]{64}\.(json|lock|[0-9]+\.[0-9a-f]{16}\.tmp)", re.ASCII)
_LEFT_SECONDS = 86_400.0
"""After how long a file that nobody has written is removed."""
_LOOKED_AT = 1_000
_PAUSE_SECONDS = 0.02


class IgnoredError(Exception):
    """What was found is not believed; the reason is one of a few words, never what stood there."""


class Passes:
    """Reads and writes the passes of this host; one object a preflight. Blocks: off the event loop.

    Args:
        clock: Wall-clock seconds, which all processes of a host share.
        environment: Where ``XDG_RUNTIME_DIR`` and ``HOME`` are looked up.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, environment: Mapping[str, str] | None = None) -> None:
        self._clock = clock
        self._environment = os.environ if environment is None else environment
        self._guard = threading.Lock()
        self._lock: int | None = None
        self._holder = os.getpid()
        self._over = False
        _watch_forks()
        _ALIVE.add(self)

    def take(self, key: str, known: AbstractSet[str], until: float) -> dict[str, Any]:
        """Return ``{"passes": {id: age in seconds}, "ignored": None, or why what was there is not believed}``.

        Where no other process has looked of late, this one holds the lock until `release`, so that those beside it wait,
        at the latest until *until* (of `time.monotonic`), for what it finds.
        """
        try:
            with self._folder() as folder:
                found = self._read(folder, key, known)
                if found is None and self._locked(folder, f"{key}.lock", until):
                    found = self._read(folder, key, known)
                    if found is not None:
                        self._unlock()
                return {"passes": found or {}, "ignored": None}
        except IgnoredError as error:
            return {"passes": {}, "ignored": str(error)}

    def give(
        self, key: str, known: AbstractSet[str], ages: Mapping[str, float], gone: AbstractSet[str] = frozenset()
    ) -> str | None:
        """Write which checks passed, how many seconds ago, beside what others have written, and release the lock.

        *gone* are those that did not pass here, whatever others have found.

        Returns:
            Why it could not be written; None: it was.
        """
        try:
            with self._folder() as folder:
                with contextlib.suppress(IgnoredError):  # what is not believed is overwritten
                    others = self._read(folder, key, known) or {}
                    ages = {name: age for name, age in others.items() if name not in gone} | dict(ages)
                now = self._clock()
                whole = {"format": FORMAT, "key": key, "written": now, "passes": {i: now - a for i, a in ages.items()}}
                self._write(folder, f"{key}.json", json.dumps(whole).encode())
                _tidy(folder, now)
        except IgnoredError as error:
            return str(error)
        finally:
            self.release()
        return None

    def release(self) -> None:
        """Let the others go on; never blocks, and may be called again."""
        self._over = True
        self._unlock()

    def _unlock(self) -> None:
        with self._guard:
            held, self._lock = self._lock, None
        if held is not None:
            if self._holder == os.getpid():  # else a child of a fork that has not let go yet would keep it locked
                _unlocked(held)
            os.close(held)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[int]:
        """The directory of ours, open; made where there is none."""
        if not hasattr(os, "O_NOFOLLOW") or os.open not in os.supports_dir_fd:
            raise IgnoredError("unsupported")
        try:
            path = self._place()
            path.mkdir(mode=_OURS_TO_ENTER, parents=False, exist_ok=True)
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, RuntimeError, ValueError):
            raise IgnoredError("no-directory") from None
        try:
            facts = os.fstat(folder)
            if facts.st_uid != os.geteuid():
                raise IgnoredError("directory-of-another")
            if stat.S_IMODE(facts.st_mode) & 0o777 != _OURS_TO_ENTER:
                raise IgnoredError("directory-open-to-others")
            yield folder
        finally:
            os.close(folder)

    def _place(self) -> Path:
        runtime = Path(self._environment.get("XDG_RUNTIME_DIR", ""))
        if runtime.is_absolute():
            return runtime / _FOLDER
        home = Path(self._environment.get("HOME", ""))
        if not home.is_absolute():
            raise IgnoredError("no-directory")
        cache = home / ".cache"
        cache.mkdir(mode=_OURS_TO_ENTER, exist_ok=True)
        return cache / _FOLDER

    def _read(self, folder: int, key: str, known: AbstractSet[str]) -> dict[str, float] | None:
        """Return id → age of what still holds; None: nobody has looked of late.

        Raises:
            IgnoredError: what is there is not to be believed.
        """
        try:
            # O_NONBLOCK: of a pipe, opening alone would wait for somebody to write.
            file = _opened(folder, f"{key}.json", os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            data = b""
            while len(data) <= MOST_BYTES and (part := os.read(file, MOST_BYTES + 1 - len(data))):
                data += part
        except OSError:
            raise IgnoredError("unreadable") from None
        finally:
            os.close(file)
        return _believed(data, key, known, self._clock())

    def _locked(self, folder: int, name: str, until: float) -> bool:
        """Wait until nobody else looks; False: somebody still did at *until*. A process that died holds nothing."""
        import fcntl

        try:
            file = _opened(folder, name, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK)
        except FileNotFoundError:  # somebody has just removed the directory
            raise IgnoredError("no-directory") from None
        while not self._over:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(_PAUSE_SECONDS, left))
            except OSError:  # a file system without locks: everybody looks
                break
            else:
                with self._guard:
                    if not self._over:
                        self._lock, self._holder = file, os.getpid()
                        return True
        os.close(file)
        return False

    @staticmethod
    def _write(folder: int, name: str, data: bytes) -> None:
        """Put *data* there at once or not at all: who reads finds the old file or the new one."""
        beside = f"{name.removesuffix('.json')}.{os.getpid()}.{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            file = os.open(beside, flags, _OURS_TO_READ, dir_fd=folder)
            try:
                os.fchmod(file, _OURS_TO_READ)
                if os.write(file, data) != len(data):
                    raise IgnoredError("unwritable")
            finally:
                os.close(file)
            os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        except (OSError, IgnoredError):
            with contextlib.suppress(OSError):
                os.unlink(beside, dir_fd=folder)
            raise IgnoredError("unwritable") from None


def _opened(folder: int, name: str, flags: int) -> int:
    """Open a plain file of ours that nobody else may touch.

    Raises:
        FileNotFoundError: there is none.
        IgnoredError: it is something else.
    """
    try:
        file = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, _OURS_TO_READ, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError:  # a symbolic link, a directory, a socket, or no right to
        raise IgnoredError("no-plain-file") from None
    facts = os.fstat(file)
    wrong = (
        ("no-plain-file", not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1),
        ("file-of-another", facts.st_uid != os.geteuid()),
        ("file-open-to-others", stat.S_IMODE(facts.st_mode) != _OURS_TO_READ),
        ("too-large", facts.st_size > MOST_BYTES),
    )
    for reason, is_so in wrong:
        if is_so:
            os.close(file)
            raise IgnoredError(reason)
    return file


def _believed(data: bytes, key: str, known: AbstractSet[str], now: float) -> dict[str, float] | None:
    if len(data) > MOST_BYTES:
        raise IgnoredError("too-large")
    try:
        found = json.loads(data.decode("ascii"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise IgnoredError("no-json") from None
    if not isinstance(found, dict) or found.keys() != {"format", "key", "written", "passes"}:
        raise IgnoredError("malformed")
    if type(found["format"]) is not int or found["format"] != FORMAT:
        raise IgnoredError("another-format")
    if found["key"] != key:
        raise IgnoredError("another-key")
    passes = found["passes"]
    if not isinstance(passes, dict) or not passes.keys() <= known:
        raise IgnoredError("malformed")
    ages = {name: _age(moment, now) for name, moment in passes.items()}
    if _age(found["written"], now) > MOST_SECONDS:
        return None
    return {name: age for name, age in ages.items() if age <= MOST_SECONDS}


def _age(moment: Any, now: float) -> float:
    if type(moment) not in {int, float} or not math.isfinite(moment):
        raise IgnoredError("malformed")
    if moment > now:
        raise IgnoredError("of-the-future")
    return now - float(moment)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _tidy(folder: int, now: float) -> None:
    """Remove what configurations, roles and versions of yesterday have left."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for _, entry in zip(range(_LOOKED_AT), entries, strict=False):
            with contextlib.suppress(OSError):
                old = now - entry.stat(follow_symlinks=False).st_mtime > _LEFT_SECONDS
                if old and _OF_OURS.fullmatch(entry.name):
                    os.unlink(entry.name, dir_fd=folder)


def _unlocked(file: int) -> None:
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)


_ALIVE: weakref.WeakSet[Passes] = weakref.WeakSet()
_FORKS_ARE_WATCHED: list[bool] = []


def _watch_forks() -> None:
    """A child of a fork shares its parent's lock: it would hold it for as long as it lives."""
    if not _FORKS_ARE_WATCHED and hasattr(os, "register_at_fork"):
        _FORKS_ARE_WATCHED.append(True)
        os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    for one in list(_ALIVE):
        one._guard = threading.Lock()  # noqa: SLF001 - another thread of the parent may have held it
        one.release()
