"""The calls of capabilities that call models: directly, as a job, or to put passages in order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .setting import Call, Setting, Story, Unknown, bare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CONFLICT", "MESSAGES", "STORIES", "foreign", "model_arn", "reranking", "tags"]


MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
CONFLICT = frozenset({"ConflictException"})


def model_arn(s: Setting, model: str | None = None, region: str | None = None) -> str:
    """RetrieveAndGenerate takes the ARN of a model or of a profile."""
    model = model or s.model
    if model.startswith("arn:"):
        return model
    if bare(model) == model:
        return s.arn("bedrock", f"foundation-model/{model}", region=region, account="")
    return s.arn("bedrock", f"inference-profile/{model}", region=region)


def _body(model: str) -> bytes:
    name = bare(model).rpartition("/")[2]
    text = "Hello"
    if name.startswith("anthropic."):
        content: Any = {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 20,
            "messages": [{"role": "user", "content": text}],
        }
    elif name.startswith("amazon.nova"):
        content = {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 20}}
    else:
        content = {"inputText": text}
    return json.dumps(content).encode()


def _guard(s: Setting, *, flat: bool) -> dict[str, Any]:
    if s.guardrail is None:
        return {}
    named = dict(zip(("guardrailIdentifier", "guardrailVersion"), s.guardrail, strict=True))
    return named if flat else {"guardrailConfig": named}


def tags(s: Setting) -> dict[str, Any]:
    return {"tags": [{"key": "team", "value": "red"}]} if s.tagging else {}


def foreign(s: Setting) -> bool:
    """Whether the call needs what the local Bedrock does not have: a model of the account's own."""
    return s.model.startswith("arn:") and not s.is_application_profile


def _model_call(operation: str) -> Callable[[Setting], Story]:
    def story(s: Setting) -> Story:
        model = s.behind[0] if s.behind else s.model
        if "Converse" in operation:
            params: dict[str, Any] = {"messages": MESSAGES, **_guard(s, flat=False)}
        else:
            params = {"body": _body(model), **_guard(s, flat=True)}
        yield Call("bedrock-runtime", operation, {"modelId": s.model, **params}, unserved=foreign(s))

    return story


def _embed(s: Setting) -> Story:
    cohere = any("cohere.embed" in model for model in s.foundation_models)
    body = {"texts": ["Hello"], "input_type": "search_query"} if cohere else {"inputText": "Hello"}
    params = {"modelId": s.model, "body": json.dumps(body).encode(), **_guard(s, flat=True)}
    # A chat model is no embedding model; whether IAM lets the call pass is the same question.
    embeds = any("embed" in model for model in s.foundation_models)
    yield Call("bedrock-runtime", "InvokeModel", params, unserved=not embeds or foreign(s))


def _count_tokens(s: Setting) -> Story:
    counted = {"converse": {"messages": MESSAGES}}
    # The operation takes a model, not what leads to it.
    for model in s.foundation_models:
        yield Call("bedrock-runtime", "CountTokens", {"modelId": model, "input": counted})


def _guardrail_apply(s: Setting) -> Story:
    content = [{"text": {"text": "Hello"}}]
    identifier, version = s.guardrail or ("abcdefghij12", "3")
    named = {"guardrailIdentifier": identifier, "guardrailVersion": version}
    yield Call("bedrock-runtime", "ApplyGuardrail", {**named, "source": "INPUT", "content": content})


def reranking(model: str) -> dict[str, Any]:
    configuration = {"modelConfiguration": {"modelArn": model}}
    return {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": configuration}


def _reranks(s: Setting) -> bool:
    """A chat model does not rerank; whether IAM lets the call pass is the same question."""
    return s.reranker is not None or (not foreign(s) and any("rerank" in model for model in s.foundation_models))


def _rerank(s: Setting) -> Story:
    inline = {"type": "TEXT", "textDocument": {"text": "Leave is twenty-five days."}}
    yield Call(
        "bedrock-agent-runtime",
        "Rerank",
        {
            "queries": [{"type": "TEXT", "textQuery": {"text": "How many days?"}}],
            "sources": [{"type": "INLINE", "inlineDocumentSource": inline}],
            "rerankingConfiguration": reranking(model_arn(s, s.reranker)),
        },
        unserved=not _reranks(s),
    )


def _batch(s: Setting) -> Story:
    where = {"s3Uri": f"s3://{s.document_bucket}/batch/"}
    started = yield Call(
        "bedrock",
        "CreateModelInvocationJob",
        {
            "jobName": "nightly",
            "roleArn": s.role_arn(s.batch_role),
            "modelId": s.model,
            "inputDataConfig": {"s3InputDataConfig": where},
            "outputDataConfig": {"s3OutputDataConfig": where},
            **tags(s),
        },
    )
    job = {"jobIdentifier": s.arn("bedrock", "model-invocation-job/abcdefghij12")}
    if not isinstance(started, Unknown):
        job = {"jobIdentifier": started["jobArn"]}
    yield Call("bedrock", "GetModelInvocationJob", job)
    yield Call("bedrock", "ListModelInvocationJobs")
    yield Call("bedrock", "StopModelInvocationJob", job, also=CONFLICT)


STORIES: Mapping[str, Callable[[Setting], Story]] = {
    "invoke": _model_call("InvokeModel"),
    "invoke-stream": _model_call("InvokeModelWithResponseStream"),
    "converse": _model_call("Converse"),
    "converse-stream": _model_call("ConverseStream"),
    "count-tokens": _count_tokens,
    "guardrail-apply": _guardrail_apply,
    "embed": _embed,
    "rerank": _rerank,
    "batch": _batch,
}
