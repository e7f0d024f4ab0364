"""Whether IAM is enforced, only watched, or off; and the log of what was decided.

What a request demands, and over which policies that is decided, is `authorization` and `principals`; here their answer
becomes a denial in the service's own form, or is let through.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.evaluate import Decision, PrincipalRef
from bedrock_gateway.local.account.last_access import LastAccess
from bedrock_gateway.local.authorization import AccountLookup, ApiRequest, Demand, authorize_api, decide
from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.moto_bridge import LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import State
    from bedrock_gateway.local.principals import Directory, Principal

__all__ = ["MODES", "Decided", "Gate"]

MODES = ("enforce", "report", "off")
_KEPT_DECISIONS = 10_000
_BEDROCK = "bedrock.amazonaws.com"
_ARN_COLONS = 5


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision, as the log of decisions keeps it."""

    principal: str
    """ARN of the caller."""
    operation: str
    """``service:Operation``."""
    action: str
    resource: str
    allowed: bool
    """What IAM says; in report mode a request is served even where this is False."""
    reason: str


@dataclass(slots=True)
class Gate:
    """What stands between a verified caller and an operation."""

    mode: str
    directory: Directory
    state: State
    decisions: deque[Decided] = field(default_factory=lambda: deque(maxlen=_KEPT_DECISIONS))

    def check(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        principal: Principal,
        region: str,
        *,
        bearer_token: str | None = None,
    ) -> None:
        """Let the request pass, or refuse it; *bearer_token* is ``SHORT_TERM`` or ``LONG_TERM`` for an API key.

        Raises:
            Fault: the denial, with the service's own code and AWS's wording.
        """
        if self.mode == "off":
            return
        account, partition = self.directory.account, self.directory.partition
        lookup = AccountLookup(self.directory, self.state)
        request = ApiRequest(service, operation, params, region, account, partition, lookup, bearer_token=bearer_token)
        with LOCK:
            verdict = authorize_api(principal, request, self.directory)
        name = f"{service}:{operation}"
        used = self.state.of(LastAccess)
        for demand, decision in verdict.decisions:
            self._keep(principal, name, demand, decision)
            used.note(principal, demand.action.partition(":")[0], region)
        if not verdict.allowed and not verdict.decisions:
            self._keep(principal, name, Demand(name, "*"), Decision(False, verdict.message, "identity"))
        if not verdict.allowed and self.mode == "enforce":
            raise Fault(verdict.code, verdict.message, 403)

    def decide(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, str | list[str]]
    ) -> Decision:
        """Decide one action on one resource over all policies that bear on it."""
        demand = Demand(action, resource, context)
        with LOCK:
            decision = decide(principal, demand, self.directory, _region_of(resource))
        self._keep(principal, action, demand, decision)
        return decision

    def _keep(self, principal: Principal, operation: str, demand: Demand, decision: Decision) -> None:
        decided = Decided(principal.arn, operation, demand.action, demand.resource, decision.allowed, decision.reason)
        self.decisions.append(decided)

    def assume_service_role(self, role_arn: str, *, source_arn: str, region: str) -> Principal:
        """Return a session of *role_arn* for Bedrock.

        Raises:
            Fault: ``AccessDenied`` where the role is absent or does not trust Bedrock for *source_arn*.
        """
        account = self.directory.account
        context = {"aws:SourceArn": source_arn, "aws:SourceAccount": account, "aws:RequestedRegion": region}
        with LOCK:
            role = self.directory.role(role_arn)
            trusted = role is not None and self.directory.trusts(role, PrincipalRef(_BEDROCK, "", "Service"), context)
            session = self.directory.role_principal(role_arn, "bedrock")
        if not trusted or not trusted.allowed or session is None:
            text = f"{_BEDROCK} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise Fault("AccessDenied", text, 403)
        return session


def _region_of(arn: str) -> str:
    """Return the Region that an ARN names; global resources are asked for in us-east-1."""
    return (arn.split(":")[3] if arn.count(":") >= _ARN_COLONS else "") or "us-east-1"
