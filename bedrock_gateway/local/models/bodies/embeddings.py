"""Embedding models: Amazon Titan and Nova, Cohere Embed. Text alone is embedded; an image or a sound is a 501.

Source: Bedrock User Guide, model-parameters-titan-embed-text, -titan-embed-mm, -embed-v3, -embed-v4; Nova User Guide,
embeddings-schema.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge.embedding import dimensions_of
from bedrock_gateway.local.models.bodies.shape import Body, Direct, Reader, malformed, refuse
from bedrock_gateway.local.models.model import count_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bedrock_gateway.local.knowledge.embedders import Embedder

__all__ = ["BODY"]

_COHERE_TYPES = frozenset({"search_document", "search_query", "classification", "clustering", "image"})
_NOVA_PURPOSES = frozenset(
    [
        "GENERIC_INDEX",
        "GENERIC_RETRIEVAL",
        "TEXT_RETRIEVAL",
        "IMAGE_RETRIEVAL",
        "VIDEO_RETRIEVAL",
        "DOCUMENT_RETRIEVAL",
        "AUDIO_RETRIEVAL",
        "CLASSIFICATION",
        "CLUSTERING",
    ]
)
_MOST_COHERE_TEXTS = 96
_MAX_INT8, _BYTE, _HALF_BYTE = 127, 8, 128

Vector = list[float]


def _unread(what: str) -> NoReturn:
    raise Fault("NotImplementedException", f"The local Bedrock embeds text only, not {what}.", 501)


def _length(model_id: str, wanted: int | None, where: str = "dimensions") -> int:
    offered = dimensions_of(model_id) or (1024,)
    if wanted is not None and wanted not in offered:
        malformed(f"#/{where}: {wanted} is not a valid enum value")
    return wanted or offered[0]


def _embedded(embedder: Embedder, text: str, length: int) -> Vector:
    (vector,) = embedder.embed([text], length)
    return vector


def _spread(vector: Vector) -> Vector:
    scale = math.sqrt(len(vector))
    return [value * scale for value in vector]


def _titan_image(model_id: str, data: dict[str, Any], embedder: Embedder) -> Direct:
    body = Reader(data)
    if data.get("inputImage"):
        _unread("images")
    text = _titan_text(body)
    length = _length(model_id, body.child("embeddingConfig").whole("outputEmbeddingLength"))
    tokens = max(1, count_tokens(text))
    return Direct(
        {"embedding": _embedded(embedder, text, length), "inputTextTokenCount": tokens, "message": None}, tokens
    )


def _titan_text(body: Reader) -> str:
    body.required("inputText")
    text = body.text("inputText")
    if not text:
        malformed("#/inputText: expected minLength: 1, actual: 0")
    return text


def _titan_v1(model_id: str, data: dict[str, Any], embedder: Embedder) -> Direct:
    text = _titan_text(Reader(data))
    vector = _embedded(embedder, text, _length(model_id, None))
    tokens = max(1, count_tokens(text))
    return Direct({"embedding": vector, "inputTextTokenCount": tokens}, tokens)


def _titan_v2(model_id: str, data: dict[str, Any], embedder: Embedder) -> Direct:
    body = Reader(data)
    text = _titan_text(body)
    vector = _embedded(embedder, text, _length(model_id, body.whole("dimensions")))
    vector = vector if data.get("normalize", True) else _spread(vector)
    tokens = max(1, count_tokens(text))
    kinds = body.texts("embeddingTypes") or ("float",)
    if unknown := set(kinds) - {"float", "binary"}:
        malformed(f"#/embeddingTypes: {min(unknown)} is not a valid enum value")
    made = {"float": vector, "binary": _signs(vector)}
    reply: dict[str, Any] = {"embeddingsByType": {kind: made[kind] for kind in kinds}, "inputTextTokenCount": tokens}
    return Direct({"embedding": vector, **reply} if "float" in kinds else reply, tokens)


def _nova(model_id: str, data: dict[str, Any], embedder: Embedder) -> Direct:
    body = Reader(data)
    body.required("taskType", "singleEmbeddingParams")
    if body.text("taskType") != "SINGLE_EMBEDDING":
        malformed(f"#/taskType: {body.text('taskType')} is not a valid enum value")
    single = body.child("singleEmbeddingParams")
    single.required("embeddingPurpose")
    if single.text("embeddingPurpose") not in _NOVA_PURPOSES:
        malformed(
            f"#/singleEmbeddingParams/embeddingPurpose: {single.text('embeddingPurpose')} is not a valid enum value"
        )
    for kind in ("image", "video", "audio"):
        if kind in single.data:
            _unread(kind)
    single.required("text")
    text = single.child("text").text("value")
    if not text:
        malformed("#/singleEmbeddingParams/text/value: expected minLength: 1, actual: 0")
    length = _length(model_id, single.whole("embeddingDimension"), "singleEmbeddingParams/embeddingDimension")
    vector = _embedded(embedder, text, length)
    return Direct({"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]}, max(1, count_tokens(text)))


def _signs(vector: Vector) -> list[int]:
    return [int(value > 0) for value in vector]


def _packed(vector: Vector) -> list[int]:
    """Return eight dimensions a byte, the first in the highest bit."""
    bits = _signs(vector)
    return [int("".join(map(str, bits[at : at + _BYTE])), 2) for at in range(0, len(bits), _BYTE)]


_COHERE_WRITERS: Mapping[str, Callable[[Vector], Sequence[float]]] = {
    "float": lambda vector: vector,
    "int8": lambda vector: [round(value * _MAX_INT8) for value in vector],
    "uint8": lambda vector: [round(value * _MAX_INT8) + _HALF_BYTE for value in vector],
    "binary": lambda vector: [byte - _HALF_BYTE for byte in _packed(vector)],
    "ubinary": _packed,
}


def _cohere(model_id: str, data: dict[str, Any], embedder: Embedder) -> Direct:
    body = Reader(data)
    body.required("input_type")
    if body.text("input_type") not in _COHERE_TYPES:
        malformed(f"#/input_type: {body.text('input_type')} is not a valid enum value")
    if data.get("images"):
        _unread("images")
    texts = body.texts("texts") or tuple(map(_interleaved, body.objects("inputs")))
    if not texts:
        refuse("texts: at least one text is required")
    if len(texts) > _MOST_COHERE_TEXTS:
        malformed(f"#/texts: expected maximum item count: {_MOST_COHERE_TEXTS}, found: {len(texts)}")
    length = _length(model_id, body.whole("output_dimension"), "output_dimension")
    vectors = embedder.embed(texts, length)
    kinds = body.texts("embedding_types")
    for kind in kinds:
        if kind not in _COHERE_WRITERS:
            malformed(f"#/embedding_types: {kind} is not a valid enum value")
    by_type = {kind: [_COHERE_WRITERS[kind](vector) for vector in vectors] for kind in kinds}
    reply = {
        "id": "local",
        "texts": list(texts),
        "embeddings": by_type or vectors,
        "response_type": "embeddings_by_type" if kinds else "embeddings_floats",
    }
    return Direct(reply, max(1, sum(map(count_tokens, texts))))


def _interleaved(one: dict[str, Any]) -> str:
    parts = Reader(one).objects("content")
    if any(part.get("type") != "text" for part in parts):
        _unread("images")
    return "\n".join(Reader(part).text("text") for part in parts)


_MODELS: Mapping[str, Callable[[str, dict[str, Any], Embedder], Direct]] = {
    "amazon.titan-embed-image": _titan_image,
    "amazon.titan-embed-text-v2": _titan_v2,
    "amazon.titan-embed": _titan_v1,
    "amazon.nova": _nova,
    "cohere.": _cohere,
}


def vectors(model_id: str, data: dict[str, Any], embedder: Embedder) -> Direct:
    """Embed what *data* holds.

    Raises:
        Fault: ``ValidationException``, or 501 where it is no text.
    """
    make = next(make for prefix, make in _MODELS.items() if model_id.startswith(prefix))
    return make(model_id, data, embedder)


def _no_text(*_: Any) -> NoReturn:
    refuse("This model makes embeddings, not text.")


BODY = Body(parse=_no_text, whole=_no_text, chunks=None, direct=vectors, embedding=True)
