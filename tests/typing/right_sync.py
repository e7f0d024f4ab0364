"""Every public method of `Gateway` as a user writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

from pydantic import BaseModel

from bedrock_gateway import (
    Answer,
    AnswerSession,
    Citation,
    ConverseResult,
    DataSource,
    EmbedResult,
    Gateway,
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
    Stream,
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
from bedrock_gateway.setup.export import export, left_out
from bedrock_gateway.setup.knowledge import Created
from bedrock_gateway.setup.knowledge.handle import KnowledgeBaseHandle


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


def making(config: GatewayConfig, session: Any) -> None:
    assert_type(GatewayConfig.from_file("gateway.toml"), GatewayConfig)
    assert_type(Gateway.from_file(Path("gateway.toml"), env="prod", principal="app", session=session), Gateway)
    gateway = Gateway(
        config,
        principal="app",
        session=session,
        rules=[rule],
        observers=[observe, Counting()],
        timeouts=Timeouts(connect=1, first_byte=2.5, idle=3, total=4),
        max_connections=10,
    )
    assert_type(gateway.with_options(timeouts=Timeouts(total=1), resend_ambiguous=True, fallback=False), Gateway)
    assert_type(gateway.config, GatewayConfig)
    assert_type(gateway.principal, str)
    with gateway as entered:
        assert_type(entered, Gateway)
    gateway.close()


def governing(gateway: Gateway, client: Counting) -> None:
    assert_type(gateway.govern(client), Counting)


def conversing(gateway: Gateway) -> None:
    reply = gateway.converse(
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
    gateway.converse(
        [{"role": "user", "content": "Hello"}, reply.message, {"role": "user", "content": [{"text": "x"}]}]
    )


def structured(gateway: Gateway) -> int:
    reply = gateway.converse("Hello", output=Leave, output_retries=1)
    assert_type(reply, ConverseResult[Leave])
    assert_type(reply.parsed, Leave | None)
    assert_type(reply.rejected, tuple[ConverseResult[Any], ...])
    assert_type(gateway.converse("Hello", output={"type": "object"}).parsed, Any | None)
    assert_type(gateway.converse("Hello"), ConverseResult[Any])
    with gateway.converse_stream("Hello", output=Leave) as stream:
        assert_type(stream.result().parsed, Leave | None)
    return reply.parsed.days if reply.parsed else 0


def chosen(gateway: Gateway, output: type[Leave] | None) -> ConverseResult:
    """A result that is passed on without saying of what."""
    reply = gateway.converse("Hello", output=output)
    assert_type(reply, ConverseResult[Leave])
    return reply


def streaming(gateway: Gateway) -> None:
    made = gateway.converse_stream("Hello", max_tokens=3)
    assert_type(made, Stream[ConverseResult[Any]])
    with made as stream:
        assert_type(stream.text_stream, Iterator[str])
        for event in stream:
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
        assert_type(stream.result(), ConverseResult[Any])
    stream.close()
    with gateway.invoke_model_stream({"prompt": "x"}) as chunks:
        for one in chunks:
            if isinstance(one, ChunkReceived):
                assert_type(one.text, str)
        assert_type(chunks.result(), InvokeResult)


def invoking(gateway: Gateway) -> None:
    for body in ({"prompt": "x"}, b"{}", "{}", TextRequest("Hello", max_tokens=5)):
        assert_type(gateway.invoke_model(body, family="nova", serviceTier="flex"), InvokeResult)
    assert_type(gateway.embed(["a", "b"], dimensions=256, purpose="query"), EmbedResult)
    assert_type(gateway.embed("a").vectors, tuple[tuple[float, ...], ...])
    assert_type(gateway.count_tokens("a", system="b", tools=[], tool_choice="any"), TokenCount)
    assert_type(gateway.count_tokens("a").input_tokens, int)
    assert_type(gateway.apply_guardrail(["a"], source="OUTPUT"), GuardrailResult)
    assert_type(gateway.apply_guardrail("a").intervened, bool)
    assert_type(gateway.rerank("q", ["a", "b"], results=1), RerankResult)
    assert_type(gateway.rerank("q", ("a",)).ranked, tuple[Ranked, ...])


def asking(gateway: Gateway) -> None:
    recent = filters.equals("team", "people") & ~filters.less_than("year", 2024)
    assert_type(recent, Filter)
    implicit = ImplicitFilter([Attribute("year", "NUMBER", "the year")], model="us.amazon.nova-lite-v1:0")
    found = gateway.retrieve(
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
    gateway.retrieve("q", knowledge_base="handbook", next_token=found.next_token, metadata_filter=recent)
    for passage in gateway.retrieve_all("q", knowledge_base="handbook"):
        assert_type(passage, Passage)


def answering(gateway: Gateway) -> None:
    answer = gateway.retrieve_and_generate(
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
    gateway.retrieve_and_generate("q", document=Document(uri="s3://example-handbook/leave.pdf"))
    with gateway.retrieve_and_generate_stream("q", knowledge_base="handbook", session=answer.session) as stream:
        assert_type(stream.result(), Answer)


def documents(gateway: Gateway) -> None:
    def progress(documents: DocumentsResult) -> None:
        assert_type(documents.next_token, str | None)

    given = [Document("leave", text="25 days", metadata={"year": 2026}), Document(uri="s3://b/k")]
    made = gateway.ingest_documents(
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
    assert_type(gateway.get_documents("handbook", ["leave", given[1]], data_source_id="DS12345678"), DocumentsResult)
    assert_type(gateway.list_documents("handbook", data_source_id="DS12345678", results=5), DocumentsResult)
    assert_type(gateway.delete_documents("handbook", ["leave"], data_source_id="DS12345678"), DocumentsResult)


def setting_up(gateway: Gateway) -> None:
    def progress(job: IngestionJob) -> None:
        assert_type(job.documents_failed, int)

    handle = gateway.knowledge_base("handbook", folder=Path())
    assert_type(handle, KnowledgeBaseHandle)
    assert_type(handle.name, str)
    assert_type(handle.create(create_role=True), Created)
    base = gateway.create_knowledge_base("handbook", role_arn="arn", index_arn="arn", description="d")
    assert_type(base, KnowledgeBase)
    assert_type(gateway.create_data_source("handbook", knowledge_base_id=base.id, source=0), DataSource)
    job = gateway.start_ingestion("handbook", data_source_id="DS12345678")
    assert_type(job, IngestionJob)
    assert_type(gateway.get_ingestion(job), IngestionJob)
    assert_type(
        gateway.wait_for_ingestion(job, interval_seconds=1, timeout_seconds=9, on_progress=progress), IngestionJob
    )
    report = gateway.preflight("minimal", deadline_seconds=30)
    report = gateway.preflight(canary=True, canary_seconds=30)
    assert_type(report, Report)
    report.raise_for_status()


def logging_set_up(gateway: Gateway, folder: Path) -> None:
    """Plan, apply, export and take back."""
    patience = logging.Patience(propagation=60)
    assert_type(logging.desired(gateway.config, principal="operator", create_boundary=True), logging.LoggingPlan)
    planned = logging.plan(gateway, folder=folder, replace=True, create_boundary=True, patience=patience)
    assert_type(planned, logging.LoggingPlan)
    planned.raise_for_refusal()
    assert_type(export(planned.resources, "terraform"), str)
    assert_type(left_out(planned.resources, "cloudformation"), tuple[str, ...])
    assert_type(logging.apply(gateway, folder=".").report, Report)
    assert_type(logging.plan_undo(gateway, folder=folder), logging.UndoPlan)
    assert_type(logging.undo(gateway, folder=folder, replace=True).kept, tuple[str, ...])


def setting_up_access(gateway: Gateway) -> None:
    plan = principals.plan(gateway, "app", adopt=True, strict=True)
    assert_type(plan, principals.PrincipalPlan)
    assert_type(plan.notes, tuple[str, ...])
    done = principals.apply(gateway, "app", folder=".", replace=True, patience=principals.Patience(propagation=5))
    assert_type(done, principals.Done)
    steps, undone = principals.undo(gateway, "app", folder=Path(), dry_run=True)
    assert_type(steps, tuple[principals.Step, ...])
    assert_type(undone.left, tuple[str, ...])
    key = principals.access_key(gateway, "people", "alice")
    assert_type(key.secret, str)
    form = model_access.form_of("{}", "form.json")
    access = model_access.plan(gateway, models=["amazon.nova-lite-v1:0"], form=form)
    assert_type(access, model_access.AccessPlan)
    applied = model_access.apply(gateway, folder=".", form=form)
    assert_type(applied.plan.blocked, tuple[str, ...])
    assert_type(model_access.undo(gateway, folder=".", dry_run=True), tuple[str, ...])
