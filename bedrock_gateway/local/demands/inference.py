"""What AWS demands for calling models.

Sources: Bedrock User Guide, inference-prereq, guardrails-permissions-id; the Service Authorization Reference, whose table
of operations says which action each of them is authorised as.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.local.demands import guardrails
from bedrock_gateway.local.demands.rows import SAR, ApiRequest, Context, Demand, Irregular, Row, Rows, tag_context
from bedrock_gateway.local.demands.targets import ARN, OWNED_BY_AWS, bare_model, geography_of, invoke, subscribing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["RUNTIME"]

_GUIDE = "Bedrock User Guide, inference-prereq"
_COUNTED = "Bedrock API Reference, CountTokens; Service Authorization Reference"


def _guardrail(request: ApiRequest) -> tuple[str, str] | None:
    """Return ARN and version of the guardrail that a call names: Converse in a member, InvokeModel in headers."""
    given = request.param("guardrailConfig") or request.params
    identifier = given.get("guardrailIdentifier")
    if not identifier:
        return None
    return guardrails.arn_of(request, str(identifier)), str(given.get("guardrailVersion") or "DRAFT")


def _call_context(request: ApiRequest) -> Context:
    context: dict[str, str | Sequence[str]] = {}
    guardrail = _guardrail(request)
    if guardrail:
        arn, version = guardrail
        context["bedrock:GuardrailIdentifier"] = arn if version == "DRAFT" else f"{arn}:{version}"
    tier = request.param("serviceTier.type") or request.param("serviceTier")
    if isinstance(tier, str):
        context["bedrock:ServiceTier"] = tier
    return context


def _calls(action: str) -> tuple[Irregular, ...]:
    return (_Calling(action), _guarded, guardrails.enforced, _system_tools)


@dataclass(frozen=True, slots=True)
class _Calling:
    """The legs of one model call."""

    action: str

    def __call__(self, request: ApiRequest) -> Iterator[Demand]:
        model_id = str(request.params.get("modelId", ""))
        found = ARN.fullmatch(model_id)
        if found and found["kind"] == "prompt":
            yield Demand("bedrock:RenderPrompt", model_id, {}, _GUIDE)
            return
        yield from invoke(request, model_id, self.action, _call_context(request))
        yield from subscribing(request, model_id)


def _guarded(request: ApiRequest) -> Iterator[Demand]:
    guardrail = _guardrail(request)
    if guardrail:
        yield from guardrails.applied(request, guardrail[0], {})


def _system_tools(request: ApiRequest) -> Iterator[Demand]:
    """A tool that AWS runs is a resource of its own; its ARN has no Region."""
    tools: list[Any] = request.param("toolConfig.tools") or []
    for tool in tools:
        name = (tool.get("systemTool") or {}).get("name")
        if name:
            yield Demand("bedrock:InvokeTool", request.arn("bedrock", f"system-tool/{name}", region=""), {}, SAR, "M")


def _counted(request: ApiRequest) -> Iterator[Demand]:
    """Tokens are counted on a foundation model; what an inference profile would be authorised on is not documented."""
    model_id = str(request.params.get("modelId", "*"))
    found = ARN.fullmatch(model_id)
    region = found["region"] if found and found["kind"] == "foundation-model" else request.region
    arn = request.arn("bedrock", f"foundation-model/{bare_model(model_id)}", region=region, account="")
    sure = "L" if geography_of(found["name"] if found else model_id) else "H"
    yield Demand("bedrock:CountTokens", arn, {"aws:ResourceAccount": OWNED_BY_AWS}, _COUNTED, sure)


def _started(request: ApiRequest) -> Iterator[Demand]:
    """An asynchronous call is InvokeModel on the model and on the invocation to come; the caller writes the output."""
    yield from invoke(request, str(request.params.get("modelId", "")), "bedrock:InvokeModel", {})
    new, tags = request.arn("bedrock", "async-invoke/*"), tag_context(request.params.get("tags"))
    yield Demand("bedrock:InvokeModel", new, tags, SAR, "M")
    if tags:
        yield Demand("bedrock:TagResource", new, tags, SAR)
    uri = str(request.param("outputDataConfig.s3OutputDataConfig.s3Uri") or "")
    if uri:
        folder = f"{uri.removeprefix('s3://').rstrip('/')}/*"
        yield Demand("s3:PutObject", request.arn("s3", folder, region="", account=""), {}, _GUIDE, "M")


RUNTIME: Rows = {
    ("bedrock-runtime", "InvokeModel"): _calls("bedrock:InvokeModel"),
    ("bedrock-runtime", "InvokeModelWithResponseStream"): _calls("bedrock:InvokeModelWithResponseStream"),
    # Converse has no action of its own, and neither has the bidirectional stream.
    ("bedrock-runtime", "Converse"): _calls("bedrock:InvokeModel"),
    ("bedrock-runtime", "ConverseStream"): _calls("bedrock:InvokeModelWithResponseStream"),
    ("bedrock-runtime", "InvokeModelWithBidirectionalStream"): _calls("bedrock:InvokeModel"),
    ("bedrock-runtime", "CountTokens"): (_counted,),
    ("bedrock-runtime", "StartAsyncInvoke"): (_started,),
    ("bedrock-runtime", "GetAsyncInvoke"): (Row("bedrock:GetAsyncInvoke", "{invocationArn}"),),
    ("bedrock-runtime", "ListAsyncInvokes"): (Row("bedrock:ListAsyncInvokes"),),
    **guardrails.APPLYING,
}
