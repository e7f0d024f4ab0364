"""The one document that a question is about: an object of S3, read with the caller's rights, or bytes that came with it.

It is cut as an ingestion would cut it, and the passages that share most words with the question are answered from; nothing is
embedded or kept. What AWS says of the place of bytes is not documented: their name stands where a document's own id does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.knowledge.chunking import fixed_size
from bedrock_gateway.local.knowledge.documents import UnreadableDocumentError, extract, suffix_of
from bedrock_gateway.local.knowledge.ranking import lexical_scores
from bedrock_gateway.local.knowledge.searching import Passage
from bedrock_gateway.local.knowledge.store import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.local.call import Call

__all__ = ["passages"]

_URI = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_MOST = 20


def passages(call: Call, configuration: Mapping[str, Any], question: str) -> list[Passage]:
    """Return the passages of the document that *question* is nearest to.

    Raises:
        Fault: there is no such document, or none whose text is read here.
    """
    sources = configuration["sources"]
    if len(sources) != 1:
        raise invalid("Exactly one source is required.")
    kind, name, key, content = _read(call, sources[0])
    try:
        text = extract(key, content)
    except UnreadableDocumentError as error:
        raise invalid(str(error)) from error
    cut = [one.text for one in fixed_size(text)]
    rated = sorted(zip(lexical_scores(question, cut), cut, strict=True), key=lambda pair: -pair[0])
    return [Passage(one, name, kind, {"x-amz-bedrock-kb-source-uri": name}, score) for score, one in rated[:_MOST]]


def _read(call: Call, source: Mapping[str, Any]) -> tuple[str, str, str, bytes]:
    """Return the kind of a source, its name, a name that tells its format, and its content."""
    if source["sourceType"] == "S3":
        uri = str((source.get("s3Location") or {}).get("uri"))
        found = _URI.fullmatch(uri)
        if found is None:
            raise invalid("The s3Location of a source of type S3 names an object.")
        reply = call.aws.call(
            "s3",
            "GetObject",
            {"Bucket": found["bucket"], "Key": found["key"]},
            region=call.region,
            principal=call.caller,
        )
        body = reply["Body"]
        return "S3", uri, found["key"], bytes(body.read()) if hasattr(body, "read") else bytes(body)
    given = source.get("byteContent")
    if given is None:
        raise invalid("A source of type BYTE_CONTENT needs the member byteContent.")
    name = str(given["identifier"])
    try:
        return "CUSTOM", name, f"given.{suffix_of(given['contentType'])}", bytes(given["data"])
    except UnreadableDocumentError as error:
        raise invalid(str(error)) from error
