"""Arguments of every wrong kind, for every argument of every public method: a typed error before any socket is opened.

Or a request that AWS can read. The arguments are read from the signatures: one that is added is tried without anybody
remembering to, and a method that is added fails here until it says what a whole call of it is.
"""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import decimal
import enum
import importlib.util
import inspect
import json
import types
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway import AsyncGateway, Gateway, GatewayError, IngestionJob, TextRequest, Timeouts
from bedrock_gateway.documents import Document
from bedrock_gateway.filters import Attribute, ImplicitFilter, equals

from . import wire
from .catalogue import BODY
from .driving import config, session_of
from .server import FaultServer

MODELS = ["us.amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0", "cohere.rerank-v3-5:0"]
PRINCIPALS = {
    "app": {
        "capabilities": ["invoke", "invoke-stream", "converse", "converse-stream", "count-tokens", "guardrail-apply", "embed", "rerank", "retrieve", "rag", "rag-stream"],
        "models": MODELS[:2],
        "rerankers": MODELS[2:],
        "knowledge_bases": ["handbook"],
    },
    "operator": {"capabilities": ["kb-create", "kb-ingest", "kb-provision", "kb-documents", "kb-documents-direct"], "knowledge_bases": ["handbook"]},
}  # fmt: skip
HANDBOOK = {
    "embedding_model": MODELS[1],
    "store": "s3-vectors",
    "id": "KB12345678",
    "source": [{"type": "s3", "bucket": "example-handbook"}],
}
NEVER_OPENS = {"retries": {"attempts": 1}, "breaker": {"minimum_requests": 1_000_000}}


def configuration(port: int):
    return config(
        port,
        principals=PRINCIPALS,
        knowledge_bases={"handbook": HANDBOOK},
        guardrail={"id": "abcdefghij12", "version": "1"},
        reliability=NEVER_OPENS,
    )


def nested(depth, of=list):
    value: object = 1
    for _ in range(depth):
        value = [value] if of is list else {"a": value}
    return value


def cyclic():
    found: dict = {}
    found["a"] = [found]
    return found


class Hostile:
    """Its every use fails."""

    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __iter__ = __len__ = __eq__ = __bool__ = __str__
    __hash__ = object.__hash__


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Table(dict):
    pass


class Row(list):
    pass


class Colour(enum.Enum):
    RED = "red"


CYCLE = cyclic()
# Written down once: they are compared by nobody, and made anew they would cost ten megabytes each time.
SCALARS = [
    None, True, False, 0, -1, 1, 1 << 31, 1 << 64, 10**400, -(10**400), 0.5, -0.0, 1e308, float("nan"), float("inf"), float("-inf"),
    "", " ", "x", "\x00", "a\x00b", "\ud800", "a\nb", "..", "../x", "*", "é" * 3000, "x" * 10_000_000, Text("x"), Text(""), Number(3), Colour.RED,
    b"", b"x", b"\xff", bytearray(b"x"), memoryview(b"x"), object(), Hostile(), Hostile, Exception, ValueError("x"), lambda: 1, 1j, ..., NotImplemented,
    decimal.Decimal("NaN"), dt.datetime(2026, 1, 1), Path("x"), types, asyncio.sleep,
]  # fmt: skip
SHAPES = [
    [], {}, (), set(), frozenset({1}), [None], [[]], [{}], ["x"], [5], ["\ud800"], [b"x"], {"": ""}, {1: 2}, {None: 1}, {("a",): 1}, {"role": 7}, {"\ud800": 1},
    {"\x00": 1}, {"a": {1, 2}}, {"a": float("nan")}, {"a": object()}, {"a": Hostile()}, {"a": 1 << 70}, {"a": b"x"}, {"a": memoryview(b"x")}, {Text("a"): 1},
    Table(a=1), Row(["x"]), Row([{"role": "user", "content": "x"}]), collections.UserDict({"a": 1}), collections.ChainMap({"a": 1}), types.MappingProxyType({"a": 1}),
    collections.deque(["x"]), range(3), range(10**9), iter([1]), (one for one in ["x"]), zip("a", "b", strict=True), map(str, [1]),
    [{"role": "user"}], [{"role": "user", "content": 7}], [{"role": "user", "content": "\ud800"}], [{"role": "user", "content": [{"text": 7}]}],
    [{"role": "user", "content": [{"text": "x", "image": {}}]}], [{"role": "user", "content": [{"image": {"format": "png"}}]}],
    [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": "é"}}}]}], [{"role": "user", "content": [{"document": {"name": 5}}]}],
    [{"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [CYCLE]}}]}], [{"role": [], "content": "x"}],
    nested(10_000), nested(10_000, dict), {"a": nested(10_000)}, [nested(10_000, dict)], CYCLE, [CYCLE], CYCLE["a"],
]  # fmt: skip
VALUES = [*SCALARS, *SHAPES]
HUGE = [one for one in VALUES if isinstance(one, str) and len(one) > 1_000_000]
# Of how many values one is tried by default, a different one for each argument; the rest with --full.
SHARES = [pytest.param(None, id="some"), pytest.param(1, id="all", marks=pytest.mark.full)]
SOME = {"sync": 4, "async": 9}


def values(kind, share, *argument):
    """What is tried on *argument*; huge texts by default on two of them."""
    if share == 1:
        return VALUES
    known = [one for one in VALUES if not any(one is huge for huge in HUGE)]
    at = zlib.crc32(repr(argument).encode()) % SOME[kind]
    return known[at :: SOME[kind]] + (HUGE if argument in {("converse", "prompt"), ("invoke_model", "body")} else [])


JOB = IngestionJob(
    id="J123456789",
    knowledge_base_id="KB12345678",
    data_source_id="DS12345678",
    status="STARTING",
    knowledge_base="handbook",
)
SOURCE = {"data_source_id": "DS12345678"}
IN_HANDBOOK = {"knowledge_base": "handbook"}
# Method → who calls it, and the arguments of a call that is sent.
WHOLE = {
    "converse": ("app", ["Hello"], {"model": MODELS[0]}),
    "converse_stream": ("app", ["Hello"], {"model": MODELS[0]}),
    "invoke_model": ("app", [BODY], {"model": MODELS[0]}),
    "invoke_model_stream": ("app", [BODY], {"model": MODELS[0]}),
    "embed": ("app", ["Hello"], {}),
    "count_tokens": ("app", ["Hello"], {}),
    "apply_guardrail": ("app", ["Hello"], {}),
    "rerank": ("app", ["Hello", ["a", "b"]], {}),
    "retrieve": ("app", ["Hello"], IN_HANDBOOK),
    "retrieve_all": ("app", ["Hello"], IN_HANDBOOK),
    "retrieve_and_generate": ("app", ["Hello"], IN_HANDBOOK | {"model": MODELS[0]}),
    "retrieve_and_generate_stream": ("app", ["Hello"], IN_HANDBOOK | {"model": MODELS[0]}),
    "create_knowledge_base": ("operator", ["handbook"], {"role_arn": "arn:aws:iam::123456789012:role/x", "index_arn": "arn:aws:s3vectors:us-east-1:123456789012:bucket/b/index/i"}),
    "create_data_source": ("operator", ["handbook"], {}),
    "start_ingestion": ("operator", ["handbook"], SOURCE),
    "get_ingestion": ("operator", [JOB], {}),
    "wait_for_ingestion": ("operator", [JOB], {}),
    "ingest_documents": ("operator", ["handbook", [Document("a", text="x")]], SOURCE | {"wait": False}),
    "get_documents": ("operator", ["handbook", ["a"]], SOURCE),
    "list_documents": ("operator", ["handbook"], SOURCE),
    "delete_documents": ("operator", ["handbook", ["a"]], SOURCE | {"wait": False}),
}  # fmt: skip
# Methods that send nothing by themselves, or more than one call.
OTHERS = {
    "with_options": ("app", [], {}),
    "knowledge_base": ("operator", ["handbook"], {}),
    "govern": ("app", [None], {}),
    "preflight": ("operator", ["minimal"], {}),
    "from_file": ("app", ["gateway.toml"], {}),
    "close": ("app", [], {}),
}
MEMBERS = (
    "additionalModelRequestFields",
    "inferenceConfig",
    "requestMetadata",
    "toolConfig",
    "retrievalConfiguration",
    "guardrailConfig",
    "nothing",
)


def public(kind):
    """Method and argument, for each that there is."""
    for name in vars(kind):
        if name.startswith("_"):
            continue
        method = getattr(kind, name)
        for one in inspect.signature(method).parameters.values():
            if one.name != "self":
                yield name, one.name, one.kind


METHODS = sorted({name for kind in (Gateway, AsyncGateway) for name in vars(kind) if not name.startswith("_")})
ARGUMENTS = sorted({one for kind in (Gateway, AsyncGateway) for one in public(kind)}, key=str)


def test_every_public_method_has_a_whole_call_here():
    assert {*WHOLE, *OTHERS} == set(METHODS)


class Used:
    """A kind of gateway, whose calls run to their end, whatever they are."""

    def __init__(self, kind: str, serving: FaultServer) -> None:
        self.kind, self.serving = kind, serving
        self.made = AsyncGateway if kind == "async" else Gateway
        self.runner = asyncio.Runner() if kind == "async" else None
        self.gateways = {
            name: self.made(configuration(serving.port), principal=name, observers=[], session=session_of(kind))
            for name in PRINCIPALS
        }

    def close(self):
        for one in self.gateways.values():
            self.end(one.close())
        if self.runner is not None:
            self.runner.close()

    def end(self, found):
        """Run what a method returned: a coroutine, a stream, an iterator."""
        if inspect.isawaitable(found):
            return self.runner.run(_awaited(found))
        if hasattr(found, "__aenter__") and hasattr(found, "result"):
            return self.runner.run(_streamed(found))
        if hasattr(found, "__enter__") and hasattr(found, "result"):
            with found as stream:
                return stream.result()
        if hasattr(found, "__anext__"):
            return self.runner.run(_awaited(anext(found)))
        return next(found, None) if hasattr(found, "__next__") else found

    def call(self, method, args, kwargs):
        who = (WHOLE | OTHERS)[method][0]
        found = self.end(getattr(self.gateways[who], method)(*args, **kwargs))
        return self.end(found.converse("Hello")) if method == "with_options" else found

    def checked(self, call, *, vendors=False):
        """Whatever was given: a typed error and no connection, or one request that can be read."""
        before = self.serving.connections
        self.serving.answer([wire.error(400, "ValidationException")])
        try:
            call()
        except GatewayError as error:
            told = f"{error}{error!r}"
            assert len(told) < 5000
            assert self.serving.requests or self.serving.connections == before
        for request in self.serving.requests:
            if request.body and not vendors:
                json.loads(request.body)


async def _awaited(found):
    return await found


async def _streamed(found):
    async with found as stream:
        return await stream.result()


@pytest.fixture(scope="module")
def serving():
    with FaultServer() as made:
        yield made


@pytest.fixture(scope="module", params=["sync", "async"])
def used(request, serving):
    if request.param == "async" and importlib.util.find_spec("aiobotocore") is None:
        pytest.skip("aiobotocore is not in this environment")
    made = Used(request.param, serving)
    yield made
    made.close()


def given_as(method, argument, kind, value, member):
    _, args, kwargs = (WHOLE | OTHERS)[method]
    args, kwargs = list(args), dict(kwargs)
    if kind is inspect.Parameter.VAR_KEYWORD:
        kwargs[member] = value
    elif kind is inspect.Parameter.KEYWORD_ONLY:
        kwargs[argument] = value
    else:
        position = list(inspect.signature(getattr(Gateway, method)).parameters).index(argument)
        args[position - (method != "from_file")] = value
    return args, kwargs


@pytest.mark.parametrize("method", WHOLE)
def test_f48_a_whole_call_is_sent(used, serving, method):
    """Else what is tried below would be refused for something else."""
    _, args, kwargs = WHOLE[method]
    serving.answer([wire.error(400, "ValidationException")])
    with pytest.raises(GatewayError) as raised:
        used.call(method, args, kwargs)
    assert len(serving.requests) == 1, raised.value


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("method", "argument", "kind"), ARGUMENTS, ids=[f"{one[0]}({one[1]})" for one in ARGUMENTS])
def test_f48_every_argument_of_every_method_refuses_what_it_cannot_send(used, method, argument, kind, share):
    # Of a preflight, None would be a whole one.
    for value in values(used.kind, share, method, argument):
        if method == "preflight" and value is None:
            continue
        for member in MEMBERS if kind is inspect.Parameter.VAR_KEYWORD else ("",):
            args, kwargs = given_as(method, argument, kind, value, member)
            try:
                used.checked(
                    lambda args=args, kwargs=kwargs: used.call(method, args, kwargs),
                    vendors=argument == "body" or method == "preflight",
                )
            except Exception as error:
                shown = type(value).__name__ if isinstance(value, (Hostile, str)) else repr(value)[:80]
                error.add_note(f"{method}({member or argument}=…), of {shown}")
                raise


CONSTRUCTED = [name for name in inspect.signature(Gateway.__init__).parameters if name != "self"]
assert list(inspect.signature(AsyncGateway.__init__).parameters)[1:] == CONSTRUCTED


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("argument", CONSTRUCTED)
def test_f48_every_argument_of_a_gateway_refuses_what_it_cannot_be(used, serving, argument, share):
    for value in values(used.kind, share, argument):
        options = {
            "config": configuration(serving.port),
            "principal": "app",
            "observers": [],
            "session": session_of(used.kind),
        }

        def call(options=options | {argument: value}):
            gateway = used.made(options.pop("config"), **options)
            try:
                used.end(gateway.converse("Hello"))
            finally:
                used.end(gateway.close())

        try:
            used.checked(call)
        except Exception as error:
            error.add_note(f"{argument}=…, of {type(value).__name__}")
            raise


MADE = {
    "TextRequest": (TextRequest, ["Hello"], lambda made: ("invoke_model", [made], {"model": MODELS[0]})),
    "Timeouts": (Timeouts, [], lambda made: ("with_options", [], {"timeouts": made})),  # and a call of the view
    "Document": (Document, ["a"], lambda made: ("ingest_documents", ["handbook", [made]], SOURCE | {"wait": False})),
    "Attribute": (Attribute, ["year", "NUMBER", "the year"], lambda made: ("retrieve", ["x"], IN_HANDBOOK | {"implicit_filter": ImplicitFilter([made], model=MODELS[0])})),
    "ImplicitFilter": (ImplicitFilter, [[Attribute("year", "NUMBER", "x")], MODELS[0]], lambda made: ("retrieve", ["x"], IN_HANDBOOK | {"implicit_filter": made})),
    "equals": (equals, ["year", 2026], lambda made: ("retrieve", ["x"], IN_HANDBOOK | {"metadata_filter": made})),
    "IngestionJob": (IngestionJob, [], lambda made: ("get_ingestion", [made], {})),
}  # fmt: skip
PARTS = [(name, argument) for name, (kind, *_) in MADE.items() for argument in inspect.signature(kind).parameters]
WHOLE_JOB = {"id": "J123456789", "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678", "status": "STARTING", "knowledge_base": "handbook"}  # fmt: skip


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("name", "argument"), PARTS, ids=[f"{one[0]}({one[1]})" for one in PARTS])
def test_f48_every_part_of_what_a_method_takes_refuses_what_it_cannot_send(used, name, argument, share):
    kind, args, use = MADE[name]
    names = list(inspect.signature(kind).parameters)
    given_parts = dict(zip(names, args, strict=False)) | (WHOLE_JOB if kind is IngestionJob else {})
    if kind is Document:
        given_parts["text"] = "x"
    for value in values(used.kind, share, name, argument):

        def call(parts=given_parts | {argument: value}):
            used.call(*use(kind(**parts)))

        try:
            used.checked(call)
        except Exception as error:
            error.add_note(f"{name}({argument}=…), of {type(value).__name__}")
            raise


TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.binary(max_size=8)
    | st.sampled_from(SCALARS[:26]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT, inner, max_size=3)
        | st.tuples(inner)
        | st.builds(Row, st.lists(inner, max_size=2))
    ),
    max_leaves=8,
)
SENT = [one for one in ARGUMENTS if one[0] in WHOLE]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from(SENT), value=JSON, member=st.sampled_from(MEMBERS))
def test_f48_whatever_an_argument_is_made_of_only_our_errors_come_back(used, which, value, member):
    method, argument, kind = which
    args, kwargs = given_as(method, argument, kind, value, member)
    used.checked(lambda: used.call(method, args, kwargs), vendors=argument == "body")


BLOCKS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent", "cachePoint", "reasoningContent", "x"), JSON),
)  # fmt: skip
MEDIA = st.fixed_dictionaries(
    {"format": st.sampled_from(["png", "jpeg", "pdf", "txt", "mp4", 5, None, "\ud800"])},
    optional={
        "source": st.fixed_dictionaries({}, optional={"bytes": JSON, "s3Location": JSON, "text": JSON}),
        "name": JSON,
    },
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "x", 5, None])},
        optional={"content": st.lists(BLOCKS | st.dictionaries(st.sampled_from(["image", "document", "video"]), MEDIA, max_size=2), max_size=3) | JSON},
    ),
    max_size=3,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=MESSAGES | JSON, system=JSON, tools=JSON, fields=JSON, output=JSON)
def test_f48_no_combination_of_arguments_gets_past_with_another_error(used, prompt, system, tools, fields, output):
    options = {"system": system, "tools": tools, "additionalModelRequestFields": fields, "output": output}
    used.checked(lambda: used.call("converse", [prompt], options))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON)
def test_f48_a_body_is_sent_as_json_or_not_at_all(used, body):
    used.checked(lambda: used.call("invoke_model", [body], {}), vendors=isinstance(body, (str, bytes, bytearray)))


def test_f48_what_is_called_back_must_be_callable(used, serving):
    for value in (5, "x", [], object()):
        for method in ("wait_for_ingestion", "ingest_documents", "delete_documents"):
            _, args, kwargs = WHOLE[method]
            serving.answer([wire.error(400, "ValidationException")])
            with pytest.raises(GatewayError, match="on_progress"):
                used.call(method, args, {**kwargs, "on_progress": value} | ({"wait": True} if "wait" in kwargs else {}))
            assert not serving.requests
