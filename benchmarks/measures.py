"""What is measured, on whom, against whom, and the target: issue 4, "Speed"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SYNC, ASYNC = "boto3_sync", "aiobotocore_async"
"""The raw clients, of the same version as the one under ours."""
GOVERNED = ("gateway_sync",)
HELD = ("aiobotocore_async", "gateway_async")
RAW = (SYNC, "gateway_sync", ASYNC, "gateway_async")
_PACED = 50 * 0.1
"""Seconds an ideal client takes for the paced streams."""


@dataclass(frozen=True)
class Measure:
    """One row: an order to a worker, and which peers it is given to."""

    name: str
    title: str
    do: str
    what: str
    n: int
    place: dict[str, Any] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    """Peers that can do it; none named: all."""
    skip: tuple[str, ...] = ()
    is_async: bool = False
    """Only those of an async peer."""
    rounds: int = 1000
    tail: bool = False
    """The value is the 99th percentile of the durations over the ideal one, not CPU."""

    def fits(self, peer: str) -> bool:
        """Whether *peer* is measured."""
        named = not self.only or peer in self.only
        return named and peer not in self.skip and (not self.is_async or peer.endswith("_async"))

    def value(self, found: dict[str, Any]) -> float:
        """What is kept of a worker's answer."""
        if not self.tail:
            return float(found["cpu"])
        durations = sorted(found["durations"])
        return float(durations[int(0.99 * (len(durations) - 1))] / _PACED)


BURST = {"port": "burst-500"}
MEASURES = (
    Measure("call", "a call", "calls", "call", 150),
    Measure("stream", "an event of a stream (burst of 500)", "streams", "stream", 5, BURST),
    Measure("invoke", "a call of InvokeModel", "calls", "invoke", 150, only=RAW),
    Measure("invoke stream", "an event of an InvokeModel stream", "streams", "invoke_stream", 5, BURST, only=RAW),
    Measure(
        "many", "an event, 200 streams of 50 at once", "concurrent", "stream", 200, {"port": "burst-50"}, is_async=True
    ),
    Measure(
        "paced",
        "p99 of 1,000 paced streams / ideal",
        "concurrent",
        "stream",
        1000,
        {"port": "paced-50"},
        only=HELD,
        is_async=True,
        rounds=3,
        tail=True,
    ),
)

IMPORTS = {
    "import boto3": "import boto3",
    "import bedrock_gateway": "import bedrock_gateway",
    "import bedrock_gateway, with Gateway": "from bedrock_gateway import Gateway",
    "import bedrock_gateway, with Gateway and GatewayConfig": "from bedrock_gateway import Gateway, GatewayConfig",
}
_CLIENT = "from adapters.{name} import Peer; peer = Peer('http://127.0.0.1:1')"
STARTS = {
    "first client, boto3": "import boto3; boto3.client('bedrock-runtime', region_name='us-east-2')",
    "first client, Gateway": _CLIENT.format(name="gateway_sync") + "; peer.gateway._perform.client('bedrock-runtime')",
}


@dataclass(frozen=True)
class Target:
    """A figure that issue 4 asks for."""

    title: str
    measure: str
    ours: str
    base: str | None
    """Peer (or start) that ours is divided by; None: the figure itself."""
    limit: float | None
    """None: reported only."""
    scale: float = 1.0
    difference: bool = False
    """Ours less the base, not divided by it."""


TARGETS = (
    Target("sync call, CPU / boto3", "call", "gateway_sync", SYNC, 0.85),
    Target("async call, CPU / aiobotocore", "call", "gateway_async", ASYNC, 0.90),
    Target("sync stream, CPU an event / boto3", "stream", "gateway_sync", SYNC, 0.30),
    Target("async stream, CPU an event / aiobotocore", "stream", "gateway_async", ASYNC, 0.30),
    Target("200 async streams of 50 events, CPU / aiobotocore", "many", "gateway_async", ASYNC, 0.50),
    Target("governance alone, µs a call", "governance", "gateway_sync", None, 25.0, 1e6),
    Target("1,000 paced streams, p99 / ideal", "paced", "gateway_async", None, 1.15),
    Target("the same, aiobotocore", "paced", ASYNC, None, None),
    Target("`import bedrock_gateway`, ms", "start", "import bedrock_gateway", None, 20.0, 1e3),
    Target(
        "import with `Gateway` / `import boto3`", "start", "import bedrock_gateway, with Gateway", "import boto3", 1.25
    ),
    Target(
        "import with `Gateway` and `GatewayConfig` / `import boto3`",
        "start",
        "import bedrock_gateway, with Gateway and GatewayConfig",
        "import boto3",
        None,
    ),
    Target("import and first client / boto3's", "start", "first client, Gateway", "first client, boto3", 1.5),
    Target("memory over boto3 after the first call, MB", "rss", "gateway_sync", SYNC, 15.0, 1e-6, difference=True),
    Target("memory of an open async stream, KB", "stream memory", "gateway_async", None, None, 1e-3),
    Target("the same, aiobotocore, KB", "stream memory", ASYNC, None, None, 1e-3),
    Target("InvokeModel, sync call, CPU / boto3", "invoke", "gateway_sync", SYNC, None),
    Target("InvokeModel, async call, CPU / aiobotocore", "invoke", "gateway_async", ASYNC, None),
    Target("InvokeModel, sync stream, CPU an event / boto3", "invoke stream", "gateway_sync", SYNC, None),
    Target("InvokeModel, async stream, CPU an event / aiobotocore", "invoke stream", "gateway_async", ASYNC, None),
)
