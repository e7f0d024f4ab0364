"""THE JUDGE: what AWS demands of each operation, and whether a principal may do it.

It is written from AWS's documentation alone and shares neither rows nor data with the table that policies are made
from: a wrong row there must not pass its own proof. What it does not know, it denies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Decision, enforce
from bedrock_gateway.local.demands.facts import AccountFacts
from bedrock_gateway.local.demands.rows import (
    ApiRequest,
    Context,
    Demand,
    IamEntity,
    Lookup,
    Rows,
    WrappedModel,
    rows_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import State
    from bedrock_gateway.local.principals import Directory, Principal

__all__ = [
    "AccountFacts",
    "AccountLookup",
    "ApiRequest",
    "Demand",
    "Denial",
    "Lookup",
    "UnknownOperationError",
    "Verdict",
    "authorize_api",
    "decide",
    "demands",
    "denial_code",
    "denial_message",
    "knows",
]

_CODES = {"s3": "AccessDenied", "iam": "AccessDenied", "sts": "AccessDenied", "cloudwatch": "AccessDenied"}
_PRINCIPAL_TYPES = {"root": "Account", "user": "User", "role": "AssumedRole"}
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LAYERS = {
    "identity": "an identity-based policy",
    "resource": "a resource-based policy",
    "boundary": "a permissions boundary",
    "session": "a session policy",
    "scp": "a service control policy",
}
_EVERYTHING = Policy((Statement("Allow", actions=("*",), resources=("*",)),))
_BEARER = "Bedrock User Guide, api-keys-permissions"
_ROOT_ASSUMES = "Roles may not be assumed by root accounts."


class UnknownOperationError(LookupError):
    """What AWS demands of this operation is not written down here; non-root principals are denied."""


@dataclass(frozen=True, slots=True)
class Denial:
    """One demand that is not met."""

    demand: Demand
    decision: Decision


@dataclass(frozen=True, slots=True)
class Verdict:
    """What IAM says of a whole request."""

    allowed: bool
    denials: tuple[Denial, ...] = ()
    decisions: tuple[tuple[Demand, Decision], ...] = ()
    """Every demand with its decision, in the order in which AWS would look at them."""
    code: str = ""
    """The service's error code for a denial."""
    message: str = ""
    """AWS's wording of the first denial."""


@dataclass(frozen=True, slots=True)
class AccountLookup:
    """`Lookup` over moto's state and the local Bedrock's own."""

    directory: Directory
    state: State

    def application_profile(self, identifier: str, region: str) -> WrappedModel | None:
        """Return what an application inference profile wraps."""
        from bedrock_gateway.local.models.targets import ApplicationProfiles

        found = self.state.of(ApplicationProfiles).find(identifier, region)
        return WrappedModel(found.model_id, found.destinations) if found else None

    def knowledge_base_role(self, identifier: str, region: str) -> str | None:
        """Return the ARN of a knowledge base's role."""
        from bedrock_gateway.local.knowledge.store import KnowledgeStore

        found = self.state.of(KnowledgeStore).bases.get((region, identifier.rpartition("/")[2]))
        return found.role_arn if found else None

    def entity(self, kind: str, name: str) -> IamEntity | None:
        """Return an IAM entity by name."""
        return self.directory.entity(kind, name)

    def key_arn(self, identifier: str, region: str) -> str | None:
        """Return the ARN of a KMS key."""
        return self.directory.key_arn(identifier, region)

    def search_policy(self, kind: str, name: str, region: str) -> object:
        """Return the document of an OpenSearch Serverless policy."""
        from bedrock_gateway.local.opensearch.state import SearchState

        found = self.state.of(SearchState).policies.get((region, kind, name))
        return found.document if found else None

    def search_collection(self, identifier: str, region: str) -> tuple[str, Mapping[str, str]] | None:
        """Return name and tags of an OpenSearch Serverless collection."""
        from bedrock_gateway.local.opensearch.state import SearchState

        found = self.state.of(SearchState).collections.get(identifier)
        return (found.name, found.tags) if found and found.region == region else None

    @property
    def facts(self) -> AccountFacts:
        """Return what somebody said exists."""
        return self.state.of(AccountFacts)


@cache
def _rows() -> Rows:
    from bedrock_gateway.local.demands import control, iam, inference, knowledge, s3, search, services

    return {
        **inference.RUNTIME,
        **control.CONTROL,
        **knowledge.AGENT,
        **knowledge.AGENT_RUNTIME,
        **s3.S3,
        **search.SEARCH,
        **services.VECTORS,
        **services.LOGS,
        **services.KMS,
        **services.CLOUDWATCH,
        **services.QUOTAS,
        **services.TAGGING,
        **services.TRAILS,
        **iam.IAM,
        **iam.STS,
    }


def knows(service: str, operation: str) -> bool:
    """Whether what AWS demands of an operation is written down here."""
    return (service, operation) in _rows()


def demands(request: ApiRequest) -> list[Demand]:
    """Return everything AWS demands of the caller for *request*.

    Raises:
        UnknownOperationError: the judge has no row for the operation.
    """
    rows = _rows().get((request.service, request.operation))
    if rows is None:
        raise UnknownOperationError(
            f"the local Bedrock does not know what AWS demands for {request.service}:{request.operation}"
        )
    listed = rows_of(rows, request)
    if request.bearer_token:
        context = {"bedrock:BearerTokenType": request.bearer_token}
        listed.insert(0, Demand("bedrock:CallWithBearerToken", "*", context, _BEARER))
    return listed


def authorize_api(principal: Principal, request: ApiRequest, directory: Directory) -> Verdict:
    """Judge *request* of *principal* over every policy that bears on it.

    The root user has every right that a resource's own policy does not deny, and may do what is not written down here.
    """
    code = denial_code(request.service)
    if principal.kind == "root" and request.operation == "AssumeRole":
        return Verdict(False, code=code, message=_ROOT_ASSUMES)
    try:
        demanded = demands(replace(request, caller_arn=principal.arn))
    except UnknownOperationError as error:
        if principal.kind == "root":
            return Verdict(True)
        what = f"{request.service}:{request.operation}"
        message = f"User: {principal.arn} is not authorized to perform: {what} because {error}, so only root may"
        return Verdict(False, code=code, message=message)
    decisions = tuple((demand, decide(principal, demand, directory, request.region)) for demand in demanded)
    denials = tuple(Denial(demand, decision) for demand, decision in decisions if not decision.allowed)
    message = denial_message(principal, denials[0].decision, denials[0].demand) if denials else ""
    return Verdict(not denials, denials, decisions, code if denials else "", message)


def decide(principal: Principal, demand: Demand, directory: Directory, region: str) -> Decision:
    """Decide one demand for *principal*, over its own policies and the resource's."""
    service = demand.action.partition(":")[0]
    policy = _resource_policy(service, demand.resource, directory)
    layers = directory.layers(principal, policy)
    context = {**_request_context(principal, directory, region), **demand.context}
    owner = _foreign_owner(service, demand.resource, directory)
    if owner is not None and principal.kind == "root":
        layers = replace(layers, identity=(_EVERYTHING,))
    asked = AccessRequest(
        demand.action,
        demand.resource,
        context,
        principal.ref,
        owner,
        resource_must_allow=_must_be_named(service, demand.resource),
    )
    decision = enforce(asked, layers)
    if principal.kind == "root" and not decision.explicit_deny and owner is None:
        return Decision(True, "the root user is subject to no identity-based policy", "identity")
    return decision


def _foreign_owner(service: str, resource: str, directory: Directory) -> str | None:
    """Return the account that owns a bucket where it is another one; None: the account's own."""
    if service != "s3" or not resource.startswith("arn:"):
        return None
    owner = directory.bucket_owner(resource.split(":", 5)[5].partition("/")[0])
    return owner if owner != directory.account else None


def _must_be_named(service: str, resource: str) -> bool:
    """Whether the resource's own policy has to allow: nobody assumes a role or uses a key by an identity policy alone."""
    return (service == "sts" and ":role/" in resource) or (service == "kms" and ":key/" in resource)


def _resource_policy(service: str, resource: str, directory: Directory) -> Policy | None:
    if service == "s3" and resource.startswith("arn:"):
        return directory.bucket_policy(resource.split(":", 5)[5].partition("/")[0])
    if service == "sts" and ":role/" in resource:
        return directory.trust_policy(resource)
    if service == "kms" and ":key/" in resource:
        return directory.key_policy(resource)
    if service == "s3vectors" and ":bucket/" in resource:
        return directory.vector_bucket_policy(resource)
    return None


def _request_context(principal: Principal, directory: Directory, region: str) -> Context:
    """Return the condition keys that every request has."""
    now = directory.now()
    return {
        "aws:CurrentTime": now.strftime(_TIME),
        "aws:EpochTime": str(int(now.timestamp())),
        # The local endpoint stands in for one that speaks TLS only.
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": directory.account,
        "aws:ViaAWSService": "false",
        **_principal_context(principal),
    }


def _principal_context(principal: Principal) -> Context:
    if principal.kind == "service":
        return {
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": principal.arn,
            "aws:PrincipalType": "AWSService",
        }
    return {
        "aws:PrincipalArn": principal.role_arn or principal.arn,
        "aws:PrincipalAccount": principal.account,
        "aws:PrincipalType": _PRINCIPAL_TYPES[principal.kind],
        "aws:PrincipalIsAWSService": "false",
        "aws:userid": principal.user_id,
        **({"aws:username": principal.name} if principal.kind == "user" else {}),
        **({"aws:SourceIdentity": principal.source_identity} if principal.source_identity else {}),
        **({"aws:TokenIssueTime": principal.issued.strftime(_TIME)} if principal.issued else {}),
        **({} if principal.mfa is None else {"aws:MultiFactorAuthPresent": str(principal.mfa).lower()}),
        **{f"aws:PrincipalTag/{key}": value for key, value in principal.tags.items()},
    }


def denial_message(principal: Principal, decision: Decision, demand: Demand) -> str:
    """Return AWS's wording of a denial: who, what, on which resource, and which kind of policy decided."""
    where = _LAYERS[decision.layer]
    because = (
        f"with an explicit deny in {where}"
        if decision.explicit_deny
        else f"because no {where.partition(' ')[2]} allows the {demand.action} action"
    )
    what = f"{demand.action} on resource: {demand.resource}"
    return f"User: {principal.arn} is not authorized to perform: {what} {because}"


def denial_code(service: str) -> str:
    """Return the error code with which *service* denies."""
    return _CODES.get(service, "AccessDeniedException")
