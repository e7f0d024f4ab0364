"""The judge on paper: the same judge in this process, over one policy and what a test says exists. No server, no moto."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import Layers
from bedrock_gateway.local.authorization import ApiRequest, Demand, decide, demands
from bedrock_gateway.local.demands.facts import AccountFacts, Guardrail
from bedrock_gateway.local.demands.rows import WrappedModel
from bedrock_gateway.local.models import catalogue
from bedrock_gateway.local.principals import Entity, Principal

from .setting import bare

if TYPE_CHECKING:
    from .setting import Call, Setting

__all__ = ["Existing", "Paper"]


@dataclass
class Existing:
    """A `Lookup` of what a proof says exists."""

    role_of_base: str | None = None
    profiles: dict[str, WrappedModel] = field(default_factory=dict)
    roles: dict[str, Entity] = field(default_factory=dict)
    principals: dict[tuple[str, str], Entity] = field(default_factory=dict)
    """Groups and users by kind and name."""
    marks: dict[str, str] = field(default_factory=dict)
    """OpenSearch Serverless collection → the value of our tag on it; every other one carries another's."""
    facts: AccountFacts = field(default_factory=AccountFacts)

    def application_profile(self, identifier: str, region: str) -> WrappedModel | None:
        return self.profiles.get(identifier)

    def knowledge_base_role(self, identifier: str, region: str) -> str | None:
        return self.role_of_base

    def entity(self, kind: str, name: str) -> Entity | None:
        return self.roles.get(name) if kind == "role" else self.principals.get((kind, name))

    def key_arn(self, identifier: str, region: str) -> str | None:
        return None

    def search_policy(self, kind: str, name: str, region: str) -> object:
        """Every policy is about the collection of its own name."""
        return [{"Rules": [{"Resource": [f"collection/{name}"]}]}]

    def search_collection(self, identifier: str, region: str) -> tuple[str, dict[str, str]] | None:
        name = identifier.removesuffix("-id")
        return name, {"bedrock-gateway": self.marks.get(name, "somebody/else")}


def existing(s: Setting) -> Existing:
    """What the setting says exists: its roles, bounded, by the names that requests use; its profiles and guardrails."""
    names = {one.rpartition("/")[2]: one for one in (s.kb_role, s.logging_role)}
    roles = {name: Entity(s.role_arn(path), s.boundary_arn) for name, path in names.items()}
    bound = s.arn("iam", f"policy/{s.principal_boundary}", region="")
    roles[s.principal_role.rpartition("/")[2]] = Entity(s.role_arn(s.principal_role), bound)
    marks = {s.collection: s.mark} if s.collection else {}
    return Existing(profiles=_profiles(s), roles=roles, principals=_principals(s, bound), marks=marks, facts=facts(s))


def _principals(s: Setting, bound: str) -> dict[tuple[str, str], Entity]:
    places = {"group": s.principal_group, "user": s.principal_user, "instance-profile": s.principal_instance}
    arns = {(kind, one.rpartition("/")[2]): s.arn("iam", f"{kind}/{one}", region="") for kind, one in places.items()}
    return {
        key: Entity(arn, bound, {"bedrock-gateway": "helpdesk/app"}) if key[0] == "user" else Entity(arn)
        for key, arn in arns.items()
    }


def _profiles(s: Setting) -> dict[str, WrappedModel]:
    if not (s.behind and s.is_application_profile):
        return {}
    (behind,) = s.behind
    profile = catalogue.profile(behind, s.region)
    return {s.model: WrappedModel(bare(behind), profile.destinations if profile else (s.region,))}


def facts(s: Setting) -> AccountFacts:
    """What the setting says exists and the local Bedrock does not serve."""
    made = AccountFacts()
    if s.behind and not s.is_application_profile:
        made.routers[s.model] = s.behind
    if s.guardrail:
        arn = s.arn("bedrock", f"guardrail/{s.guardrail[0]}")
        made.guardrails[arn] = Guardrail(s.guardrail_profile, s.guardrail_key)
    if s.enforced_guardrail:
        made.enforced[s.region] = (s.arn("bedrock", f"guardrail/{s.enforced_guardrail}"),)
    if s.product:
        made.unsubscribed.update(dict.fromkeys(s.foundation_models, s.product))
    if s.store_secret and s.knowledge_base:
        made.store_secrets[s.knowledge_base] = s.store_secret
    if s.document_key:
        made.bucket_keys[s.document_bucket] = s.document_key
    return made


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

    trust_policy = vector_bucket_policy = bucket_policy

    def bucket_owner(self, _: str) -> str:
        return self.account

    def key_policy(self, _: str) -> Policy:
        """Every key here has the policy that KMS gives a key by default: the account's identity policies decide."""
        account = {"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "kms:*", "Resource": "*"}
        return Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": [account]}))


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
