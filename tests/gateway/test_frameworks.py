"""LangChain and Strands on a governed client, against the local Bedrock: neither knows, nothing undeclared goes out.

Neither library is a dependency; the test is skipped where it is not installed, as in the environments of scripts/test.
"""

from __future__ import annotations

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import boto3

from bedrock_gateway import Gateway, GatewayConfig, GovernanceError
from bedrock_gateway.local import LocalBedrock

MODEL = "us.amazon.nova-lite-v1:0"
OTHER = "amazon.nova-micro-v1:0"
CONFIG = GatewayConfig(
    application="frameworks",
    account="123456789012",
    region="us-east-1",
    local=True,
    principals={"app": {"capabilities": ["converse", "converse-stream"], "models": [MODEL]}},
)


@pytest.fixture
def governed():
    """A governed client of boto3 that is answered in process, its session, and the events of its calls."""
    events: list = []
    with LocalBedrock(iam="off", pace_seconds=0) as local:
        key, secret = local.root_credentials
        session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")
        local.attach(session)
        with Gateway(CONFIG, observers=[events.append]) as gateway:
            yield gateway.govern(session.client("bedrock-runtime")), session, events, gateway


def outcomes(events):
    return [(one.operation, one.outcome) for one in events if one.name == "gateway.call_ended"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_langchain_runs_governed(governed):
    langchain_aws = pytest.importorskip("langchain_aws", reason="langchain-aws is not in this environment")
    client, session, events, _ = governed
    common = {"client": client, "bedrock_client": session.client("bedrock"), "region_name": "us-east-1"}
    chat = langchain_aws.ChatBedrockConverse(model=MODEL, **common)
    assert chat.invoke("Hello").content
    assert "".join(str(one.content) for one in chat.stream("Hello"))
    assert outcomes(events) == [("Converse", "ok"), ("ConverseStream", "ok")]
    with pytest.raises(GovernanceError):
        langchain_aws.ChatBedrockConverse(model=OTHER, **common).invoke("Hello")
    assert outcomes(events)[-1] == ("Converse", "denied")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_strands_runs_governed(governed):
    models = pytest.importorskip("strands.models", reason="strands-agents is not in this environment")
    from strands import Agent

    _, session, events, gateway = governed

    def agent(model_id):
        model = models.BedrockModel(model_id=model_id, boto_session=session)
        gateway.govern(model.client)
        return Agent(model=model, callback_handler=None)

    assert str(agent(MODEL)("Hello"))
    assert outcomes(events) == [("ConverseStream", "ok")]
    with pytest.raises(GovernanceError):
        agent(OTHER)("Hello")
    assert outcomes(events)[-1] == ("ConverseStream", "denied")
