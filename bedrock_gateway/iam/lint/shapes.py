"""ARNs of AWS's reference as wildcard patterns, and the parts of an ARN that a rule asks about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bedrock_gateway.iam.globs import arn_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.iam.actions import Action

__all__ = ["Arn", "parse", "shapes"]

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_POLICY_VARIABLE = re.compile(r"\$\{[^}*?$][^}]*\}")


# A job takes a profile as its model; the action's row lists foundation and custom models only.
_ALSO_ON: Mapping[str, tuple[str, ...]] = {
    "bedrock:CreateModelInvocationJob": (
        "arn:?*:bedrock:?*:?*:inference-profile/?*",
        "arn:?*:bedrock:?*:?*:application-inference-profile/?*",
    ),
}


@lru_cache(maxsize=1024)
def shapes(row: Action) -> tuple[str, ...]:
    """Patterns of the ARNs on which an action is authorised: no part of them may be empty but a model's Region.

    The model ARN without a Region, of global profiles, is in Bedrock's guide but not in the reference.
    """
    listed = (
        _PLACEHOLDER.sub("?*", arn).replace(":bedrock:?*::foundation-model/", ":bedrock:*::foundation-model/")
        for arn in row.arns
    )
    return (*listed, *_ALSO_ON.get(row.name, ()))


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN pattern in its parts; policy variables stand as ``*``."""

    text: str
    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def kind(self) -> str:
        """What stands before the first slash: ``foundation-model``."""
        return self.resource.partition("/")[0]

    @property
    def name(self) -> str:
        """What stands after the first slash."""
        return self.resource.partition("/")[2]


@lru_cache(maxsize=4096)
def parse(text: str) -> Arn | None:
    """Return the parts of an ARN pattern; None for ``*`` and what is no ARN."""
    parts = arn_parts(_POLICY_VARIABLE.sub("*", text)) if text.startswith("arn:") else None
    return Arn(text, *parts[1:]) if parts else None
