"""The records of knowledge bases, data sources and ingestion jobs, and how they are found and paged."""

from __future__ import annotations

import base64
import binascii
import secrets
import string
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from bedrock_gateway.local.call import Call, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bedrock_gateway.local.knowledge.writing import Place

__all__ = [
    "DataSource",
    "Document",
    "DocumentState",
    "Job",
    "KnowledgeBase",
    "KnowledgeStore",
    "data_source",
    "invalid",
    "knowledge_base",
    "missing",
    "new_id",
    "now",
    "once",
    "page",
    "present",
    "store_of",
]

T = TypeVar("T")

_ID_ALPHABET = string.ascii_uppercase + string.digits


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id in Bedrock's form: ten capitals and digits."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(10))


@dataclass(slots=True)
class Document:
    """What one object of a data source has become in the vector index."""

    etag: str
    metadata_etag: str | None
    chunking: str
    """The chunking configuration it was cut by: a changed one means new chunks."""
    vector_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentState:
    """How far a document has come, in AWS's words."""

    status: str
    reason: str | None
    updated_at: datetime


@dataclass(slots=True)
class Job:
    """One ingestion job."""

    knowledge_base_id: str
    data_source_id: str
    job_id: str
    description: str | None
    status: str = "STARTING"
    statistics: dict[str, int] = field(default_factory=dict)
    failure_reasons: list[str] = field(default_factory=list)
    started_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    stop_requested: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    begun: bool = False


@dataclass(slots=True)
class DataSource:
    """One data source of a knowledge base."""

    knowledge_base_id: str
    data_source_id: str
    name: str
    description: str | None
    configuration: dict[str, Any]
    ingestion: dict[str, Any] | None
    deletion_policy: str
    encryption: dict[str, Any] | None = None
    status: str = "AVAILABLE"
    failure_reasons: list[str] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    documents: dict[str, Document] = field(default_factory=dict)
    """S3 key, or a document's own id, to what was indexed of it."""
    states: dict[Place, DocumentState] = field(default_factory=dict)
    """How far each document has come, those that failed included."""
    jobs: dict[str, Job] = field(default_factory=dict)

    def set_state(self, place: Place, status: str, reason: str | None = None) -> None:
        """Say how far a document has come."""
        self.states[place] = DocumentState(status, reason, now())


@dataclass(slots=True)
class KnowledgeBase:
    """One knowledge base."""

    knowledge_base_id: str
    arn: str
    region: str
    name: str
    description: str | None
    role_arn: str
    configuration: dict[str, Any]
    storage: dict[str, Any]
    embedding_model_arn: str
    dimensions: int
    index_arn: str
    status: str = "ACTIVE"
    failure_reasons: list[str] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    tags: dict[str, str] = field(default_factory=dict)
    sources: dict[str, DataSource] = field(default_factory=dict)

    def running_job(self) -> Job | None:
        """Return the job that has not ended yet, if there is one."""
        jobs = (job for source in self.sources.values() for job in source.jobs.values())
        return next((job for job in jobs if not job.ended.is_set()), None)


class KnowledgeStore:
    """All knowledge bases of one account."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.bases: dict[tuple[str, str], KnowledgeBase] = {}
        """(Region, id) to knowledge base."""
        self.tokens: dict[tuple[str, ...], tuple[dict[str, Any], str]] = {}
        """(operation, Region, ..., client token) to (parameters, id of what was made)."""

    def in_region(self, region: str) -> list[KnowledgeBase]:
        """Return the knowledge bases of *region*, oldest first."""
        with self.lock:
            return [base for (where, _), base in self.bases.items() if where == region]


def store_of(call: Call) -> KnowledgeStore:
    """Return the store of the account that *call* is for."""
    return call.state.of(KnowledgeStore)


def invalid(message: str) -> Fault:
    """Return a ``ValidationException``."""
    return Fault("ValidationException", message)


def missing(kind: str, name: str) -> Fault:
    """Return a ``ResourceNotFoundException``."""
    return Fault("ResourceNotFoundException", f"{kind} with id {name} does not exist", 404)


def knowledge_base(call: Call, identifier: str | None = None) -> KnowledgeBase:
    """Return the knowledge base that *call* names, by id or ARN.

    Raises:
        Fault: ``ResourceNotFoundException``.
    """
    wanted = (identifier or call.params["knowledgeBaseId"]).rpartition("/")[2]
    found = store_of(call).bases.get((call.region, wanted))
    if found is None:
        raise missing("Knowledge Base", wanted)
    return found


def data_source(call: Call) -> tuple[KnowledgeBase, DataSource]:
    """Return the knowledge base and the data source that *call* names.

    Raises:
        Fault: ``ResourceNotFoundException``.
    """
    base = knowledge_base(call)
    found = base.sources.get(call.params["dataSourceId"])
    if found is None:
        raise missing("DataSource", call.params["dataSourceId"])
    return base, found


def once(call: Call, scope: Sequence[str], make: Callable[[], str]) -> str:
    """Return the id that *make* returns, or the one it returned for the same client token.

    Raises:
        Fault: ``ConflictException`` where the token came with other parameters before.
    """
    token = call.params.get("clientToken")
    store = store_of(call)
    with store.lock:
        key = (call.operation, call.region, *scope, str(token))
        if token and key in store.tokens:
            params, made = store.tokens[key]
            if params != call.params:
                raise Fault("ConflictException", "The client token was already used with different parameters. Retry your request with a new client token.", 409)  # fmt: skip
            return made
        made = make()
        if token:
            store.tokens[key] = (dict(call.params), made)
        return made


def page(call: Call, rows: Sequence[T], *, size: int = 1000) -> tuple[list[T], dict[str, str]]:
    """Return one page of *rows*, and ``{"nextToken": …}`` where more follow.

    Raises:
        Fault: ``ValidationException`` for a token that this service did not issue.
    """
    start = _offset(call.params.get("nextToken"), call.operation)
    end = start + (call.params.get("maxResults") or size)
    following = {"nextToken": _token(end, call.operation)} if end < len(rows) else {}
    return list(rows[start:end]), following


def _token(offset: int, operation: str) -> str:
    return base64.urlsafe_b64encode(f"{operation}:{offset}".encode()).decode()


def _offset(token: str | None, operation: str) -> int:
    if token is None:
        return 0
    try:
        name, _, offset = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError):
        name, offset = "", ""
    if name != operation or not offset.isdecimal():
        raise invalid("The provided nextToken is invalid.")
    return int(offset)


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return *members* without those that are None: AWS leaves out what was not set."""
    return {name: value for name, value in members.items() if value is not None}
