"""THE JUDGE: what AWS demands of each operation, and whether a principal may do it.

It is written from AWS's documentation alone and shares neither rows nor data with the table that policies are made
from: a wrong row there must not pass its own proof. What it does not know, it denies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bedrock_gateway.iam.evaluate import Decision
    from bedrock_gateway.local.principals import Directory, Principal

__all__ = [
    "ApiRequest",
    "Demand",
    "Denial",
    "Lookup",
    "UnknownOperationError",
    "Verdict",
    "authorize_api",
    "demands",
    "denial_code",
    "denial_message",
]

Context = Mapping[str, str | Sequence[str]]


class UnknownOperationError(LookupError):
    """What AWS demands of this operation is not written down here; non-root principals are denied."""


class Lookup(Protocol):
    """What a demand can depend on besides the request itself."""

    def application_profile(self, identifier: str, region: str) -> tuple[str, tuple[str, ...]] | None:
        """Return the wrapped model id and the destination Regions of an application inference profile, or None."""
        ...

    def role_arn(self, name: str) -> str | None:
        """Return the ARN, path included, of the existing role *name*, or None."""
        ...


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One API call, as the judge sees it."""

    service: str
    """botocore's service name."""
    operation: str
    params: Mapping[str, Any]
    region: str
    account: str
    partition: str = "aws"
    lookup: Lookup | None = None
    """None: nothing exists."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One action on one resource that the caller must be allowed, all of a request's demands together."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    """Condition keys of this demand alone; those of every request are added when it is judged."""
    source: str = ""
    confidence: str = "H"


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
    code: str = ""
    """The service's error code for a denial."""
    message: str = ""
    """AWS's wording of the first denial."""


def demands(request: ApiRequest) -> list[Demand]:
    """Return everything AWS demands of the caller for *request*.

    Raises:
        UnknownOperationError: the judge has no row for the operation.
    """
    raise UnknownOperationError(f"{request.service} {request.operation}")


def authorize_api(principal: Principal, request: ApiRequest, directory: Directory) -> Verdict:
    """Judge *request* of *principal* over every policy that bears on it; the root user passes identity policies by."""
    raise NotImplementedError


def denial_message(principal: Principal, decision: Decision, demand: Demand) -> str:
    """Return AWS's wording of a denial."""
    raise NotImplementedError


def denial_code(service: str) -> str:
    """Return the error code with which *service* denies."""
    return "AccessDenied" if service in {"s3", "iam", "sts"} else "AccessDeniedException"
