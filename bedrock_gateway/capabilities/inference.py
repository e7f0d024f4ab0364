"""Rows: calling models."""

from __future__ import annotations

from bedrock_gateway.capabilities.table import Capability, Leg, Operation

_GUARDRAIL = Leg(
    "bedrock:ApplyGuardrail",
    "guardrail",
    source="User Guide: guardrails-permissions",
    only_with="guardrail",
    why="A call with a guardrail is also authorised on the guardrail.",
)

_INVOKE = Leg(
    "bedrock:InvokeModel",
    "model",
    source="botocore documentation of the operation; User Guide: inference-prereq",
    why="Converse has no IAM action of its own: AWS authorises it as InvokeModel.",
)
_STREAM = Leg(
    "bedrock:InvokeModelWithResponseStream",
    "model",
    source="botocore documentation of the operation; User Guide: inference-prereq",
    why="ConverseStream has no IAM action of its own.",
)

_SAME_ACTION = "Converse and InvokeModel are one IAM action: the policy of either permits both."

ROWS = (
    Capability(
        "invoke",
        "Call a model with the vendor's own body.",
        "runtime",
        (Operation("InvokeModel", "bedrock-runtime", "billed", (_INVOKE, _GUARDRAIL)),),
        _SAME_ACTION,
    ),
    Capability(
        "invoke-stream",
        "Call a model with the vendor's own body and read its answer as it is made.",
        "runtime",
        (
            Operation(
                "InvokeModelWithResponseStream", "bedrock-runtime", "billed", (_STREAM, _GUARDRAIL), stream="body"
            ),
        ),
        _SAME_ACTION,
    ),
    Capability(
        "converse",
        "Chat with a model through the Converse API.",
        "runtime",
        (Operation("Converse", "bedrock-runtime", "billed", (_INVOKE, _GUARDRAIL)),),
        _SAME_ACTION,
    ),
    Capability(
        "converse-stream",
        "Chat with a model through the Converse API and read its answer as it is made.",
        "runtime",
        (Operation("ConverseStream", "bedrock-runtime", "billed", (_STREAM, _GUARDRAIL), stream="stream"),),
        _SAME_ACTION,
    ),
)
