"""What a caller sees: results of calls, and the events of streams.

Slotted dataclasses, nothing else. ``raw`` is AWS's own dict (or the vendor's own JSON) and is never part of a repr, as
it holds what the model said. A number AWS did not send is None, never 0.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Generic

from bedrock_gateway._deferred import deferrable
from bedrock_gateway._records import record

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # a default is Python 3.13's; checkers bring this one along

    P_co = TypeVar("P_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    P_co = TypeVar("P_co", covariant=True)

__all__ = [
    "Answer",
    "AnswerSession",
    "BlockStopped",
    "ChunkReceived",
    "Citation",
    "CitationReceived",
    "ConverseResult",
    "DataSource",
    "DocumentStatus",
    "DocumentsResult",
    "EmbedResult",
    "GuardrailReported",
    "GuardrailResult",
    "IngestionJob",
    "InvokeResult",
    "KnowledgeBase",
    "MessageStarted",
    "MessageStopped",
    "MetadataReceived",
    "Passage",
    "Ranked",
    "ReasoningDelta",
    "RerankResult",
    "RetrieveResult",
    "Source",
    "StreamEvent",
    "TextDelta",
    "TokenCount",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallStarted",
    "UnknownEvent",
    "Usage",
]


@record()
class Usage:
    """Tokens, as AWS or the vendor reported them; None is "not reported"."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


@record(kw_only=True)
class _Result:
    """What every result has."""

    text: str = field(default="", repr=False)
    """The model's text; empty where there is none."""
    stop_reason: str | None = None
    usage: Usage | None = None
    """None until received."""
    model_id: str | None = None
    request_id: str | None = None
    raw: Any = field(default=None, repr=False)
    """AWS's own dict; for InvokeModel the vendor's own JSON."""
    local: bool = False
    """Whether a local Bedrock answered."""


deferrable(_Result, "raw")


@record()
class ToolCall:
    """A tool the model wants to be called."""

    id: str
    name: str
    input: Any = field(default=None, repr=False)


@record(kw_only=True)
class InvokeResult(_Result):
    """An answer of InvokeModel, or a whole InvokeModelWithResponseStream."""

    guardrail_action: str | None = None
    """``INTERVENED``, ``NONE`` or None where AWS did not say."""
    chunks: tuple[Any, ...] = field(default=(), repr=False)
    """Of a stream: every chunk as the vendor's own JSON, in order."""


deferrable(InvokeResult, "chunks")


@record(kw_only=True)
class ConverseResult(_Result, Generic[P_co]):
    """An answer of Converse, or a whole ConverseStream; of the type of ``parsed``."""

    message: dict[str, Any] = field(default_factory=dict, repr=False)
    """The message's blocks as AWS sent them; append it to the next request's messages as it is."""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = field(default="", repr=False)
    """What the model thought before it answered; empty where it shows none."""
    citations: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """AWS's citations of the documents that were sent along, in order."""
    parsed: P_co | None = field(default=None, repr=False)
    """The answer as ``output`` makes it; None where none was asked for, and of a tool call or an intervention."""
    rejected: tuple[ConverseResult[Any], ...] = field(default=(), repr=False)
    """Answers before this one that did not fit ``output``, where it is the repair of one; each was billed."""
    latency_seconds: float | None = None
    """What AWS measured."""
    guardrail_action: str | None = None
    """``INTERVENED`` where the guardrail stopped the call."""


@record(kw_only=True)
class EmbedResult(_Result):
    """Vectors of texts, in the order of the texts; ``raw`` is the list of the answers they came in."""

    vectors: tuple[tuple[float, ...], ...] = field(default=(), repr=False)


@record()
class Ranked:
    """A document, and how well it answers the query."""

    index: int
    """Which of the documents that were given, counted from 0."""
    score: float | None = None
    text: str = field(default="", repr=False)


@record(kw_only=True)
class RerankResult(_Result):
    """Documents in the order in which they answer a query, best first."""

    ranked: tuple[Ranked, ...] = ()
    next_token: str | None = None


@record(kw_only=True)
class TokenCount(_Result):
    """How many tokens a prompt has."""

    input_tokens: int


@record(kw_only=True)
class GuardrailResult(_Result):
    """What a guardrail makes of a text; ``text`` is what it would say instead, where it intervenes."""

    action: str | None = None
    """``GUARDRAIL_INTERVENED`` or ``NONE``."""
    reason: str | None = None
    assessments: tuple[Any, ...] = field(default=(), repr=False)
    """AWS's assessments as they are: they hold what was found."""

    @property
    def intervened(self) -> bool:
        """Whether the guardrail intervened."""
        return self.action == "GUARDRAIL_INTERVENED"


@record()
class Source:
    """A passage an answer stands on."""

    text: str = field(default="", repr=False)
    uri: str | None = None
    """Where the document is, such as ``s3://bucket/key``; of a document given directly its id; None where AWS named no place."""
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    raw: Any = field(default=None, repr=False)


@record()
class Citation:
    """A part of an answer, and what it stands on."""

    text: str = field(repr=False)
    """The quoted part of the answer."""
    span: tuple[int, int] | None
    """Half-open, in code points of the answer's text; None where AWS's span does not hold the quoted text."""
    sources: tuple[Source, ...] = ()


@record()
class AnswerSession:
    """A conversation that AWS keeps; give it to the next question. It can be stored, and made again from its members."""

    id: str
    """Assigned by AWS: one that it never gave is refused by it."""
    knowledge_base: str | None = None
    """Configured name of the knowledge base; None: the conversation is about a document given with the question."""
    tenant: str | int | None = None
    """Whose documents it is about; None: the knowledge base tells no tenants apart."""


@record(kw_only=True)
class Answer(_Result):
    """An answer out of a knowledge base, or out of a document given with the question."""

    citations: tuple[Citation, ...] = field(default=(), repr=False)
    session: AnswerSession | None = None
    """Give it to the next question to continue the conversation; None where AWS gave none."""
    guardrail_action: str | None = None
    """``INTERVENED``, ``NONE`` or None where AWS did not say."""

    @property
    def session_id(self) -> str | None:
        """AWS's id of the conversation."""
        return self.session.id if self.session else None

    @property
    def empty(self) -> bool:
        """Whether no passage came with the answer: nothing was found, or nothing of what was found was used.

        AWS does not tell the two apart: it sends the passages that are cited, and no others.
        """
        return not any(one.sources for one in self.citations)

    @property
    def grounded_share(self) -> float:
        """How much of the text is within a citation that has at least one passage: 0.0 to 1.0, without white space.

        A citation without a span counts for nothing. An empty text is 0.0.
        """
        covered = bytearray(len(self.text))
        for one in self.citations:
            if one.sources and one.span is not None:
                start, end = one.span
                covered[start:end] = b"\x01" * (end - start)
        spoken = [at for at, character in enumerate(self.text) if not character.isspace()]
        return sum(covered[at] for at in spoken) / len(spoken) if spoken else 0.0

    @property
    def grounded(self) -> bool:
        """Whether every character of the text, white space aside, is within a citation that has at least one passage.

        It says that AWS names a source for everything, not that the source says so.
        """
        return self.grounded_share == 1.0


@record()
class Passage(Source):
    """A passage found in a knowledge base."""

    score: float | None = None


@record(kw_only=True)
class RetrieveResult(_Result):
    """Passages found in a knowledge base, best first; ``text`` is all of them, apart by blank lines."""

    passages: tuple[Passage, ...] = field(default=(), repr=False)
    next_token: str | None = None
    """For the next page; None: there is none."""
    guardrail_action: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was found, and no page follows."""
        return not self.passages and self.next_token is None


@record(kw_only=True)
class KnowledgeBase(_Result):
    """A knowledge base as AWS describes it; ``text`` is its name."""

    id: str
    arn: str | None = None
    status: str | None = None


@record(kw_only=True)
class DataSource(_Result):
    """A data source as AWS describes it; ``text`` is its name."""

    id: str
    knowledge_base_id: str
    status: str | None = None


@record(kw_only=True)
class IngestionJob(_Result):
    """An ingestion job as AWS describes it."""

    id: str
    knowledge_base_id: str
    data_source_id: str
    status: str
    """``STARTING``, ``IN_PROGRESS``, ``COMPLETE``, ``FAILED``, ``STOPPING`` or ``STOPPED``."""
    documents_scanned: int = 0
    documents_indexed: int = 0
    """New and modified documents that are in the index."""
    documents_failed: int = 0
    documents_deleted: int = 0
    failure_reasons: tuple[str, ...] = ()
    knowledge_base: str | None = None
    """Configured name of the knowledge base."""


_UNSETTLED = frozenset({"PENDING", "STARTING", "IN_PROGRESS", "DELETING", "DELETE_IN_PROGRESS"})


@record()
class DocumentStatus:
    """How it is with one document of a data source."""

    id: str
    """Its own id, or the URI of an object."""
    status: str
    """``INDEXED``, ``PARTIALLY_INDEXED``, ``FAILED``, ``NOT_FOUND`` and others of AWS."""
    reason: str | None = None
    """Why, where AWS says so."""
    raw: Any = field(default=None, repr=False)

    @property
    def pending(self) -> bool:
        """Whether AWS is still at work on it."""
        return self.status in _UNSETTLED

    @property
    def indexed(self) -> bool:
        """Whether all of it is in the index."""
        return self.status == "INDEXED"


@record(kw_only=True)
class DocumentsResult(_Result):
    """How it is with documents of a data source, in the order in which they were named; ``raw`` is the list of the replies."""

    documents: tuple[DocumentStatus, ...] = ()
    next_token: str | None = None
    """Of a list: for the next page; None: there is none."""

    @property
    def indexed(self) -> tuple[DocumentStatus, ...]:
        """Those of which all is in the index."""
        return tuple(one for one in self.documents if one.indexed)

    @property
    def pending(self) -> tuple[DocumentStatus, ...]:
        """Those that AWS is still at work on."""
        return tuple(one for one in self.documents if one.pending)

    @property
    def failed(self) -> tuple[DocumentStatus, ...]:
        """Those that are settled and not wholly in the index, nor deleted: each with AWS's reason."""
        return tuple(one for one in self.documents if not one.indexed and not one.pending and one.status != "NOT_FOUND")


@record()
class StreamEvent:
    """Base of the events of a stream; ``raw`` is what AWS sent."""

    raw: Any = field(repr=False)


@record()
class MessageStarted(StreamEvent):
    """The answer begins."""

    role: str | None = None


@record()
class TextDelta(StreamEvent):
    """More text; it can be empty, and a combining character can come one delta after its base."""

    text: str = field(default="", repr=False)
    index: int = 0


@record()
class ReasoningDelta(StreamEvent):
    """More of what the model thinks before it answers; empty for a signature or redacted content."""

    text: str = field(default="", repr=False)
    index: int = 0


@record()
class ToolCallStarted(StreamEvent):
    """A tool call begins; its input follows."""

    id: str = ""
    name: str = ""
    index: int = 0


@record()
class ToolCallDelta(StreamEvent):
    """More of a tool call's input, as a piece of JSON text."""

    input: str = field(default="", repr=False)
    index: int = 0


@record()
class BlockStopped(StreamEvent):
    """A content block is complete."""

    index: int = 0


@record()
class MessageStopped(StreamEvent):
    """The answer is complete; metadata may follow."""

    stop_reason: str | None = None


@record()
class MetadataReceived(StreamEvent):
    """Usage and metrics of the whole answer."""

    usage: Usage | None = None


@record()
class ChunkReceived(StreamEvent):
    """One chunk of InvokeModelWithResponseStream: ``raw`` is the vendor's own JSON, ``text`` what text it adds."""

    text: str = field(default="", repr=False)


@record()
class CitationReceived(StreamEvent):
    """What a part of a streamed answer stands on; its span is of the text so far, and holds for the whole too."""

    citation: Citation | None = field(default=None, repr=False)


@record()
class GuardrailReported(StreamEvent):
    """What the guardrail did to a streamed answer."""

    action: str | None = None


@record()
class UnknownEvent(StreamEvent):
    """An event this version has no type for."""

    name: str = ""
