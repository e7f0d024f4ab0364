"""Embedding requests and answers, per family; pure.

Source: Bedrock User Guide, model-parameters-titan-embed-text, model-parameters-embed-v3 and -v4; Nova User Guide,
embeddings-schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.families.requests import UnsupportedOptionError

__all__ = ["EMBEDDERS", "PURPOSES", "Embedder", "embedder_of"]

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Embedder:
    """How one family of embedding models is asked, and what it answers."""

    most_texts: int
    """Texts that one request can hold."""
    ask: Callable[[Sequence[str], int | None, str], dict[str, Any]]
    """(texts, dimensions, purpose) → body."""
    vectors: Callable[[Mapping[str, Any]], list[Any]]
    """Body of the answer → vectors, in the order of the texts."""


def _titan_v2(texts: Sequence[str], dimensions: int | None, _purpose: str) -> dict[str, Any]:
    return {"inputText": texts[0], **({} if dimensions is None else {"dimensions": dimensions})}


def _titan_v1(texts: Sequence[str], dimensions: int | None, _purpose: str) -> dict[str, Any]:
    if dimensions is not None:
        raise UnsupportedOptionError("this model has one number of dimensions; leave dimensions out")
    return {"inputText": texts[0]}


def _titan_image(texts: Sequence[str], dimensions: int | None, _purpose: str) -> dict[str, Any]:
    size = {} if dimensions is None else {"embeddingConfig": {"outputEmbeddingLength": dimensions}}
    return {"inputText": texts[0], **size}


_COHERE_PURPOSES = {
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}


def _cohere_v3(texts: Sequence[str], dimensions: int | None, purpose: str) -> dict[str, Any]:
    if dimensions is not None:
        raise UnsupportedOptionError("this model has one number of dimensions; leave dimensions out")
    return {"texts": list(texts), "input_type": _COHERE_PURPOSES[purpose]}


def _cohere_v4(texts: Sequence[str], dimensions: int | None, purpose: str) -> dict[str, Any]:
    size = {} if dimensions is None else {"output_dimension": dimensions}
    return {"texts": list(texts), "input_type": _COHERE_PURPOSES[purpose], "embedding_types": ["float"], **size}


_NOVA_PURPOSES = {
    "document": "GENERIC_INDEX",
    "query": "GENERIC_RETRIEVAL",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


def _nova(texts: Sequence[str], dimensions: int | None, purpose: str) -> dict[str, Any]:
    size = {} if dimensions is None else {"embeddingDimension": dimensions}
    text = {"truncationMode": "NONE", "value": texts[0]}
    single = {"embeddingPurpose": _NOVA_PURPOSES[purpose], **size, "text": text}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": single}


def _one(answer: Mapping[str, Any]) -> list[Any]:
    return [answer.get("embedding")]


def _many(answer: Mapping[str, Any]) -> list[Any]:
    found = answer.get("embeddings")
    if isinstance(found, Mapping):  # by type, where types were asked for
        found = found.get("float")
    return list(found) if isinstance(found, list) else []


def _nested(answer: Mapping[str, Any]) -> list[Any]:
    return [one.get("embedding") if isinstance(one, Mapping) else None for one in _many(answer)]


_COHERE_MOST = 96

# Start of the model's name → how it is asked; the longest that fits.
EMBEDDERS: dict[str, Embedder] = {
    "amazon.titan-embed-text-v2": Embedder(1, _titan_v2, _one),
    "amazon.titan-embed-text-v1": Embedder(1, _titan_v1, _one),
    "amazon.titan-embed-g1-text": Embedder(1, _titan_v1, _one),
    "amazon.titan-embed-image": Embedder(1, _titan_image, _one),
    "amazon.nova-2-multimodal-embeddings": Embedder(1, _nova, _nested),
    "cohere.embed-v4": Embedder(_COHERE_MOST, _cohere_v4, _many),
    "cohere.embed-": Embedder(_COHERE_MOST, _cohere_v3, _many),
}
PURPOSES = tuple(_COHERE_PURPOSES)
"""What vectors are for: models that tell queries from documents are told."""


def embedder_of(model: str) -> Embedder | None:
    """Return how embedding model *model* is asked; None where no row knows it."""
    try:
        name = parse_model_id(model).model or ""
    except ConfigError:
        return None
    return next((row for start, row in EMBEDDERS.items() if name.startswith(start)), None)
