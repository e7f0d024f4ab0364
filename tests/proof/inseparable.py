"""What a policy permits besides its capability, because IAM cannot tell it apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities import CAPABILITIES
from bedrock_gateway.iam.generate import generate

from .paper import Paper
from .setting import calls_of
from .stories import STORIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .setting import Setting

__all__ = ["INSEPARABLE", "UNSEEN", "permitted_besides", "unseen"]

_INVOKE, _CONVERSE = "bedrock-runtime:InvokeModel", "bedrock-runtime:Converse"
_INVOKE_STREAM, _CONVERSE_STREAM = "bedrock-runtime:InvokeModelWithResponseStream", "bedrock-runtime:ConverseStream"
_APPLY = "bedrock-runtime:ApplyGuardrail"
_ANSWER = frozenset({"bedrock-agent-runtime:Retrieve", _INVOKE, _CONVERSE, _APPLY, "bedrock:GetInferenceProfile"})

INSEPARABLE: Mapping[str, frozenset[str]] = {
    "invoke": frozenset({_CONVERSE, _APPLY}),
    "invoke-stream": frozenset({_CONVERSE_STREAM, _APPLY}),
    "converse": frozenset({_INVOKE, _APPLY}),
    "converse-stream": frozenset({_INVOKE_STREAM, _APPLY}),
    "embed": frozenset({_CONVERSE, _APPLY}),
    "rerank": frozenset({_INVOKE, _CONVERSE}),
    "kb-documents-direct": frozenset({"bedrock-agent:StartIngestionJob"}),
    "rag-document": (_ANSWER - {"bedrock-agent-runtime:Retrieve"}) | {"s3:GetObject", _INVOKE_STREAM, _CONVERSE_STREAM},
    "rag": _ANSWER,
    "preflight-standard": frozenset({"s3:ListObjectsV2"}),
    "preflight-deep": frozenset({"s3:ListObjectsV2"}),
    "preflight-canary": frozenset({"s3:HeadBucket"}),
    "rag-stream": _ANSWER | {"bedrock-agent-runtime:RetrieveAndGenerate", _INVOKE_STREAM, _CONVERSE_STREAM},
}
"""Capability → operations of other capabilities, on the same model, knowledge base and guardrail."""


UNSEEN: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("logging-admin", "PutModelInvocationLoggingConfiguration", "another bucket", {"logging_bucket": "example-other"}),
    ("logging-admin", "PutModelInvocationLoggingConfiguration", "another log group", {"log_group": "/other"}),
    ("kb-create", "CreateKnowledgeBase", "another vector index", {"vector_index": "other"}),
    ("kb-create", "CreateKnowledgeBase", "another embedding model", {"embedding_model": "cohere.embed-english-v3"}),
    ("kb-create", "CreateDataSource", "another bucket of documents", {"document_bucket": "example-other"}),
    ("batch", "CreateModelInvocationJob", "other files, in any bucket", {"document_bucket": "example-other"}),
)
"""(capability, operation, what may be another one, how): what a call names and IAM does not look at. The role that is passed
limits it, and the bucket's own policy."""


def unseen(capability: str, operation: str, s: Setting, changes: dict[str, str]) -> bool:
    """Whether the policy of *capability* in *s* permits *operation* on what *changes* says too."""
    paper = Paper(s, generate([capability], s.scope()).policy.dump())
    calls = [call for call in calls_of(STORIES[capability](replace(s, **changes))) if call.operation == operation]
    return bool(calls) and not any(map(paper.denied, calls))


def permitted_besides(capability: str, s: Setting) -> set[str]:
    """The calls of all other capabilities that the policy of *capability* in *s* permits too."""
    own = {f"{one.service}:{one.name}" for one in CAPABILITIES[capability].operations}
    paper = Paper(s, generate([capability], s.scope()).policy.dump())
    return {
        str(call)
        for other in STORIES
        for call in calls_of(STORIES[other](s))
        if str(call) not in own and paper.demands(call) and not paper.denied(call)
    }
