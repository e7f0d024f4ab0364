"""How a knowledge base is searched and answered from: what goes out, what is refused before, and one tenant at a time."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bedrock_gateway import (
    AnswerSession,
    ConfigError,
    GatewayConfig,
    GovernanceError,
    InvalidRequestError,
    MalformedResponseError,
    SessionExpiredError,
    filters,
)
from bedrock_gateway._requests import knowledge, retrieve_and_generate
from bedrock_gateway.documents import Document
from bedrock_gateway.governance.rules import rules_of

from .conftest import BASE, server

MODEL = "us.amazon.nova-lite-v1:0"
RERANKER = "cohere.rerank-v3-5:0"
SERVERLESS = {
    "store": "opensearch-serverless",
    "storage": {
        "collectionArn": "arn:aws:aoss:us-east-1:123456789012:collection/abcdefghij1234567890",
        "vectorIndexName": "v",
        "fieldMapping": {"textField": "t", "metadataField": "m", "vectorField": "v"},
    },
}
TEAM = {"equals": {"key": "team", "value": "red"}}
ASK = {"retrieve": "retrieve", "answer": "retrieve_and_generate", "stream": "retrieve_and_generate_stream"}


def config(**base) -> GatewayConfig:
    principal = {
        "capabilities": ["retrieve", "rag", "rag-stream"],
        "models": [MODEL],
        "rerankers": [RERANKER],
        "knowledge_bases": ["handbook"],
    }
    handbook = BASE["knowledge_bases"]["handbook"] | base
    return GatewayConfig(**(BASE | {"principals": {"app": principal}, "knowledge_bases": {"handbook": handbook}}))


TENANTS = {"tenant_key": "owner"}


def built(how: str, given=None, **options):
    """The request, as the rules of the configuration let it go out."""
    found = given or config()
    if how == "retrieve":
        send = knowledge.retrieve(found, "Leave?", knowledge_base="handbook", **options)
    else:
        send = retrieve_and_generate(
            found, "Leave?", knowledge_base="handbook", model=MODEL, streamed=how == "stream", **options
        )
    for rule in rules_of(found, "app"):
        send = rule(send)
    return send


def base_of(send):
    """Where the retrievalConfiguration is, if there is one."""
    whole = send.params.get("retrieveAndGenerateConfiguration")
    return whole["knowledgeBaseConfiguration"] if whole else send.params


def search_of(send):
    return base_of(send)["retrievalConfiguration"]["vectorSearchConfiguration"]


@pytest.mark.parametrize("how", ASK)
def test_every_option_of_a_search_goes_out_in_awss_words(how):
    implicit = filters.ImplicitFilter([filters.Attribute("year", "NUMBER", "Year of publication")], MODEL)
    send = built(
        how,
        config(**SERVERLESS),
        results=7,
        metadata_filter=filters.equals("team", "red"),
        search_type="hybrid",
        reranker=RERANKER,
        reranked_results=3,
        implicit_filter=implicit,
    )
    assert search_of(send) == {
        "numberOfResults": 7,
        "overrideSearchType": "HYBRID",
        "filter": TEAM,
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{RERANKER}"},
                "numberOfRerankedResults": 3,
            },
        },
        "implicitFilterConfiguration": {
            "metadataAttributes": [{"key": "year", "type": "NUMBER", "description": "Year of publication"}],
            "modelArn": f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}",
        },
    }
    bare = built(how)
    assert "retrievalConfiguration" not in base_of(bare)


REFUSED = {
    "hybrid": ({"search_type": "hybrid"}, "s3-vectors has no search of type HYBRID"),
    "search": ({"search_type": "words"}, "search_type is hybrid or semantic"),
    "results": ({"results": 101}, "results is out of bounds"),
    "operator": ({"metadata_filter": filters.starts_with("team", "r")}, "s3-vectors has no operator startsWith"),
    "two filters": (
        {"metadata_filter": TEAM, "retrievalConfiguration": {"vectorSearchConfiguration": {"filter": TEAM}}},
        "filter is given twice",
    ),
    "two numbers": (
        {"results": 2, "retrievalConfiguration": {"vectorSearchConfiguration": {"numberOfResults": 3}}},
        "numberOfResults is given twice",
    ),
    "no reranker": ({"reranked_results": 2}, "give reranker= too"),
    "profile as reranker": ({"reranker": "us.amazon.rerank-v1:0"}, "is a foundation model"),
    "attributes": ({"implicit_filter": filters.ImplicitFilter([], MODEL)}, "a list of 1 to 25"),
    "no implicit filter": ({"implicit_filter": TEAM}, "is an ImplicitFilter"),
}


@pytest.mark.parametrize("how", ASK)
@pytest.mark.parametrize("what", REFUSED)
def test_a_search_that_cannot_be_is_refused(how, what):
    options, why = REFUSED[what]
    with pytest.raises(InvalidRequestError, match=f"{why}.*nothing was sent"):
        built(how, **options)


@pytest.mark.parametrize("how", ASK)
def test_a_reranker_or_a_filtering_model_that_is_not_declared_is_refused(how):
    other = "anthropic.claude-3-haiku-20240307-v1:0"
    implicit = filters.ImplicitFilter([filters.Attribute("year", "NUMBER", "Year")], other)
    for options in ({"reranker": "amazon.rerank-v1:0"}, {"implicit_filter": implicit}):
        with pytest.raises(GovernanceError, match="declared-models"):
            built(how, **options)


@pytest.mark.parametrize("how", ASK)
def test_a_tenant_is_joined_to_what_the_caller_asks_for(how):
    own = {"equals": {"key": "owner", "value": "a"}}
    found = config(**TENANTS)
    assert search_of(built(how, found, tenant="a"))["filter"] == own
    assert search_of(built(how, found, tenant="a", metadata_filter=TEAM))["filter"] == {"andAll": [own, TEAM]}
    either = {"orAll": [TEAM, {"equals": {"key": "owner", "value": "b"}}]}
    raw = {"retrievalConfiguration": {"vectorSearchConfiguration": {"filter": either}}}
    assert search_of(built(how, found, tenant="a", **raw))["filter"] == {"andAll": [own, either]}
    assert search_of(built(how, found, tenant=7))["filter"] == {"equals": {"key": "owner", "value": 7}}


ESCAPES = {
    "nothing": {},
    "another filter": {"metadata_filter": TEAM},
    "either": {"metadata_filter": {"orAll": [{"equals": {"key": "owner", "value": "a"}}, TEAM]}},
    "two other filters": {"metadata_filter": {"andAll": [TEAM, TEAM]}},
    "either within both": {
        "metadata_filter": {"andAll": [TEAM, {"orAll": [{"equals": {"key": "owner", "value": "a"}}, TEAM]}]}
    },
    "not": {"metadata_filter": {"notEquals": {"key": "owner", "value": "a"}}},
    "one of": {"metadata_filter": {"in": {"key": "owner", "value": ["a", "b"]}}},
    "managed search": {"retrievalConfiguration": {"managedSearchConfiguration": {"numberOfResults": 3}}},
}


@pytest.mark.parametrize("how", ASK)
@pytest.mark.parametrize("what", ESCAPES)
def test_a_search_of_tenants_without_one_is_refused(how, what):
    with pytest.raises(GovernanceError, match=r"declared-tenant: .*give tenant="):
        built(how, config(**TENANTS), **ESCAPES[what])


@pytest.mark.parametrize("how", ASK)
def test_managed_search_beside_a_tenants_filter_is_refused(how):
    beside = {"retrievalConfiguration": {"managedSearchConfiguration": {"numberOfResults": 3}}}
    with pytest.raises(GovernanceError, match="declared-tenant"):
        built(how, config(**TENANTS), tenant="a", **beside)


@pytest.mark.parametrize("how", ASK)
def test_a_tenant_is_for_knowledge_bases_that_tell_them_apart(how):
    with pytest.raises(GovernanceError, match="knows no tenants: declare the attribute"):
        built(how, tenant="a")
    for wrong in ("", None, 1.5, True, ["a"], "a\0"):
        with pytest.raises((InvalidRequestError, GovernanceError)):
            built(how, config(**TENANTS), tenant=wrong)


def test_a_model_that_makes_filters_is_not_for_tenants():
    implicit = filters.ImplicitFilter([filters.Attribute("year", "NUMBER", "Year")], MODEL)
    with pytest.raises(InvalidRequestError, match="implicit_filter is not for tenants"):
        built("retrieve", config(**TENANTS), tenant="a", implicit_filter=implicit)
    raw = {"metadataAttributes": [{"key": "owner", "type": "STRING", "description": "x"}], "modelArn": MODEL}
    vector = {"vectorSearchConfiguration": {"implicitFilterConfiguration": raw}}
    with pytest.raises(GovernanceError, match="declared-tenant"):
        built("retrieve", config(**TENANTS), tenant="a", retrievalConfiguration=vector)


def test_a_rule_of_the_application_cannot_lose_the_tenant(both, faults):
    def wider(send):
        params = {**send.params}
        params.pop("retrievalConfiguration")
        return replace(send, params=params)

    async def body():
        faults.answer(server.reply({"retrievalResults": []}))
        found = config(**TENANTS).model_copy(update={"endpoint": faults.endpoint})
        async with both.gateway(found, session=both.example(), rules=[wider], observers=[]) as gateway:
            with pytest.raises(GovernanceError, match="declared-tenant"):
                await gateway.retrieve("Leave?", knowledge_base="handbook", tenant="a")
            assert not faults.requests

    both.run(body)


def test_a_client_of_other_code_is_held_to_a_tenant():
    boto3 = pytest.importorskip("boto3")
    from bedrock_gateway import Gateway

    client = boto3.client(
        "bedrock-agent-runtime", region_name="us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )  # fmt: skip
    with Gateway(config(**TENANTS), observers=[]) as gateway:
        governed = gateway.govern(client)
        with pytest.raises(GovernanceError, match="declared-tenant"):
            governed.retrieve(knowledgeBaseId="KB12345678", retrievalQuery={"text": "Leave?"})


SEARCHED = "$search_results$ Answer."
ORCHESTRATED = "$conversation_history$ $output_format_instructions$"


@pytest.mark.parametrize("how", ["answer", "stream"])
def test_how_an_answer_is_written_goes_out_in_awss_words(how):
    send = built(
        how,
        prompt_template=SEARCHED,
        orchestration_prompt_template=ORCHESTRATED,
        decompose=True,
        max_tokens=100,
        temperature=0,
        top_p=0.5,
        stop_sequences=["END"],
        generationConfiguration={"performanceConfig": {"latency": "optimized"}},
    )
    base = base_of(send)
    assert base["generationConfiguration"] == {
        "performanceConfig": {"latency": "optimized"},
        "promptTemplate": {"textPromptTemplate": SEARCHED},
        "inferenceConfig": {
            "textInferenceConfig": {"maxTokens": 100, "temperature": 0, "topP": 0.5, "stopSequences": ["END"]}
        },
    }
    assert base["orchestrationConfiguration"] == {
        "promptTemplate": {"textPromptTemplate": ORCHESTRATED},
        "queryTransformationConfiguration": {"type": "QUERY_DECOMPOSITION"},
    }
    assert "orchestrationConfiguration" not in base_of(built(how, decompose=False))


UNWRITABLE = {
    "no results": ({"prompt_template": "Answer."}, r"prompt_template lacks \$search_results\$"),
    "too long": ({"prompt_template": SEARCHED + "x" * 4000}, "longer than 4000"),
    "no history": (
        {"orchestration_prompt_template": "$output_format_instructions$"},
        r"lacks \$conversation_history\$",
    ),
    "no format": ({"orchestration_prompt_template": "$conversation_history$"}, r"lacks \$output_format"),
    "decompose": ({"decompose": "yes"}, "decompose is a bool"),
    "five stops": ({"stop_sequences": ["a"] * 5}, "more than 4"),
    "temperature": ({"temperature": 1.5}, "temperature is out of bounds"),
    "twice": (
        {"prompt_template": SEARCHED, "generationConfiguration": {"promptTemplate": {"textPromptTemplate": "x"}}},
        "promptTemplate is given twice",
    ),
}


@pytest.mark.parametrize("what", UNWRITABLE)
def test_an_answer_that_cannot_be_written_so_is_refused(what):
    options, why = UNWRITABLE[what]
    with pytest.raises(InvalidRequestError, match=f"{why}.*nothing was sent"):
        built("answer", **options)


def test_a_guardrail_in_awss_own_words_is_refused():
    own = {"guardrailConfiguration": {"guardrailId": "abc", "guardrailVersion": "1"}}
    with pytest.raises(GovernanceError, match="declared-guardrail"):
        built("answer", generationConfiguration=own)


def test_a_conversation_belongs_to_a_knowledge_base_and_a_tenant():
    session = AnswerSession("s-12345", "handbook", "a")
    found = config(**TENANTS)
    assert built("answer", found, tenant="a", session=session).params["sessionId"] == "s-12345"
    assert built("answer", session="s-12345").params["sessionId"] == "s-12345"
    assert "sessionId" not in built("answer").params
    with pytest.raises(GovernanceError, match="another tenant's conversation"):
        built("answer", found, tenant="b", session=session)
    with pytest.raises(GovernanceError, match="is one tenant's: give the `session`"):
        built("answer", found, tenant="a", session="s-12345")
    with pytest.raises(GovernanceError, match="another tenant's conversation"):
        built("answer", found, tenant=1, session=AnswerSession("s-12345", "handbook", tenant=True))
    with pytest.raises(InvalidRequestError, match="session is of the knowledge base 'others'"):
        built("answer", session=AnswerSession("s-12345", "others"))


DOCUMENTS = ["s3://example-reports/2026/", "s3://example-letters"]


def of_a_document(document, how="answer", *, capabilities=("rag-document",), **options):
    principal = {
        "capabilities": capabilities,
        "models": [MODEL],
        **({"documents": DOCUMENTS} if "rag-document" in capabilities else {"knowledge_bases": ["handbook"]}),
    }
    found = GatewayConfig(**(BASE | {"principals": {"app": principal}}))
    send = retrieve_and_generate(found, "Leave?", document=document, model=MODEL, streamed=how == "stream", **options)
    for rule in rules_of(found, "app"):
        send = rule(send)
    return send


@pytest.mark.parametrize("how", ["answer", "stream"])
def test_a_document_to_answer_from_goes_out_in_awss_words(how):
    send = of_a_document(
        "s3://example-reports/2026/a.pdf", how, prompt_template=SEARCHED, temperature=0, session="s-12345"
    )
    assert send.capability == "rag-document"
    whole = send.params["retrieveAndGenerateConfiguration"]
    assert whole == {
        "type": "EXTERNAL_SOURCES",
        "externalSourcesConfiguration": {
            "modelArn": f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}",
            "generationConfiguration": {
                "promptTemplate": {"textPromptTemplate": SEARCHED},
                "inferenceConfig": {"textInferenceConfig": {"temperature": 0}},
            },
            "sources": [{"sourceType": "S3", "s3Location": {"uri": "s3://example-reports/2026/a.pdf"}}],
        },
    }
    assert send.params["sessionId"] == "s-12345"
    given = of_a_document(Document("a.pdf", data=b"%PDF", media_type="application/pdf"), how)
    assert given.params["retrieveAndGenerateConfiguration"]["externalSourcesConfiguration"]["sources"] == [
        {
            "sourceType": "BYTE_CONTENT",
            "byteContent": {"identifier": "a.pdf", "contentType": "application/pdf", "data": b"%PDF"},
        }
    ]


NO_DOCUMENT = {
    "none": (None, {}, "give one of the two"),
    "both": ("s3://example-letters/a", {"knowledge_base": "handbook"}, "give one of the two"),
    "no object": ("https://example.com", {}, "is no object of S3"),
    "a number": (7, {}, "is a Document, or the URI"),
    "no name": (Document(text="x"), {}, "its file name is a str"),
    "no content": (Document("a"), {}, "one of text, data and uri"),
    "metadata": (Document("a", text="x", metadata={"k": 1}), {}, "has no metadata"),
    "too large": (Document("a", data=b"x" * 10_485_761, media_type="text/plain"), {}, "1 to 10485760 bytes"),
    "a filter": ("s3://example-letters/a", {"metadata_filter": TEAM}, "metadata_filter is about a search"),
    "a tenant": ("s3://example-letters/a", {"tenant": "a"}, "tenant is about a search"),
    "parts": ("s3://example-letters/a", {"decompose": True}, "decompose is about a search"),
    "session": ("s3://example-letters/a", {"session": AnswerSession("s-1", "handbook")}, "of the knowledge base"),
}


@pytest.mark.parametrize("what", NO_DOCUMENT)
def test_what_is_no_document_to_answer_from_is_refused(what):
    document, options, why = NO_DOCUMENT[what]
    with pytest.raises(InvalidRequestError, match=f"{why}.*nothing was sent"):
        of_a_document(document, **options)


def test_a_document_is_answered_from_as_far_as_it_is_declared():
    for uri in ("s3://example-reports/2025/a.pdf", "s3://example-letters-2/a", "s3://others/2026/a"):
        with pytest.raises(GovernanceError, match="declared-documents: the document in S3 is in no place") as raised:
            of_a_document(uri)
        assert uri not in str(raised.value)
    assert of_a_document("s3://example-letters/a")
    with pytest.raises(GovernanceError, match="needs the capability 'rag-document'"):
        of_a_document(Document("a", text="x"), capabilities=("rag",))
    principal = {"capabilities": ["rag"], "models": [MODEL], "documents": DOCUMENTS, "knowledge_bases": ["handbook"]}
    with pytest.raises(ConfigError, match="add that to `capabilities`"):
        GatewayConfig(**(BASE | {"principals": {"app": principal}}))


def test_a_rule_of_the_application_cannot_exchange_the_knowledge_base_for_a_document():
    given = of_a_document(Document("a", text="x")).params["retrieveAndGenerateConfiguration"]

    def exchanged(send):
        return replace(send, params={**send.params, "retrieveAndGenerateConfiguration": given})

    found = config()
    send = retrieve_and_generate(found, "Leave?", knowledge_base="handbook", model=MODEL)

    def judged():
        judged_send = send
        for rule in rules_of(found, "app", [exchanged]):
            judged_send = rule(judged_send)

    with pytest.raises(GovernanceError, match=r"declared-documents: .*is the capability 'rag-document'"):
        judged()


def test_a_client_of_other_code_answers_from_what_is_declared():
    boto3 = pytest.importorskip("boto3")
    from bedrock_gateway import Gateway

    principal = {"capabilities": ["rag-document"], "models": [MODEL], "documents": DOCUMENTS}
    client = boto3.client(
        "bedrock-agent-runtime", region_name="us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )  # fmt: skip
    sources = [{"sourceType": "S3", "s3Location": {"uri": "s3://others/a"}}]
    external = {"type": "EXTERNAL_SOURCES", "externalSourcesConfiguration": {"modelArn": MODEL, "sources": sources}}
    inner = {"knowledgeBaseId": "KB12345678", "modelArn": MODEL}
    base = {"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": inner}
    with Gateway(GatewayConfig(**(BASE | {"principals": {"app": principal}})), observers=[]) as gateway:
        governed = gateway.govern(client)
        for whole, why in ((external, "declared-documents"), (base, "needs the capability 'rag'")):
            with pytest.raises(GovernanceError, match=why):
                governed.retrieve_and_generate(input={"text": "x"}, retrieveAndGenerateConfiguration=whole)


def page(token, *texts):
    rows = [{"content": {"text": one}, "location": {"type": "S3", "s3Location": {"uri": "s3://b/k"}}} for one in texts]
    return server.reply({"retrievalResults": rows, **({"nextToken": token} if token else {})})


def test_all_pages_are_read_one_call_each_when_they_are_needed(both, against, faults):
    async def body():
        faults.answer(page("t1", "a", "b"), page("t2"), page(None, "c"))
        async with against() as (gateway, events):
            found = gateway.retrieve_all("Leave?", knowledge_base="handbook", results=2)
            if not both.is_async:
                found = await found
            assert not faults.requests
            seen = [one.text for one in found] if not both.is_async else [one.text async for one in found]
            assert seen == ["a", "b", "c"]
            tokens = [one.json.get("nextToken") for one in faults.requests]
            assert tokens == [None, "t1", "t2"]
            assert [one.outcome for one in events] == ["ok"] * 3

    both.run(body)


def test_pages_that_never_end_are_malformed(both, against, faults):
    async def body():
        faults.answer(page("t1", "a"))
        async with against() as (gateway, _):
            found = gateway.retrieve_all("Leave?", knowledge_base="handbook")
            if not both.is_async:
                found = await found
            with pytest.raises(MalformedResponseError, match="would never end"):
                [one for one in found] if not both.is_async else [one async for one in found]  # noqa: C416
            assert len(faults.requests) == 2

    both.run(body)


def test_a_page_without_passages_is_not_the_end_of_them(both, against, faults):
    async def body():
        faults.answer(page("t1"))
        async with against() as (gateway, _):
            found = await gateway.retrieve("Leave?", knowledge_base="handbook")
            assert (found.passages, found.empty) == ((), False)

    both.run(body)


def test_words_about_a_session_are_no_expired_one_where_none_was_given(both, against, faults):
    async def body():
        faults.answer(server.error("ValidationException", 400, "Session with Id x is not valid."))
        async with against() as (gateway, _):
            for session, kind in ((None, InvalidRequestError), ("s-12345", SessionExpiredError)):
                with pytest.raises(InvalidRequestError) as raised:
                    await gateway.retrieve_and_generate("Leave?", knowledge_base="handbook", session=session)
                assert type(raised.value) is kind

    both.run(body)


def test_an_answer_without_a_session_has_none(both, against, faults):
    async def body():
        faults.answer(server.reply({"output": {"text": "x"}}))
        async with against() as (gateway, _):
            answer = await gateway.retrieve_and_generate("Leave?", knowledge_base="handbook")
            assert (answer.session, answer.session_id) == (None, None)
            assert "sessionId" not in json.loads(faults.requests[0].body)

    both.run(body)
