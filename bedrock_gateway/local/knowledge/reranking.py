"""bedrock-agent-runtime Rerank, and reranking inside of a search: texts rated as the retriever would rate them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Call, Fault, Handlers, Reply
from bedrock_gateway.local.knowledge.embedders import Embedding
from bedrock_gateway.local.knowledge.ranking import scores
from bedrock_gateway.local.knowledge.store import invalid, page
from bedrock_gateway.local.models.targets import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["HANDLERS", "check_reranker", "rated"]


def _text(source: Mapping[str, Any]) -> str:
    document = source.get("inlineDocumentSource") or {}
    if document.get("type") == "TEXT" and "textDocument" in document:
        return str(document["textDocument"].get("text", ""))
    if document.get("type") == "JSON" and "jsonDocument" in document:
        return json.dumps(document["jsonDocument"], ensure_ascii=False)
    raise invalid("Each of sources holds an inlineDocumentSource of type TEXT or JSON.")


def rerank(call: Call) -> Reply:
    """Serve Rerank."""
    asked = call.params["rerankingConfiguration"].get("bedrockRerankingConfiguration")
    if asked is None:
        raise invalid("bedrockRerankingConfiguration is required.")
    check_reranker(call, asked["modelConfiguration"]["modelArn"])
    if len(call.params["queries"]) != 1:
        raise invalid("Exactly one query is required.")
    texts = [_text(source) for source in call.params["sources"]]
    wanted = asked.get("numberOfResults") or len(texts)
    if wanted > len(texts):
        raise Fault("ValidationException", "numberOfResults is more than there are sources.", 400)
    question = call.params["queries"][0]["textQuery"].get("text", "")
    rows, following = page(call, rated(call, question, texts)[:wanted])
    return Reply({"results": [{"index": index, "relevanceScore": score} for index, score in rows], **following})


def check_reranker(call: Call, arn: str) -> None:
    """Refuse a model that does not rerank.

    Raises:
        Fault: ``ValidationException``.
    """
    if ".rerank" not in resolve(call, arn).model.id:
        raise invalid(f"The model {arn} does not rerank.")


def rated(call: Call, question: str, texts: Sequence[str]) -> list[tuple[int, float]]:
    """Return (which of *texts*, score), best first."""
    embedder = call.state.of(Embedding).embedder
    return sorted(enumerate(scores(question, texts, embedder=embedder)), key=_best_first)


def _best_first(rated: tuple[int, float]) -> float:
    return -rated[1]


HANDLERS: Handlers = {("bedrock-agent-runtime", "Rerank"): rerank}
