"""How set-up asks AWS: governed calls, what is absent as None, and waits for what AWS itself says will pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _flow
from bedrock_gateway._commands import Record, Send, Sleep
from bedrock_gateway.errors import GatewayError, NotFoundError, ServiceError, TransportError
from bedrock_gateway.events import SetupProgressed
from bedrock_gateway.setup.asking import insisted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.setup.knowledge.blueprint import Blueprint
    from bedrock_gateway.setup.knowledge.manifest import Manifest

__all__ = ["AWAITED", "Patience", "Setup", "is_awaited", "was_refused"]

_ROLE_SPREADS = (
    r"unable to assume the given role|is not able to call specified embedding model|security_exception|403 Forbidden|"
    r"Bad Authorization|is not authorized to perform: (?:s3vectors|aoss):"
)

_ACCESS_SPREADS = tuple(
    (code, re.compile(r"does not have permissions for the requested resource|security_exception|server returned 401"))
    for code in ("AccessDeniedException", "ValidationException")
)

AWAITED: Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "PutRolePolicy": (("NoSuchEntity", re.compile("")),),
    "CreateKnowledgeBase": (("ValidationException", re.compile(_ROLE_SPREADS)),),
    "CreateKnowledgeBase on a new collection": (
        ("ValidationException", re.compile(rf"{_ROLE_SPREADS}|no such index|server returned 401")),
    ),
    "GetIndex": _ACCESS_SPREADS,
    "CreateIndex": _ACCESS_SPREADS,
    "StartIngestionJob": (
        (
            "ConflictException",
            re.compile(r"ongoing ingestion job|ingestion job.*(?:running|in progress)", re.IGNORECASE),
        ),
        ("ServiceQuotaExceededException", re.compile(r"ingestion job", re.IGNORECASE)),
        ("ValidationException", re.compile(_ROLE_SPREADS)),
    ),
    "DeleteDataSource": (("ConflictException", re.compile(r"ingestion job", re.IGNORECASE)),),
    "DeleteKnowledgeBase": (("ConflictException", re.compile(r"ingestion job", re.IGNORECASE)),),
}
"""Operation → (code, message) of what passes by itself: a role that is not yet known everywhere, a data access policy that
does not hold yet, an index that Bedrock does not see yet, a job that still runs.

Nothing else is waited for. Sources: the threads named in the reference of knowledge bases
(awslabs/agents-for-amazon-bedrock-blueprints#22, maxtybar/bedrock-agents-cdk#9,
aws-samples/generative-ai-cdk-constructs-samples#25, aws-ia/terraform-aws-bedrock#99; for OpenSearch Serverless
awslabs/generative-ai-cdk-constructs#322 and #372, aws/modern-data-architecture-accelerator#33, and the Developer Guide,
serverless-sdk, which says that a data access policy takes up to a minute). Not verified against AWS."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long set-up waits, in seconds."""

    propagation: float = 120.0
    """For a new role to be known everywhere."""
    status: float = 900.0
    """For a knowledge base or data source to be there, or gone."""
    queue: float = 3600.0
    """For another ingestion job of the knowledge base to end."""
    ingestion: float = 6 * 3600.0
    """For an ingestion job of ours."""
    first_wait: float = 1.0
    """Before the first look again; doubled up to *longest_wait*."""
    longest_wait: float = 15.0


@dataclass(slots=True)
class Setup:
    """One knowledge base being set up, looked at or removed."""

    config: GatewayConfig
    blueprint: Blueprint
    context: _flow.Context
    manifest: Manifest
    patience: Patience = field(default_factory=Patience)
    create_role: bool = False
    caller_arn: str = ""
    """Who calls, once that was asked."""
    collection_arn: str | None = None
    """Of the OpenSearch Serverless collection that set-up makes, once it was looked at."""

    @property
    def storage_configuration(self) -> dict[str, Any]:
        """AWS's member of CreateKnowledgeBase; of a collection that is made, as far as its ARN is known."""
        record = self.manifest.records.get("collection")
        return self.blueprint.storage_with(self.collection_arn or (record.id if record else None))

    def ask(self, service: str, operation: str, capability: str, **params: Any) -> Flow[dict[str, Any]]:
        """Call AWS under the rules of the gateway; the reply is boto3's own dict."""
        resend = "token" if "clientToken" in params else "free"
        send = Send(
            service,
            operation,
            params,
            resend,
            region=self.config.region,
            account=self.config.account,
            capability=capability,
            knowledge_base=self.blueprint.name,
        )
        return (
            yield from _flow.call(
                operation, lambda: send, self.context, lambda reply, _: dict(reply), capability=capability
            )
        )

    def look(self, service: str, operation: str, capability: str, **params: Any) -> Flow[dict[str, Any] | None]:
        """Call AWS; None where what is asked for does not exist."""
        try:
            return (yield from self.ask(service, operation, capability, **params))
        except NotFoundError:
            return None

    def insist(
        self, step: str, resource: str, bound_seconds: float, operation: str, call: Callable[[], Flow[dict[str, Any]]]
    ) -> Flow[dict[str, Any]]:
        """Make *call* until it succeeds, for as long as AWS says what passes by itself; bounded.

        Raises:
            ServiceError: AWS says something else, or still the same when the time is over.
        """
        started = self.context.now()

        def waits(error: ServiceError) -> None:
            self.tell(step, "waiting", resource, reason=_short(error), since=started)

        passes = partial(is_awaited, operation)
        return (yield from insisted(call, passes, self.patience, bound_seconds, self.context.now, waits))

    def until(
        self,
        step: str,
        resource: str,
        look: Callable[[], Flow[str]],
        done: Callable[[str], bool],
    ) -> Flow[str]:
        """Look until the status that *look* returns is one of those that *done* knows; bounded.

        Raises:
            TransportError: it still is not when the time is over.
        """
        started, wait = self.context.now(), self.patience.first_wait
        while True:
            status = yield from look()
            if done(status):
                return status
            waited = self.context.now() - started
            if waited + wait > self.patience.status:
                raise TransportError(
                    f"{step} {resource} is still {status} after {waited:.0f} s; it goes on: resume later",
                    operation=step,
                    sent=True,
                )
            self.tell(step, "waiting", resource, reason=status, since=started)
            yield Sleep(wait)
            wait = min(2 * wait, self.patience.longest_wait)

    def write(self, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Flow[Any]:
        """Change the manifest, which is written at once."""
        return (yield Record(partial(change, *args, **kwargs)))

    def tell(
        self, step: str, progress: str, resource: str, *, reason: str | None = None, since: float | None = None
    ) -> None:
        """Report what happened."""
        seconds = 0.0 if since is None else round(self.context.now() - since, 3)
        self.context.emit(
            SetupProgressed(step, progress, self.blueprint.name, resource, reason, seconds, self.context.local)
        )


def was_refused(error: GatewayError) -> bool:
    """Whether AWS certainly did not do what it was asked: one request, and an answer that says no."""
    return (
        isinstance(error, ServiceError) and error.attempts == 1 and error.status is not None and error.status < _FAULT
    )


_FAULT = 500


def is_awaited(operation: str, error: GatewayError) -> bool:
    """Whether AWS says with *error* what passes by itself."""
    return isinstance(error, ServiceError) and any(
        code == error.code and text.search(error.message) for code, text in AWAITED.get(operation, ())
    )


def _short(error: ServiceError) -> str:
    return f"{error.code}: {error.message}"[:200]
