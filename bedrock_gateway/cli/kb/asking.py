"""`kb ask`: an answer from the knowledge base, with what it stands on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.common import add_common, gateway_of
from bedrock_gateway.cli.output import emit, emit_json, emit_piece
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from bedrock_gateway.client import Gateway
    from bedrock_gateway.results import Answer

__all__ = ["add_forms", "run"]


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add the form."""
    parser = forms.add_parser("ask", help="answer a question from it, with citations; billed by AWS")
    add_common(parser)
    parser.add_argument("question", metavar="QUESTION")
    parser.add_argument(
        "--model", metavar="ID", help="what writes the answer (default: the principal's only chat model)"
    )
    parser.add_argument("--results", type=int, metavar="N", help="most passages to write from, 1 to 100")
    parser.add_argument("--filter", metavar="JSON", help="metadata filter, as AWS's RetrievalFilter")
    parser.add_argument("--tenant", metavar="T", help="whose documents, where the knowledge base has a tenant_key")
    parser.add_argument("--search-type", choices=("hybrid", "semantic"), help="how to search (default: AWS decides)")
    parser.add_argument("--reranker", metavar="ID", help="declared model that puts the passages in order")
    parser.add_argument(
        "--stream", action="store_true", help="print the answer as it is written (capability rag-stream)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask; print the answer and its citations; 1 where nothing was found to answer from.

    Raises:
        ConfigError: the filter is none, or one that the store does not have.
    """
    names = ("model", "results", "tenant", "search_type", "reranker")
    wanted: dict[str, Any] = {name: getattr(args, name) for name in names}
    with gateway_of(args) as gateway:
        if args.filter is not None:
            wanted["metadata_filter"] = _filter(args.filter, gateway.config.knowledge_base(args.name).store)
        answer = _asked(gateway, args, wanted)
    if args.output == "json":
        emit_json(_as_json(answer))
    else:
        emit("\n".join(_lines(answer, said=args.stream)))
    return 1 if answer.empty else 0


def _asked(gateway: Gateway, args: argparse.Namespace, wanted: Mapping[str, Any]) -> Answer:
    """Ask, and where it is to be streamed for people, print the text as it comes."""
    if not args.stream:
        return gateway.retrieve_and_generate(args.question, knowledge_base=args.name, **wanted)
    with gateway.retrieve_and_generate_stream(args.question, knowledge_base=args.name, **wanted) as stream:
        if args.output != "json":
            for text in stream.text_stream:
                emit_piece(text)
        return stream.result()


def _filter(text: str, store: str) -> dict[str, Any]:
    from bedrock_gateway.capabilities.metadata_filters import check_filter

    try:
        given = json.loads(text)
    except ValueError:
        raise ConfigError('--filter is no JSON; it looks like {"equals": {"key": "year", "value": 2026}}') from None
    check_filter(store, given)
    return dict(given)


def _as_json(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text,
        "empty": answer.empty,
        "grounded": answer.grounded,
        "grounded_share": round(answer.grounded_share, 4),
        "session_id": answer.session_id,
        "guardrail_action": answer.guardrail_action,
        "citations": [
            {
                "span": list(one.span) if one.span else None,
                "text": one.text,
                "sources": [
                    {"uri": source.uri, "text": source.text, "metadata": source.metadata} for source in one.sources
                ],
            }
            for one in answer.citations
        ],
    }


def _lines(answer: Answer, *, said: bool) -> Iterator[str]:
    yield "" if said else answer.text
    yield ""
    for one in answer.citations:
        where = f"{one.span[0]}-{one.span[1]}" if one.span else "?"
        for source in one.sources:
            yield f"[{where}] {source.uri}"
