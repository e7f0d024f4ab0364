"""The same through our own gateway: a principal of a configuration, with exactly its generated policy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bedrock_gateway import AccessDeniedError, Gateway
from bedrock_gateway.documents import Document
from bedrock_gateway.iam.generate import generate

from .pieces import pieces
from .test_preflight import MODEL, config

if TYPE_CHECKING:
    from collections.abc import Callable

    from .account import Account
    from .setting import Setting

NOVA = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 20}}
QUESTION = "How many days of leave?"


def streamed(stream: Any) -> Any:
    with stream as entered:
        return entered.result()


def ingested(gateway: Gateway, s: Setting) -> Any:
    job = gateway.start_ingestion("handbook", data_source_id=s.data_source)
    return gateway.wait_for_ingestion(job, interval_seconds=0.01)


def created(gateway: Gateway, s: Setting) -> Any:
    made = gateway.create_knowledge_base("handbook", role_arn=s.role_arn(s.kb_role), index_arn=s.index_arn)
    return gateway.create_data_source("handbook", knowledge_base_id=made.id)


def given_directly(gateway: Gateway, s: Setting) -> Any:
    uri, source = f"s3://{s.document_bucket}/{s.prefix}rules.txt", {"data_source_id": s.data_source}
    gone = gateway.delete_documents("handbook", [uri], interval_seconds=0.01, **source)
    assert [one.status for one in gone.documents] == ["NOT_FOUND"]
    given = gateway.ingest_documents("handbook", [Document(uri=uri)], interval_seconds=0.01, **source)
    assert given.indexed, given.failed
    assert gateway.list_documents("handbook", **source).documents
    return given


METHODS: dict[str, Callable[[Gateway, Setting], Any]] = {
    "invoke": lambda gateway, _: gateway.invoke_model(NOVA),
    "invoke-stream": lambda gateway, _: streamed(gateway.invoke_model_stream(NOVA)),
    "converse": lambda gateway, _: gateway.converse("Hello"),
    "converse-stream": lambda gateway, _: streamed(gateway.converse_stream("Hello")),
    "kb-create": created,
    "kb-ingest": ingested,
    "kb-documents-direct": given_directly,
    "retrieve": lambda gateway, _: gateway.retrieve(QUESTION, knowledge_base="handbook").passages,
    "rag-document": lambda gateway, s: (
        gateway.retrieve_and_generate(QUESTION, document=f"s3://{s.document_bucket}/{s.prefix}rules.txt"),
        gateway.retrieve_and_generate(QUESTION, document=Document("rules.txt", text="25 days of leave.")),
        streamed(
            gateway.retrieve_and_generate_stream(QUESTION, document=f"s3://{s.document_bucket}/{s.prefix}rules.txt")
        ),
    ),
    "rag": lambda gateway, _: gateway.retrieve_and_generate(QUESTION, knowledge_base="handbook"),
    "rag-stream": lambda gateway, _: streamed(
        gateway.retrieve_and_generate_stream(QUESTION, knowledge_base="handbook")
    ),
}
"""How the gateway does what a capability is for."""


@pytest.mark.parametrize("capability", METHODS)
def test_the_gateway_does_its_work_under_exactly_the_policy_of_its_configuration(
    account: Account, capability: str
) -> None:
    s = account.setting()
    if capability == "kb-create":
        s = replace(s, knowledge_base=None)
    principal: dict[str, Any] = {"capabilities": [capability], "models": [MODEL], "knowledge_bases": ["handbook"]}
    if capability == "rag-document":
        principal["documents"] = [f"s3://{s.document_bucket}/{s.prefix}"]
    declared = config(account, s, principals={"app": principal})
    made = generate([capability], declared.scope("app"))
    with Gateway(declared, session=account.prover, observers=()) as gateway:
        account.grant(made.policy.dump())
        assert METHODS[capability](gateway, s)
        piece = next(one for one in pieces(made) if one.sure)
        account.grant(piece.policy)
        with pytest.raises(AccessDeniedError):
            METHODS[capability](gateway, s)
