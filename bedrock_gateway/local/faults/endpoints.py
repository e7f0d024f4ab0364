"""Faults of the way to AWS: its endpoints, what stands before them, and its clock. All of them are switches.

They are about every service and operation, or those given as ``service`` and ``operation``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bedrock_gateway.local.disturbances import Disturbance, Disturbances
from bedrock_gateway.local.faults.hand import AccountFault, Hand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAULTS"]


def _disturbed(kind: str) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        rule = Disturbance(kind, hand.details.get("service"), hand.details.get("operation"))
        hand.state.of(Disturbances).add(rule)

    return make


def _clock(seconds: float) -> Callable[[Hand], None]:
    def make(hand: Hand) -> None:
        hand.local.app.gate.directory.ahead = timedelta(seconds=float(hand.details.get("seconds") or seconds))

    return make


_SWITCHES: Mapping[str, Callable[[Hand], None]] = {
    "a throttled endpoint": _disturbed("throttled"),
    "an endpoint that is unavailable": _disturbed("unavailable"),
    "an endpoint that never answers": _disturbed("silent"),
    "a proxy that answers with a page": _disturbed("page"),
    "a proxy that answers with nothing": _disturbed("empty"),
    # A signature is good for five minutes: at five, nothing would be answered at all.
    "a clock five minutes off": _clock(-290),
    "a clock two minutes off": _clock(120),
}

FAULTS: Mapping[str, AccountFault] = {name: AccountFault(make, by_calls=False) for name, make in _SWITCHES.items()}
