"""Arguments → `Send`; pure. Idempotency tokens are filled here, once a call: botocore would make one for each attempt.

Every argument is checked here, before anything is opened. What the rules judge (model, knowledge base, guardrail) has
an argument of its own and cannot come in as a further member.
"""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities import operation
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.capabilities.scope import checked
from bedrock_gateway.errors import ConfigError, GovernanceError
from bedrock_gateway.results import IngestionJob

if TYPE_CHECKING:
    from bedrock_gateway.config import GatewayConfig, KnowledgeBaseConfig

__all__ = [
    "CAPABILITY_OF",
    "converse",
    "create_data_source",
    "create_knowledge_base",
    "get_ingestion",
    "invoke_model",
    "retrieve",
    "retrieve_and_generate",
    "start_ingestion",
]

CAPABILITY_OF = {
    "Converse": "converse",
    "ConverseStream": "converse-stream",
    "InvokeModel": "invoke",
    "InvokeModelWithResponseStream": "invoke-stream",
    "Retrieve": "retrieve",
    "RetrieveAndGenerate": "rag",
    "CreateKnowledgeBase": "kb-create",
    "CreateDataSource": "kb-create",
    "StartIngestionJob": "kb-ingest",
    "GetIngestionJob": "kb-ingest",
}
"""Operation → the capability that a principal needs to call it."""

_SERVICES = {
    "bedrock-runtime": ("Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"),
    "bedrock-agent-runtime": ("Retrieve", "RetrieveAndGenerate"),
    "bedrock-agent": ("CreateKnowledgeBase", "CreateDataSource", "StartIngestionJob", "GetIngestionJob"),
}
_SERVICE_OF = {name: service for service, names in _SERVICES.items() for name in names}

_CHAT = (
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "inferenceConfig",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
    "toolConfig",
)
_BODY = ("accept", "contentType", "performanceConfigLatency", "requestMetadata", "serviceTier", "trace")

# Operation → the members of AWS that can be given by name, beside what has an argument of its own.
_MEMBERS = {
    "Converse": _CHAT,
    "ConverseStream": _CHAT,
    "InvokeModel": _BODY,
    "InvokeModelWithResponseStream": _BODY,
    "Retrieve": ("nextToken", "retrievalConfiguration", "userContext"),
    "RetrieveAndGenerate": ("sessionConfiguration", "userContext"),
}
# What the configuration decides, so that no call can.
_GOVERNED = frozenset(
    {"guardrailConfig", "guardrailIdentifier", "guardrailVersion", "guardrailConfiguration", "modelId"}
)


def _members(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return further members by AWS's names, checked."""
    known = _MEMBERS[name]
    for member, value in given.items():
        if member in _GOVERNED:
            raise GovernanceError(f"{member} comes from the configuration alone", rule="declared-members")
        if member not in known:
            near = difflib.get_close_matches(member, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"AWS's members are {', '.join(known)}"
            arguments.refuse(name, f"there is no option {member[:80]!r}; {hint}")
        arguments.document(name, member, value)
    return {member: value for member, value in given.items() if value is not None}


def _send(config: GatewayConfig, name: str, params: dict[str, Any], **facts: Any) -> Send:
    row = operation(_SERVICE_OF[name], name)
    return Send(
        row.service,
        name,
        params,
        row.resend,
        row.stream,
        config.region,
        config.account,
        capability=CAPABILITY_OF[name],
        unparsed=True,
        **facts,
    )


def _token() -> str:
    return str(uuid.uuid4())


def _model(name: str, model: Any) -> str:
    """Return *model* if it has the form of a model id or an ARN.

    Raises:
        ConfigError: it has not.
    """
    arguments.identifier(name, "model", model)
    parse_model_id(model)
    return str(model)


def _blocks(name: str, where: str, content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"text": arguments.text(name, where, content)}]
    if not isinstance(content, Sequence) or isinstance(content, (bytes, bytearray)):
        arguments.refuse(name, f"{where} is a str or a sequence of content blocks, not {type(content).__name__}")
    return [arguments.mapping(name, f"{where}[{at}]", one) for at, one in enumerate(content)]


def _messages(name: str, prompt: Any) -> list[Any]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": _blocks(name, "prompt", prompt)}]
    if not isinstance(prompt, Sequence) or isinstance(prompt, (bytes, bytearray)):
        arguments.refuse(name, f"prompt is a str or a sequence of messages, not {type(prompt).__name__}")
    if not prompt:
        arguments.refuse(name, "prompt holds no message")
    made = []
    for at, one in enumerate(prompt):
        where = f"prompt[{at}]"
        if not isinstance(one, Mapping):
            arguments.refuse(name, f"{where} is a message, not {type(one).__name__}")
        content = _blocks(name, f"{where}.content", one.get("content"))
        made.append({**arguments.mapping(name, where, one), "content": content})
    return made


def converse(
    config: GatewayConfig,
    prompt: Any,
    *,
    model: Any,
    streamed: bool = False,
    system: Any = None,
    max_tokens: Any = None,
    temperature: Any = None,
    top_p: Any = None,
    stop_sequences: Any = None,
    tools: Any = None,
    tool_choice: Any = None,
    **members: Any,
) -> Send:
    """Build Converse or ConverseStream; *members* are further members by AWS's names."""
    name = "ConverseStream" if streamed else "Converse"
    params: dict[str, Any] = {"modelId": _model(name, model), "messages": _messages(name, prompt)}
    params |= _members(name, members)
    if system is not None:
        params["system"] = _blocks(name, "system", system)
    if given := _inference(name, max_tokens, temperature, top_p, stop_sequences):
        before = arguments.mapping(name, "inferenceConfig", params.get("inferenceConfig", {}))
        params["inferenceConfig"] = {**before, **given}
    if tools is not None or tool_choice is not None:
        before = arguments.mapping(name, "toolConfig", params.get("toolConfig", {}))
        params["toolConfig"] = {**before, **_tools(name, tools, tool_choice)}
    return _send(config, name, params, model_id=model)


def _inference(name: str, max_tokens: Any, temperature: Any, top_p: Any, stop_sequences: Any) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if max_tokens is not None:
        given["maxTokens"] = arguments.integer(name, "max_tokens", max_tokens, most=(1 << 31) - 1)
    if temperature is not None:
        given["temperature"] = arguments.number(name, "temperature", temperature, most=2.0)
    if top_p is not None:
        given["topP"] = arguments.number(name, "top_p", top_p, most=1.0)
    if stop_sequences is not None and (found := arguments.texts(name, "stop_sequences", stop_sequences)):
        given["stopSequences"] = found
    return given


_CHOICES = ("auto", "any")


def _tools(name: str, tools: Any, choice: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if tools is not None:
        if isinstance(tools, (str, bytes)) or not isinstance(tools, Sequence):
            arguments.refuse(name, f"tools is a sequence of tools, not {type(tools).__name__}")
        if tools:
            made["tools"] = [arguments.mapping(name, f"tools[{at}]", one) for at, one in enumerate(tools)]
    if isinstance(choice, str):
        made["toolChoice"] = (
            {choice: {}} if choice in _CHOICES else {"tool": {"name": arguments.text(name, "tool_choice", choice)}}
        )
    elif choice is not None:
        made["toolChoice"] = arguments.mapping(name, "tool_choice", choice)
    return made


def invoke_model(config: GatewayConfig, body: Any, *, model: Any, streamed: bool = False, **members: Any) -> Send:
    """Build InvokeModel or its streaming form; a mapping is the vendor's body and becomes JSON."""
    name = "InvokeModelWithResponseStream" if streamed else "InvokeModel"
    params = {
        "modelId": _model(name, model),
        "body": _body(name, body),
        "contentType": "application/json",
        "accept": "application/json",
        **_members(name, members),
    }
    return _send(config, name, params, model_id=model)


def _body(name: str, body: Any) -> bytes:
    if isinstance(body, str):
        data = arguments.text(name, "body", body).encode()
    elif isinstance(body, (bytes, bytearray)):
        data = bytes(body)
    else:
        checked_body = arguments.mapping(name, "body", body, blobs=False)
        try:
            data = orjson.dumps(checked_body, default=dict)
        except TypeError:  # a key of a type derived from str, say
            arguments.refuse(name, "body holds what cannot be written as JSON")
    if len(data) > arguments.SIZE_LIMIT:
        arguments.refuse(name, f"body is larger than {arguments.SIZE_LIMIT} bytes")
    return data


def _base(config: GatewayConfig, name: str, base: Any) -> KnowledgeBaseConfig:
    """Return a configured knowledge base.

    Raises:
        GovernanceError: there is none of that name.
    """
    arguments.identifier(name, "knowledge_base", base)
    found = config.knowledge_bases.get(base)
    if found is None:
        known = ", ".join(config.knowledge_bases) or "none"
        raise GovernanceError(
            f"knowledge base {base[:80]!r} is not declared; declared: {known}", rule="declared-knowledge-bases"
        )
    return found


def _id_of(config: GatewayConfig, name: str, base: Any, given: Any = None) -> str:
    """Return the id of knowledge base *base*: *given*, which may not be in the configuration yet, or the configured one."""
    found = _base(config, name, base)
    if given is not None:
        checked("knowledge_base", arguments.identifier(name, "knowledge_base_id", given), name="knowledge base id")
        if found.id not in {None, given}:
            raise GovernanceError(
                f"knowledge base {base!r} is declared as {found.id}, not {given}", rule="declared-knowledge-bases"
            )
        return str(given)
    if found.id is None:
        where = f"[env.{config.environment or 'NAME'}.knowledge_base.{base}]"
        raise ConfigError(f'knowledge base {base!r} has no id yet; add to gateway.toml: {where} id = "…"')
    return found.id


def _search(name: str, given: Mapping[str, Any], results: Any, metadata_filter: Any) -> dict[str, Any]:
    """Return retrievalConfiguration, or nothing where the caller said nothing of it."""
    given = arguments.mapping(name, "retrievalConfiguration", given)
    search = arguments.mapping(name, "vectorSearchConfiguration", given.get("vectorSearchConfiguration", {}))
    if results is not None:
        search["numberOfResults"] = arguments.integer(name, "results", results, most=100)
    if metadata_filter is not None:
        search["filter"] = arguments.mapping(name, "metadata_filter", metadata_filter)
    return {**given, "vectorSearchConfiguration": search} if search else dict(given)


def retrieve(
    config: GatewayConfig,
    query: Any,
    *,
    knowledge_base: Any,
    results: Any = None,
    metadata_filter: Any = None,
    next_token: Any = None,
    **members: Any,
) -> Send:
    """Build Retrieve."""
    name = "Retrieve"
    params: dict[str, Any] = {
        "knowledgeBaseId": _id_of(config, name, knowledge_base),
        "retrievalQuery": {"text": arguments.text(name, "query", query)},
        **_members(name, members),
    }
    if search := _search(name, params.pop("retrievalConfiguration", {}), results, metadata_filter):
        params["retrievalConfiguration"] = search
    if next_token is not None:
        params["nextToken"] = arguments.text(name, "next_token", next_token)
    return _send(config, name, params, knowledge_base=knowledge_base)


def _model_arn(config: GatewayConfig, model: str) -> str:
    if model.startswith("arn:"):
        return model
    kind = parse_model_id(model).kind
    if kind == "on-demand":
        return f"arn:{config.partition}:bedrock:{config.region}::foundation-model/{model}"
    # A bare id of twelve characters is the only other one that is not a profile of AWS.
    resource = "application-inference-profile" if kind == "application-profile" else "inference-profile"
    return f"arn:{config.partition}:bedrock:{config.region}:{config.account}:{resource}/{model}"


def retrieve_and_generate(
    config: GatewayConfig,
    question: Any,
    *,
    knowledge_base: Any,
    model: Any,
    session_id: Any = None,
    results: Any = None,
    metadata_filter: Any = None,
    **members: Any,
) -> Send:
    """Build RetrieveAndGenerate."""
    name = "RetrieveAndGenerate"
    base: dict[str, Any] = {
        "knowledgeBaseId": _id_of(config, name, knowledge_base),
        "modelArn": _model_arn(config, _model(name, model)),
    }
    if search := _search(name, {}, results, metadata_filter):
        base["retrievalConfiguration"] = search
    params: dict[str, Any] = {
        "input": {"text": arguments.text(name, "question", question)},
        "retrieveAndGenerateConfiguration": {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base},
        **_members(name, members),
    }
    if session_id is not None:
        params["sessionId"] = arguments.identifier(name, "session_id", session_id)
    return _send(config, name, params, model_id=model, knowledge_base=knowledge_base)


def create_knowledge_base(
    config: GatewayConfig, base: Any, *, role_arn: Any, index_arn: Any, description: Any = None
) -> Send:
    """Build CreateKnowledgeBase on an S3 Vectors index."""
    name = "CreateKnowledgeBase"
    found = _base(config, name, base)
    params: dict[str, Any] = {
        "clientToken": _token(),
        "name": base,
        "roleArn": arguments.identifier(name, "role_arn", role_arn),
        "knowledgeBaseConfiguration": {
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": _model_arn(config, found.embedding_model)},
        },
        "storageConfiguration": {
            "type": "S3_VECTORS",
            "s3VectorsConfiguration": {"indexArn": arguments.identifier(name, "index_arn", index_arn)},
        },
    }
    if description is not None:
        params["description"] = arguments.text(name, "description", description)
    return _send(config, name, params, knowledge_base=base)


def create_data_source(config: GatewayConfig, base: Any, *, knowledge_base_id: Any = None, source: Any = 0) -> Send:
    """Build CreateDataSource of the configured source with that index."""
    name = "CreateDataSource"
    sources = _base(config, name, base).sources
    at = arguments.integer(name, "source", source, least=0)
    if at >= len(sources):
        raise ConfigError(f"knowledge base {base!r} has no source number {at} in the configuration")
    where: dict[str, Any] = {"bucketArn": f"arn:{config.partition}:s3:::{sources[at].bucket}"}
    if sources[at].prefix:
        where["inclusionPrefixes"] = [sources[at].prefix]
    params = {
        "clientToken": _token(),
        "knowledgeBaseId": _id_of(config, name, base, knowledge_base_id),
        "name": f"{base}-{at}",
        "dataSourceConfiguration": {"type": "S3", "s3Configuration": where},
    }
    return _send(config, name, params, knowledge_base=base)


def start_ingestion(config: GatewayConfig, base: Any, *, data_source_id: Any, knowledge_base_id: Any = None) -> Send:
    """Build StartIngestionJob."""
    name = "StartIngestionJob"
    params = {
        "clientToken": _token(),
        "knowledgeBaseId": _id_of(config, name, base, knowledge_base_id),
        "dataSourceId": arguments.identifier(name, "data_source_id", data_source_id),
    }
    return _send(config, name, params, knowledge_base=base)


def get_ingestion(config: GatewayConfig, job: Any) -> Send:
    """Build GetIngestionJob."""
    name = "GetIngestionJob"
    if not isinstance(job, IngestionJob):
        arguments.refuse(name, f"job is an IngestionJob, as start_ingestion returns it, not {type(job).__name__}")
    params = {
        "knowledgeBaseId": _id_of(config, name, job.knowledge_base, job.knowledge_base_id),
        "dataSourceId": arguments.identifier(name, "job.data_source_id", job.data_source_id),
        "ingestionJobId": arguments.identifier(name, "job.id", job.id),
    }
    return _send(config, name, params, knowledge_base=job.knowledge_base)
