"""Documents given directly → `Send`; pure. AWS takes ten a request: `batches` cuts, and each batch has its own token."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._requests.base import send_of, token
from bedrock_gateway._requests.knowledge import id_of
from bedrock_gateway._requests.search import base_of
from bedrock_gateway.capabilities.stores import STORES
from bedrock_gateway.documents import Document

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig

__all__ = [
    "batches",
    "delete_documents",
    "get_documents",
    "ingest_documents",
    "list_documents",
    "media_type_of",
    "object_uri",
    "place_of",
]

# Source of the limits: botocore, bedrock-agent, KnowledgeBaseDocuments and the shapes under it.
_MOST = 10
"""Documents a request."""
_MOST_BYTES = 5_242_880
_MOST_ATTRIBUTES = 50
_KEY, _STRING, _LIST = 200, 2048, 10
_MOST_LISTED = 1000
_S3_URI = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1024}", re.DOTALL)
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[\x21-\x7e]{1,100}")
_ID = 2048
_ACCOUNT = re.compile(r"[0-9]{12}")


def batches(name: str, documents: Any) -> list[list[Any]]:
    """Return *documents* in lists of as many as AWS takes at once.

    Raises:
        InvalidRequestError: there is none, or one twice: which of the two would stay is not said.
    """
    if isinstance(documents, (str, bytes, Mapping)) or not isinstance(documents, Sequence):
        arguments.refuse(name, f"documents is a sequence, not {type(documents).__name__}")
    if not documents:
        arguments.refuse(name, "documents holds no document")
    places = [place_of(name, one) for one in documents]
    if len(set(places)) != len(places):
        arguments.refuse(name, "documents holds one document twice: which of the two would stay is not known")
    given = list(documents)  # a deque has no slices
    return [given[at : at + _MOST] for at in range(0, len(given), _MOST)]


def place_of(name: str, document: Any) -> tuple[str, str]:
    """Return the type of data source that a document is for, and its id there: what AWS knows it by."""
    if isinstance(document, str):
        # A URI is an object; a document of one's own with such an id can be named by a Document.
        return (
            ("S3", object_uri(name, "a document", document))
            if document.startswith("s3://")
            else _custom(name, document)
        )
    if not isinstance(document, Document):
        arguments.refuse(name, f"a document is a Document, or its id or URI, not {type(document).__name__}")
    if document.id is not None:
        return _custom(name, document.id)
    if document.uri is None:
        arguments.refuse(name, "a document has an id, or the uri of an object")
    return "S3", object_uri(name, "uri", document.uri)


def _custom(name: str, identifier: Any) -> tuple[str, str]:
    found = arguments.text(name, "the id of a document", identifier)
    if len(found) > _ID:
        arguments.refuse(name, f"the id of a document is longer than {_ID} characters")
    return "CUSTOM", found


def object_uri(name: str, argument: str, value: Any) -> str:
    """Return *value* if it is the URI of an object of S3."""
    found = arguments.text(name, argument, value)
    if not _S3_URI.fullmatch(found):
        arguments.refuse(name, f"{argument} is no object of S3: s3://bucket/key")
    return found


def _identifier(name: str, document: Any) -> dict[str, Any]:
    kind, place = place_of(name, document)
    return {"dataSourceType": kind, **({"s3": {"uri": place}} if kind == "S3" else {"custom": {"id": place}})}


def ingest_documents(
    config: GatewayConfig, base: Any, documents: Sequence[Any], *, data_source_id: Any, knowledge_base_id: Any = None
) -> Send:
    """Build IngestKnowledgeBaseDocuments of one batch."""
    name = "IngestKnowledgeBaseDocuments"
    store = STORES[base_of(config, name, base).store]
    params = {
        **_where(config, name, base, data_source_id, knowledge_base_id),
        "clientToken": token(),
        "documents": [_document(name, one, store.name, store.metadata_keys) for one in documents],
    }
    return send_of(config, name, params, knowledge_base=base)


def delete_documents(
    config: GatewayConfig, base: Any, documents: Sequence[Any], *, data_source_id: Any, knowledge_base_id: Any = None
) -> Send:
    """Build DeleteKnowledgeBaseDocuments of one batch."""
    name = "DeleteKnowledgeBaseDocuments"
    params = {
        **_where(config, name, base, data_source_id, knowledge_base_id),
        "clientToken": token(),
        "documentIdentifiers": [_identifier(name, one) for one in documents],
    }
    return send_of(config, name, params, knowledge_base=base)


def get_documents(
    config: GatewayConfig,
    base: Any,
    documents: Sequence[Any],
    *,
    data_source_id: Any,
    knowledge_base_id: Any = None,
    capability: str = "kb-documents-direct",
) -> Send:
    """Build GetKnowledgeBaseDocuments of one batch."""
    name = "GetKnowledgeBaseDocuments"
    params = {
        **_where(config, name, base, data_source_id, knowledge_base_id),
        "documentIdentifiers": [_identifier(name, one) for one in documents],
    }
    return send_of(config, name, params, knowledge_base=base, capability=capability)


def list_documents(
    config: GatewayConfig,
    base: Any,
    *,
    data_source_id: Any,
    knowledge_base_id: Any = None,
    results: Any = None,
    next_token: Any = None,
    capability: str = "kb-documents-direct",
) -> Send:
    """Build ListKnowledgeBaseDocuments."""
    name = "ListKnowledgeBaseDocuments"
    params = _where(config, name, base, data_source_id, knowledge_base_id)
    if results is not None:
        params["maxResults"] = arguments.integer(name, "results", results, most=_MOST_LISTED)
    if next_token is not None:
        params["nextToken"] = arguments.text(name, "next_token", next_token)
    return send_of(config, name, params, knowledge_base=base, capability=capability)


def _where(config: GatewayConfig, name: str, base: Any, data_source_id: Any, knowledge_base_id: Any) -> dict[str, Any]:
    return {
        "knowledgeBaseId": id_of(config, name, base, knowledge_base_id),
        "dataSourceId": arguments.identifier(name, "data_source_id", data_source_id),
    }


def _document(name: str, document: Any, store: str, most_keys: int | None) -> dict[str, Any]:
    if not isinstance(document, Document):
        arguments.refuse(name, f"a document to ingest is a Document, not {type(document).__name__}")
    kind, place = place_of(name, document)
    content = {"dataSourceType": kind}
    made: dict[str, Any] = {"content": content | _content(name, document, kind, place)}
    metadata = _metadata(name, document, store, most_keys)
    return made | ({"metadata": metadata} if metadata else {})


def _content(name: str, document: Document, kind: str, place: str) -> dict[str, Any]:
    given = [one for one in ("text", "data", "uri") if getattr(document, one) is not None]
    if len(given) != 1:
        arguments.refuse(name, f"a document has one of text, data and uri, not {' and '.join(given) or 'none'}")
    if (document.media_type is not None) != (given == ["data"]):
        arguments.refuse(name, "media_type goes with data, and with nothing else")
    if kind == "S3":
        if document.bucket_owner is not None:
            arguments.refuse(name, "bucket_owner is of a document of your own: an S3 data source has its own")
        return {"s3": {"s3Location": {"uri": place}}}
    custom: dict[str, Any] = {"customDocumentIdentifier": {"id": place}}
    if document.uri is not None:
        location = _location(name, "uri", document.uri, document.bucket_owner)
        return {"custom": custom | {"sourceType": "S3_LOCATION", "s3Location": location}}
    return {"custom": custom | {"sourceType": "IN_LINE", "inlineContent": _inline(name, document)}}


def _inline(name: str, document: Document) -> dict[str, Any]:
    if document.bucket_owner is not None:
        arguments.refuse(name, "bucket_owner goes with uri")
    if document.text is not None:
        text = arguments.text(name, "the text of a document", document.text)
        _check_size(name, len(text.encode()))
        return {"type": "TEXT", "textContent": {"data": text}}
    data = document.data
    if not isinstance(data, (bytes, bytearray)) or not data:
        arguments.refuse(name, "the data of a document is bytes, and not empty")
    _check_size(name, len(data))
    media_type = media_type_of(name, document.media_type)
    return {"type": "BYTE", "byteContent": {"mimeType": media_type, "data": bytes(data)}}


def media_type_of(name: str, value: Any) -> str:
    """Return *value* if it is a MIME type."""
    media_type = arguments.text(name, "media_type", value)
    if not _MEDIA_TYPE.fullmatch(media_type):
        arguments.refuse(name, "media_type is a MIME type, such as application/pdf")
    return media_type


def _check_size(name: str, size: int) -> None:
    if size > _MOST_BYTES:
        arguments.refuse(name, f"a document is larger than {_MOST_BYTES} bytes: put it into S3, and give its uri")


def _location(name: str, argument: str, uri: Any, owner: Any) -> dict[str, str]:
    location = {"uri": object_uri(name, argument, uri)}
    if owner is not None:
        if not isinstance(owner, str) or not _ACCOUNT.fullmatch(owner):
            arguments.refuse(name, "bucket_owner is an account: twelve digits")
        location["bucketOwnerAccountId"] = owner
    return location


def _metadata(name: str, document: Document, store: str, most_keys: int | None) -> dict[str, Any] | None:
    if document.metadata is not None and document.metadata_uri is not None:
        arguments.refuse(name, "a document has metadata or metadata_uri, not both")
    if document.metadata_uri is not None:
        return {"type": "S3_LOCATION", "s3Location": _location(name, "metadata_uri", document.metadata_uri, None)}
    if document.metadata is None:
        return None
    given = arguments.mapping(name, "metadata", document.metadata, blobs=False)
    if not given:
        return None
    if len(given) > _MOST_ATTRIBUTES or (most_keys is not None and len(given) > most_keys):
        most = min(_MOST_ATTRIBUTES, most_keys or _MOST_ATTRIBUTES)
        arguments.refuse(name, f"metadata has more than {most} attributes, the most that AWS takes for {store}")
    return {"type": "IN_LINE_ATTRIBUTE", "inlineAttributes": [_attribute(name, *one) for one in given.items()]}


def _attribute(name: str, key: str, value: Any) -> dict[str, Any]:
    if not 1 <= len(key) <= _KEY:
        arguments.refuse(name, f"the name of an attribute is 1 to {_KEY} characters long")
    return {"key": key, "value": _value(name, key, value)}


def _value(name: str, key: str, value: Any) -> dict[str, Any]:
    for kind, member, fits in _VALUES:
        if fits(value):
            return {"type": kind, member: list(value) if isinstance(value, tuple) else value}
    return arguments.refuse(
        name,
        f"attribute {key[:80]!r} is a boolean, a number, a string of 1 to {_STRING} characters, or a list of 1 to {_LIST} "
        "of those strings",
    )


def _is_string(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _STRING


# AWS's type → its member, and what is of it; in this order, as True is an int too.
_VALUES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("BOOLEAN", "booleanValue", lambda value: isinstance(value, bool)),
    ("NUMBER", "numberValue", lambda value: isinstance(value, (int, float))),
    ("STRING", "stringValue", _is_string),
    (
        "STRING_LIST",
        "stringListValue",
        lambda value: isinstance(value, (list, tuple)) and 1 <= len(value) <= _LIST and all(map(_is_string, value)),
    ),
)
