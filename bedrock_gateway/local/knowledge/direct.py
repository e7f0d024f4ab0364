"""Documents given with a request: ingested, shown, listed and deleted one by one, without a job.

As on AWS the reply says STARTING, and the work is done afterwards in the name of the knowledge base's role; a document
that cannot be indexed says why. Source: Bedrock User Guide, kb-direct-ingestion.
"""

from __future__ import annotations

import logging
import re
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge.connectors import refuse_unread
from bedrock_gateway.local.knowledge.documents import UnreadableDocumentError, extract, suffix_of
from bedrock_gateway.local.knowledge.store import (
    DataSource,
    Document,
    DocumentState,
    KnowledgeBase,
    data_source,
    invalid,
    now,
    once,
    page,
    present,
    store_of,
)
from bedrock_gateway.local.knowledge.writing import Place, Writer, attributes_of, typed_value, writer
from bedrock_gateway.local.service_role import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Task = tuple[Place, Callable[[Writer], None]]

__all__ = ["HANDLERS"]

_log = logging.getLogger(__name__)
_MOST_DOCUMENTS = 10
_S3_URI = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)")


def _detail(base: KnowledgeBase, source: DataSource, place: Place) -> dict[str, Any]:
    state = source.states.get(place) or DocumentState("NOT_FOUND", None, now())
    return present(
        {
            "knowledgeBaseId": base.knowledge_base_id,
            "dataSourceId": source.data_source_id,
            "status": state.status,
            "identifier": place.identifier,
            "statusReason": state.reason,
            "updatedAt": state.updated_at,
        }
    )


def _details(base: KnowledgeBase, source: DataSource, places: Iterable[Place]) -> list[dict[str, Any]]:
    return [_detail(base, source, place) for place in places]


def _identified(source: DataSource, kind: str, s3: Mapping[str, Any] | None, custom: Mapping[str, Any] | None) -> Place:
    """Return the place that a document or an identifier names.

    Raises:
        Fault: ``ValidationException`` where it is not of the data source's type, or names nothing.
    """
    if kind != source.configuration["type"]:
        raise invalid(f"The document's dataSourceType {kind} is not the data source's, {source.configuration['type']}.")
    named = s3 if kind == "S3" else custom
    if named is None:
        raise invalid(f"A document of type {kind} needs the member {kind.lower()}.")
    return Place(kind, str(named["uri" if kind == "S3" else "id"]))


def _place_of(source: DataSource, document: Mapping[str, Any]) -> Place:
    content = document["content"]
    s3, custom = content.get("s3") or {}, content.get("custom") or {}
    return _identified(source, content["dataSourceType"], s3.get("s3Location"), custom.get("customDocumentIdentifier"))


def _places(call: Call, source: DataSource) -> list[Place]:
    asked = call.params["documentIdentifiers"]
    _check_number(asked)
    return [_identified(source, one["dataSourceType"], one.get("s3"), one.get("custom")) for one in asked]


def _check_number(listed: list[Any]) -> None:
    if not 1 <= len(listed) <= _MOST_DOCUMENTS:
        raise invalid(f"A request takes from 1 to {_MOST_DOCUMENTS} documents, not {len(listed)}.")


def _key(place: Place) -> str:
    """Return the name under which the data source keeps what was indexed: an object's key, as jobs do, or the id."""
    found = _S3_URI.fullmatch(place.name)
    return found["key"] if place.kind == "S3" and found else place.name


def _object(work: Writer, location: Mapping[str, Any]) -> tuple[str, bytes]:
    found = _S3_URI.fullmatch(location["uri"])
    if found is None:
        raise UnreadableDocumentError(f"{location['uri']} is no URI of an object.")
    return found["key"], work.read(found["bucket"], found["key"], owner=location.get("bucketOwnerAccountId"))


def _text(work: Writer, content: Mapping[str, Any]) -> str:
    """Return the text of a document, wherever it is.

    Raises:
        UnreadableDocumentError: it has none, or in a form that is not served.
        Fault: the role may not read it.
    """
    if content["dataSourceType"] == "S3":
        return extract(*_object(work, content["s3"]["s3Location"]))
    custom = content["custom"]
    if custom["sourceType"] == "S3_LOCATION":
        return extract(*_object(work, custom.get("s3Location") or {"uri": ""}))
    inline = custom.get("inlineContent") or {}
    if "textContent" in inline:
        return extract("inline.txt", str(inline["textContent"]["data"]).encode())
    given = inline.get("byteContent") or {"mimeType": "", "data": b""}
    return extract(f"inline.{suffix_of(given['mimeType'])}", given["data"])


def _attributes(work: Writer, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    if not metadata:
        return {}
    if metadata["type"] == "S3_LOCATION":
        return attributes_of(_object(work, metadata.get("s3Location") or {"uri": ""})[1])
    try:
        return {one["key"]: typed_value(one["value"]) for one in metadata.get("inlineAttributes") or ()}
    except KeyError as error:
        raise UnreadableDocumentError(f"An attribute of the document lacks its {error}.") from None


def _index(work: Writer, place: Place, document: Mapping[str, Any]) -> None:
    source, key = work.source, _key(place)
    known = source.documents.get(key)
    text, attributes = _text(work, document["content"]), _attributes(work, document.get("metadata"))
    keys = work.write(place, text, attributes, former=known.vector_keys if known else ())
    # Without an ETag, the next job reads the object again.
    source.documents[key] = Document("", None, "", keys)
    source.set_state(place, "INDEXED")


def _forget(work: Writer, place: Place) -> None:
    known = work.source.documents.get(_key(place))
    work.forget(known.vector_keys if known else ())
    work.source.documents.pop(_key(place), None)
    work.source.states.pop(place, None)


def _work(call: Call, base: KnowledgeBase, source: DataSource, writes: bool, tasks: Sequence[Task]) -> None:
    """Do *tasks* one after the other; each failure is its own document's."""
    try:
        work = writer(call, base, source)
        if writes:
            require(call, work.role, "bedrock:InvokeModel", base.embedding_model_arn)
            work.backend.require(work.role, "write")
    except Fault as fault:
        for place, _ in tasks:
            source.set_state(place, "FAILED", fault.message)
        return
    for place, task in tasks:
        try:
            task(work)
        except (Fault, UnreadableDocumentError) as error:
            source.set_state(place, "FAILED", str(error))
        except Exception:  # noqa: BLE001 - the end of a thread: nobody else would say so
            _log.exception("the local Bedrock failed at document %s", place.name)
            source.set_state(place, "FAILED", "The local Bedrock failed at this document; its own log says why.")


def _started(call: Call, tasks: Sequence[Task], status: str) -> Reply:
    base, source = data_source(call)
    writes = status == "STARTING"
    scope = (base.knowledge_base_id, source.data_source_id)

    def start() -> str:
        for place, _ in tasks:
            if writes or place in source.states:
                source.set_state(place, status)
        known = [(place, task) for place, task in tasks if place in source.states]
        reply.extend(_details(base, source, (place for place, _ in tasks)))
        threading.Thread(target=_work, args=(call, base, source, writes, known), daemon=True).start()
        return source.data_source_id

    reply: list[dict[str, Any]] = []
    with store_of(call).lock:
        once(call, scope, start)
    return Reply({"documentDetails": reply or _details(base, source, (place for place, _ in tasks))})


def ingest_documents(call: Call) -> Reply:
    """Serve IngestKnowledgeBaseDocuments."""
    _, source = data_source(call)
    documents = call.params["documents"]
    _check_number(documents)
    refuse_unread(source)
    tasks = [(place := _place_of(source, one), partial(_index, place=place, document=one)) for one in documents]
    return _started(call, tasks, "STARTING")


def delete_documents(call: Call) -> Reply:
    """Serve DeleteKnowledgeBaseDocuments."""
    _, source = data_source(call)
    tasks = [(place, partial(_forget, place=place)) for place in _places(call, source)]
    return _started(call, tasks, "DELETING")


def get_documents(call: Call) -> Reply:
    """Serve GetKnowledgeBaseDocuments; one that is not there says so."""
    base, source = data_source(call)
    return Reply({"documentDetails": _details(base, source, _places(call, source))})


def list_documents(call: Call) -> Reply:
    """Serve ListKnowledgeBaseDocuments, those that failed included."""
    base, source = data_source(call)
    rows, following = page(call, list(source.states))
    return Reply({"documentDetails": _details(base, source, rows), **following})


HANDLERS: Handlers = {
    ("bedrock-agent", "IngestKnowledgeBaseDocuments"): ingest_documents,
    ("bedrock-agent", "GetKnowledgeBaseDocuments"): get_documents,
    ("bedrock-agent", "ListKnowledgeBaseDocuments"): list_documents,
    ("bedrock-agent", "DeleteKnowledgeBaseDocuments"): delete_documents,
}
