"""Every family through both gateways against the local Bedrock: the same request, the same kind of answer."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway import ConfigError, GatewayConfig, GovernanceError, InvalidRequestError, TextRequest

server = sys.modules["faultserver"]
TEXT_MODELS = [
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "amazon.nova-lite-v1:0",
    "us.meta.llama3-3-70b-instruct-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
    "mistral.mistral-large-2402-v1:0",
    "ai21.jamba-1-5-mini-v1:0",
    "us.deepseek.r1-v1:0",
    "openai.gpt-oss-20b-1:0",
    "qwen.qwen3-32b-v1:0",
]
EMBEDDING_MODELS = [
    "amazon.titan-embed-text-v2:0",
    "amazon.titan-embed-text-v1",
    "cohere.embed-english-v3",
    "amazon.nova-2-multimodal-embeddings-v1:0",
]
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghij12"
CAPABILITIES = [
    "invoke",
    "invoke-stream",
    "embed",
    "rerank",
    "count-tokens",
    "guardrail-apply",
    "rag",
    "rag-stream",
    "converse",
]


def config(models, **changed):
    values = {
        "application": "families",
        "account": "123456789012",
        "region": "us-east-1",
        "local": True,
        "principals": {"app": {"capabilities": CAPABILITIES, "models": models, "knowledge_bases": ["handbook"]}},
        "knowledge_bases": {
            "handbook": {"embedding_model": "amazon.titan-embed-text-v2:0", "store": "s3-vectors", "id": "KB12345678"}
        },
    }
    return GatewayConfig(**(values | changed))


@pytest.fixture(scope="module")
def local():
    from bedrock_gateway.local import LocalBedrock

    with LocalBedrock(iam="off", pace_seconds=0) as made:
        yield made


@pytest.fixture
def opened(both, local):
    def make(models, **changed):
        session = both.session(*local.root_credentials)
        local.attach(session)
        return both.gateway(config(models, **changed), session=session, observers=[])

    return make


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_one_request_gives_one_kind_of_answer_whatever_the_family(both, opened, model):
    ask = TextRequest("What is a Region?", max_tokens=60)

    async def body():
        async with opened([model]) as gateway:
            reply = await gateway.invoke_model(ask)
            assert reply.text
            assert reply.stop_reason
            assert reply.usage.output_tokens
            assert isinstance(reply.raw, dict)
            async with gateway.invoke_model_stream(ask) as stream:
                parts = [text async for text in stream.text_stream]
                whole = await stream.result()
            assert "".join(parts) == whole.text
            assert whole.text.split()[0] == reply.text.split()[0]
            assert whole.stop_reason
            assert whole.usage.output_tokens

    both.run(body)


@pytest.mark.parametrize("model", EMBEDDING_MODELS)
def test_texts_become_vectors_in_their_order(both, opened, model):
    async def body():
        async with opened([model]) as gateway:
            texts = ["holidays and leave", "laptops", "holidays and leave"]
            found = await gateway.embed(texts)
            assert len(found.vectors) == 3
            assert found.vectors[0] == found.vectors[2] != found.vectors[1]
            assert len({len(one) for one in found.vectors}) == 1
            assert len((await gateway.embed("one text")).vectors) == 1

    both.run(body)


def test_a_model_that_takes_many_texts_is_asked_as_rarely_as_it_can_be(both, against, faults):
    def embedded(connection, request):
        count = len(request.json["texts"])
        return server.reply({"embeddings": [[0.5, 1]] * count}, x_amzn_bedrock_input_token_count=str(count))(
            connection, request
        )

    async def body():
        faults.answer(embedded)
        principals = {"app": {"capabilities": ["embed"], "models": ["cohere.embed-english-v3"]}}
        async with against(changed={"principals": principals}) as (gateway, events):
            found = await gateway.embed([f"text {at}" for at in range(200)], purpose="query")
            assert len(found.vectors) == 200
            assert found.usage.input_tokens == 200
            assert [len(one.json["texts"]) for one in faults.requests] == [96, 96, 8]
            assert [(one.operation, one.capability, one.outcome) for one in events] == [
                ("InvokeModel", "embed", "ok")
            ] * 3
            for wrong in ([], 5, [5], ["x", ""], ["\ud800"]):
                with pytest.raises(InvalidRequestError):
                    await gateway.embed(wrong)
            with pytest.raises(InvalidRequestError, match="dimensions"):
                await gateway.embed("x", dimensions=5)
            with pytest.raises(InvalidRequestError, match="purpose"):
                await gateway.embed("x", purpose="fun")
            with pytest.raises(GovernanceError):
                await gateway.embed("x", model="amazon.titan-embed-text-v2:0")
            assert len(faults.requests) == 3

    both.run(body)


def test_an_opaque_model_is_of_the_family_that_the_configuration_or_the_caller_says(both, against, faults):
    answer = {"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}
    ask = TextRequest("Hi", max_tokens=5)

    async def body():
        faults.answer(server.reply(answer))
        principals = {"app": {"capabilities": ["invoke"], "models": [PROFILE]}}
        wraps = {PROFILE: ["us.anthropic.claude-sonnet-4-5-20250929-v1:0"]}
        async with against(changed={"principals": principals, "wraps": wraps}) as (gateway, _):
            assert (await gateway.invoke_model(ask)).text == "x"
            assert faults.requests[0].json["anthropic_version"]
        async with against(changed={"principals": principals}) as (gateway, _):
            assert (await gateway.invoke_model(ask, family="anthropic")).text == "x"
            with pytest.raises(InvalidRequestError, match="family="):
                await gateway.invoke_model(ask, family="antropic")
            assert all(one.json["anthropic_version"] for one in faults.requests)

    both.run(body)


def test_aws_is_asked_once_what_an_opaque_model_wraps(both, against, faults):
    model = {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"}
    told = server.reply({"inferenceProfileArn": PROFILE, "models": [model]})
    answer = server.reply({"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"})

    async def body():
        faults.answer(told, answer, answer)
        principals = {
            "app": {"capabilities": ["invoke"], "models": [PROFILE]},
            "other": {"capabilities": ["invoke"], "models": ["amazon.nova-lite-v1:0"]},
        }
        async with against(changed={"principals": principals}) as (gateway, events):
            ask = TextRequest("Hi", max_tokens=5)
            for _ in range(2):
                assert (await gateway.invoke_model(ask)).text == "x"
            assert [one.line.split()[0] for one in faults.requests] == ["GET", "POST", "POST"]
            assert [one.operation for one in events] == ["InvokeModel"] * 2
        faults.answer(told)
        async with against("other", changed={"principals": principals}) as (gateway, _):
            with pytest.raises(GovernanceError):
                await gateway.invoke_model(ask, model=PROFILE)
            assert faults.connections == 0

    both.run(body)


def test_an_unknown_family_takes_the_vendors_own_body_only(both, against, faults):
    async def body():
        faults.answer(server.reply({"something": {"new": 1}}))
        principals = {"app": {"capabilities": ["invoke"], "models": ["us.twelvelabs.pegasus-1-2-v1:0"]}}
        async with against(changed={"principals": principals}) as (gateway, _):
            reply = await gateway.invoke_model({"anything": 1})
            assert reply.raw == {"something": {"new": 1}}
            assert (reply.text, reply.usage) == ("", None)
            with pytest.raises(InvalidRequestError, match="own body"):
                await gateway.invoke_model(TextRequest("Hi"))
            assert len(faults.requests) == 1

    both.run(body)


def test_tokens_are_counted_for_the_model_under_a_profile(both, against, faults):
    async def body():
        faults.answer(server.reply({"inputTokens": 18}))
        principals = {"app": {"capabilities": ["count-tokens"], "models": ["us.amazon.nova-lite-v1:0"]}}
        async with against(changed={"principals": principals}) as (gateway, _):
            found = await gateway.count_tokens("Hi", system="Be brief.")
            assert found.input_tokens == 18
            assert found.model_id == "us.amazon.nova-lite-v1:0"
            [request] = faults.requests
            assert "/model/amazon.nova-lite-v1%3A0/count-tokens" in request.line
            assert request.json["input"]["converse"]["system"] == [{"text": "Be brief."}]
            with pytest.raises(GovernanceError):
                await gateway.count_tokens("Hi", model="amazon.nova-micro-v1:0")

    both.run(body)


def test_the_configured_guardrail_is_applied_and_no_other(both, against, faults):
    answer = {
        "action": "GUARDRAIL_INTERVENED",
        "actionReason": "Guardrail blocked.",
        "outputs": [{"text": "I cannot say that."}],
        "assessments": [{"topicPolicy": {}}],
        "usage": {"topicPolicyUnits": 1},
    }

    async def body():
        faults.answer(server.reply(answer))
        changed = {
            "principals": {"app": {"capabilities": ["guardrail-apply"]}},
            "guardrail": {"id": "abcdefghij12", "version": "3"},
        }
        async with against(changed=changed) as (gateway, _):
            found = await gateway.apply_guardrail("Tell me", source="OUTPUT")
            assert found.intervened
            assert found.text == "I cannot say that."
            assert found.raw == answer
            assert "/guardrail/abcdefghij12/version/3/apply" in faults.requests[0].line
        async with against(changed={"principals": changed["principals"]}) as (gateway, _):
            with pytest.raises(ConfigError, match="guardrail"):
                await gateway.apply_guardrail("Tell me")
            assert len(faults.requests) == 1

    both.run(body)


def test_documents_are_ranked_by_the_declared_model(both, against, faults):
    async def body():
        faults.answer(
            server.reply(
                {"results": [{"index": 1, "relevanceScore": 0.9}, {"index": 0, "relevanceScore": 0.1}, {"index": 7}]}
            )
        )
        principals = {"app": {"capabilities": ["rerank"], "models": ["cohere.rerank-v3-5:0"]}}
        async with against(changed={"principals": principals}) as (gateway, _):
            found = await gateway.rerank("leave", ["laptops", "leave"], results=2)
            assert [(one.index, one.text) for one in found.ranked] == [(1, "leave"), (0, "laptops")]
            arn = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
            configuration = faults.requests[0].json["rerankingConfiguration"]["bedrockRerankingConfiguration"]
            assert configuration == {"modelConfiguration": {"modelArn": arn}, "numberOfResults": 2}
            with pytest.raises(GovernanceError):
                await gateway.rerank("leave", ["x"], model="amazon.rerank-v1:0")

    both.run(body)


def said(*parts):
    return [server.frame("output", {"text": one}) for one in parts]


def test_an_answer_out_of_a_knowledge_base_is_streamed_with_its_citations(both, against, faults):
    text = "Every employee has 25 days."
    source = {"content": {"text": "25 days"}, "location": {"s3Location": {"uri": "s3://b/handbook.md"}}}
    cited = {
        "citation": {
            "generatedResponsePart": {"textResponsePart": {"text": text, "span": {"start": 0, "end": len(text)}}},
            "retrievedReferences": [source],
        }
    }
    frames = [
        *said(text[:10], text[10:]),
        server.frame("citation", cited),
        server.frame("guardrail", {"action": "NONE"}),
    ]

    async def body():
        faults.answer(server.streamed(frames))
        principals = {
            "app": {
                "capabilities": ["rag-stream"],
                "models": ["us.amazon.nova-lite-v1:0"],
                "knowledge_bases": ["handbook"],
            }
        }
        async with against(changed={"principals": principals}) as (gateway, events):
            async with gateway.retrieve_and_generate_stream("How many days?", knowledge_base="handbook") as stream:
                parts = [one async for one in stream]
                answer = await stream.result()
            assert [type(one).__name__ for one in parts] == [
                "TextDelta",
                "TextDelta",
                "CitationReceived",
                "GuardrailReported",
            ]
            assert answer.text == text
            [found] = answer.citations
            assert text[slice(*found.span)] == text
            assert found.sources[0].uri == "s3://b/handbook.md"
            assert answer.guardrail_action == "NONE"
            assert events[-1].operation == "RetrieveAndGenerateStream"

    both.run(body)


@pytest.mark.parametrize("ending", ["nothing", "half a frame", "lost"])
def test_a_streamed_answer_that_is_cut_is_interrupted(both, against, faults, ending):
    from bedrock_gateway import StreamInterruptedError

    frames = {"nothing": [], "half a frame": [*said("Every"), said("x")[0][:-3]], "lost": said("Every")}[ending]

    async def body():
        faults.answer(server.streamed(frames, then=server.close if ending == "lost" else None, keep=False))
        principals = {
            "app": {
                "capabilities": ["rag-stream"],
                "models": ["us.amazon.nova-lite-v1:0"],
                "knowledge_bases": ["handbook"],
            }
        }
        async with against(changed={"principals": principals}) as (gateway, _):
            opened = gateway.retrieve_and_generate_stream("How many days?", knowledge_base="handbook")
            with pytest.raises(StreamInterruptedError) as raised:
                async with opened as stream:
                    await stream.result()
            assert raised.value.partial is None if ending == "nothing" else raised.value.partial.text == "Every"

    both.run(body)
