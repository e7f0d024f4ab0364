"""What AWS demands for knowledge bases: making, filling and asking them.

Sources: Bedrock User Guide, kb-permissions, knowledge-base-prereq-permissions-general, kb-direct-ingestion-prereq,
rerank-prereq; the Service Authorization Reference. Data sources and ingestion jobs have no ARN of their own: the
knowledge base is their resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.demands.inference import BEDROCK, forwarded, guardrail_arn, invoke, tagged
from bedrock_gateway.local.demands.rows import (
    SAR,
    ApiRequest,
    Context,
    Demand,
    Row,
    Rows,
    pass_role,
    same_named,
    tag_context,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AGENT", "AGENT_RUNTIME"]

_AGENT = "bedrock-agent"
_ASK = "bedrock-agent-runtime"
_PERMISSIONS = "Bedrock User Guide, kb-permissions"
_RERANK = "Bedrock User Guide, rerank-prereq"
_DIRECT = "Bedrock User Guide, kb-direct-ingestion-prereq"
_KB = "retrieveAndGenerateConfiguration.knowledgeBaseConfiguration"
_EXTERNAL = "retrieveAndGenerateConfiguration.externalSourcesConfiguration"
_RERANKING = (
    "vectorSearchConfiguration.rerankingConfiguration.bedrockRerankingConfiguration.modelConfiguration.modelArn"
)


def _base_arn(request: ApiRequest, identifier: object) -> str:
    text = str(identifier or "*")
    return text if text.startswith("arn:") else request.arn("bedrock", f"knowledge-base/{text}")


def _base(request: ApiRequest) -> tuple[str]:
    return (_base_arn(request, request.params.get("knowledgeBaseId")),)


def _tags(request: ApiRequest) -> Context:
    return tag_context(request.params.get("tags"))


def _passed_anew(request: ApiRequest) -> Iterator[Demand]:
    """An update passes a role only where it names another one than the knowledge base has."""
    role = request.params.get("roleArn")
    known = request.lookup and request.lookup.knowledge_base_role(
        str(request.params.get("knowledgeBaseId")), request.region
    )
    if role and role != known:
        yield from pass_role("roleArn", BEDROCK, source=_PERMISSIONS, confidence="M").demands(request)


AGENT: Rows = {
    (_AGENT, "CreateKnowledgeBase"): (
        Row("bedrock:CreateKnowledgeBase", context=_tags),
        pass_role("roleArn", BEDROCK, source="Bedrock User Guide, kb-managed-prereqs"),
        Row("bedrock:TagResource", "arn:{P}:bedrock:{R}:{A}:knowledge-base/*", when="tags", context=_tags),
    ),
    (_AGENT, "UpdateKnowledgeBase"): (Row("bedrock:UpdateKnowledgeBase", _base), _passed_anew),
    **same_named(_AGENT, "*", "ListKnowledgeBases", prefix="bedrock"),
    **same_named(
        _AGENT,
        _base,
        "GetKnowledgeBase DeleteKnowledgeBase CreateDataSource GetDataSource UpdateDataSource DeleteDataSource "
        "ListDataSources StartIngestionJob GetIngestionJob ListIngestionJobs StopIngestionJob "
        "GetKnowledgeBaseDocuments ListKnowledgeBaseDocuments",
        prefix="bedrock",
    ),
    **{
        (_AGENT, name): (Row(f"bedrock:{name}", _base), Row("bedrock:StartIngestionJob", _base, _DIRECT, "M"))
        for name in ("IngestKnowledgeBaseDocuments", "DeleteKnowledgeBaseDocuments")
    },
    **tagged(_AGENT, "{resourceArn}"),
}


def _reranked(request: ApiRequest, model: object) -> Iterator[Demand]:
    yield Demand("bedrock:Rerank", "*", forwarded({}), _RERANK)
    yield from invoke(request, str(model), "bedrock:InvokeModel", forwarded({}))


def _guarded(request: ApiRequest, configuration: str) -> Iterator[Demand]:
    identifier = request.param(f"{configuration}.generationConfiguration.guardrailConfiguration.guardrailId")
    if identifier:
        yield Demand("bedrock:ApplyGuardrail", guardrail_arn(request, str(identifier)), forwarded({}), _PERMISSIONS)


def _from_base(request: ApiRequest, action: str, confidence: str) -> Iterator[Demand]:
    """Bedrock retrieves and generates with the caller's identity, and names no guardrail when it invokes the model."""
    base = request.param(f"{_KB}.knowledgeBaseId")
    yield Demand("bedrock:Retrieve", _base_arn(request, base), forwarded({}), _PERMISSIONS)
    yield from invoke(request, str(request.param(f"{_KB}.modelArn")), action, forwarded({}), confidence)
    reranker = request.param(f"{_KB}.retrievalConfiguration.{_RERANKING}")
    if reranker:
        yield from _reranked(request, reranker)
    yield from _guarded(request, _KB)


def _from_sources(request: ApiRequest, action: str, confidence: str) -> Iterator[Demand]:
    yield from invoke(request, str(request.param(f"{_EXTERNAL}.modelArn")), action, forwarded({}), confidence)
    sources: list[Any] = request.param(f"{_EXTERNAL}.sources") or []
    for source in sources:
        uri = str(source.get("s3Location", {}).get("uri", ""))
        if uri:
            arn = request.arn("s3", uri.removeprefix("s3://"), region="", account="")
            yield Demand("s3:GetObject", arn, forwarded({}), _PERMISSIONS, "M")
    yield from _guarded(request, _EXTERNAL)


def _answered(action: str, confidence: str) -> Any:
    def demanded(request: ApiRequest) -> Iterator[Demand]:
        yield Demand("bedrock:RetrieveAndGenerate", "*", {}, SAR)
        legs = _from_base if request.param(_KB) else _from_sources
        yield from legs(request, action, confidence)

    return demanded


AGENT_RUNTIME: Rows = {
    # Reranking inside Retrieve is done with the rights of the knowledge base's own role.
    (_ASK, "Retrieve"): (Row("bedrock:Retrieve", _base),),
    (_ASK, "RetrieveAndGenerate"): (_answered("bedrock:InvokeModel", "H"),),
    # Which action the generating leg of the stream asks for is not documented.
    (_ASK, "RetrieveAndGenerateStream"): (_answered("bedrock:InvokeModelWithResponseStream", "L"),),
    **tagged(_ASK, "{resourceArn}"),
}
