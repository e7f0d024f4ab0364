"""The judge on paper: the same judge in this process, over one policy and what a test says exists. No server, no moto."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import Layers
from bedrock_gateway.local.authorization import ApiRequest, Demand, decide, demands
from bedrock_gateway.local.principals import Entity, Principal

if TYPE_CHECKING:
    from bedrock_gateway.local.demands.rows import WrappedModel

    from .setting import Call, Setting

__all__ = ["Existing", "Paper"]


@dataclass
class Existing:
    """A `Lookup` of what a proof says exists."""

    role_of_base: str | None = None
    profiles: dict[str, WrappedModel] = field(default_factory=dict)
    roles: dict[str, Entity] = field(default_factory=dict)

    def application_profile(self, identifier: str, region: str) -> WrappedModel | None:
        return self.profiles.get(identifier)

    def knowledge_base_role(self, identifier: str, region: str) -> str | None:
        return self.role_of_base

    def entity(self, kind: str, name: str) -> Entity | None:
        return self.roles.get(name) if kind == "role" else None

    def key_arn(self, identifier: str, region: str) -> str | None:
        return None


def existing(setting: Setting) -> Existing:
    """The roles of the setting, bounded, by the names that requests use: without their path."""
    names = {one.rpartition("/")[2]: one for one in (setting.kb_role, setting.logging_role)}
    return Existing(roles={name: Entity(setting.role_arn(path), setting.boundary_arn) for name, path in names.items()})


class _Directory:
    """What `decide` asks of a directory, where a policy is all there is."""

    def __init__(self, account: str, policy: dict[str, Any]) -> None:
        self.account = account
        # A document without a statement is none: IAM would refuse it.
        self._policies = (Policy.parse(json.dumps(policy)),) if policy["Statement"] else ()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def layers(self, _: Principal, resource_policy: Policy | None) -> Layers:
        return Layers(self._policies, resource_policy)

    def bucket_policy(self, _: str) -> None:
        return None

    key_policy = trust_policy = bucket_policy


class Paper:
    """A role of the setting's account with one policy."""

    def __init__(self, setting: Setting, policy: dict[str, Any], lookup: Existing | None = None) -> None:
        self.setting = setting
        self.lookup = lookup or existing(setting)
        self._directory: Any = _Directory(setting.account, policy)
        arn = setting.arn("sts", "assumed-role/proof/session", region="")
        self._who = Principal("role", arn, setting.account, "AROA:session", "proof", setting.role_arn("proof"))

    def demands(self, call: Call) -> list[Demand]:
        s = self.setting
        region = call.region or s.region
        return demands(
            ApiRequest(
                call.service, call.operation, call.params, region, s.account, s.partition, self.lookup, self._who.arn
            )
        )

    def allows(self, demand: Demand, region: str | None = None) -> bool:
        return decide(self._who, demand, self._directory, region or self.setting.region).allowed

    def denied(self, call: Call) -> list[Demand]:
        """The demands of *call* that the policy does not meet."""
        return [one for one in self.demands(call) if not self.allows(one, call.region)]
