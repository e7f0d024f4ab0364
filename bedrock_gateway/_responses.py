"""boto3's reply → result; pure.

``raw`` is read from the body AWS sent (the driver leaves it under `BODY`), as botocore drops members it does not know and
takes an empty or cut body for a success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway._fold import tool_calls, usage_from
from bedrock_gateway.errors import MalformedResponseError
from bedrock_gateway.families import bodies
from bedrock_gateway.results import (
    Answer,
    Citation,
    ConverseResult,
    DataSource,
    IngestionJob,
    InvokeResult,
    KnowledgeBase,
    Passage,
    RetrieveResult,
    Source,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Send

__all__ = [
    "BODY",
    "answer",
    "converse",
    "data_source",
    "ingestion_job",
    "invoke_model",
    "knowledge_base",
    "retrieved",
]

BODY = "_bedrockgw_body"


def _malformed(send: Send, reply: Mapping[str, Any], what: str) -> MalformedResponseError:
    return MalformedResponseError(
        f"{send.operation}: {what}; it may have been billed"
        if send.resend == "billed"
        else f"{send.operation}: {what}",
        operation=send.operation,
        maybe_billed=send.resend == "billed",
        request_id=reply.get("ResponseMetadata", {}).get("RequestId"),
    )


def _document(send: Send, reply: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """Return AWS's own JSON object, with at least these members."""
    try:
        found = orjson.loads(reply.get(BODY) or b"")
    except orjson.JSONDecodeError:
        raise _malformed(send, reply, "the answer is empty, cut short or not JSON") from None
    if not isinstance(found, dict) or any(name not in found for name in required):
        raise _malformed(send, reply, f"the answer lacks {' or '.join(required) or 'an object'}")
    return found


def _common(send: Send, reply: Mapping[str, Any], raw: Any) -> dict[str, Any]:
    return {"model_id": send.model_id, "request_id": reply.get("ResponseMetadata", {}).get("RequestId"), "raw": raw}


def converse(reply: Mapping[str, Any], send: Send) -> ConverseResult:
    """Read Converse."""
    raw = _document(send, reply, "output", "stopReason")
    message = raw["output"].get("message") if isinstance(raw["output"], dict) else None
    message = message if isinstance(message, dict) else {}
    blocks = message.get("content") or []
    return ConverseResult(
        text="".join(one["text"] for one in blocks if isinstance(one, dict) and isinstance(one.get("text"), str)),
        stop_reason=raw["stopReason"],
        usage=usage_from(raw.get("usage")),
        message=message,
        tool_calls=tool_calls(blocks),
        guardrail_action="INTERVENED" if raw["stopReason"] == "guardrail_intervened" else None,
        **_common(send, reply, raw),
    )


_COUNTS = {
    "input_tokens": "x-amzn-bedrock-input-token-count",
    "output_tokens": "x-amzn-bedrock-output-token-count",
    "cache_read_input_tokens": "x-amzn-bedrock-cache-read-input-token-count",
    "cache_write_input_tokens": "x-amzn-bedrock-cache-write-input-token-count",
}


def _counted(headers: Mapping[str, str]) -> Usage | None:
    found = {name: int(headers[header]) for name, header in _COUNTS.items() if str(headers.get(header, "")).isdecimal()}
    if not found.keys() & {"input_tokens", "output_tokens"}:
        return None
    sent, made = found.get("input_tokens"), found.get("output_tokens")
    return Usage(total_tokens=sent + made if sent is not None and made is not None else None, **found)


def invoke_model(reply: Mapping[str, Any], send: Send) -> InvokeResult:
    """Read InvokeModel: the vendor's JSON as it is, or its bytes where the content type is not JSON."""
    data = reply.get(BODY) or b""
    kind = str(reply.get("contentType") or "application/json")
    try:
        raw = orjson.loads(data) if "json" in kind or not data else data
    except orjson.JSONDecodeError:
        raise _malformed(send, reply, "the answer is empty, cut short or not JSON") from None
    headers = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return InvokeResult(
        text=bodies.text_of(raw),
        stop_reason=bodies.stop_reason_of(raw),
        usage=_counted(headers) or bodies.usage_of(raw),
        guardrail_action=raw.get("amazon-bedrock-guardrailAction") if isinstance(raw, dict) else None,
        **_common(send, reply, raw),
    )


_URIS = (
    ("s3Location", "uri"),
    ("webLocation", "url"),
    ("confluenceLocation", "url"),
    ("salesforceLocation", "url"),
    ("sharePointLocation", "url"),
    ("kendraDocumentLocation", "uri"),
    ("customDocumentLocation", "id"),
)


def _uri(location: Any) -> str | None:
    found = location if isinstance(location, dict) else {}
    return next(
        (one[member] for name, member in _URIS if isinstance(one := found.get(name), dict) and member in one), None
    )


def _source_facts(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "text": (found.get("content") or {}).get("text") or "",
        "uri": _uri(found.get("location")),
        "metadata": found.get("metadata") or {},
        "raw": found,
    }


def span_of(whole: str, quoted: str, span: Any) -> tuple[int, int] | None:
    """Return the half-open span of *quoted*: AWS ends spans inclusively in unary and exclusively in streamed replies."""
    start, end = (span.get("start"), span.get("end")) if isinstance(span, dict) else (None, None)
    if not isinstance(start, int) or not isinstance(end, int) or not quoted:
        return None
    stop = start + len(quoted)
    return (start, stop) if stop in {end, end + 1} and whole[start:stop] == quoted else None


def _citation(found: Mapping[str, Any], whole: str) -> Citation:
    part = (found.get("generatedResponsePart") or {}).get("textResponsePart") or {}
    quoted = part.get("text") or ""
    sources = tuple(Source(**_source_facts(one)) for one in found.get("retrievedReferences") or ())
    return Citation(quoted, span_of(whole, quoted, part.get("span")), sources)


def answer(reply: Mapping[str, Any], send: Send) -> Answer:
    """Read RetrieveAndGenerate."""
    raw = _document(send, reply, "output")
    text = (raw["output"] or {}).get("text") or ""
    return Answer(
        text=text,
        citations=tuple(_citation(one, text) for one in raw.get("citations") or ()),
        session_id=raw.get("sessionId"),
        guardrail_action=raw.get("guardrailAction"),
        **_common(send, reply, raw),
    )


def retrieved(reply: Mapping[str, Any], send: Send) -> RetrieveResult:
    """Read Retrieve."""
    raw = _document(send, reply, "retrievalResults")
    passages = tuple(Passage(score=one.get("score"), **_source_facts(one)) for one in raw["retrievalResults"])
    return RetrieveResult(
        text="\n\n".join(one.text for one in passages),
        passages=passages,
        next_token=raw.get("nextToken"),
        guardrail_action=raw.get("guardrailAction"),
        **_common(send, reply, raw),
    )


def knowledge_base(reply: Mapping[str, Any], send: Send) -> KnowledgeBase:
    """Read CreateKnowledgeBase."""
    found = _document(send, reply, "knowledgeBase")["knowledgeBase"]
    return KnowledgeBase(
        id=found["knowledgeBaseId"],
        arn=found.get("knowledgeBaseArn"),
        status=found.get("status"),
        text=found.get("name", ""),
        **_common(send, reply, found),
    )


def data_source(reply: Mapping[str, Any], send: Send) -> DataSource:
    """Read CreateDataSource."""
    found = _document(send, reply, "dataSource")["dataSource"]
    return DataSource(
        id=found["dataSourceId"],
        knowledge_base_id=found["knowledgeBaseId"],
        status=found.get("status"),
        text=found.get("name", ""),
        **_common(send, reply, found),
    )


def ingestion_job(reply: Mapping[str, Any], send: Send) -> IngestionJob:
    """Read StartIngestionJob and GetIngestionJob."""
    found = _document(send, reply, "ingestionJob")["ingestionJob"]
    counts = found.get("statistics") or {}
    indexed = counts.get("numberOfNewDocumentsIndexed", 0) + counts.get("numberOfModifiedDocumentsIndexed", 0)
    return IngestionJob(
        id=found["ingestionJobId"],
        knowledge_base_id=found["knowledgeBaseId"],
        data_source_id=found["dataSourceId"],
        status=found["status"],
        documents_scanned=counts.get("numberOfDocumentsScanned", 0),
        documents_indexed=indexed,
        documents_failed=counts.get("numberOfDocumentsFailed", 0),
        documents_deleted=counts.get("numberOfDocumentsDeleted", 0),
        failure_reasons=tuple(found.get("failureReasons") or ()),
        knowledge_base=send.knowledge_base,
        **_common(send, reply, found),
    )
