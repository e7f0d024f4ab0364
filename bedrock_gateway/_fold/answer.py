"""RetrieveAndGenerateStream's events → typed events and, at the end, the whole answer.

The operation has no terminal event. A body that ends in the middle of a frame, or whose connection is lost, is an
interruption; one that ends cleanly between two frames is the end. Known limit: a service that stops there is not told apart.
"""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

from bedrock_gateway._deferred import deferred
from bedrock_gateway._fold import Fold, str_of
from bedrock_gateway._fold.arrived import raw_events
from bedrock_gateway._fold.merging import joined
from bedrock_gateway._retrieved import citation, session_of
from bedrock_gateway.results import Answer, Citation, CitationReceived, GuardrailReported, TextDelta, UnknownEvent

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send
    from bedrock_gateway.results import AnswerSession

__all__ = ["AnswerFold"]


class AnswerFold(Fold):
    """RetrieveAndGenerateStream."""

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._text = io.StringIO()
        self._cited: list[Any] = []
        self._guardrail: str | None = None
        self._session: AnswerSession | None = None

    def began(self, reply: dict[str, Any]) -> None:
        """Take the session: it comes in a header."""
        self._session = session_of(self._send, reply)

    def ended(self) -> None:
        """Take the end of the body for the end of the answer, if there was one."""
        self.complete = self.between_frames and self._good > 0

    def take(self, name: str, payload: Any) -> Any:
        """Return the typed event."""
        raw = {name: payload}
        if name == "output" and isinstance(payload, dict):
            text = str_of(payload.get("text"))
            self._text.write(text)
            return TextDelta(raw, text)
        if name == "citation" and isinstance(payload, dict):
            # Newer services repeat the members of `citation` beside it.
            found = payload.get("citation") or payload
            self._cited.append(found)
            return CitationReceived(raw, citation(found, joined([self._text.getvalue()])))
        if name == "guardrail" and isinstance(payload, dict):
            self._guardrail = str_of(payload.get("action")) or self._guardrail
            return GuardrailReported(raw, self._guardrail)
        return UnknownEvent(raw, name)

    def _citations(self, text: str) -> tuple[Citation, ...]:
        return tuple(citation(one, text) for one in self._cited)

    def result(self, request_id: str | None, *, local: bool = False) -> Answer:
        """Return the whole, or what there is of it."""
        text = joined([self._text.getvalue()])
        return Answer(
            text=text,
            model_id=self._send.model_id,
            request_id=request_id,
            raw=deferred(functools.partial(raw_events, self._arrived, self._good)),
            local=local,
            citations=self._citations(text),
            session=self._session,
            guardrail_action=self._guardrail,
        )
