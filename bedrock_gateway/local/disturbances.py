"""What stands between a client and AWS: throttled, failing and silent endpoints, a proxy that answers with a page.

A disturbance comes before anything is looked at, rights included, and for every operation or one:

    local.state.of(Disturbances).add(Disturbance("throttled", service="bedrock"))

"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.wire.message import Response, one_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KINDS", "Disturbance", "Disturbances"]

_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"
_LONGEST_SECONDS = 60.0


@dataclass(slots=True)
class Disturbance:
    """One of them; what is None matches everything."""

    kind: str
    """One of `KINDS`."""
    service: str | None = None
    """botocore's name: ``bedrock``, ``sts``, ``s3`` …"""
    operation: str | None = None
    times: int | None = None
    """How often it still happens; None: until it is taken away."""


@dataclass(slots=True)
class Disturbances:
    """The disturbances of one account."""

    rules: list[Disturbance] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    """Set when silent requests are to be answered at once."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rule: Disturbance) -> None:
        """Begin a disturbance."""
        if rule.kind not in KINDS:
            raise ValueError(f"a disturbance is one of {', '.join(KINDS)}, not {rule.kind!r}")
        with self.lock:
            self.rules.append(rule)

    def clear(self) -> None:
        """End all, and let go of whoever still waits."""
        with self.lock:
            self.rules.clear()
        self.over.set()

    def _taken(self, service: str, operation: str) -> Disturbance | None:
        with self.lock:
            for rule in self.rules:
                if rule.service in {None, service} and rule.operation in {None, operation} and rule.times != 0:
                    rule.times = None if rule.times is None else rule.times - 1
                    return rule
        return None

    def meet(self, service: str, operation: str) -> Response | None:
        """Return what is answered in place of AWS; None: nothing disturbs.

        Raises:
            Fault: an error of AWS.
        """
        rule = self._taken(service, operation)
        return KINDS[rule.kind](self, service) if rule else None


def _throttled(_: Disturbances, service: str) -> Response:
    code, status = _THROTTLES.get(service, ("ThrottlingException", 429 if service.startswith("bedrock") else 400))
    raise Fault(code, "Rate exceeded", status)


_THROTTLES: Mapping[str, tuple[str, int]] = {
    "iam": ("Throttling", 400),
    "sts": ("Throttling", 400),
    "s3": ("SlowDown", 503),
}


def _unavailable(_: Disturbances, service: str) -> Response:
    code = "ServiceUnavailable" if service in _THROTTLES else "ServiceUnavailableException"
    raise Fault(code, "Service is unavailable, please try again later.", 503)


def _silent(all_: Disturbances, service: str) -> Response:
    all_.over.wait(_LONGEST_SECONDS)
    return _unavailable(all_, service)


def _page(_: Disturbances, __: str) -> Response:
    headers = {"content-type": "text/html; charset=utf-8", "content-length": str(len(_PAGE))}
    return Response(200, headers, one_chunk(_PAGE))


def _nothing(_: Disturbances, __: str) -> Response:
    return Response(200, {"content-length": "0"}, ())


KINDS: Mapping[str, Callable[[Disturbances, str], Response]] = {
    "throttled": _throttled,
    "unavailable": _unavailable,
    "silent": _silent,
    "page": _page,
    "empty": _nothing,
}
"""What can happen to a request: AWS throttles it, is unavailable, never answers; or a box in between sends a page of HTML,
or nothing at all."""
