"""Sessions of RetrieveAndGenerate: issued by the service, continued by their id, bound to what they began with."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field

from bedrock_gateway.local.knowledge.embedding import content_terms
from bedrock_gateway.local.knowledge.store import invalid

__all__ = ["Session", "SessionStore"]

_TERMS_OF_A_FULL_QUESTION = 3
_MAX_SESSIONS = 10_000


@dataclass(slots=True)
class Session:
    """One conversation with one knowledge base."""

    session_id: str
    binding: tuple[str, ...]
    """Region, knowledge base and model: what may not change while it lasts."""
    questions: list[str] = field(default_factory=list)

    def query_for(self, question: str) -> str:
        """Return what to search for: a question too short to stand alone is read together with the one before it."""
        short = len(set(content_terms(question))) < _TERMS_OF_A_FULL_QUESTION
        return f"{self.questions[-1]} {question}" if short and self.questions else question


class SessionStore:
    """The sessions of one account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def begin(self, session_id: str | None, binding: tuple[str, ...]) -> Session:
        """Return the session with *session_id*, or a new one where that is None; `keep` makes a new one last.

        Raises:
            Fault: ``ValidationException`` for an id that was never issued, or another knowledge base or model.
        """
        if session_id is None:
            return Session(str(uuid.uuid4()), binding)
        with self._lock:
            found = self._sessions.get(session_id)
        if found is None:
            raise invalid(f"Session with Id {session_id} is not valid. Please check and try again.")
        if found.binding != binding:
            raise invalid("Knowledge base configurations cannot be modified for an ongoing session.")
        return found

    def keep(self, session: Session, question: str) -> None:
        """Remember that *question* was asked; the oldest sessions go where there are too many."""
        with self._lock:
            session.questions.append(question)
            self._sessions[session.session_id] = session
            while len(self._sessions) > _MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
