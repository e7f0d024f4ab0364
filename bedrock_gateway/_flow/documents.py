"""Documents given directly: one call a batch, then looks at what is not settled, each reported as a call of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Flow, Sleep
from bedrock_gateway._retrieved import documents_joined
from bedrock_gateway.errors import GatewayError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._flow import Context
    from bedrock_gateway.results import DocumentsResult, DocumentStatus

    Ask = Callable[[list[Any]], Flow[DocumentsResult]]

__all__ = ["in_batches", "is_gone", "is_taken", "until_settled"]


def is_taken(document: DocumentStatus) -> bool:
    """Whether AWS has done with a document that it was given; one that it does not show yet, it has not."""
    return not document.pending and document.status != "NOT_FOUND"


def is_gone(document: DocumentStatus) -> bool:
    """Whether AWS has done with a document that it was to delete: it is gone, or it says why not."""
    return not document.pending and not document.indexed


def in_batches(batches: list[list[Any]], ask: Ask) -> Flow[list[DocumentsResult]]:
    """Ask about one batch after the other.

    Raises:
        GatewayError: of a batch; a note says how many documents went before it.
    """
    made: list[DocumentsResult] = []
    for batch in batches:
        try:
            made.append((yield from ask(batch)))
        except GatewayError as error:
            before, whole = sum(len(one) for one in batches[: len(made)]), sum(map(len, batches))
            if before:
                error.add_note(f"{before} of {whole} documents had been accepted before this request")
            raise
    return made


def until_settled(
    first: list[DocumentsResult],
    batches: list[list[Any]],
    look: Ask,
    ctx: Context,
    *,
    is_settled: Callable[[DocumentStatus], bool],
    interval_seconds: float,
    timeout_seconds: float,
    on_progress: Callable[[DocumentsResult], Any] | None,
) -> Flow[DocumentsResult]:
    """Look at the batches that are not settled until all are.

    Raises:
        TransportError: some are not after *timeout_seconds*; AWS goes on with them.
    """
    started, latest = ctx.now(), list(first)
    while True:
        whole = documents_joined(latest)
        if on_progress is not None:
            on_progress(whole)
        open_ones = [at for at, one in enumerate(latest) if not all(map(is_settled, one.documents))]
        if not open_ones:
            return whole
        waited = ctx.now() - started
        if waited + interval_seconds > timeout_seconds:
            count = sum(not is_settled(one) for at in open_ones for one in latest[at].documents)
            raise TransportError(
                f"{count} of {len(whole.documents)} documents are still being worked on after {waited:.0f} s; "
                "AWS goes on: look at them with get_documents",
                operation="GetKnowledgeBaseDocuments",
                sent=True,
            )
        yield Sleep(interval_seconds)
        for at in open_ones:
            latest[at] = yield from look(batches[at])
