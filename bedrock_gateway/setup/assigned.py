"""Putting what AWS assigned into gateway.toml, without touching anything else of it."""

from __future__ import annotations

import os
import re
import stat
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from bedrock_gateway.errors import ConfigError

__all__ = ["lines", "with_id", "write"]


def lines(environment: str, name: str, identifier: str) -> str:
    """Return the lines that belong into gateway.toml."""
    return f'[env.{environment}.knowledge_base.{name}]\nid = "{identifier}"'


def with_id(text: str, environment: str, name: str, identifier: str) -> str:
    """Return *text* of a gateway.toml with the id of a knowledge base in one environment.

    Raises:
        ConfigError: it cannot be put in without changing something else; the message has the lines to put in by hand.
    """
    before = tomllib.loads(text)
    wanted = _expected(before, environment, name, identifier)
    for candidate in (_in_table(text, environment, name, identifier), _at_end(text, environment, name, identifier)):
        if candidate is not None and _parsed(candidate) == wanted:
            return candidate
    raise ConfigError(
        f"the id of {name} cannot be put in by itself, as its table is written another way; put it in by hand: "
        + lines(environment, name, identifier).replace("\n", " ")
    )


def _expected(before: dict[str, Any], environment: str, name: str, identifier: str) -> dict[str, Any]:
    """The whole configuration with the one value changed."""
    changed: dict[str, Any] = _copy(before)
    table = changed.setdefault("env", {}).setdefault(environment, {}).setdefault("knowledge_base", {})
    table.setdefault(name, {})["id"] = identifier
    return changed


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(one) for key, one in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _in_table(text: str, environment: str, name: str, identifier: str) -> str | None:
    """With the line in the environment's own table: in place of an id that stands there, or as its first line."""
    header = re.compile(
        rf"^[ \t]*\[[ \t]*env[ \t]*\.[ \t]*{_key(environment)}[ \t]*\.[ \t]*knowledge_base[ \t]*\.[ \t]*{_key(name)}[ \t]*\][^\n]*\n?",
        re.MULTILINE,
    ).search(text)
    if header is None:
        return None
    following = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, header.end())
    end = following.start() if following else len(text)
    body = text[header.end() : end]
    line = f'id = "{identifier}"'
    changed, found = re.subn(r'(?m)^([ \t]*)id[ \t]*=[ \t]*(?:"[^"\n]*"|\'[^\'\n]*\')', rf"\g<1>{line}", body, count=1)
    head = text[: header.end()]
    return head + changed + text[end:] if found else f"{_ended(head)}{line}\n{body}{text[end:]}"


def _at_end(text: str, environment: str, name: str, identifier: str) -> str:
    return f"{_ended(text)}\n{lines(environment, name, identifier)}\n"


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _key(name: str) -> str:
    """A bare or a quoted key."""
    plain = re.escape(name)
    return f"(?:{plain}|\"{plain}\"|'{plain}')"


def write(path: Path, environment: str, name: str, identifier: str) -> bool:
    """Put the id into the file, in one step; False: it is there already.

    Raises:
        ConfigError: the file cannot be read, changed or written.
    """
    try:
        text = path.read_bytes().decode()
        changed = with_id(text, environment, name, identifier)
        if changed == text:
            return False
        _replace(path.resolve(), changed)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot write {path}: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    return True


def _replace(path: Path, text: str) -> None:
    """Replace a file in one step, keeping its mode."""
    mode = stat.S_IMODE(path.stat().st_mode)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
