"""Uploading a folder to a data source's bucket: what a data source reads, and nothing that is there already."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Record
from bedrock_gateway.capabilities.sources import METADATA_SUFFIX
from bedrock_gateway.errors import ConfigError, NotFoundError
from bedrock_gateway.setup.knowledge.readable import is_metadata, metadata_fault, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.capabilities.stores import Store
    from bedrock_gateway.setup.knowledge.account import Setup
    from bedrock_gateway.setup.knowledge.blueprint import SourceBlueprint

__all__ = ["Uploaded", "upload"]

_CAPABILITY = "kb-documents"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEY_BYTES = 1024
_TOLD_EVERY = 100


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of a folder."""

    uri: str
    """Bucket and prefix that it went to."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """Written."""
    unchanged: int = 0
    """Already there with the same content."""
    skipped: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(file, why): what a data source does not read."""


def upload(setup: Setup, source: SourceBlueprint, folder: Path) -> Flow[Uploaded]:
    """Put the documents below *folder* under the source's prefix; nothing in the bucket is removed.

    Raises:
        ConfigError: *folder* is none, or holds no document that can be read.
    """
    started = setup.context.now()
    files, skipped = yield Record(partial(_survey, folder, source, setup.blueprint.store))
    if not files:
        raise ConfigError(f"{folder} holds no document that a data source reads ({len(skipped)} other files)")
    owner = {"Bucket": source.bucket, "ExpectedBucketOwner": source.owner}
    there = yield from _listed(setup, source, owner)
    written: list[str] = []
    unchanged = 0
    for key, path in files:
        body = yield Record(path.read_bytes)
        if there.get(key) == hashlib.md5(body, usedforsecurity=False).hexdigest():
            unchanged += 1
            continue
        yield from setup.ask("s3", "PutObject", _CAPABILITY, **owner, Key=key, Body=body)
        written.append(key)
        if len(written) % _TOLD_EVERY == 0:
            setup.tell("documents", "waiting", source.uri, reason=f"{len(written)} of {len(files)}", since=started)
    setup.tell(
        "documents", "uploaded", source.uri, reason=f"{len(written)} written, {unchanged} unchanged", since=started
    )
    return Uploaded(source.uri, tuple(written), unchanged, tuple(skipped))


def _listed(setup: Setup, source: SourceBlueprint, owner: dict[str, str]) -> Flow[dict[str, str]]:
    """Key → MD5 of what is there; of an object whose ETag is none, nothing that is equal to one."""
    found: dict[str, str] = {}
    more: dict[str, Any] = {"Prefix": source.prefix} if source.prefix else {}
    while True:
        try:
            reply = yield from setup.ask("s3", "ListObjectsV2", _CAPABILITY, **owner, **more)
        except NotFoundError:
            raise ConfigError(f"{source.uri}: there is no such bucket") from None
        found |= {str(row["Key"]): str(row["ETag"]).strip('"') for row in reply.get("Contents") or ()}
        if not reply.get("IsTruncated"):
            return found
        more["ContinuationToken"] = reply["NextContinuationToken"]


def _survey(
    folder: Path, source: SourceBlueprint, store: Store
) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """Return (key, file) of every document below *folder* with its metadata file, and (file, why) of every other file.

    A document whose metadata file is wrong stays behind: metadata may be what decides who finds it.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    files: list[tuple[str, Path]] = []
    skipped: list[tuple[str, str]] = []
    found = sorted(_files(folder))
    beside = {path for path in found if is_metadata(path.name)}
    for path in (one for one in found if not is_metadata(one.name)):
        metadata = path.with_name(path.name + METADATA_SUFFIX)
        both = [path, *([metadata] if metadata in beside else [])]
        beside.discard(metadata)
        why = _why_not(folder, both, source, store)
        if why:
            skipped += [(_shown(folder, one), why) for one in both]
        else:
            files += [(source.prefix + _name(folder, one), one) for one in both]
    skipped += [(_shown(folder, one), "there is no document beside it") for one in sorted(beside)]
    return files, skipped


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _shown(folder: Path, path: Path) -> str:
    return _name(folder, path).encode("utf-8", "replace").decode()


def _why_not(folder: Path, both: list[Path], source: SourceBlueprint, store: Store) -> str:
    """Return why a document, with its metadata file if it has one, is not uploaded; empty: it is."""
    for path in both:
        key = source.prefix + _name(folder, path)
        if why := _no_key(key):
            return why
    document, *metadata = both
    why = unreadable(document.name, document.stat().st_size, source)
    return why or next((fault for one in metadata if (fault := metadata_fault(one.read_bytes(), store))), "")


def _files(folder: Path) -> Iterator[Path]:
    """Files below *folder*; no link is followed, so that nothing from elsewhere is uploaded."""
    for path in folder.iterdir():
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _no_key(key: str) -> str:
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if _CONTROL.search(key):
        return "its name holds a control character"
    return f"its key is longer than {_KEY_BYTES} bytes" if len(encoded) > _KEY_BYTES else ""
