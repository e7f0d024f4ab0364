"""Rerankers: Cohere Rerank and Amazon Rerank. The scores are the local retriever's, not theirs.

Source: Bedrock User Guide, rerank-supported and model-parameters-cohere-rerank.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from bedrock_gateway.local.knowledge.ranking import scores
from bedrock_gateway.local.models.bodies.shape import Body, Direct, Reader, malformed, refuse
from bedrock_gateway.local.models.model import count_tokens

if TYPE_CHECKING:
    from bedrock_gateway.local.knowledge.embedders import Embedder

__all__ = ["BODY"]

_MOST_DOCUMENTS = 1000


def reranked(_model_id: str, data: dict[str, Any], embedder: Embedder) -> Direct:
    """Score what *data* holds, the best first.

    Raises:
        Fault: ``ValidationException``.
    """
    body = Reader(data)
    body.required("query", "documents")
    query, listed = body.text("query"), data["documents"]
    if not query:
        malformed("#/query: expected minLength: 1, actual: 0")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_DOCUMENTS:
        malformed(f"#/documents: expected from 1 to {_MOST_DOCUMENTS} items")
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in listed]
    scored = enumerate(scores(query, texts, embedder=embedder))
    rated = sorted(scored, key=lambda pair: -pair[1])[: body.whole("top_n") or len(texts)]
    results = [{"index": index, "relevance_score": score} for index, score in rated]
    return Direct({"results": results}, max(1, count_tokens(query + "".join(texts))))


def _no_text(*_: Any) -> NoReturn:
    refuse("This model ranks documents; it makes no text.")


BODY = Body(parse=_no_text, whole=_no_text, chunks=None, direct=reranked)
