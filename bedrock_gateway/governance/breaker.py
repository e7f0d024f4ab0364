"""When to stop asking a service that is down: a circuit breaker as a pure state machine.

::

    closed ──(failures ≥ ratio of the window, of enough requests)──► open ──(cool-down)──► half-open
      ▲                                                                ▲                      │ one probe
      └──────────────────────────(the probe is answered)───────────────┼──────────────────────┤
                                                                       └──(the probe fails)───┘

It reads no clock and takes no lock: whoever asks says what time it is, on a monotonic clock, and asks from one place at a
time (`governance.protection`). What is neither success nor failure, as a caller that left or a request that was wrong, is
no evidence: it ends a probe, and the next request becomes one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

__all__ = ["Admission", "Breaker", "BreakerPolicy", "Change", "State"]

State = Literal["closed", "open", "half_open"]

_PARTS = 10


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When it opens, and for how long."""

    window_seconds: float = 30.0
    """How far back requests count; kept in tenths."""
    minimum_requests: int = 40
    """Fewer than so many in the window say nothing."""
    failure_ratio: float = 0.5
    """Of the requests in the window, from which on it opens."""
    open_seconds: float = 10.0
    """How long nothing is sent before one request may try."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request may go out. What becomes of it counts only in the same era: before the next change of state."""

    era: int
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """The state has changed."""

    state: Literal["open", "closed"]
    requests: int = 0
    """In the window, when it opened."""
    failures: int = 0


class Breaker:
    """The state of one target."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self.state: State = "closed"
        self._policy = policy
        self._era = 0
        self._probing = False
        self._opened = 0.0
        self._parts: deque[list[float]] = deque()
        """Start of a tenth of the window, requests, failures."""
        self._passing = Admission(0)

    def admit(self, now: float) -> Admission | None:
        """Return leave to send; None: nothing may be sent now."""
        if self.state == "closed":
            return self._passing
        if self.state == "open":
            if self.wait_seconds(now) > 0:
                return None
            self._become("half_open")
        if self._probing:
            return None
        self._probing = True
        return Admission(self._era, probe=True)

    def wait_seconds(self, now: float) -> float:
        """Return how long nothing will be sent yet; 0: a request may go out, or one that is under way decides."""
        return max(0.0, self._opened + self._policy.open_seconds - now) if self.state == "open" else 0.0

    def ended(self, admission: Admission, now: float, *, failed: bool | None) -> Change | None:
        """Count what became of a request (None: no evidence) and return the change of state that it made."""
        if admission.era != self._era:
            return None
        if admission.probe:
            return self._probed(now, failed=failed)
        if failed is None:
            return None
        part = self._part(now)
        part[1] += 1
        part[2] += failed
        return self._judged(now) if failed else None

    def _probed(self, now: float, *, failed: bool | None) -> Change | None:
        self._probing = False
        if failed is None:
            return None
        self._opened = now
        self._become("open" if failed else "closed")
        return Change("open", 1, 1) if failed else Change("closed")

    def _judged(self, now: float) -> Change | None:
        requests, failures = (int(sum(part[at] for part in self._parts)) for at in (1, 2))
        if requests < self._policy.minimum_requests or failures < requests * self._policy.failure_ratio:
            return None
        self._opened = now
        self._become("open")
        return Change("open", requests, failures)

    def _part(self, now: float) -> list[float]:
        """The tenth of the window that *now* is in; those that have left the window are dropped."""
        width = self._policy.window_seconds / _PARTS
        if not self._parts or now >= self._parts[-1][0] + width:
            self._parts.append([now, 0, 0])
            while self._parts[0][0] <= now - self._policy.window_seconds:
                self._parts.popleft()
        return self._parts[-1]

    def _become(self, state: State) -> None:
        self.state, self._era, self._probing = state, self._era + 1, False
        self._passing = Admission(self._era)
        self._parts.clear()
