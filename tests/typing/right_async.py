"""Every public method of `AsyncGateway` as a user writes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, assert_type

from pydantic import BaseModel

from bedrock_gateway import (
    Answer,
    AnswerSession,
    AsyncGateway,
    AsyncStream,
    Citation,
    ConverseResult,
    DataSource,
    EmbedResult,
    GatewayConfig,
    GuardrailResult,
    IngestionJob,
    InvokeResult,
    KnowledgeBase,
    Passage,
    Ranked,
    RerankResult,
    RetrieveResult,
    Send,
    Source,
    StreamEvent,
    TextDelta,
    TextRequest,
    Timeouts,
    TokenCount,
    ToolCall,
    Usage,
    filters,
)
from bedrock_gateway.documents import Document
from bedrock_gateway.events import CallEnded, RepairScheduled
from bedrock_gateway.filters import Attribute, Filter, ImplicitFilter
from bedrock_gateway.preflight.report import Report
from bedrock_gateway.results import (
    ChunkReceived,
    DocumentsResult,
    DocumentStatus,
    MetadataReceived,
    ToolCallDelta,
    ToolCallStarted,
)
from bedrock_gateway.setup import logging, model_access, principals
from bedrock_gateway.setup.knowledge import Created
from bedrock_gateway.setup.knowledge.handle import AsyncKnowledgeBaseHandle


class Leave(BaseModel):
    days: int


def rule(send: Send) -> Send:
    return send


def observe(event: Any) -> None:
    if isinstance(event, CallEnded):
        assert_type(event.input_tokens, int | None)
    if isinstance(event, RepairScheduled):
        assert_type(event.faults, int)


class Counting:
    """An observer that is no function."""

    calls = 0

    def __call__(self, event: Any, /) -> None:
        self.calls += 1


async def making(config: GatewayConfig, session: Any) -> None:
    assert_type(GatewayConfig.from_file("gateway.toml"), GatewayConfig)
    assert_type(
        AsyncGateway.from_file(Path("gateway.toml"), env="prod", principal="app", session=session), AsyncGateway
    )
    gateway = AsyncGateway(
        config,
        principal="app",
        session=session,
        rules=[rule],
        observers=[observe, Counting()],
        timeouts=Timeouts(connect=1, first_byte=2.5, idle=3, total=4),
        max_connections=10,
    )
    assert_type(gateway.with_options(timeouts=Timeouts(total=1), resend_ambiguous=True, fallback=False), AsyncGateway)
    assert_type(gateway.config, GatewayConfig)
    assert_type(gateway.principal, str)
    async with gateway as entered:
        assert_type(entered, AsyncGateway)
    await gateway.close()


def governing(gateway: AsyncGateway, client: Counting) -> None:
    assert_type(gateway.govern(client), Counting)


async def conversing(gateway: AsyncGateway) -> None:
    reply = await gateway.converse(
        "Hello",
        model="us.amazon.nova-lite-v1:0",
        system="Be brief.",
        max_tokens=300,
        temperature=0.5,
        top_p=1,
        stop_sequences=["."],
        tools=[{"toolSpec": {"name": "clock", "inputSchema": {"json": {"type": "object"}}}}],
        tool_choice="auto",
        guardrail_trace="enabled",
        requestMetadata={"team": "helpdesk"},
        additionalModelRequestFields={"top_k": 5},
    )
    assert_type(reply.text, str)
    assert_type(reply.stop_reason, str | None)
    assert_type(reply.usage, Usage | None)
    assert_type(reply.request_id, str | None)
    assert_type(reply.tool_calls, tuple[ToolCall, ...])
    assert_type(reply.latency_seconds, float | None)
    assert_type(reply.local, bool)
    if reply.usage is not None:
        assert_type(reply.usage.output_tokens, int | None)
    await gateway.converse(
        [{"role": "user", "content": "Hello"}, reply.message, {"role": "user", "content": [{"text": "x"}]}]
    )


async def structured(gateway: AsyncGateway) -> int:
    reply = await gateway.converse("Hello", output=Leave, output_retries=1)
    assert_type(reply, ConverseResult[Leave])
    assert_type(reply.parsed, Leave | None)
    assert_type(reply.rejected, tuple[ConverseResult[Any], ...])
    assert_type((await gateway.converse("Hello", output={"type": "object"})).parsed, Any | None)
    assert_type(await gateway.converse("Hello"), ConverseResult[Any])
    async with gateway.converse_stream("Hello", output=Leave) as stream:
        assert_type((await stream.result()).parsed, Leave | None)
    return reply.parsed.days if reply.parsed else 0


async def chosen(gateway: AsyncGateway, output: type[Leave] | None) -> ConverseResult:
    """A result that is passed on without saying of what."""
    reply = await gateway.converse("Hello", output=output)
    assert_type(reply, ConverseResult[Leave])
    return reply


async def streaming(gateway: AsyncGateway) -> None:
    made = gateway.converse_stream("Hello", max_tokens=3)
    assert_type(made, AsyncStream[ConverseResult[Any]])
    async with made as stream:
        assert_type(stream.text_stream, AsyncIterator[str])
        async for event in stream:
            assert_type(event, StreamEvent)
            match event:
                case TextDelta(text=text, index=index):
                    assert_type(text, str)
                    assert_type(index, int)
                case ToolCallStarted():
                    assert_type(event.name, str)
                case ToolCallDelta():
                    assert_type(event.input, str)
                case MetadataReceived():
                    assert_type(event.usage, Usage | None)
                case _:
                    print(event.raw)
        assert_type(await stream.result(), ConverseResult[Any])
    await stream.close()
    async with gateway.invoke_model_stream({"prompt": "x"}) as chunks:
        async for one in chunks:
            if isinstance(one, ChunkReceived):
                assert_type(one.text, str)
        assert_type(await chunks.result(), InvokeResult)


async def invoking(gateway: AsyncGateway) -> None:
    for body in ({"prompt": "x"}, b"{}", "{}", TextRequest("Hello", max_tokens=5)):
        assert_type(await gateway.invoke_model(body, family="nova", serviceTier="flex"), InvokeResult)
    assert_type(await gateway.embed(["a", "b"], dimensions=256, purpose="query"), EmbedResult)
    assert_type((await gateway.embed("a")).vectors, tuple[tuple[float, ...], ...])
    assert_type(await gateway.count_tokens("a", system="b", tools=[], tool_choice="any"), TokenCount)
    assert_type((await gateway.count_tokens("a")).input_tokens, int)
    assert_type(await gateway.apply_guardrail(["a"], source="OUTPUT"), GuardrailResult)
    assert_type((await gateway.apply_guardrail("a")).intervened, bool)
    assert_type(await gateway.rerank("q", ["a", "b"], results=1), RerankResult)
    assert_type((await gateway.rerank("q", ("a",))).ranked, tuple[Ranked, ...])


async def asking(gateway: AsyncGateway) -> None:
    recent = filters.equals("team", "people") & ~filters.less_than("year", 2024)
    assert_type(recent, Filter)
    implicit = ImplicitFilter([Attribute("year", "NUMBER", "the year")], model="us.amazon.nova-lite-v1:0")
    found = await gateway.retrieve(
        "q",
        knowledge_base="handbook",
        results=3,
        metadata_filter={"equals": {"key": "a", "value": 1}},
        tenant="t",
        search_type="hybrid",
        reranker="cohere.rerank-v3-5:0",
        reranked_results=2,
        implicit_filter=implicit,
    )
    assert_type(found, RetrieveResult)
    assert_type(found.passages, tuple[Passage, ...])
    assert_type(found.passages[0].score, float | None)
    await gateway.retrieve("q", knowledge_base="handbook", next_token=found.next_token, metadata_filter=recent)
    async for passage in gateway.retrieve_all("q", knowledge_base="handbook"):
        assert_type(passage, Passage)


async def answering(gateway: AsyncGateway) -> None:
    answer = await gateway.retrieve_and_generate(
        "q",
        knowledge_base="handbook",
        model="m",
        prompt_template="$search_results$",
        orchestration_prompt_template="$query$",
        decompose=True,
        max_tokens=5,
        temperature=0,
        top_p=0.5,
        stop_sequences=["."],
    )
    assert_type(answer, Answer)
    assert_type(answer.citations, tuple[Citation, ...])
    assert_type(answer.citations[0].span, tuple[int, int] | None)
    assert_type(answer.citations[0].sources[0], Source)
    assert_type(answer.citations[0].sources[0].uri, str | None)
    assert_type(answer.session, AnswerSession | None)
    await gateway.retrieve_and_generate("q", document=Document(uri="s3://example-handbook/leave.pdf"))
    async with gateway.retrieve_and_generate_stream("q", knowledge_base="handbook", session=answer.session) as stream:
        assert_type(await stream.result(), Answer)


async def documents(gateway: AsyncGateway) -> None:
    def progress(documents: DocumentsResult) -> None:
        assert_type(documents.next_token, str | None)

    given = [Document("leave", text="25 days", metadata={"year": 2026}), Document(uri="s3://b/k")]
    made = await gateway.ingest_documents(
        "handbook",
        given,
        data_source_id="DS12345678",
        wait=True,
        interval_seconds=1,
        timeout_seconds=2.5,
        on_progress=progress,
    )
    assert_type(made, DocumentsResult)
    assert_type(made.documents, tuple[DocumentStatus, ...])
    assert_type(
        await gateway.get_documents("handbook", ["leave", given[1]], data_source_id="DS12345678"), DocumentsResult
    )
    assert_type(await gateway.list_documents("handbook", data_source_id="DS12345678", results=5), DocumentsResult)
    assert_type(await gateway.delete_documents("handbook", ["leave"], data_source_id="DS12345678"), DocumentsResult)


async def setting_up(gateway: AsyncGateway) -> None:
    def progress(job: IngestionJob) -> None:
        assert_type(job.documents_failed, int)

    handle = gateway.knowledge_base("handbook", folder=Path())
    assert_type(handle, AsyncKnowledgeBaseHandle)
    assert_type(handle.name, str)
    assert_type(await handle.create(create_role=True), Created)
    base = await gateway.create_knowledge_base("handbook", role_arn="arn", index_arn="arn", description="d")
    assert_type(base, KnowledgeBase)
    assert_type(await gateway.create_data_source("handbook", knowledge_base_id=base.id, source=0), DataSource)
    job = await gateway.start_ingestion("handbook", data_source_id="DS12345678")
    assert_type(job, IngestionJob)
    assert_type(await gateway.get_ingestion(job), IngestionJob)
    assert_type(
        await gateway.wait_for_ingestion(job, interval_seconds=1, timeout_seconds=9, on_progress=progress), IngestionJob
    )
    report = await gateway.preflight("minimal", deadline_seconds=30)
    report = await gateway.preflight(canary=True, canary_seconds=30)
    assert_type(report, Report)
    report.raise_for_status()


async def together(gateway: AsyncGateway) -> None:
    """A call is a coroutine: tasks and groups take it."""
    task = asyncio.create_task(gateway.converse("Hello", output=Leave))
    assert_type(await task, ConverseResult[Leave])
    found, counted = await asyncio.gather(gateway.retrieve("q", knowledge_base="handbook"), gateway.count_tokens("a"))
    assert_type(found, RetrieveResult)
    assert_type(counted, TokenCount)
    async with asyncio.TaskGroup() as group:
        group.create_task(gateway.embed("a"))
    assert_type(await asyncio.wait_for(gateway.converse("Hello"), 1), ConverseResult[Any])


async def logging_set_up(gateway: AsyncGateway) -> None:
    """The same functions, awaited."""
    assert_type(await logging.plan(gateway, folder="."), logging.LoggingPlan)
    assert_type(await logging.apply(gateway, folder="."), logging.Applied)
    assert_type(await logging.plan_undo(gateway, folder="."), logging.UndoPlan)
    assert_type(await logging.undo(gateway, folder="."), logging.Undone)


async def setting_up_access(gateway: AsyncGateway) -> None:
    plan = await principals.plan(gateway, "app", adopt=True, strict=True)
    assert_type(plan, principals.PrincipalPlan)
    assert_type(plan.notes, tuple[str, ...])
    done = await principals.apply(gateway, "app", folder=".", replace=True, patience=principals.Patience(propagation=5))
    assert_type(done, principals.Done)
    steps, undone = await principals.undo(gateway, "app", folder=Path(), dry_run=True)
    assert_type(steps, tuple[principals.Step, ...])
    assert_type(undone.left, tuple[str, ...])
    key = await principals.access_key(gateway, "people", "alice")
    assert_type(key.secret, str)
    form = model_access.form_of("{}", "form.json")
    access = await model_access.plan(gateway, models=["amazon.nova-lite-v1:0"], form=form)
    assert_type(access, model_access.AccessPlan)
    applied = await model_access.apply(gateway, folder=".", form=form)
    assert_type(applied.plan.blocked, tuple[str, ...])
    assert_type(await model_access.undo(gateway, folder=".", dry_run=True), tuple[str, ...])
