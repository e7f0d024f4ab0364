"""Measure this library against its peers on one machine, in interleaved rounds.

usage: python benchmarks/run.py [--peers gateway_sync,boto3_sync,…] [--rounds N] [--json FILE] [--docs]

Each peer has a process, and an environment that is made on demand; a round runs every measure on every peer, in an order
that is drawn anew. What counts is CPU time as a ratio to the raw client of the same version in the same round: absolute
figures move with the load of the machine, ratios hardly.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import environments
import report
from measures import GOVERNED, HELD, IMPORTS, MEASURES, STARTS, Measure

HERE = Path(__file__).parent
# AWS's documentation example; the server does not look at signatures.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "us-east-2",
    "AWS_DEFAULT_REGION": "us-east-2",
}


def environment() -> dict[str, str]:
    """What every process sees: nothing of whoever runs this.

    With PYTHONDONTWRITEBYTECODE, say, this tree would be compiled at each import, and what pip installed would not.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BEDROCKGW_", "PYTHON"))}
    nowhere = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    return kept | CREDENTIALS | nowhere


class Worker:
    """A peer's process."""

    def __init__(self, name: str, python: str, ports: dict[str, int], errors: Path) -> None:
        self.name = name
        self.errors = errors
        self.process = subprocess.Popen(
            [python, HERE / "worker.py", name, json.dumps(ports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors.open("w"),  # where our own log lines go
            text=True,
            env=environment(),
        )

    def ask(self, **order: Any) -> dict[str, Any]:
        """Let it do one thing."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps(order), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SystemExit(f"{self.name} failed at {order}:\n{self.errors.read_text()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


class Server:
    """The stub's process."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, HERE / "stub.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.ports: dict[str, int] = json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def cpu_of(python: str, code: str) -> float:
    """CPU seconds of a fresh interpreter that runs *code*."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", code], check=True, env=environment(), cwd=HERE, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


class Run:
    """Everything measured, as it comes."""

    def __init__(self, names: list[str], cache: Path, interpreter: str) -> None:
        known = environments.adapters()
        self.adapters = {name: known[name] for name in names}
        self.pythons = {name: environments.python_of(one, cache, interpreter) for name, one in self.adapters.items()}
        self.logs = cache / "logs"
        self.logs.mkdir(exist_ok=True)
        self.interpreter = interpreter
        self.server = Server(interpreter)
        self.samples: dict[str, dict[str, list[float]]] = {}

    def keep(self, measure: str, name: str, value: float) -> None:
        self.samples.setdefault(measure, {}).setdefault(name, []).append(value)

    def worker(self, name: str) -> Worker:
        return Worker(name, self.pythons[name], self.server.ports, self.logs / f"{name}.log")

    def warm(self) -> dict[str, Worker]:
        workers = {name: self.worker(name) for name in self.adapters}
        for name, worker in workers.items():
            for measure in MEASURES:
                if measure.fits(name):
                    worker.ask(do=measure.do, what=measure.what, n=max(1, measure.n // 10), **measure.place)
        return workers

    def rounds(self, count: int) -> None:
        """CPU of calls and events."""
        workers = self.warm()
        for number in range(count):
            print(f"round {number + 1} of {count}", file=sys.stderr)
            for measure in MEASURES:
                if number < measure.rounds:
                    self.once(measure, workers)
            governed = [name for name in workers if name in GOVERNED]
            for name in governed:
                self.keep("governance", name, workers[name].ask(do="governance", n=1000)["cpu"])
        for worker in workers.values():
            worker.close()

    def once(self, measure: Measure, workers: dict[str, Worker]) -> None:
        names = [name for name in workers if measure.fits(name)]
        random.shuffle(names)
        for name in names:
            found = workers[name].ask(do=measure.do, what=measure.what, n=measure.n, **measure.place)
            self.keep(measure.name, name, measure.value(found))

    def starts(self, count: int) -> None:
        """What importing costs, and the first client, in fresh interpreters."""
        python = self.pythons[next(name for name in self.adapters if not self.adapters[name].requirements)]
        for code in {**IMPORTS, **STARTS}.values():
            cpu_of(python, code)  # what is compiled is compiled once
        for _ in range(count):
            nothing = cpu_of(python, "pass")
            for name, code in random.sample(sorted({**IMPORTS, **STARTS}.items()), len(IMPORTS) + len(STARTS)):
                self.keep("start", name, cpu_of(python, code) - nothing)

    def memory(self, count: int) -> None:
        """Resident memory: after the first call, and of each open stream, in fresh processes."""
        for worker in map(self.worker, self.adapters):
            worker.ask(do="memory")  # what is compiled is compiled once
            worker.close()
        for _ in range(count):
            for name in self.adapters:
                worker = self.worker(name)
                self.keep("rss", name, worker.ask(do="memory")["rss"])
                if name in HELD:
                    self.keep("stream memory", name, worker.ask(do="held", n=500)["bytes"])
                worker.close()

    def result(self, rounds: int, load: tuple[float, ...]) -> dict[str, Any]:
        return {
            "format": 1,
            "measured": time.strftime("%Y-%m-%d", time.gmtime()),
            "python": subprocess.run(
                [self.interpreter, "-c", "import platform; print(platform.python_version())"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip(),
            "machine": {"system": platform.system(), "processor": processor(), "cores": os.cpu_count()},
            "load_average": {"before": load[0], "after": os.getloadavg()[0]},
            "rounds": rounds,
            "peers": {
                name: {
                    "title": one.title,
                    "versions": environments.versions_of(self.pythons[name], one.distributions),
                }
                for name, one in self.adapters.items()
            },
            "samples": self.samples,
        }


def processor() -> str:
    """The processor's name, where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def main() -> None:
    known = list(environments.adapters())
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--peers", default=",".join(known), help="comma-separated; default: all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write every sample here")
    parser.add_argument("--docs", action="store_true", help="rewrite the figures of docs/performance.md")
    parser.add_argument("--cache", type=Path, default=environments.default_cache(), help="where environments are kept")
    parser.add_argument("--python", default=environments.newest_python(), help="interpreter of every environment")
    given = parser.parse_args()
    names = given.peers.split(",")
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(known)}")
    if not any(name in GOVERNED for name in names) or "boto3_sync" not in names:
        parser.error("ratios need boto3_sync and gateway_sync among the peers")
    load = os.getloadavg()
    given.cache.mkdir(parents=True, exist_ok=True)
    run = Run(names, given.cache, given.python)
    run.memory(3)
    run.starts(given.rounds)
    run.rounds(given.rounds)
    run.server.close()
    result = run.result(given.rounds, load)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n")
    print(report.text(result))
    if given.docs:
        report.write(result, HERE.parent / "docs")


if __name__ == "__main__":
    main()
