"""Faults a test can order: an error before the reply, in the middle of a stream, or a slow answer.

Set in process only: ``state.of(Faults).rules.append(FaultRule(operation="Converse", code="ThrottlingException",
status=429))``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from bedrock_gateway.local.call import Fault

__all__ = ["FaultRule", "Faults"]


@dataclass(slots=True)
class FaultRule:
    """One ordered fault; what is None matches everything."""

    operation: str | None = None
    model: str | None = None
    """Id of a foundation model, or what the request gave as ``modelId``."""
    code: str | None = None
    """AWS's error code; None: only the latency."""
    message: str = "Ordered by a fault rule."
    status: int = 400
    after_events: int | None = None
    """In a stream: how many events come before the error; None: the error is the reply."""
    latency_seconds: float = 0.0
    times: int | None = None
    """How often the rule still applies; None: always."""

    def fault(self) -> Fault:
        """Return the error to raise."""
        return Fault(self.code or "InternalServerException", self.message, self.status)


@dataclass(slots=True)
class Faults:
    """The ordered faults of one account; the first that matches is used."""

    rules: list[FaultRule] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self, operation: str, *models: str) -> FaultRule | None:
        """Return the rule for this call, one time used up, or None."""
        with self.lock:
            for rule in self.rules:
                if rule.operation in {None, operation} and (rule.model is None or rule.model in models):
                    if rule.times == 0:
                        continue
                    if rule.times is not None:
                        rule.times -= 1
                    return rule
        return None

    def meet(self, operation: str, *models: str) -> FaultRule | None:
        """Wait and raise as ordered; return the rule if it is for the middle of the stream.

        Raises:
            Fault: as the rule says.
        """
        rule = self.taken(operation, *models)
        if rule is None:
            return None
        if rule.latency_seconds:
            time.sleep(rule.latency_seconds)
        if rule.code is not None and rule.after_events is None:
            raise rule.fault()
        return rule if rule.code is not None else None
