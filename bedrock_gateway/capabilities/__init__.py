"""THE table: what a team may ask for, the AWS operations behind it, and what IAM must grant for each."""

from __future__ import annotations

import difflib
from types import MappingProxyType
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities import administration, inference, knowledge, principals, reading
from bedrock_gateway.capabilities.scope import Scope
from bedrock_gateway.capabilities.table import Capability, Leg, Operation
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CAPABILITIES", "Capability", "Leg", "Operation", "Scope", "capability", "operation"]

CAPABILITIES: Mapping[str, Capability] = MappingProxyType(
    {row.name: row for row in (*inference.ROWS, *knowledge.ROWS, *administration.ROWS, *principals.ROWS, *reading.ROWS)}
)
"""Every capability by its name."""

_OPERATIONS: Mapping[tuple[str, str], Operation] = MappingProxyType(
    {(row.service, row.name): row for capability in CAPABILITIES.values() for row in capability.operations}
)


_DOCUMENTS = {
    "logging-role": "policy role logging",
    "logging-bucket": "policy bucket logging",
    "kb-role": "policy role kb",
    "batch-role": "policy role batch",
}
"""Names of documents that are asked for as capabilities → the command that prints them."""


def capability(name: str) -> Capability:
    """Return the capability of that name.

    Raises:
        ConfigError: there is none; the message names the nearest, or the command for a service-side document.
    """
    found = CAPABILITIES.get(name)
    if found is None:
        if name in _DOCUMENTS:
            raise ConfigError(
                f"{name} is what AWS does by itself, not a capability: `bedrock-gateway {_DOCUMENTS[name]}`"
            )
        near = difflib.get_close_matches(name, CAPABILITIES, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(CAPABILITIES)}"
        raise ConfigError(f"unknown capability {name[:80]!r}; {hint}")
    return found


def operation(service: str, name: str) -> Operation:
    """Return the row of an AWS operation that some capability has.

    Raises:
        KeyError: no capability calls it.
    """
    return _OPERATIONS[service, name]
