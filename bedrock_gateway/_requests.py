"""Arguments → `Send`; pure. Idempotency tokens are filled here, once a call: botocore would make one for each attempt."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities import operation
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.results import IngestionJob

__all__ = [
    "converse",
    "create_data_source",
    "create_knowledge_base",
    "get_ingestion",
    "invoke_model",
    "retrieve",
    "retrieve_and_generate",
    "start_ingestion",
]


def _send(
    config: GatewayConfig, capability: str, service: str, name: str, params: dict[str, Any], **facts: Any
) -> Send:
    row = operation(service, name)
    return Send(service, name, params, row.resend, row.stream, config.region, capability=capability, **facts)


def _token() -> str:
    return str(uuid.uuid4())


def _messages(prompt: str | Sequence[Mapping[str, Any]]) -> list[Any]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": [{"text": prompt}]}]
    return [
        {**one, "content": [{"text": one["content"]}]} if isinstance(one.get("content"), str) else dict(one)
        for one in prompt
    ]


def converse(
    config: GatewayConfig,
    prompt: str | Sequence[Mapping[str, Any]],
    *,
    model: str,
    streamed: bool = False,
    system: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    stop_sequences: Sequence[str] | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    **members: Any,
) -> Send:
    """Build Converse or ConverseStream; *members* are further members by AWS's names."""
    inference = {
        "maxTokens": max_tokens,
        "temperature": temperature,
        "topP": top_p,
        "stopSequences": list(stop_sequences) if stop_sequences else None,
    }
    params: dict[str, Any] = {"modelId": model, "messages": _messages(prompt), **members}
    if system is not None:
        params["system"] = [{"text": system}]
    if given := {name: value for name, value in inference.items() if value is not None}:
        params["inferenceConfig"] = {**params.get("inferenceConfig", {}), **given}
    if tools:
        params["toolConfig"] = {"tools": [dict(one) for one in tools]}
    name, capability = ("ConverseStream", "converse-stream") if streamed else ("Converse", "converse")
    return _send(config, capability, "bedrock-runtime", name, params, model_id=model)


def invoke_model(
    config: GatewayConfig, body: Mapping[str, Any] | bytes | str, *, model: str, streamed: bool = False, **members: Any
) -> Send:
    """Build InvokeModel or its streaming form; a mapping is the vendor's body and becomes JSON."""
    data = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else orjson.dumps(body)
    params = {
        "modelId": model,
        "body": data,
        "contentType": "application/json",
        "accept": "application/json",
        **members,
    }
    names = ("InvokeModelWithResponseStream", "invoke-stream") if streamed else ("InvokeModel", "invoke")
    return _send(config, names[1], "bedrock-runtime", names[0], params, model_id=model)


def _id_of(config: GatewayConfig, name: str) -> str:
    base = config.knowledge_bases.get(name)
    if base is None:
        known = ", ".join(config.knowledge_bases) or "none"
        raise ConfigError(f"no knowledge base {name[:80]!r} in the configuration; known: {known}")
    if base.id is None:
        where = f"[env.{config.environment or 'NAME'}.knowledge_base.{name}]"
        raise ConfigError(f'knowledge base {name!r} has no id yet; add to gateway.toml: {where} id = "…"')
    return str(base.id)


def retrieve(
    config: GatewayConfig, query: str, *, knowledge_base: str, results: int | None = None, **members: Any
) -> Send:
    """Build Retrieve."""
    params = {"knowledgeBaseId": _id_of(config, knowledge_base), "retrievalQuery": {"text": query}, **members}
    if results is not None:
        params["retrievalConfiguration"] = {"vectorSearchConfiguration": {"numberOfResults": results}}
    return _send(config, "retrieve", "bedrock-agent-runtime", "Retrieve", params, knowledge_base=knowledge_base)


def _model_arn(config: GatewayConfig, model: str) -> str:
    from bedrock_gateway.capabilities.models import parse_model_id

    if model.startswith("arn:"):
        return model
    if parse_model_id(model).kind == "on-demand":
        return f"arn:{config.partition}:bedrock:{config.region}::foundation-model/{model}"
    return f"arn:{config.partition}:bedrock:{config.region}:{config.account}:inference-profile/{model}"


def retrieve_and_generate(
    config: GatewayConfig,
    question: str,
    *,
    knowledge_base: str,
    model: str,
    session_id: str | None = None,
    results: int | None = None,
) -> Send:
    """Build RetrieveAndGenerate."""
    base: dict[str, Any] = {
        "knowledgeBaseId": _id_of(config, knowledge_base),
        "modelArn": _model_arn(config, model),
    }
    if results is not None:
        base["retrievalConfiguration"] = {"vectorSearchConfiguration": {"numberOfResults": results}}
    params: dict[str, Any] = {
        "input": {"text": question},
        "retrieveAndGenerateConfiguration": {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base},
    }
    if session_id is not None:
        params["sessionId"] = session_id
    return _send(
        config,
        "rag",
        "bedrock-agent-runtime",
        "RetrieveAndGenerate",
        params,
        model_id=model,
        knowledge_base=knowledge_base,
    )


def create_knowledge_base(
    config: GatewayConfig, name: str, *, role_arn: str, index_arn: str, description: str | None = None
) -> Send:
    """Build CreateKnowledgeBase on an S3 Vectors index."""
    base = config.knowledge_bases.get(name)
    if base is None:
        raise ConfigError(f"no knowledge base {name[:80]!r} in the configuration; add [knowledge_base.{name[:80]}]")
    params: dict[str, Any] = {
        "clientToken": _token(),
        "name": name,
        "roleArn": role_arn,
        "knowledgeBaseConfiguration": {
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": _model_arn(config, base.embedding_model)},
        },
        "storageConfiguration": {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": index_arn}},
    }
    if description is not None:
        params["description"] = description
    return _send(config, "kb-create", "bedrock-agent", "CreateKnowledgeBase", params, knowledge_base=name)


def create_data_source(
    config: GatewayConfig, name: str, *, knowledge_base_id: str | None = None, source: int = 0
) -> Send:
    """Build CreateDataSource of the configured source with that index."""
    base = config.knowledge_bases.get(name)
    if base is None or not 0 <= source < len(base.sources):
        raise ConfigError(f"knowledge base {name[:80]!r} has no source number {source} in the configuration")
    one = base.sources[source]
    where: dict[str, Any] = {"bucketArn": f"arn:{config.partition}:s3:::{one.bucket}"}
    if one.prefix:
        where["inclusionPrefixes"] = [one.prefix]
    params = {
        "clientToken": _token(),
        "knowledgeBaseId": knowledge_base_id or _id_of(config, name),
        "name": f"{name}-{source}",
        "dataSourceConfiguration": {"type": "S3", "s3Configuration": where},
    }
    return _send(config, "kb-create", "bedrock-agent", "CreateDataSource", params, knowledge_base=name)


def start_ingestion(config: GatewayConfig, name: str, *, data_source_id: str) -> Send:
    """Build StartIngestionJob."""
    params = {"clientToken": _token(), "knowledgeBaseId": _id_of(config, name), "dataSourceId": data_source_id}
    return _send(config, "kb-ingest", "bedrock-agent", "StartIngestionJob", params, knowledge_base=name)


def get_ingestion(config: GatewayConfig, job: IngestionJob) -> Send:
    """Build GetIngestionJob."""
    params = {"knowledgeBaseId": job.knowledge_base_id, "dataSourceId": job.data_source_id, "ingestionJobId": job.id}
    return _send(config, "kb-ingest", "bedrock-agent", "GetIngestionJob", params, knowledge_base=job.knowledge_base)
