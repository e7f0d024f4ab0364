"""What every request has: its row in the table, AWS's members by name, and the forms of ids."""

from __future__ import annotations

import difflib
import uuid
from typing import TYPE_CHECKING, Any

from bedrock_gateway import _arguments as arguments
from bedrock_gateway._commands import Send
from bedrock_gateway.capabilities import operation
from bedrock_gateway.capabilities.models import parse_model_id
from bedrock_gateway.errors import GovernanceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedrock_gateway.config import GatewayConfig

__all__ = ["CAPABILITY_OF", "capability_of", "members_of", "model_arn", "model_of", "send_of", "token"]

DOCUMENTS = (
    "IngestKnowledgeBaseDocuments",
    "GetKnowledgeBaseDocuments",
    "ListKnowledgeBaseDocuments",
    "DeleteKnowledgeBaseDocuments",
)
"""Operations on documents given directly."""

CAPABILITY_OF = {
    "Converse": "converse",
    "ConverseStream": "converse-stream",
    "InvokeModel": "invoke",
    "InvokeModelWithResponseStream": "invoke-stream",
    "Retrieve": "retrieve",
    "RetrieveAndGenerate": "rag",
    "RetrieveAndGenerateStream": "rag-stream",
    "CountTokens": "count-tokens",
    "ApplyGuardrail": "guardrail-apply",
    "Rerank": "rerank",
    "CreateKnowledgeBase": "kb-create",
    "CreateDataSource": "kb-create",
    "StartIngestionJob": "kb-ingest",
    "GetIngestionJob": "kb-ingest",
    **dict.fromkeys(DOCUMENTS, "kb-documents-direct"),
}
"""Operation → the capability that a principal needs to call it."""


def capability_of(operation: str, options: Mapping[str, Any]) -> str:
    """Return the capability that a call with these options needs."""
    return "rag-document" if options.get("document") is not None else CAPABILITY_OF[operation]


_SERVICES = {
    "bedrock-runtime": (
        "Converse",
        "ConverseStream",
        "InvokeModel",
        "InvokeModelWithResponseStream",
        "CountTokens",
        "ApplyGuardrail",
    ),
    "bedrock-agent-runtime": ("Retrieve", "RetrieveAndGenerate", "RetrieveAndGenerateStream", "Rerank"),
    "bedrock-agent": (
        "CreateKnowledgeBase",
        "CreateDataSource",
        "StartIngestionJob",
        "GetIngestionJob",
        *DOCUMENTS,
    ),
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
_ANSWER = (
    "generationConfiguration",
    "orchestrationConfiguration",
    "retrievalConfiguration",
    "sessionConfiguration",
    "userContext",
)

# Operation → the members of AWS that can be given by name, beside what has an argument of its own.
_MEMBERS = {
    "Converse": _CHAT,
    "ConverseStream": _CHAT,
    "InvokeModel": _BODY,
    "InvokeModelWithResponseStream": _BODY,
    "Retrieve": ("nextToken", "retrievalConfiguration", "userContext"),
    "RetrieveAndGenerate": _ANSWER,
    "RetrieveAndGenerateStream": _ANSWER,
}
# What the configuration decides, so that no call can.
_GOVERNED = frozenset(
    {"guardrailConfig", "guardrailIdentifier", "guardrailVersion", "guardrailConfiguration", "modelId"}
)


# AWS's name, or another API's → the argument that it is here.
_OURS = {
    "knowledgeBaseId": "knowledge_base",
    "maxTokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "messages": "prompt",
    "numberOfResults": "results",
    "response_format": "output",
    "sessionId": "session_id",
    "stop": "stop_sequences",
    "stopSequences": "stop_sequences",
    "toolChoice": "tool_choice",
    "topP": "top_p",
}


def _hint(member: str, known: tuple[str, ...]) -> str:
    if member in _OURS:
        return f"give it as {_OURS[member]}="
    near = difflib.get_close_matches(member, known, n=1)
    return f"did you mean {near[0]}?" if near else f"AWS's members are {', '.join(known)}"


def members_of(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return further members by AWS's names, checked."""
    known = _MEMBERS[name]
    for member, value in given.items():
        if member == "modelId":
            arguments.refuse(name, "the model is given as model=")
        if member in _GOVERNED:
            raise GovernanceError(f"{member} comes from the configuration alone", rule="declared-members")
        if member not in known:
            arguments.refuse(name, f"there is no option {member[:80]!r}; {_hint(member, known)}")
        arguments.document(name, member, value)
    return {member: value for member, value in given.items() if value is not None}


def send_of(config: GatewayConfig, name: str, params: dict[str, Any], **facts: Any) -> Send:
    row = operation(_SERVICE_OF[name], name)
    return Send(
        row.service,
        name,
        params,
        row.resend,
        row.stream,
        config.region,
        config.account,
        local=config.local,
        unparsed=True,
        **({"capability": CAPABILITY_OF[name]} | facts),
    )


def token() -> str:
    return str(uuid.uuid4())


def model_of(name: str, model: Any) -> str:
    """Return *model* if it has the form of a model id or an ARN.

    Raises:
        ConfigError: it has not.
    """
    arguments.identifier(name, "model", model)
    parse_model_id(model)
    return str(model)


def model_arn(config: GatewayConfig, model: str) -> str:
    if model.startswith("arn:"):
        return model
    kind = parse_model_id(model).kind
    if kind == "on-demand":
        return f"arn:{config.partition}:bedrock:{config.region}::foundation-model/{model}"
    # A bare id of twelve characters is the only other one that is not a profile of AWS.
    resource = "application-inference-profile" if kind == "application-profile" else "inference-profile"
    return f"arn:{config.partition}:bedrock:{config.region}:{config.account}:{resource}/{model}"
