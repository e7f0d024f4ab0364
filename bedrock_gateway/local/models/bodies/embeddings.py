"""Embedding models: Amazon Titan (text, multimodal by its text) and Cohere Embed."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from bedrock_gateway.local.knowledge.embedding import dimensions_of, embed
from bedrock_gateway.local.models.bodies.shape import Body, Reader, Vectors, malformed, refuse
from bedrock_gateway.local.models.model import count_tokens

__all__ = ["BODY"]

_COHERE_TYPES = frozenset({"search_document", "search_query", "classification", "clustering", "image"})
_MAX_INT8 = 127


def _length(model_id: str, wanted: int | None) -> int:
    offered = dimensions_of(model_id) or (1024,)
    if wanted is not None and wanted not in offered:
        malformed(f"#/dimensions: {wanted} is not a valid enum value")
    return wanted or offered[0]


def _spread(vector: list[float]) -> list[float]:
    scale = math.sqrt(len(vector))
    return [value * scale for value in vector]


def _titan(model_id: str, data: dict[str, Any]) -> Vectors:
    body = Reader(data)
    image = model_id.startswith("amazon.titan-embed-image")
    if not image:
        body.required("inputText")
    text = body.text("inputText")
    if not (text or (image and data.get("inputImage"))):
        malformed("#/inputText: expected minLength: 1, actual: 0")
    wanted = body.child("embeddingConfig").whole("outputEmbeddingLength") if image else body.whole("dimensions")
    vector = embed(text, _length(model_id, wanted))
    vector = vector if data.get("normalize", True) else _spread(vector)
    tokens = max(1, count_tokens(text))
    if image:
        return Vectors({"embedding": vector, "inputTextTokenCount": tokens, "message": None}, tokens)
    if not model_id.startswith("amazon.titan-embed-text-v2"):
        return Vectors({"embedding": vector, "inputTextTokenCount": tokens}, tokens)
    kinds = body.texts("embeddingTypes") or ("float",)
    if unknown := set(kinds) - {"float", "binary"}:
        malformed(f"#/embeddingTypes: {min(unknown)} is not a valid enum value")
    made = {"float": vector, "binary": [int(value > 0) for value in vector]}
    reply: dict[str, Any] = {"embeddingsByType": {kind: made[kind] for kind in kinds}, "inputTextTokenCount": tokens}
    return Vectors({"embedding": vector, **reply} if "float" in kinds else reply, tokens)


def _cohere(model_id: str, data: dict[str, Any]) -> Vectors:
    body = Reader(data)
    body.required("texts", "input_type")
    texts = body.texts("texts")
    if body.text("input_type") not in _COHERE_TYPES:
        malformed(f"#/input_type: {body.text('input_type')} is not a valid enum value")
    if not texts:
        refuse("texts: at least one text is required")
    length = _length(model_id, body.whole("output_dimension"))
    vectors = [embed(text, length) for text in texts]
    kinds = body.texts("embedding_types")
    made = {
        "float": vectors,
        "int8": [[round(value * _MAX_INT8) for value in vector] for vector in vectors],
        "binary": [[int(value > 0) for value in vector] for vector in vectors],
    }
    for kind in kinds:
        if kind not in made:
            malformed(f"#/embedding_types: {kind} is not a valid enum value")
    reply = {
        "id": "local",
        "texts": list(texts),
        "embeddings": {kind: made[kind] for kind in kinds} if kinds else vectors,
        "response_type": "embeddings_by_type" if kinds else "embeddings_floats",
    }
    return Vectors(reply, max(1, sum(map(count_tokens, texts))))


def vectors(model_id: str, data: dict[str, Any]) -> Vectors:
    """Embed what *data* holds.

    Raises:
        Fault: ``ValidationException``.
    """
    return _cohere(model_id, data) if model_id.startswith("cohere.") else _titan(model_id, data)


def _no_text(*_: Any) -> NoReturn:
    refuse("This model makes embeddings, not text.")


BODY = Body(parse=_no_text, whole=_no_text, chunks=None, vectors=vectors)
