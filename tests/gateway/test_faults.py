# ruff: noqa: ASYNC110, ASYNC251 - a body is run by a sync driver too, and waits for sockets
"""What networks and services do to a call, and what becomes of it; by row of the fault table where there is one."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from bedrock_gateway import (
    MalformedResponseError,
    ModelFailedError,
    ModelTimeoutError,
    ServiceError,
    StreamInterruptedError,
    ThrottledError,
    Timeouts,
    TransportError,
)

server = sys.modules["faultserver"]
OK = server.reply(server.CONVERSED)


def ended(events):
    [event] = [one for one in events if one.name == "gateway.call_ended"]
    return event


@pytest.mark.parametrize(
    "fault",
    [
        server.error("ThrottlingException", 429),
        server.error("ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.availability/", 429),
        server.error("com.amazon.bedrock#throttlingException", 429),
        server.reply({}, 429),
        server.reply(b"<html>Bad Gateway</html>", 502, content_type="text/html"),
        server.reply(b"", 503),
        server.error("InternalServerException", 500),
        server.error("ModelNotReadyException", 429),
        server.reply(b"\xff\xfe", 504),
        server.reply(b"[1, 2]", 500),
    ],
)
def test_what_passes_is_sent_again_until_it_succeeds(both, against, faults, fault):
    async def body():
        faults.answer(fault, fault, OK)
        async with against() as (gateway, events):
            assert (await gateway.converse("Hello")).text == "Hello"
            assert ended(events).attempts == len(faults.requests) == 3
            assert len([one for one in events if one.name == "gateway.retry_scheduled"]) == 2

    both.run(body)


def test_a_call_ends_after_four_attempts(both, against, faults):
    async def body():
        faults.answer(server.error("ThrottlingException", 429))
        async with against() as (gateway, events):
            with pytest.raises(ThrottledError) as raised:
                await gateway.converse("Hello")
            assert raised.value.attempts == ended(events).attempts == len(faults.requests) == 4

    both.run(body)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (server.error("ModelTimeoutException", 408), ModelTimeoutError),
        (server.error("ModelErrorException", 424), ModelFailedError),
        (
            server.reply({"message": "x", "originalStatusCode": 400}, 424, x_amzn_errortype="ModelErrorException"),
            ModelFailedError,
        ),
        (server.error("ValidationException", 400), ServiceError),
        (server.error("ExpiredTokenException", 403), ServiceError),
        (server.reply({}, 302, location="http://127.0.0.1:1/"), ServiceError),
    ],
)
def test_what_may_have_been_billed_or_cannot_succeed_is_sent_once(both, against, faults, fault, expected):
    async def body():
        faults.answer(fault)
        async with against() as (gateway, events):
            with pytest.raises(expected):
                await gateway.converse("Hello")
            assert len(faults.requests) == ended(events).attempts == 1
            if expected is ModelTimeoutError:
                faults.answer(fault, OK)
                assert (await gateway.with_options(resend_ambiguous=True).converse("Hello")).text == "Hello"

    both.run(body)


def test_a_failed_model_whose_own_status_passes_is_sent_again(both, against, faults):
    async def body():
        fault = server.reply({"message": "x", "originalStatusCode": 503}, 424, x_amzn_errortype="ModelErrorException")
        faults.answer(fault, OK)
        async with against() as (gateway, _):
            assert (await gateway.converse("Hello")).text == "Hello"

    both.run(body)


@pytest.mark.parametrize("fault", [server.close, server.reset])
def test_a_fresh_connection_that_is_lost_is_ambiguous(both, against, faults, fault):
    async def body():
        faults.answer(fault, OK)
        async with against() as (gateway, events):
            with pytest.raises(TransportError) as raised:
                await gateway.converse("Hello")
            assert raised.value.sent is None
            assert "billed" in str(raised.value)
            assert len(faults.requests) == ended(events).attempts == 1

    both.run(body)


@pytest.mark.parametrize("fault", [server.close, server.reset])
def test_a_reused_connection_that_is_closed_unanswered_is_sent_again(both, against, faults, fault):
    async def body():
        faults.answer(OK, fault, OK)
        async with against() as (gateway, events):
            await gateway.converse("Hello")
            events.clear()
            assert (await gateway.converse("Hello")).text == "Hello"
            assert ended(events).attempts == 2
            assert faults.connections == 2

    both.run(body)


def test_a_lost_answer_of_what_aws_deduplicates_is_sent_again_with_the_same_token(both, against, faults):
    async def body():
        made = {
            "ingestionJob": {
                "ingestionJobId": "J",
                "knowledgeBaseId": "KB12345678",
                "dataSourceId": "D",
                "status": "STARTING",
            }
        }
        faults.answer(server.close, server.error("ThrottlingException", 429), server.reply(made, 202))
        async with against("operator") as (gateway, _):
            job = await gateway.start_ingestion("handbook", data_source_id="DS12345678")
            assert job.status == "STARTING"
            tokens = {one.json["clientToken"] for one in faults.requests}
            assert len(faults.requests) == 3
            assert len(tokens) == 1
            await gateway.start_ingestion("handbook", data_source_id="DS12345678")
            assert faults.requests[-1].json["clientToken"] not in tokens

    both.run(body)


WHOLE = b'{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn"}'

# Not what Converse answers, but it might be what some vendor's model does.
JSON = (server.reply(b"[]"), server.reply(b'{"output": 5}'))


@pytest.mark.parametrize(
    "fault",
    [
        server.says(b"HTTP/1.1 200"),
        server.says(b"HTTP/1.1 200 OK\r\ncontent-ty"),
        server.says(server.head(200, {"content-length": "500"}) + WHOLE[:40]),
        server.says(server.head(200, {"content-length": "500"}) + WHOLE),
        server.says(server.head(200, {"content-length": "500"}) + WHOLE[:40], server.reset),
        server.says(server.head(200, {"transfer-encoding": "chunked"}) + server.chunk(WHOLE[:40])),
        server.reply(b""),
        server.reply(b"", 204),
        server.reply(WHOLE[:-1]),
        server.reply(b"<html>Welcome to the hotel</html>", content_type="text/html"),
        *JSON,
        server.reply(b"\xff\xfe\x00"),
        server.says(b"\x00\x01\x02 not http\r\n\r\n"),
    ],
)
def test_what_is_no_answer_is_never_a_success(both, against, faults, fault):
    async def body():
        faults.answer(fault)
        async with against() as (gateway, events):
            with pytest.raises((MalformedResponseError, TransportError)) as raised:
                await gateway.converse("Hello")
            assert getattr(raised.value, "maybe_billed", True)
            assert len(faults.requests) == 1
            assert ended(events).outcome == "failed"
            if fault not in JSON:
                with pytest.raises((MalformedResponseError, TransportError)):
                    await gateway.invoke_model({"a": 1})

    both.run(body)


def test_nobody_listening_is_known_not_to_have_been_sent(both, against):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def body():
        async with against(changed={"endpoint": f"http://127.0.0.1:{port}"}) as (gateway, events):
            with pytest.raises(TransportError) as raised:
                await gateway.converse("Hello")
            assert raised.value.sent is False
            assert ended(events).attempts == 4

    both.run(body)


def timed(limit: float):
    started = time.monotonic()

    def check() -> None:
        assert time.monotonic() - started < limit

    return check


def test_no_answer_in_time_is_ambiguous_and_sent_once(both, against, faults):
    import botocore.httpsession

    if not both.is_async and not hasattr(botocore.httpsession.URLLib3Session, "_get_request_timeout"):
        pytest.skip("this botocore has one read timeout a client, the one the gateway was made with")

    async def body():
        faults.answer(server.silent(6))
        async with against() as (gateway, _):
            within = timed(4)
            with pytest.raises(TransportError) as raised:
                await gateway.with_options(timeouts=Timeouts(first_byte=0.3)).converse("Hello")
            within()
            assert raised.value.sent is None
            assert len(faults.requests) == 1

    both.run(body)


def test_a_trickled_answer_ends_with_the_total_deadline(both, against, faults):
    async def body():
        first = server.head(200, {"content-type": "application/json", "content-length": str(len(WHOLE))})
        faults.answer(server.trickle(first, WHOLE, 0.1))
        async with against() as (gateway, _):
            for call in (lambda g: g.converse("Hello"), lambda g: g.invoke_model({"a": 1})):
                within = timed(4)
                with pytest.raises(TransportError):
                    await call(gateway.with_options(timeouts=Timeouts(total=0.5)))
                within()

    both.run(body)


async def released(both, faults) -> bool:
    """Whether every connection is closed within a second; the loop of an async client must run for that."""
    until = time.monotonic() + 1
    while both.is_async and faults.open and time.monotonic() < until:
        await asyncio.sleep(0.005)
    return faults.wait_until_closed()


async def take(stream, seen=None):
    """Read a stream to its end, keeping what came."""
    async with stream:
        async for one in stream:
            if seen is not None:
                seen.append(one)


async def read(stream):
    return [one async for one in stream]


def test_a_trickled_stream_is_idle_as_bytes_are_no_events(both, against, faults):
    async def body():
        frames = server.conversation("a", "b")
        first = server.head(200, server.STREAM) + server.chunk(frames[0])
        faults.answer(server.trickle(first, server.chunk(b"".join(frames[1:])), 0.05))
        async with against() as (gateway, events):
            within = timed(4)
            with pytest.raises(StreamInterruptedError) as raised:
                await take(gateway.with_options(timeouts=Timeouts(idle=0.4)).converse_stream("Hello"))
            within()
            assert raised.value.reason == "idle"
            assert ended(events).outcome == "interrupted"
            assert await released(both, faults)

    both.run(body)


def test_a_trickled_stream_ends_with_the_total_deadline(both, against, faults):
    async def body():
        frames = server.conversation(*"abcdefghijklmnop" * 3)
        faults.answer(OK, server.streamed(frames, every=0.1))
        async with against() as (gateway, _):
            await gateway.converse("Hello")
            within = timed(4)
            with pytest.raises(StreamInterruptedError) as raised:
                await take(gateway.with_options(timeouts=Timeouts(total=0.5)).converse_stream("Hello"))
            within()
            assert raised.value.reason == "deadline"
            assert raised.value.partial.text.startswith("a")

    both.run(body)


def test_a_trickled_chunk_header_ends_with_the_total_deadline(both, against, faults):
    """Inside http.client, where no read of ours can look at the clock."""

    async def body():
        first = server.head(200, server.STREAM) + server.chunk(server.conversation("a")[0])
        faults.answer(OK, server.trickle(first, b"0" * 100, 0.05))
        async with against() as (gateway, _):
            await gateway.converse("Hello")
            within = timed(4)
            with pytest.raises(StreamInterruptedError) as raised:
                await take(gateway.with_options(timeouts=Timeouts(total=0.5)).converse_stream("Hello"))
            within()
            assert raised.value.reason == "deadline"

    both.run(body)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_that_stands_still_is_idle(both, against, faults, count):
    async def body():
        frames = server.conversation("a", "b", "c")
        faults.answer(server.streamed(frames[:count], then=server.silent(6)))
        async with against() as (gateway, _):
            within, seen = timed(4), []
            view = gateway.with_options(timeouts=Timeouts(idle=0.3, first_byte=0.3))
            with pytest.raises(StreamInterruptedError) as raised:
                await take(view.converse_stream("Hello"), seen)
            within()
            assert raised.value.reason == "idle"
            assert len(seen) == count
            assert await released(both, faults)

    both.run(body)


def test_a_slow_reader_is_no_silent_stream(both, against, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a", "b"), every=0.02))
        async with against() as (gateway, _):
            view = gateway.with_options(timeouts=Timeouts(idle=0.2))
            async with view.converse_stream("Hello") as stream:
                async for one in stream:
                    if type(one).__name__ == "TextDelta" and one.text == "a":
                        time.sleep(0.4)
                assert (await stream.result()).text == "ab"

    both.run(body)


ENDINGS = [None, server.close, server.reset]


@pytest.mark.parametrize("ending", ENDINGS, ids=["clean end", "closed", "reset"])
@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_stream_that_ends_early_is_interrupted_with_what_had_come(both, against, faults, ending, count):
    async def body():
        frames = server.conversation("a", "b")
        # A reset throws away what the client has not read yet.
        faults.answer(server.streamed(frames[:count], then=ending, seconds=0.1, keep=False))
        async with against() as (gateway, events):
            seen, opened = [], gateway.converse_stream("Hello")
            with pytest.raises(StreamInterruptedError) as raised:
                await take(opened, seen)
            error = raised.value
            assert error.reason == ("truncated" if ending is None else "transport")
            assert len(seen) == count
            assert not error.may_resend
            if count:
                assert len(error.partial.raw) == count
                assert error.partial.local
            assert error.request_id
            assert ended(events).outcome == "interrupted"
            assert len(faults.requests) == 1
            with pytest.raises(StreamInterruptedError):
                await opened.result()

    both.run(body)


@pytest.mark.parametrize("name", ["throttlingException", "modelStreamErrorException", "somethingNewException"])
def test_an_error_in_a_stream_is_typed_and_keeps_what_had_come(both, against, faults, name):
    async def body():
        frames = server.conversation("a", "b")
        failure = server.frame(name, {"message": "no"}, "exception")
        faults.answer(server.streamed([*frames[:3], failure]))
        async with against() as (gateway, _):
            with pytest.raises(StreamInterruptedError) as raised:
                await take(gateway.converse_stream("Hello"))
            assert raised.value.reason == "service"
            assert raised.value.partial.text == "ab"
            assert isinstance(raised.value.__cause__, ServiceError)
            assert raised.value.__cause__.code == name[0].upper() + name[1:]

    both.run(body)


def test_an_error_as_the_only_frame_is_that_error_and_is_sent_again_where_it_passes(both, against, faults):
    async def body():
        failure = server.frame("throttlingException", {"message": "no"}, "exception")
        faults.answer(server.streamed([failure]), server.streamed(server.conversation("a")))
        async with against() as (gateway, events):
            async with gateway.converse_stream("Hello") as stream:
                assert (await stream.result()).text == "a"
            assert ended(events).attempts == 2
            faults.answer(server.streamed([server.frame("InternalError", b"", "error", **{":error-message": "no"})]))
            with pytest.raises(ServiceError):
                await take(gateway.converse_stream("Hello"))

    both.run(body)


def test_an_error_that_aws_reports_after_the_terminal_event_is_no_success(both, against, faults):
    async def body():
        frames = server.conversation("a", metadata=False)
        faults.answer(
            server.streamed([*frames, server.frame("modelStreamErrorException", {"message": "no"}, "exception")])
        )
        async with against() as (gateway, _):
            with pytest.raises(StreamInterruptedError) as raised:
                await take(gateway.converse_stream("Hello"))
            assert raised.value.partial.text == "a"

    both.run(body)


@pytest.mark.parametrize("joined", [False, True], ids=["each in a chunk", "all in one"])
def test_the_good_frames_before_a_damaged_one_are_delivered(both, against, faults, joined):
    async def body():
        good, bad = server.conversation("a", "b")[:3], bytearray(server.conversation("c")[1])
        bad[-5] ^= 1
        frames = [b"".join([*good, bytes(bad)])] if joined else [*good, bytes(bad)]
        faults.answer(server.streamed([*frames, *server.conversation("d")]))
        async with against() as (gateway, _):
            seen = []
            with pytest.raises(StreamInterruptedError) as raised:
                await take(gateway.converse_stream("Hello"), seen)
            assert raised.value.reason == "corrupt"
            assert len(seen) == 3
            assert raised.value.partial.text == "ab"

    both.run(body)


def test_metadata_may_be_missing_and_unknown_events_are_kept(both, against, faults):
    async def body():
        frames = server.conversation("a", metadata=False)
        faults.answer(server.streamed([frames[0], server.frame("somethingNew", {"x": 1}), *frames[1:]]))
        async with against() as (gateway, _):
            async with gateway.converse_stream("Hello") as stream:
                seen = await read(stream)
                whole = await stream.result()
            assert whole.usage is None
            assert {"somethingNew": {"x": 1}} in whole.raw
            assert [one.name for one in seen if type(one).__name__ == "UnknownEvent"] == ["somethingNew"]

    both.run(body)


def test_leaving_early_closes_the_connection_and_is_reported(both, against, faults):
    async def body():
        faults.answer(server.streamed(server.conversation("a", "b")[:3], then=server.silent(5)))
        async with against() as (gateway, events):
            async with gateway.converse_stream("Hello") as stream:
                async for _ in stream:
                    break
            assert await released(both, faults)
            assert ended(events).outcome == "abandoned"
            with pytest.raises(StreamInterruptedError) as raised:
                await stream.result()
            assert raised.value.reason == "closed"

    both.run(body)


def test_a_stream_that_is_forgotten_lets_go_of_its_connection(both, against, faults):
    import gc

    async def body():
        faults.answer(server.streamed(server.conversation("a")[:2], then=server.silent(5)))
        async with against() as (gateway, events):
            stream = gateway.converse_stream("Hello")
            await stream.__aenter__()
            del stream
            gc.collect()
            assert await released(both, faults)
            assert ended(events).outcome == "abandoned"

    both.run(body)


def test_a_body_that_cannot_be_had_raw_is_read_by_botocore_and_said_so(both, against, faults, monkeypatch):
    from bedrock_gateway._drive import clients

    def no_body(**_):
        """What a botocore without the hook would do."""

    monkeypatch.setattr(clients, "_keep_body", no_body)

    async def body():
        faults.answer(server.streamed(server.conversation("a", "b")))
        async with against() as (gateway, events):
            async with gateway.converse_stream("Hello") as stream:
                assert (await stream.result()).text == "ab"
            assert [one.operation for one in events if one.name == "gateway.decoder_fell_back"] == ["ConverseStream"]
            faults.answer(server.streamed(server.conversation("a", "b")[:3], then=server.silent(6)))
            within = timed(4)
            view = gateway.with_options(timeouts=Timeouts(idle=0.3))
            with pytest.raises(StreamInterruptedError) as raised:
                await take(view.converse_stream("Hello"))
            within()
            assert raised.value.partial.text == "ab"
            assert await released(both, faults)

    both.run(body)


def test_the_user_agent_is_ours_and_names_the_library_below(both, against, faults):
    async def body():
        faults.answer(OK)
        async with against() as (gateway, _):
            await gateway.converse("Hello")
            agent = faults.requests[0].headers["user-agent"]
            assert agent.startswith("bedrock-gateway/")
            assert "botocore/" in agent.lower()

    both.run(body)


def test_a_session_with_a_user_agent_of_its_own_keeps_it(both, against, faults):
    async def body():
        faults.answer(OK)
        session = both.session("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        core = getattr(session, "_session", session)
        core.user_agent_name, core.user_agent_version = "helpdesk", "7"
        async with against(session=session) as (gateway, _):
            await gateway.converse("Hello")
            assert faults.requests[0].headers["user-agent"].startswith("helpdesk/7")

    both.run(body)
