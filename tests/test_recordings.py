"""Every recorded exchange of the client's operations, replayed at HTTP level through both gateways."""

from __future__ import annotations

import asyncio
import base64
import collections
import gzip
import json
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest
from tenacity.stop import stop_after_attempt

from bedrock_gateway import AsyncGateway, Gateway, GatewayConfig, GatewayError, ServiceError, StreamInterruptedError
from bedrock_gateway._eventstream import Decoder
from bedrock_gateway.governance.retry import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "us.amazon.nova-lite-v1:0"
OPERATIONS = (
    "Converse",
    "ConverseStream",
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "Retrieve",
    "RetrieveAndGenerate",
)
DROPPED = {"content-length", "transfer-encoding", "connection", "content-encoding", "date"}


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    answer = b""


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.rfile.read(length)
        self.wfile.write(self.server.answer)


@pytest.fixture(scope="module")
def server():
    with Server(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture(scope="module")
def exchanges(recordings: Path) -> list[dict]:
    with gzip.open(recordings / "exchanges.jsonl.gz", "rt") as lines:
        found = [json.loads(line) for line in lines]
    return [one for one in found if one["operation"] in OPERATIONS and one["fidelity"] in {"wire", "wire-json"}]


def http(exchange: dict) -> bytes:
    body = base64.b64decode(exchange["response_body_b64"])
    headers = {k: v for k, v in exchange["response_headers"].items() if k.lower() not in DROPPED}
    if not any(k.lower() == "content-type" for k in headers):
        headers["content-type"] = "application/json"
    lines = [f"HTTP/1.1 {exchange['status']} X", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "connection: close", "", ""]).encode() + body


def config(server) -> GatewayConfig:
    return GatewayConfig(
        application="replay",
        account="123456789012",
        region="us-east-1",
        local=True,
        endpoint=f"http://127.0.0.1:{server.server_address[1]}",
        principals={
            "app": {
                "capabilities": ["invoke", "invoke-stream", "converse", "converse-stream", "retrieve", "rag"],
                "models": [MODEL],
                "knowledge_bases": ["handbook"],
            }
        },
        knowledge_bases={
            "handbook": {
                "embedding_model": "amazon.titan-embed-text-v2:0",
                "store": "s3-vectors",
                "id": "KB12345678",
            }
        },
    )


def once(gateway):
    from dataclasses import replace

    gateway._context = replace(gateway._context, retry=RetryPolicy(stop=stop_after_attempt(1)))
    return gateway


def one_sync(gateway, operation):
    if operation in {"ConverseStream", "InvokeModelWithResponseStream"}:
        opened = gateway.converse_stream("hi") if operation == "ConverseStream" else gateway.invoke_model_stream({})
        with opened as stream:
            return stream.result()
    return CALLS[operation](gateway)


async def one_async(gateway, operation):
    if operation in {"ConverseStream", "InvokeModelWithResponseStream"}:
        opened = gateway.converse_stream("hi") if operation == "ConverseStream" else gateway.invoke_model_stream({})
        async with opened as stream:
            return await stream.result()
    return await CALLS[operation](gateway)


CALLS = {
    "Converse": lambda g: g.converse("hi"),
    "InvokeModel": lambda g: g.invoke_model({}),
    "Retrieve": lambda g: g.retrieve("hi", knowledge_base="handbook"),
    "RetrieveAndGenerate": lambda g: g.retrieve_and_generate("hi", knowledge_base="handbook"),
}


def sync_all(server, exchanges):
    outcomes = []
    with once(Gateway(config(server), observers=[])) as gateway:
        for exchange in exchanges:
            server.answer = http(exchange)
            try:
                outcomes.append(one_sync(gateway, exchange["operation"]))
            except GatewayError as error:
                outcomes.append(error)
    return outcomes


def async_all(server, exchanges):
    pytest.importorskip("aiobotocore")

    async def run():
        outcomes = []
        async with once(AsyncGateway(config(server), observers=[])) as gateway:
            for exchange in exchanges:
                server.answer = http(exchange)
                try:
                    outcomes.append(await one_async(gateway, exchange["operation"]))
                except GatewayError as error:
                    outcomes.append(error)
        return outcomes

    return asyncio.run(run())


def recorded(exchange: dict):
    body = base64.b64decode(exchange["response_body_b64"])
    if not exchange["operation"].endswith("Stream"):
        return json.loads(body), None
    failed, parts = None, []
    for frame in Decoder().feed(body):
        payload = json.loads(frame.payload or b"{}")
        if frame.headers[":message-type"] != "event":
            failed = frame.headers.get(":exception-type") or frame.headers.get(":error-code")
        elif exchange["operation"] == "ConverseStream":
            parts.append({frame.headers[":event-type"]: payload})
        else:
            parts.append(json.loads(base64.b64decode(payload["bytes"])))
    return parts, failed


@pytest.mark.parametrize("drive", [sync_all, async_all])
def test_every_exchange_is_parsed_without_loss_or_becomes_the_error_it_deserves(
    drive, server, exchanges, monkeypatch, record_property
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    counts, wrong = collections.Counter(), []
    for exchange, outcome in zip(exchanges, drive(server, exchanges), strict=True):
        operation = exchange["operation"]
        if exchange["status"] >= 300:
            right = isinstance(outcome, ServiceError) and outcome.status == exchange["status"]
            kind = "error"
        else:
            whole, failed = recorded(exchange)
            if failed:
                kind = "error in stream"
                right = isinstance(outcome, (ServiceError, StreamInterruptedError))
                if isinstance(outcome, StreamInterruptedError):
                    right = right and outcome.reason == "service" and outcome.partial.raw == whole
            else:
                kind = "parsed"
                right = not isinstance(outcome, Exception) and outcome.raw == whole
        counts[operation, exchange["family"], kind] += 1
        if not right:
            wrong.append((exchange["id"], operation, exchange["family"], kind, repr(outcome)[:200]))
    for key, count in sorted(counts.items(), key=str):
        record_property(" ".join(map(str, key)), count)
        print(*key, count)
    assert not wrong, f"{len(wrong)} of {sum(counts.values())}: {wrong[:8]}"
    assert sum(counts.values()) == len(exchanges)
