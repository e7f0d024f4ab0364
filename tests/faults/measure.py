"""What each fault becomes: our gateways, and bare boto3 and aiobotocore on the same server.

usage: python -m tests.faults.measure [--docs]   (from the root of the repository)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

from . import wire
from .catalogue import ENCODED, FAULTS, Fault
from .driving import MODEL, SHORT, Driver
from .server import FaultServer

BEGIN, END = "<!-- measured: python -m tests.faults.measure --docs -->", "<!-- /measured -->"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
LIMIT_SECONDS = 2.5
"""Longer than every deadline that is set: what has not ended by then would not have."""
ASK: dict[str, Any] = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
CLIENTS = ("Gateway", "AsyncGateway", "boto3", "aiobotocore")


@dataclass(frozen=True)
class Outcome:
    """What one client made of one fault."""

    told: str
    """``answer``, ``silent``, ``waits`` or the class of the error."""
    requests: int
    open: bool = False
    """Whether a connection was still open while the caller held the error."""
    ours: bool = False

    def shown(self, fault: Fault) -> str:
        words = {"silent": "**success, although cut or empty**", "waits": "**still waits**", "answer": "answer"}
        text = words.get(self.told, f"`{self.told}`")
        text += f", {self.requests} requests" if self.requests > 1 else ""
        return text + (", **socket open**" if self.open and fault.closes else "")

    def kind(self, fault: Fault) -> str:
        """For the sum at the end."""
        if self.told in {"silent", "waits"}:
            return {"silent": "success, although cut or empty", "waits": "still waits after 2.5 s"}[self.told]
        if self.told == "answer":
            return "an answer"
        return "an error" + (", socket left open" if self.open and fault.closes else "")


def judged(fault: Fault, text: str) -> str:
    """Whether an answer is one: without an error expected, or with all of the text."""
    return "answer" if fault.error is None and text == (fault.text or "".join(wire.TEXTS)) else "silent"


async def governed(driver: Driver, fault: Fault, server: FaultServer) -> Outcome:
    """By one of our gateways."""
    from .test_table import call

    async with driver.open(server.port, timeouts=SHORT if fault.slow else None) as opened:
        caught: Exception | None = None
        told = ""
        try:
            result = await call(opened.gateway, fault.operation, [])
            told = judged(fault, result.text)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is measured
            caught, told = error, type(error).__name__
        count = len(server.requests)
        is_open = not await driver.off_the_loop(server.closed, 0.3) if caught is not None and fault.closes else False
        return Outcome(told, count, is_open, ours=True)


def settings_of(config: Any, server: FaultServer) -> dict[str, Any]:
    return {
        "region_name": "us-east-1",
        "endpoint_url": server.url,
        "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "config": config(connect_timeout=SHORT.connect, read_timeout=SHORT.first_byte),
    }


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(one.get("contentBlockDelta", {}).get("delta", {}).get("text", "") for one in events)


def message_text(reply: dict[str, Any]) -> str:
    message = reply.get("output", {}).get("message", {})
    return "".join(one.get("text", "") for one in message.get("content", []))


def bare(fault: Fault, server: FaultServer) -> Outcome:
    """By boto3 as it comes, its timeouts aside."""
    import boto3
    from botocore.config import Config

    client = boto3.client("bedrock-runtime", **settings_of(Config, server))
    found: list[Any] = []

    def work() -> None:
        try:
            if fault.operation == "converse":
                found.append(judged(fault, message_text(client.converse(**ASK))))
            elif fault.operation == "invoke":
                reply = client.invoke_model(modelId=MODEL, body=ENCODED)
                found.append(judged(fault, str(json.loads(reply["body"].read()))))  # as every caller does
            else:
                found.append(judged(fault, text_of(list(client.converse_stream(**ASK)["stream"]))))
        except Exception as error:  # noqa: BLE001 - as above
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    return outcome(found, server, None if not found or isinstance(found[0], str) else server.closed(0.3))


def outcome(found: list[Any], server: FaultServer, released: bool | None) -> Outcome:
    count = len(server.requests)
    if not found:
        return Outcome("waits", count)
    if isinstance(found[0], str):
        return Outcome(found[0], count)
    return Outcome(type(found[0]).__name__, count, released is False)


async def bare_async(fault: Fault, server: FaultServer) -> Outcome:
    """By aiobotocore as it comes, its timeouts aside."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import get_session

    found: list[Any] = []
    released: bool | None = None

    async def work(client: Any) -> str:
        if fault.operation == "converse":
            return message_text(await client.converse(**ASK))
        if fault.operation == "invoke":
            reply = await client.invoke_model(modelId=MODEL, body=ENCODED)
            return str(json.loads(await reply["body"].read()))  # as every caller does
        reply = await client.converse_stream(**ASK)
        return text_of([one async for one in reply["stream"]])

    async with get_session().create_client("bedrock-runtime", **settings_of(AioConfig, server)) as client:
        try:
            async with asyncio.timeout(LIMIT_SECONDS) as limit:
                found.append(judged(fault, await work(client)))
        except Exception as error:  # noqa: BLE001 - as above
            if not limit.expired():
                found.append(error)
                released = await asyncio.to_thread(server.closed, 0.3)
        return outcome(found, server, released)


async def no_wait(*_: Any) -> None:
    """Stands for the waits between retries."""


def measure(fault: Fault) -> dict[str, Outcome]:
    """Every client's outcome of *fault*."""
    found = {}
    for name in CLIENTS:
        with FaultServer(tolerant=True) as server:
            server.answer(*fault.answers)
            if name == "boto3":
                with mock.patch("botocore.endpoint.time.sleep", return_value=None):
                    found[name] = bare(fault, server)
            elif name == "aiobotocore":
                with mock.patch("aiobotocore.endpoint.asyncio.sleep", no_wait):
                    found[name] = asyncio.run(bare_async(fault, server))
            else:
                driver = Driver("sync" if name == "Gateway" else "async")
                found[name] = driver.run(governed, driver, fault, server)
    return found


def merged(results: list[tuple[Fault, dict[str, Outcome]]]) -> list[tuple[str, ...]]:
    """Rows of the table: faults that differ in a number alone, and end alike, are one."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for fault, found in results:
        title = re.sub(r"\bafter \d events", "after k events", fault.title)
        key = (fault.row, title, *(found[name].shown(fault) for name in CLIENTS))
        rows.setdefault(key, [])
        if fault.operation not in rows[key]:
            rows[key].append(fault.operation)
    return [(key[0], f"{key[1]} ({', '.join(operations)})", *key[2:]) for key, operations in rows.items()]


def measured_with(results: list[Any]) -> str:
    return (
        f"{len(results)} faults; boto3 {version('boto3')}, aiobotocore {version('aiobotocore')}, "
        f"read timeout {SHORT.first_byte} s, their own retries, without the waits between them."
    )


def page(results: list[tuple[Fault, dict[str, Outcome]]]) -> str:
    """Everything, as Markdown."""
    lines = [
        measured_with(results),
        "",
        f"| becomes | {' | '.join(CLIENTS)} |",
        "| --- | --- | --- | --- | --- |",
    ]
    sums = {name: Counter(found[name].kind(fault) for fault, found in results) for name in CLIENTS}
    for kind in sorted({kind for one in sums.values() for kind in one}):
        lines.append(f"| {kind} | {' | '.join(str(sums[name][kind]) for name in CLIENTS)} |")
    most = {name: max(found[name].requests for _, found in results) for name in CLIENTS}
    lines += [
        f"| most requests of one call | {' | '.join(str(most[name]) for name in CLIENTS)} |",
        "",
        f"| row | fault | {' | '.join(CLIENTS)} |",
        "| --- | --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in merged(results)),
    ]
    return "\n".join(lines)


def main() -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCKGW_"))]:
        del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent")
    results = []
    started = time.monotonic()
    for at, fault in enumerate(FAULTS):
        with contextlib.redirect_stderr(None):
            results.append((fault, measure(fault)))
        if at % 20 == 0:
            print(f"{at} of {len(FAULTS)}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    made = page(results)
    if "--docs" not in sys.argv:
        print(made)
        return
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
