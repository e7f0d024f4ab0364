"""Replies of knowledge bases → results; pure: passages, answers with their citations, documents given directly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway._fold import dict_of, str_of, whole
from bedrock_gateway._responses import common, document, list_of, number_of
from bedrock_gateway._spans import span_of
from bedrock_gateway.results import (
    Answer,
    AnswerSession,
    Citation,
    DocumentsResult,
    DocumentStatus,
    Passage,
    RetrieveResult,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Send

__all__ = ["answer", "citation", "documents", "documents_joined", "retrieved", "session_of"]

_ADDRESSES = ("uri", "url", "id")
"""Members of a location that name a place; a location of SQL has none."""


def _uri(location: Any) -> str | None:
    """Return the address in a location, whatever its type: AWS adds types."""
    for inner in dict_of(location).values():
        for member in _ADDRESSES:
            if found := str_of(dict_of(inner).get(member)):
                return found
    return None


def _text(content: Any) -> str:
    """Return the text of a passage; of a recording what was said in it, of a film what AWS says that it shows."""
    found = dict_of(content)
    spoken = dict_of(found.get("audio")).get("transcription") or dict_of(found.get("video")).get("summary")
    return str_of(found.get("text")) or str_of(spoken)


def _source_facts(found: Any) -> dict[str, Any]:
    given = dict_of(found)
    return {
        "text": _text(given.get("content")),
        "uri": _uri(given.get("location")),
        "metadata": dict_of(given.get("metadata")),
        "raw": found,
    }


def citation(found: Any, text: str) -> Citation:
    """Read one citation of an answer that says *text*."""
    given = dict_of(found)
    part = dict_of(dict_of(given.get("generatedResponsePart")).get("textResponsePart"))
    quoted, span = str_of(part.get("text")), dict_of(part.get("span"))
    sources = tuple(Source(**_source_facts(one)) for one in list_of(given.get("retrievedReferences")))
    return Citation(quoted, span_of(text, quoted, whole(span.get("start")), whole(span.get("end"))), sources)


def session_of(send: Send, reply: Mapping[str, Any]) -> AnswerSession | None:
    """Return the session that AWS gave; never one that it did not."""
    found = str_of(reply.get("sessionId"))
    return AnswerSession(found, send.knowledge_base, send.tenant) if found else None


def answer(reply: Mapping[str, Any], send: Send) -> Answer:
    """Read RetrieveAndGenerate."""
    raw = document(send, reply, "output")
    text = str_of(dict_of(raw["output"]).get("text"))
    return Answer(
        text=text,
        citations=tuple(citation(one, text) for one in list_of(raw.get("citations"))),
        session=session_of(send, raw),
        guardrail_action=str_of(raw.get("guardrailAction")) or None,
        **common(send, reply, raw),
    )


def retrieved(reply: Mapping[str, Any], send: Send) -> RetrieveResult:
    """Read Retrieve."""
    raw = document(send, reply, "retrievalResults")
    passages = tuple(
        Passage(score=number_of(dict_of(one).get("score")), **_source_facts(one))
        for one in list_of(raw["retrievalResults"])
    )
    return RetrieveResult(
        text="\n\n".join(one.text for one in passages),
        passages=passages,
        next_token=str_of(raw.get("nextToken")) or None,
        guardrail_action=str_of(raw.get("guardrailAction")) or None,
        **common(send, reply, raw),
    )


def documents(reply: Mapping[str, Any], send: Send) -> DocumentsResult:
    """Read the four operations on documents given directly."""
    raw = document(send, reply)
    return DocumentsResult(
        documents=tuple(_status(one) for one in list_of(raw.get("documentDetails"))),
        next_token=str_of(raw.get("nextToken")) or None,
        **common(send, reply, raw),
    )


def _status(found: Any) -> DocumentStatus:
    given = dict_of(found)
    identifier = dict_of(given.get("identifier"))
    place = str_of(dict_of(identifier.get("s3")).get("uri")) or str_of(dict_of(identifier.get("custom")).get("id"))
    return DocumentStatus(place, str_of(given.get("status")), str_of(given.get("statusReason")) or None, found)


def documents_joined(parts: list[DocumentsResult]) -> DocumentsResult:
    """Return the replies about several batches as one."""
    return replace(
        parts[-1],
        documents=tuple(one for part in parts for one in part.documents),
        raw=[one.raw for one in parts],
    )
