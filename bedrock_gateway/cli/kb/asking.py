"""`kb ask`: an answer from the knowledge base, with what it stands on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bedrock_gateway.cli.kb.common import add_common, gateway_of
from bedrock_gateway.cli.output import emit, emit_json
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask; print the answer and its citations; 1 where nothing was found to answer from.

    Raises:
        ConfigError: the filter is none, or one that the store does not have.
    """
    wanted: dict[str, Any] = {"model": args.model, "results": args.results}
    with gateway_of(args) as gateway:
        if args.filter is not None:
            wanted["metadata_filter"] = _filter(args.filter, gateway.config.knowledge_base(args.name).store)
        given = {name: value for name, value in wanted.items() if value is not None}
        answer = gateway.retrieve_and_generate(args.question, knowledge_base=args.name, **given)
    if args.output == "json":
        emit_json(_as_json(answer))
    else:
        emit("\n".join(_lines(answer)))
    return 0 if any(one.sources for one in answer.citations) else 1


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
        "citations": [
            {
                "span": list(one.span) if one.span else None,
                "text": one.text,
                "sources": [{"uri": source.uri, "text": source.text} for source in one.sources],
            }
            for one in answer.citations
        ],
    }


def _lines(answer: Answer) -> Iterator[str]:
    yield answer.text
    yield ""
    for one in answer.citations:
        where = f"{one.span[0]}-{one.span[1]}" if one.span else "?"
        for source in one.sources:
            yield f"[{where}] {source.uri}"
