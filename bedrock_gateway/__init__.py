"""Call Amazon Bedrock under governance: declared calls only, least-privilege IAM, a preflight, structured logs.

Names are loaded on first use: importing this package imports neither boto3 nor pydantic nor structlog.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedrock_gateway._commands import Send, Timeouts
    from bedrock_gateway._stream import AsyncStream, Stream
    from bedrock_gateway.aio import AsyncGateway
    from bedrock_gateway.client import Gateway
    from bedrock_gateway.config import GatewayConfig
    from bedrock_gateway.errors import (
        AccessDeniedError,
        CircuitOpenError,
        ConfigError,
        ConflictError,
        GatewayError,
        GovernanceError,
        InferenceProfileRequiredError,
        IngestionFailedError,
        InvalidRequestError,
        MalformedResponseError,
        MissingExtraError,
        ModelFailedError,
        ModelNotReadyError,
        ModelTimeoutError,
        NotFoundError,
        NotOursError,
        OutputValidationError,
        PreflightFailedError,
        QuotaExceededError,
        ServiceError,
        SessionExpiredError,
        SetupIncompleteError,
        StreamInterruptedError,
        ThrottledError,
        TransportError,
        UnavailableError,
        UnsupportedByBotocoreError,
    )
    from bedrock_gateway.events import CallEnded, IngestionPolled, Observer, RetryScheduled, StructlogObserver
    from bedrock_gateway.families import TextRequest
    from bedrock_gateway.results import (
        Answer,
        AnswerSession,
        Citation,
        ConverseResult,
        DataSource,
        EmbedResult,
        GuardrailResult,
        IngestionJob,
        InvokeResult,
        KnowledgeBase,
        Passage,
        Ranked,
        RerankResult,
        RetrieveResult,
        Source,
        StreamEvent,
        TextDelta,
        TokenCount,
        ToolCall,
        UnknownEvent,
        Usage,
    )

__all__ = [
    "AccessDeniedError",
    "Answer",
    "AnswerSession",
    "AsyncGateway",
    "AsyncStream",
    "CallEnded",
    "CircuitOpenError",
    "Citation",
    "ConfigError",
    "ConflictError",
    "ConverseResult",
    "DataSource",
    "EmbedResult",
    "Gateway",
    "GatewayConfig",
    "GatewayError",
    "GovernanceError",
    "GuardrailResult",
    "InferenceProfileRequiredError",
    "IngestionFailedError",
    "IngestionJob",
    "IngestionPolled",
    "InvalidRequestError",
    "InvokeResult",
    "KnowledgeBase",
    "MalformedResponseError",
    "MissingExtraError",
    "ModelFailedError",
    "ModelNotReadyError",
    "ModelTimeoutError",
    "NotFoundError",
    "NotOursError",
    "Observer",
    "OutputValidationError",
    "Passage",
    "PreflightFailedError",
    "QuotaExceededError",
    "Ranked",
    "RerankResult",
    "RetrieveResult",
    "RetryScheduled",
    "Send",
    "ServiceError",
    "SessionExpiredError",
    "SetupIncompleteError",
    "Source",
    "Stream",
    "StreamEvent",
    "StreamInterruptedError",
    "StructlogObserver",
    "TextDelta",
    "TextRequest",
    "ThrottledError",
    "Timeouts",
    "TokenCount",
    "ToolCall",
    "TransportError",
    "UnavailableError",
    "UnknownEvent",
    "UnsupportedByBotocoreError",
    "Usage",
    "__version__",
]

_ELSEWHERE = {
    "_commands": ("Send", "Timeouts"),
    "_stream": ("AsyncStream", "Stream"),
    "aio": ("AsyncGateway",),
    "client": ("Gateway",),
    "config": ("GatewayConfig",),
    "families": ("TextRequest",),
    "events": ("CallEnded", "IngestionPolled", "Observer", "RetryScheduled", "StructlogObserver"),
    "results": (
        "Answer",
        "AnswerSession",
        "Citation",
        "ConverseResult",
        "DataSource",
        "IngestionJob",
        "InvokeResult",
        "KnowledgeBase",
        "Passage",
        "RetrieveResult",
        "Source",
        "StreamEvent",
        "TextDelta",
        "ToolCall",
        "UnknownEvent",
        "Usage",
        "EmbedResult",
        "GuardrailResult",
        "Ranked",
        "RerankResult",
        "TokenCount",
    ),
}
_WHERE = {name: module for module, names in _ELSEWHERE.items() for name in names} | {
    name: "errors" for name in __all__ if name.endswith("Error")
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("bedrock-gateway")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
