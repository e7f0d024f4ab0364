"""How set-up asks AWS: governed calls, what is absent as None, and waits for what AWS itself says will pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bedrock_gateway import _flow
from bedrock_gateway._commands import Send, Sleep
from bedrock_gateway._flow import retried
from bedrock_gateway.errors import ConfigError, NotFoundError, ServiceError
from bedrock_gateway.events import SetupProgressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.config import GatewayConfig

__all__ = ["Asking", "Patience", "identified", "insisted"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long set-up waits for a new role to be known everywhere, in seconds."""

    propagation: float = 120.0
    first_wait: float = 1.0
    """Before the first attempt again; doubled up to *longest_wait*."""
    longest_wait: float = 15.0


@dataclass(frozen=True, slots=True)
class Asking:
    """One thing being set up, asked about and changed with one capability."""

    config: GatewayConfig
    context: _flow.Context
    capability: str
    patience: Patience = field(default_factory=Patience)

    def ask(self, service: str, operation: str, **params: Any) -> Flow[dict[str, Any]]:
        """Call AWS under the rules of the gateway; the reply is boto3's own dict."""
        send = Send(
            service,
            operation,
            params,
            "free",
            region=self.config.region,
            account=self.config.account,
            capability=self.capability,
        )
        return (
            yield from _flow.call(
                operation, lambda: send, self.context, lambda reply, _: dict(reply), capability=self.capability
            )
        )

    def look(self, service: str, operation: str, **params: Any) -> Flow[dict[str, Any] | None]:
        """Call AWS; None where what is asked for does not exist."""
        try:
            return (yield from self.ask(service, operation, **params))
        except NotFoundError:
            return None

    def insist(
        self, step: str, resource: str, passes: Callable[[ServiceError], bool], call: Callable[[], Flow[dict[str, Any]]]
    ) -> Flow[dict[str, Any]]:
        """Make *call* until it succeeds, for as long as it fails with what *passes* by itself; bounded.

        Raises:
            ServiceError: AWS says something else, or still the same when the time is over.
        """
        started, patience = self.context.now(), self.patience

        def waits(error: ServiceError) -> None:
            self.tell(step, "waiting", resource, reason=f"{error.code}: {error.message}"[:200], since=started)

        return (yield from insisted(call, passes, patience, patience.propagation, self.context.now, waits))

    def caller(self) -> Flow[str]:
        """Return the ARN of whoever calls.

        Raises:
            ConfigError: the credentials are of another account than the configuration's; STS answers everybody.
        """
        return (yield from identified(self.config, self.context))

    def tell(
        self, step: str, progress: str, resource: str, *, reason: str | None = None, since: float | None = None
    ) -> None:
        """Report what happened."""
        seconds = 0.0 if since is None else round(self.context.now() - since, 3)
        self.context.emit(SetupProgressed(step, progress, None, resource, reason, seconds, self.context.local))


class Pace(Protocol):
    """How an attempt again is spaced, in seconds."""

    @property
    def first_wait(self) -> float:
        """Before the first one."""

    @property
    def longest_wait(self) -> float:
        """What the wait is doubled up to."""


def insisted(
    call: Callable[[], Flow[dict[str, Any]]],
    passes: Callable[[ServiceError], bool],
    pace: Pace,
    bound_seconds: float,
    now: Callable[[], float],
    waits: Callable[[ServiceError], None],
) -> Flow[dict[str, Any]]:
    """Make *call* until it succeeds, for as long as it fails with what *passes*; *waits* hears of each wait.

    Raises:
        ServiceError: AWS says something else, or still the same when the time is over.
    """
    started, wait = now(), pace.first_wait
    while True:
        try:
            return (yield from call())
        except ServiceError as error:
            if not passes(error) or now() - started + wait > bound_seconds:
                raise
            waits(error)
        yield Sleep(wait)
        wait = min(2 * wait, pace.longest_wait)


def identified(config: GatewayConfig, context: _flow.Context) -> Flow[str]:
    """Return the ARN of whoever calls.

    Raises:
        ConfigError: the credentials are of another account than the configuration's; STS answers everybody.
    """
    question = Send("sts", "GetCallerIdentity", {}, region=config.region, account=config.account)

    def identity() -> Flow[dict[str, Any]]:
        return dict((yield question))

    found = yield from retried(identity(), context)
    if found["Account"] != config.account:
        raise ConfigError(
            f"the credentials belong to account {found['Account']}, the configuration is for {config.account}; "
            "nothing was sent besides this question"
        )
    return str(found["Arn"])
