"""How a stream's body may end over HTTP, and what a whole one is, where the operation has no terminal event."""

from __future__ import annotations

import sys

import pytest

from bedrock_gateway import StreamInterruptedError

server = sys.modules["faultserver"]
TYPE = {"content-type": "application/vnd.amazon.eventstream"}
RAG = {"capabilities": ["rag-stream"], "models": ["us.amazon.nova-lite-v1:0"], "knowledge_bases": ["handbook"]}
ANSWER = [server.frame("output", {"text": one}) for one in ("25 ", "days")]


def with_length(data: bytes, *, connection: str, missing: int = 0):
    headers = TYPE | {"content-length": str(len(data) + missing), "connection": connection}
    then = (lambda *_: True) if connection == "keep-alive" and not missing else server.close
    return server.says(server.head(200, headers) + data, then=then)


def until_closed(data: bytes):
    return server.says(server.head(200, TYPE | {"connection": "close"}) + data)


ENDINGS = {
    "in chunks": lambda data: server.streamed([data]),
    "with its length, and the connection goes on": lambda data: with_length(data, connection="keep-alive"),
    "with its length, and the connection is closed": lambda data: with_length(data, connection="close"),
    "when the connection is closed": until_closed,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_answer_without_a_terminal_event_is_whole_however_its_body_ends(both, against, faults, ending):
    async def body():
        faults.answer(ENDINGS[ending](b"".join(ANSWER)))
        async with against(changed={"principals": {"app": RAG}}) as (gateway, events):
            for _ in range(2):
                async with gateway.retrieve_and_generate_stream("How many?", knowledge_base="handbook") as stream:
                    answer = await stream.result()
                assert answer.text == "25 days"
        assert [one.outcome for one in events] == ["ok", "ok"]

    both.run(body)


@pytest.mark.parametrize("cut", ["within a frame", "before its length"])
def test_an_answer_that_is_cut_is_none(both, against, faults, cut):
    data = b"".join(ANSWER)
    script = until_closed(data[:-3]) if cut == "within a frame" else with_length(data, connection="close", missing=9)

    async def body():
        faults.answer(script)
        async with against(changed={"principals": {"app": RAG}}) as (gateway, _):
            async with gateway.retrieve_and_generate_stream("How many?", knowledge_base="handbook") as stream:
                with pytest.raises(StreamInterruptedError) as caught:
                    await stream.result()
            assert caught.value.reason in {"truncated", "transport"}
            assert "25 " in caught.value.partial.text

    both.run(body)
