"""boto3's reply → result; pure.

``raw`` is read from the body AWS sent (the driver leaves it under `BODY`), as botocore drops members it does not know and
takes an empty or cut body for a success.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway._fold import dict_of, parsed, seconds, shown, str_of, usage_from, whole
from bedrock_gateway._structured import NotFittingError, fitted
from bedrock_gateway.errors import MalformedResponseError, OutputValidationError
from bedrock_gateway.families import bodies
from bedrock_gateway.families.embedding import embedder_of
from bedrock_gateway.results import (
    ConverseResult,
    DataSource,
    EmbedResult,
    GuardrailResult,
    IngestionJob,
    InvokeResult,
    KnowledgeBase,
    Ranked,
    RerankResult,
    TokenCount,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway._commands import Send

__all__ = [
    "BODY",
    "common",
    "converse",
    "data_source",
    "document",
    "embedded",
    "guardrail",
    "ingestion_job",
    "invoke_model",
    "knowledge_base",
    "list_of",
    "number_of",
    "reranked",
    "shaped",
    "token_count",
]

BODY = "_bedrockgw_body"


def malformed(send: Send, reply: Mapping[str, Any], what: str) -> MalformedResponseError:
    billed = send.resend == "billed"
    return MalformedResponseError(
        f"{send.operation}: {what}{'; it may have been billed' if billed else ''}",
        operation=send.operation,
        maybe_billed=billed,
        request_id=_request_id(reply),
    )


def _request_id(reply: Mapping[str, Any]) -> str | None:
    return str_of(dict_of(reply.get("ResponseMetadata")).get("RequestId")) or None


def document(send: Send, reply: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """Return AWS's own JSON object, with at least these members."""
    try:
        found = parsed(reply.get(BODY) or b"")
    except ValueError:
        raise malformed(send, reply, "the answer is empty, cut short or not JSON") from None
    if not isinstance(found, dict) or any(name not in found for name in required):
        raise malformed(send, reply, f"the answer lacks {' or '.join(required) or 'an object'}")
    return found


def _object(send: Send, reply: Mapping[str, Any], name: str, *required: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the answer, and the object that its member *name* holds, with at least these members, as text."""
    raw = document(send, reply, name)
    found = dict_of(raw[name])
    for member in required:
        if not str_of(found.get(member)):
            raise malformed(send, reply, f"the answer lacks {name}.{member}")
    return raw, found


def common(send: Send, reply: Mapping[str, Any], raw: Any) -> dict[str, Any]:
    """Return what every result has."""
    return {"model_id": send.model_id, "request_id": _request_id(reply), "raw": raw, "local": send.local}


def list_of(value: Any) -> list[Any]:
    """Return *value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def converse(reply: Mapping[str, Any], send: Send) -> ConverseResult:
    """Read Converse."""
    raw = document(send, reply, "output", "stopReason")
    if not isinstance(raw["output"], dict) or not isinstance(raw["stopReason"], str):
        raise malformed(send, reply, "the answer's output or stopReason is of another type")
    message = dict_of(dict_of(raw["output"]).get("message"))
    stop_reason = str_of(raw["stopReason"]) or None
    return ConverseResult(
        stop_reason=stop_reason,
        usage=usage_from(raw.get("usage")),
        message=message,
        latency_seconds=seconds(raw.get("metrics")),
        guardrail_action="INTERVENED" if stop_reason == "guardrail_intervened" else None,
        **shown(list_of(message.get("content"))),
        **common(send, reply, raw),
    )


def shaped(result: ConverseResult, shape: Any, send: Send) -> ConverseResult:
    """Return *result* with what *shape* makes of its text; a tool call and an intervention have none.

    Raises:
        OutputValidationError: the text does not fit; ``partial`` is the result. It was billed.
    """
    if shape is None or result.tool_calls or result.guardrail_action:
        return result
    try:
        return replace(result, parsed=fitted(shape, result.text))
    except NotFittingError as error:
        faults, failed = error.faults, error.failed
    why = f"a validator of it raised {failed}" if failed else f"{len(faults)} faults, stop reason {result.stop_reason}"
    raise OutputValidationError(
        f"{send.operation}: the answer does not fit the output that was asked for ({why}); it was billed",
        operation=send.operation,
        partial=result,
        faults=faults,
        usage=result.usage,
        request_id=result.request_id,
    )


_COUNTS = {
    "input_tokens": "x-amzn-bedrock-input-token-count",
    "output_tokens": "x-amzn-bedrock-output-token-count",
    "cache_read_input_tokens": "x-amzn-bedrock-cache-read-input-token-count",
    "cache_write_input_tokens": "x-amzn-bedrock-cache-write-input-token-count",
}
_DIGITS = 12


def _counted(headers: Mapping[str, Any]) -> Usage | None:
    given = {name: str(headers.get(header, "")) for name, header in _COUNTS.items()}
    found = {
        name: int(text) for name, text in given.items() if text.isascii() and text.isdigit() and len(text) <= _DIGITS
    }
    if not found.keys() & {"input_tokens", "output_tokens"}:
        return None
    sent, made = found.get("input_tokens"), found.get("output_tokens")
    return Usage(total_tokens=sent + made if sent is not None and made is not None else None, **found)


def invoke_model(reply: Mapping[str, Any], send: Send) -> InvokeResult:
    """Read InvokeModel: the vendor's JSON as it is, or its bytes where something else was asked for."""
    data = reply.get(BODY) or b""
    try:
        raw = parsed(data)
    except ValueError:
        if not data or "json" in str(send.params.get("accept", "json")):
            raise malformed(send, reply, "the answer is empty, cut short or not JSON") from None
        raw = data
    headers = dict_of(dict_of(reply.get("ResponseMetadata")).get("HTTPHeaders"))
    return InvokeResult(
        text=bodies.text_of(raw),
        stop_reason=bodies.stop_reason_of(raw),
        usage=_counted(headers) or bodies.usage_of(raw),
        guardrail_action=str_of(dict_of(raw).get("amazon-bedrock-guardrailAction")) or None,
        **common(send, reply, raw),
    )


def number_of(value: Any) -> float | None:
    """Return *value* if it is a number, else None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def embedded(reply: Mapping[str, Any], send: Send) -> EmbedResult:
    """Read the vectors of one InvokeModel of an embedding model."""
    raw = document(send, reply)
    embedder = embedder_of(send.model_id or "")
    vectors = embedder.vectors(raw) if embedder else []
    if not vectors or not all(_is_vector(one) for one in vectors):
        raise malformed(send, reply, "the answer holds no vectors")
    headers = dict_of(dict_of(reply.get("ResponseMetadata")).get("HTTPHeaders"))
    return EmbedResult(
        vectors=tuple(tuple(one) for one in vectors),
        usage=_counted(headers) or bodies.usage_of(raw),
        **common(send, reply, raw),
    )


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) in {float, int} for one in value)


def reranked(reply: Mapping[str, Any], send: Send) -> RerankResult:
    """Read Rerank."""
    raw = document(send, reply, "results")
    sources = [dict_of(dict_of(one).get("inlineDocumentSource")) for one in list_of(send.params.get("sources"))]
    texts = [str_of(dict_of(one.get("textDocument")).get("text")) for one in sources]
    ranked = []
    for one in list_of(raw["results"]):
        index = whole(dict_of(one).get("index"))
        if index is not None and 0 <= index < len(texts):
            ranked.append(Ranked(index, number_of(dict_of(one).get("relevanceScore")), texts[index]))
    return RerankResult(
        ranked=tuple(ranked), next_token=str_of(raw.get("nextToken")) or None, **common(send, reply, raw)
    )


def token_count(reply: Mapping[str, Any], send: Send) -> TokenCount:
    """Read CountTokens."""
    raw = document(send, reply, "inputTokens")
    count = whole(raw["inputTokens"])
    if count is None:
        raise malformed(send, reply, "the answer holds no count")
    return TokenCount(input_tokens=count, **common(send, reply, raw))


def guardrail(reply: Mapping[str, Any], send: Send) -> GuardrailResult:
    """Read ApplyGuardrail."""
    raw = document(send, reply, "action")
    return GuardrailResult(
        action=str_of(raw["action"]) or None,
        reason=str_of(raw.get("actionReason")) or None,
        text="".join(str_of(dict_of(one).get("text")) for one in list_of(raw.get("outputs"))),
        assessments=tuple(list_of(raw.get("assessments"))),
        **common(send, reply, raw),
    )


def knowledge_base(reply: Mapping[str, Any], send: Send) -> KnowledgeBase:
    """Read CreateKnowledgeBase."""
    raw, found = _object(send, reply, "knowledgeBase", "knowledgeBaseId")
    return KnowledgeBase(
        id=found["knowledgeBaseId"],
        arn=str_of(found.get("knowledgeBaseArn")) or None,
        status=str_of(found.get("status")) or None,
        text=str_of(found.get("name")),
        **common(send, reply, raw),
    )


def data_source(reply: Mapping[str, Any], send: Send) -> DataSource:
    """Read CreateDataSource."""
    raw, found = _object(send, reply, "dataSource", "dataSourceId")
    return DataSource(
        id=found["dataSourceId"],
        knowledge_base_id=str_of(found.get("knowledgeBaseId")) or str(send.params["knowledgeBaseId"]),
        status=str_of(found.get("status")) or None,
        text=str_of(found.get("name")),
        **common(send, reply, raw),
    )


def ingestion_job(reply: Mapping[str, Any], send: Send) -> IngestionJob:
    """Read StartIngestionJob and GetIngestionJob."""
    raw, found = _object(send, reply, "ingestionJob", "ingestionJobId", "status")
    counts = dict_of(found.get("statistics"))

    def counted(*names: str) -> int:
        return sum(whole(counts.get(f"numberOf{name}")) or 0 for name in names)

    return IngestionJob(
        id=found["ingestionJobId"],
        knowledge_base_id=str_of(found.get("knowledgeBaseId")) or str(send.params["knowledgeBaseId"]),
        data_source_id=str_of(found.get("dataSourceId")) or str(send.params["dataSourceId"]),
        status=found["status"],
        documents_scanned=counted("DocumentsScanned"),
        documents_indexed=counted("NewDocumentsIndexed", "ModifiedDocumentsIndexed"),
        documents_failed=counted("DocumentsFailed"),
        documents_deleted=counted("DocumentsDeleted"),
        failure_reasons=tuple(str_of(one) for one in list_of(found.get("failureReasons"))),
        knowledge_base=send.knowledge_base,
        **common(send, reply, raw),
    )
