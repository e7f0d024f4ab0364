"""What AWS demands for knowledge bases: making, filling and asking them.

Sources: Bedrock User Guide, kb-permissions, knowledge-base-prereq-permissions-general, kb-direct-ingestion-prereq,
rerank-prereq; the Service Authorization Reference. Data sources and ingestion jobs have no ARN of their own: the
knowledge base is their resource.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.demands import guardrails
from bedrock_gateway.local.demands.rows import (
    BEDROCK,
    SAR,
    ApiRequest,
    Context,
    Demand,
    Row,
    Rows,
    forwarded,
    pass_role,
    same_named,
    tag_context,
    tagged,
)
from bedrock_gateway.local.demands.targets import invoke

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AGENT", "AGENT_RUNTIME"]

_AGENT = "bedrock-agent"
_ASK = "bedrock-agent-runtime"
_PERMISSIONS = "Bedrock User Guide, kb-permissions"
_RERANK = "Bedrock User Guide, rerank-prereq"
_DIRECT = "Bedrock User Guide, kb-direct-ingestion-prereq; Service Authorization Reference, table of operations"
_QUERIES = "Bedrock User Guide, knowledge-base-generate-query; Service Authorization Reference, table of operations"
_MANAGED = "Bedrock User Guide, encryption-kb"
_MANAGED_KEY = (
    "knowledgeBaseConfiguration.managedKnowledgeBaseConfiguration.serverSideEncryptionConfiguration.kmsKeyArn"
)
_THIRD_PARTY = ("pineconeConfiguration", "redisEnterpriseCloudConfiguration", "mongoDbAtlasConfiguration")
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


def _associated(secret: object) -> Iterator[Demand]:
    """A store outside AWS is a right of its own, which a policy can bind to the secret that opens it."""
    if secret:
        context = {"bedrock:ThirdPartyKnowledgeBaseCredentialsSecretArn": str(secret)}
        yield Demand("bedrock:AssociateThirdPartyKnowledgeBase", "*", context, SAR)


def _store_named(request: ApiRequest) -> Iterator[Demand]:
    for store in _THIRD_PARTY:
        yield from _associated(request.param(f"storageConfiguration.{store}.credentialsSecretArn"))


def _store_of_base(request: ApiRequest) -> Iterator[Demand]:
    """Filling a knowledge base writes to its store."""
    identifier = str(request.params.get("knowledgeBaseId", "")).rpartition("/")[2]
    yield from _associated(request.facts.store_secrets.get(identifier))


def _managed_key(request: ApiRequest) -> Iterator[Demand]:
    """The key of a managed knowledge base is opened with the rights of whoever makes it; another page says, of its role."""
    key = request.param(_MANAGED_KEY)
    if key:
        context = {**forwarded({}), "kms:ViaService": f"bedrock.{request.region}.amazonaws.com"}
        for action in ("CreateGrant", "GenerateDataKey", "Decrypt"):
            yield Demand(f"kms:{action}", str(key), context, _MANAGED, "M")


AGENT: Rows = {
    (_AGENT, "CreateKnowledgeBase"): (
        Row("bedrock:CreateKnowledgeBase", context=_tags),
        pass_role("roleArn", BEDROCK, source="Bedrock User Guide, kb-managed-prereqs"),
        Row("bedrock:TagResource", "arn:{P}:bedrock:{R}:{A}:knowledge-base/*", when="tags", context=_tags),
        _store_named,
        _managed_key,
    ),
    (_AGENT, "UpdateKnowledgeBase"): (Row("bedrock:UpdateKnowledgeBase", _base), _passed_anew, _store_named),
    (_AGENT, "StartIngestionJob"): (Row("bedrock:StartIngestionJob", _base), _store_of_base),
    **same_named(_AGENT, "*", "ListKnowledgeBases", prefix="bedrock"),
    **same_named(
        _AGENT,
        _base,
        "GetKnowledgeBase DeleteKnowledgeBase CreateDataSource GetDataSource UpdateDataSource DeleteDataSource "
        "ListDataSources GetIngestionJob ListIngestionJobs StopIngestionJob "
        "GetKnowledgeBaseDocuments ListKnowledgeBaseDocuments",
        prefix="bedrock",
    ),
    **{
        (_AGENT, name): (
            Row(f"bedrock:{name}", _base),
            Row("bedrock:StartIngestionJob", _base, _DIRECT),
            _store_of_base,
        )
        for name in ("IngestKnowledgeBaseDocuments", "DeleteKnowledgeBaseDocuments")
    },
    **same_named(_AGENT, "{resourceArn}", "GetResourcePolicy PutResourcePolicy", prefix="bedrock"),
    (_AGENT, "DeleteResourcePolicy"): (
        Row("bedrock:DeleteResourcePolicy", "{resourceArn}"),
        Row("bedrock:PutResourcePolicy", "{resourceArn}"),
    ),
    **tagged(_AGENT, "{resourceArn}"),
}


def _reranked(request: ApiRequest, model: object) -> Iterator[Demand]:
    yield Demand("bedrock:Rerank", "*", forwarded({}), _RERANK)
    yield from invoke(request, str(model), "bedrock:InvokeModel", forwarded({}))


def _reranking(request: ApiRequest) -> Iterator[Demand]:
    """Rerank called by itself: the model is called with the caller's rights."""
    yield Demand("bedrock:Rerank", "*", {}, SAR)
    model = request.param("rerankingConfiguration.bedrockRerankingConfiguration.modelConfiguration.modelArn")
    yield from invoke(request, str(model), "bedrock:InvokeModel", forwarded({}))


def _queried(request: ApiRequest) -> Iterator[Demand]:
    yield Demand("bedrock:GenerateQuery", "*", {}, _QUERIES)
    yield Demand("sqlworkbench:GetSqlRecommendations", "*", forwarded({}), _QUERIES, "M")
    base = request.param(
        "transformationConfiguration.textToSqlConfiguration.knowledgeBaseConfiguration.knowledgeBaseArn"
    )
    yield Demand("bedrock:GetKnowledgeBase", _base_arn(request, base), {}, _QUERIES)


def _guarded(request: ApiRequest, configuration: str) -> Iterator[Demand]:
    identifier = request.param(f"{configuration}.generationConfiguration.guardrailConfiguration.guardrailId")
    if identifier:
        yield from guardrails.applied(request, str(identifier), forwarded({}), _PERMISSIONS)


def _generated(request: ApiRequest, model: str, actions: tuple[str, ...], confidence: str) -> Iterator[Demand]:
    for action in actions:
        yield from invoke(request, model, action, forwarded({}), confidence)


def _from_base(request: ApiRequest, actions: tuple[str, ...], confidence: str) -> Iterator[Demand]:
    """Bedrock retrieves and generates with the caller's identity, and names no guardrail when it invokes the model."""
    base = request.param(f"{_KB}.knowledgeBaseId")
    yield Demand("bedrock:Retrieve", _base_arn(request, base), forwarded({}), _PERMISSIONS)
    yield from _generated(request, str(request.param(f"{_KB}.modelArn")), actions, confidence)
    reranker = request.param(f"{_KB}.retrievalConfiguration.{_RERANKING}")
    if reranker:
        yield from _reranked(request, reranker)
    yield from _guarded(request, _KB)


def _from_sources(request: ApiRequest, actions: tuple[str, ...], confidence: str) -> Iterator[Demand]:
    yield from _generated(request, str(request.param(f"{_EXTERNAL}.modelArn")), actions, confidence)
    sources: list[Any] = request.param(f"{_EXTERNAL}.sources") or []
    for source in sources:
        uri = str(source.get("s3Location", {}).get("uri", ""))
        if uri:
            arn = request.arn("s3", uri.removeprefix("s3://"), region="", account="")
            yield Demand("s3:GetObject", arn, forwarded({}), _PERMISSIONS, "M")
            key = request.facts.bucket_keys.get(uri.removeprefix("s3://").partition("/")[0])
            if key:
                through = {**forwarded({}), "kms:ViaService": f"s3.{request.region}.amazonaws.com"}
                yield Demand("kms:Decrypt", key, through, "S3 User Guide, UsingKMSEncryption", "M")
    yield from _guarded(request, _EXTERNAL)


def _answered(confidence: str, *actions: str) -> Any:
    def demanded(request: ApiRequest) -> Iterator[Demand]:
        yield Demand("bedrock:RetrieveAndGenerate", "*", {}, SAR)
        legs = _from_base if request.param(_KB) else _from_sources
        yield from legs(request, actions, confidence)
        # AWS enforces it on all model calls; that those it makes in the caller's name are among them is our reading.
        for one in guardrails.enforced(request, forwarded({})):
            yield replace(one, confidence="M")

    return demanded


AGENT_RUNTIME: Rows = {
    # Reranking inside Retrieve is done with the rights of the knowledge base's own role.
    (_ASK, "Retrieve"): (Row("bedrock:Retrieve", _base),),
    (_ASK, "RetrieveAndGenerate"): (_answered("H", "bedrock:InvokeModel"),),
    # Which action the generating leg of the stream asks for is not documented: a policy must hold for either.
    (_ASK, "RetrieveAndGenerateStream"): (
        _answered("L", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"),
    ),
    (_ASK, "Rerank"): (_reranking,),
    (_ASK, "GenerateQuery"): (_queried,),
    (_ASK, "GetDocumentContent"): (Row("bedrock:GetDocumentContent"), Row("bedrock:Retrieve", _base)),
    **tagged(_ASK, "{resourceArn}"),
}
