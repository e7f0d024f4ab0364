"""The types of THE table.

A `Capability` is what a team asks for; its `Operation` rows say what is called on AWS, whether it may be sent again,
and in `Leg` rows what IAM must grant for it. The client, the policy generator, the preflight and the docs read these
rows; none of them has a table of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Capability", "Condition", "Confidence", "Leg", "Operation", "Resend", "Resource"]

Resend = Literal["free", "token", "billed"]
"""After an outcome that is not known: ``free`` reads or converges, ``token`` is deduplicated by AWS, ``billed`` would be
paid twice."""

Confidence = Literal["H", "M", "L", "?"]
"""H: AWS states it. M: one source, or sources disagree and the choice is argued. L: third-party evidence. ?: not
confirmed. L and ? are emitted as assumed."""

Resource = Literal[
    "*",
    "model",
    "profile",
    "foundation-model",
    "guardrail",
    "knowledge-base",
    "knowledge-base-role",
    "provisioned-role",
    "logging-role",
    "managed-policies",
    "logging-group",
    "logging-bucket",
    "document-bucket",
    "document-object",
    "vector-bucket",
    "vector-index",
]
"""What a leg is about; `iam.generate` turns it into the ARNs of a `Scope`."""

Condition = Literal["passed-to-bedrock", "document-prefix", "bounded"]
"""``bounded``: the role must have the permissions boundary of the scope."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One (action, resource) that IAM must allow for an operation."""

    action: str
    resource: Resource
    confidence: Confidence = "H"
    source: str = "service authorization reference"
    condition: Condition | None = None
    only_with: Literal["guardrail"] | None = None
    """Needed only where the scope has this option."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One AWS operation, by AWS's own name."""

    name: str
    service: str
    """botocore's service name: ``bedrock-runtime``."""
    resend: Resend
    legs: tuple[Leg, ...] = ()
    """Empty: AWS asks for no permission."""
    stream: str | None = None
    """Member of the output that is an event stream."""
    token: str | None = None
    """Member of the input that makes the call idempotent."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A thing a team asks for."""

    name: str
    summary: str
    kind: Literal["runtime", "administration", "preflight"]
    operations: tuple[Operation, ...]
    inseparable: str = ""
    """What the same policy also permits, because IAM cannot tell it apart."""
