"""What OpenSearch Serverless keeps: policies by type and name, collections by id with their indexes and documents.

moto's own backend is not used: it makes no collection under a key of AWS's own, knows no data access policy and no index,
and has everything take effect at once. Whatever of the service is not here, moto still answers.
"""

from __future__ import annotations

import secrets
import string
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bedrock_gateway.local.knowledge.searchable import Searchable
    from bedrock_gateway.local.opensearch.search import Document

__all__ = [
    "Collection",
    "Index",
    "SearchPolicy",
    "SearchState",
    "Timing",
    "invalid",
    "milliseconds",
    "missing",
    "new_collection_id",
    "state_of",
]

_ID_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(slots=True)
class Timing:
    """How long the service takes for what AWS takes minutes for; a test may set a clock of its own.

    ``state.of(Timing).access_seconds = 40``: a data access policy holds 40 seconds after it was written.
    """

    clock: Callable[[], float] = time.monotonic
    creating_seconds: float = 0.0
    """Until a collection is ACTIVE. 0: CREATING in the reply that makes it, and ACTIVE whenever it is looked at."""
    deleting_seconds: float = 0.0
    """Until a collection is gone. 0: DELETING in the reply, and gone whenever it is looked at."""
    access_seconds: float = 0.0
    """Until a new or changed data access policy holds."""
    network_seconds: float = 0.0
    """Until a new or changed network policy holds."""
    index_seconds: float = 0.0
    """Until Bedrock sees a new index."""
    failing: set[str] = field(default_factory=set)
    """Names of collections that end as FAILED."""


@dataclass(slots=True)
class SearchPolicy:
    """One policy, in every version that ever held."""

    type: str
    """``encryption``, ``network`` or ``data``."""
    name: str
    description: str | None
    versions: list[tuple[float, Any]]
    """(when it begins to hold, by `Timing.clock`; the document), oldest first."""
    version_id: str
    created_ms: int
    modified_ms: int

    @property
    def document(self) -> Any:
        """The newest version."""
        return self.versions[-1][1]

    def effective(self, now: float) -> Any:
        """Return the version that holds at *now*; an empty list where none does yet."""
        return next((document for since, document in reversed(self.versions) if since <= now), [])


@dataclass(slots=True)
class Index:
    """One index of a collection."""

    name: str
    schema: dict[str, Any]
    """``settings`` and ``mappings``, as given."""
    seen_since: float
    """When Bedrock begins to see it, by `Timing.clock`."""
    documents: dict[str, Document] = field(default_factory=dict)
    searchable: Searchable | None = None
    """What is searched of it; made at the first search."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """The mapping of its fields."""
        found: Mapping[str, Any] = (self.schema.get("mappings") or {}).get("properties") or {}
        return found


@dataclass(slots=True)
class Collection:
    """One collection."""

    id: str
    arn: str
    name: str
    type: str
    region: str
    description: str | None
    standby_replicas: str
    kms_key_arn: str
    created_ms: int
    active_since: float
    failed: bool = False
    gone_since: float | None = None
    """None: nobody deleted it."""
    tags: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)

    def status(self, now: float) -> str:
        """Return AWS's status at *now*."""
        if self.gone_since is not None:
            return "DELETING"
        if now < self.active_since:
            return "CREATING"
        return "FAILED" if self.failed else "ACTIVE"


class SearchState:
    """Everything of one account."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.policies: dict[tuple[str, str, str], SearchPolicy] = {}
        """(Region, type, name) to policy."""
        self.collections: dict[str, Collection] = {}
        self.tokens: dict[tuple[str, str, str], tuple[dict[str, Any], Any]] = {}
        """(Region, operation, client token) to (parameters, what was made)."""

    def in_region(self, region: str, now: float) -> list[Collection]:
        """Return the collections of *region* that are not gone, oldest first."""
        with self.lock:
            for one in [
                one for one in self.collections.values() if one.gone_since is not None and one.gone_since <= now
            ]:
                del self.collections[one.id]
            return [one for one in self.collections.values() if one.region == region]

    def of_type(self, region: str, kind: str) -> list[SearchPolicy]:
        """Return the policies of a type in *region*, oldest first."""
        with self.lock:
            return [one for (where, held, _), one in self.policies.items() if (where, held) == (region, kind)]


def state_of(call: Call) -> SearchState:
    """Return the state of the account that *call* is for."""
    return call.state.of(SearchState)


def invalid(message: str) -> Fault:
    """Return a ``ValidationException``."""
    return Fault("ValidationException", message)


def missing(message: str) -> Fault:
    """Return a ``ResourceNotFoundException``."""
    return Fault("ResourceNotFoundException", message, 404)


def milliseconds() -> int:
    """Return the present moment as the service writes it."""
    return int(time.time() * 1000)


def new_collection_id() -> str:
    """Return an id in the service's form: twenty small letters and digits."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(20))
