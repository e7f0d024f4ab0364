"""How a preflight begins: the process is read while AWS is asked what every preflight asks, and neither waits for the other.

Credentials, clients and facts take as long as an answer over the network does. Who is calling, and whether logging is on, is
therefore asked at once, and the checks find the answers there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Send
from bedrock_gateway.preflight.catalogue.reads import LOGGING, STS
from bedrock_gateway.preflight.flow import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from bedrock_gateway._commands import Flow
    from bedrock_gateway.preflight.facts import Facts
    from bedrock_gateway.preflight.round import Round

__all__ = ["FIRST", "Opening"]

FIRST = tuple(Send(service, name, {}) for service, _, name in (one.partition(":") for one in (*STS, *LOGGING)))
"""What every preflight asks, whatever its level."""
_FACTS = "facts"


class Opening:
    """Work that reads the facts and asks `FIRST`, then goes on as the round that *begin* makes of both."""

    def __init__(self, facts: Flow[Facts], begin: Callable[[Facts, dict[Any, Any], dict[Any, Send]], Round]) -> None:
        self._begin = begin
        self._asked: dict[Any, Send] = {key_of(one): one for one in FIRST}
        self._ready: list[tuple[Hashable, Any]] = [(_FACTS, facts), *self._asked.items()]
        self._answers: dict[Any, Any] = {}
        self.round: Round | None = None
        """None: the facts have not come."""

    @property
    def finished(self) -> bool:
        """Whether every check has ended."""
        return self.round is not None and self.round.finished

    def ready(self) -> list[tuple[Hashable, Any]]:
        """Return what is to be begun now; each once."""
        found, self._ready = self._ready, []
        return found if self.round is None else found + self.round.ready()

    def tell(self, key: Hashable, outcome: Any) -> None:
        """Take an answer.

        Raises:
            Exception: the facts could not be read, for this reason.
        """
        if self.round is not None:
            self.round.tell(key, outcome)
        elif key != _FACTS:
            self._answers[key] = outcome
            del self._asked[key]
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            self.round = self._begin(outcome, self._answers, self._asked)
