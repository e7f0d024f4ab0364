"""What a handler of the local Bedrock is given, and what it answers with.

A handler is a plain function ``(Call) -> Reply`` registered under ``(service, operation)`` in its module's
``HANDLERS``. Everything it needs is an argument: nothing about a request lives on shared objects, so any number
of threads may be inside the same handler.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from bedrock_gateway.iam.evaluate import Decision
    from bedrock_gateway.local.principals import Directory, Principal

T = TypeVar("T")


class Fault(Exception):  # noqa: N818 - AWS's own word for what a service answers with
    """An AWS error reply: code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members
        """Further members of the modelled error shape, such as ``originalStatusCode``."""
        self.headers: dict[str, str] = {}
        """Response headers that the error carries."""


@dataclass(slots=True)
class Reply:
    """What a handler answers."""

    output: dict[str, Any] = field(default_factory=dict)
    """The output shape's members, as boto3 would show them (bytes for blobs, datetime for timestamps)."""
    events: Iterator[dict[str, Any]] | None = None
    """For a streaming operation: ``{event name: payload}`` one at a time; a raised `Fault` becomes a modelled
    exception frame."""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    """HTTP status; None means what the service model says (usually 200)."""


class State:
    """All state of one local AWS account that moto does not hold; one store object a service module."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stores: dict[type, Any] = {}

    def of(self, kind: type[T]) -> T:
        """Return this account's store of type *kind*, made on first use by ``kind()``."""
        with self._lock:
            store = self._stores.get(kind)
            if store is None:
                store = self._stores[kind] = kind()
            found: T = store
            return found


class Aws(Protocol):
    """The rest of AWS, as a service behind the API sees it."""

    @property
    def directory(self) -> Directory:
        """IAM and STS of the account; for the operations of those two alone."""
        ...

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        *,
        region: str,
        principal: Principal | None = None,
    ) -> dict[str, Any]:
        """Call *operation* (AWS's name, ``GetObject``) of another service in process.

        With a *principal*, its IAM rights are enforced first. None means the service itself: no check.

        Raises:
            Fault: denied, or the other service's own error.
        """
        ...

    def assume_service_role(self, role_arn: str, *, source_arn: str, region: str) -> Principal:
        """Assume *role_arn* as ``bedrock.amazonaws.com`` with ``aws:SourceArn`` and ``aws:SourceAccount`` set.

        Raises:
            Fault: ``AccessDenied`` where the role is absent or its trust policy does not allow that.
        """
        ...

    def authorize(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, str | list[str]] | None = None
    ) -> Decision:
        """Decide one (action, resource) for *principal* over all its policies."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the local Bedrock, signature verified and authorised."""

    service: str
    """botocore's service name: ``bedrock``, ``bedrock-runtime``, ``bedrock-agent``, ``bedrock-agent-runtime``."""
    operation: str
    params: dict[str, Any]
    """The input, as boto3 would be given it; blobs are bytes."""
    region: str
    account: str
    partition: str
    caller: Principal
    request_id: str
    headers: Mapping[str, str]
    """Request headers, names in lower case."""
    state: State
    aws: Aws


Handler = Callable[[Call], Reply]
Handlers = Mapping[tuple[str, str], Handler]
