"""One peer in a process of its own, under the orders of run.py: a JSON line in, a JSON line out.

usage: python worker.py ADAPTER '{"burst-500": 8080, …}'
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from stub import pinned

HERE = Path(__file__).parent
PAGE = os.sysconf("SC_PAGE_SIZE")
EXPECTED = {"burst-500": 500, "burst-50": 50, "paced-50": 50}


def load(name: str) -> Any:
    """Import an adapter by its file's name."""
    spec = importlib.util.spec_from_file_location(f"adapter_{name}", HERE / "adapters" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rss() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Worker:
    """Holds one client a port, so that connections are reused as a service would reuse them."""

    def __init__(self, adapter: Any, ports: dict[str, int]) -> None:
        self.adapter = adapter
        self.ports = ports
        self.loop = asyncio.new_event_loop()
        self.peers: dict[str, Any] = {}

    def run(self, made: Any) -> Any:
        """Await *made* if the peer is async."""
        return self.loop.run_until_complete(made) if asyncio.iscoroutine(made) else made

    def peer(self, port: str) -> Any:
        if port not in self.peers:
            made = self.adapter.Peer(f"http://127.0.0.1:{self.ports[port]}")
            self.run(made.open() if hasattr(made, "open") else None)
            self.peers[port] = made
        return self.peers[port]

    def measured(self, batch: Any, count: int) -> dict[str, Any]:
        """Run *batch*; CPU is that of the whole process, all its threads."""
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        durations = batch()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return {"cpu": cpu / count, "wall": wall / count, "durations": durations}

    def calls(self, what: str, n: int, port: str = "burst-500") -> dict[str, Any]:
        """*n* unary calls, one after the other."""
        method = getattr(self.peer(port), what)
        if not asyncio.iscoroutinefunction(method):

            def batch() -> None:
                for _ in range(n):
                    check(method(), None)

            return self.measured(batch, n)

        async def awaited() -> None:
            for _ in range(n):
                check(await method(), None)

        return self.measured(lambda: self.run(awaited()), n)

    def streams(self, what: str, n: int, port: str) -> dict[str, Any]:
        """*n* streams, one after the other; CPU is that of an event."""
        method, events = getattr(self.peer(port), what), EXPECTED[port]
        if not asyncio.iscoroutinefunction(method):

            def batch() -> None:
                for _ in range(n):
                    check(method(), events)

            return self.measured(batch, n * events)

        async def awaited() -> None:
            for _ in range(n):
                check(await method(), events)

        return self.measured(lambda: self.run(awaited()), n * events)

    def concurrent(self, what: str, n: int, port: str) -> dict[str, Any]:
        """*n* streams at once; CPU is that of an event, and how long each stream took."""
        method, events = getattr(self.peer(port), what), EXPECTED[port]

        async def one() -> float:
            started = time.perf_counter()
            check(await method(), events)
            return time.perf_counter() - started

        async def everyone() -> list[float]:
            return list(await asyncio.gather(*(one() for _ in range(n))))

        return self.measured(lambda: self.run(everyone()), n * events)

    def memory(self, what: str = "call", port: str = "burst-500") -> dict[str, Any]:
        """Resident bytes after the first call."""
        self.calls(what, 1, port)
        return {"rss": rss()}

    def held(self, n: int, port: str = "open") -> dict[str, Any]:
        """Resident bytes that each of *n* open streams adds, past the first event of each."""
        peer = self.peer(port)
        warm = self.run(peer.hold())
        gc.collect()
        before = rss()

        async def everyone() -> list[Any]:
            return list(await asyncio.gather(*(peer.hold() for _ in range(n))))

        streams = self.run(everyone())
        gc.collect()
        added = rss() - before
        del streams, warm
        return {"bytes": added / n}

    def governance(self, n: int) -> dict[str, Any]:
        """*n* governed calls with nothing under them."""
        method = self.peer("burst-500").governance
        method(10)
        return self.measured(lambda: method(n), n)


def check(found: int, expected: int | None) -> None:
    """A peer that answers wrongly fast is not measured."""
    if found != expected if expected is not None else not found:
        raise SystemExit(f"expected {expected} events, not {found}")


def main() -> None:
    pinned(0)
    name, ports = sys.argv[1], json.loads(sys.argv[2])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer of ours
    worker = Worker(load(name), ports)
    asyncio.set_event_loop(worker.loop)
    for line in sys.stdin:
        order = json.loads(line)
        found = getattr(worker, order.pop("do"))(**order)
        out.write(json.dumps(found) + "\n")
        out.flush()
    out.close()
    os._exit(0)  # open streams of a peer may hold its interpreter up


if __name__ == "__main__":
    main()
