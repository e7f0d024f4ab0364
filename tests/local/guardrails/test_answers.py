"""RetrieveAndGenerate under a guardrail, over HTTP: named with the question, or enforced by the account."""

from __future__ import annotations

from typing import Any

import pytest

from bedrock_gateway import Gateway, GatewayConfig
from bedrock_gateway.local.guardrails.store import EnforcedGuardrail, Guardrails

from .conftest import NOVA, refused

TEXT = "Employees have twenty-five days of leave. Questions about leave go to hr@example.com by mail."
QUESTION = "To whom do questions about leave go?"
WORDS = {"wordPolicyConfig": {"wordsConfig": [{"text": "questions"}]}}
OUTPUT_WORDS = {"wordPolicyConfig": {"wordsConfig": [{"text": "leave", "inputEnabled": False}]}}
MAIL = {"sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]}}


@pytest.fixture(scope="module")
def base(served: Any) -> str:
    return str(served.knowledge_base("guarded", leave__txt=TEXT)[0])


@pytest.fixture
def ask(served: Any, base: str, made: Any) -> Any:
    client = served.client("bedrock-agent-runtime")

    def asked(operation: str = "retrieve_and_generate", **policies: Any) -> Any:
        inner: dict[str, Any] = {"knowledgeBaseId": base, "modelArn": NOVA}
        if policies:
            named = {"guardrailId": made(**policies), "guardrailVersion": "DRAFT"}
            inner["generationConfiguration"] = {"guardrailConfiguration": named}
        config = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": inner}
        call = getattr(client, operation)
        return call(input={"text": QUESTION}, retrieveAndGenerateConfiguration=config)

    return asked


def test_without_a_guardrail_nothing_is_said_of_one(ask):
    reply = ask()
    assert ("hr@example.com" in reply["output"]["text"], "guardrailAction" in reply) == (True, False)


@pytest.mark.parametrize(("policies", "said"), [(WORDS, "Not that."), (OUTPUT_WORDS, "Not this.")])
def test_what_is_blocked_has_no_source(ask, policies, said):
    reply = ask(**policies)
    assert (reply["output"]["text"], reply["guardrailAction"]) == (said, "INTERVENED")
    assert [one["retrievedReferences"] for one in reply["citations"]] == [[]]


def test_a_masked_answer_keeps_its_sources(ask):
    reply = ask(**MAIL)
    assert ("{EMAIL}" in reply["output"]["text"], "hr@" in reply["output"]["text"]) == (True, False)
    assert reply["guardrailAction"] == "INTERVENED"
    (citation,) = reply["citations"]
    assert citation["generatedResponsePart"]["textResponsePart"]["text"] == reply["output"]["text"]
    assert citation["retrievedReferences"]


def test_an_answer_from_the_passages_is_grounded(ask):
    filters = [{"type": "GROUNDING", "threshold": 0.9}]
    reply = ask(contextualGroundingPolicyConfig={"filtersConfig": filters})
    assert reply["guardrailAction"] == "NONE"


def test_a_stream_ends_with_what_the_guardrail_did(ask):
    events = list(ask("retrieve_and_generate_stream", **OUTPUT_WORDS)["stream"])
    assert "".join(event.get("output", {}).get("text", "") for event in events) == "Not this."
    assert events[-1] == {"guardrail": {"action": "INTERVENED"}}


def test_an_answer_is_guarded_by_what_the_account_enforces(served, ask, made):
    store, identifier = served.local.state.of(Guardrails), made(**WORDS)
    served.client("bedrock").create_guardrail_version(guardrailIdentifier=identifier)
    everything = {"system": "COMPREHENSIVE", "messages": "COMPREHENSIVE"}
    arn = f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{identifier}"
    store.enforce(served.local.state, "us-east-1", EnforcedGuardrail("one", arn, "1", everything, None, "me", "me"))
    try:
        assert ask()["output"]["text"] == "Not that."
    finally:
        store.enforce(served.local.state, "us-east-1", None)


def test_a_guardrail_that_is_not_there_is_refused(served, base):
    named = {"guardrailConfiguration": {"guardrailId": "abcdefghij12", "guardrailVersion": "1"}}
    inner = {"knowledgeBaseId": base, "modelArn": NOVA, "generationConfiguration": named}
    config = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": inner}
    call = served.client("bedrock-agent-runtime").retrieve_and_generate
    code, text = refused(call, input={"text": QUESTION}, retrieveAndGenerateConfiguration=config)
    assert (code, "does not exist" in text) == ("ValidationException", True)


def declared(served: Any, base: str, guardrail: str) -> dict[str, Any]:
    handbook = {"id": base, "embedding_model": "amazon.titan-embed-text-v2:0", "store": "s3-vectors"}
    app = {"capabilities": ["rag", "rag-stream"], "models": [NOVA], "knowledge_bases": ["handbook"]}
    return {
        "application": "guarded",
        "account": "123456789012",
        "region": "us-east-1",
        "local": True,
        "endpoint": served.endpoint,
        "principals": {"app": app},
        "knowledge_bases": {"handbook": handbook},
        "guardrail": {"id": guardrail, "version": "DRAFT"},
    }


def test_our_gateway_puts_the_declared_guardrail_on_answers(served, base, made):
    import boto3

    config = GatewayConfig(**declared(served, base, made(**MAIL)))
    session = boto3.Session(*served.local.root_credentials, region_name="us-east-1")
    with Gateway(config, principal="app", session=session, observers=()) as gateway:
        whole = gateway.retrieve_and_generate(QUESTION, knowledge_base="handbook")
        assert (whole.guardrail_action, "{EMAIL}" in whole.text, bool(whole.citations)) == ("INTERVENED", True, True)
        with gateway.retrieve_and_generate_stream(QUESTION, knowledge_base="handbook") as stream:
            heard = "".join(stream.text_stream)
            result = stream.result()
        assert (heard, result.guardrail_action) == (whole.text, "INTERVENED")
