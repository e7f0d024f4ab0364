"""Legs that the rows of several capabilities share: what any model call needs, and what its options add."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bedrock_gateway.capabilities.table import Leg

if TYPE_CHECKING:
    from bedrock_gateway.capabilities.table import Resource

__all__ = [
    "ENDPOINT",
    "GUARDED",
    "INVOKE",
    "PROFILES",
    "RERANKED",
    "STREAM",
    "STREAMED_ENDPOINT",
    "SUBSCRIBE",
    "SUBSCRIPTIONS",
    "tagged",
]

GUARDED = (
    Leg(
        "bedrock:ApplyGuardrail",
        "guardrail",
        source="User Guide: guardrails-permissions",
        only_with="guardrail",
        why="A call with a guardrail is also authorised on the guardrail.",
    ),
    Leg(
        "bedrock:ApplyGuardrail",
        "guardrail-profile",
        source="User Guide: guardrail-profiles-permissions",
        only_with="guardrail_profile",
        why="A cross-Region guardrail is also authorised on its profile in every destination Region.",
    ),
    Leg(
        "kms:Decrypt",
        "guardrail-key",
        source="User Guide: guardrails-permissions-kms",
        only_with="guardrail_key",
        why="Whoever uses a guardrail under a customer managed key decrypts it.",
    ),
    Leg(
        "bedrock:ApplyGuardrail",
        "enforced-guardrail",
        source="User Guide: guardrails-resource-based-policies",
        only_with="enforced_guardrails",
        why="A guardrail that the account enforces is authorised for every caller, or the call is denied.",
    ),
)
"""What guardrails add to a call."""

SUBSCRIPTIONS = Leg(
    "aws-marketplace:ViewSubscriptions",
    "*",
    "M",
    "User Guide: model-access; AmazonBedrockLimitedAccess for the condition",
    condition="called-via-bedrock",
)
SUBSCRIBE = Leg(
    "aws-marketplace:Subscribe",
    "*",
    "M",
    "User Guide: model-access, model-access-permissions; AmazonBedrockLimitedAccess for the condition",
    condition="subscribed-products",
    why="The first call of a third-party model subscribes the account to it.",
)
_FIRST_USE = tuple(replace(leg, only_with="subscribe") for leg in (SUBSCRIBE, SUBSCRIPTIONS))


PROFILES = Leg(
    "bedrock:GetInferenceProfile",
    "profile",
    "?",
    "User Guide: inference-prereq, which does not name this operation",
    why="AWS lists it as needed to run inference through a profile; public samples omit it.",
)
"""Reading the profiles that a call goes through: not confirmed."""


ENDPOINT, STREAMED_ENDPOINT = (
    Leg(
        f"sagemaker:{name}",
        "marketplace-endpoint",
        "?",
        "botocore: the pattern of modelArn takes an ARN of SageMaker; no page of AWS says what is then authorised",
        condition="bedrock-endpoint",
        why="Where the model is an endpoint of Bedrock Marketplace, Bedrock calls it in the caller's name.",
    )
    for name in ("InvokeEndpoint", "InvokeEndpointWithResponseStream")
)
"""An endpoint behind an operation that calls the model for the caller: not documented."""


def _called(action: str, endpoint_action: str) -> tuple[Leg, ...]:
    return (
        Leg(
            action,
            "model",
            source="botocore documentation of the operation; User Guide: inference-prereq",
            condition="only-guarded",
            why="The Converse operations have no IAM action of their own.",
        ),
        Leg(
            endpoint_action,
            "marketplace-endpoint",
            "M",
            "AWS managed policy AmazonBedrockFullAccess",
            condition="bedrock-endpoint",
            why="A model of Bedrock Marketplace runs on an endpoint of SageMaker, called in the caller's name.",
        ),
        replace(PROFILES, resource="application-profile"),
        *GUARDED,
        *_FIRST_USE,
    )


INVOKE = _called("bedrock:InvokeModel", "sagemaker:InvokeEndpoint")
"""InvokeModel and Converse."""

STREAM = _called("bedrock:InvokeModelWithResponseStream", "sagemaker:InvokeEndpointWithResponseStream")
"""InvokeModelWithResponseStream and ConverseStream."""

_REORDERED = "Passages are put in order with the caller's rights."
RERANKED = (
    Leg("bedrock:Rerank", "*", source="User Guide: rerank-prereq", only_with="rerankers", why=_REORDERED),
    Leg("bedrock:InvokeModel", "reranker", source="User Guide: rerank-prereq", only_with="rerankers", why=_REORDERED),
)
"""What a reranker adds to RetrieveAndGenerate; inside Retrieve it is called with the knowledge base's role instead."""


def tagged(resource: Resource) -> Leg:
    """Return what a create operation needs besides where it is given tags."""
    return Leg(
        "bedrock:TagResource",
        resource,
        "M",
        "User Guide: tagging; the resource has no id yet",
        only_with="tagging",
        why="Tags given to a create operation are authorised as TagResource on what it makes.",
    )
