"""What a flow may ask for: the commands it yields, the deadlines they carry, and the rule that sees a request first."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from dataclasses import field
from typing import Any, Protocol, TypeVar

from bedrock_gateway._records import record

__all__ = [
    "Acquire",
    "Command",
    "Deliver",
    "Flow",
    "Inspect",
    "Receive",
    "Record",
    "Renew",
    "Rule",
    "Send",
    "Sleep",
    "Timeouts",
    "Together",
    "Work",
]

T = TypeVar("T")


@record()
class Timeouts:
    """Deadlines in seconds."""

    connect: float = 5.0
    """To open a connection, the wait for a free one included."""
    first_byte: float = 60.0
    """From the request to the first byte of its answer; of a unary call that is the whole generation."""
    idle: float = 30.0
    """Between two events of a stream: a trickle of bytes is not progress."""
    total: float = 600.0
    """The whole call: every attempt, every wait, the whole stream."""


@record()
class Send:
    """Call an AWS operation; answered with boto3's reply dict."""

    service: str
    operation: str
    params: Mapping[str, Any] = field(repr=False)
    resend: str = "free"
    stream: str | None = None
    region: str | None = None
    account: str | None = None
    capability: str | None = None
    model_id: str | None = None
    knowledge_base: str | None = None
    """Configured name, for the rules."""
    tenant: str | int | None = None
    """Whose documents are searched, where the knowledge base tells tenants apart."""
    local: bool = False
    """Whether a local Bedrock answers, which its results say."""
    unparsed: bool = False
    """Take the answer's body as AWS sent it: boto3 reads only the headers. False: boto3's own reply."""
    first_byte: float | None = None
    """Seconds to wait for the answer to begin; None: what the driver was built with."""
    until: float | None = None
    """Deadline of the whole call, on the driver's monotonic clock."""


@record()
class Receive:
    """Read once from a stream's body; answered with bytes, a list of parsed events, or None at its end."""

    body: Any
    until: float | None = None
    """When the stream is idle or over, on the driver's monotonic clock; bytes before that do not move it."""


@record()
class Deliver:
    """Hand events to the caller."""

    events: list[Any]


@record()
class Sleep:
    """Wait."""

    seconds: float


@record()
class Renew:
    """Renew the credentials, as AWS says that they have expired; answered with whether that is worth another try."""

    since: float
    """When the request that was refused was made, on the driver's monotonic clock: what was renewed later is new."""


@record()
class Acquire:
    """Wait for a permit: an object with ``acquire(timeout)`` and ``acquire_async(timeout)``."""

    permit: Any
    until: float | None = None


@record()
class Record:
    """Write a ledger or audit entry: a callable that may block."""

    entry: Callable[[], Any]


class Work(Protocol):
    """Questions that lead to further ones; whatever is ready may be asked at the same time."""

    @property
    def finished(self) -> bool:
        """Whether no answer is awaited any more."""

    def ready(self) -> list[tuple[Hashable, Any]]:
        """Return (key, command or flow) of what is to be begun now; each once."""

    def tell(self, key: Hashable, outcome: Any) -> None:
        """Take the answer to what was begun as *key*, or the error in its place."""


@record()
class Together:
    """Do all of *work*, as much of it as can be at the same time; answered with None when it is finished, or time is up."""

    work: Work
    until: float
    """On the driver's monotonic clock: what is under way then is left to itself."""


@record()
class Inspect:
    """Look at how this gateway would call; answered with (session, the clients there are)."""


Command = Send | Receive | Deliver | Sleep | Renew | Acquire | Record | Together | Inspect
Flow = Generator[Any, Any, T]


class Rule(Protocol):
    """Runs before anything is sent, once a call, in the order given.

    Return the request, changed or not (``dataclasses.replace``), or raise `GovernanceError`: nothing is sent then.
    """

    def __call__(self, send: Send, /) -> Send:
        """Judge *send*."""
