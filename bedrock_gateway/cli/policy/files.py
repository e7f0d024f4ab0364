"""Policies that the user names: files, or ``-`` for standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.document import Policy
    from bedrock_gateway.iam.lint import Document
    from bedrock_gateway.iam.lint.model import Kind

__all__ = ["read_document", "read_policy"]

STDIN = "-"


def _content(name: str) -> bytes:
    """At most one byte more than a policy may have: whoever parses it says that it is too long."""
    from bedrock_gateway.iam.document import MAX_BYTES

    if name == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read_document(name: str, *, kind: Kind | None = None) -> Document:
    """Return the document in file *name*, with the positions in it; *kind* None: judged by what it holds.

    Raises:
        ConfigError: it is no policy.
        OSError: it cannot be read.
    """
    from bedrock_gateway.iam.document import PolicyError
    from bedrock_gateway.iam.lint import read

    shown = "<stdin>" if name == STDIN else name
    try:
        return read(shown, _content(name), kind=kind)
    except PolicyError as error:
        raise ConfigError(f"{shown}: {error}") from None


def read_policy(name: str) -> Policy:
    """Return the policy in file *name*, also where it stands in a reply of the AWS CLI.

    Raises:
        ConfigError: it is no policy.
        OSError: it cannot be read.
    """
    document = read_document(name)
    if not document.policy.statements:
        raise ConfigError(f"{document.name}: a list of attached policies, where a policy is wanted")
    return document.policy


def read_policies(names: list[str] | None) -> Iterator[Policy]:
    """Return the policies in those files."""
    return (read_policy(name) for name in names or ())
