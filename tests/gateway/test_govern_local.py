"""Bare boto3, LangChain and Strands, governed, against the local Bedrock with IAM enforced: unchanged but for the client.

LangChain and Strands are no dependencies of ours: their tests run in an environment that has them, which `scripts/test --all`
makes (dependency group `frameworks`).
"""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from bedrock_gateway import Gateway, GovernanceError

MODEL = "us.amazon.nova-lite-v1:0"
OTHER = "amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "How many days of leave?"}]}]


@pytest.fixture
def app(account):
    """The application's gateway, clients with its credentials, and what was reported."""
    import boto3

    config, events, made = account.config(), [], []
    key, secret, token = account.credentials("app")
    session = boto3.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=config.region
    )

    class App:
        reported = events
        endpoint = config.endpoint
        own_session = session
        knowledge_base_id = config.knowledge_bases["handbook"].id

        def client(self, service="bedrock-runtime"):
            client = session.client(service, endpoint_url=config.endpoint)
            made.append(client)
            governed = gateway.govern(client)
            assert governed is client
            return client

        def govern(self, client):
            made.append(client)
            return gateway.govern(client)

    with Gateway(config, principal="app", observers=[events.append]) as gateway:
        yield App()
        for one in made:
            one.close()


@contextmanager
def refused(app):
    """Whatever a framework makes of it: nothing was sent, and the refusal was reported as one."""
    before = len(app.reported)
    with pytest.raises(Exception) as caught:
        yield
    chain = [caught.value]
    while (following := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(following)
    assert any(isinstance(one, GovernanceError) for one in chain)
    assert [(one.outcome, one.attempts) for one in app.reported[before:]] == [("denied", 0)]


def test_bare_boto3_answers_as_ever_and_each_call_is_reported_once(app):
    client = app.client()
    assert client.converse(modelId=MODEL, messages=MESSAGES)["output"]["message"]["content"][0]["text"]
    stream = client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]
    assert any("messageStop" in one for one in list(stream))
    body = b'{"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}'
    assert client.invoke_model(modelId=MODEL, body=body)["body"].read()
    chunks = client.invoke_model_with_response_stream(modelId=MODEL, body=body)["body"]
    assert all("chunk" in one for one in chunks)
    seen = [(one.operation, one.capability, one.outcome, one.attempts, one.local) for one in app.reported]
    assert seen == [
        ("Converse", "converse", "ok", 1, True),
        ("ConverseStream", "converse-stream", "ok", 1, True),
        ("InvokeModel", "invoke", "ok", 1, True),
        ("InvokeModelWithResponseStream", "invoke-stream", "ok", 1, True),
    ]
    assert all(one.principal == "app" and one.request_id and one.model_id == MODEL for one in app.reported)
    assert all(one.input_tokens and one.output_tokens for one in app.reported)


def test_bare_boto3_finds_and_answers_from_the_declared_knowledge_base_alone(app):
    client = app.client("bedrock-agent-runtime")
    query = {"text": "How many days of leave?"}
    assert client.retrieve(knowledgeBaseId=app.knowledge_base_id, retrievalQuery=query)["retrievalResults"]
    with refused(app):
        client.retrieve(knowledgeBaseId="KB00000000", retrievalQuery=query)
    assert [one.outcome for one in app.reported] == ["ok", "denied"]


def test_what_iam_denies_is_reported_as_denied(app, account):
    """The rules are those of the configuration; IAM still decides."""
    import boto3

    config = account.config()
    key, secret, token = account.credentials("operator")
    session = boto3.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=config.region
    )
    client = app.govern(session.client("bedrock-runtime", endpoint_url=config.endpoint))
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert [(one.outcome, one.error_code, one.attempts) for one in app.reported] == [
        ("denied", "AccessDeniedException", 1)
    ]


class TestLangChain:
    @pytest.fixture(autouse=True)
    def _there(self):
        pytest.importorskip("langchain_aws", reason="langchain-aws is not in this environment")

    def chat(self, app, model=MODEL):
        from langchain_aws import ChatBedrockConverse

        control = app.own_session.client("bedrock", endpoint_url=app.endpoint)
        return ChatBedrockConverse(model=model, client=app.client(), bedrock_client=control)

    def test_a_chat_is_answered_and_reported(self, app):
        reply = self.chat(app).invoke("How many days of leave?")
        assert reply.content
        assert [(one.operation, one.outcome) for one in app.reported] == [("Converse", "ok")]
        assert app.reported[0].output_tokens == reply.usage_metadata["output_tokens"]

    def test_a_stream_is_answered_and_reported_once(self, app):
        assert "".join(str(one.content) for one in self.chat(app).stream("Hello"))
        assert [(one.operation, one.outcome) for one in app.reported] == [("ConverseStream", "ok")]

    def test_another_model_is_refused(self, app):
        with refused(app):
            self.chat(app, OTHER).invoke("Hello")

    def test_a_retriever_reads_the_declared_knowledge_base_alone(self, app):
        from langchain_aws import AmazonKnowledgeBasesRetriever

        client = app.client("bedrock-agent-runtime")
        options = {"client": client, "retrieval_config": {"vectorSearchConfiguration": {"numberOfResults": 2}}}
        found = AmazonKnowledgeBasesRetriever(knowledge_base_id=app.knowledge_base_id, **options)
        assert found.invoke("How many days of leave?")
        with refused(app):
            AmazonKnowledgeBasesRetriever(knowledge_base_id="KB00000000", **options).invoke("Hello")


class TestStrands:
    @pytest.fixture(autouse=True)
    def _there(self):
        pytest.importorskip("strands", reason="strands-agents is not in this environment")

    def agent(self, app, model=MODEL, *, streaming=True, tools=()):
        from strands import Agent
        from strands.models import BedrockModel

        chosen = BedrockModel(
            boto_session=app.own_session, endpoint_url=app.endpoint, model_id=model, streaming=streaming
        )
        app.govern(chosen.client)
        return Agent(model=chosen, tools=list(tools), callback_handler=None)

    @pytest.mark.parametrize(("streaming", "operation"), [(True, "ConverseStream"), (False, "Converse")])
    def test_an_agent_is_answered_and_reported(self, app, streaming, operation):
        result = self.agent(app, streaming=streaming)("How many days of leave?")
        assert str(result).strip()
        assert [(one.operation, one.outcome) for one in app.reported] == [(operation, "ok")]

    def test_an_agent_with_a_tool_makes_two_calls_and_both_are_reported(self, app):
        from strands import tool

        asked = []

        @tool
        def leave(question: str) -> str:
            """Say how many days of leave there are."""
            asked.append(question)
            return "25 days"

        self.agent(app, tools=[leave])("How many days of leave?")
        assert asked
        assert [(one.operation, one.outcome) for one in app.reported] == [("ConverseStream", "ok")] * 2

    def test_another_model_is_refused(self, app):
        agent = self.agent(app, OTHER)
        with refused(app):
            agent("Hello")
