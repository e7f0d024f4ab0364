"""Every recorded exchange of the operations that the client or the preflight calls, replayed at HTTP level."""

from __future__ import annotations

import asyncio
import base64
import collections
import gzip
import json
import socketserver
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tenacity.stop import stop_after_attempt

from bedrock_gateway import (
    AsyncGateway,
    Gateway,
    GatewayConfig,
    GatewayError,
    IngestionJob,
    ServiceError,
    StreamInterruptedError,
)
from bedrock_gateway._commands import Send
from bedrock_gateway._drive import arun, run
from bedrock_gateway._eventstream import Decoder
from bedrock_gateway._flow import retried
from bedrock_gateway._responses import BODY
from bedrock_gateway.governance.retry import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "us.amazon.nova-lite-v1:0"
JOB = IngestionJob(
    id="J234567890",
    knowledge_base_id="KB12345678",
    data_source_id="DS12345678",
    status="STARTING",
    knowledge_base="handbook",
)
CAPABILITIES = [
    "invoke",
    "invoke-stream",
    "converse",
    "converse-stream",
    "retrieve",
    "rag",
    "rag-stream",
    "count-tokens",
    "guardrail-apply",
    "rerank",
]
DROPPED = {"content-length", "transfer-encoding", "connection", "content-encoding", "date"}
STREAMS = {
    "ConverseStream": lambda g: g.converse_stream("hi"),
    "InvokeModelWithResponseStream": lambda g: g.invoke_model_stream({}),
    "RetrieveAndGenerateStream": lambda g: g.retrieve_and_generate_stream("hi", knowledge_base="handbook"),
}
CALLS = {
    "Converse": lambda g: g.converse("hi"),
    "InvokeModel": lambda g: g.invoke_model({}),
    "Retrieve": lambda g: g.retrieve("hi", knowledge_base="handbook"),
    "RetrieveAndGenerate": lambda g: g.retrieve_and_generate("hi", knowledge_base="handbook"),
    "CountTokens": lambda g: g.count_tokens("hi"),
    "ApplyGuardrail": lambda g: g.apply_guardrail("hi"),
    "Rerank": lambda g: g.rerank("hi", ["a", "b"], model=MODEL),
}
OPERATOR_CALLS = {
    "CreateKnowledgeBase": lambda g: g.create_knowledge_base(
        "handbook",
        role_arn="arn:aws:iam::123456789012:role/AmazonBedrockGateway-kb-handbook",
        index_arn="arn:aws:s3vectors:us-east-1:123456789012:bucket/b-1/index/handbook",
    ),
    "CreateDataSource": lambda g: g.create_data_source("handbook"),
    "StartIngestionJob": lambda g: g.start_ingestion("handbook", data_source_id="DS12345678"),
    "GetIngestionJob": lambda g: g.get_ingestion(JOB),
}
# What the preflight and set-up ask: boto3's own reply, through the same driver.
PROBES = {
    "GetModelInvocationLoggingConfiguration": Send("bedrock", "GetModelInvocationLoggingConfiguration", {}),
    "GetFoundationModel": Send("bedrock", "GetFoundationModel", {"modelIdentifier": "amazon.nova-lite-v1:0"}),
    "GetInferenceProfile": Send("bedrock", "GetInferenceProfile", {"inferenceProfileIdentifier": MODEL}),
    "GetGuardrail": Send("bedrock", "GetGuardrail", {"guardrailIdentifier": "abcdefghij12"}),
    "GetKnowledgeBase": Send("bedrock-agent", "GetKnowledgeBase", {"knowledgeBaseId": "KB12345678"}),
    "ListKnowledgeBases": Send("bedrock-agent", "ListKnowledgeBases", {}),
    "DeleteKnowledgeBase": Send("bedrock-agent", "DeleteKnowledgeBase", {"knowledgeBaseId": "KB12345678"}),
    "GetDataSource": Send(
        "bedrock-agent", "GetDataSource", {"knowledgeBaseId": "KB12345678", "dataSourceId": "DS12345678"}
    ),
}
OPERATIONS = {*STREAMS, *CALLS, *OPERATOR_CALLS, *PROBES}


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
    return [one for one in found if one["operation"] in OPERATIONS]


def http(exchange: dict) -> bytes:
    body = base64.b64decode(exchange["response_body_b64"])
    headers = {k: v for k, v in (exchange["response_headers"] or {}).items() if k.lower() not in DROPPED}
    if not any(k.lower() == "content-type" for k in headers):
        headers["content-type"] = "application/json"
    lines = [f"HTTP/1.1 {exchange['status']} X", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "connection: close", "", ""]).encode() + body


def config(server) -> GatewayConfig:
    return GatewayConfig(
        application="replay",
        guardrail={"id": "abcdefghij12", "version": "1"},
        account="123456789012",
        region="us-east-1",
        local=True,
        endpoint=f"http://127.0.0.1:{server.server_address[1]}",
        principals={
            "app": {
                "capabilities": CAPABILITIES,
                "models": [MODEL],
                "knowledge_bases": ["handbook"],
            },
            "operator": {"capabilities": ["kb-create", "kb-ingest", "preflight-standard"]},
        },
        knowledge_bases={
            "handbook": {
                "embedding_model": "amazon.titan-embed-text-v2:0",
                "store": "s3-vectors",
                "id": "KB12345678",
                "source": [{"type": "s3", "bucket": "example-handbook"}],
            }
        },
    )


def once(gateway):
    gateway._context = replace(
        gateway._context, retry=RetryPolicy(stop=stop_after_attempt(1), not_ready_stop=stop_after_attempt(1))
    )
    return gateway


def asking(send):
    return (yield send)


def sync_all(server, exchanges):
    outcomes = []
    app, operator = (once(Gateway(config(server), principal=name, observers=[])) for name in ("app", "operator"))
    with app, operator:
        for exchange in exchanges:
            server.answer = http(exchange)
            name = exchange["operation"]
            try:
                if name in STREAMS:
                    with STREAMS[name](app) as stream:
                        outcomes.append(stream.result())
                elif name in PROBES:
                    outcomes.append(run(retried(asking(PROBES[name]), app._context), app._perform))
                else:
                    outcomes.append(CALLS[name](app) if name in CALLS else OPERATOR_CALLS[name](operator))
            except GatewayError as error:
                outcomes.append(error)
    return outcomes


def async_all(server, exchanges):
    library = pytest.importorskip("aiobotocore", reason="no async library in this environment")
    assert library

    async def all_of_them():
        outcomes = []
        app, operator = (
            once(AsyncGateway(config(server), principal=name, observers=[])) for name in ("app", "operator")
        )
        async with app, operator:
            for exchange in exchanges:
                server.answer = http(exchange)
                name = exchange["operation"]
                try:
                    if name in STREAMS:
                        async with STREAMS[name](app) as stream:
                            outcomes.append(await stream.result())
                    elif name in PROBES:
                        outcomes.append(await arun(retried(asking(PROBES[name]), app._context), app._perform))
                    else:
                        outcomes.append(await (CALLS[name](app) if name in CALLS else OPERATOR_CALLS[name](operator)))
                except GatewayError as error:
                    outcomes.append(error)
        return outcomes

    return asyncio.run(all_of_them())


def recorded(exchange: dict):
    body = base64.b64decode(exchange["response_body_b64"])
    if exchange["operation"] not in STREAMS:
        return json.loads(body), None
    failed, parts = None, []
    for headers, data in Decoder().feed(body):
        payload = json.loads(data or b"{}")
        if headers[":message-type"] != "event":
            failed = headers.get(":exception-type") or headers.get(":error-code")
        elif exchange["operation"] != "InvokeModelWithResponseStream":
            parts.append({headers[":event-type"]: payload})
        else:
            parts.append(json.loads(base64.b64decode(payload["bytes"])))
    return parts, failed


def is_right(exchange: dict, outcome) -> tuple[str, bool]:
    if exchange["status"] >= 300:
        return "error", isinstance(outcome, ServiceError) and outcome.status == exchange["status"]
    whole, failed = recorded(exchange)
    if failed:
        right = isinstance(outcome, (ServiceError, StreamInterruptedError))
        if isinstance(outcome, StreamInterruptedError):
            right = right and outcome.reason == "service" and outcome.partial.raw == whole
        return "error in stream", right
    if isinstance(outcome, dict):
        return "read", json.loads(outcome[BODY]) == whole
    return "parsed", not isinstance(outcome, Exception) and outcome.raw == whole


@pytest.mark.parametrize("drive", [sync_all, async_all])
def test_every_exchange_is_parsed_without_loss_or_becomes_the_error_it_deserves(
    drive, server, exchanges, monkeypatch, record_property
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    counts, wrong = collections.Counter(), []
    for exchange, outcome in zip(exchanges, drive(server, exchanges), strict=True):
        kind, right = is_right(exchange, outcome)
        counts[exchange["operation"], str(exchange["family"]), exchange["fidelity"], kind] += 1
        if not right:
            wrong.append((exchange["id"], exchange["operation"], exchange["family"], kind, repr(outcome)[:200]))
    for key, count in sorted(counts.items(), key=str):
        record_property(" ".join(key), count)
        print(*key, count)
    assert not wrong, f"{len(wrong)} of {sum(counts.values())}: {wrong[:8]}"
    assert sum(counts.values()) == len(exchanges)
