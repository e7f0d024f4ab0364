"""What a denial advises: a command that grants exactly what the call needs, and none where no grant can help."""

from __future__ import annotations

import json
import shlex

import pytest

from bedrock_gateway._commands import Send
from bedrock_gateway.cli import main
from bedrock_gateway.governance.grants import denied

MODEL = "us.amazon.nova-lite-v1:0"
WHO = "User: arn:aws:sts::123456789012:assumed-role/app/app is not authorized to perform: bedrock:InvokeModel"
NO_POLICY = f"{WHO} on resource: arn:aws:bedrock:us-east-1::foundation-model/x because no identity-based policy allows the bedrock:InvokeModel action"  # fmt: skip


def send(capability: str, params: dict, model: str | None = MODEL) -> Send:
    return Send("x", "X", params, region="us-east-1", account="123456789012", capability=capability, model_id=model)


def granted(made: Send, capsys) -> dict:
    advice, _ = denied(made, NO_POLICY, "app")
    command = advice.partition("grant it: ")[2]
    assert command.startswith("bedrock-gateway policy generate ")
    assert main(shlex.split(command)[1:]) == 0
    return json.loads(capsys.readouterr().out)


def resources(policy: dict) -> set[str]:
    found = [one["Resource"] for one in policy["Statement"]]
    return {one for some in found for one in ([some] if isinstance(some, str) else some)}


def test_the_command_names_the_knowledge_base_of_an_answer_too(capsys):
    base = {"knowledgeBaseId": "KB12345678", "modelArn": "arn"}
    nested = {"retrieveAndGenerateConfiguration": {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": base}}
    for capability in ("rag", "rag-stream"):
        policy = granted(send(capability, nested), capsys)
        bases = {one for one in resources(policy) if ":knowledge-base/" in one}
        assert bases == {"arn:aws:bedrock:us-east-1:123456789012:knowledge-base/KB12345678"}


@pytest.mark.parametrize(
    "params",
    [
        {"guardrailConfig": {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"}},
        {"guardrailIdentifier": "abcdefghij12", "guardrailVersion": "3"},
    ],
)
def test_the_command_names_the_guardrail_that_the_call_carries(params, capsys):
    found = resources(granted(send("converse", params), capsys))
    assert "arn:aws:bedrock:us-east-1:123456789012:guardrail/abcdefghij12" in found


def test_what_is_said_in_a_prompt_is_no_part_of_the_command():
    said = {"messages": [{"content": [{"toolUse": {"input": {"knowledgeBaseId": "x; rm -rf /"}}}]}]}
    assert "rm -rf" not in denied(send("converse", said), NO_POLICY, "app")[0]


def test_of_a_model_whose_id_says_nothing_the_configuration_is_asked():
    profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"
    advice, _ = denied(send("converse", {}, profile), NO_POLICY, "app")
    assert advice.endswith("grant it: bedrock-gateway policy --principal app")


@pytest.mark.parametrize("policy", ["a service control policy", "an identity-based policy", "a VPC endpoint policy"])
def test_an_explicit_deny_is_undone_by_no_grant(policy):
    text = f"{WHO} on resource: * with an explicit deny in {policy}: arn:aws:organizations::123456789012:policy/p-1"
    advice, facts = denied(send("converse", {}), text, "app")
    assert advice.startswith(f"; {policy} denies bedrock:InvokeModel on *: no grant helps")
    assert "grant it" not in advice
    assert facts == {"missing": "bedrock:InvokeModel", "resource": "*", "reason": "permission"}


@pytest.mark.parametrize("policy", ["permissions boundary", "service control policy", "session policy"])
def test_what_limits_the_caller_is_named(policy):
    text = f"{WHO} on resource: * because no {policy} allows the bedrock:InvokeModel action"
    advice, _ = denied(send("converse", {}), text, "app")
    assert f"in the {policy}" in advice
    assert "grant it: bedrock-gateway policy generate converse" in advice


def test_a_denial_that_says_nothing_is_advised_nothing():
    assert denied(send("converse", {}), "Access denied", "app") == ("", {})
