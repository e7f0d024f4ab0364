"""A denial names the command that grants what is missing. Run, its policy lets the very call pass: against the local IAM."""

from __future__ import annotations

import shlex

import pytest

from bedrock_gateway import AccessDeniedError, Gateway
from bedrock_gateway.cli import main

CHAT, CLAUDE, BARE = (
    "us.amazon.nova-lite-v1:0",
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "amazon.nova-micro-v1:0",
)
EMBED = "amazon.titan-embed-text-v2:0"
CAPABILITIES = [
    "converse", "converse-stream", "invoke", "invoke-stream", "count-tokens", "embed", "retrieve", "rag", "rag-stream"
]  # fmt: skip
BODY = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


def whole(stream):
    with stream:
        return stream.result()


CALLS = {
    "converse": lambda g: g.converse("Hi", model=CHAT),
    "converse through a global profile": lambda g: g.converse("Hi", model=CLAUDE),
    "converse by the model's own id": lambda g: g.converse("Hi", model=BARE),
    "converse_stream": lambda g: whole(g.converse_stream("Hi", model=CHAT)),
    "invoke_model": lambda g: g.invoke_model(BODY, model=CHAT),
    "invoke_model_stream": lambda g: whole(g.invoke_model_stream(BODY, model=CHAT)),
    "embed": lambda g: g.embed("Hi", model=EMBED),
    "count_tokens": lambda g: g.count_tokens("Hi", model=CHAT),
    "retrieve": lambda g: g.retrieve("leave", knowledge_base="handbook"),
    "retrieve_and_generate": lambda g: g.retrieve_and_generate("Leave?", knowledge_base="handbook", model=CHAT),
    "retrieve_and_generate_stream": lambda g: whole(
        g.retrieve_and_generate_stream("Leave?", knowledge_base="handbook", model=CHAT)
    ),
}


@pytest.fixture(scope="module")
def iam(account):
    """The role of the application, without any right."""
    client = account.world.client(account.world.admin, "iam")
    for name in client.list_role_policies(RoleName="app")["PolicyNames"]:
        client.delete_role_policy(RoleName="app", PolicyName=name)
    return client


SHORT = {"converse through a global profile", "retrieve_and_generate"}


@pytest.mark.parametrize("call", [one if one in SHORT else pytest.param(one, marks=pytest.mark.full) for one in CALLS])
def test_the_command_that_a_denial_names_grants_the_call(call, account, iam, capsys):
    principals = {
        "app": {"capabilities": CAPABILITIES, "models": [CHAT, CLAUDE, BARE, EMBED], "knowledge_bases": ["handbook"]}
    }
    with Gateway(account.config(principals=principals), session=account.world.become("app"), observers=[]) as gateway:
        with pytest.raises(AccessDeniedError) as caught:
            CALLS[call](gateway)
        assert caught.value.missing in str(caught.value)
        command = str(caught.value).partition("grant it: ")[2]
        assert main(shlex.split(command)[1:]) == 0
        iam.put_role_policy(RoleName="app", PolicyName="granted", PolicyDocument=capsys.readouterr().out)
        try:
            assert CALLS[call](gateway).raw
        finally:
            iam.delete_role_policy(RoleName="app", PolicyName="granted")
