"""No logging, no invoke: the preflight that a gateway runs by itself before it calls a model, and again from time to time.

There is no thread: the call that finds the last pass too old checks again, and those beside it wait for what it finds.
The clock is the flow's, so that tests move it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from bedrock_gateway._commands import Acquire, Flow
from bedrock_gateway.errors import PreflightFailedError
from bedrock_gateway.events import PreflightDrifted

if TYPE_CHECKING:
    from collections.abc import Callable

    from bedrock_gateway._commands import Send
    from bedrock_gateway.config import GatewayConfig, PreflightConfig
    from bedrock_gateway.preflight.report import Report

__all__ = ["GUARDED", "Gate"]

GUARDED = frozenset({"bedrock-runtime", "bedrock-agent-runtime"})
"""Services whose calls run models."""
AGAIN_SECONDS = 10.0
"""A preflight that refused is not repeated for each call of a storm of them."""
_READABLE_LATER = frozenset(
    {"timeout", "TransportError", "ThrottlingException", "TooManyRequestsException", "Throttling"}
)


class Gate:
    """Lets calls to models pass once a preflight has; shared by all views of a gateway."""

    def __init__(
        self,
        config: GatewayConfig,
        principal: str,
        turn: Any,
        emit: Callable[[Any], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*turn* is a permit: one call checks at a time."""
        self._settings: PreflightConfig = config.preflight
        self._config, self._principal = config, principal
        self._turn, self._emit, self._clock = turn, emit, clock
        self._passed: float | None = None
        """When a preflight of this process last passed."""
        self._looked: float | None = None
        """When one last ended, however it did."""
        self._refused: Report | None = None
        """What stands against calls now."""
        self._lock = threading.Lock()

    def passed(self, send: Send, checks: Callable[[], Flow[Report]]) -> Flow[None]:
        """Let *send* pass, after *checks* where they are due.

        Raises:
            PreflightFailedError: mode is ``enforce`` and the preflight failed; nothing was sent.
        """
        if send.service not in GUARDED:
            return
        if self._due():
            yield Acquire(self._turn, send.until)
            try:
                if self._due():
                    self.learn((yield from checks()))
            finally:
                self._turn.release()
        self.refuse()

    def refuse(self) -> None:
        """Refuse what stands refused.

        Raises:
            PreflightFailedError: the last preflight failed and mode is ``enforce``.
        """
        report = self._refused
        if report is not None:
            found = [f"{one.id}: {one.summary}" for one in report.failed] or ["LOG-01: could not be decided"]
            said = f"no model is called: the preflight failed. {'; '.join(found)}"
            raise PreflightFailedError(said, report=report)

    def fresh(self, send: Send) -> None:
        """Refuse *send* where no preflight has passed of late; for clients whose calls are no flows of ours.

        Raises:
            PreflightFailedError: the last one failed, or there is none that still holds.
        """
        if send.service not in GUARDED:
            return
        self.refuse()
        if self._settings.mode == "enforce" and self._due():
            raise PreflightFailedError("no preflight has passed of late: run gateway.preflight()", report=None)

    def learn(self, report: Report) -> None:
        """Take what a preflight found, whoever ran it."""
        with self._lock:
            now = self._clock()
            before, self._looked = self._passed, now
            if report.ok:
                self._passed, self._refused = now, None
                return
            if self._settings.mode != "enforce":
                self._refused = None
                return
            action = self._action(report, before, now)
            self._refused = report if action == "refuse" else None
        if before is not None:
            self._emit(self._drifted(report, action))

    def _action(self, report: Report, before: float | None, now: float) -> str:
        if before is None:
            return "refuse"
        if not report.failed and all(one.error_code in _READABLE_LATER for one in report.unknown if one.id == "LOG-01"):
            return "wait" if now - before <= self._settings.grace_seconds else "refuse"
        return self._settings.on_drift

    def _due(self) -> bool:
        looked = self._looked
        if looked is None:
            return True
        settled = self._refused is None and self._passed == looked
        return self._clock() - looked >= (self._settings.recheck_seconds if settled else self._pause())

    def _pause(self) -> float:
        return AGAIN_SECONDS if self._settings.mode == "enforce" else self._settings.recheck_seconds

    def _drifted(self, report: Report, action: str) -> PreflightDrifted:
        return PreflightDrifted(
            action=action,
            checks=tuple(one.id for one in (*report.failed, *(one for one in report.unknown if one.id == "LOG-01"))),
            principal=self._principal,
            region=self._config.region,
            local=self._config.local,
        )
