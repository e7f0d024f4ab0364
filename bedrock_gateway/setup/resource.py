"""What set-up makes or changes: a resource, and one change of it with its diff. Pure.

Planning, applying, undoing and exporting all speak of these, so what is shown, what is done and what is exported cannot
be three different things.
"""

from __future__ import annotations

import copy
import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AGREEMENT", "KEY_POLICY", "LOGGING", "USE_CASE", "Action", "Change", "Resource"]

Action = Literal["create", "update", "delete", "keep", "refuse"]
"""``keep``: it is right already, or is left alone. ``refuse``: it would take something from somebody else; nothing is done at
all."""

LOGGING = "aws_bedrock_model_invocation_logging_configuration"
"""Kind of the invocation logging configuration. CloudFormation has no type for it (aws/aws-cdk#31478, and the resource
specification that cfn-lint carries), so it goes by Terraform's; its properties are those of AWS's ``loggingConfig``."""

KEY_POLICY = "aws_kms_key_policy"
"""Kind of the policy of a key that is there already; CloudFormation can only make a key with its policy."""

AGREEMENT = "aws_bedrock_foundation_model_agreement"
"""Kind of the agreement under which a third-party model is used: ``modelId``, ``offerType``. CloudFormation has no type."""

USE_CASE = "aws_bedrock_use_case_for_model_access"
"""Kind of Anthropic's use-case form: ``formData``, as an object. CloudFormation has no type for it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing in an account, as it is to be."""

    kind: str
    """CloudFormation's type, such as ``AWS::IAM::Role``; where it has none, Terraform's: `LOGGING`, `KEY_POLICY`."""
    name: str
    """Its name within its kind, as AWS shows it."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """JSON values under CloudFormation's member names; policy documents as objects, tags as lists of Key and Value."""

    def __post_init__(self) -> None:
        """Keep a copy: what was planned does not change with what it was planned from."""
        object.__setattr__(self, "properties", copy.deepcopy(dict(self.properties)))

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other: kind and name."""
        return self.kind, self.name

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": self.kind, "name": self.name, "properties": copy.deepcopy(dict(self.properties))}


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done about one resource."""

    resource: Resource
    action: Action
    before: Mapping[str, Any] | None = None
    """Its properties as they are, those that set-up looks at; None: it does not exist."""
    why: str = ""
    """One sentence for people; empty where the action says it all."""

    @property
    def diff(self) -> str:
        """The unified diff of the properties, pure ASCII; empty where they are the same."""
        after: Mapping[str, Any] | None = self.resource.properties
        if self.action == "delete":
            after = None
        elif self.action in {"keep", "refuse"} and not self.resource.properties:
            after = self.before
        lines = difflib.unified_diff(_lines(self.before), _lines(after), "as it is", "as it is to be", lineterm="")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        before = None if self.before is None else copy.deepcopy(dict(self.before))
        return self.resource.to_dict() | {"action": self.action, "before": before, "why": self.why}


def _lines(properties: Mapping[str, Any] | None) -> list[str]:
    """The properties one value a line, in one order; JSON's escapes keep a hostile name from steering a terminal."""
    return json.dumps(dict(properties), indent=2, sort_keys=True).splitlines() if properties is not None else []
