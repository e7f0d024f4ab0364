"""What a preflight costs beside bare boto3 that asks the same: wall time over answers that take 50 ms, and memory.

usage: python benchmarks/preflight_speed.py [--rounds N] [--latency SECONDS] [--json FILE]

The answers are recorded once, from the local Bedrock with a whole account in it, and then come from a small server in a
process of its own that waits and sends bytes. Each figure is of a fresh process; bare boto3 makes the same clients and asks
the same questions, one after the other. It prints figures beside targets and asserts none: they depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
LEVELS = {"minimal": "app", "standard": "operator"}
KEYS = {
    "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")
DROPPED = {"content-length", "transfer-encoding", "connection", "date", "server"}
TARGET_RATIO, TARGET_MINIMAL_SECONDS, TARGET_MEGABYTES = 1.5, 0.5, 15.0


def key_of(method: str, target: str, headers: dict[str, str], body: bytes, *, exact: bool) -> str:
    """What tells one question from another; not *exact*: whatever its parameters are in the body."""
    signed = SCOPE.search(headers.get("authorization", ""))
    action = re.search(rb"(?:^|&)Action=(\w+)", body)
    said = hashlib.sha256(body).hexdigest() if exact else ""
    parts = (
        signed[1] if signed else "",
        method,
        target,
        headers.get("x-amz-target", ""),
        action[1].decode() if action else "",
        said,
    )
    return " ".join(parts)


# -- recording: once, with the local Bedrock ---------------------------------------------------------------------------


class Recorder:
    """Passes requests on to the local Bedrock, and keeps what it answered."""

    def __init__(self, app: Any) -> None:
        self.app, self.kept, self.on = app, {}, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def handle(self, request: Any) -> Any:
        from dataclasses import replace

        response = self.app.handle(request)
        if not self.on:
            return response
        body = b"".join(response.body)
        target = request.raw_path + (f"?{request.raw_query}" if request.raw_query else "")
        head = {name: value for name, value in response.headers.items() if name.lower() not in DROPPED}
        for exact in (True, False):
            asked = key_of(request.method, target, dict(request.headers), request.body, exact=exact)
            self.kept.setdefault(asked, [response.status, head, body.decode("latin-1"), len(body)])
        return replace(response, body=(body,))


def record(folder: Path) -> dict[str, Any]:
    """Set up an account, run each level once by hand, wave by wave; returns what it asks and how long its chain is."""
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
    from world import World

    from bedrock_gateway._drive import together
    from bedrock_gateway.local import LocalBedrock
    from bedrock_gateway.local.server import serving

    waves: list[int] = []

    def in_waves(command: Any, drive: Any, _prepare: Any) -> None:
        while not command.work.finished:
            waves.append(0)
            for key, flow in command.work.ready():
                command.work.tell(key, _outcome(drive, flow))

    (folder / "documents").mkdir()
    (folder / "documents" / "handbook.md").write_text("# Leave\n\nEvery employee has 25 days of paid leave a year.\n")
    found: dict[str, Any] = {}
    with LocalBedrock() as local:
        recorder = Recorder(local.app)
        with serving(recorder, "127.0.0.1", 0) as server:
            world = World(local, server.endpoint, folder)
            world.seed(folder / "documents")
            together.in_threads, before = in_waves, together.in_threads
            for level, principal in LEVELS.items():
                recorder.kept, recorder.on = {}, True
                found[level] = _one_run(world, level, principal, waves)
                recorder.on = False
                (folder / f"{level}.json").write_text(json.dumps(recorder.kept))
            together.in_threads = before
            found["config"] = world.config.model_dump(mode="json")
    return found


def _outcome(drive: Any, flow: Any) -> Any:
    """What came of *flow*, or the error in its place, as the drivers tell it."""
    try:
        return drive(flow)
    except Exception as error:  # noqa: BLE001 - whoever asked decides what it means
        return error


def _one_run(world: Any, level: str, principal: str, waves: list[int]) -> dict[str, Any]:
    session = world.become(principal)

    def given(params: Any, model: Any, **_: Any) -> None:
        questions.append([model.service_model.service_name, model.name, dict(params)])

    questions: list[Any] = []
    session.events.register("before-parameter-build", given)
    from bedrock_gateway import Gateway

    with Gateway(world.config, principal=principal, session=session, observers=()) as gateway:
        report = gateway.preflight(level, deadline_seconds=600)
        waves.clear()
        questions.clear()
        gateway.preflight(level, deadline_seconds=600)
        clients = sorted(service for service, _ in gateway._perform._clients)  # noqa: SLF001 - what there is to compare
    return {"report": report.counts, "questions": questions, "clients": clients, "chain": len(waves)}


# -- answering: in a process of its own --------------------------------------------------------------------------------


async def answer(answers: dict[str, Any], latency: float) -> None:
    """Serve what was recorded, each answer *latency* seconds after its request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *rows = head.strip().split("\r\n")
                method, target, _ = first.split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await asyncio.sleep(latency)
                writer.write(_reply(answers, method, target, headers, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _reply(answers: dict[str, Any], method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
    found = next(
        (one for exact in (True, False) if (one := answers.get(key_of(method, target, headers, body, exact=exact)))),
        None,
    )
    status, head, said, size = found or [501, {}, "", 0]
    rows = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in head.items())]
    rows += (
        []
        if method == "HEAD" and any(name.lower() == "content-length" for name in head)
        else [f"content-length: {size}"]
    )
    return "\r\n".join([*rows, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else said.encode("latin-1"))


@contextmanager
def stub(answers: Path, latency: float) -> Iterator[str]:
    command = [sys.executable, __file__, "--answer", str(answers), "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


# -- one figure: in a fresh process ------------------------------------------------------------------------------------


def resident() -> float:
    """Megabytes that this process holds."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def bare(work: dict[str, Any]) -> dict[str, float]:
    """boto3 alone: the same clients, then the same questions in their order."""
    import boto3
    from botocore import xform_name
    from botocore.config import Config
    from botocore.exceptions import ClientError

    session = boto3.Session(region_name=work["config"]["region"])
    once = Config(retries={"total_max_attempts": 1})
    began = time.perf_counter()
    made = {one: session.client(one, endpoint_url=work["endpoint"], config=once) for one in work["clients"]}
    creation = time.perf_counter() - began
    for service, operation, params in work["questions"]:
        with suppress(ClientError):
            getattr(made[service], xform_name(operation))(**params)
    return {"creation": creation, "seconds": time.perf_counter() - began, "megabytes": resident()}


def ours(work: dict[str, Any]) -> dict[str, float]:
    """A gateway's preflight, from nothing to its report; with boto3 imported, as it is for bare boto3."""
    sys.path.insert(0, str(ROOT))
    began = time.perf_counter()
    import boto3  # noqa: F401 - counted with the first preflight of a process, and apart from it

    imported = time.perf_counter()
    from bedrock_gateway import Gateway, GatewayConfig

    config = GatewayConfig(**work["config"] | {"endpoint": work["endpoint"]})
    gateway = Gateway(config, principal=work["principal"], observers=())
    before = time.perf_counter()
    report = gateway.preflight(work["level"], deadline_seconds=60)
    first = time.perf_counter() - before
    before = time.perf_counter()
    gateway.preflight(work["level"], deadline_seconds=60)
    again = time.perf_counter() - before
    assert report.counts["pass"] + report.counts["warn"] > report.counts["unknown"], report.counts
    return {
        "seconds": first,
        "again": again,
        "start": first + imported - began,
        "megabytes": resident(),
        "passed": report.counts["pass"],
        "unknown": report.counts["unknown"],
    }


def measured(which: str, work: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", which]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = kept | KEYS | {"AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        command, input=json.dumps(work), stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def figures(folder: Path, rounds: int, latency: float) -> dict[str, dict[str, float]]:
    """Everything, interleaved; medians."""
    found = record(folder)
    runs: dict[tuple[str, str], list[dict[str, float]]] = {}
    with ExitStack() as stack:
        endpoints = {level: stack.enter_context(stub(folder / f"{level}.json", latency)) for level in LEVELS}
        for _ in range(rounds):
            for level, principal in LEVELS.items():
                work = {
                    **found[level],
                    "config": found["config"],
                    "endpoint": endpoints[level],
                    "level": level,
                    "principal": principal,
                }
                for which in ("bare", "ours"):
                    runs.setdefault((level, which), []).append(measured(which, work))
    out: dict[str, dict[str, float]] = {}
    for level in LEVELS:
        one = {
            f"{which} {name}": median(run[name] for run in runs[level, which])
            for which in ("bare", "ours")
            for name in runs[level, which][0]
        }
        chain = found[level]["chain"]
        one |= {"questions": len(found[level]["questions"]), "chain": chain, "clients": len(found[level]["clients"])}
        one["bound"] = TARGET_RATIO * (chain * latency + one["bare creation"])
        out[level] = one
    return out


def table(found: dict[str, dict[str, float]], latency: float) -> str:
    rows = ["| figure | minimal | standard | target |", "| --- | --- | --- | --- |"]

    def row(name: str, value: Any, target: str = "") -> None:
        rows.append(f"| {name} | {value(found['minimal'])} | {value(found['standard'])} | {target} |")

    row("questions, of which the longest chain", lambda one: f"{one['questions']:.0f}, {one['chain']:.0f}")
    row("clients, and their making in bare boto3, s", lambda one: f"{one['clients']:.0f}, {one['bare creation']:.2f}")
    row("bare boto3, one question after the other, s", lambda one: f"{one['bare seconds']:.2f}")
    row(
        "preflight, s",
        lambda one: f"{one['ours seconds']:.2f}",
        f"minimal ≤ {TARGET_MINIMAL_SECONDS:g}; standard ≤ {TARGET_RATIO:g} times (chain at {latency * 1000:.0f} ms + making of clients)",
    )
    row("that bound, s", lambda one: f"{one['bound']:.2f}")
    row("the next one of the process, s", lambda one: f"{one['ours again']:.2f}")
    row("the first one with `import boto3`, s", lambda one: f"{one['ours start']:.2f}")
    row(
        "MB above bare boto3",
        lambda one: f"{one['ours megabytes'] - one['bare megabytes']:.1f}",
        f"≤ {TARGET_MEGABYTES:g}",
    )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds until each answer")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--answer", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=("bare", "ours"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.answer:
        asyncio.run(answer(json.loads(Path(args.answer).read_text()), args.latency))
    elif args.measure:
        sys.stdout.write(json.dumps({"bare": bare, "ours": ours}[args.measure](json.load(sys.stdin))))
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = figures(Path(folder), args.rounds, args.latency)
        if args.json:
            Path(args.json).write_text(json.dumps(found, indent=1))
        print(table(found, args.latency))


if __name__ == "__main__":
    main()
