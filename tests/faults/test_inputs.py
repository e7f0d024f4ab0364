"""Arguments of every wrong kind: a typed error before any socket is opened, or a request that AWS can read."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway import AsyncGateway, Gateway, GatewayError

from . import wire
from .catalogue import BODY
from .driving import CAPABILITIES, MODEL, config, session_of
from .server import FaultServer


def nested(depth):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


class Hostile:
    """Its every use fails."""

    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __iter__ = __len__ = __eq__ = __bool__ = __str__
    __hash__ = object.__hash__


SCALARS = [
    None, True, 0, -1, 10**400, 0.5, float("nan"), float("inf"), "", " ", "\x00", "\ud800", "a\nb", "..", "../x", "é" * 3000,
    "x" * 10_000_000, b"", b"\xff", bytearray(b"x"), memoryview(b"x"), object(), Hostile(), Exception, lambda: 1, 1j, ..., range(3),
]  # fmt: skip
SHAPES = [
    [], {}, (), set(), [None], [[]], [{}], {"": ""}, {1: 2}, {"role": 7}, [{"role": "user"}], [{"role": "user", "content": 7}],
    [{"role": "user", "content": [{"text": 7}]}], [{"role": "user", "content": [{"image": {"format": "png"}}]}], nested(10_000),
    {"a": nested(10_000)}, {"a": {1, 2}}, [{"role": "user", "content": "\ud800"}], {"\ud800": 1}, iter([1]), {"a": float("nan")},
]  # fmt: skip
VALUES = [*SCALARS, *SHAPES]

WHOLE = {
    "converse": (["Hello"], {}),
    "invoke_model": ([BODY], {}),
    "retrieve": (["Hello"], {"knowledge_base": "handbook"}),
    "retrieve_and_generate": (["Hello"], {"knowledge_base": "handbook"}),
    "start_ingestion": (["handbook"], {"data_source_id": "DS12345678"}),
    "create_knowledge_base": (["handbook"], {}),
    "create_data_source": (["handbook"], {}),
    "wait_for_ingestion": ([None], {}),
    "with_options": ([], {}),
    "converse_stream": (["Hello"], {}),
    "invoke_model_stream": ([BODY], {}),
}
STREAMS = {"converse_stream", "invoke_model_stream"}


def public():
    """Method and argument, for each that there is: one that is added is tested without anybody remembering to."""
    for name, method in vars(Gateway).items():
        if (
            name.startswith("_")
            or not inspect.isfunction(method)
            or name in {"close", "from_file", "preflight", "govern"}
        ):
            continue
        for one in list(inspect.signature(method).parameters.values())[1:]:
            yield name, one.name, one.kind


ARGUMENTS = list(public())
MEMBERS = (
    "additionalModelRequestFields",
    "inferenceConfig",
    "requestMetadata",
    "toolConfig",
    "guardrailConfig",
    "nothing",
)


def arguments(method, argument, kind, value, member):
    args, kwargs = WHOLE.get(method, (["Hello"], {}))
    args, kwargs = list(args), dict(kwargs)
    if kind is inspect.Parameter.VAR_KEYWORD:
        kwargs[member] = value
    elif kind is inspect.Parameter.KEYWORD_ONLY:
        kwargs[argument] = value
    else:
        args = [value, *args[1:]]
    return args, kwargs


def checked(server, call, *, vendors=False):
    """Whatever was given: a typed error and no connection, or one request that can be read.

    *vendors*: it may have been a whole body of InvokeModel, as text or bytes: that is sent as it is.
    """
    before = server.connections
    server.answer([wire.error(400, "ValidationException")])
    try:
        call()
    except GatewayError as error:
        told = f"{error}{error!r}"
        assert len(told) < 5000
        assert server.requests or server.connections == before
    except TypeError as error:
        if "argument" not in str(error):  # Python's own, of a signature: an argument that is missing
            raise
    for request in server.requests:
        if not vendors:
            json.loads(request.body)


def configuration(port):
    operator = {
        "capabilities": ["kb-create", "kb-ingest", "kb-provision", "kb-documents"],
        "knowledge_bases": ["handbook"],
    }
    app = {"capabilities": CAPABILITIES, "models": [MODEL], "knowledge_bases": ["handbook"]}
    return config(port, principals={"app": app, "operator": operator})


@pytest.fixture(scope="module")
def serving():
    with FaultServer() as made:
        yield made


@pytest.fixture(scope="module")
def gateways(serving):
    made = {
        name: Gateway(configuration(serving.port), principal=name, observers=[], session=session_of("sync"))
        for name in ("app", "operator")
    }
    yield made
    for one in made.values():
        one.close()


def used(gateway, method, args, kwargs):
    found = getattr(gateway, method)(*args, **kwargs)
    if method in STREAMS:
        with found as stream:
            stream.result()


@pytest.mark.parametrize(("method", "argument", "kind"), ARGUMENTS, ids=[f"{one[0]}({one[1]})" for one in ARGUMENTS])
def test_f48_every_argument_of_every_method_refuses_what_it_cannot_send(serving, gateways, method, argument, kind):
    principal = (
        "operator"
        if method in {"start_ingestion", "create_knowledge_base", "create_data_source", "wait_for_ingestion"}
        else "app"
    )
    for value in VALUES:
        for member in MEMBERS if kind is inspect.Parameter.VAR_KEYWORD else ("",):
            args, kwargs = arguments(method, argument, kind, value, member)
            checked(
                serving,
                lambda args=args, kwargs=kwargs: used(gateways[principal], method, args, kwargs),
                vendors=argument == "body",
            )


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_f48_the_async_gateway_refuses_the_same(serving, value):
    pytest.importorskip("aiobotocore")

    async def body():
        async with AsyncGateway(
            configuration(serving.port), principal="app", observers=[], session=session_of("async")
        ) as gateway:
            for method in ("converse", "invoke_model"):
                serving.answer([wire.error(400, "ValidationException")])
                before = serving.connections
                with contextlib.suppress(GatewayError):
                    await getattr(gateway, method)(value)
                assert serving.requests or serving.connections == before
                for request in serving.requests:
                    if method == "converse":
                        json.loads(request.body)

    asyncio.run(body())


TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=JSON, system=JSON, tools=JSON, fields=JSON)
def test_f48_no_combination_of_arguments_gets_past_with_another_error(serving, gateways, prompt, system, tools, fields):
    def call():
        gateways["app"].converse(prompt, system=system, tools=tools, additionalModelRequestFields=fields)

    checked(serving, call)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON)
def test_f48_a_body_is_sent_as_json_or_not_at_all(serving, gateways, body):
    checked(serving, lambda: gateways["app"].invoke_model(body), vendors=isinstance(body, (str, bytes)))
