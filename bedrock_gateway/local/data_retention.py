"""What the account lets be kept of its calls: one mode an account, only remembered: nothing leaves this machine anyway.

Whether AWS keeps the mode for each Region apart is not documented; here it is the account's, as the operations' names say.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.call import Reply
from bedrock_gateway.local.guardrails.constraints import check

if TYPE_CHECKING:
    from bedrock_gateway.local.call import Call, Handlers

__all__ = ["HANDLERS", "DataRetention"]


@dataclass(slots=True)
class DataRetention:
    """The account's mode: ``default``, ``none``, ``aws_review``, ``provider_data_share`` or ``inherit``."""

    mode: str = "default"
    updated_at: datetime | None = None
    """None: nobody has set it yet."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, mode: str) -> None:
        """Set the mode now."""
        with self.lock:
            self.mode, self.updated_at = mode, datetime.now(UTC)

    def shown(self) -> dict[str, Any]:
        """Return what both operations answer."""
        with self.lock:
            updated = {"updatedAt": self.updated_at} if self.updated_at else {}
            return {"mode": self.mode, **updated}


def _get(call: Call) -> Reply:
    return Reply(call.state.of(DataRetention).shown())


def _put(call: Call) -> Reply:
    check(call)
    held = call.state.of(DataRetention)
    held.set(call.params["mode"])
    return Reply(held.shown())


HANDLERS: Handlers = {
    ("bedrock", "GetAccountDataRetention"): _get,
    ("bedrock", "PutAccountDataRetention"): _put,
}
