"""Rows: calling models, one by one and in batches, and what goes with a call."""

from __future__ import annotations

from dataclasses import replace

from bedrock_gateway.capabilities.legs import ENDPOINT, GUARDED, INVOKE, RERANKED, STREAM, tagged
from bedrock_gateway.capabilities.table import Capability, Leg, Operation

_SAME_ACTION = "Converse and InvokeModel are one IAM action: the policy of either permits both."

_INVOKE_MODEL = Operation("InvokeModel", "bedrock-runtime", "billed", INVOKE)


def _job(name: str) -> Operation:
    return Operation(name, "bedrock", "free", (Leg(f"bedrock:{name}", "model-invocation-job"),))


_CREATE_JOB = Operation(
    "CreateModelInvocationJob",
    "bedrock",
    "token",
    (
        Leg("bedrock:CreateModelInvocationJob", "batch-source", source="User Guide: batch-inference-permissions"),
        Leg(
            "bedrock:CreateModelInvocationJob",
            "model-invocation-job",
            source="User Guide: batch-inference-permissions",
            why="The job has no id before it is made.",
        ),
        Leg(
            "bedrock:CreateModelInvocationJob",
            "batch-profile",
            "?",
            "awslabs/generative-ai-cdk-constructs#1005",
            why="AWS's reference lists no profile for this action, though a profile may be the job's model.",
        ),
        Leg(
            "iam:PassRole",
            "batch-role",
            source="ministryofjustice/analytical-platform#10682",
            condition="passed-to-bedrock",
            why="The service takes over the role; AWS's sample omits it, the call is denied without it.",
        ),
        tagged("model-invocation-job"),
    ),
    token="clientRequestToken",
)

ROWS = (
    Capability(
        "invoke", "Call a model with the vendor's own body.", "runtime", (_INVOKE_MODEL,), inseparable=_SAME_ACTION
    ),
    Capability(
        "invoke-stream",
        "Call a model with the vendor's own body and read its answer as it is made.",
        "runtime",
        (Operation("InvokeModelWithResponseStream", "bedrock-runtime", "billed", STREAM, stream="body"),),
        inseparable=_SAME_ACTION,
    ),
    Capability(
        "converse",
        "Chat with a model through the Converse API.",
        "runtime",
        (Operation("Converse", "bedrock-runtime", "billed", INVOKE),),
        inseparable=_SAME_ACTION,
    ),
    Capability(
        "converse-stream",
        "Chat with a model through the Converse API and read its answer as it is made.",
        "runtime",
        (Operation("ConverseStream", "bedrock-runtime", "billed", STREAM, stream="stream"),),
        inseparable=_SAME_ACTION,
    ),
    Capability(
        "count-tokens",
        "Count the tokens of a prompt before it is sent.",
        "runtime",
        (
            Operation(
                "CountTokens",
                "bedrock-runtime",
                "free",
                (
                    Leg(
                        "bedrock:CountTokens",
                        "foundation-model",
                        why="AWS counts for foundation models, named by their own id: a profile is no resource of it.",
                    ),
                ),
            ),
        ),
    ),
    Capability(
        "guardrail-apply",
        "Check a text against a guardrail without calling a model.",
        "runtime",
        (
            Operation(
                "ApplyGuardrail",
                "bedrock-runtime",
                "billed",
                (
                    replace(GUARDED[0], only_with=None, why=""),
                    *(leg for leg in GUARDED[1:] if leg.only_with != "enforced_guardrails"),
                ),
            ),
        ),
    ),
    Capability(
        "embed",
        "Turn texts or images into vectors.",
        "runtime",
        (_INVOKE_MODEL,),
        inseparable="An embedding model is called with InvokeModel: IAM sees the model, not the kind of call.",
    ),
    Capability(
        "rerank",
        "Put passages in the order in which they answer a question.",
        "runtime",
        (
            Operation(
                "Rerank",
                "bedrock-agent-runtime",
                "billed",
                (*(replace(leg, only_with=None) for leg in RERANKED), ENDPOINT),
            ),
        ),
        inseparable="The principal can also invoke the reranking model directly.",
    ),
    Capability(
        "batch",
        "Run many prompts of one file as a job.",
        "administration",
        (
            _CREATE_JOB,
            _job("GetModelInvocationJob"),
            _job("StopModelInvocationJob"),
            Operation("ListModelInvocationJobs", "bedrock", "free", (Leg("bedrock:ListModelInvocationJobs", "*"),)),
        ),
        inseparable=(
            "A job runs with the rights of its role, is not in the invocation logs, and no guardrail is enforced on it:"
            " that, and passing a role, is why it is administration. Jobs are not separable from one another by model."
        ),
    ),
)
