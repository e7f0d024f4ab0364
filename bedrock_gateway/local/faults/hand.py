"""What a fault is made with: the root user's clients, and what there is in the account to break."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.delivery import Configurations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bedrock_gateway.local.call import State
    from bedrock_gateway.local.instance import LocalBedrock

__all__ = ["AccountFault", "Hand", "document", "statement"]


@dataclass(frozen=True, slots=True)
class AccountFault:
    """One thing that can be wrong with an account, by name."""

    make: Callable[[Hand], None]
    by_calls: bool
    """Whether it is made by calls that anybody could make on AWS; else the server is told to show it so."""


@dataclass(slots=True)
class Hand:
    """The hand that breaks an account: calls are those of its root user, in this process."""

    local: LocalBedrock
    region: str
    details: Mapping[str, str]
    """What the fault is to be about, where the account has more than one of it: ``bucket``, ``role``, ``model`` …"""
    _sessions: dict[str, Any] = field(default_factory=dict)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The account's id."""
        return self.local.account

    @property
    def state(self) -> State:
        """What the server keeps."""
        return self.local.state

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a client of the root user."""
        where = region or self.region
        if where not in self._sessions:
            self._sessions[where] = self.local.session(region=where)
        if (service, where) not in self._clients:
            self._clients[service, where] = self._sessions[where].client(service)
        return self._clients[service, where]

    def detail(self, name: str, found: object = None) -> str:
        """Return what was given as *name*, else what was *found*.

        Raises:
            ValueError: neither.
        """
        value = self.details.get(name) or found
        if not value:
            raise ValueError(f"which {name}? Give {name}=…: the account has none that this could be about")
        return str(value)

    # -- logging -----------------------------------------------------------------------------------------------------

    @property
    def logging(self) -> dict[str, Any]:
        """The logging configuration of the Region; empty where logging is off."""
        return dict(self.state.of(Configurations).by_region.get(self.region) or {})

    @property
    def group(self) -> str:
        """The log group of invocation logs."""
        return self.detail("log_group", self.logging.get("cloudWatchConfig", {}).get("logGroupName"))

    @property
    def logging_role(self) -> str:
        """Name of the role that writes to the log group."""
        arn = str(self.logging.get("cloudWatchConfig", {}).get("roleArn") or "")
        return self.detail("logging_role", arn.rpartition("/")[2])

    @property
    def bucket(self) -> str:
        """The bucket that logs, or their large bodies, go to."""
        config = self.logging
        large = config.get("cloudWatchConfig", {}).get("largeDataDeliveryS3Config", {})
        return self.detail("bucket", config.get("s3Config", large).get("bucketName"))

    @property
    def bucket_policy(self) -> list[dict[str, Any]]:
        """The statements of the bucket's policy."""
        text = self.client("s3").get_bucket_policy(Bucket=self.bucket)["Policy"]
        return list(json.loads(text)["Statement"])

    @property
    def key(self) -> str:
        """ARN of the key that the bucket is encrypted with."""
        found = self.client("s3").get_bucket_encryption(Bucket=self.bucket)
        rule = found["ServerSideEncryptionConfiguration"]["Rules"][0]
        return self.detail("key", rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"))

    # -- what else there is ------------------------------------------------------------------------------------------

    @property
    def role(self) -> str:
        """Name of the role that the fault is about; it has to be given."""
        return self.detail("role")

    @property
    def user(self) -> str:
        """Name of the user that the fault is about; it has to be given."""
        return self.detail("user")

    @property
    def base(self) -> str:
        """Id of the knowledge base."""
        agent = self.client("bedrock-agent")
        found = [one["knowledgeBaseId"] for one in agent.list_knowledge_bases()["knowledgeBaseSummaries"]]
        return self.detail("knowledge_base", found[0] if len(found) == 1 else None)

    @property
    def base_role(self) -> str:
        """Name of the knowledge base's role."""
        found = self.client("bedrock-agent").get_knowledge_base(knowledgeBaseId=self.base)["knowledgeBase"]
        return str(found["roleArn"].rpartition("/")[2])

    @property
    def guardrail(self) -> str:
        """Id of the guardrail."""
        found = [one["id"] for one in self.client("bedrock").list_guardrails()["guardrails"]]
        return self.detail("guardrail", found[0] if len(found) == 1 else None)

    def delete_role(self, name: str) -> None:
        """Delete a role with all that is on it."""
        iam = self.client("iam")
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        iam.delete_role(RoleName=name)

    def without_rights(self, name: str) -> Iterator[None]:
        """Take a role's inline policies away until the caller goes on, and give them back."""
        iam = self.client("iam")
        held = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        for policy in held:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        yield
        for policy, said in held.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(said))

    def trust(self, role: str, *statements: Mapping[str, Any]) -> None:
        """Let a role trust as *statements* say."""
        self.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=document(*statements))


def document(*statements: Mapping[str, Any]) -> str:
    """Return a policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(action: str, resource: str, **more: Any) -> dict[str, Any]:
    """Return a statement that allows *action*."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}
