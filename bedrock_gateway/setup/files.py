"""Files that decide what set-up does next: replaced in one step, locked, and never read through a link."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Lock", "locked", "read_own", "replace_file", "told"]

_LIMIT = 1 << 20
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def replace_file(path: Path, text: str) -> None:
    """Replace *path* by *text* in one step, readable by its owner alone.

    Raises:
        ConfigError: it cannot be written; the message says why.
    """
    with told(path):
        for left_behind in path.parent.glob(f".{path.name}.*"):  # by a process that was killed: the lock is ours
            left_behind.unlink(missing_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync(path.parent)


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system refuses about *path* into an error of ours."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"the manifest {path} cannot be used: {error.strerror or type(error).__name__}") from None


def _sync(folder: Path) -> None:
    """Make the replacement itself durable; not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Lock:
    """Held until it is closed, forgotten (a task that was cancelled while it was taken), or its process dies."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        """Let go; may be called again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    __del__ = close


def locked(path: Path) -> Lock:
    """Return the lock of *path*.

    Raises:
        ConfigError: another process or task holds it.
    """
    with told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
    try:
        _lock(lock)
    except OSError as error:
        os.close(lock)
        if error.errno in {errno.EACCES, errno.EAGAIN, errno.EDEADLK}:
            raise ConfigError(
                f"another process, or another task of this one, is working on {path}; wait until it ends"
            ) from None
        raise ConfigError(f"the manifest {path} cannot be locked: {error.strerror}") from None
    return Lock(lock)


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def read_own(path: Path) -> bytes | None:
    """Return what is in *path*; None: there is no such file.

    Raises:
        ConfigError: it is a link, no file, too large, or others can write it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINK)
    except FileNotFoundError:
        return None
    except OSError as error:
        what = "is a link" if error.errno == errno.ELOOP else (error.strerror or "cannot be read")
        raise ConfigError(f"the manifest {path} {what}: it was not written by us") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"the manifest {path} is no file")
        if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
            raise ConfigError(
                f"the manifest {path} can be written by others: it is not trusted; check it, then chmod 600"
            )
        data = file.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise ConfigError(f"the manifest {path} is larger than {_LIMIT} bytes")
    return data
