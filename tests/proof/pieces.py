"""What can be taken out of a generated policy, and how it can be made wider."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bedrock_gateway.iam.generate import Generated, Grant

__all__ = ["Piece", "conditions", "pairs", "pieces"]

SURE = frozenset({"H", "M"})


@dataclass(frozen=True)
class Piece:
    """One part of a policy, and the policy as it is without it (or with it made wider)."""

    name: str
    policy: dict[str, Any]
    operations: frozenset[str]
    """Operations for whose sake the part is there, by the generator's own account; the proof only begins with them."""
    sure: bool = True
    """Whether any leg behind it has confidence H or M."""


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _conditions(statement: dict[str, Any]) -> str:
    return json.dumps(statement.get("Condition", {}), sort_keys=True)


def _grants(generated: Generated, statement: dict[str, Any], **only: str) -> list[Grant]:
    """The grants behind a statement, or behind one action or resource of it."""
    actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
    return [
        one
        for one in generated.grants
        if one.leg.action in actions
        and one.arn in resources
        and _conditions({"Condition": _dumped(one)}) == _conditions(statement)
        and only.get("action", one.leg.action) == one.leg.action
        and only.get("resource", one.arn) == one.arn
    ]


def _dumped(grant: Grant) -> dict[str, Any]:
    def plain(values: tuple[str, ...]) -> Any:
        return values[0] if len(values) == 1 else list(values)

    return {operator: {key: plain(values) for key, values in keys} for operator, keys in grant.conditions}


def _piece(name: str, policy: dict[str, Any], grants: list[Grant]) -> Piece:
    assert grants, f"nothing explains {name}"
    operations = frozenset(f"{one.operation.service}:{one.operation.name}" for one in grants)
    return Piece(name, policy, operations, any(one.leg.confidence in SURE for one in grants))


def pieces(generated: Generated) -> Iterator[Piece]:
    """Every statement, action and resource, each with the policy that lacks it."""
    whole = generated.policy.dump()
    for number, statement in enumerate(whole["Statement"]):
        rest = copy.deepcopy(whole)
        del rest["Statement"][number]
        yield _piece(statement["Sid"], rest, _grants(generated, statement))
        for element, key in (("Action", "action"), ("Resource", "resource")):
            values = _listed(statement[element])
            for value in values if len(values) > 1 else ():
                less = copy.deepcopy(whole)
                less["Statement"][number][element] = [one for one in values if one != value]
                yield _piece(f"{statement['Sid']}: {value}", less, _grants(generated, statement, **{key: value}))


def pairs(generated: Generated) -> Iterator[Piece]:
    """Every (action, resource) of every statement, each with the policy that allows all the others."""
    whole = generated.policy.dump()
    split = [
        {**statement, "Action": action, "Resource": resource}
        for statement in whole["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    ]
    for number, one in enumerate(split):
        rest = [{**other, "Sid": f"S{n}"} for n, other in enumerate(split) if n != number]
        name = f"{one['Action']} on {one['Resource']} ({one['Sid']})"
        yield _piece(name, {**whole, "Statement": rest}, _grants(generated, one))


def conditions(policy: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every condition key, each with the policy that does not ask about it."""
    for number, statement in enumerate(policy["Statement"]):
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                less = copy.deepcopy(policy)
                del less["Statement"][number]["Condition"][operator][key]
                yield f"{statement['Sid']}: {operator} {key}", less
