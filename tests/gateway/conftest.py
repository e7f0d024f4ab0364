"""One body for both gateways: a test is written once, with `await`, and run by the sync and the async driver.

`Awaited` makes the sync gateway look async: its coroutines never wait, so they run to their end in one step.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

ROOT = Path(__file__).resolve().parents[2]
HANDBOOK = "# Leave\n\nEvery employee has 25 days of paid leave a year.\n\n# Equipment\n\nEverybody chooses a laptop.\n"


class AwaitedStream:
    """A sync stream that is awaited."""

    def __init__(self, stream: Any) -> None:
        self.inner = stream

    async def __aenter__(self):
        self.inner.__enter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.inner.__exit__(*error)

    async def __aiter__(self):
        for one in self.inner:
            yield one

    @property
    async def text_stream(self):
        for one in self.inner.text_stream:
            yield one

    async def result(self):
        return self.inner.result()

    async def close(self) -> None:
        self.inner.close()


class Awaited:
    """A sync gateway that is awaited."""

    def __init__(self, gateway: Any) -> None:
        self.inner = gateway

    def with_options(self, **options: Any) -> Awaited:
        return Awaited(self.inner.with_options(**options))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        if not callable(method):
            return method
        if name.endswith("_stream"):
            return lambda *args, **kwargs: AwaitedStream(method(*args, **kwargs))

        async def call(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return call


def to_the_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a sync gateway waited")


@dataclass
class Both:
    """One driver: makes gateways and sessions of its kind, and runs a test's body."""

    name: str
    known: dict[str, Any] = field(default_factory=dict)

    @property
    def is_async(self) -> bool:
        return self.name != "sync"

    def run(self, body: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        return asyncio.run(body(*args)) if self.is_async else to_the_end(body(*args))

    def session(self, key: str, secret: str, token: str | None = None) -> Any:
        if self.name == "aiobotocore":
            from aiobotocore.session import get_session

            session = get_session()
            session.set_credentials(key, secret, token)
            return session
        kind = __import__("aioboto3" if self.name == "aioboto3" else "boto3").Session
        return kind(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)

    def example(self) -> Any:
        """A session with AWS's example credentials, made once: it keeps the service models it has read."""
        key, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        if "example" not in self.known:
            self.known["example"] = self.session(key, secret)
        return self.known["example"]

    @asynccontextmanager
    async def gateway(self, config: Any, **options: Any) -> AsyncIterator[Any]:
        from bedrock_gateway import AsyncGateway, Gateway

        if self.is_async:
            async with AsyncGateway(config, **options) as gateway:
                yield gateway
        else:
            with Gateway(config, **options) as gateway:
                yield Awaited(gateway)


DRIVERS = {"sync": "boto3", "aiobotocore": "aiobotocore", "aioboto3": "aioboto3"}


@pytest.fixture(params=DRIVERS, scope="session")
def both(request: pytest.FixtureRequest) -> Both:
    """Each driver whose library is installed; the environments of scripts/test --all have one async library each."""
    pytest.importorskip(DRIVERS[request.param], reason=f"{DRIVERS[request.param]} is not in this environment")
    return Both(request.param)


def load(name: str, path: Path) -> Any:
    """Load a file that is no module of a package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


server = load("faultserver", Path(__file__).parent / "server.py")


@dataclass
class Account:
    """The local account, with IAM enforced: two roles with exactly their generated policies, a filled knowledge base."""

    world: Any
    local: Any
    source: str = ""
    events: list[Any] = field(default_factory=list)

    def credentials(self, name: str) -> tuple[str, str, str]:
        found = self.world.become(name).get_credentials().get_frozen_credentials()
        return found.access_key, found.secret_key, found.token

    def config(self, *, in_process: bool = False, **changed: Any) -> Any:
        config = self.world.config
        values = {name: getattr(config, name) for name in type(config).model_fields} | changed
        return type(config)(**(values | ({"endpoint": None} if in_process else {})))


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account of scripts/world.py, made once: every step by whoever would take it."""
    pytest.importorskip("moto", reason="the local Bedrock is an extra")
    from bedrock_gateway.local import LocalBedrock

    accounts = load("world", ROOT / "scripts" / "world.py")
    documents = tmp_path_factory.mktemp("documents")
    (documents / "handbook.md").write_text(HANDBOOK)
    with pytest.MonkeyPatch.context() as patch, LocalBedrock() as local, local.serve() as server:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        world = accounts.World(local, server.endpoint, tmp_path_factory.mktemp("account"))
        world.runtime_capabilities = ("converse", "converse-stream", "invoke", "invoke-stream", "preflight-minimal")
        yield Account(world, local, world.seed(documents))


@pytest.fixture(params=["http", "in process"])
def opened(request: pytest.FixtureRequest, both: Both, account: Account) -> Callable[..., Any]:
    """Open a gateway of a principal against the account: `async with opened("app") as (gateway, events)`."""
    in_process = request.param == "in process"

    @asynccontextmanager
    async def make(name: str, **options: Any) -> AsyncIterator[Any]:
        session = both.session(*account.credentials(name))
        if in_process:
            account.local.attach(session)
        events: list[Any] = []
        config = options.pop("config", None) or account.config(in_process=in_process)
        async with both.gateway(
            config, principal=name, session=session, observers=[events.append], **options
        ) as gateway:
            yield gateway, events

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A coroutine test would pass without being run: there is no plugin that awaits it."""
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "function", None)):
            raise pytest.UsageError(f"{item.nodeid}: write a body and hand it to `both.run`")


@pytest.fixture(scope="session")
def serving() -> Iterator[Any]:
    with server.serving() as made:
        yield made


@pytest.fixture
def faults(serving: Any) -> Iterator[Any]:
    """The server of tests/gateway/server.py, with nothing to say yet; after each test, no connection may be left."""
    serving.answer(server.reply({}))
    yield serving
    assert serving.wait_until_closed(), "a connection was left open"


BASE = {
    "application": "faults",
    "account": "123456789012",
    "region": "us-east-1",
    "local": True,
    "principals": {
        "app": {
            "capabilities": [
                "invoke",
                "invoke-stream",
                "converse",
                "converse-stream",
                "retrieve",
                "rag",
                "rag-stream",
                "rag-document",
            ],
            "models": ["us.amazon.nova-lite-v1:0"],
            "knowledge_bases": ["handbook"],
        },
        "operator": {"capabilities": ["kb-create", "kb-ingest", "preflight-standard"]},
    },
    "knowledge_bases": {
        "handbook": {
            "embedding_model": "amazon.titan-embed-text-v2:0",
            "store": "s3-vectors",
            "id": "KB12345678",
            "source": [{"type": "s3", "bucket": "example-handbook"}],
        }
    },
}


@pytest.fixture
def against(both: Both, faults: Any) -> Callable[..., Any]:
    """Open a gateway against the fault server, whose retries do not wait: `async with against() as (gateway, events)`."""
    from dataclasses import replace

    from tenacity.wait import wait_none

    from bedrock_gateway import GatewayConfig
    from bedrock_gateway.governance.retry import RetryPolicy

    policy = RetryPolicy(transient_wait=wait_none(), throttled_wait=wait_none(), not_ready_wait=wait_none())

    @asynccontextmanager
    async def make(principal: str = "app", *, changed: Any = None, **options: Any) -> AsyncIterator[Any]:
        events: list[Any] = []
        config = GatewayConfig(**(BASE | {"endpoint": faults.endpoint} | (changed or {})))
        given = {"session": both.example(), "observers": [events.append]} | options
        async with both.gateway(config, principal=principal, **given) as gateway:
            inner = getattr(gateway, "inner", gateway)
            inner._context = replace(inner._context, retry=policy)
            yield gateway, events

    return make
