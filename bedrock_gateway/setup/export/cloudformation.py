"""A CloudFormation template: properties are CloudFormation's already, so they stand in it word for word. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import ConfigError
from bedrock_gateway.setup.export.order import KEPT, needs
from bedrock_gateway.setup.resource import AGREEMENT, KEY_POLICY, LOGGING, USE_CASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bedrock_gateway.setup.resource import Resource

__all__ = ["cloudformation", "without_type"]


def _no_template(resources: Sequence[Resource]) -> list[Resource]:
    return [one for one in resources if not one.kind.startswith("AWS::")]


_APPLIED_BY: Mapping[str, str] = {
    LOGGING: "CloudFormation has no type for it; after the stack, `bedrock-gateway setup logging --apply` puts it",
    KEY_POLICY: "CloudFormation cannot change the policy of a key it did not make; `bedrock-gateway setup logging --apply`"
    " adds the statement",
    AGREEMENT: "CloudFormation has no type for it; `bedrock-gateway setup model-access --apply` accepts it",
    USE_CASE: "CloudFormation has no type for it; `bedrock-gateway setup model-access --apply --use-case FILE` submits it",
}


def without_type(resources: Sequence[Resource]) -> tuple[str, ...]:
    """Return a sentence for each resource that the template cannot hold."""
    return tuple(_sentence(one) for one in _no_template(resources))


def _sentence(one: Resource) -> str:
    return (
        f"{one.kind} {one.name} is not in the template: {_APPLIED_BY.get(one.kind, 'CloudFormation has no such type')}"
    )


def cloudformation(resources: Sequence[Resource]) -> dict[str, Any]:
    """Return the template; what it cannot hold is in its metadata, whole and with the reason.

    Raises:
        ConfigError: a value would be replaced by CloudFormation.
    """
    within = [one for one in resources if one.kind.startswith("AWS::")]
    ids: dict[tuple[str, str], str] = {}
    for one in within:
        ids[one.key] = _logical(one, set(ids.values()))
    made: dict[str, Any] = {}
    for one in within:
        body: dict[str, Any] = {"Type": one.kind, "Properties": dict(one.properties)}
        if needed := sorted(ids[other.key] for other in needs(one, within)):
            body["DependsOn"] = needed
        if one.kind in KEPT:
            body |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        made[ids[one.key]] = body
    if "{{resolve:" in json.dumps(made):
        raise ConfigError("a value holds {{resolve:…}}, which CloudFormation would replace by what it names")
    template: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Written by bedrock-gateway setup",
        "Resources": made,
    }
    if outside := _no_template(resources):
        rest = [{"Why": _sentence(one), **one.to_dict()} for one in outside]
        template["Metadata"] = {"BedrockGateway": {"NotInThisTemplate": rest}}
    return template


def _logical(one: Resource, taken: set[str]) -> str:
    """A logical id: letters and digits, unique in the template, the same for the same resources."""
    words = re.findall(r"[A-Za-z0-9]+", f"{one.name} {one.kind.rpartition('::')[2]}")
    made = "".join(word[:1].upper() + word[1:] for word in words)[:200]
    return next(name for name in (made, *(f"{made}{number}" for number in range(2, 10_000))) if name not in taken)
