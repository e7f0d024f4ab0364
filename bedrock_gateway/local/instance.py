"""`LocalBedrock`: one local AWS account, on a port or inside this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.app import App
from bedrock_gateway.local.call import State
from bedrock_gateway.local.enforcement import MODES, Decided, Gate
from bedrock_gateway.local.principals import Directory
from bedrock_gateway.local.server import serving

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bedrock_gateway.local.server import LocalServer

__all__ = ["ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", "LocalBedrock"]

ROOT_ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
"""AWS's documentation example: known to everybody, so good for nothing but this machine."""
ROOT_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


class LocalBedrock:
    """One local AWS account with Bedrock and, through moto, the services around it.

    moto keeps its state in the process: two of these in one process share users, buckets and logs where they name the
    same account.
    """

    def __init__(
        self,
        *,
        account: str = "123456789012",
        iam: str = "enforce",
        root_access_key: str = ROOT_ACCESS_KEY,
        root_secret_key: str = ROOT_SECRET_KEY,
        region: str | None = None,
        pace_seconds: float = 0.005,
    ) -> None:
        if iam not in MODES:
            raise ValueError(f"iam is one of {', '.join(MODES)}, not {iam!r}")
        self.account = account
        self.iam = iam
        self.region = region
        self.pace_seconds = pace_seconds
        self.state = State()
        self._gate = Gate(iam, Directory(account, "aws", root_access_key, root_secret_key), self.state)
        self.app = App(self._gate, self.state)

    @property
    def decisions(self) -> tuple[Decided, ...]:
        """The newest decisions, oldest first."""
        return tuple(self._gate.decisions)

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[LocalServer]:
        """Serve on a port while the context lasts; port 0 takes a free one. What is yielded has ``.endpoint``.

        Raises:
            OSError: the port is in use.
        """
        return serving(self.app, host, port)
