"""Nothing of a prompt, an answer or a credential gets into logs, reprs, or anything of an error but ``partial``.

Canaries are planted in every argument and every answer, through every call and a handful of faults, with every logger at
DEBUG. The caller's own frames are the caller's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import itertools
import json
import logging
import pickle
import signal
import sys
import traceback
from pathlib import Path

import pytest

from bedrock_gateway import GatewayError, StructlogObserver, filters
from bedrock_gateway.documents import Document

server = sys.modules["faultserver"]
HERE = str(Path(__file__).resolve().parents[1])
CANARIES = [
    f"CANARY-{name}-7d1f" for name in ("prompt", "system", "tool", "document", "reply", "token", "secret", "key")
]
PROMPT, SYSTEM, TOOL, DOCUMENT, REPLY, TOKEN, SECRET, KEY = CANARIES
TOOLS = [{"toolSpec": {"name": "look", "description": TOOL, "inputSchema": {"json": {"type": "object", KEY: TOOL}}}}]
MESSAGES = [
    {"role": "user", "content": [{"text": PROMPT}, {"document": {"name": "x", "format": "txt", "source": {"bytes": DOCUMENT.encode()}}}]},
    {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "look", "input": {KEY: TOOL}}}]},
    {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": TOOL}]}}]},
]  # fmt: skip


async def streamed(opened):
    async with opened as stream:
        text = [one async for one in stream]
        return text, await stream.result()


async def every(found):
    found = await found if hasattr(found, "__await__") else found
    passages = [one async for one in found] if hasattr(found, "__aiter__") else list(found)
    return f"{found!r} {len(passages)}"


CALLS = {
    "converse": lambda g: g.converse(PROMPT, system=SYSTEM, tools=TOOLS, max_tokens=5),
    "converse with messages": lambda g: g.converse(MESSAGES, system=SYSTEM, additionalModelRequestFields={KEY: SYSTEM}),
    "converse_stream": lambda g: streamed(g.converse_stream(PROMPT, system=SYSTEM, tools=TOOLS)),
    "invoke_model": lambda g: g.invoke_model({"messages": MESSAGES[1:], "system": SYSTEM}),
    "invoke_model_stream": lambda g: streamed(g.invoke_model_stream({"prompt": PROMPT, "system": SYSTEM})),
    "retrieve": lambda g: g.retrieve(PROMPT, knowledge_base="handbook", metadata_filter={"equals": {"key": KEY, "value": DOCUMENT}}),
    "retrieve_and_generate": lambda g: g.retrieve_and_generate(PROMPT, knowledge_base="handbook", session="s-1234567"),
    "retrieve_all": lambda g: every(g.retrieve_all(PROMPT, knowledge_base="handbook", metadata_filter=filters.equals(KEY, DOCUMENT))),
    "an answer written as told": lambda g: g.retrieve_and_generate(PROMPT, knowledge_base="handbook", prompt_template=f"$search_results$ {SYSTEM}"),
    "an answer of a document": lambda g: g.retrieve_and_generate(PROMPT, document=Document("x", text=DOCUMENT)),
    "a streamed answer": lambda g: streamed(g.retrieve_and_generate_stream(PROMPT, knowledge_base="handbook", metadata_filter=filters.equals(KEY, DOCUMENT))),
    "an argument that cannot be sent": lambda g: g.converse([{"role": "user", "content": [{"text": PROMPT, "x": object()}]}]),
    "an argument botocore refuses": lambda g: g.converse([{"role": "user", "content": [{KEY: PROMPT}]}], system=SYSTEM),
    "a member with a typo": lambda g: g.converse(PROMPT, sytem=SYSTEM),
    "a prompt for a model": lambda g: g.converse("x", model="anthropic.claude-3-haiku-20240307-v1:0", system=SYSTEM),
}  # fmt: skip


def quoting(code: str, status: int, words: str, piece: slice = slice(None)):
    """An error whose message quotes what this very request holds."""

    def answer(connection, request):
        held = [
            one for one in (*CANARIES, base64.b64encode(DOCUMENT.encode()).decode()) if one.encode() in request.body
        ]
        return server.error(code, status, f"{words}: {' and '.join(one[piece] for one in held)}")(connection, request)

    return answer


DENIED = (
    "User: arn:aws:iam::123456789012:user/x is not authorized to perform: bedrock:InvokeModel on resource: * because"
)
EXCEPTION = server.frame("modelStreamErrorException", {"message": f"This is no good: {SYSTEM}"}, "exception")
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": REPLY}]}, "text": REPLY},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
    "metrics": {"latencyMs": 1},
    "retrievalResults": [{"content": {"text": REPLY}, "location": {"s3Location": {"uri": f"s3://b/{REPLY}"}}, "metadata": {KEY: REPLY}}],
    "citations": [{"generatedResponsePart": {"textResponsePart": {"text": REPLY, "span": {"start": 0, "end": 5}}}}],
    "sessionId": "s",
}  # fmt: skip


def frames() -> list[bytes]:
    chunk = {"bytes": base64.b64encode(json.dumps({"outputText": REPLY}).encode()).decode()}
    return [*server.conversation(REPLY, REPLY)[:3], server.frame("chunk", chunk)]


def with_stream(script, other):
    """Answer an operation that streams with *script*, any other with *other*."""

    def answer(connection, request):
        return (script if "-stream" in request.line else other)(connection, request)

    return answer


WHOLE = json.dumps(ANSWER).encode()
CUT = server.says(server.head(200, {"content-type": "application/json", "content-length": "9999"}) + WHOLE)
FAULTS = {
    "none": with_stream(server.streamed([*frames(), *server.conversation(REPLY)]), server.reply(ANSWER)),
    "quoted": quoting("ValidationException", 400, "These are not valid"),
    "quoted in part": quoting("ModelErrorException", 424, "Malformed input", slice(16)),
    "quoted from within": quoting("ValidationException", 400, "Malformed input", slice(2, None)),
    "denied": quoting("AccessDeniedException", 403, DENIED),
    "throttled": server.error("ThrottlingException", 429),
    "cut": with_stream(server.streamed(frames(), then=server.close), CUT),
    "reset": with_stream(server.streamed(frames(), then=server.reset), server.reset),
    "not json": server.reply(f"<html>{REPLY}</html>".encode(), content_type="text/html"),
    "failed": quoting("InternalServerException", 500, "It failed on"),
    "exception in a stream": with_stream(
        server.streamed([*frames(), EXCEPTION]), server.close
    ),
    "corrupt": with_stream(server.streamed([*frames(), frames()[0][:-1] + b"\0"]), server.reply(WHOLE[:-2])),
    "wrong form": server.reply({"output": REPLY, "stopReason": [REPLY], "retrievalResults": {REPLY: REPLY}}),
}  # fmt: skip


def hits(text: str) -> list[str]:
    encoded = {one: [one, base64.b64encode(one.encode()).decode()[:-4], one.replace("-", "%2D")] for one in CANARIES}
    return [one for one, forms in encoded.items() if any(form in text for form in forms)]


def chain(error: BaseException):
    """The error, its causes and its contexts."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [one.__cause__, one.__context__]


def shown(error: BaseException):
    """Everything that a log, an error reporter or a person may see of an error."""
    for one in chain(error):
        yield "message", str(one)
        yield "repr", repr(one)
        yield "args", repr(one.args)
        yield "notes", repr(getattr(one, "__notes__", ()))
        facts = {name: value for name, value in vars(one).items() if name != "partial"}
        yield "attributes", repr(facts)
        for frame, line in traceback.walk_tb(one.__traceback__):
            if not frame.f_code.co_filename.startswith(HERE):
                yield f"locals of {frame.f_code.co_filename}:{line}", repr(frame.f_locals)
    yield "traceback", "".join(traceback.format_exception(error))
    yield "pickle without partial", repr(pickle.loads(pickle.dumps(error)))


@pytest.fixture
def lines(caplog):
    """Every log line of every logger."""
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        yield lambda: [f"{one.name}: {one.getMessage()} {one.exc_text or ''}" for one in caplog.records]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_canary_is_seen_anywhere_but_in_the_answer(both, against, faults, lines, capfd, fault, recwarn):
    session = both.known.setdefault("canaries", None) or both.session("AKIAIOSFODNN7EXAMPLE", SECRET, TOKEN)
    both.known["canaries"] = session
    found = []

    async def body():
        async with against(session=session, observers=[StructlogObserver("debug")]) as (gateway, _):
            for name, call in CALLS.items():
                faults.answer(FAULTS[fault])
                caught = None
                try:
                    found.append((name, "repr of the result", repr(await call(gateway))))
                except GatewayError as error:
                    caught = error
                if caught is not None:
                    found.extend((name, where, text) for where, text in shown(caught))
            found.append(("gateway", "repr", repr(gateway)))

    both.run(body)
    said = capfd.readouterr()
    found += [("logs", "a line", line) for line in lines()]
    found += [("streams", "stdout", said.out), ("streams", "stderr", said.err)]
    found += [("warnings", "a warning", str(one.message)) for one in recwarn]
    assert said.err.count("gateway.call_ended") >= len(CALLS)
    leaks = sorted({(name, where, *hits(text)) for name, where, text in found if hits(text)})
    assert not leaks, leaks[:10]


def test_the_test_would_see_a_leak(both, against, faults, monkeypatch):
    """With tracebacks asked for, the frames do hold the prompt."""
    monkeypatch.setenv("BEDROCKGW_DEBUG_TRACEBACKS", "1")

    async def body():
        faults.answer(server.reset)
        async with against() as (gateway, _):
            with pytest.raises(GatewayError) as raised:
                await gateway.converse(PROMPT)
            assert any(PROMPT in text for where, text in shown(raised.value) if where.startswith("locals"))
            assert any(one.__traceback__ for one in itertools.islice(chain(raised.value), 1, None))

    both.run(body)


def test_loggers_are_silent_inside_our_calls_only(both, against, faults, lines):
    import urllib3  # noqa: F401 - its logger

    async def body():
        faults.answer(server.reply(server.CONVERSED))
        async with against() as (gateway, _):
            await gateway.converse(PROMPT)
            logging.getLogger("botocore.endpoint").debug("the application's own client")
            assert [one for one in lines() if "own client" in one]
            assert not [one for one in lines() if "Sending http request" in one]

    both.run(body)


class TimeLimitError(Exception):
    """What a worker's time limit raises wherever its process is: Celery's does so from a signal handler."""


@contextlib.asynccontextmanager
async def interrupted(both):
    """Let what is under way be ended from outside after a moment."""
    if both.is_async:
        async with asyncio.timeout(0.15):
            yield
        return

    def ring(_, frame):
        if any(Path(one.f_code.co_filename).name == "weakref.py" for one, _ in traceback.walk_stack(frame)):
            # Python itself swallows what is raised in a finalizer, which a collection can run at any moment.
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            return
        raise TimeLimitError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.15)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


SLOW = {
    "converse": (lambda g: g.converse(PROMPT, system=SYSTEM), server.silent(2)),
    "converse_stream": (
        lambda g: streamed(g.converse_stream(PROMPT, system=SYSTEM)),
        server.streamed(frames()[:2], then=server.silent(2)),
    ),
    "invoke_model": (lambda g: g.invoke_model({"prompt": PROMPT}), server.silent(2)),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_call_that_is_ended_from_outside_leaves_no_prompt_in_our_frames(both, against, faults, name):
    """A cancellation or a time limit is no error of ours, but error reporters show the frames it came through."""
    call, script = SLOW[name]

    async def body():
        faults.answer(script)
        async with against() as (gateway, _):
            with pytest.raises((TimeoutError, TimeLimitError)) as raised:
                async with interrupted(both):
                    await call(gateway)
            seen = list(shown(raised.value))
            assert any(where.startswith("locals") and "bedrock_gateway" in where for where, _ in seen)
            assert not [(where, hits(text)) for where, text in seen if hits(text)]

    both.run(body)


def test_a_call_with_arguments_too_many_leaves_no_prompt_in_our_frames(both, against, faults):
    async def body():
        async with against() as (gateway, _):
            with pytest.raises(TypeError) as raised:
                await gateway.converse(PROMPT, SYSTEM)
            assert not [(where, hits(text)) for where, text in shown(raised.value) if hits(text)]

    both.run(body)


def test_a_task_whose_error_nobody_asks_for_is_logged_without_a_prompt(both, against, faults, lines):
    if not both.is_async:
        pytest.skip("about tasks")

    async def body():
        asyncio.get_running_loop().set_debug(True)
        asyncio.get_running_loop().slow_callback_duration = 0.0
        faults.answer(server.error("ValidationException", 400, f"no: {PROMPT}"))
        async with against() as (gateway, _):
            task = asyncio.ensure_future(gateway.converse(PROMPT, system=SYSTEM))
            await asyncio.wait([task])
            del task
            gc.collect()
        said = [one for one in lines() if one.startswith("asyncio")]
        assert any("never retrieved" in one for one in said)
        assert any("Executing" in one for one in said)
        assert not [one for one in lines() if hits(one)]

    both.run(body)


async def three_at_once(gateway):
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(gateway.converse(PROMPT, system=SYSTEM))


def test_a_group_of_errors_shows_no_prompt(both, against, faults):
    if not both.is_async:
        pytest.skip("about tasks")

    async def body():
        faults.answer(server.error("ValidationException", 400, f"no: {PROMPT}"))
        async with against() as (gateway, _):
            with pytest.raises(ExceptionGroup) as raised:
                await three_at_once(gateway)
            for one in (raised.value, *raised.value.exceptions):
                assert not [(where, hits(text)) for where, text in shown(one) if hits(text)]

    both.run(body)
